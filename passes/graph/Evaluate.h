// The value of an nn op whose operands are constants.
#ifndef NNCC_PASSES_GRAPH_EVALUATE_H
#define NNCC_PASSES_GRAPH_EVALUATE_H
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/Operation.h"

namespace nncc {

/// Evaluates an op with one result and constant operands; null when the op is of a kind that is not evaluated here
/// or the result would need `growthLimit` bytes more than all operands. Never copies for a reshape.
///
/// `name` names the bytes of a new constant. Floats are computed in double and rounded once, integers wrap.
mlir::ElementsAttr evaluate(mlir::Operation *op, llvm::StringRef name, int64_t growthLimit = 1 << 20);

/// `value` with its dims permuted: result dim i is dim perm[i].
mlir::ElementsAttr transposeConstant(mlir::ElementsAttr value, llvm::ArrayRef<int64_t> perm, llvm::StringRef name);

/// The name for constants that replace `value`: its ONNX tensor, else its node, else "constant".
std::string constantName(mlir::Value value);

} // namespace nncc
#endif
