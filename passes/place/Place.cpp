// Says of every kernel on which device it runs, and why.
#include "dialects/nn/NN.h"
#include "dialects/nn/Origin.h"
#include "mlir/IR/Remarks.h"
#include "passes/Passes.h"
#include "passes/check/KernelOptions.h"
#include "passes/check/Stage.h"
#include "passes/lower/Machine.h"
#include "passes/place/Placed.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringMap.h"

using namespace mlir;

namespace nncc {
#define GEN_PASS_DEF_PLACE
#include "passes/Passes.h.inc"

namespace {

/// Where kernels go, and the words for it in the reason.
struct Choice {
  bool onGpu;
  StringRef why;
};

struct Place : impl::PlaceBase<Place> {
  using PlaceBase::PlaceBase;

  void runOnOperation() override {
    if (failed(requireStage(*this, getOperation(), {"N2"})))
      return signalPassFailure();
    markAllAnalysesPreserved();
    StringAttr gpu = findGpu();
    auto everything = parse(where);
    llvm::StringMap<Choice> single;
    if (!gpu || !everything || failed(readKernels(single)))
      return signalPassFailure();
    llvm::DenseMap<Operation *, Choice> choices;
    getOperation().walk([&](nn::KernelOp kernel) {
      auto own = single.find(kernel.getName());
      const Choice choice = own != single.end() ? own->second
                            : where == "beside" ? choiceBeside(kernel, choices, single).value_or(*everything)
                                                : *everything;
      choices.try_emplace(kernel, choice);
      StringRef device = choice.onGpu ? gpu.getValue() : cpuFor(getOperation(), gpu);
      kernel.setDevice(device);
      kernel->setDiscardableAttr(kPlacedAttr, StringAttr::get(&getContext(), choice.why));
      if (own != single.end() || where != "beside")
        kernel->setDiscardableAttr(kPlacedAsAttr, kernel.getNameAttr());
      remark::passed(kernel.getLoc(), remark::RemarkOpts::name("Place").category("nncc-place"))
          << kernel.getName().str() << " runs on " << device.str() << ": " << choice.why.str();
    });
  }

private:
  /// The first GPU that the module describes.
  StringAttr findGpu() {
    auto machines = getOperation()->getAttrOfType<DictionaryAttr>(nn::kMachinesAttr);
    for (NamedAttribute machine : machines ? machines : DictionaryAttr::get(&getContext()))
      if (isa<nn::GpuAttr>(machine.getValue()))
        return machine.getName();
    getOperation().emitError() << "the module describes no GPU that kernels could run on (" << nn::kMachinesAttr << ")";
    return {};
  }

  /// The choice for what makes an input of a kernel; else for what reads its result.
  static std::optional<Choice> choiceBeside(nn::KernelOp kernel, const llvm::DenseMap<Operation *, Choice> &before,
                                            const llvm::StringMap<Choice> &single) {
    for (Value input : kernel.getInputs()) {
      while (auto reshape = input.getDefiningOp<nn::ReshapeOp>())
        input = reshape.getInput();
      if (auto made = before.find(input.getDefiningOp()); made != before.end())
        return made->second;
    }
    for (Operation *user : kernel->getUsers())
      if (auto reader = dyn_cast<nn::KernelOp>(user))
        if (auto own = single.find(reader.getName()); own != single.end())
          return own->second;
    return std::nullopt;
  }

  std::optional<Choice> parse(StringRef word) {
    if (word == "auto" || word == "beside")
      return Choice{true, "the GPU takes what it has code for"};
    if (word == "gpu" || word == "cpu")
      return Choice{word == "gpu", "as asked for"};
    getOperation().emitError() << "'" << word << "' is no place for kernels: auto, beside, gpu or cpu";
    return std::nullopt;
  }

  /// Reads the option that places single kernels, each of which has to exist.
  LogicalResult readKernels(llvm::StringMap<Choice> &single) {
    return readKernelOptions(getOperation(), *kernels, "kernel", " is to be placed, but there is none",
                             [&](StringRef name, StringRef word) {
                               auto choice = parse(word);
                               if (!choice)
                                 return failure();
                               single.insert_or_assign(name, *choice);
                               return success();
                             });
  }
};
} // namespace
} // namespace nncc
