// Dot products of rows that are contiguous on both sides.
#ifndef NNCC_PASSES_LOWER_DOTPRODUCTS_H
#define NNCC_PASSES_LOWER_DOTPRODUCTS_H
#include "dialects/nn/Kinds.h"
#include "passes/lower/Factor.h"
#include "passes/lower/KernelLoops.h"

namespace nncc {

/// Dot products of many contiguous rows with one: a matrix times a column, or a row times a transposed matrix. Eight
/// rows share the loads of the one; their sums become one vector.
class DotProducts {
public:
  /// nest     accesses 0 and 1 are the factors, the last one is the result; the last loop is the reduced one
  /// factors  how those are loaded
  /// element  the type of the sums
  DotProducts(LoopBuilder &build, const Nest &nest, std::array<Factor, 2> factors, mlir::Type element, int64_t lanes);

  /// False when the factors do not lie like that.
  bool fits() const { return along >= 0; }

  /// body(cursor, sums): sums along the loop of the rows, at the cursor.
  void forEach(llvm::function_ref<void(const Cursor &, mlir::Value)> body);

private:
  LoopBuilder &build;
  const Nest &nest;
  std::array<Factor, 2> factors;
  mlir::Type element;
  int64_t lanes;
  int depth, along = -1;

  mlir::Value add(mlir::Value a, mlir::Value b) { return build.math.binary(nn::kind::add, a, b, element); }
  mlir::Value sumRows(const Cursor &first, int64_t rows);
  mlir::Value join(llvm::SmallVector<mlir::Value> sums, int64_t width);
  mlir::Value addPairs(mlir::Value low, mlir::Value high, int64_t count);
};

/// A convolution that is dot products of pixels with one filter: a single output channel and a window of one pixel.
bool isDotProducts(nn::Conv2DOp op);

/// True where those of its rows that read no padding above or below are such dot products, by themselves.
bool areInnerRowsDotProducts(nn::Conv2DOp op);

} // namespace nncc
#endif
