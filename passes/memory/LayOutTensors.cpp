// Views and destinations: who shares memory with whom. Concatenations, slices and reshapes become views where they can,
// what no view can replace becomes a copy.
#include "dialects/nn/Origin.h"
#include "mlir/IR/Builders.h"
#include "passes/memory/MemoryLayout.h"
#include "passes/place/Placed.h"

using namespace mlir;

namespace nncc {

using namespace nn;

RankedTensorType tensorOf(Value value) { return cast<RankedTensorType>(value.getType()); }

std::string tensorName(Value value) {
  if (auto kernel = value.getDefiningOp<KernelOp>())
    return getOrigin(kernel.getYielded()[cast<OpResult>(value).getResultNumber()]).tensor;
  return getOrigin(value).tensor;
}

int64_t elementBytes(RankedTensorType type) { return llvm::divideCeil(type.getElementTypeBitWidth(), 8); }

int64_t byteSize(RankedTensorType type) { return type.getNumElements() * elementBytes(type); }

SmallVector<int64_t> contiguousStrides(ArrayRef<int64_t> shape) {
  SmallVector<int64_t> strides(shape.size(), 1);
  for (int64_t i = (int64_t)shape.size() - 2; i >= 0; --i)
    strides[i] = strides[i + 1] * std::max<int64_t>(shape[i + 1], 1);
  return strides;
}

bool isContiguous(ArrayRef<int64_t> shape, ArrayRef<int64_t> strides) {
  int64_t expected = 1;
  for (int64_t i = (int64_t)shape.size() - 1; i >= 0; --i) {
    if (shape[i] != 1 && strides[i] != expected)
      return false;
    expected *= shape[i];
  }
  return true;
}

KernelOp neighbourOf(Value value) {
  Value source = value;
  while (auto reshape = source.getDefiningOp<ReshapeOp>())
    source = reshape.getInput();
  if (auto maker = source.getDefiningOp<KernelOp>())
    return maker;
  for (Operation *user : value.getUsers())
    if (auto reader = dyn_cast<KernelOp>(user))
      return reader;
  return {};
}

KernelOp placedLike(const Step &step) { return step.kernel ? step.kernel : neighbourOf(step.copySource); }

void placeLike(KernelOp kernel, KernelOp other) {
  kernel.setDevice(other ? other.getDevice().value_or("cpu0") : "cpu0");
  if (Attribute why = other ? other->getAttr(kPlacedAttr) : Attribute())
    kernel->setAttr(kPlacedAttr, why);
}

namespace {

/// The kernel input that feeds an operand of the body.
Value outerValue(KernelOp kernel, Value inner) { return kernel.getInputs()[cast<BlockArgument>(inner).getArgNumber()]; }

/// Lays out one function.
class TensorPlacer {
public:
  explicit TensorPlacer(func::FuncOp function) : function(function) {}

  MemoryLayout run() {
    isolateReturns();
    chooseDestinations();
    layOutSteps();
    return std::move(layout);
  }

private:
  int newBuffer(BufferKind kind, unsigned index, int64_t bytes) {
    layout.buffers.push_back({kind, index, bytes});
    return layout.buffers.size() - 1;
  }

  /// A returned value must be written by a kernel of its own into the caller's memory: not an input, a constant, or one
  /// that is returned already. Where there are no elements, there is nothing to write.
  void isolateReturns() {
    auto ret = cast<func::ReturnOp>(function.getBody().front().getTerminator());
    DenseSet<Value> seen;
    OpBuilder builder(ret);
    for (OpOperand &operand : ret->getOpOperands()) {
      Value source = operand.get();
      if (tensorOf(source).getNumElements() == 0)
        continue;
      while (auto reshape = source.getDefiningOp<ReshapeOp>())
        source = reshape.getInput();
      if (source.getDefiningOp<KernelOp>() && seen.insert(source).second)
        continue;
      std::string name = "copy_to_output_" + std::to_string(operand.getOperandNumber());
      KernelOp neighbour = neighbourOf(operand.get());
      auto kernel =
          KernelOp::create(builder, ret.getLoc(), TypeRange{operand.get().getType()}, builder.getStringAttr(name),
                           ValueRange{operand.get()}, ValueRange{}, Value(), StringAttr(), builder.getStrArrayAttr({}));
      placeLike(kernel, neighbour);
      Block &body = kernel.getBody().emplaceBlock();
      body.addArgument(operand.get().getType(), ret.getLoc());
      OpBuilder inner = OpBuilder::atBlockBegin(&body);
      YieldOp::create(inner, ret.getLoc(), body.getArguments());
      operand.set(kernel.getResult(0));
    }
  }

