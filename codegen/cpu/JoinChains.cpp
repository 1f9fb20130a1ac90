// Each join is tried on a copy, whose memory is laid out.
#include "codegen/cpu/JoinChains.h"
#include "codegen/cpu/MergeKernels.h"
#include "dialects/nn/KernelForms.h"
#include "passes/memory/MemoryLayout.h"

using namespace mlir;
using namespace nncc;
using namespace nncc::cpu;

// Windows of a chain at most: each is code for the rows at the top, in the middle and at the bottom of an image.
static constexpr size_t kMostWindows = 4;
// What the arena has to fall to.
static constexpr double kLeastGain = 0.99;
// The same where threads share other kernels less for it.
static constexpr double kLeastGainForThreads = 0.9;
// Kernels that are laid out, in all layouts that are tried: half a second. A network of many equal blocks needs as many
// joins before its arena falls.
static constexpr int64_t kMostWork = 50000;
// What is between takes its memory whether it fits the cache or not. Where it does not, more rows than fit the cache
// are still better than all of it: they are fewer calls.
static constexpr ChainLimits kLimits{12, 2, 0.5, 3, 0};

namespace {

/// Kernels that one kernel is to be made of, one reading what the one before it makes.
struct Group {
  SmallVector<nn::KernelOp> kernels;
  std::optional<ChainPlan> plan; ///< where they are several, or have fewer rows than before
};
using Groups = std::vector<Group>;

class Joining {
public:
  Joining(func::FuncOp function, const DenseMap<Operation *, ChainLink> &links) : function(function), links(links) {
    for (auto kernel : function.getOps<nn::KernelOp>()) {
      if (auto bytes = kernel->getAttrOfType<IntegerAttr>(nn::kWholeBytesAttr))
        wholeBytes = std::max(wholeBytes, bytes.getInt());
      if (isPart(kernel))
        groups.push_back({{kernel}, std::nullopt});
    }
  }

  SmallVector<nn::KernelOp> run() {
    if (groups.size() < 2)
      return {};
    const Layout before = layOut(groups);
    Layout best = before;
    while (joinAtPeak(before, best)) {
    }
    joinForFewerThreads(before, best);
    useRoom(best);
    SmallVector<nn::KernelOp> made;
    if (best.peak > kLeastGain * before.peak)
      return made;
    for (const Group &group : groups) {
      if (!group.plan)
        continue;
      int64_t whole = 0;
      for (nn::KernelOp kernel : group.kernels)
        if (auto bytes = kernel->getAttrOfType<IntegerAttr>(nn::kWholeBytesAttr))
          whole = std::max(whole, bytes.getInt());
      nn::KernelOp merged = merge(group, [](nn::KernelOp kernel) { return kernel; });
      if (whole)
        merged->setAttr(nn::kWholeBytesAttr, Builder(merged).getI64IntegerAttr(whole));
      made.push_back(merged);
    }
    return made;
  }

private:
  func::FuncOp function;
  const DenseMap<Operation *, ChainLink> &links;
  int64_t wholeBytes = 0, work = 0;
  bool keepsSlots = true; ///< as many threads may work on a kernel at once as before
  Groups groups;

  /// Where the tensors of the function would lie.
  struct Layout {
    int64_t peak = 0;
    size_t atPeak = 0; ///< steps that need as much
    unsigned fullest = 0;
    SmallVector<unsigned> steps; ///< of the groups
    SmallVector<int64_t> beside; ///< for each kernel that offers forms: bytes of what is alive while it runs
    auto cost() const { return std::pair(peak, atPeak); }
  };

  /// A window, or several, and nothing but what is elementwise.
  bool isPart(nn::KernelOp kernel) const {
    auto form = kernel->getAttrOfType<DictionaryAttr>(nn::kFormAttr);
    if (hasForm(kernel) && !RowsForm::from(form))
      return false;
    SmallVector<Operation *> windows = windowsOf(kernel);
    return !windows.empty() && windows.back() == kernel.getRoot() &&
           llvm::all_of(windows, [&](Operation *window) { return links.contains(window); });
  }

