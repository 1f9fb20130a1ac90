// Finds the kernels that a tuning file speaks of.
#include "codegen/cpu/Contraction.h"
#include "codegen/cpu/CpuPasses.h"
#include "dialects/nn/KernelForms.h"
#include "mlir/IR/Remarks.h"
#include "passes/check/Stage.h"
#include "passes/lower/Machine.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringMap.h"

using namespace mlir;

namespace nncc {
#define GEN_PASS_DEF_APPLYTUNING
#include "codegen/cpu/CpuPasses.h.inc"

namespace {
struct ApplyTuning : impl::ApplyTuningBase<ApplyTuning> {
  void runOnOperation() override {
    if (failed(requireStage(*this, getOperation(), {"N2"})))
      return signalPassFailure();
    nameKernels();
    auto entries = getOperation()->getAttrOfType<ArrayAttr>(nn::kTuningAttr);
    if (!entries)
      return;
    getOperation()->removeAttr(nn::kTuningAttr);
    llvm::StringMap<cpu::Tuning> tuned;
    std::vector<std::string> unused;
    for (Attribute attr : entries) {
      auto entry = dyn_cast<DictionaryAttr>(attr);
      auto name = entry ? entry.getAs<StringAttr>("kernel") : StringAttr();
      auto tuning = cpu::Tuning::from(entry);
      if (!name || !tuning) {
        getOperation()->emitOpError() << "has '" << nn::kTuningAttr << "' that is no list of kernels and forms";
        return signalPassFailure();
      }
      tuned.insert_or_assign(name.getValue(), *tuning);
      unused.push_back(name.str());
    }
    llvm::StringMap<std::string> reasons;
    getOperation().walk([&](nn::KernelOp kernel) {
      if (!kernel.getRoot() || kernel.getRoot()->getNumResults() != 1)
        return;
      auto found = tuned.find(cpu::describeKernel(kernel));
      if (found == tuned.end())
        return;
      llvm::erase(unused, found->first());
      apply(kernel, found->second, reasons[found->first()]);
    });
    report(unused, reasons);
  }

private:
  /// Says what each kernel is that could be tuned.
  void nameKernels() {
    getOperation().walk([&](nn::KernelOp kernel) {
      std::string reason;
      if (getContext().getRemarkEngine() && cpu::Contraction::match(kernel, reason))
        remark::analysis(kernel.getLoc(), remark::RemarkOpts::name("Kernel").category("nncc-apply-tuning"))
            << (kernel.getName() + " is " + cpu::describeKernel(kernel)).str();
    });
  }

  /// A tuning that does not fit is not there: `reason` says why.
  void apply(nn::KernelOp kernel, const cpu::Tuning &tuning, std::string &reason) {
    // A GPU reads the weights, too, as they are without tuning.
    StringRef device = kernel.getDevice().value_or("cpu0");
    nn::MachineAttr machine = cpu::getMachine(kernel);
    if (!machine || cpuFor(getOperation(), device) != device)
      return;
    kernel->setAttr(nn::kTunedAttr, tuning.getAttr(&getContext()));
    if (!cpu::Contraction::match(kernel, reason))
      kernel->removeAttr(nn::kTunedAttr);
    else
      remark::passed(kernel.getLoc(), remark::RemarkOpts::name("ApplyTuning").category("nncc-apply-tuning"))
          << (kernel.getName() + " is tuned: " + tuning.describe()).str();
  }

  void report(ArrayRef<std::string> unused, const llvm::StringMap<std::string> &reasons) {
    constexpr size_t most = 8; // as many lines as a screen has room for beside others
    Location location = getOperation().getLoc();
    if (!unused.empty()) {
      InFlightDiagnostic warning = emitWarning(location);
      warning << unused.size() << " of the kernels that are tuned are not in this model";
      for (StringRef name : ArrayRef(unused).take_front(most))
        warning.attachNote() << name;
      if (unused.size() > most)
        warning.attachNote() << "and " << unused.size() - most << " more";
      warning.attachNote() << "tune it again: `nncc tune`";
    }
    std::vector<StringRef> names;
    for (const auto &entry : reasons)
      if (!entry.second.empty())
        names.push_back(entry.first());
    llvm::sort(names);
    for (StringRef name : names)
      emitWarning(location) << "kernel " << name << " is not computed as it is tuned: " << reasons.lookup(name);
  }
};
} // namespace
} // namespace nncc
