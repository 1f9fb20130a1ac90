// The function of a chain: a loop over slots, in it one over strips, each with a part for every op: those before the
// last make the rows that are not there from the strip before, the last one reads them. At the borders of an image
// parts have its padding, so that every element is computed as it would be without strips.
#include "codegen/cpu/Chains.h"
#include "codegen/cpu/KernelPart.h"
#include "codegen/cpu/MergeKernels.h"
#include "codegen/cpu/Strips.h"
#include "dialects/nn/KernelForms.h"
#include "dialects/nn/Parts.h"
#include "passes/lower/KernelCost.h"
#include "passes/lower/ScalarMath.h"

using namespace mlir;
using namespace nncc;
using namespace nncc::cpu;

// A strip takes three words of a table and more.
static constexpr int64_t kMostStrips = 1024;

static ArrayRef<int64_t> shapeOf(Value value) { return cast<RankedTensorType>(value.getType()).getShape(); }

//===-- rows --------------------------------------------------------------===//

namespace {
/// The vertical axis of a window.
struct RowAxis {
  int64_t taps, stride, dilation, before;

  static RowAxis of(Operation *window) {
    if (auto conv = dyn_cast<nn::Conv2DOp>(window))
      return {shapeOf(conv.getFilter())[1], conv.getStrides()[0], conv.getDilations()[0], conv.getPads()[0]};
    auto pool = cast<nn::Pool2DOp>(window);
    return {pool.getKernel()[0], pool.getStrides()[0], pool.getDilations()[0], pool.getPads()[0]};
  }
};
} // namespace

RowsRead RowsRead::of(Operation *window, const RowRange &output) {
  RowAxis axis = RowAxis::of(window);
  int64_t height = shapeOf(window->getOperand(0))[1];
  int64_t first = output.first * axis.stride - axis.before;
  int64_t end = (output.end - 1) * axis.stride - axis.before + (axis.taps - 1) * axis.dilation + 1;
  return {{std::max<int64_t>(first, 0), std::min(end, height)},
          std::max<int64_t>(-first, 0),
          std::max<int64_t>(end - height, 0)};
}

SmallVector<Operation *> cpu::windowsOf(nn::KernelOp kernel) {
  SmallVector<Operation *> windows;
  for (Operation &op : kernel.getBody().front().without_terminator())
    if (isa<nn::Conv2DOp, nn::Pool2DOp>(op))
      windows.push_back(&op);
  return windows;
}

std::pair<int64_t, int64_t> cpu::rowsOfWindow(Operation *window) {
  RowAxis axis = RowAxis::of(window);
  return {(axis.taps - 1) * axis.dilation + 1, axis.stride};
}

static constexpr StringLiteral kMoves = "moves";

DictionaryAttr RowsForm::getAttr(MLIRContext *context, int64_t scratchBytes) const {
  NamedAttrList form(slotForm(context, kind, "rows", rows, slots, scratchBytes));
  if (moves)
    form.set(kMoves, UnitAttr::get(context));
  return form.getDictionary(context);
}

std::optional<RowsForm> RowsForm::from(DictionaryAttr form) {
  auto found = readSlotForm(form, kind, "rows");
  return found ? std::optional(RowsForm{found->first, found->second, form.contains(kMoves)}) : std::nullopt;
}

/// The number of an element in a list, which gets it where it is new.
template <typename T> static unsigned numberOf(SmallVectorImpl<T> &list, const T &element) {
  auto *found = llvm::find(list, element);
  if (found == list.end())
    found = list.insert(found, element);
  return found - list.begin();
}

/// Bytes of a row of an image that lies in a slot.
static int64_t bytesOfRow(Value between) {
  ArrayRef<int64_t> shape = shapeOf(between);
  return shape[2] * shape[3] * memoryType(getElementTypeOrSelf(between)).getIntOrFloatBitWidth() / 8;
}

/// A window that makes each row of its output of the same row of its input.
static bool isOfSingleRows(Operation *window) {
  RowAxis axis = RowAxis::of(window);
  return axis.taps == 1 && axis.stride == 1 && axis.before == 0;
}

