// The rewrites of the Simplify pass, one file per op family, and what they share.
#ifndef NNCC_PASSES_GRAPH_SIMPLIFY_H
#define NNCC_PASSES_GRAPH_SIMPLIFY_H
#include "dialects/nn/NN.h"
#include "mlir/IR/PatternMatch.h"
#include <optional>

namespace nncc {

void addElementwiseSimplifications(mlir::RewritePatternSet &patterns); ///< identities, clip, power
void addActivationSimplifications(mlir::RewritePatternSet &patterns);  ///< silu, gelu, hard swish written out
void addRectifierSimplifications(mlir::RewritePatternSet &patterns);   ///< prelu, leaky relu written out
void addChannelSimplifications(mlir::RewritePatternSet &patterns);     ///< channels that no input changes
void addLayoutSimplifications(mlir::RewritePatternSet &patterns);      ///< slice, concat, pad, expand, gather
void addMatMulSimplifications(mlir::RewritePatternSet &patterns);      ///< batch dims, transposed operands
void addNormSimplifications(mlir::RewritePatternSet &patterns);        ///< layer normalization written out
void addReduceSimplifications(mlir::RewritePatternSet &patterns);      ///< means, norms, softmax written out
void addWindowSimplifications(mlir::RewritePatternSet &patterns);      ///< pads, reversed channels into windows

inline mlir::RankedTensorType typeOf(mlir::Value value) { return mlir::cast<mlir::RankedTensorType>(value.getType()); }

/// The op of this kind that makes a value, or null.
inline nn::UnaryOp unaryOf(mlir::Value value, nn::UnaryKind kind) {
  auto op = value.getDefiningOp<nn::UnaryOp>();
  return op && op.getKind() == kind ? op : nn::UnaryOp();
}
inline nn::BinaryOp binaryOf(mlir::Value value, nn::BinaryKind kind) {
  auto op = value.getDefiningOp<nn::BinaryOp>();
  return op && op.getKind() == kind ? op : nn::BinaryOp();
}

/// A product of float tensors as one number times other factors, however it is nested: constants of one number and
/// divisions by them are in the number. Inner products that are read elsewhere are factors as they are.
struct Product {
  double number = 1;
  int roundings = 0; ///< by numbers that are no powers of two; a division that becomes a product rounds twice
  llvm::SmallVector<mlir::Value> factors;
  llvm::SmallVector<mlir::Location> locations; ///< of the products taken apart, outermost first

  static Product of(mlir::Value value);

private:
  void add(mlir::Value value, bool isRoot);
  void multiply(double by, mlir::Value like, int rounds);
};

/// x - mean(x) over some axes.
struct Centered {
  mlir::Value x;
  llvm::SmallVector<int64_t> axes;

  static std::optional<Centered> of(mlir::Value value);
  /// True where layer normalization may be of it.
  bool isOverLastDims() const;
  bool operator==(const Centered &other) const { return x == other.x && axes == other.axes; }
};

/// The value of a constant whose elements are all equal; nullopt for everything else.
std::optional<double> uniformValue(mlir::Value value);

/// The same, exact for every element type (see NN_NumberAttr); null for everything else.
mlir::TypedAttr uniformNumber(mlir::Value value);

/// True when `value` is a constant whose elements are all `expected`, within `tolerance` relative to it.
bool isUniform(mlir::Value value, double expected, double tolerance = 0);

/// Replaces an op with one result and lets the replacement keep its origin, unless it has one of its own.
void replaceKeepingOrigin(mlir::PatternRewriter &rewriter, mlir::Operation *op, mlir::Value value);

/// Replaces an op on constants that was just created; null (and the op erased) when it is not evaluated.
mlir::Value foldNew(mlir::PatternRewriter &rewriter, mlir::Operation *op);

/// An nn.constant with the value of `op`, which is created, evaluated and erased; null when it is not evaluated.
/// Fits ops on constants that a pattern needs now: `evaluateNew<BinaryOp>(rewriter, loc, BinaryKind::mul, a, b)`.
template <typename Op, typename... Args>
mlir::Value evaluateNew(mlir::PatternRewriter &rewriter, mlir::Location location, Args &&...args) {
  return foldNew(rewriter, Op::create(rewriter, location, std::forward<Args>(args)...));
}

/// Drops nn.expand: for operands that broadcast anyway.
mlir::Value lookThroughExpand(mlir::Value value);

/// The constant `value` with this type and the same elements in the same order; null if it is no constant.
mlir::Value reshapedConstant(mlir::PatternRewriter &rewriter, mlir::Value value, llvm::ArrayRef<int64_t> shape);

} // namespace nncc
#endif
