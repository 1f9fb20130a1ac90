// Which windows make their input by themselves, and how many rows of it at a time.
#include "codegen/cpu/Chains.h"
#include "codegen/cpu/CpuPasses.h"
#include "codegen/cpu/MergeKernels.h"
#include "dialects/nn/KernelForms.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Remarks.h"
#include "passes/check/Stage.h"
#include "passes/lower/Machine.h"
#include "passes/lower/ScalarMath.h"

using namespace mlir;

namespace nncc {
#define GEN_PASS_DEF_FUSECHAINS
#include "codegen/cpu/CpuPasses.h.inc"

namespace {
using cpu::RowsForm;
using cpu::RowStrips;

// Threads that strips of rows have room for.
constexpr int64_t kSlots = 4;
// Each slot begins with rows that the one before makes, too: so many percent more may be made than without strips.
constexpr int64_t kMostMadeTwice = 3;

ArrayRef<int64_t> shapeOf(Value value) { return cast<RankedTensorType>(value.getType()).getShape(); }

int64_t elementBytes(Value value) { return memoryType(getElementTypeOrSelf(value)).getIntOrFloatBitWidth() / 8; }

int64_t bytesOf(Value value) { return cast<RankedTensorType>(value.getType()).getNumElements() * elementBytes(value); }

class Fusion {
public:
  Fusion(ModuleOp module, nn::KernelOp kernel) : module(module), kernel(kernel) {}

  /// Finds out whether a window makes its input with profit; `reason` says why not.
  bool match(std::string &reason) {
    auto refuse = [&](StringRef why) {
      reason = why.str();
      return false;
    };
    machine = cpu::getMachine(kernel);
    StringRef device = kernel.getDevice().value_or("cpu0");
    if (!machine || cpuFor(module, device) != device)
      return refuse("it is for another device than a CPU");
    auto contraction = cpu::Contraction::match(kernel, reason);
    if (!contraction)
      return false;
    second = contraction->root;
    auto pool = dyn_cast<nn::Pool2DOp>(second);
    bool isWindow = pool ? pool.getKind() == nn::PoolKind::max : isPackedConvolution(kernel, *contraction);
    if (!isWindow || !isa<FloatType>(contraction->element))
      return refuse("no convolution of floats with constant weights, and no maximum of windows");
    if (contraction->readsPlanes)
      return refuse("a transposition lies between it and what makes its input");
    input = contraction->lhs;
    maker = cpu::makerOf(kernel, input);
    auto before = maker ? cpu::Contraction::match(maker, reason) : std::nullopt;
    if (!before || !isPackedConvolution(maker, *before) || !isa<FloatType>(before->element))
      return refuse("no convolution of floats makes its input for it alone");
    first = before->root;
    // What an epilogue reads may be what its kernel is written over.
    if (!maker.getBody().getArgument(before->lhs).hasOneUse() ||
        llvm::any_of(before->epilogue->leaves(), [](const cpu::Leaf &leaf) { return leaf.variesByPixel; }))
      return refuse("the convolution that makes its input reads more than an image");
    image = maker.getInputs()[before->lhs];
    weightBytes = bytesOf(first->getOperand(1)) + (pool ? 0 : bytesOf(second->getOperand(1)));
    return chooseRows(reason);
  }

  /// Both kernels are erased.
  std::array<Operation *, 2> kernels() { return {maker, kernel}; }

  void run() {
    std::string name = maker.getName().str();
    nn::KernelOp merged = cpu::mergeKernels(maker, kernel, input);
    merged->setAttr(nn::kWholeBytesAttr, Builder(merged).getI64IntegerAttr(wholeBytes));
    cpu::giveForm(merged, form.getAttr(merged.getContext(), scratchBytes), scratchBytes);
    remark::passed(merged.getLoc(), remark::RemarkOpts::name("FuseChains").category("nncc-fuse-chains"))
        << merged.getName().str() << " makes what " << name << " made, row by row";
  }

private:
  ModuleOp module;
  nn::KernelOp kernel, maker;
  nn::MachineAttr machine;
  Operation *first = nullptr, *second = nullptr;
  unsigned input = 0;
  Value image; ///< what the first one reads
  int64_t weightBytes = 0;
  RowsForm form{0, kSlots};
  int64_t scratchBytes = 0;
  int64_t wholeBytes = 0; ///< nn.whole_bytes