std::optional<RowStrips> RowStrips::cut(ArrayRef<Operation *> windows, const RowsForm &form, bool hasPrologue,
                                        ArrayRef<bool> sweep) {
  RowStrips cut;
  const size_t makers = windows.size() - 1;
  cut.stages.resize(makers);
  ArrayRef<int64_t> out = shapeOf(windows.back()->getResult(0));
  cut.rows = form.rows;
  cut.height = out[1];
  cut.ofImage = llvm::divideCeil(out[1], form.rows);
  cut.readStep = form.rows;
  for (size_t i = windows.size(); i-- > 0; cut.readStep *= RowAxis::of(windows[i]).stride)
    if (i < makers)
      cut.stages[i].madeStep = cut.readStep;
  int64_t all = out[0] * cut.ofImage;
  if (all > kMostStrips)
    return std::nullopt;
  cut.ofSlot = llvm::divideCeil(all, std::min(form.slots, all));
  SmallVector<RowRange> there(makers, {0, 0}); // of what each stage makes
  // What each stage has to have made: all that is read for what the one behind it makes, which is what `madeOf` says of
  // what that has to have made.
  auto neededFor = [&](const RowRange &rows, auto madeOf) -> std::optional<SmallVector<RowRange>> {
    SmallVector<RowRange> needed(there);
    RowRange made = rows;
    for (size_t i = makers; i-- > 0; made = madeOf(i, needed[i])) {
      if (made.count() <= 0)
        continue;
      needed[i] = RowsRead::of(windows[i + 1], made).rows;
      if (needed[i].count() <= 0)
        return std::nullopt;
    }
    return needed;
  };
  std::vector<Needs> needs;
  for (int64_t index = 0; index < all; ++index) {
    int64_t number = index % cut.ofImage;
    auto isMade = [&](size_t i, const RowRange &needed) {
      return RowRange{number ? std::max(needed.first, there[i].end) : needed.first, needed.end};
    };
    RowRange rows = cut.rowsOf(index);
    auto needed = neededFor(rows, isMade), whole = neededFor(rows, [](size_t, const RowRange &all) { return all; });
    if (!needed || !whole)
      return std::nullopt;
    Needs &ofStages = needs.emplace_back();
    for (auto [i, stage] : llvm::enumerate(cut.stages)) {
      Need need{(*needed)[i], isMade(i, (*needed)[i]), (*whole)[i]};
      stage.rowsMade += std::max<int64_t>((cut.beginsSlot(index) ? need.whole : need.made).count(), 0);
      stage.rows = std::max(stage.rows, std::max(need.whole.count(), need.rows.count()));
      ofStages.push_back(need);
    }
    there = *needed;
  }
  // Slots begin at cache lines.
  for (size_t i = 0; i < makers; ++i) {
    Value between = windows[i + 1]->getOperand(0);
    int64_t ofElement = memoryType(getElementTypeOrSelf(between)).getIntOrFloatBitWidth() / 8;
    cut.stages[i].byteOfSlot = cut.slotBytes;
    cut.slotBytes += llvm::alignTo(cut.stages[i].rows * bytesOfRow(between), 64 * ofElement);
  }
  if (hasPrologue)
    cut.placePrologue(windows, needs);
  for (auto [i, stage] : llvm::enumerate(cut.stages)) {
    bool keepsNone = llvm::all_of(needs, [&](const Needs &ofStages) { return ofStages[i].kept() == 0; });
    stage.goesAlong = keepsNone && i + 1 < makers && isOfSingleRows(windows[i + 1]);
    // The prologue lies in front of rows that are kept at the end.
    if (!form.moves && (!hasPrologue || i == 0 || cut.byteOfPrologue != stage.byteOfSlot))
      cut.chooseTurns(stage, i, needs, i + 1 < sweep.size() && sweep[i + 1]);
  }
  for (int64_t index = 0; index < all; ++index)
    if (!cut.addStrip(windows, needs[index], index))
      return std::nullopt;
  return cut;
}

/// The rows are read at once, and not kept. So they lie in front of those of a later stage: while the first stage is
/// filled, those that are kept are the last ones there. They have memory of their own where none has as much.
void RowStrips::placePrologue(ArrayRef<Operation *> windows, ArrayRef<Needs> needs) {
  int64_t ofRow = bytesOfRow(windows.front()->getOperand(0)), most = 0;
  auto bytesFor = [&](const RowRange &made) {
    return made.count() > 0 ? RowsRead::of(windows.front(), made).rows.count() * ofRow : 0;
  };
  auto bytesAlone = [&](size_t strip) { return beginsSlot(strip) ? bytesFor(needs[strip].front().whole) : 0; };
  for (auto [strip, ofStages] : llvm::enumerate(needs))
    most = std::max({most, bytesFor(ofStages.front().made), bytesAlone(strip)});
  for (size_t i = 1; i < stages.size(); ++i) {
    const Stage &stage = stages[i];
    int64_t all = (i + 1 < stages.size() ? stages[i + 1].byteOfSlot : slotBytes) - stage.byteOfSlot;
    bool isFree = llvm::all_of(llvm::enumerate(needs), [&](auto indexed) {
      auto [strip, ofStages] = indexed;
      int64_t kept = ofStages[i].kept();
      int64_t front = kept ? (stage.rows - kept) * bytesOfRow(windows[i + 1]->getOperand(0)) : all;
      return bytesFor(ofStages.front().made) <= front && bytesAlone(strip) <= all;
    });
    if (isFree) {
      byteOfPrologue = stage.byteOfSlot;
      return;
    }
  }
  byteOfPrologue = slotBytes;
  slotBytes += llvm::alignTo(most, 64);
}

