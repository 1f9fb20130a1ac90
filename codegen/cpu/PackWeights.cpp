// Chooses packing recipes before memory is planned; they are executed when the weights are written.
#include "codegen/cpu/Contraction.h"
#include "codegen/cpu/CpuPasses.h"
#include "dialects/nn/Origin.h"

using namespace mlir;

namespace nncc {
#define GEN_PASS_DEF_PACKWEIGHTS
#include "codegen/cpu/CpuPasses.h.inc"

namespace {
struct PackWeights : impl::PackWeightsBase<PackWeights> {
  void runOnOperation() override {
    WalkResult result = getOperation().walk([&](nn::KernelOp kernel) {
      std::string reason;
      auto contraction = cpu::Contraction::match(kernel, reason);
      if (!contraction || !contraction->rhs)
        return WalkResult::advance();
      nn::MachineAttr machine = cpu::getMachine(kernel);
      if (!machine) {
        kernel.emitOpError() << "runs on device '" << kernel.getDevice().value_or("cpu0") << "', which the module's "
                             << nn::kMachinesAttr << " do not describe";
        return WalkResult::interrupt();
      }
      auto isConstant = [&](std::optional<unsigned> input) {
        return !input || nn::getConstantValue(kernel.getInputs()[*input]) != nullptr;
      };
      // Bias and weights are packed alike, so that both or none have readable tails.
      if (!isConstant(contraction->rhs) || !isConstant(contraction->bias))
        return WalkResult::advance();
      // One input read twice by the root, or by the epilogue too, keeps its own layout.
      for (const cpu::Leaf &leaf : contraction->epilogue->leaves())
        if (leaf.input == *contraction->rhs || contraction->bias == leaf.input)
          return WalkResult::advance();
      if (contraction->lhs == *contraction->rhs || contraction->bias == contraction->rhs)
        return WalkResult::advance();
      Builder builder(kernel.getContext());
      SmallVector<Attribute> packings(kernel.getInputs().size(), builder.getUnitAttr());
      packings[*contraction->rhs] = contraction->panels(machine).getAttr(kernel.getContext(), contraction->element);
      if (contraction->bias)
        packings[*contraction->bias] = contraction->padding(machine).getAttr(kernel.getContext(), contraction->element);
      kernel->setAttr(cpu::kPackingsAttr, builder.getArrayAttr(packings));
      return WalkResult::advance();
    });
    if (result.wasInterrupted())
      signalPassFailure();
  }
};
} // namespace
} // namespace nncc