  static bool isPackedConvolution(nn::KernelOp kernel, const cpu::Contraction &contraction) {
    return isa<nn::Conv2DOp>(contraction.root) && !contraction.widened && cpu::getPacking(kernel, *contraction.rhs);
  }

  /// What neither lies in the caller's memory nor is a constant.
  static int64_t bytesOfArena(Value value) {
    bool isReturned = llvm::any_of(value.getUsers(), [](Operation *user) { return isa<func::ReturnOp>(user); });
    return value.getDefiningOp<nn::KernelOp>() && !isReturned ? bytesOf(value) : 0;
  }

  /// Chooses the rows: the most whose slot takes a quarter of the L2 cache, or the fewest. All slots are at most a
  /// quarter of what is between the ops.
  bool chooseRows(std::string &reason) {
    auto refuse = [&](const Twine &why) {
      reason = why.str();
      return false;
    };
    Value between = second->getOperand(0), result = second->getResult(0);
    int64_t l2 = machine.getL2Bytes(), images = shapeOf(between)[0], height = shapeOf(between)[1];
    int64_t ofRow = bytesOf(between) / (images * height);
    if (bytesOf(between) <= l2)
      return refuse("its input stays in the cache");
    if (weightBytes > l2 / 4)
      return refuse("its weights and those of what makes its input would leave the cache in each strip");
    // Without a border: of one row of the output, and from one to the next.
    auto [window, stride] = cpu::rowsOfWindow(second);
    int64_t fits = std::min(l2 / 4 / ofRow, images * height / (4 * kSlots));
    int64_t rows = fits >= window ? (fits - window) / stride + 1 : 4 * kSlots * window <= images * height ? 1 : 0;
    // Whole blocks of rows of a window that sweeps.
    for (int64_t block : {4, 2})
      if (rows >= block) {
        rows -= rows % block;
        break;
      }
    if (rows < 1 || rows * stride < window - stride)
      return refuse("the rows of a window are too many of all");
    form.rows = rows;
    auto strips = RowStrips::cut(first, second, form);
    if (!strips)
      return refuse("its rows cannot be cut into strips of " + Twine(rows));
    int64_t twice = strips->rowsMade - images * height;
    if (100 * twice > kMostMadeTwice * images * height)
      return refuse("strips of four threads would make " + Twine(twice) + " of " + Twine(images * height) +
                    " rows twice");
    // Before, what is between was alive beside the input, then beside the result: the arena cannot grow.
    scratchBytes = kSlots * strips->slotElements * elementBytes(between);
    if (std::min(bytesOf(image), bytesOf(result)) + scratchBytes > bytesOf(between))
      return refuse("what is between takes no more memory than strips of it, beside input and result");
    wholeBytes = bytesOf(between) + std::max(bytesOfArena(image), bytesOfArena(kernel.getResult(0)));
    return true;
  }
};

struct FuseChains : impl::FuseChainsBase<FuseChains> {
  void runOnOperation() override {
    if (failed(requireStage(*this, getOperation(), {"N2"})))
      return signalPassFailure();
    SmallVector<nn::KernelOp> kernels;
    getOperation().walk([&](nn::KernelOp kernel) {
      if (isa_and_nonnull<nn::Conv2DOp, nn::Pool2DOp>(kernel.getRoot()))
        kernels.push_back(kernel);
    });
    // A kernel is a part of one chain: those between whose ops most is come first.
    auto order = llvm::to_vector(llvm::seq<size_t>(0, kernels.size()));
    llvm::sort(order, [&](size_t a, size_t b) {
      auto rank = [&](size_t i) { return std::pair(-bytesOf(kernels[i].getRoot()->getOperand(0)), i); };
      return rank(a) < rank(b);
    });
    DenseSet<Operation *> erased;
    for (size_t number : order) {
      nn::KernelOp kernel = kernels[number];
      if (erased.contains(kernel))
        continue;
      Fusion fusion(getOperation(), kernel);
      std::string reason;
      if (fusion.match(reason)) {
        erased.insert_range(fusion.kernels());
        fusion.run();
      } else {
        remark::missed(kernel.getLoc(), remark::RemarkOpts::name("FuseChains").category("nncc-fuse-chains"))
            << kernel.getName().str() << " has no chain: " << remark::reason("{0}", reason);
      }
    }
  }
};
} // namespace
} // namespace nncc
