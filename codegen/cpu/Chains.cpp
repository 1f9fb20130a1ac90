// The function of a chain: a loop over slots, in it one over strips, each with two parts: the first op makes the rows
// that are not there from the strip before, the second one reads them. At the borders of an image parts have its
// padding, so that every element is computed as it would be without strips.
#include "codegen/cpu/Chains.h"
#include "codegen/cpu/KernelPart.h"
#include "codegen/cpu/MergeKernels.h"
#include "dialects/nn/KernelForms.h"
#include "dialects/nn/Parts.h"
#include "passes/lower/KernelCost.h"
#include "passes/lower/ScalarMath.h"

using namespace mlir;
using namespace nncc;
using namespace nncc::cpu;

// A strip takes three words of a table.
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

std::pair<int64_t, int64_t> cpu::rowsOfWindow(Operation *window) {
  RowAxis axis = RowAxis::of(window);
  return {(axis.taps - 1) * axis.dilation + 1, axis.stride};
}

DictionaryAttr RowsForm::getAttr(MLIRContext *context, int64_t scratchBytes) const {
  return slotForm(context, kind, "rows", rows, slots, scratchBytes);
}

std::optional<RowsForm> RowsForm::from(DictionaryAttr form) {
  auto found = readSlotForm(form, kind, "rows");
  return found ? std::optional(RowsForm{found->first, found->second}) : std::nullopt;
}

/// The number of an element in a list, which gets it where it is new.
template <typename T> static unsigned numberOf(SmallVectorImpl<T> &list, const T &element) {
  auto *found = llvm::find(list, element);
  if (found == list.end())
    found = list.insert(found, element);
  return found - list.begin();
}

std::optional<RowStrips> RowStrips::cut(Operation *first, Operation *second, const RowsForm &form) {
  RowStrips cut;
  ArrayRef<int64_t> out = shapeOf(second->getResult(0)), between = shapeOf(second->getOperand(0));
  cut.ofImage = llvm::divideCeil(out[1], form.rows);
  cut.madeStep = form.rows * RowAxis::of(second).stride;
  cut.readStep = cut.madeStep * RowAxis::of(first).stride;
  int64_t all = out[0] * cut.ofImage, slotRows = 0;
  if (all > kMostStrips)
    return std::nullopt;
  cut.ofSlot = llvm::divideCeil(all, std::min(form.slots, all));
  RowRange last{0, 0};
  for (int64_t strip = 0; strip < all; ++strip) {
    int64_t number = strip % cut.ofImage, top = number * form.rows;
    RowRange rows{top, std::min(top + form.rows, out[1])};
    RowsRead read = RowsRead::of(second, rows);
    if (read.rows.count() <= 0)
      return std::nullopt;
    // The fill that makes the rows from one on; nothing where there is no row to read for them.
    auto fillFrom = [&](int64_t row) -> std::optional<unsigned> {
      int64_t kept = row - read.rows.first;
      Fill fill{kept ? read.rows.first - last.first : 0, kept, {0, 0}, {{0, 0}, 0, 0}};
      if (RowRange made{row, read.rows.end}; made.count() > 0) {
        fill.made = made.from(number * cut.madeStep);
        fill.read = RowsRead::of(first, made);
        if (fill.read.rows.count() <= 0)
          return std::nullopt;
        fill.read.rows = fill.read.rows.from(number * cut.readStep);
      }
      return numberOf(cut.fills, fill);
    };
    int64_t whole = read.rows.first, rest = number == 0 ? whole : std::max(whole, last.end);
    bool beginsSlot = strip % cut.ofSlot == 0;
    std::optional<unsigned> fill = fillFrom(rest), alone = beginsSlot ? fillFrom(whole) : fill;
    if (!fill || !alone)
      return std::nullopt;
    Sweep sweep{rows.count(), read.rows.count(), read.before, read.after};
    cut.strips.push_back({*fill, numberOf(cut.sweeps, sweep), *alone});
    cut.rowsMade += read.rows.end - (beginsSlot ? whole : rest);
    slotRows = std::max(slotRows, read.rows.count());
    last = read.rows;
  }
  // Slots begin at cache lines.
  cut.slotElements = llvm::alignTo(slotRows * between[2] * between[3], 64);
  return cut;
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
    loopOverStrips();
    kernel.erase();
    return success();
  }

