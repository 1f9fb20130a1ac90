// Which windows make their input by themselves, and how many rows of it at a time.
#include "codegen/cpu/CpuPasses.h"
#include "codegen/cpu/JoinChains.h"
#include "codegen/cpu/MergeKernels.h"
#include "dialects/nn/KernelForms.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Remarks.h"
#include "passes/check/Stage.h"
#include "passes/lower/ScalarMath.h"
#include "passes/memory/MemoryLayout.h"

using namespace mlir;

namespace nncc {
#define GEN_PASS_DEF_FUSECHAINS
#include "codegen/cpu/CpuPasses.h.inc"

namespace {
using cpu::ChainLimits;
using cpu::ChainLink;
using cpu::ChainPlan;
using cpu::FunctionCopy;

constexpr ChainLimits kStrict{3, 4, 4, 4, 1};
// For kernels that have no such chain. What is between 14x14 pixels of MobileNetV2, 1.2 caches of 256 KB, is read from
// there sooner than rows of 14 pixels are computed one by one: 99 to 106 us.
constexpr ChainLimits kWide{12, 2, 2, 3, 1.5};
// What the arena has to fall to for chains that save nothing but memory.
constexpr double kLeastGain = 0.99;

int64_t bytesOf(Value value) { return cpu::chainBytesOf(value); }

/// Integers of 8 bits are what a window reads.
bool readsBytes(nn::KernelOp kernel) {
  return getElementTypeOrSelf(kernel.getRoot()->getOperand(0)).getIntOrFloatBitWidth() <= 8;
}

int64_t peak(ArrayRef<int64_t> loads) { return *llvm::max_element(loads); }

/// Where the tensors of a function would lie as it is.
struct Before {
  FunctionCopy copy;
  MemoryLayout layout;

  explicit Before(func::FuncOp function) : copy(function), layout(layOutInBestOrder(*copy.function)) {}

  /// What the step that needs most of the arena needs.
  int64_t peakBytes() const { return peak(loadsOfSteps(layout)); }

  /// The memory that an input of a kernel lies in, or its result; null where that is the caller's, or a constant.
  const Buffer *arenaOfInput(nn::KernelOp kernel, unsigned input) const {
    return arenaOf(copy.kernels.lookup(kernel).getInputs()[input]);
  }
  const Buffer *arenaOfResult(nn::KernelOp kernel) const { return arenaOf(copy.kernels.lookup(kernel).getResult(0)); }

private:
  const Buffer *arenaOf(Value value) const {
    auto place = layout.places.find(value);
    if (place == layout.places.end())
      return nullptr;
    const Buffer &buffer = layout.buffers[layout.root(place->second.buffer)];
    return buffer.kind == BufferKind::Arena ? &buffer : nullptr;
  }
};

class Fusion {
public:
  Fusion(ModuleOp module, nn::KernelOp kernel) : module(module), kernel(kernel) {}

  /// Finds out whether a window could make its input, in less memory where all of that is in the arena; `reason` says
  /// why not.
  bool match(const ChainLimits &limits, std::string &reason) {
    auto refuse = [&](StringRef why) {
      reason = why.str();
      return false;
    };
    auto second = ChainLink::match(module, kernel, reason);
    if (!second)
      return false;
    if (!second->notBehind.empty())
      return refuse(second->notBehind);
    input = second->image;
    maker = cpu::makerOf(kernel, input);
    auto first = maker ? ChainLink::match(module, maker, reason) : std::nullopt;
    if (!first)
      return refuse("no convolution of floats or bytes makes its input for it alone");
    for (StringRef why : {first->notAhead, first->notInParts, second->notInParts})
      if (!why.empty())
        return refuse(why);
    image = first->image;
    plan = ChainPlan::of({*first, *second}, limits, reason);
    if (!plan)
      return false;
    // Before, what is between was alive beside the input, then beside the result: where all three are in the arena, it
    // cannot grow.
    int64_t beside = std::min(bytesOf(maker.getInputs()[image]), bytesOf(kernel.getResult(0)));
    if (beside + plan->bytesOfScratch() > plan->bytesBetween())
      return refuse("what is between takes no more memory than strips of it, beside input and result");
    l2Bytes = second->machine.getL2Bytes();
    return true;
  }

