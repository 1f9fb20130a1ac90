// The phases of the compiler as lists of passes; lib/driver runs them one after the other.
#ifndef NNCC_PASSES_PIPELINES_H
#define NNCC_PASSES_PIPELINES_H
#include "mlir/Pass/PassManager.h"
#include <string>

namespace nncc {

/// N1 -> N2: folds, simplifies, chooses the layout, fuses, forms kernels. Anchored on the module.
///
/// halvesFloats       what is f32 between inputs and outputs is stored as f16
/// keepsSmallWeights  weights of products stay in the bits that the model stores them in
/// keepsWide          what stays f32 then, as nncc-halve-floats takes it
void buildGraphPipeline(mlir::OpPassManager &manager, bool halvesFloats = false, bool keepsSmallWeights = true,
                        llvm::ArrayRef<std::string> keepsWide = {});

/// P -> L1: outlines kernels and writes perfect nests as linalg. Anchored on the module.
void buildLowerPipeline(mlir::OpPassManager &manager);

/// L1 -> L2: writes everything that is left as loops over vectors, and lets kernels run in parts. Anchored on the
/// module.
///
/// partWork  the least work of a part; none: the default of the pass
void buildTilePipeline(mlir::OpPassManager &manager, std::optional<int64_t> partWork = {});

} // namespace nncc
#endif