  /// Backwards: outputs of the model and pieces of concatenations get their places before their makers are looked at.
  void chooseDestinations() {
    Block &block = function.getBody().front();
    auto ret = cast<func::ReturnOp>(block.getTerminator());
    for (OpOperand &operand : ret->getOpOperands()) {
      auto type = tensorOf(operand.get());
      int buffer = newBuffer(BufferKind::Output, operand.getOperandNumber(), byteSize(type));
      destination[operand.get()] = {buffer, 0, contiguousStrides(type.getShape())};
    }
    for (Operation &op : llvm::reverse(block)) {
      if (auto reshape = dyn_cast<ReshapeOp>(&op)) {
        auto known = destination.find(reshape.getOutput());
        Value input = reshape.getInput();
        if (known == destination.end() || !isWritten(input) || destination.count(input) ||
            !isContiguous(tensorOf(reshape.getOutput()).getShape(), known->second.strides))
          continue;
        Place place = known->second;
        place.strides = contiguousStrides(tensorOf(input).getShape());
        destination[input] = place;
        continue;
      }
      auto kernel = dyn_cast<KernelOp>(&op);
      if (!kernel)
        continue;
      if (std::optional<unsigned> input = overwrittenInPiece(kernel))
        if (auto place = destination.find(kernel.getResult(0)); place != destination.end())
          destination.try_emplace(kernel.getInputs()[*input], Place(place->second));
      ConcatOp concat = soleConcat(kernel);
      if (!concat)
        continue;
      Value result = kernel.getResult(0);
      auto type = tensorOf(result);
      if (!destination.count(result))
        if (auto inside = placeInside(kernel, concat))
          destination[result] = *inside;
      if (!destination.count(result))
        destination[result] = {newBuffer(BufferKind::Arena, 0, byteSize(type)), 0, contiguousStrides(type.getShape())};
      Place whole = destination[result];
      int64_t start = 0;
      for (Value piece : concat.getInputs()) {
        Value outer = outerValue(kernel, piece);
        Place place = whole;
        place.byteOffset += start * whole.strides[concat.getAxis()] * elementBytes(type);
        start += tensorOf(piece).getDimSize(concat.getAxis());
        if (isWritten(outer) && !destination.count(outer) && llvm::count(kernel.getInputs(), outer) == 1)
          destination[outer] = place;
        else
          copied[{place.buffer, place.byteOffset}] = outer;
        pieces[kernel].push_back({outer, place});
      }
    }
  }

  /// The operand that a kernel is to overwrite where its result is a piece of a concatenation. None that is one itself:
  /// its pieces would lie there, and have readers of their own.
  static std::optional<unsigned> overwrittenInPiece(KernelOp kernel) {
    auto number = kernel->getAttrOfType<IntegerAttr>(kOverwritesAttr);
    auto maker = number ? kernel.getInputs()[number.getInt()].getDefiningOp<KernelOp>() : KernelOp();
    return maker && !soleConcat(maker) ? std::optional<unsigned>(number.getInt()) : std::nullopt;
  }

  /// The place of a concatenation whose pieces already lie side by side in a bigger one, as in dense blocks. Pieces
  /// that are copied there, such as inputs of the model, lie there as well.
  std::optional<Place> placeInside(KernelOp kernel, ConcatOp concat) {
    std::optional<Place> first;
    int64_t before = 0, elements = elementBytes(tensorOf(concat.getOutput()));
    auto stepOf = [&](Value piece, const Place &place) {
      return tensorOf(piece).getDimSize(concat.getAxis()) * place.strides[concat.getAxis()] * elements;
    };
    // Any piece that has a place says where the whole would lie.
    for (size_t known = 0; known < concat.getInputs().size() && !first; ++known) {
      auto place = destination.find(outerValue(kernel, concat.getInputs()[known]));
      if (place == destination.end())
        continue;
      first = place->second;
      for (Value piece : concat.getInputs().take_front(known))
        first->byteOffset -= stepOf(piece, *first);
    }
    if (!first)
      return std::nullopt;
    for (Value piece : concat.getInputs()) {
      Value outer = outerValue(kernel, piece);
      int64_t offset = first->byteOffset + before;
      auto known = destination.find(outer);
      bool isThere = known != destination.end() && known->second.buffer == first->buffer &&
                     known->second.strides == first->strides && known->second.byteOffset == offset;
      auto copy = copied.find({first->buffer, offset});
      if (!isThere && (copy == copied.end() || copy->second != outer))
        return std::nullopt;
      before += stepOf(piece, *first);
    }
    return first;
  }