  /// What is between would go to memory and come back.
  bool savesTime(const ChainLimits &limits) const { return bytesBetween() > limits.least * l2Bytes; }
  int64_t bytesBetween() const { return plan->bytesBetween(); }
  int64_t bytesOfScratch() const { return plan->bytesOfScratch(); }
  nn::KernelOp firstKernel() const { return maker; }
  nn::KernelOp secondKernel() const { return kernel; }
  unsigned inputOfFirst() const { return image; }

  /// Makes the chain of both kernels, or of their copies, which are erased.
  nn::KernelOp merge(nn::KernelOp first, nn::KernelOp second) const {
    nn::KernelOp merged = cpu::mergePrologue(cpu::mergeKernels(first, second, input));
    plan->giveFormTo(merged);
    return merged;
  }

  /// Both kernels are erased.
  void run(const Before &before) {
    std::string name = maker.getName().str();
    auto inArena = [](const Buffer *buffer, Value value) { return buffer ? bytesOf(value) : 0; };
    // What the first reads lay beside what is between while it ran, then what the second makes.
    int64_t beside = std::max(inArena(before.arenaOfInput(maker, image), maker.getInputs()[image]),
                              inArena(before.arenaOfResult(kernel), kernel.getResult(0)));
    int64_t wholeBytes = beside + inArena(before.arenaOfResult(maker), maker.getResult(0));
    nn::KernelOp merged = merge(maker, kernel);
    merged->setAttr(nn::kWholeBytesAttr, Builder(merged).getI64IntegerAttr(wholeBytes));
    remark::passed(merged.getLoc(), remark::RemarkOpts::name("FuseChains").category("nncc-fuse-chains"))
        << merged.getName().str() << " makes what " << name << " made, row by row";
  }

private:
  ModuleOp module;
  nn::KernelOp kernel, maker;
  unsigned input = 0, image = 0; ///< what is between as an input of the second, and what the first one reads
  std::optional<ChainPlan> plan;
  int64_t l2Bytes = 0;
};

/// What the fullest step needs with some chains. Kernels may run in another order then, and write over other operands.
int64_t peakWith(func::FuncOp function, ArrayRef<Fusion *> chains) {
  FunctionCopy copy(function);
  for (const Fusion *chain : chains)
    chain->merge(copy.kernels.lookup(chain->firstKernel()), copy.kernels.lookup(chain->secondKernel()));
  return peak(loadsOfSteps(layOutInBestOrder(*copy.function)));
}

/// Chains that are for memory alone, and what the arena would be with some of them: by an estimate while they are
/// chosen, by a layout of all that are.
class ArenaChoice {
public:
  ArenaChoice(func::FuncOp function, ArrayRef<Fusion *> fusions)
      : function(function), fusions(fusions), isTaken(fusions.size(), false) {
    Before before(function);
    DenseMap<Operation *, unsigned> stepOf;
    for (auto [number, step] : llvm::enumerate(before.layout.steps))
      stepOf[step.kernel] = number;
    whole = loadsOfSteps(before.layout);
    for (Fusion *fusion : fusions) {
      auto step = [&](nn::KernelOp kernel) { return stepOf.lookup(before.copy.kernels.lookup(kernel)); };
      Effect effect{step(fusion->firstKernel()), step(fusion->secondKernel()), 0, 0, 0};
      if (before.arenaOfResult(fusion->firstKernel()))
        effect.between = fusion->bytesBetween();
      if (const Buffer *image = before.arenaOfInput(fusion->firstKernel(), fusion->inputOfFirst()))
        effect.image = image->bytes, effect.endOfImage = image->last + 1;
      effects.push_back(effect);
    }
  }

  /// Takes chains one after the other, each from where the arena is fullest, as long as that makes it smaller; then
  /// leaves those without which it would be as small.
  SmallVector<Fusion *> choose() {
    SmallVector<unsigned> taken;
    while (std::optional<unsigned> next = bestAtPeak()) {
      isTaken[*next] = true;
      taken.push_back(*next);
    }
    int64_t least = peak(loads());
    for (unsigned i : taken) {
      isTaken[i] = false;
      isTaken[i] = peak(loads()) > least;
    }
    SmallVector<Fusion *> chosen;
    for (auto [fusion, isChosen] : llvm::zip(fusions, isTaken))
      if (isChosen)
        chosen.push_back(fusion);
    if (!chosen.empty() && peakWith(function, chosen) > kLeastGain * peak(whole))
      chosen.clear();
    return chosen;
  }

private:
  /// Where a chain changes what is alive.
  struct Effect {
    unsigned first, second; ///< the steps of its kernels
    int64_t between;        ///< bytes of what goes from one to the other, where that is in the arena
    int64_t image;          ///< bytes of what it reads, there too
    unsigned endOfImage;    ///< the step behind the last that needs it anyway
  };

