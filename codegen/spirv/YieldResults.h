// Results of loops and branches of SPIR-V as values.
#ifndef NNCC_CODEGEN_SPIRV_YIELDRESULTS_H
#define NNCC_CODEGEN_SPIRV_YIELDRESULTS_H
#include "mlir/Dialect/SPIRV/IR/SPIRVOps.h"

namespace nncc {

/// Upstream's patterns leave what loops and branches make in variables, which each iteration writes and what comes
/// behind reads. Where those are all of its uses, a variable becomes a value: that at the head of the loop, or an
/// argument of the block that the sides of a branch meet in. Variables that nothing reads go.
void yieldResults(mlir::spirv::ModuleOp module);

/// Lets what comes behind loops and branches name the values that those merge, as modules of SPIR-V do, which have no
/// regions: upstream's serializer writes 0 where the next iteration of a loop takes a result (LLVM 22). Afterwards the
/// IR is good for nothing but being serialized.
void inlineResults(mlir::spirv::ModuleOp module);

} // namespace nncc
#endif
