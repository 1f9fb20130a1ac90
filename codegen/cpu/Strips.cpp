// The function of a kernel in strips: a loop over slots, in it one over strips, each with a call of the prologue and a
// contraction of so many pixels, which is emitted as a kernel of its own.
#include "codegen/cpu/Strips.h"
#include "codegen/cpu/KernelPart.h"
#include "codegen/cpu/MergeKernels.h"
#include "dialects/nn/KernelForms.h"
#include "dialects/nn/Parts.h"
#include "lib/support/Assert.h"
#include "passes/lower/ScalarMath.h"

using namespace mlir;
using namespace nncc;
using namespace nncc::cpu;

DictionaryAttr StripForm::getAttr(MLIRContext *context, int64_t scratchBytes) const {
  return slotForm(context, kind, "pixels", pixels, slots, scratchBytes);
}

std::optional<StripForm> StripForm::from(DictionaryAttr form) {
  auto found = readSlotForm(form, kind, "pixels");
  return found ? std::optional(StripForm{found->first, found->second}) : std::nullopt;
}

//===-- its prologue ------------------------------------------------------===//

PixelVectors PixelVectors::of(const Epilogue &prologue, int64_t channels, const PixelGroups &groups,
                              nn::MachineAttr machine) {
  // As many as fill a register with the widest of what goes in and what comes out.
  unsigned bits = std::max(computeType(prologue.startElement()).getIntOrFloatBitWidth(),
                           prologue.storedElement().getIntOrFloatBitWidth());
  int64_t lanes = machine.lanes(std::max(bits, 32u)), count = channels / groups.read;
  return {lanes, count / lanes, count % lanes, groups};
}

/// A vector of elements that are read of groups, the one behind `before` such vectors of groups that follow each other.
///
/// place  of `exist` groups, at most as many as the vector has lanes; nothing behind them is touched
static Value loadOfGroups(Code &code, Value place, VectorType type, const PixelGroups &groups, int64_t before,
                          int64_t exist) {
  const int64_t lanes = type.getNumElements(), first = before * lanes;
  auto groupOf = [&](int64_t i) { return i / groups.read; };
  // Only the groups that it is made of: shuffles within 16 bytes are one instruction.
  int64_t all = lanes * groups.held, span = groupOf(first + lanes - 1) - groupOf(first) + 1;
  Type element = type.getElementType();
  int64_t least = 128 / element.getIntOrFloatBitWidth();
  int64_t width = std::min<int64_t>(all, std::max<int64_t>(llvm::PowerOf2Ceil(span * groups.held), least));
  int64_t begin = std::min(groupOf(first) * groups.held, all - width);
  Value held = code.loadPart(code.at(place, begin, element), VectorType::get(width, element),
                             std::min(width, exist * groups.held - begin));
  SmallVector<int64_t> order;
  for (int64_t i = first; i < first + lanes; ++i)
    order.push_back(groupOf(i) * groups.held + i % groups.read - begin);
  return vector::ShuffleOp::create(code.b, held, held, order);
}

