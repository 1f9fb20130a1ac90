// N2 -> P: gives every tensor its place. MemoryLayout.h says who shares memory with whom, OrderPlanner.h in which order
// the kernels run, ArenaPlanner.h where in the arena the buffers lie.
#include "dialects/nn/KernelForms.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/Remarks.h"
#include "passes/Passes.h"
#include "passes/check/Stage.h"
#include "passes/memory/ArenaPlanner.h"
#include "passes/memory/MemoryLayout.h"
#include "passes/memory/OrderPlanner.h"

using namespace mlir;

namespace nncc {
#define GEN_PASS_DEF_PLANMEMORY
#include "passes/Passes.h.inc"

namespace {

/// What is replaced may run a little slower: the arena has to fall by a percent for that.
constexpr double kLeastReplacementGain = 0.99;
/// Every try plans the whole memory anew.
constexpr int64_t kMostReplacementTries = 16;

/// The steps of a layout as the order planner sees them: only memory in the arena counts.
OrderProblem orderProblem(const MemoryLayout &layout) {
  OrderProblem problem;
  for (const Buffer &buffer : layout.buffers)
    problem.bufferBytes.push_back(
        buffer.kind == BufferKind::Arena ? (int64_t)llvm::alignTo(buffer.bytes, kArenaAlignment) : 0);
  for (const Step &step : layout.steps) {
    OrderStep abstract;
    auto touch = [&](int buffer) {
      if (problem.bufferBytes[buffer] > 0 && !llvm::is_contained(abstract.touches, buffer))
        abstract.touches.push_back(buffer);
    };
    for (unsigned tensor : step.reads) {
      abstract.after.push_back(layout.tensors[tensor].step);
      touch(layout.tensors[tensor].buffer);
    }
    llvm::sort(abstract.after);
    abstract.after.erase(llvm::unique(abstract.after), abstract.after.end());
    for (unsigned tensor : step.writes)
      touch(layout.tensors[tensor].buffer);
    if (step.scratch >= 0)
      abstract.scratchBytes = llvm::alignTo(layout.buffers[step.scratch].bytes, kArenaAlignment);
    for (unsigned input : inputsToOverwrite(layout, step)) {
      nn::KernelOp kernel = step.kernel;
      abstract.overwrites.push_back(layout.places.find(kernel.getInputs()[input])->second.buffer);
      abstract.resultBytes = problem.bufferBytes[layout.tensors[step.writes.front()].buffer];
    }
    problem.steps.push_back(std::move(abstract));
  }
  return problem;
}

/// Fills in which buffers of the arena kernels read while they write others.
void findWhatIsBeside(const MemoryLayout &layout, ArrayRef<unsigned> owner, std::vector<ArenaBuffer> &live) {
  DenseMap<int, unsigned> numberOf;
  for (auto [number, buffer] : llvm::enumerate(owner))
    numberOf[buffer] = number;
  auto numbers = [&](ArrayRef<unsigned> tensors) {
    SmallVector<unsigned> found;
    for (unsigned tensor : tensors)
      if (auto number = numberOf.find(layout.root(layout.tensors[tensor].buffer)); number != numberOf.end())
        found.push_back(number->second);
    return found;
  };
  for (const Step &step : layout.steps)
    for (unsigned written : numbers(step.writes))
      for (unsigned read : numbers(step.reads))
        if (read != written && !llvm::is_contained(live[written].beside, read)) {
          live[written].beside.push_back(read);
          live[read].beside.push_back(written);
        }
}

/// Which memory tensors may lie in, and when.
enum class Reuse {
  None,    ///< each has its own part of the arena to the end
  Arena,   ///< that of others, when these are read for the last time
  Outputs, ///< that of outputs, too, before these are written
};

/// What made the arena smaller, as a remark says it.
struct Change {
  StringLiteral name;
  std::string what;
  int64_t bytesBefore, bytes;
};

struct Plan {
  MemoryLayout layout;
  int64_t arenaBytes = 0;
  unsigned fullest = 0; ///< the step that needs the most memory
  bool isReordered = false, usesOutputs = false;
  SmallVector<Change, 0> changes;
};

/// Finds an offset for every buffer in the arena; nothing when the arena would be larger than `limit` in any case.
std::optional<Plan> pack(MemoryLayout layout, Reuse reuse, int64_t limit = INT64_MAX) {
  computeLifetimes(layout);
  if (reuse != Reuse::None)
    mergeInPlace(layout);
  Plan plan;
  plan.usesOutputs = reuse == Reuse::Outputs && useOutputs(layout);
  std::vector<ArenaBuffer> live;
  std::vector<unsigned> owner;
  for (auto [index, buffer] : llvm::enumerate(layout.buffers)) {
    if (buffer.kind != BufferKind::Arena || buffer.mergedInto >= 0 || buffer.first == ~0u)
      continue;
    if (reuse == Reuse::None)
      buffer.first = 0, buffer.last = layout.steps.size();
    live.push_back({buffer.bytes, buffer.first, buffer.last, -1, {}});
    owner.push_back(index);
  }
  if (arenaLoad(live, kArenaAlignment, &plan.fullest) - kArenaAlignment >= limit)
    return std::nullopt;
  plan.arenaBytes = planArena(live, kArenaAlignment);
  if (reuse != Reuse::None) {
    findWhatIsBeside(layout, owner, live);
    staggerBuffers(live, plan.arenaBytes);
  }
  for (auto [buffer, index] : llvm::zip(live, owner))
    layout.buffers[index].offset = buffer.offset;
  plan.layout = std::move(layout);
  return plan;
}

/// The better of two orders: that of the function, and the one with the lowest peak. Nothing when neither can be below
/// `limit`.
std::optional<Plan> planInBestOrder(func::FuncOp function, Reuse reuse, int64_t limit = INT64_MAX) {
  MemoryLayout layout = layOut(function);
  std::optional<Plan> plan = pack(layout, reuse, limit);
  if (reuse == Reuse::None)
    return plan;
  reorder(layout, planOrder(orderProblem(layout)).steps);
  std::optional<Plan> other = pack(std::move(layout), reuse, plan ? plan->arenaBytes : limit);
  if (!other || (plan && other->arenaBytes >= plan->arenaBytes))
    return plan;
  other->isReordered = true;
  return other;
}

/// What a kernel may be replaced by where the arena is fullest.
struct Replacement {
  StringLiteral name, what; ///< of a remark
  bool (*isPossible)(nn::KernelOp);
  void (*replace)(nn::KernelOp);
};
constexpr Replacement kReplacements[] = {
    {"Fill", " fills the rest of what is written there in place", mayFillBesideInPlace, fillBesideInPlace},
    {"Fill", " fills the rest of what is written there", mayFillBeside, fillBeside},
    {"Split", " reads the pieces of a concatenation", maySplitOverConcat, splitOverConcat},
};

/// Kernels that could be replaced, and read what takes memory where the arena is fullest.
SmallVector<unsigned> kernelsToReplace(func::FuncOp function, const Plan &plan, const Replacement &replacement) {
  SmallVector<unsigned> found;
  for (auto [number, kernel] : llvm::enumerate(function.getOps<nn::KernelOp>())) {
    bool isAtPeak = llvm::any_of(kernel.getInputs(), [&](Value input) {
      auto place = plan.layout.places.find(input);
      if (place == plan.layout.places.end())
        return false;
      const Buffer &buffer = plan.layout.buffers[plan.layout.root(place->second.buffer)];
      return buffer.kind == BufferKind::Arena && buffer.first <= plan.fullest && plan.fullest <= buffer.last;
    });
    if (isAtPeak && replacement.isPossible(kernel))
      found.push_back(number);
  }
  return found;
}

/// Makes a function what a copy of it has become, and has the better plan of that.
void take(func::FuncOp function, Plan &best, func::FuncOp copy, Plan better) {
  // The operations move, so that the plan still speaks of them.
  function.getBody().takeBody(copy.getBody());
  better.changes = std::move(best.changes);
  best = std::move(better);
}

/// Replaces kernels as long as that makes the arena smaller.
void replaceAtPeak(func::FuncOp function, Reuse reuse, const Replacement &replacement, Plan &best) {
  bool isBetter = true;
  for (int64_t tries = 0; isBetter && tries < kMostReplacementTries;) {
    isBetter = false;
    for (unsigned number : kernelsToReplace(function, best, replacement)) {
      if (++tries > kMostReplacementTries)
        break;
      OwningOpRef<func::FuncOp> copy(function.clone());
      auto kernel = *std::next(copy->getOps<nn::KernelOp>().begin(), number);
      std::string name = kernel.getName().str();
      replacement.replace(kernel);
      int64_t limit = best.arenaBytes * kLeastReplacementGain;
      std::optional<Plan> plan = planInBestOrder(*copy, reuse, limit);
      if (!plan || plan->arenaBytes > limit)
        continue;
      best.changes.push_back({replacement.name, name + replacement.what.str(), best.arenaBytes, plan->arenaBytes});
      take(function, best, *copy, std::move(*plan));
      isBetter = true;
      break;
    }
  }
}

/// Writes a result again, in a kernel that does nothing else; all others read that.
void copyResult(nn::KernelOp kernel) {
  OpBuilder builder(kernel->getContext());
  builder.setInsertionPointAfter(kernel);
  Value result = kernel.getResult(0);
  auto copy = nn::KernelOp::create(builder, kernel.getLoc(), result.getType(), (kernel.getName() + "_copy").str(),
                                   result, ValueRange(), Value(), StringAttr(), kernel.getNodesAttr());
  placeLike(copy, kernel);
  Block &body = copy.getBody().emplaceBlock();
  body.addArgument(result.getType(), kernel.getLoc());
  OpBuilder inner = OpBuilder::atBlockEnd(&body);
  nn::YieldOp::create(inner, kernel.getLoc(), body.getArguments());
  result.replaceAllUsesExcept(copy.getResult(0), copy);
}

/// The kernel that writes a piece of a concatenation where the arena is fullest; its number in the function.
std::optional<unsigned> pieceAtPeak(func::FuncOp function, const Plan &plan) {
  if (plan.layout.steps.empty()) // all results are empty
    return std::nullopt;
  nn::KernelOp kernel = plan.layout.steps[plan.fullest].kernel;
  if (!kernel || kernel.getNumResults() != 1)
    return std::nullopt;
  const Place &place = plan.layout.places.find(kernel.getResult(0))->second;
  const Buffer &buffer = plan.layout.buffers[place.buffer];
  if (plan.layout.buffers[plan.layout.root(place.buffer)].kind != BufferKind::Arena ||
      byteSize(tensorOf(kernel.getResult(0))) == buffer.bytes)
    return std::nullopt;
  auto kernels = function.getOps<nn::KernelOp>();
  return std::distance(kernels.begin(), llvm::find(kernels, kernel));
}

/// Copies pieces of concatenations into them, as long as that makes the arena smaller: a concatenation takes memory
/// from its first piece on, which may be where much else is alive.
void copyAtPeak(func::FuncOp function, Reuse reuse, Plan &best) {
  for (int64_t tries = 0; tries < kMostReplacementTries; ++tries) {
    std::optional<unsigned> number = pieceAtPeak(function, best);
    if (!number)
      return;
    OwningOpRef<func::FuncOp> copy(function.clone());
    auto kernel = *std::next(copy->getOps<nn::KernelOp>().begin(), *number);
    copyResult(kernel);
    int64_t limit = best.arenaBytes * kLeastReplacementGain;
    std::optional<Plan> plan = planInBestOrder(*copy, reuse, limit);
    if (!plan || plan->arenaBytes > limit)
      return;
    best.changes.push_back(
        {"Copy", kernel.getName().str() + " is copied into a concatenation", best.arenaBytes, plan->arenaBytes});
    take(function, best, *copy, std::move(*plan));
  }
}

/// The plan of the whole function, whose kernels may be replaced and copied.
Plan planWhole(func::FuncOp function, Reuse reuse) {
  Plan plan = *planInBestOrder(function, reuse);
  if (reuse != Reuse::None) {
    for (const Replacement &replacement : kReplacements)
      replaceAtPeak(function, reuse, replacement, plan);
    copyAtPeak(function, reuse, plan);
  }
  return plan;
}

/// Where nothing lies in the arena during a step.
struct FreeMemory {
  int64_t gap = 0, gapBytes = 0; ///< the largest part
  int64_t tail = 0;              ///< from here on there is nothing
};

FreeMemory freeMemory(const Plan &plan, unsigned step) {
  SmallVector<std::pair<int64_t, int64_t>> taken;
  for (const Buffer &buffer : plan.layout.buffers)
    if (buffer.kind == BufferKind::Arena && buffer.mergedInto < 0 && buffer.first <= step && step <= buffer.last)
      taken.push_back({buffer.offset, buffer.offset + (int64_t)llvm::alignTo(buffer.bytes, kArenaAlignment)});
  llvm::sort(taken);
  taken.push_back({plan.arenaBytes, plan.arenaBytes});
  FreeMemory free;
  for (auto [begin, end] : taken) {
    if (begin - free.tail > free.gapBytes)
      free.gap = free.tail, free.gapBytes = begin - free.tail;
    if (begin < end)
      free.tail = std::max(free.tail, end);
  }
  return free;
}

/// Says that a kernel runs in another form than it would if the arena were `slack` bytes larger than its tensors are.
Attribute describeWithoutRoom(nn::KernelOp kernel, StringRef form, int64_t slack, Builder b) {
  remark::missed(kernel.getLoc(), remark::RemarkOpts::name("NoRoom").category("nncc-plan-memory"))
      << kernel.getName() << " has no room for the scratch memory of its form '" << form
      << "': " << remark::metric("Slack", slack) << " bytes of --arena-slack give it some";
  return b.getDictionaryAttr({b.getNamedAttr("kernel", b.getStringAttr(kernel.getName())),
                              b.getNamedAttr("form", b.getStringAttr(form)),
                              b.getNamedAttr("slack", b.getI64IntegerAttr(slack))});
}

/// Gives every kernel the first form that it offers whose scratch memory has room where nothing lies while it runs, or
/// behind all that does without the arena growing beyond `limit`, or `furtherLimit`, which is asked for when it
/// matters. Where every tensor keeps its memory to the end, there is room behind them all.
///
/// returns the kernels that the kind of form they offer first has no room for: kernel, form, and the slack that it
/// needs
FailureOr<ArrayAttr> takeForms(Plan &plan, Reuse reuse, int64_t limit, llvm::function_ref<int64_t()> furtherLimit,
                               Builder b) {
  const int64_t ofTensors = plan.arenaBytes, tensors = llvm::alignTo(ofTensors, kArenaAlignment);
  SmallVector<Attribute> withoutRoom;
  for (auto [index, step] : llvm::enumerate(plan.layout.steps)) {
    ArrayAttr forms = step.kernel ? nn::offeredForms(step.kernel) : ArrayAttr();
    if (!forms || forms.empty())
      continue;
    FreeMemory free = reuse != Reuse::None ? freeMemory(plan, index) : FreeMemory{tensors, INT64_MAX, tensors};
    auto fits = [&](Attribute form) {
      int64_t bytes = nn::scratchBytes(cast<DictionaryAttr>(form));
      return bytes <= free.gapBytes || bytes <= limit - free.tail;
    };
    const auto *found = llvm::find_if(forms, fits);
    if (found != forms.begin()) {
      limit = std::max(limit, furtherLimit());
      found = llvm::find_if(forms, fits);
    }
    if (found == forms.end())
      return step.kernel.emitOpError() << "offers no form that has room";
    auto form = cast<DictionaryAttr>(*found);
    if (StringRef first = nn::formName(cast<DictionaryAttr>(forms[0])); first != nn::formName(form)) {
      int64_t least = INT64_MAX;
      for (auto other : forms.getAsRange<DictionaryAttr>())
        if (nn::formName(other) == first)
          least = std::min(least, nn::scratchBytes(other));
      withoutRoom.push_back(describeWithoutRoom(step.kernel, first, free.tail + least - ofTensors, b));
    }
    if (int64_t bytes = nn::scratchBytes(form); bytes > 0) {
      step.scratch = plan.layout.buffers.size();
      unsigned now = index;
      int64_t offset = bytes <= free.gapBytes ? free.gap : free.tail;
      plan.layout.buffers.push_back({BufferKind::Arena, 0, bytes, now, now, offset});
      plan.arenaBytes = std::max(plan.arenaBytes, offset + bytes);
    }
    nn::takeForm(step.kernel, form);
  }
  return b.getArrayAttr(withoutRoom);
}

/// What `nncc inspect` says of what makes the peak.
ArrayAttr describe(const MemoryLayout &layout, const StepLoad &load, Builder b) {
  SmallVector<Attribute> tensors;
  auto add = [&](StringRef tensor, int64_t bytes, int64_t offset, StringRef kernel) {
    tensors.push_back(b.getDictionaryAttr(
        {b.getNamedAttr("tensor", b.getStringAttr(tensor)), b.getNamedAttr("bytes", b.getI64IntegerAttr(bytes)),
         b.getNamedAttr("offset", b.getI64IntegerAttr(offset)), b.getNamedAttr("kernel", b.getStringAttr(kernel))}));
  };
  for (unsigned index : load.alive) {
    const Tensor &tensor = layout.tensors[index];
    const Step &step = layout.steps[tensor.step];
    nn::KernelOp kernel = step.kernel;
    std::string name = kernel ? kernel.getName().str() : step.copyName;
    const Place &place = kernel ? layout.places.find(tensor.value)->second : step.copyDestination;
    int64_t offset = layout.buffers[layout.root(place.buffer)].offset + place.byteOffset;
    add(tensorName(tensor.value), tensor.bytes, offset, name);
  }
  if (const Step *step = layout.steps.empty() ? nullptr : &layout.steps[load.step]; step && step->scratch >= 0) {
    const Buffer &scratch = layout.buffers[step->scratch];
    nn::KernelOp kernel = step->kernel;
    add("(scratch)", scratch.bytes, scratch.offset, kernel.getName());
  }
  return b.getArrayAttr(tensors);
}

/// Bytes from the first to the last element of a tensor at a place, both included.
int64_t extent(RankedTensorType type, const Place &place) {
  int64_t last = 0;
  for (auto [dim, stride] : llvm::zip(type.getShape(), place.strides))
    last += (dim - 1) * stride;
  return type.getNumElements() ? (last + 1) * elementBytes(type) : 0;
}

/// What the manifest says of the arena: every tensor there and the steps during which it is alive. A view has no entry:
/// the tensors behind it live as long as it is read.
ArrayAttr describeArena(const MemoryLayout &layout, Builder b) {
  std::vector<unsigned> last(layout.tensors.size());
  for (auto [index, step] : llvm::enumerate(layout.steps)) {
    for (unsigned tensor : step.writes)
      last[tensor] = index;
    for (unsigned tensor : step.reads)
      last[tensor] = index;
  }
  SmallVector<Attribute> entries;
  auto add = [&](StringRef tensor, int64_t offset, int64_t bytes, int64_t first, int64_t last) {
    entries.push_back(b.getDictionaryAttr(
        {b.getNamedAttr("tensor", b.getStringAttr(tensor)), b.getNamedAttr("offset", b.getI64IntegerAttr(offset)),
         b.getNamedAttr("bytes", b.getI64IntegerAttr(bytes)), b.getNamedAttr("first", b.getI64IntegerAttr(first)),
         b.getNamedAttr("last", b.getI64IntegerAttr(last))}));
  };
  for (auto [index, step] : llvm::enumerate(layout.steps)) {
    for (unsigned number : step.writes) {
      const Tensor &tensor = layout.tensors[number];
      const Place &place = step.kernel ? layout.places.find(tensor.value)->second : step.copyDestination;
      const Buffer &buffer = layout.buffers[layout.root(place.buffer)];
      if (buffer.kind == BufferKind::Arena)
        add(tensorName(tensor.value), buffer.offset + place.byteOffset, extent(tensorOf(tensor.value), place), index,
            last[number]);
    }
    if (step.scratch >= 0)
      add("(scratch)", layout.buffers[step.scratch].offset, layout.buffers[step.scratch].bytes, index, index);
  }
  return b.getArrayAttr(entries);
}

/// What the arena may grow to for forms of kernels whatever the options say: by a tenth, where it was larger than that
/// before two kernels became one (nn.whole_bytes).
int64_t roomOfMerged(func::FuncOp function, int64_t arenaBytes) {
  int64_t whole = 0;
  for (auto kernel : function.getOps<nn::KernelOp>())
    if (auto bytes = kernel->getAttrOfType<IntegerAttr>(nn::kWholeBytesAttr))
      whole = std::max(whole, bytes.getInt());
  return std::min(arenaBytes + arenaBytes / 10, whole);
}

LogicalResult planMemory(func::FuncOp function, Reuse reuse, int64_t slack, int64_t slackPercent) {
  OwningOpRef<func::FuncOp> original(function.clone());
  Plan plan = planWhole(function, reuse);
  for (const Change &change : plan.changes)
    remark::passed(function.getLoc(), remark::RemarkOpts::name(change.name).category("nncc-plan-memory"))
        << change.what << ": " << remark::metric("ArenaBytes", change.bytes) << " instead of "
        << remark::metric("ArenaBytesBefore", change.bytesBefore) << " bytes of arena";
  if (plan.isReordered)
    remark::passed(function.getLoc(), remark::RemarkOpts::name("Order").category("nncc-plan-memory"))
        << "kernels run in another order: " << remark::metric("ArenaBytes", plan.arenaBytes) << " bytes of arena";
  int64_t ofArena = llvm::SaturatingMultiply<uint64_t>(plan.arenaBytes, slackPercent) / 100;
  int64_t limit = std::max(plan.arenaBytes + std::max(slack, ofArena), roomOfMerged(function, plan.arenaBytes));
  // What tensors leave for outputs is there for forms: none is slower for it.
  std::optional<int64_t> withoutOutputs;
  auto furtherLimit = [&] {
    if (!withoutOutputs)
      withoutOutputs = plan.usesOutputs ? planWhole(*original, Reuse::Arena).arenaBytes : 0;
    return *withoutOutputs;
  };
  Builder b(function.getContext());
  FailureOr<ArrayAttr> withoutRoom = takeForms(plan, reuse, limit, furtherLimit, b);
  if (failed(withoutRoom))
    return failure();
  const MemoryLayout &layout = plan.layout;
  StepLoad load = fullestStep(layout);
  ArrayAttr alive = describe(layout, load, b), arena = describeArena(layout, b);
  rewriteToPlaces(function, layout, plan.arenaBytes);
  function->setAttr("nn.arena_lower_bound", b.getI64IntegerAttr(load.bytes));
  function->setAttr("nn.peak_kernel", b.getI64IntegerAttr(load.step));
  function->setAttr("nn.peak_tensors", alive);
  function->setAttr("nn.arena_tensors", arena);
  function->setAttr("nn.without_room", *withoutRoom);
  return success();
}

int64_t peakOf(const MemoryLayout &layout) {
  std::vector<int64_t> loads = loadsOfSteps(layout);
  return loads.empty() ? 0 : *llvm::max_element(loads);
}

struct PlanMemory : impl::PlanMemoryBase<PlanMemory> {
  using PlanMemoryBase::PlanMemoryBase;

  void runOnOperation() override {
    if (failed(requireStage(*this, getOperation(), {"N2"})))
      return signalPassFailure();
    for (auto function : getOperation().getOps<func::FuncOp>())
      if (function.getName() == "main" &&
          failed(planMemory(function, reuse ? Reuse::Outputs : Reuse::None, slack, slackPercent)))
        return signalPassFailure();
  }
};
} // namespace

MemoryLayout layOutInBestOrder(func::FuncOp function) {
  MemoryLayout own = layOut(function), other = own;
  reorder(other, planOrder(orderProblem(own)).steps);
  for (MemoryLayout *layout : {&own, &other}) {
    computeLifetimes(*layout);
    mergeInPlace(*layout);
    useOutputs(*layout);
  }
  return peakOf(other) < peakOf(own) ? std::move(other) : std::move(own);
}

} // namespace nncc
