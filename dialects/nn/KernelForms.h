// Ways to run one kernel that differ in how its weights are packed and what scratch memory it needs. Whoever knows the
// machine offers some, the fastest first; whoever plans the memory takes the first that has room.
#ifndef NNCC_DIALECTS_NN_KERNELFORMS_H
#define NNCC_DIALECTS_NN_KERNELFORMS_H
#include "dialects/nn/NN.h"

namespace nncc::nn {

/// On a kernel at N2: an array of forms, dictionaries that have `name`, and perhaps `scratch_bytes` and `packings`.
/// The last one needs no scratch memory.
inline constexpr llvm::StringLiteral kFormsAttr = "nn.forms";

/// On a kernel: the form that is taken, without `packings`, which are the kernel's `nn.packings` from then on. A kernel
/// without one is run in the way that follows from its types.
inline constexpr llvm::StringLiteral kFormAttr = "nn.form";

/// On a module: what was measured of kernels, an array of dictionaries that have `kernel`, what a kernel is, and what
/// runs it best. On a kernel: the one that is meant for it, without `kernel`. What is not in it follows from the types.
inline constexpr llvm::StringLiteral kTuningAttr = "nn.tuning";
inline constexpr llvm::StringLiteral kTunedAttr = "nn.tuned";

/// On a kernel that was made of two: bytes of the arena that these took at least, without what makes it one. A part of
/// what is saved may go to the scratch memory of other kernels.
inline constexpr llvm::StringLiteral kWholeBytesAttr = "nn.whole_bytes";

/// error  what a kernel offers are no dictionaries, or the packings of one are not as many as the inputs
mlir::LogicalResult verifyForms(KernelOp kernel);

/// The forms that a kernel offers; empty where there is no choice.
mlir::ArrayAttr offeredForms(KernelOp kernel);

/// What kind of form it is, such as "winograd".
llvm::StringRef formName(mlir::DictionaryAttr form);

/// Scratch memory that a form needs.
int64_t scratchBytes(mlir::DictionaryAttr form);

/// Makes `form` that of the kernel, and ends the choice.
void takeForm(KernelOp kernel, mlir::DictionaryAttr form);

} // namespace nncc::nn
#endif