void cpu::emitPrologue(Code &code, const Epilogue &prologue, const PixelVectors &vectors,
                       Block::BlockArgListType arguments) {
  ScalarMath math(code.b, code.b.getLoc());
  ArrayRef<Leaf> leaves = prologue.leaves();
  const unsigned pointers = 2 + leaves.size();
  const int64_t lanes = vectors.lanes;
  const PixelGroups &groups = vectors.groups;
  Value pixels = arguments[pointers], zero = code.constant(0);
  Type from = memoryType(prologue.startElement()), to = prologue.storedElement();
  auto vectorAt = [&](Value channel, int64_t exist, ValueRange places, function_ref<Value(VectorType)> start) {
    auto load = [&](Value place, Type element) {
      return code.loadPart(code.at(place, channel, element), VectorType::get(lanes, element), exist);
    };
    SmallVector<Value> values;
    for (auto [leaf, place] : llvm::zip(leaves, places.drop_front(2))) {
      Type element = leaf.memoryElement();
      values.push_back(leaf.variesByChannel
                           ? load(place, element)
                           : code.broadcast(code.load(place, element), VectorType::get(lanes, element)));
    }
    Value begun = math.fromMemory(start(VectorType::get(lanes, from)), prologue.startElement());
    Value made = prologue.emit(code, begun, values);
    NNCC_ASSERT(made, "the prologue was matched, but cannot be emitted");
    code.storePart(made, code.at(places[1], channel, to), exist);
  };
  // `exist` groups from one on, at most as many as a vector has lanes.
  auto groupsAt = [&](Value group, int64_t exist, ValueRange places) {
    Value place = code.at(places[0], code.mul(group, groups.held), from);
    if (groups.held == groups.read)
      return vectorAt(group, exist, places, [&](VectorType type) { return code.loadPart(place, type, exist); });
    Value channel = code.mul(group, groups.read);
    for (int64_t before = 0; before * lanes < exist * groups.read; ++before)
      vectorAt(before ? code.add(channel, code.constant(before * lanes)) : channel,
               std::min(exist * groups.read - before * lanes, lanes), places,
               [&](VectorType type) { return loadOfGroups(code, place, type, groups, before, exist); });
  };
  code.loop(zero, pixels, 1, arguments.take_front(pointers), [&](Value, ValueRange places) {
    if (vectors.whole)
      code.loop(zero, code.constant(vectors.whole * lanes), lanes, {},
                [&](Value group, ValueRange) -> SmallVector<Value> {
                  groupsAt(group, lanes, places);
                  return {};
                });
    if (vectors.tail)
      groupsAt(code.constant(vectors.whole * lanes), vectors.tail, places);
    unsigned step = pointers + 1;
    SmallVector<Value> next = llvm::to_vector(places);
    next[1] = code.at(next[1], arguments[step++], to);
    next[0] = code.at(next[0], arguments[step++], from);
    for (auto [i, leaf] : llvm::enumerate(leaves))
      if (leaf.variesByPixel)
        next[2 + i] = code.at(next[2 + i], arguments[step++], leaf.memoryElement());
    return next;
  });
}

//===-- its function ------------------------------------------------------===//

namespace {

class StripWriter {
public:
  StripWriter(func::FuncOp function, nn::KernelOp kernel, MicroKernels &kernels, const StripForm &form,
              std::string &reason)
      : function(function), kernel(kernel), kernels(kernels), form(form), reason(reason), root(kernel.getRoot()),
        builder(kernel), code(kernel.getLoc(), builder, kernels.hasMaskedStores()) {}

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
  const StripForm &form;
  std::string &reason;
  Operation *root;
  OpBuilder builder;
  Code code;

  /// What moves from pixel to pixel: an input of the kernel, or its output.
  struct Moving {
    Value memory;
    SmallVector<int64_t> steps; ///< per dim but the channels; 0 where it is broadcast
  };
  /// Dims of the pixels that lie alike in all operands are one axis.
  struct Axis {
    int64_t count;
    SmallVector<int64_t> steps; ///< per moving operand
  };

  std::optional<Epilogue> prologue;
  unsigned input = 0;
  int64_t depth = 0, outputs = 0;
  SmallVector<Moving> moving;                    ///< the output comes last
  SmallVector<std::optional<unsigned>> movingOf; ///< per input of the kernel
  SmallVector<Axis> axes;                        ///< outermost first; strips are cut from the last
  int64_t ofStrip = 0, ofLast = 0, perLine = 0, strips = 0;

  LogicalResult refuse(const Twine &why) {
    reason = why.str();
    return failure();
  }

  LogicalResult describe() {
    if (!root || root->getNumOperands() < 2 || !isa<nn::Conv2DOp, nn::MatMulOp>(root) || !kernel.isPlanned() ||
        kernel.getOutputs().size() != 1)
      return refuse("it is no planned contraction");
    auto read = cast<RankedTensorType>(root->getOperand(0).getType());
    auto result = cast<RankedTensorType>(root->getResult(0).getType());
    if (read.getShape().drop_back() != result.getShape().drop_back())
      return refuse("its root reads other pixels than it writes");
    depth = read.getShape().back();
    outputs = result.getShape().back();
    auto found = Epilogue::matchPrologue(kernel, root, read.getRank() - 1, input, reason);
    if (failed(found))
      return failure();
    prologue = std::move(*found);
    Value scratch = kernel.getScratch();
    if (!scratch ||
        cast<MemRefType>(scratch.getType()).getNumElements() < form.scratchBytes(depth, prologue->storedElement()))
      return refuse("there is no scratch memory for its strips");
    for (unsigned i = 0; i < kernel.getInputs().size(); ++i) {
      movingOf.push_back(std::nullopt);
      if (readsElementwise(i)) {
        movingOf.back() = moving.size();
        if (failed(addMoving(kernel.getInputs()[i])))
          return failure();
      }
    }
    if (failed(addMoving(kernel.getOutputs().front())))
      return failure();
    findAxes(result.getShape().drop_back());
    return success();
  }

