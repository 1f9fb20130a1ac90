// Finds the outlined kernels that micro-kernels can run, and lets the driver write their code.
#include "codegen/cpu/Contraction.h"
#include "codegen/cpu/CpuPasses.h"
#include "dialects/nn/KernelForms.h"
#include "dialects/nn/Origin.h"
#include "mlir/IR/Remarks.h"
#include "passes/check/Stage.h"

using namespace mlir;

namespace nncc {
#define GEN_PASS_DEF_EMITCONTRACTIONS
#include "codegen/cpu/CpuPasses.h.inc"

namespace {
struct EmitContractions : impl::EmitContractionsBase<EmitContractions> {
  void runOnOperation() override {
    if (failed(requireStage(*this, getOperation(), {"L1"})))
      return signalPassFailure();
    SmallVector<std::pair<func::FuncOp, nn::KernelOp>> outlined;
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      auto kernels = llvm::to_vector(function.getOps<nn::KernelOp>());
      if (kernels.size() == 1 && kernels.front().isPlanned())
        outlined.push_back({function, kernels.front()});
    }
    // Micro-kernels are shared by the kernels of one kind of machine.
    std::optional<cpu::MicroKernels> masked, unmasked;
    auto microKernels = [&](nn::MachineAttr machine) -> cpu::MicroKernels & {
      auto &kernels = machine.getMaskedStores() ? masked : unmasked;
      if (!kernels)
        kernels.emplace(getOperation(), machine);
      return *kernels;
    };
    for (auto [function, kernel] : outlined)
      if (nn::MachineAttr machine = cpu::getMachine(kernel); machine && !kernel->hasAttr(nn::kFormAttr)) {
        std::string reason;
        if (auto contraction = cpu::Contraction::match(kernel, reason))
          microKernels(machine).learn(*contraction->epilogue);
      }
    for (auto [function, kernel] : outlined) {
      bool hasPackings = kernel->hasAttr(cpu::kPackingsAttr);
      nn::MachineAttr machine = cpu::getMachine(kernel);
      std::string reason;
      if (!machine) {
        if (!cpu::Contraction::match(kernel, reason) && !hasPackings)
          continue;
        kernel.emitOpError() << "runs on device '" << kernel.getDevice().value_or("cpu0") << "', which the module's "
                             << nn::kMachinesAttr << " do not describe";
        return signalPassFailure();
      }
      if (succeeded(cpu::emitContraction(function, kernel, microKernels(machine), reason)))
        continue;
      if (hasPackings) {
        kernel.emitOpError() << "has packed weights, but no micro-kernel runs it: " << reason;
        return signalPassFailure();
      }
      remark::missed(
          kernel.getLoc(),
          remark::RemarkOpts::name("contraction").function(function.getName()).category("nncc-emit-contractions"))
          << remark::reason("{0}", reason);
    }
  }
};
} // namespace
} // namespace nncc
