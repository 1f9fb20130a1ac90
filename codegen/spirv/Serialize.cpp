// The passes and the writer around ConvertToSpirv; see SpirvPasses.h.
#include "codegen/spirv/SpirvPasses.h"
#include "codegen/spirv/YieldResults.h"
#include "mlir/Dialect/SPIRV/Transforms/Passes.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/Target/SPIRV/Serialization.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;

void nncc::buildSpirvPipeline(OpPassManager &manager, bool storage16) {
  ConvertToSpirvOptions conversion;
  conversion.storage16 = storage16;
  manager.addPass(createConvertToSpirv(conversion));
  auto &modules = manager.nest<spirv::ModuleOp>();
  modules.addPass(spirv::createSPIRVLowerABIAttributesPass());
  modules.addPass(createDecorateBuffers());
  modules.addPass(createCanonicalizerPass());
  modules.addPass(createCSEPass());
  modules.addPass(spirv::createSPIRVRewriteInsertsPass());
  modules.addPass(spirv::createSPIRVCanonicalizeGLPass());
  modules.addPass(spirv::createSPIRVUpdateVCEPass());
}

/// Whether a module does more with f16 than to load, convert and store them, for which GPUs need not compute with f16.
static bool computesHalves(spirv::ModuleOp module) {
  auto isHalf = [](Type type) { return getElementTypeOrSelf(type).isF16(); };
  return module
      .walk([&](Operation *op) {
        bool touches = llvm::any_of(op->getOperandTypes(), isHalf) || llvm::any_of(op->getResultTypes(), isHalf);
        return touches && !isa<spirv::LoadOp, spirv::StoreOp, spirv::FConvertOp>(op) ? WalkResult::interrupt()
                                                                                     : WalkResult::advance();
      })
      .wasInterrupted();
}

/// A module lists what it needs; what that brings with it (Shader: Matrix) is not listed again. Values of f16 that are
/// only loaded, converted and stored need no capability beside that of their buffers: "Universal Validation Rules" of
/// SPIR-V.
static void dropImpliedCapabilities(spirv::ModuleOp module) {
  spirv::VerCapExtAttr triple = *module.getVceTriple();
  SmallVector<spirv::Capability> all = llvm::to_vector(triple.getCapabilities()), needed;
  auto isImplied = [&](spirv::Capability capability) {
    return llvm::any_of(all, [&](spirv::Capability other) {
      return other != capability && llvm::is_contained(spirv::getRecursiveImpliedCapabilities(other), capability);
    });
  };
  bool onlyStores = llvm::is_contained(all, spirv::Capability::StorageBuffer16BitAccess) && !computesHalves(module);
  llvm::copy_if(all, std::back_inserter(needed),
                [&](spirv::Capability c) { return !isImplied(c) && !(onlyStores && c == spirv::Capability::Float16); });
  module.setVceTripleAttr(spirv::VerCapExtAttr::get(triple.getVersion(), needed,
                                                    llvm::to_vector(triple.getExtensions()), module.getContext()));
}

FailureOr<std::vector<uint32_t>> nncc::serializeSpirv(spirv::ModuleOp module) {
  dropImpliedCapabilities(module);
  // Names would only make modules larger.
  spirv::SerializationOptions options;
  options.emitSymbolName = false;
  SmallVector<uint32_t> words;
  OwningOpRef<spirv::ModuleOp> flat = module.clone();
  inlineResults(*flat);
  if (failed(spirv::serialize(*flat, words, options)))
    return failure();
  return std::vector<uint32_t>(words.begin(), words.end());
}
