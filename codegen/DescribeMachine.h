// Hands the numbers of a target to passes, which never ask who the target is.
#ifndef NNCC_CODEGEN_DESCRIBEMACHINE_H
#define NNCC_CODEGEN_DESCRIBEMACHINE_H
#include "codegen/Target.h"
#include "codegen/mali/Gpus.h"
#include "mlir/IR/BuiltinOps.h"

namespace nncc {

/// Sets `nn.machines = {cpu0 = #nn.machine<...>}` on a module, with `gpu0 = #nn.gpu<...>` where there is a GPU.
///
/// computesHalves  the CPU adds up products of f16 in f16, if it has the instructions
void describeMachine(mlir::ModuleOp module, const TargetSpec &target, const std::optional<GpuSpec> &gpu = {},
                     bool computesHalves = false);

} // namespace nncc
#endif
