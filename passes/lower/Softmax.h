// Softmax of one row after another, wherever their elements lie.
#ifndef NNCC_PASSES_LOWER_SOFTMAX_H
#define NNCC_PASSES_LOWER_SOFTMAX_H
#include "passes/lower/LoopBuilder.h"

namespace nncc {

/// What softmax is of, and how the elements at a cursor are read and written, in compute types.
struct SoftmaxRows {
  mlir::Type element; ///< nn element type
  bool isLog = false;
  bool keepsExponentials = false; ///< in the memory of the result, until their sum is known
  llvm::function_ref<mlir::Value(const Cursor &)> load;
  llvm::function_ref<mlir::Value(const Cursor &)> loadResult; ///< what `store` has stored
  llvm::function_ref<void(const Cursor &, mlir::Value)> store;
};

/// The steps of a row that are under way at once.
constexpr int64_t kSoftmaxChains = 2;

/// Writes softmax, or its logarithm, of all rows of a nest. What is read may be overwritten.
void emitSoftmax(LoopBuilder &build, Rows &rows, const SoftmaxRows &of);

} // namespace nncc
#endif
