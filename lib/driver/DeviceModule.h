// The module of what runs on a GPU: taken out of the model's, and compiled to SPIR-V.
#ifndef NNCC_LIB_DRIVER_DEVICEMODULE_H
#define NNCC_LIB_DRIVER_DEVICEMODULE_H
#include "codegen/emit/ModelPlan.h"
#include "codegen/gpu/GpuCode.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/Pass/PassManager.h"
#include <functional>

namespace nncc {

/// Takes the module of the GPU out of a model's module at L1; null: no kernel is for one.
mlir::OwningOpRef<mlir::ModuleOp> takeDeviceModule(mlir::ModuleOp module);

/// Makes SPIR-V of a GPU's module, which afterwards holds what that was made of.
///
/// plan            of nameFunctions(); gets the code. Kernels that the GPU cannot run become the CPU's, with the reason
/// numbers         what code is made with
/// mostDispatchUs  see makeDeviceProgram
/// returns         failure where a pass failed: reported
mlir::LogicalResult compileDeviceModule(mlir::ModuleOp module, ModelPlan &plan, const GpuNumbers &numbers,
                                        int64_t mostDispatchUs,
                                        const std::function<mlir::LogicalResult(mlir::PassManager &)> &configure);

} // namespace nncc
#endif
