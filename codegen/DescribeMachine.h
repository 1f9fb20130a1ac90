// Hands the numbers of a target to passes, which never ask who the target is.
#ifndef NNCC_CODEGEN_DESCRIBEMACHINE_H
#define NNCC_CODEGEN_DESCRIBEMACHINE_H
#include "codegen/Target.h"
#include "mlir/IR/BuiltinOps.h"

namespace nncc {

/// Sets `nn.machines = {cpu0 = #nn.machine<...>}` on a module.
void describeMachine(mlir::ModuleOp module, const TargetSpec &target);

} // namespace nncc
#endif
