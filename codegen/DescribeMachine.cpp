// The numbers of a target as an attribute of the module.
#include "codegen/DescribeMachine.h"
#include "dialects/nn/NN.h"
#include "dialects/nn/Origin.h"

using namespace mlir;

void nncc::describeMachine(ModuleOp module, const TargetSpec &target) {
  const MachineNumbers &numbers = target.cpu.machine;
  Builder builder(module.getContext());
  auto machine = nn::MachineAttr::get(
      module.getContext(), numbers.vectorBits, numbers.registers, numbers.hasFmaLaneOperand, numbers.hasMaskedStores,
      static_cast<int64_t>(numbers.l1Bytes), static_cast<int64_t>(numbers.l2Bytes), /*mostLanes=*/0);
  module->setAttr(nn::kMachinesAttr, builder.getDictionaryAttr(builder.getNamedAttr("cpu0", machine)));
}