  SmallVector<ChainLink> linksOf(const Group &group) const {
    SmallVector<ChainLink> found;
    for (nn::KernelOp kernel : group.kernels)
      for (Operation *window : windowsOf(kernel))
        found.push_back(links.find(window)->second);
    return found;
  }

  /// The kernel that makes the image of a group, and nothing else reads it; null where there is none.
  static nn::KernelOp makerOf(const Group &group) {
    nn::KernelOp first = group.kernels.front();
    std::optional<unsigned> image = imageOf(first);
    return image ? soleMakerOf(first, *image) : nn::KernelOp();
  }

  /// Two groups as one, the second reading what the first makes.
  ///
  /// returns  no kernels where there is no chain of them
  Group join(const Group &first, const Group &second) const {
    Group both{first.kernels, std::nullopt};
    llvm::append_range(both.kernels, second.kernels);
    size_t inputs = 1;
    for (nn::KernelOp part : both.kernels)
      inputs += part.getInputs().size() - 1;
    SmallVector<ChainLink> parts = linksOf(both);
    if (inputs > kMostInputs || parts.size() > kMostWindows)
      return {};
    for (size_t i = 0; i < parts.size(); ++i)
      if (!parts[i].notInParts.empty() || (i > 0 && !parts[i].notBehind.empty()) ||
          (i + 1 < parts.size() && !parts[i].notAhead.empty()))
        return {};
    return both;
  }

  /// The rows that a group has now; more than any where it is no chain.
  static int64_t rowsOf(const Group &group) {
    if (group.plan)
      return group.plan->rows();
    auto form = group.kernels.size() == 1
                    ? RowsForm::from(group.kernels.front()->getAttrOfType<DictionaryAttr>(nn::kFormAttr))
                    : std::nullopt;
    return form ? form->rows : INT64_MAX;
  }

  /// Plans for a chain, those with most rows first.
  SmallVector<ChainPlan> plansOf(const Group &group) const {
    SmallVector<ChainPlan> plans;
    SmallVector<ChainLink> parts = linksOf(group);
    std::string reason;
    for (int64_t most = parts.size() > 1 ? INT64_MAX : 0; most > 0; most = plans.back().rows() / 2) {
      auto plan = ChainPlan::of(parts, kLimits, reason, most);
      if (!plan)
        break;
      plans.push_back(std::move(*plan));
    }
    return plans;
  }

  /// Merges the kernels of a group, or their copies.
  static nn::KernelOp merge(const Group &group, function_ref<nn::KernelOp(nn::KernelOp)> copyOf) {
    nn::KernelOp merged = copyOf(group.kernels.front());
    for (nn::KernelOp next : llvm::drop_begin(group.kernels)) {
      unsigned image = *imageOf(copyOf(next));
      merged = mergeKernels(merged, copyOf(next), image);
    }
    if (group.plan) {
      merged = mergePrologue(merged);
      group.plan->giveFormTo(merged);
    }
    return merged;
  }

  Layout layOut(const Groups &groups) {
    FunctionCopy copy(function);
    work += copy.kernels.size();
    SmallVector<Operation *> merged;
    for (const Group &group : groups)
      merged.push_back(merge(group, [&](nn::KernelOp kernel) { return copy.kernels.lookup(kernel); }));
    MemoryLayout layout = layOutInBestOrder(*copy.function);
    std::vector<int64_t> loads = loadsOfSteps(layout);
    DenseMap<Operation *, unsigned> stepOf;
    for (auto [number, step] : llvm::enumerate(layout.steps))
      if (step.kernel)
        stepOf[step.kernel] = number;
    Layout found;
    found.fullest = std::distance(loads.begin(), llvm::max_element(loads));
    found.peak = loads[found.fullest];
    found.atPeak = llvm::count(loads, found.peak);
    for (Operation *kernel : merged)
      found.steps.push_back(stepOf.lookup(kernel));
    for (auto kernel : function.getOps<nn::KernelOp>())
      if (!nn::offeredForms(kernel).empty())
        found.beside.push_back(loads[stepOf.lookup(copy.kernels.lookup(kernel))]);
    return found;
  }

  /// What the arena may be for forms; PlanMemory.cpp says why.
  int64_t room(const Layout &layout) const {
    return std::max(layout.peak, std::min(layout.peak + layout.peak / 10, wholeBytes));
  }

