// A model for several CPUs in one library: `nncc compile --cpu=cortex-a53,cortex-a76`.
#ifndef NNCC_LIB_DRIVER_COMPILEVARIANTS_H
#define NNCC_LIB_DRIVER_COMPILEVARIANTS_H
#include "lib/driver/Compile.h"

namespace nncc {

/// Puts CPUs into the order in which M_init looks for one that fits: the most features first, so that none comes behind
/// one that has less; of equal numbers the one named first.
std::vector<CpuSpec> inOrderOfFeatures(const TargetSpec &target, llvm::ArrayRef<CpuSpec> cpus);

/// Compiles a model at N1 for each of `options.cpus`: each has its own machine, and so forms, packings and memory plan.
/// CPUs that no feature tells apart are a warning.
mlir::FailureOr<Compilation> compileVariants(mlir::OwningOpRef<mlir::ModuleOp> imported, const CompileOptions &options);

/// The one of several CPUs that a command compiles for which takes one: the best that this machine runs; for another
/// machine the best of all.
/// error  this machine runs none of them
llvm::Expected<CpuSpec> chooseCpu(const TargetSpec &target, llvm::ArrayRef<CpuSpec> cpus);

} // namespace nncc
#endif
