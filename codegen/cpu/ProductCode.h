// One step of k of a product: what a tile multiplies by what, as the machine's instructions take it.
#ifndef NNCC_CODEGEN_CPU_PRODUCTCODE_H
#define NNCC_CODEGEN_CPU_PRODUCTCODE_H
#include "codegen/cpu/TileCode.h"

namespace nncc::cpu {

/// The steps of a product. A step is one value of k; for bytes a group of them, side by side in A and in packed B.
///
/// Sums are rows x vectors of the tile. An instruction that multiplies matrices has them in another order while steps
/// are added: pairs of rows x pairs of columns (`toSteps`, `fromSteps`).
class ProductCode : protected TileCode {
protected:
  using TileCode::TileCode;

  /// What sums of bytes begin with besides the bias, for every vector of channels: less the zero point of A, and what
  /// the instruction reads in bytes of another sign, times the sums of B. Nulls where nothing is to be corrected.
  void readSums(mlir::Value rowOfB);
  /// What the sums of vector `j` of the channels begin with.
  mlir::Value initial(int64_t j);

  llvm::SmallVector<mlir::Value> toSteps(llvm::SmallVector<mlir::Value> sums);
  llvm::SmallVector<mlir::Value> fromSteps(llvm::SmallVector<mlir::Value> sums);

  /// Adds one step at k: a column of A times a row of B. `factorOf` gives what each row of A (or pair of rows) is
  /// multiplied by.
  void step(llvm::MutableArrayRef<mlir::Value> sums, mlir::Value rowOfB,
            llvm::function_ref<mlir::Value(int64_t)> factorOf);
  /// The same for floats with what B has for each vector of channels.
  void step(llvm::MutableArrayRef<mlir::Value> sums, llvm::ArrayRef<mlir::Value> columns,
            llvm::function_ref<mlir::Value(int64_t)> factorOf);
  /// What a row of B has for each vector of channels.
  llvm::SmallVector<mlir::Value> channelsOfB(mlir::Value rowOfB);
  /// Takes the memory that widened bytes of A pass through, where they do.
  void reserveStage();
  /// A vector of `count` values of k from each row of A, as many as a trip has or fewer; or where these lie.
  llvm::SmallVector<mlir::Value> lanesOfA(llvm::ArrayRef<mlir::Value> rows, mlir::Value k, int64_t count);
  /// Where the values of k of a block of each row of A lie in an order: what table entries at `shuffle` say.
  mlir::Value orderOfA(llvm::ArrayRef<mlir::Value> rows, mlir::Value k, mlir::Value shuffle);
  /// The factor of row i in step `step` of these vectors.
  mlir::Value factorOfLane(llvm::ArrayRef<mlir::Value> lanes, int64_t i, int64_t step);
  /// The factor of row i from memory: `count` values of k, zeros behind them.
  mlir::Value factorAt(llvm::ArrayRef<mlir::Value> rows, int64_t i, mlir::Value k, int64_t offset, int64_t count);

  /// Integers of 8 bits, or vectors of them, in `to` bits.
  mlir::Value widen(mlir::Value value, mlir::Type element, mlir::Type to);
  /// Bytes of A with the sign that the instruction reads.
  mlir::Value withSign(mlir::Value bytes);
  /// Adds the products of what A and B have of one step for a vector of sums.
  mlir::Value multiplyStep(mlir::Value factor, mlir::Value column, mlir::Value sum);

private:
  llvm::SmallVector<mlir::Value> corrections;
  mlir::Value stage;

  mlir::VectorType bytes(int64_t count) { return mlir::VectorType::get(count, memory); }
  mlir::Value sumOfDot(nn::DotAttr dot, llvm::SmallVector<mlir::Value> factors, mlir::Value sum);
  mlir::Value sumOfPairs(mlir::Value factor, mlir::Value column, mlir::Value sum);
  mlir::Value multiplyWords(mlir::Value factor, mlir::Value column, mlir::Value sum);
  void stepInWords(llvm::MutableArrayRef<mlir::Value> sums, mlir::Value rowOfB,
                   llvm::function_ref<mlir::Value(int64_t)> factorOf);
  mlir::Value sumInWords(mlir::Value factor, mlir::Value column, mlir::Value sum);
  mlir::Value bitcast(mlir::Value value, mlir::Type type);
  mlir::Value half(mlir::Value first, mlir::Value second, int64_t which);
  mlir::Value wordAt(mlir::Value address, int64_t count);
};

} // namespace nncc::cpu
#endif
