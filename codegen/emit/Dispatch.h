// How the runtime core reaches the kernels of a model.
#ifndef NNCC_CODEGEN_EMIT_DISPATCH_H
#define NNCC_CODEGEN_EMIT_DISPATCH_H
#include "codegen/emit/ModelPlan.h"

namespace llvm {
class Function;
class Module;
} // namespace llvm

namespace nncc {

/// Adds nncc_core_dispatch() of runtime/model/core.h: it calls one kernel with its operands' addresses, and with the
/// range of its work that makes the part.
///
/// module  has the functions of the kernels; gets a declaration of the weights, where the library holds them
llvm::Function *addDispatch(llvm::Module &module, const ModelPlan &plan);

} // namespace nncc
#endif