//===-- turns -------------------------------------------------------------===//

/// Lets strips take turns, where all inside of an image end where the next one begins, and each makes what it keeps.
///
/// isSwept  what is kept, if it is more than a row, may be read in reverse order
void RowStrips::chooseTurns(Stage &stage, size_t number, ArrayRef<Needs> needs, bool isSwept) const {
  int64_t most = 0, kept = 0;
  for (const Needs &ofStages : needs)
    most = std::max(most, ofStages[number].rows.count());
  for (size_t strip = 0; strip < needs.size(); ++strip) {
    const Need &need = needs[strip][number];
    const bool isLast = (strip + 1) % ofImage == 0;
    if (strip % ofImage == 0)
      continue;
    int64_t madeBefore = needs[strip - 1][number].made.count();
    if (need.made.count() <= 0) {
      // It reads the last rows of the strip before.
      if (!isLast || beginsSlot(strip) || need.rows.count() > madeBefore)
        return;
      continue;
    }
    if (need.kept() == 0 || (kept && need.kept() != kept) || need.kept() > madeBefore ||
        (!isLast && need.rows.count() != most))
      return;
    kept = need.kept();
  }
  if (kept == 0 || (kept > 1 && !isSwept) || 2 * kept > most)
    return;
  stage.kept = kept;
  stage.turnsAt = stage.rows - most;
}

bool RowStrips::goesDown(size_t stage, size_t strip) const {
  if (stages[stage].turnsAt)
    return strip % ofSlot % 2 == 1;
  return stages[stage].goesAlong && goesDown(stage + 1, strip);
}

/// Where rows of a strip lie that are all it needs, or all that it makes behind `kept` ones.
RowsInSlot RowStrips::placeOf(size_t stage, size_t strip, const Need &need, bool isMade) const {
  const Stage &its = stages[stage];
  const bool down = goesDown(stage, strip);
  if (!its.turnsAt) {
    int64_t count = isMade ? need.made.count() : need.rows.count();
    return down ? RowsInSlot{its.rows - 1, true} : RowsInSlot{its.rows - count};
  }
  auto turned = [&](int64_t first, bool down, int64_t reversed = 0) {
    return RowsInSlot{down ? *its.turnsAt + its.rows - 1 - first : first, down, reversed};
  };
  if (need.made.count() <= 0) // they stay where the strip before has made them
    return turned(its.rows - need.rows.count(), !down);
  if (need.kept() == 0)
    return turned(its.rows - need.made.count(), down);
  return isMade ? turned(*its.turnsAt + need.kept(), down)
                : turned(*its.turnsAt, down, need.kept() > 1 ? need.kept() : 0);
}

bool RowStrips::addStrip(ArrayRef<Operation *> windows, const Needs &needs, size_t index) {
  const int64_t number = index % ofImage;
  // The fill that makes what a strip needs, alone or behind another one; nothing where there is no row to read for it.
  auto fillOf = [&](size_t i, const Needs &needs) -> std::optional<unsigned> {
    const Need &need = needs[i];
    Fill fill{need.kept(), {0, 0}, {{0, 0}, 0, 0}, {0}, {0}};
    if (need.made.count() > 0) {
      fill.made = need.made.from(number * stages[i].madeStep);
      fill.read = RowsRead::of(windows[i], need.made);
      if (fill.read.rows.count() <= 0)
        return std::nullopt;
      fill.at = placeOf(i, index, need, /*isMade=*/true);
      if (i)
        fill.readsAt = placeOf(i - 1, index, needs[i - 1], /*isMade=*/false);
      if (isOfSingleRows(windows[i]) && fill.at.goDown && fill.readsAt.goDown) {
        fill.at = fill.at.upwards(need.made.count());
        fill.readsAt = fill.readsAt.upwards(need.made.count());
      }
      fill.read.rows = fill.read.rows.from(i ? needs[i - 1].rows.end : number * readStep);
    }
    return numberOf(stages[i].fills, fill);
  };
  Needs alone =
      llvm::map_to_vector<3>(needs, [](const Need &need) { return Need{need.whole, need.whole, need.whole}; });
  Strip strip;
  for (size_t i = 0; i < stages.size(); ++i) {
    std::optional<unsigned> fill = fillOf(i, needs), ofAll = beginsSlot(index) ? fillOf(i, alone) : fill;
    if (!fill || !ofAll)
      return false;
    strip.fills.push_back(*fill);
    strip.alone.push_back(*ofAll);
  }
  auto sweepOf = [&](const Needs &needs) {
    RowRange rows = rowsOf(index);
    RowsRead read = RowsRead::of(windows.back(), rows);
    RowsInSlot readsAt = placeOf(stages.size() - 1, index, needs.back(), /*isMade=*/false);
    return numberOf(sweeps, Sweep{rows.count(), read.rows.count(), read.before, read.after, readsAt});
  };
  strip.sweep = sweepOf(needs);
  strip.sweepAlone = beginsSlot(index) ? sweepOf(alone) : strip.sweep;
  differAlone |= strip.sweepAlone != strip.sweep;
  strips.push_back(std::move(strip));
  return true;
}

