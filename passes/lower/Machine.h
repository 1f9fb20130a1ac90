// The numbers of the device that a kernel's function is for.
#ifndef NNCC_PASSES_LOWER_MACHINE_H
#define NNCC_PASSES_LOWER_MACHINE_H
#include "dialects/nn/NN.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace nncc {

/// The function attribute that names the device of an outlined kernel.
inline constexpr llvm::StringLiteral kDeviceAttr = "nn.device";

/// The machine of `function`'s device (the only one of the module where it names none).
/// Of a GPU that is a thread of it.
/// error  a module without machines, or without that one: reported on the function
mlir::FailureOr<nn::MachineAttr> machineOf(mlir::func::FuncOp function);

/// The GPU that a function's code is for; null: it is for a CPU.
nn::GpuAttr gpuOf(mlir::func::FuncOp function);

/// The device whose code a kernel of `device` has in any case: that of a GPU also has code for the first CPU of the
/// module, which runs where there is no such GPU.
llvm::StringRef cpuFor(mlir::ModuleOp module, llvm::StringRef device);

} // namespace nncc
#endif