private:
  func::FuncOp function;
  nn::KernelOp kernel;
  MicroKernels &kernels;
  const RowsForm &form;
  std::string &reason;
  OpBuilder builder;
  Code code;

  Operation *second = nullptr, *first = nullptr;
  Value image;                                  ///< the input that the first one reads, as pixels or as planes
  bool isOfPlanes = false;                      ///< `image`: [N, C, H, W]
  SmallVector<Operation *> firstOps, secondOps; ///< both, with what is elementwise behind each
  Type element;                                 ///< between them, in memory
  int64_t width = 0, channels = 0;
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
    second = kernel.getRoot();
    if (!isa_and_nonnull<nn::Conv2DOp, nn::Pool2DOp>(second) || !kernel.isPlanned() || kernel.getOutputs().size() != 1)
      return refuse("it is no planned window");
    if (failed(findOps()))
      return failure();
    element = memoryType(cast<RankedTensorType>(second->getOperand(0).getType()).getElementType());
    width = shapeOf(second->getOperand(0))[2], channels = shapeOf(second->getOperand(0))[3];
    auto strips = RowStrips::cut(first, second, form);
    if (!strips)
      return refuse("its rows cannot be cut into strips of " + Twine(form.rows));
    cut = std::move(*strips);
    Value scratch = kernel.getScratch();
    if (!scratch || cast<MemRefType>(scratch.getType()).getNumElements() <
                        form.slots * cut.slotElements * (element.getIntOrFloatBitWidth() / 8))
      return refuse("there is no scratch memory for its rows");
    if (failed(findSteps(kernel.getOutputs().front())))
      return failure();
    for (unsigned i = 0; i < kernel.getInputs().size(); ++i)
      if (moves(i) && failed(findSteps(kernel.getInputs()[i])))
        return failure();
    return success();
  }

  /// What the root reads is made by the first op and what is elementwise behind it, everything else belongs to the
  /// root.
  LogicalResult findOps() {
    llvm::SmallPtrSet<Operation *, 8> makers;
    SmallVector<Value> left{second->getOperand(0)};
    while (!left.empty())
      if (Operation *maker = left.pop_back_val().getDefiningOp(); maker && makers.insert(maker).second)
        llvm::append_range(left, maker->getOperands());
    for (Operation &op : kernel.getBody().front().without_terminator()) {
      if (isa<nn::ConstantOp>(op))
        continue;
      (makers.contains(&op) ? firstOps : secondOps).push_back(&op);
      bool isOfImage = isa<nn::TransposeOp>(op) && !first;
      if (makers.contains(&op) && !nn::isElementwise(&op) && !isOfImage) {
        if (first || !isa<nn::Conv2DOp>(op))
          return refuse("there is more than a convolution before its root");
        first = &op;
      }
    }
    if (!first)
      return refuse("its root does not read what a convolution makes");
    image = first->getOperand(0);
    if (auto transpose = image.getDefiningOp<nn::TransposeOp>();
        transpose && transpose.getPerm() == ArrayRef<int64_t>{0, 2, 3, 1}) {
      image = transpose.getInput();
      isOfPlanes = true;
    }
    auto input = dyn_cast<BlockArgument>(image);
    return input && input.hasOneUse() ? success() : refuse("its input is computed in the kernel, or read twice");
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
    for (const RowStrips::Strip &strip : cut.strips)
      words.append({strip.fill, strip.alone, strip.sweep});
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
    Value start = code.mul(slot, cut.ofSlot), memory = code.at(scratch, code.mul(begun, cut.slotElements), element);
    Value end =
        arith::MinSIOp::create(code.b, code.add(start, code.constant(cut.ofSlot)), code.constant(cut.strips.size()));
    auto overStrips = scf::ForOp::create(code.b, start, end, one);
    overStrips->setAttr(nn::kWorkAttr, code.b.getI64IntegerAttr(cut.ofSlot * workOfStrip()));
    scf::YieldOp::create(code.b, begun);
    code.b.setInsertionPointToStart(overStrips.getBody());
    Value number = overStrips.getInductionVar();
    Value isFirst = arith::CmpIOp::create(code.b, arith::CmpIPredicate::eq, number, start);
    emitStrip(number, arith::AndIOp::create(code.b, isAlone, isFirst), table, memory);
  }

  /// Operations on vectors of 32 bytes.
  int64_t workOfStrip() const {
    int64_t lanes = 256 / element.getIntOrFloatBitWidth(), strips = cut.strips.size();
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
    Value entry = code.at(table, code.mul(number, 3), word);
    Value column = arith::ExtUIOp::create(code.b, code.b.getI64Type(), isAlone);
    oneOf(code.load(code.at(entry, column, word), word), cut.fills.size(),
          [&](unsigned kind) { fill(kind, place, memory); });
    oneOf(code.load(code.at(entry, 2, word), word), cut.sweeps.size(),
          [&](unsigned kind) { sweep(kind, place, memory); });
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

  /// Makes the rows of a strip that are not there from the strip before.
  void fill(unsigned kind, const Place &place, Value memory) {
    const RowStrips::Fill &fill = cut.fills[kind];
    int64_t row = width * channels, bytes = element.getIntOrFloatBitWidth() / 8;
    if (fill.kept)
      LLVM::MemmoveOp::create(code.b, memory, code.at(memory, fill.keptFrom * row, element),
                              code.constant(fill.kept * row * bytes), /*isVolatile=*/false);
    if (fill.made.count() == 0)
      return;
    Value madeRow = rowAt(place, cut.madeStep, fill.made.first),
          sourceRow = rowAt(place, cut.readStep, fill.read.rows.first);
    auto operandOf = [&](Value value) {
      return value == image ? inputAt(value, place, sourceRow, fill.read.rows.count())
                            : inputAt(value, place, madeRow, fill.made.count());
    };
    auto typeOf = [&](Value value) {
      return cutRows(value, value == first->getOperand(0) ? fill.read.rows.count() : fill.made.count());
    };
    auto adjust = [&](Operation *op) { setPads(op, fill.read.before, fill.read.after); };
    RankedTensorType made = cutRows(second->getOperand(0), fill.made.count());
    Value result = viewAt(code, code.at(memory, fill.kept * row, element), made, row, channels);
    KernelPart{function, kernel, firstOps, operandOf, typeOf, adjust}.emit(code, kernels, result);
  }

  /// The rows of the output, whose windows have all of their rows now.
  void sweep(unsigned kind, const Place &place, Value memory) {
    const RowStrips::Sweep &sweep = cut.sweeps[kind];
    Value row = rowAt(place, form.rows, 0);
    auto operandOf = [&](Value value) -> PartOperand {
      if (value != second->getOperand(0))
        return inputAt(value, place, row, sweep.made);
      RankedTensorType type = cutRows(value, sweep.read);
      return {type, viewAt(code, memory, type, width * channels, channels), code.b.getUnitAttr()};
    };
    auto typeOf = [&](Value value) { return cutRows(value, sweep.made); };
    auto adjust = [&](Operation *op) { setPads(op, sweep.before, sweep.after); };
    Value result = rowsAt(kernel.getOutputs().front(), cutRows(kernel.getYielded().front(), sweep.made), place, row);
    KernelPart{function, kernel, secondOps, operandOf, typeOf, adjust}.emit(code, kernels, result);
  }

  static void setPads(Operation *op, int64_t before, int64_t after) {
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
    int64_t &height = shape[isOfPlanes && value == image ? 2 : 1];
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
    Type stored = cast<MemRefType>(memory.getType()).getElementType();
    Value at = code.pointerTo(memory);
    if (way.image)
      at = code.at(at, code.mul(place.image, way.image), stored);
    if (way.row)
      at = code.at(at, code.mul(row, way.row), stored);
    return viewAt(code, at, type, way.ofView[0], way.ofView[1]);
  }
};

} // namespace

LogicalResult cpu::emitChain(func::FuncOp function, nn::KernelOp kernel, MicroKernels &kernels, const RowsForm &form,
                             std::string &reason) {
  return ChainWriter(function, kernel, kernels, form, reason).run();
}
