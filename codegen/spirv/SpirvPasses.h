// From kernels as gpu.func to the words of SPIR-V modules.
#ifndef NNCC_CODEGEN_SPIRV_SPIRVPASSES_H
#define NNCC_CODEGEN_SPIRV_SPIRVPASSES_H
#include "mlir/Dialect/SPIRV/IR/SPIRVDialect.h"
#include "mlir/Dialect/SPIRV/IR/SPIRVOps.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/PassManager.h"
#include <vector>

namespace nncc {
#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "codegen/spirv/SpirvPasses.h.inc"

/// On a spirv.module: the bindings whose memory several arguments may touch.
inline constexpr llvm::StringLiteral kAliasedAttr = "nn.aliased";

/// Adds the passes from G, as nncc-widen-halves leaves it, to complete spirv.module ops. Anchored on the module.
///
/// storage16  for GPUs whose buffers may have elements of 16 bits
void buildSpirvPipeline(mlir::OpPassManager &manager, bool storage16 = false);

/// Whether an op of G that works on f16 is one that nncc-widen-halves knows.
bool mayWiden(mlir::Operation *op);

/// The words of a complete module.
mlir::FailureOr<std::vector<uint32_t>> serializeSpirv(mlir::spirv::ModuleOp module);

} // namespace nncc
#endif
