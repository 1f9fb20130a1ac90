// Which convolutions read an image channel by channel, as it lies, instead of a transposed copy of it.
#include "codegen/cpu/Contraction.h"
#include "codegen/cpu/CpuPasses.h"
#include "codegen/cpu/MergeKernels.h"
#include "lib/support/Assert.h"
#include "mlir/IR/Remarks.h"
#include "passes/check/Stage.h"
#include "passes/lower/Machine.h"
#include "passes/memory/MemoryLayout.h"

using namespace mlir;

namespace nncc {
#define GEN_PASS_DEF_FUSEPLANES
#include "codegen/cpu/CpuPasses.h.inc"

namespace {
// Every plane is a loop around the taps: more of them take longer than the transposition.
constexpr int64_t kMostPlanes = 4;

struct FusePlanes : impl::FusePlanesBase<FusePlanes> {
  void runOnOperation() override {
    if (failed(requireStage(*this, getOperation(), {"N2"})))
      return signalPassFailure();
    SmallVector<nn::KernelOp> kernels;
    getOperation().walk([&](nn::KernelOp kernel) {
      if (isa_and_nonnull<nn::Conv2DOp>(kernel.getRoot()))
        kernels.push_back(kernel);
    });
    for (nn::KernelOp kernel : kernels) {
      std::string reason;
      if (std::optional<unsigned> image = match(kernel, reason))
        fuse(kernel, *image);
      else
        remark::missed(kernel.getLoc(), remark::RemarkOpts::name("FusePlanes").category("nncc-fuse-planes"))
            << kernel.getName().str() << " reads no planes: " << remark::reason("{0}", reason);
    }
  }

  /// The input whose transposition the kernel can do without; `reason` says why there is none.
  std::optional<unsigned> match(nn::KernelOp kernel, std::string &reason) {
    auto refuse = [&](StringRef why) {
      reason = why.str();
      return std::nullopt;
    };
    nn::MachineAttr machine = cpu::getMachine(kernel);
    StringRef device = kernel.getDevice().value_or("cpu0");
    if (!machine || cpuFor(getOperation(), device) != device)
      return refuse("it is for another device than a CPU");
    auto contraction = cpu::Contraction::match(kernel, reason);
    if (!contraction)
      return std::nullopt;
    auto conv = cast<nn::Conv2DOp>(contraction->root);
    auto packing = contraction->rhs ? cpu::getPacking(kernel, *contraction->rhs) : nn::PackingAttr();
    if (contraction->body != cpu::TapBody::Product || contraction->groups != 1 || contraction->widened || !packing ||
        !isa<FloatType>(contraction->element) || !cpu::PanelPacking::from(packing))
      return refuse("no dense convolution of floats with constant weights");
    if (contraction->depth > kMostPlanes || contraction->tapsW == 1 || conv.getDilations()[1] != 1)
      return refuse("its taps are many channels, or no pixels that follow each other in a line");
    if (!contraction->mayReadPlanes(machine))
      return refuse("this machine multiplies by lanes, of three to seven floats of long lines at steps of one or two");
    nn::KernelOp maker = cpu::makerOf(kernel, contraction->lhs);
    auto transpose = maker ? soleOp<nn::TransposeOp>(maker) : nn::TransposeOp();
    if (!transpose || transpose.getPerm() != ArrayRef<int64_t>{0, 2, 3, 1})
      return refuse("no kernel puts its channels innermost for it alone");
    return contraction->lhs;
  }

  void fuse(nn::KernelOp kernel, unsigned image) {
    nn::KernelOp maker = cpu::makerOf(kernel, image);
    std::string name = maker.getName().str();
    nn::KernelOp merged = cpu::mergeKernels(maker, kernel, image);
    auto conv = cast<nn::Conv2DOp>(merged.getRoot());
    unsigned filter = cast<BlockArgument>(conv.getFilter()).getArgNumber();
    auto packings = llvm::to_vector(merged->getAttrOfType<ArrayAttr>(cpu::kPackingsAttr));
    auto panels = cpu::PanelPacking::from(cast<nn::PackingAttr>(packings[filter]));
    auto type = cast<RankedTensorType>(conv.getFilter().getType());
    panels->planes = type.getShape().back();
    packings[filter] = panels->getAttr(&getContext(), type.getElementType());
    merged->setAttr(cpu::kPackingsAttr, ArrayAttr::get(&getContext(), packings));
    std::string reason;
    auto contraction = cpu::Contraction::match(merged, reason);
    NNCC_ASSERT(contraction && contraction->readsPlanes, "what was fused is not read as planes");
    remark::passed(merged.getLoc(), remark::RemarkOpts::name("FusePlanes").category("nncc-fuse-planes"))
        << merged.getName().str() << " reads what " << name << " transposed";
  }
};
} // namespace
} // namespace nncc