nn::TransposeOp cpu::transposeOfPlanes(Operation *window) {
  auto transpose = window->getOperand(0).getDefiningOp<nn::TransposeOp>();
  return transpose && transpose.getPerm() == ArrayRef<int64_t>{0, 2, 3, 1} ? transpose : nn::TransposeOp();
}

FailureOr<Epilogue> cpu::matchPrologueOfLines(nn::KernelOp kernel, Operation *root, bool isOfPlanes, unsigned &input,
                                              std::string &reason) {
  if (cast<RankedTensorType>(root->getOperand(0).getType()).getRank() != 4) {
    reason = "it makes no image";
    return failure();
  }
  auto prologue = Epilogue::matchPrologue(kernel, root, /*pixelDims=*/1, input, reason, isOfPlanes ? 1 : 2);
  auto varies = [](const Leaf &leaf) { return leaf.variesByPixel || leaf.type.getDimSize(0) > 1; };
  if (succeeded(prologue) && llvm::any_of(prologue->leaves(), varies)) {
    reason = "reads several operands that vary from line to line";
    return failure();
  }
  return prologue;
}

//===-- the function ------------------------------------------------------===//

namespace {

class ChainWriter {
public:
  ChainWriter(func::FuncOp function, nn::KernelOp kernel, MicroKernels &kernels, const RowsForm &form,
              std::string &reason)
      : function(function), kernel(kernel), kernels(kernels), form(form), reason(reason), builder(kernel),
        code(kernel.getLoc(), builder, kernels.hasMaskedStores()) {}

  LogicalResult run() {
    if (failed(describe()))
      return failure();
    Operation *before = kernel->getPrevNode();
    reason.clear();
    loopOverStrips();
    return finishParts(kernel, before, reason);
  }

private:
  func::FuncOp function;
  nn::KernelOp kernel;
  MicroKernels &kernels;
  const RowsForm &form;
  std::string &reason;
  OpBuilder builder;
  Code code;

  SmallVector<Operation *> windows;            ///< one behind the other
  SmallVector<SmallVector<Operation *>> opsOf; ///< each with what is elementwise behind it
  Value image, read;                           ///< an input, and what the first one reads: itself, or made of it
  bool isOfPlanes = false;                     ///< both: [N, C, H, W]
  std::optional<Epilogue> prologue;            ///< what makes `read`, line by line
  PixelGroups groups;                          ///< how pixels lie in `image`
  RowStrips cut;
  /// How far memory that moves lies from image to image and from row to row, and in a view of rows in the two dims
  /// before the innermost one.
  struct Steps {
    int64_t image, row;
    std::array<int64_t, 2> ofView;
  };
  DenseMap<Value, Steps> steps;

  LogicalResult refuse(const Twine &why) {
    reason = why.str();
    return failure();
  }

  LogicalResult describe() {
    if (!isa_and_nonnull<nn::Conv2DOp, nn::Pool2DOp>(kernel.getRoot()) || !kernel.isPlanned() ||
        kernel.getOutputs().size() != 1)
      return refuse("it is no planned window");
    if (failed(findOps()))
      return failure();
    SmallVector<bool> sweep;
    for (auto [window, ops] : llvm::zip(windows, opsOf))
      sweep.push_back(sweepsInParts(window, ops));
    auto strips = RowStrips::cut(windows, form, prologue.has_value(), sweep);
    if (!strips)
      return refuse("its rows cannot be cut into strips of " + Twine(form.rows));
    cut = std::move(*strips);
    Value scratch = kernel.getScratch();
    if (!scratch || cast<MemRefType>(scratch.getType()).getNumElements() < form.slots * cut.slotBytes)
      return refuse("there is no scratch memory for its rows");
    if (failed(findSteps(kernel.getOutputs().front())))
      return failure();
    for (unsigned i = 0; i < kernel.getInputs().size(); ++i)
      if (moves(i) && failed(findSteps(kernel.getInputs()[i])))
        return failure();
    if (prologue && !isOfPlanes && shapeOf(image)[2] > 1) {
      groups = {shapeOf(image)[3], steps.find(memoryOf(image))->second.ofView[1]};
      if (groups.held == groups.read)
        groups = {};
      else if (groups.held < groups.read || groups.held > kMostHeld)
        return refuse("pixels of its input do not follow each other");
    }
    return success();
  }

