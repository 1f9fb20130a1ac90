// Which storage buffers the arguments of a kernel share, and where in them they begin.
#ifndef NNCC_CODEGEN_GPU_BINDINGS_H
#define NNCC_CODEGEN_GPU_BINDINGS_H
#include "codegen/gpu/GpuCode.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"

namespace nncc {

/// Gives each argument of a kernel its binding, and drops arguments that nothing uses.
///
/// Arguments have a binding each while there are enough of them; else the constants share one, and then what lies in
/// one memory in every launch. Offsets are what all launches of the function have in common.
///
/// launches  of this function
/// returns   why four bindings, or their sizes, do not do; empty when they do
std::string assignBindings(mlir::gpu::GPUFuncOp kernel, llvm::ArrayRef<const GpuLaunch *> launches);

} // namespace nncc
#endif
