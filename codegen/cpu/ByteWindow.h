// Windows of bytes whose channels stay apart, as sums of integers: rows of the input that an instruction multiplies
// together are brought side by side, channel by channel.
#ifndef NNCC_CODEGEN_CPU_BYTEWINDOW_H
#define NNCC_CODEGEN_CPU_BYTEWINDOW_H
#include "codegen/cpu/ProductCode.h"

namespace nncc::cpu {

/// How the rows under a window fill the groups of an instruction. Groups overlap from unit to unit: so the taps of one
/// output row never need more groups than they fill.
struct RowGroups {
  int64_t group; ///< input rows in one
  int64_t steps; ///< groups that the taps of a column need
  int64_t unit;  ///< output rows whose taps lie in the same groups

  static RowGroups of(const MacForm &mac, int64_t tapsH, int64_t strideH);
};

/// The taps of such windows. What is missing at the border is the zero point, so that all windows have all taps, and
/// one correction of their sums serves everywhere.
class ByteWindow : protected ProductCode {
protected:
  ByteWindow(Code &code, const TileShape &shape, const Epilogue &epilogue, mlir::Block::BlockArgListType arguments);

  using Column = llvm::SmallVector<mlir::Value>; ///< the sums of one output column: rows x vectors

  /// Brings weights into groups, in registers or in memory on the stack; reads what sums begin with.
  void readTaps();
  /// What begins a step: weights that do not stay in registers are read anew.
  void beginStep();
  /// Adds a column of the input to the output columns of age `youngest` to `oldest`: it is column
  /// age * strideW + `e` of their windows.
  ///
  /// rowAt  the address of the column's channels in an input row under the block; null where that does not exist
  void addColumn(llvm::MutableArrayRef<Column> byAge, int64_t e, int64_t youngest, int64_t oldest,
                 llvm::function_ref<mlir::Value(int64_t row)> rowAt);

private:
  using Vectors = llvm::SmallVector<mlir::Value>;

  const RowGroups groups;
  Vectors taps;       ///< in registers, by `tapIndex`
  mlir::Value staged; ///< or where they lie
  mlir::Value stagedOfStep;
  mlir::Value missing; ///< the byte that stands for what does not exist

  /// Output rows of a block whose groups begin at one row.
  int64_t rowsOfUnit() const { return std::min(groups.unit, shape.sliding->rows); }
  /// Channels that are loaded at once: of a narrow register two vectors of sums, since bytes of one are half a load.
  int64_t pieceLanes() const { return shape.lanes >= 8 ? shape.lanes : shape.width(); }
  int64_t tapIndex(int64_t column, int64_t row, int64_t step, int64_t j) const {
    return ((column * rowsOfUnit() + row) * groups.steps + step) * shape.vectors + j;
  }
  /// True where a group has a tap of the row of a unit.
  bool hasTaps(int64_t row, int64_t step) const;

  mlir::VectorType vectorOfTaps();
  void addColumnInWords(llvm::MutableArrayRef<Column> byAge, int64_t e, int64_t youngest, int64_t oldest,
                        llvm::function_ref<mlir::Value(int64_t row)> rowAt);
  void addWords(Column &sums, int64_t row, int64_t piece, mlir::Value words);
  mlir::Value zip(mlir::Value first, mlir::Value second);
  mlir::Value merge(llvm::ArrayRef<mlir::Value> rows);
  Vectors grouped(llvm::function_ref<mlir::Value(int64_t row, int64_t first)> pieceOf, mlir::Type element);
  Vectors tapsOf(int64_t column, int64_t row, int64_t step);
  Vectors inputAt(int64_t firstRow, llvm::function_ref<mlir::Value(int64_t row)> rowAt);
  mlir::Value tap(int64_t index);
};

} // namespace nncc::cpu
#endif