  /// A depthwise convolution of floats, or a maximum, that sweeps however many rows it has.
  static bool sweepsInParts(Operation *window, ArrayRef<Operation *> ops) {
    auto isOfPixels = [&](Value value) {
      ArrayRef<int64_t> shape = shapeOf(value);
      return isa<BlockArgument>(value) && shape.size() == 4 && shape[1] * shape[2] > 1;
    };
    Type element = getElementTypeOrSelf(window->getResult(0));
    for (Operation *op : ops) // a heavy epilogue runs over sums in the memory of the result
      if (op != window &&
          (getElementTypeOrSelf(op->getResult(0)) != element || llvm::any_of(op->getOperands(), isOfPixels)))
        return false;
    auto conv = dyn_cast<nn::Conv2DOp>(window);
    if (!element.isF32() || (conv && !conv.isDepthwise()))
      return false;
    return SlidingWindow::match(window, conv ? TapBody::Channelwise : TapBody::Maximum).has_value();
  }

  Value memoryOf(Value input) { return kernel.getInputs()[cast<BlockArgument>(input).getArgNumber()]; }

  /// What a window reads is made by the one before and what is elementwise behind that; what makes nothing that a
  /// window reads belongs to the root.
  LogicalResult findOps() {
    windows = windowsOf(kernel);
    if (windows.size() < 2 || windows.back() != kernel.getRoot())
      return refuse("its root does not read what a convolution makes");
    if (failed(findImage()))
      return failure();
    llvm::SmallPtrSet<Operation *, 16> makers;
    auto addMakers = [&](Value value) {
      SmallVector<Value> left{value};
      while (!left.empty())
        if (Operation *maker = left.pop_back_val().getDefiningOp(); maker && makers.insert(maker).second)
          llvm::append_range(left, maker->getOperands());
    };
    if (prologue)
      addMakers(read);
    for (Operation *window : llvm::drop_begin(windows)) {
      llvm::SmallPtrSet<Operation *, 16> before = makers;
      addMakers(window->getOperand(0));
      addOps([&](Operation *op) { return makers.contains(op) && !before.contains(op); });
    }
    addOps([&](Operation *op) { return !makers.contains(op); });
    for (auto [window, ops] : llvm::zip(windows, opsOf)) {
      bool isLast = window == windows.back();
      auto isOther = [&](Operation *op) {
        bool isOfImage = isa<nn::TransposeOp>(op) && window == windows.front();
        return op != window && !nn::isElementwise(op) &&
               (isa<nn::Conv2DOp, nn::Pool2DOp>(op) || !(isOfImage || isLast));
      };
      if (!llvm::is_contained(ops, window) || llvm::any_of(ops, isOther) || !(isLast || isa<nn::Conv2DOp>(window)))
        return refuse("there is more than a convolution before its root, or one of its windows");
    }
    return success();
  }

  LogicalResult findImage() {
    Operation *reader = windows.front();
    if (nn::TransposeOp transpose = transposeOfPlanes(reader)) {
      reader = transpose;
      isOfPlanes = true;
    }
    image = read = reader->getOperand(0);
    if (read.getDefiningOp()) {
      unsigned input = 0;
      auto found = matchPrologueOfLines(kernel, reader, isOfPlanes, input, reason);
      if (failed(found))
        return failure();
      prologue = std::move(*found);
      image = kernel.getBody().getArgument(input);
      return success();
    }
    auto input = dyn_cast<BlockArgument>(image);
    return input && input.hasOneUse() ? success() : refuse("its input is computed in the kernel, or read twice");
  }

  void addOps(function_ref<bool(Operation *)> isOne) {
    auto &ops = opsOf.emplace_back();
    for (Operation &op : kernel.getBody().front().without_terminator())
      if (!isa<nn::ConstantOp>(op) && isOne(&op))
        ops.push_back(&op);
  }

  /// What the first op and elementwise ops read lies along pixels; weights and biases are whole.
  bool moves(unsigned i) {
    return llvm::any_of(kernel.getBody().getArgument(i).getUses(),
                        [&](OpOperand &use) { return use.get() == image || nn::isElementwise(use.getOwner()); });
  }

  LogicalResult findSteps(Value memory) {
    auto type = cast<MemRefType>(memory.getType());
    SmallVector<int64_t> strides;
    int64_t offset;
    if (type.getRank() != 4 || failed(type.getStridesAndOffset(strides, offset)) || offset != 0 ||
        llvm::any_of(strides, ShapedType::isDynamic))
      return refuse("an operand is no image with a static layout at offset 0");
    if (strides.back() != 1 && type.getShape().back() != 1)
      return refuse("channels of an operand are not contiguous");
    for (unsigned dim : {0, 1, 2})
      if (type.getDimSize(dim) == 1)
        strides[dim] = 0;
    bool isPlanes = isOfPlanes && memory == kernel.getInputs()[cast<BlockArgument>(image).getArgNumber()];
    steps[memory] = {strides[0], strides[isPlanes ? 2 : 1], {strides[1], strides[2]}};
    return success();
  }