  /// Weights and bias are whole in every strip; all others are read pixel by pixel.
  bool readsElementwise(unsigned i) {
    return llvm::any_of(kernel.getBody().getArgument(i).getUsers(),
                        [](Operation *user) { return nn::isElementwise(user); });
  }

  LogicalResult addMoving(Value memory) {
    auto type = cast<MemRefType>(memory.getType());
    SmallVector<int64_t> strides;
    int64_t offset;
    if (failed(type.getStridesAndOffset(strides, offset)) || offset != 0 ||
        llvm::any_of(strides, ShapedType::isDynamic))
      return refuse("an operand has no static layout at offset 0");
    if (strides.back() != 1 && type.getShape().back() != 1)
      return refuse("channels of an operand are not contiguous");
    Moving operand{memory, {}};
    for (auto [size, stride] : llvm::drop_end(llvm::zip(type.getShape(), strides)))
      operand.steps.push_back(size == 1 ? 0 : stride);
    moving.push_back(std::move(operand));
    return success();
  }

  void findAxes(ArrayRef<int64_t> shape) {
    for (auto [dim, count] : llvm::enumerate(shape)) {
      if (count == 1)
        continue;
      Axis axis{count, {}};
      for (const Moving &operand : moving)
        axis.steps.push_back(operand.steps[dim]);
      bool goesOn =
          !axes.empty() && llvm::all_of(llvm::zip(axes.back().steps, axis.steps), [&, count = count](auto pair) {
            return std::get<0>(pair) == count * std::get<1>(pair);
          });
      if (goesOn)
        axis.count *= axes.pop_back_val().count;
      axes.push_back(std::move(axis));
    }
    if (axes.empty())
      axes.push_back({1, SmallVector<int64_t>(moving.size(), 0)});
    int64_t pixels = axes.back().count;
    ofStrip = llvm::divideCeil(pixels, llvm::divideCeil(pixels, form.pixels));
    perLine = llvm::divideCeil(pixels, ofStrip);
    ofLast = pixels - (perLine - 1) * ofStrip;
    strips = perLine;
    for (const Axis &axis : ArrayRef(axes).drop_back())
      strips *= axis.count;
  }

  /// Strips of one slot follow each other in the same memory.
  void loopOverStrips() {
    int64_t ofSlot = llvm::divideCeil(strips, std::min(form.slots, strips)), slots = llvm::divideCeil(strips, ofSlot);
    Value scratch = code.pointerTo(kernel.getScratch());
    Value zero = code.constant(0), one = code.constant(1);
    auto overSlots = scf::ForOp::create(code.b, zero, code.constant(slots), one);
    overSlots->setAttr(nn::kParallelAttr, code.b.getUnitAttr());
    OpBuilder::InsertionGuard guard(code.b);
    code.b.setInsertionPointToStart(overSlots.getBody());
    Value slot = overSlots.getInductionVar(), first = code.mul(slot, ofSlot);
    Value memory = code.at(scratch, code.mul(slot, form.pixels * rowPitch(depth)), prologue->storedElement());
    Value end = arith::MinSIOp::create(code.b, code.add(first, code.constant(ofSlot)), code.constant(strips));
    auto overStrips = scf::ForOp::create(code.b, first, end, one);
    overStrips->setAttr(nn::kWorkAttr, code.b.getI64IntegerAttr(ofSlot * workOfStrip()));
    code.b.setInsertionPointToStart(overStrips.getBody());
    emitStrip(overStrips.getInductionVar(), memory);
  }

  /// Operations on vectors of 32 bytes.
  int64_t workOfStrip() const {
    return ofStrip * (depth * llvm::divideCeil(outputs, 8) + 4 * llvm::divideCeil(depth, 8));
  }

