// What every micro-kernel is written with: its arguments, accesses to channels, taps, and the epilogue of one vector.
#ifndef NNCC_CODEGEN_CPU_TILECODE_H
#define NNCC_CODEGEN_CPU_TILECODE_H
#include "codegen/cpu/MicroKernel.h"
#include "passes/lower/ScalarMath.h"

namespace nncc::cpu {

/// The pointers that move from tile to tile.
struct TilePlace {
  mlir::Value a, c;
  llvm::SmallVector<mlir::Value> leaves;

  llvm::SmallVector<mlir::Value> list() const {
    llvm::SmallVector<mlir::Value> values{a, c};
    values.append(leaves);
    return values;
  }
  static TilePlace from(mlir::ValueRange values) {
    return {values[0], values[1], llvm::to_vector(values.drop_front(2))};
  }
};

/// Channels of a pixel that are computed in one value.
struct Span {
  int64_t first, lanes, exists; ///< `exists` of them are channels
};

/// The body of one micro-kernel, without its loops: those are what the two kinds of emitters differ in.
class TileCode {
protected:
  TileCode(Code &code, const TileShape &shape, const Epilogue &epilogue, mlir::Block::BlockArgListType arguments);

  /// A runtime number of the call.
  mlir::Value field(unsigned index);
  /// Moves a place by one line (which = 1) or `rows` pixels (which = 2). Leaves that do not vary stay.
  llvm::SmallVector<mlir::Value> advance(TilePlace place, mlir::Value a, mlir::Value c, int64_t rows, unsigned which);

  /// How many elements of vector `j` exist.
  int64_t extent(int64_t j) const { return j == shape.vectors - 1 ? shape.tail : shape.lanes; }
  Span span(int64_t j) const { return {j * shape.lanes, shape.lanesOf(j), extent(j)}; }
  /// The type of sums of vector `j` while they are added up.
  mlir::VectorType vectorOf(int64_t j) const { return mlir::VectorType::get(shape.lanesOf(j), sumType); }
  /// Vector `j` of the channels at an address, as it is computed with.
  mlir::Value loadChannels(mlir::Value address, int64_t j, bool isPadded) {
    return loadChannels(address, j, isPadded, shape.mac.lhs);
  }
  mlir::Value loadChannels(mlir::Value address, int64_t j, bool isPadded, mlir::Type element);
  /// Floats from memory, or vectors of them, as they are multiplied and added up.
  mlir::Value asFactor(mlir::Value value, mlir::Type element) {
    return shape.mac.ofHalves ? value : math.fromMemory(value, element);
  }
  /// Vector `j` of the channels of a pixel, and of the weights of a tap, as windows compute with them.
  mlir::Value loadInput(mlir::Value address, int64_t j);
  mlir::Value loadFactor(mlir::Value address, int64_t j);
  mlir::Value multiplyAdd(mlir::Value x, mlir::Value y, mlir::Value sum);
  /// Sums of integers begin as the bits of a float whose last place is 1, and are floats but for that one when they are
  /// complete: a subtraction takes the place of a conversion, which NEON has in one of two pipes.
  bool areFloatBits() const { return resultType.isF32() && sumType.isInteger(32); }
  /// What the sums of vector `j` of the channels begin with.
  mlir::Value initial(int64_t j);
  /// Sums of vector `j` that are computed otherwise as what they are, with what they could not begin with. Sums of f16
  /// are widened by `sumsOf`: those of a tile would be two registers each.
  mlir::Value complete(mlir::Value sum, int64_t j);
  /// Puts one value of the input into a sum (or maximum) of a window.
  void addTap(mlir::Value &sum, mlir::Value x, mlir::Value factor);

  /// What is computed and stored at once: a vector; 2^n of them where results are narrow integers, since several
  /// vectors of sums fill one of these (and LLVM takes vectors of other sizes apart).
  llvm::SmallVector<Span> spansOfRow() const;
  /// The sums of row i of a tile in one value.
  mlir::Value sumsOf(llvm::ArrayRef<mlir::Value> sums, int64_t i, Span span);
  /// Sums of f16, or totals of their blocks, in the type of results.
  mlir::Value widened(mlir::Value sum);
  mlir::Value loadLeaf(const Leaf &leaf, mlir::Value row, Span span);
  /// Applies the epilogue to channels of one pixel and stores them.
  void storeOne(mlir::Value sum, llvm::ArrayRef<mlir::Value> leafValues, mlir::Value row, Span span);
  /// The same for the rows of a tile in turn: narrow results wait for those of the next rows, with which they fill a
  /// register. After the last row, storeWaiting().
  void storeRow(mlir::Value sum, llvm::ArrayRef<mlir::Value> leafValues, mlir::Value row, Span span);
  void storeWaiting();

  Code &code;
  mlir::ImplicitLocOpBuilder &b;
  const TileShape &shape;
  const Epilogue &epilogue;
  ScalarMath math;
  mlir::Type memory, sumType; ///< elements as they lie in A and B, and as they are summed
  mlir::Type memoryOfB;       ///< the same of weights that are widened as they are read
  mlir::Type elementOfPanel;  ///< of what products read of B
  mlir::Type resultType;      ///< of sums that are complete
  mlir::VectorType vector;    ///< of sums, where none is narrower
  EntryLayout layout;
  TilePlace start;
  mlir::Value matrix, bias, entry, zero;
  mlir::Value zeroPoint;                  ///< address of A's, or null
  mlir::Value scalesOfB, zerosOfB;        ///< of widened weights
  mlir::Value sparesOfB;                  ///< of those in an order, how many a panel has
  mlir::Value nextOfB;                    ///< what to prefetch first
  mlir::Value words;                      ///< B as TileShape::widensPanel says
  llvm::SmallVector<mlir::Value> scalars; ///< of the epilogue

private:
  /// Channels of a pixel before the epilogue.
  struct Row {
    mlir::Value sum;
    llvm::SmallVector<mlir::Value> leafValues;
    mlir::Value place;
    Span span;
  };

  mlir::Value floated(mlir::Value bytes, mlir::Type element);
  /// Sums of bytes that are stored in less than 32 bits.
  bool isNarrowed() const;

  void storeTogether(llvm::ArrayRef<Row> rows);

  llvm::SmallVector<Row> waiting; ///< of one span

  mlir::Value zeroOfWindow; ///< the zero point as windows subtract it
};

} // namespace nncc::cpu
#endif