  int64_t slots() const { return llvm::divideCeil<int64_t>(cut.strips.size(), cut.ofSlot); }

  void loopOverStrips() {
    Value scratch = code.pointerTo(kernel.getScratch());
    SmallVector<int64_t> words;
    for (const RowStrips::Strip &strip : cut.strips) {
      for (auto [fill, alone] : llvm::zip(strip.fills, strip.alone))
        words.append({fill, alone});
      words.push_back(strip.sweep);
      if (cut.differAlone)
        words.push_back(strip.sweepAlone);
    }
    Value table = LLVM::AddressOfOp::create(code.b, kernels.getWords(words));
    Value zero = code.constant(0), one = code.constant(1);
    // What goes from slot to slot is the one that a thread began with; none before that.
    auto overSlots = scf::ForOp::create(code.b, zero, code.constant(slots()), one, ValueRange{code.constant(-1)});
    overSlots->setAttr(nn::kParallelAttr, code.b.getUnitAttr());
    OpBuilder::InsertionGuard guard(code.b);
    code.b.setInsertionPointToStart(overSlots.getBody());
    Value slot = overSlots.getInductionVar(), begun = overSlots.getRegionIterArg(0);
    Value isAlone = arith::CmpIOp::create(code.b, arith::CmpIPredicate::slt, begun, zero);
    begun = arith::SelectOp::create(code.b, isAlone, slot, begun);
    Value start = code.mul(slot, cut.ofSlot),
          memory = code.at(scratch, code.mul(begun, cut.slotBytes), code.b.getI8Type());
    Value end =
        arith::MinSIOp::create(code.b, code.add(start, code.constant(cut.ofSlot)), code.constant(cut.strips.size()));
    if (cut.goesUpTwice())
      turnAround(isAlone, memory);
    auto overStrips = scf::ForOp::create(code.b, start, end, one);
    overStrips->setAttr(nn::kWorkAttr, code.b.getI64IntegerAttr(cut.ofSlot * workOfStrip()));
    scf::YieldOp::create(code.b, begun);
    code.b.setInsertionPointToStart(overStrips.getBody());
    Value number = overStrips.getInductionVar();
    Value isFirst = arith::CmpIOp::create(code.b, arith::CmpIPredicate::eq, number, start);
    emitStrip(number, arith::AndIOp::create(code.b, isAlone, isFirst), table, memory);
  }

  /// The first strip of a slot goes up. The one before it, if it was made, went up, too.
  void turnAround(Value isAlone, Value memory) {
    auto choice = scf::IfOp::create(code.b, isAlone, /*withElseRegion=*/true);
    OpBuilder::InsertionGuard guard(code.b);
    code.b.setInsertionPointToStart(choice.elseBlock());
    for (auto [i, stage] : llvm::enumerate(cut.stages))
      for (int64_t row = 0; stage.turnsAt && row < stage.kept; ++row)
        moveRows(i, memory, stage.rows - 1 - row, *stage.turnsAt + row, 1);
  }

  /// Operations on vectors of 32 bytes.
  int64_t workOfStrip() const {
    int64_t lanes = 256 / elementBetween(0).getIntOrFloatBitWidth(), strips = cut.strips.size();
    return std::max<int64_t>(multiplyAccumulates(kernel) / (lanes * strips), 1);
  }

  /// Where a strip is: the image, and which one of it.
  struct Place {
    Value image, strip;
  };

  /// isAlone  the strip before it was not made
  void emitStrip(Value number, Value isAlone, Value table, Value memory) {
    Place place{code.constant(0), number};
    if (cut.strips.size() != static_cast<size_t>(cut.ofImage)) {
      place.image = arith::DivUIOp::create(code.b, number, code.constant(cut.ofImage));
      place.strip = arith::RemUIOp::create(code.b, number, code.constant(cut.ofImage));
    }
    Type word = code.b.getI32Type();
    const size_t stages = cut.stages.size();
    Value entry = code.at(table, code.mul(number, 2 * stages + 1 + cut.differAlone), word);
    Value column = arith::ExtUIOp::create(code.b, code.b.getI64Type(), isAlone);
    auto kindOf = [&](size_t part) {
      return code.load(code.at(entry, part ? code.add(column, code.constant(2 * part)) : column, word), word);
    };
    for (size_t stage = 0; stage < stages; ++stage)
      oneOf(kindOf(stage), cut.stages[stage].fills.size(), [&](unsigned kind) { fill(stage, kind, place, memory); });
    Value kind = cut.differAlone ? kindOf(stages) : code.load(code.at(entry, 2 * stages, word), word);
    oneOf(kind, cut.sweeps.size(), [&](unsigned kind) { sweep(kind, place, memory); });
  }

