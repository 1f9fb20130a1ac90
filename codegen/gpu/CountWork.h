// Counts what a kernel of stage G does: how often its loops run is known.
#ifndef NNCC_CODEGEN_GPU_COUNTWORK_H
#define NNCC_CODEGEN_GPU_COUNTWORK_H
#include "codegen/gpu/GpuWork.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"

namespace nncc {

/// Counts all threads of a kernel.
///
/// kernel  with nn.grid and nn.block. Branches that compare the number of the thread are followed; of others, the side
///         that does more counts, since threads of a warp run both where they differ
GpuWork countWork(mlir::gpu::GPUFuncOp kernel);

/// The most 32-bit values that are alive at the same time in a thread, in the order of the program: what a compiler
/// needs registers for. Splats, extracts and shuffles are free, a load is alive from its first use on, values that
/// nested loops carry share a register, predicates take none.
double countRegisters(mlir::gpu::GPUFuncOp kernel);

} // namespace nncc
#endif