  /// Forms of which the one differs from the other in the number of threads that may work at once.
  static bool differInSlots(Attribute a, Attribute b) {
    auto withoutSlots = [](Attribute form) {
      NamedAttrList parts(cast<DictionaryAttr>(form));
      parts.erase("slots");
      parts.erase("scratch_bytes");
      return parts.getDictionary(form.getContext());
    };
    return a != b && withoutSlots(a) == withoutSlots(b);
  }

  /// Kernels that offer forms find room for the same as before, or, unless it is to keep its slots, for it with fewer.
  bool keepsForms(const Layout &before, const Layout &after) {
    size_t number = 0;
    for (auto kernel : function.getOps<nn::KernelOp>()) {
      ArrayAttr forms = nn::offeredForms(kernel);
      if (forms.empty())
        continue;
      auto firstIn = [&](const Layout &layout) {
        return llvm::find_if(forms, [&](Attribute form) {
          return layout.beside[number] + nn::scratchBytes(cast<DictionaryAttr>(form)) <= room(layout);
        });
      };
      const Attribute *had = firstIn(before), *has = firstIn(after);
      if (has > had && (keepsSlots || has == forms.end() || !differInSlots(*had, *has)))
        return false;
      ++number;
    }
    return true;
  }

  /// Joins two groups between which something lies while the arena is fullest, or has a chain that runs then make fewer
  /// rows at a time: what helps most. Chains have as few rows as they may.
  bool joinAtPeak(const Layout &before, Layout &best) {
    std::optional<Groups> better;
    const Layout now = best;
    auto attempt = [&](Groups changed, size_t number) {
      SmallVector<ChainPlan> plans = plansOf(changed[number]);
      if (plans.empty() || plans.back().rows() >= rowsOf(changed[number]))
        return;
      changed[number].plan = plans.back();
      Layout layout = layOut(changed);
      if (layout.cost() < best.cost() && keepsForms(before, layout))
        best = std::move(layout), better = std::move(changed);
    };
    for (size_t b = 0; b < groups.size() && work < kMostWork; ++b) {
      if (now.steps[b] < now.fullest)
        continue;
      if (now.steps[b] == now.fullest)
        attempt(groups, b);
      const nn::KernelOp maker = makerOf(groups[b]);
      for (size_t a = 0; maker && a < groups.size() && work < kMostWork; ++a) {
        if (groups[a].kernels.back() != maker || now.steps[a] > now.fullest)
          continue;
        Group both = join(groups[a], groups[b]);
        if (both.kernels.empty())
          continue;
        Groups joined = groups;
        joined[b] = std::move(both);
        joined.erase(joined.begin() + a);
        attempt(std::move(joined), a < b ? b - 1 : b);
      }
    }
    if (better)
      groups = std::move(*better);
    return better.has_value();
  }

  /// Goes on where other kernels find room for fewer slots then, and takes that where the arena falls by much.
  void joinForFewerThreads(const Layout &before, Layout &best) {
    const Groups keeping = groups;
    Layout layout = best;
    keepsSlots = false;
    while (joinAtPeak(before, layout)) {
    }
    keepsSlots = true;
    if (layout.peak > kLeastGainForThreads * best.peak)
      groups = keeping;
    else
      best = std::move(layout);
  }

  /// Gives chains as many rows as the arena has room for: fewer rows are more calls.
  void useRoom(const Layout &best) {
    for (size_t i = 0; i < groups.size(); ++i) {
      if (!groups[i].plan)
        continue;
      for (ChainPlan &plan : plansOf(groups[i])) {
        if (plan.rows() <= groups[i].plan->rows() || work >= kMostWork)
          break;
        Groups changed = groups;
        changed[i].plan = plan;
        Layout layout = layOut(changed);
        if (layout.peak <= best.peak && keepsForms(best, layout)) {
          groups = std::move(changed);
          break;
        }
      }
    }
  }
};

} // namespace

SmallVector<nn::KernelOp> cpu::joinChains(func::FuncOp function, const DenseMap<Operation *, ChainLink> &links) {
  return Joining(function, links).run();
}