  /// Code for each of several kinds, of which the one that `kind` says runs.
  void oneOf(Value kind, unsigned count, function_ref<void(unsigned)> body) {
    OpBuilder::InsertionGuard guard(code.b);
    for (unsigned i = 0; i + 1 < count; ++i) {
      Value number = arith::ConstantIntOp::create(code.b, i, 32);
      Value isThis = arith::CmpIOp::create(code.b, arith::CmpIPredicate::eq, kind, number);
      auto choice = scf::IfOp::create(code.b, isThis, /*withElseRegion=*/true);
      code.b.setInsertionPointToStart(choice.thenBlock());
      body(i);
      code.b.setInsertionPointToStart(choice.elseBlock());
    }
    body(count - 1);
  }

  /// `strip` * `step` + `offset`.
  Value rowAt(const Place &place, int64_t step, int64_t offset) {
    Value row = code.mul(place.strip, step);
    return offset ? code.add(row, code.constant(offset)) : row;
  }

  /// What the window behind a stage reads, as the ops have it.
  Value between(size_t stage) const { return windows[stage + 1]->getOperand(0); }
  /// Its type in memory.
  Type elementBetween(size_t stage) const { return memoryType(getElementTypeOrSelf(between(stage))); }

  /// A row of a slot, in memory of the size and the layout of some rows of what is in it.
  Value slotAt(size_t stage, Value memory, int64_t row) {
    Value slot = code.at(memory, cut.stages[stage].byteOfSlot, code.b.getI8Type());
    return code.at(slot, row * elementsOfRow(stage), elementBetween(stage));
  }
  int64_t elementsOfRow(size_t stage) const {
    ArrayRef<int64_t> shape = shapeOf(between(stage));
    return shape[2] * shape[3];
  }
  Value viewOfRows(size_t stage, Value memory, const RowsInSlot &rows, RankedTensorType type) {
    int64_t step = rows.goDown ? -elementsOfRow(stage) : elementsOfRow(stage);
    return viewAt(code, slotAt(stage, memory, rows.first), type, step, shapeOf(between(stage))[3]);
  }
  void moveRows(size_t stage, Value memory, int64_t from, int64_t to, int64_t count) {
    LLVM::MemmoveOp::create(code.b, slotAt(stage, memory, to), slotAt(stage, memory, from),
                            code.constant(count * bytesOfRow(between(stage))), /*isVolatile=*/false);
  }

  /// Makes the rows of a strip that are not there from the strip before.
  void fill(size_t stage, unsigned kind, const Place &place, Value memory) {
    const RowStrips::Fill &fill = cut.stages[stage].fills[kind];
    if (fill.made.count() == 0)
      return;
    if (fill.kept && !cut.stages[stage].turnsAt)
      moveRows(stage, memory, cut.stages[stage].rows - fill.kept, fill.at.first - fill.kept, fill.kept);
    Operation *window = windows[stage];
    Value madeRow = rowAt(place, cut.stages[stage].madeStep, fill.made.first);
    auto operandOf = [&](Value value) -> PartOperand {
      bool isRead = value == (stage ? window->getOperand(0) : read);
      if (stage == 0 && isRead) {
        Value row = rowAt(place, cut.readStep, fill.read.rows.first);
        return prologue ? madeImage(place, row, fill.read.rows.count(), memory)
                        : inputAt(value, place, row, fill.read.rows.count());
      }
      if (!isRead)
        return inputAt(value, place, madeRow, fill.made.count());
      RankedTensorType type = cutRows(value, fill.read.rows.count());
      return {type, viewOfRows(stage - 1, memory, fill.readsAt, type), code.b.getUnitAttr()};
    };
    auto typeOf = [&](Value value) {
      return cutRows(value, value == window->getOperand(0) ? fill.read.rows.count() : fill.made.count());
    };
    auto adjust = [&](Operation *op) { adjustWindow(op, fill.read.before, fill.read.after, fill.readsAt); };
    Value result = viewOfRows(stage, memory, fill.at, cutRows(between(stage), fill.made.count()));
    KernelPart{function, kernel, opsOf[stage], operandOf, typeOf, adjust}.emit(code, kernels, result, reason);
  }