  void emitStrip(Value strip, Value memory) {
    auto quotient = [&](Value number, int64_t by) -> Value {
      return arith::DivUIOp::create(code.b, number, code.constant(by));
    };
    auto rest = [&](Value number, int64_t by) -> Value {
      return arith::RemUIOp::create(code.b, number, code.constant(by));
    };
    Value part = rest(strip, perLine), line = quotient(strip, perLine);
    SmallVector<Value> places;
    for (const Moving &operand : moving)
      places.push_back(code.pointerTo(operand.memory));
    auto move = [&](Value index, const Axis &axis, int64_t times) {
      for (auto [i, place] : llvm::enumerate(places))
        if (axis.steps[i])
          place = code.at(place, code.mul(index, axis.steps[i] * times), elementOf(moving[i]));
    };
    move(part, axes.back(), ofStrip);
    for (const Axis &axis : llvm::reverse(ArrayRef(axes).drop_back())) {
      move(rest(line, axis.count), axis, 1);
      line = quotient(line, axis.count);
    }
    if (ofLast == ofStrip)
      return emitPixels(ofStrip, places, memory);
    Value isLast = arith::CmpIOp::create(code.b, arith::CmpIPredicate::eq, part, code.constant(perLine - 1));
    auto ifLast = scf::IfOp::create(code.b, isLast, /*withElseRegion=*/true);
    OpBuilder::InsertionGuard guard(code.b);
    code.b.setInsertionPointToStart(ifLast.thenBlock());
    emitPixels(ofLast, places, memory);
    code.b.setInsertionPointToStart(ifLast.elseBlock());
    emitPixels(ofStrip, places, memory);
  }

  static Type elementOf(const Moving &operand) { return cast<MemRefType>(operand.memory.getType()).getElementType(); }

  void emitPixels(int64_t count, ArrayRef<Value> places, Value memory) {
    callPrologue(count, places, memory);
    multiply(count, places, memory);
  }

  void callPrologue(int64_t count, ArrayRef<Value> places, Value memory) {
    SmallVector<Value> arguments{places[*movingOf[input]], memory},
        steps{code.constant(axes.back().steps[*movingOf[input]])};
    for (const Leaf &leaf : prologue->leaves()) {
      arguments.push_back(places[*movingOf[leaf.input]]);
      if (leaf.variesByPixel)
        steps.push_back(code.constant(axes.back().steps[*movingOf[leaf.input]]));
    }
    arguments.append({code.constant(count), code.constant(rowPitch(depth))});
    arguments.append(steps);
    func::CallOp::create(code.b, kernels.getPrologue(*prologue, depth, {}, getMachine(kernel)), arguments);
  }

  /// A type of the body for so many pixels, or for one where it is the same for all of them.
  RankedTensorType cut(Value value, int64_t pixels) {
    auto type = cast<RankedTensorType>(value.getType());
    if (type.getRank() < 2)
      return type;
    SmallVector<int64_t> shape(type.getRank(), 1);
    shape.back() = type.getShape().back();
    shape[type.getRank() - 2] = pixels;
    return type.clone(shape);
  }

  /// The contraction of `count` pixels of a strip.
  void multiply(int64_t count, ArrayRef<Value> places, Value memory) {
    SmallVector<Operation *> ops;
    for (Operation &op : llvm::make_range(root->getIterator(), kernel.getBody().front().getTerminator()->getIterator()))
      if (!isa<nn::ConstantOp>(op))
        ops.push_back(&op);
    auto operandOf = [&](Value value) -> PartOperand {
      if (value == root->getOperand(0)) {
        RankedTensorType type = cut(value, count);
        return {type, viewAt(code, memory, type, 0, rowPitch(depth)), code.b.getUnitAttr()};
      }
      unsigned i = cast<BlockArgument>(value).getArgNumber();
      if (!movingOf[i])
        return wholeInput(kernel, i);
      int64_t step = axes.back().steps[*movingOf[i]];
      RankedTensorType type = cut(value, step ? count : 1);
      return {type, viewAt(code, places[*movingOf[i]], type, 0, step), code.b.getUnitAttr()};
    };
    auto typeOf = [&](Value value) { return cut(value, count); };
    Value result = viewAt(code, places.back(), cut(kernel.getYielded().front(), count), 0, axes.back().steps.back());
    KernelPart{function, kernel, ops, operandOf, typeOf, [](Operation *) {}}.emit(code, kernels, result, reason);
  }
};

} // namespace

LogicalResult cpu::emitStrips(func::FuncOp function, nn::KernelOp kernel, MicroKernels &kernels, const StripForm &form,
                              std::string &reason) {
  return StripWriter(function, kernel, kernels, form, reason).run();
}