  /// True for values that a kernel of this model writes (directly or seen through a reshape).
  static bool isWritten(Value value) {
    while (auto reshape = value.getDefiningOp<ReshapeOp>())
      value = reshape.getInput();
    return value.getDefiningOp<KernelOp>() != nullptr;
  }

  /// True where elements lie alike: a dim of one element has no stride that matters.
  static bool sameSteps(RankedTensorType type, const Place &a, const Place &b) {
    return llvm::all_of(llvm::zip(type.getShape(), a.strides, b.strides), [](auto dim) {
      auto [size, step, other] = dim;
      return size == 1 || step == other;
    });
  }
  static bool samePlace(const Place &a, const Place &b) { return a.buffer == b.buffer && a.byteOffset == b.byteOffset; }

  void read(Step &step, ValueRange values) {
    for (Value value : values)
      if (auto tensors = tensorsOf.find(value); tensors != tensorsOf.end())
        llvm::append_range(step.reads, tensors->second);
    llvm::sort(step.reads);
    step.reads.erase(llvm::unique(step.reads), step.reads.end());
  }

  /// The tensor that the next step writes.
  unsigned write(Step &step, Value value, const Place &place) {
    layout.tensors.push_back({value, unsigned(layout.steps.size()), place.buffer, byteSize(tensorOf(value))});
    step.writes.push_back(layout.tensors.size() - 1);
    return step.writes.back();
  }

  /// `view` is another form of `source`, or a part of it.
  void setView(Value view, Value source, Place place) {
    SmallVector<unsigned> tensors = tensorsOf.lookup(source);
    tensorsOf[view] = std::move(tensors);
    layout.places[view] = std::move(place);
  }

  /// Copies `source` in a step of its own; returns the tensor that is the copy.
  unsigned addCopy(Value source, const Place &to, std::string name, Operation *origin) {
    Step step;
    step.copySource = source;
    step.copyFrom = layout.places.lookup(source);
    step.copyDestination = to;
    step.copyName = std::move(name);
    step.origin = origin;
    read(step, source);
    unsigned tensor = write(step, source, to);
    layout.steps.push_back(std::move(step));
    return tensor;
  }

  /// Forwards: views are resolved, every other kernel becomes a step that writes to its destination or a new buffer.
  void layOutSteps() {
    Block &block = function.getBody().front();
    for (BlockArgument argument : block.getArguments()) {
      auto type = tensorOf(argument);
      layout.places[argument] = {newBuffer(BufferKind::Input, argument.getArgNumber(), byteSize(type)), 0,
                                 contiguousStrides(type.getShape())};
    }
    for (Operation &op : block.without_terminator()) {
      if (isa<ConstantOp>(&op))
        continue;
      if (auto reshape = dyn_cast<ReshapeOp>(&op)) {
        placeReshape(reshape);
        continue;
      }
      auto kernel = cast<KernelOp>(&op);
      if (soleConcat(kernel)) {
        placeConcat(kernel);
        continue;
      }
      if (placeSlice(kernel))
        continue;
      Step step;
      step.kernel = kernel;
      step.origin = kernel;
      read(step, kernel.getInputs());
      for (Value result : kernel.getResults()) {
        auto type = tensorOf(result);
        auto known = destination.find(result);
        Place place = known != destination.end() ? known->second
                                                 : Place{newBuffer(BufferKind::Arena, 0, byteSize(type)), 0,
                                                         contiguousStrides(type.getShape())};
        tensorsOf[result] = {write(step, result, place)};
        layout.places[result] = place;
        if (std::optional<unsigned> input = overwrittenInPiece(kernel);
            input && samePlace(layout.places.lookup(kernel.getInputs()[*input]), place)) {
          step.overwrites = *input;
          step.overwritten = tensorName(kernel.getInputs()[*input]);
        }
      }
      if (auto scratch = kernel->getAttrOfType<IntegerAttr>("nn.scratch_bytes"); scratch && scratch.getInt() > 0)
        step.scratch = newBuffer(BufferKind::Arena, 0, scratch.getInt());
      layout.steps.push_back(std::move(step));
    }
  }