  /// Lets the prologue make rows of what the first op reads.
  PartOperand madeImage(const Place &place, Value row, int64_t rows, Value memory) {
    RankedTensorType type = cutRows(read, rows);
    const int64_t innermost = type.getDimSize(3), ofLine = isOfPlanes ? innermost : type.getDimSize(2) * innermost;
    func::FuncOp function = kernels.getPrologue(*prologue, ofLine, groups, getMachine(kernel));
    Value input = memoryOf(image), from = rowPointer(input, place, row);
    Value to = code.at(memory, cut.byteOfPrologue, code.b.getI8Type());
    for (int64_t plane = 0, planes = isOfPlanes ? type.getDimSize(1) : 1; plane < planes; ++plane) {
      auto atPlane = [&](Value pointer, int64_t step, Type element) {
        return step && plane ? code.at(pointer, plane * step, element) : pointer;
      };
      auto ofPlane = [&](Value pointer, Value whole) {
        return atPlane(pointer, steps.find(whole)->second.ofView[0],
                       cast<MemRefType>(whole.getType()).getElementType());
      };
      SmallVector<Value> arguments{ofPlane(from, input), atPlane(to, rows * ofLine, prologue->storedElement())};
      for (const Leaf &leaf : prologue->leaves()) {
        Value whole = kernel.getInputs()[leaf.input];
        arguments.push_back(ofPlane(code.pointerTo(whole), whole));
      }
      for (int64_t number : {rows, ofLine, steps.find(input)->second.row})
        arguments.push_back(code.constant(number));
      func::CallOp::create(code.b, function, arguments);
    }
    return {type, viewAt(code, to, type, isOfPlanes ? rows * ofLine : ofLine, innermost), code.b.getUnitAttr()};
  }

  /// The rows of the output, whose windows have all of their rows now.
  void sweep(unsigned kind, const Place &place, Value memory) {
    const RowStrips::Sweep &sweep = cut.sweeps[kind];
    const size_t last = cut.stages.size() - 1;
    Value row = rowAt(place, form.rows, 0);
    auto operandOf = [&](Value value) -> PartOperand {
      if (value != between(last))
        return inputAt(value, place, row, sweep.made);
      RankedTensorType type = cutRows(value, sweep.read);
      return {type, viewOfRows(last, memory, sweep.readsAt, type), code.b.getUnitAttr()};
    };
    auto typeOf = [&](Value value) { return cutRows(value, sweep.made); };
    auto adjust = [&](Operation *op) { adjustWindow(op, sweep.before, sweep.after, sweep.readsAt); };
    Value result = rowsAt(kernel.getOutputs().front(), cutRows(kernel.getYielded().front(), sweep.made), place, row);
    KernelPart{function, kernel, opsOf.back(), operandOf, typeOf, adjust}.emit(code, kernels, result, reason);
  }

  static void adjustWindow(Operation *op, int64_t before, int64_t after, const RowsInSlot &rows) {
    if (rows.reversed && isa<nn::Conv2DOp, nn::Pool2DOp>(op))
      op->setAttr(kReversedRowsAttr, Builder(op).getI64IntegerAttr(rows.reversed));
    if (auto conv = dyn_cast<nn::Conv2DOp>(op)) {
      conv.setPads({before, conv.getPads()[1], after, conv.getPads()[3]});
    } else if (auto pool = dyn_cast<nn::Pool2DOp>(op)) {
      int64_t ofPads = std::min(after, pool.getPads()[2]);
      pool.setOverhang({after - ofPads, pool.getOverhang()[1]});
      pool.setPads({before, pool.getPads()[1], ofPads, pool.getPads()[3]});
    }
  }

  /// The type of so many rows of one image.
  RankedTensorType cutRows(Value value, int64_t rows) {
    auto type = cast<RankedTensorType>(value.getType());
    if (type.getRank() != 4)
      return type;
    SmallVector<int64_t> shape(type.getShape());
    int64_t &height = shape[isOfPlanes && value == read ? 2 : 1];
    shape[0] = 1;
    height = height == 1 ? 1 : rows;
    return type.clone(shape);
  }

  /// An input of the kernel from a row on; the whole of weights.
  PartOperand inputAt(Value value, const Place &place, Value row, int64_t rows) {
    unsigned i = cast<BlockArgument>(value).getArgNumber();
    if (!moves(i))
      return wholeInput(kernel, i);
    RankedTensorType type = cutRows(value, rows);
    return {type, rowsAt(kernel.getInputs()[i], type, place, row), code.b.getUnitAttr()};
  }

  Value rowsAt(Value memory, RankedTensorType type, const Place &place, Value row) {
    const Steps &way = steps.find(memory)->second;
    return viewAt(code, rowPointer(memory, place, row), type, way.ofView[0], way.ofView[1]);
  }

  Value rowPointer(Value memory, const Place &place, Value row) {
    const Steps &way = steps.find(memory)->second;
    Type stored = cast<MemRefType>(memory.getType()).getElementType();
    Value at = code.pointerTo(memory);
    if (way.image)
      at = code.at(at, code.mul(place.image, way.image), stored);
    if (way.row)
      at = code.at(at, code.mul(row, way.row), stored);
    return at;
  }
};

} // namespace

LogicalResult cpu::emitChain(func::FuncOp function, nn::KernelOp kernel, MicroKernels &kernels, const RowsForm &form,
                             std::string &reason) {
  return ChainWriter(function, kernel, kernels, form, reason).run();
}
