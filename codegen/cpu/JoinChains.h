// Chains of more than two windows, where the arena falls by them.
#ifndef NNCC_CODEGEN_CPU_JOINCHAINS_H
#define NNCC_CODEGEN_CPU_JOINCHAINS_H
#include "codegen/cpu/ChainPlan.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace nncc::cpu {

/// Makes one chain of kernels that read each other's results, of which some may be chains already, where the arena is
/// fullest, as long as that makes it smaller. Forms that other kernels offer keep their room.
///
/// links    of the windows of the function, as they were when each was a kernel of its own
/// returns  the kernels that are longer chains now
llvm::SmallVector<nn::KernelOp> joinChains(mlir::func::FuncOp function,
                                           const llvm::DenseMap<mlir::Operation *, ChainLink> &links);

} // namespace nncc::cpu
#endif
