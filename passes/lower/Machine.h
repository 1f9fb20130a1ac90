// The numbers of the device that a kernel's function is for.
#ifndef NNCC_PASSES_LOWER_MACHINE_H
#define NNCC_PASSES_LOWER_MACHINE_H
#include "dialects/nn/NN.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace nncc {

/// The function attribute that names the device of an outlined kernel.
inline constexpr llvm::StringLiteral kDeviceAttr = "nn.device";

/// The machine of `function`'s device (the only one of the module where it names none).
/// error  a module without machines, or without that one: reported on the function
mlir::FailureOr<nn::MachineAttr> machineOf(mlir::func::FuncOp function);

} // namespace nncc
#endif
