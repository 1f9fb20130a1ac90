// Aliased storage buffers; see SpirvPasses.td.
#include "codegen/spirv/SpirvPasses.h"

using namespace mlir;

namespace nncc {
#define GEN_PASS_DEF_DECORATEBUFFERS
#include "codegen/spirv/SpirvPasses.h.inc"

namespace {
struct DecorateBuffers : impl::DecorateBuffersBase<DecorateBuffers> {
  void runOnOperation() override {
    auto aliased = getOperation()->getAttrOfType<DenseI64ArrayAttr>(kAliasedAttr);
    if (!aliased)
      return;
    for (auto variable : getOperation().getOps<spirv::GlobalVariableOp>())
      if (std::optional<uint32_t> binding = variable.getBinding();
          binding && llvm::is_contained(aliased.asArrayRef(), *binding))
        variable->setAttr("aliased", UnitAttr::get(&getContext()));
    getOperation()->removeAttr(kAliasedAttr);
  }
};
} // namespace
} // namespace nncc