  void placeReshape(ReshapeOp reshape) {
    Value input = reshape.getInput(), output = reshape.getOutput();
    auto shape = tensorOf(output).getShape();
    auto known = destination.find(output);
    bool isWanted = known != destination.end();
    const Place wanted = isWanted ? known->second : Place();
    auto copyTo = [&](Value source, const Place &to, std::string name) {
      tensorsOf[output] = {addCopy(source, to, std::move(name), reshape)};
      layout.places[output] = {to.buffer, to.byteOffset, contiguousStrides(shape)};
    };
    auto copyToWanted = [&](std::string name) {
      copyTo(output, wanted, std::move(name));
      layout.places[output] = wanted;
    };
    if (getConstantValue(input)) { // the same bytes under another shape
      if (isWanted)
        copyToWanted("copy_constant_" + std::to_string(layout.steps.size()));
      return;
    }
    auto source = layout.places.find(input);
    if (source == layout.places.end()) // a reshape of a reshape of a constant
      return;
    const Place from = source->second;
    bool contiguous = isContiguous(tensorOf(input).getShape(), from.strides);
    if (contiguous) {
      setView(output, input, {from.buffer, from.byteOffset, contiguousStrides(shape)});
      if (!isWanted || samePlace(wanted, from))
        return;
    }
    // A copy reads the elements in the input's shape; its destination is written in that shape, then seen in the other.
    std::string name = "copy_for_reshape_" + std::to_string(layout.steps.size());
    bool direct = isWanted && isContiguous(shape, wanted.strides);
    if (contiguous && !direct) // only the destination is strided: one copy, from the view
      return copyToWanted(name);
    Place to = direct ? wanted : Place{newBuffer(BufferKind::Arena, 0, byteSize(tensorOf(input))), 0, {}};
    to.strides = contiguousStrides(tensorOf(input).getShape());
    copyTo(input, to, name);
    if (isWanted && !direct)
      copyToWanted(name + "_strided");
  }

  void placeConcat(KernelOp kernel) {
    unsigned number = 0;
    SmallVector<unsigned> whole;
    for (auto &[piece, place] : pieces[kernel]) {
      auto at = layout.places.find(piece);
      if (at != layout.places.end() && samePlace(at->second, place) && sameSteps(tensorOf(piece), at->second, place)) {
        llvm::append_range(whole, tensorsOf.lookup(piece));
      } else {
        // A smaller concatenation in the same memory may have copied it already.
        auto [copy, isNew] = copies.try_emplace({{place.buffer, place.byteOffset}, piece}, 0);
        if (isNew)
          copy->second = addCopy(piece, place, kernel.getName().str() + "_" + std::to_string(number), kernel);
        whole.push_back(copy->second);
      }
      ++number;
    }
    tensorsOf[kernel.getResult(0)] = std::move(whole);
    layout.places[kernel.getResult(0)] = destination[kernel.getResult(0)];
  }

  bool placeSlice(KernelOp kernel) {
    auto slice = soleOp<SliceOp>(kernel);
    if (!slice || destination.count(kernel.getResult(0)))
      return false;
    auto from = layout.places.find(outerValue(kernel, slice.getInput()));
    if (from == layout.places.end() || llvm::any_of(slice.getSteps(), [](int64_t step) { return step < 1; }) ||
        (!slice.getSteps().empty() && slice.getSteps().back() != 1))
      return false;
    auto type = tensorOf(kernel.getResult(0));
    if (type.getNumElements() == 0)
      return false;
    Place view = from->second;
    for (auto [dim, start, step] :
         llvm::zip(llvm::seq<size_t>(0, type.getRank()), slice.getStarts(), slice.getSteps())) {
      view.byteOffset += start * view.strides[dim] * elementBytes(type);
      view.strides[dim] *= step;
    }
    setView(kernel.getResult(0), outerValue(kernel, slice.getInput()), std::move(view));
    return true;
  }

  func::FuncOp function;
  MemoryLayout layout;
  DenseMap<Value, Place> destination;
  DenseMap<Operation *, SmallVector<std::pair<Value, Place>>> pieces;
  DenseMap<Value, SmallVector<unsigned>> tensorsOf;                     ///< the tensors behind a value
  DenseMap<std::pair<int, int64_t>, Value> copied;                      ///< what is copied to a place
  DenseMap<std::pair<std::pair<int, int64_t>, Value>, unsigned> copies; ///< the tensors that such copies are
};

} // namespace

ConcatOp soleConcat(KernelOp kernel) { return soleOp<ConcatOp>(kernel); }

MemoryLayout layOut(func::FuncOp function) { return TensorPlacer(function).run(); }

} // namespace nncc