  func::FuncOp function;
  ArrayRef<Fusion *> fusions;
  std::vector<int64_t> whole; ///< bytes that each step needs without any chain
  SmallVector<Effect> effects;
  SmallVector<bool> isTaken;

  std::vector<int64_t> loads() const {
    std::vector<int64_t> loads = whole;
    for (auto [fusion, effect, isIn] : llvm::zip(fusions, effects, isTaken)) {
      if (!isIn)
        continue;
      for (unsigned step = effect.first; step <= effect.second; ++step)
        loads[step] += (step < effect.endOfImage ? 0 : effect.image) - effect.between;
      loads[effect.second] += fusion->bytesOfScratch();
    }
    for (auto [effect, isIn] : llvm::zip(effects, isTaken))
      if (isIn)
        loads[effect.first] = 0; // nothing runs there any longer
    return loads;
  }

  bool isFree(unsigned i) const {
    return llvm::none_of(llvm::zip(fusions, isTaken), [&](auto other) {
      auto [fusion, isIn] = other;
      auto kernels = {fusion->firstKernel(), fusion->secondKernel()};
      return isIn && (llvm::is_contained(kernels, fusions[i]->firstKernel()) ||
                      llvm::is_contained(kernels, fusions[i]->secondKernel()));
    });
  }

  /// The chain that takes most from the fullest step; none where nothing takes away from it.
  std::optional<unsigned> bestAtPeak() {
    std::vector<int64_t> before = loads();
    unsigned fullest = std::distance(before.begin(), llvm::max_element(before));
    std::optional<unsigned> best;
    int64_t least = before[fullest];
    for (unsigned i = 0; i < fusions.size(); ++i) {
      const Effect &effect = effects[i];
      if (fullest < effect.first || fullest > effect.second || !isFree(i))
        continue;
      isTaken[i] = true;
      std::vector<int64_t> with = loads();
      isTaken[i] = false;
      int64_t most = peak(ArrayRef(with).slice(effect.first, effect.second - effect.first + 1));
      if (most < least)
        best = i, least = most;
    }
    return best;
  }
};

struct FuseChains : impl::FuseChainsBase<FuseChains> {
  using FuseChainsBase::FuseChainsBase;

  void runOnOperation() override {
    if (failed(requireStage(*this, getOperation(), {"N2"})))
      return signalPassFailure();
    for (auto function : getOperation().getOps<func::FuncOp>())
      fuseIn(function);
  }

  /// Chains that there could be.
  struct Selection {
    std::vector<Fusion> forTime;   ///< a kernel is a part of one at most
    std::vector<Fusion> forMemory; ///< worth it where the arena falls
    DenseSet<Operation *> taken;   ///< the kernels of those that save time
    SmallVector<std::pair<nn::KernelOp, std::string>> missed;
  };

  /// fits  whether chains have room in the arena, asked of each beside all that are taken already; null: they have
  Selection select(ArrayRef<nn::KernelOp> kernels, function_ref<bool(std::vector<Fusion> &)> fits) {
    constexpr StringLiteral isOfOther = "what makes its input is a part of another chain";
    Selection found;
    std::vector<std::string> reasons(kernels.size());
    for (const ChainLimits *limits : {&kStrict, &kWide})
      for (auto [kernel, reason] : llvm::zip(kernels, reasons)) {
        // Wide limits buy time: chains of bytes save memory, or what strict ones let through.
        if (found.taken.contains(kernel) || (limits == &kWide && readsBytes(kernel)))
          continue;
        Fusion fusion(getOperation(), kernel);
        if (!fusion.match(*limits, reason))
          continue;
        reason.clear();
        if (found.taken.contains(fusion.firstKernel())) {
          reason = isOfOther.str();
        } else if (!fusion.savesTime(*limits)) {
          if (readsBytes(kernel))
            found.forMemory.push_back(fusion);
          else
            reason = "its input stays in the cache";
        } else if (savesCode && limits == &kWide) {
          found.forMemory.push_back(fusion);
        } else {
          found.forTime.push_back(fusion);
          if (!fits || fits(found.forTime)) {
            found.taken.insert_range(std::array<Operation *, 2>{fusion.firstKernel(), kernel});
          } else {
            found.forTime.pop_back();
            reason = "the arena would be larger";
          }
        }
      }
    llvm::erase_if(found.forMemory, [&](Fusion &fusion) {
      bool makerIsTaken = found.taken.contains(fusion.firstKernel());
      if (makerIsTaken && !found.taken.contains(fusion.secondKernel()))
        found.missed.push_back({fusion.secondKernel(), isOfOther.str()});
      return makerIsTaken || found.taken.contains(fusion.secondKernel());
    });
    for (auto [kernel, reason] : llvm::zip(kernels, reasons))
      if (!found.taken.contains(kernel) && !reason.empty())
        found.missed.push_back({kernel, reason});
    return found;
  }

