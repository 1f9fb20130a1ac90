// Reads the plan of a model out of its IR, for emission, the manifest and the reports.
#ifndef NNCC_LIB_DRIVER_BUILDPLAN_H
#define NNCC_LIB_DRIVER_BUILDPLAN_H
#include "codegen/emit/ModelPlan.h"
#include "mlir/IR/BuiltinOps.h"
#include <map>
#include <string>

namespace nncc {

/// The plan of a module at stage P; `function` of its kernels is empty yet.
ModelPlan buildPlan(mlir::ModuleOp module, std::string name);

/// Gives inputs and outputs other names, from which their C identifiers are made.
///
/// renames  new names by old ones
/// error    a name that no input or output has, or that two would have: reported at the module
mlir::LogicalResult renamePorts(mlir::ModuleOp module, const std::map<std::string, std::string> &renames,
                                ModelPlan &plan);

/// error   weights or working memory beyond what a library can hold, or any machine: reported at the module
mlir::LogicalResult checkSizes(mlir::ModuleOp module, const ModelPlan &plan);

/// Fills in which function runs each kernel, from the launches of a module at L1.
mlir::LogicalResult nameFunctions(mlir::ModuleOp module, ModelPlan &plan);

/// Fills in which kernels can run in parts, from the functions of a module at L2.
void readParts(mlir::ModuleOp module, ModelPlan &plan);

} // namespace nncc
#endif
