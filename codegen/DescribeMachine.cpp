// The numbers of a target as an attribute of the module.
#include "codegen/DescribeMachine.h"
#include "dialects/nn/NN.h"
#include "dialects/nn/Origin.h"

using namespace mlir;

void nncc::describeMachine(ModuleOp module, const TargetSpec &target, const std::optional<GpuSpec> &gpu,
                           bool computesHalves) {
  const MachineNumbers &numbers = target.cpu.machine;
  Builder builder(module.getContext());
  auto typeOf = [&](DotInstruction::Factor factor) -> Type {
    switch (factor) {
    case DotInstruction::Factor::U8:
      return builder.getIntegerType(8, /*isSigned=*/false);
    case DotInstruction::Factor::S8:
      return builder.getIntegerType(8);
    case DotInstruction::Factor::Word:
      return builder.getIntegerType(16);
    }
    return {};
  };
  SmallVector<nn::DotAttr> dots;
  for (const DotInstruction &dot : numbers.dots)
    dots.push_back(nn::DotAttr::get(module.getContext(), dot.intrinsic, dot.bits, dot.group, typeOf(dot.lhs),
                                    typeOf(dot.rhs), dot.adds, dot.rows, dot.wordSum, dot.shuffle));
  auto machine =
      nn::MachineAttr::get(module.getContext(), numbers.vectorBits, numbers.registers, numbers.hasFmaLaneOperand,
                           numbers.hasMaskedStores, numbers.hasMaxNum, numbers.hasHalfArithmetic && computesHalves,
                           static_cast<int64_t>(numbers.l1Bytes), static_cast<int64_t>(numbers.l2Bytes),
                           /*mostLanes=*/0, numbers.runLoad, dots);
  SmallVector<NamedAttribute> machines = {builder.getNamedAttr("cpu0", machine)};
  if (gpu)
    machines.push_back(
        builder.getNamedAttr("gpu0", nn::GpuAttr::get(module.getContext(), /*vector_bits=*/128, gpu->registers,
                                                      gpu->warp, gpu->tileRows, gpu->tileColumns)));
  module->setAttr(nn::kMachinesAttr, builder.getDictionaryAttr(machines));
}