  void fuseIn(func::FuncOp function) {
    SmallVector<nn::KernelOp> kernels;
    function.walk([&](nn::KernelOp kernel) {
      if (isa_and_nonnull<nn::Conv2DOp, nn::Pool2DOp>(kernel.getRoot()))
        kernels.push_back(kernel);
    });
    // Those between whose ops most is come first.
    llvm::sort(kernels, [](nn::KernelOp a, nn::KernelOp b) {
      int64_t ofA = bytesOf(a.getRoot()->getOperand(0)), ofB = bytesOf(b.getRoot()->getOperand(0));
      return ofA != ofB ? ofA > ofB : a->isBeforeInBlock(b);
    });
    // What windows are to chains, as long as each is a kernel of its own.
    DenseMap<Operation *, ChainLink> links;
    for (nn::KernelOp kernel : kernels) {
      std::string reason;
      if (auto link = ChainLink::match(getOperation(), kernel, reason))
        links.try_emplace(link->window, *link);
    }
    Selection found = select(kernels, nullptr);
    std::optional<Before> before;
    if (!found.forTime.empty() || !found.forMemory.empty())
      before.emplace(function);
    // What is between may lie in the caller's memory, as strips cannot. That is rare: one after the other is measured
    // only where all of them make the arena larger.
    auto fits = [&](std::vector<Fusion> &chains) {
      return peakWith(function, llvm::to_vector(llvm::make_pointer_range(chains))) <= before->peakBytes();
    };
    if (!found.forTime.empty() && !fits(found.forTime))
      found = select(kernels, fits);
    for (Fusion &fusion : found.forTime)
      fusion.run(*before);
    for (auto &[kernel, reason] : found.missed)
      miss(kernel, reason);
    SmallVector<Fusion *> left = llvm::to_vector(llvm::make_pointer_range(found.forMemory)), chosen;
    if (!left.empty())
      chosen = ArenaChoice(function, left).choose();
    for (Fusion *fusion : left)
      if (!llvm::is_contained(chosen, fusion))
        miss(fusion->secondKernel(), readsBytes(fusion->secondKernel())
                                         ? "its input stays in the cache, and the arena would be no smaller"
                                         : "it would take code, and the arena would be no smaller");
    for (Fusion *fusion : chosen)
      fusion->run(*before);
    if (join)
      for (nn::KernelOp kernel : cpu::joinChains(function, links))
        remark::passed(kernel.getLoc(), remark::RemarkOpts::name("FuseChains").category("nncc-fuse-chains"))
            << kernel.getName() << " is a chain of " << remark::metric("Windows", cpu::windowsOf(kernel).size())
            << " windows";
    function.walk([&](nn::KernelOp kernel) { chooseMoves(kernel); });
  }

  /// Rows that stay where they are take code for strips that go down, and where they are several, micro-kernels of 1 to
  /// 3 KB. What they save was not timed where machines multiply by lanes, as Arm's do.
  void chooseMoves(nn::KernelOp kernel) {
    auto its = kernel->getAttrOfType<DictionaryAttr>(nn::kFormAttr);
    auto form = cpu::RowsForm::from(its);
    if (!form || !(savesCode || cpu::getMachine(kernel).getFmaLane()))
      return;
    form->moves = true;
    kernel->setAttr(nn::kFormAttr, form->getAttr(kernel.getContext(), nn::scratchBytes(its)));
  }

  static void miss(nn::KernelOp kernel, StringRef reason) {
    remark::missed(kernel.getLoc(), remark::RemarkOpts::name("FuseChains").category("nncc-fuse-chains"))
        << kernel.getName().str() << " has no chain: " << remark::reason("{0}", reason);
  }
};
} // namespace
} // namespace nncc
