// What a driver may take for granted of storage buffers; see SpirvPasses.td.
#include "codegen/spirv/SpirvPasses.h"

using namespace mlir;

namespace nncc {
#define GEN_PASS_DEF_DECORATEBUFFERS
#include "codegen/spirv/SpirvPasses.h.inc"

namespace {
/// True when memory may be written through a pointer.
bool isWritten(Value pointer) {
  return llvm::any_of(pointer.getUsers(), [](Operation *user) {
    if (isa<spirv::AccessChainOp>(user))
      return isWritten(user->getResult(0));
    return !isa<spirv::LoadOp>(user);
  });
}

struct DecorateBuffers : impl::DecorateBuffersBase<DecorateBuffers> {
  void runOnOperation() override {
    auto aliased = getOperation()->getAttrOfType<DenseI64ArrayAttr>(kAliasedAttr);
    getOperation()->removeAttr(kAliasedAttr);
    llvm::SmallDenseSet<uint32_t> written;
    getOperation().walk([&](spirv::AddressOfOp address) {
      auto variable = SymbolTable::lookupNearestSymbolFrom<spirv::GlobalVariableOp>(address, address.getVariableAttr());
      if (variable.getBinding() && isWritten(address))
        written.insert(*variable.getBinding());
    });
    auto unit = UnitAttr::get(&getContext());
    for (auto variable : getOperation().getOps<spirv::GlobalVariableOp>()) {
      std::optional<uint32_t> binding = variable.getBinding();
      if (!binding)
        continue;
      if (aliased && llvm::is_contained(aliased.asArrayRef(), *binding))
        variable->setAttr("aliased", unit);
      if (!written.contains(*binding))
        variable->setAttr("non_writable", unit);
    }
  }
};
} // namespace
} // namespace nncc
