// N2 -> P: gives every tensor its place. Concatenations, slices and reshapes become views where they can; an
// elementwise kernel takes over the memory of an operand that dies in it; all the rest is packed into one arena.
#include "dialects/nn/NN.h"
#include "dialects/nn/Origin.h"
#include "lib/support/Assert.h"
#include "mlir/IR/Builders.h"
#include "passes/Passes.h"
#include "passes/lower/KernelCost.h"
#include "passes/memory/ArenaPlanner.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/Support/xxhash.h"

using namespace mlir;

namespace nncc {
#define GEN_PASS_DEF_PLANMEMORY
#include "passes/Passes.h.inc"

using namespace nn;

namespace {

/// Every place in the arena and the weights starts on a cache line.
constexpr int64_t kAlignment = 64;

enum class BufferKind { Arena, Input, Output };

/// Memory that one or several values share.
struct Buffer {
  BufferKind kind;
  unsigned index; ///< which input or output
  int64_t bytes = 0;
  unsigned first = ~0u; ///< step of the first write
  unsigned last = 0;    ///< step of the last use
  int64_t offset = 0;   ///< in the arena, once planned
  int mergedInto = -1;  ///< the buffer that this one continues in place
};

/// Where the elements of a value lie.
struct Place {
  int buffer = -1;
  int64_t byteOffset = 0;
  SmallVector<int64_t> strides; ///< in elements
};

/// One kernel of the plan: an `nn.kernel` of the model, or a copy that no view could replace.
struct Step {
  KernelOp kernel;  ///< null for a copy
  Value copySource; ///< what a copy reads
  Place copyFrom;   ///< where it lay when the copy was decided; no buffer for constants
  Place copyDestination;
  std::string copyName;
  Operation *origin = nullptr; ///< op that names the nodes of a copy
};

RankedTensorType tensorOf(Value value) { return cast<RankedTensorType>(value.getType()); }

int64_t elementBytes(RankedTensorType type) { return llvm::divideCeil(type.getElementTypeBitWidth(), 8); }

int64_t byteSize(RankedTensorType type) { return type.getNumElements() * elementBytes(type); }

SmallVector<int64_t> contiguousStrides(ArrayRef<int64_t> shape) {
  SmallVector<int64_t> strides(shape.size(), 1);
  for (int64_t i = (int64_t)shape.size() - 2; i >= 0; --i)
    strides[i] = strides[i + 1] * std::max<int64_t>(shape[i + 1], 1);
  return strides;
}

/// True when the elements lie in row-major order without gaps; dims of size 1 may have any stride.
bool isContiguous(ArrayRef<int64_t> shape, ArrayRef<int64_t> strides) {
  int64_t expected = 1;
  for (int64_t i = (int64_t)shape.size() - 1; i >= 0; --i) {
    if (shape[i] != 1 && strides[i] != expected)
      return false;
    expected *= shape[i];
  }
  return true;
}

/// The memref type of a tensor in memory: signless elements, booleans as bytes.
MemRefType memoryType(RankedTensorType tensor, ArrayRef<int64_t> strides) {
  Type element = tensor.getElementType();
  if (auto integer = dyn_cast<IntegerType>(element))
    element = IntegerType::get(tensor.getContext(), std::max(8u, integer.getWidth()));
  MemRefLayoutAttrInterface layout;
  if (!isContiguous(tensor.getShape(), strides))
    layout = StridedLayoutAttr::get(tensor.getContext(), 0, strides);
  return MemRefType::get(tensor.getShape(), element, layout);
}

/// The only op in a kernel's body besides the yield, when it is a T on the kernel's inputs that is yielded.
template <typename T> T soleOp(KernelOp kernel) {
  Block &body = kernel.getBody().front();
  if (!llvm::hasSingleElement(body.without_terminator()))
    return {};
  auto op = dyn_cast<T>(&body.front());
  if (!op || kernel.getYielded().size() != 1 || kernel.getYielded()[0].getDefiningOp() != op.getOperation())
    return {};
  return llvm::all_of(op->getOperands(), llvm::IsaPred<BlockArgument>) ? op : T();
}

/// The kernel input that feeds an operand of the body.
Value outerValue(KernelOp kernel, Value inner) { return kernel.getInputs()[cast<BlockArgument>(inner).getArgNumber()]; }

/// Plans one function; the pass makes one of these and calls run().
class Planner {
public:
  Planner(func::FuncOp function, bool reuse) : function(function), reuse(reuse) {}

  LogicalResult run() {
    isolateReturns();
    chooseDestinations();
    layOutSteps();
    if (reuse)
      mergeInPlace();
    if (failed(packArena()))
      return failure();
    rewrite();
    return success();
  }

private:
  //===-- views --------------------------------------------------------===//

  int newBuffer(BufferKind kind, unsigned index, int64_t bytes) {
    buffers.push_back({kind, index, bytes});
    return buffers.size() - 1;
  }

  /// A returned value must be written by a kernel of its own into the caller's memory: not an input, a constant, or one
  /// that is returned already.
  void isolateReturns() {
    auto ret = cast<func::ReturnOp>(function.getBody().front().getTerminator());
    DenseSet<Value> seen;
    OpBuilder builder(ret);
    for (OpOperand &operand : ret->getOpOperands()) {
      Value source = operand.get();
      while (auto reshape = source.getDefiningOp<ReshapeOp>())
        source = reshape.getInput();
      if (source.getDefiningOp<KernelOp>() && seen.insert(source).second)
        continue;
      std::string name = "copy_to_output_" + std::to_string(operand.getOperandNumber());
      auto kernel = KernelOp::create(builder, ret.getLoc(), TypeRange{operand.get().getType()},
                                     builder.getStringAttr(name), ValueRange{operand.get()}, ValueRange{}, Value(),
                                     builder.getStringAttr("cpu0"), builder.getStrArrayAttr({}));
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
      auto concat = kernel ? soleOp<ConcatOp>(kernel) : ConcatOp();
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
        pieces[kernel].push_back({outer, place});
      }
    }
  }

  /// The place of a concatenation whose pieces already lie side by side in a bigger one, as in dense blocks.
  std::optional<Place> placeInside(KernelOp kernel, ConcatOp concat) {
    std::optional<Place> first;
    int64_t offset = 0;
    for (Value piece : concat.getInputs()) {
      auto known = destination.find(outerValue(kernel, piece));
      if (known == destination.end())
        return std::nullopt;
      const Place &place = known->second;
      if (!first)
        first = place, offset = place.byteOffset;
      if (place.buffer != first->buffer || place.strides != first->strides || place.byteOffset != offset)
        return std::nullopt;
      auto type = tensorOf(piece);
      offset += type.getDimSize(concat.getAxis()) * place.strides[concat.getAxis()] * elementBytes(type);
    }
    return first;
  }

  /// True for values that a kernel of this model writes (directly or seen through a reshape).
  static bool isWritten(Value value) {
    while (auto reshape = value.getDefiningOp<ReshapeOp>())
      value = reshape.getInput();
    return value.getDefiningOp<KernelOp>() != nullptr;
  }

  static bool samePlace(const Place &a, const Place &b) { return a.buffer == b.buffer && a.byteOffset == b.byteOffset; }

  void use(Value value, unsigned step) {
    auto place = places.find(value);
    if (place == places.end())
      return; // a constant
    Buffer &buffer = buffers[place->second.buffer];
    buffer.last = std::max(buffer.last, step);
  }

  void write(const Place &place, unsigned step) {
    Buffer &buffer = buffers[place.buffer];
    buffer.first = std::min(buffer.first, step);
    buffer.last = std::max(buffer.last, step);
  }

  void addCopy(Value source, const Place &to, std::string name, Operation *origin) {
    unsigned step = steps.size();
    auto from = places.find(source);
    steps.push_back({KernelOp(), source, from == places.end() ? Place() : from->second, to, std::move(name), origin});
    use(source, step);
    write(to, step);
  }

  /// Forwards: views are resolved, every other kernel becomes a step that writes to its destination or a new buffer.
  void layOutSteps() {
    Block &block = function.getBody().front();
    for (BlockArgument argument : block.getArguments()) {
      auto type = tensorOf(argument);
      places[argument] = {newBuffer(BufferKind::Input, argument.getArgNumber(), byteSize(type)), 0,
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
      if (soleOp<ConcatOp>(kernel)) {
        placeConcat(kernel);
        continue;
      }
      if (placeSlice(kernel))
        continue;
      unsigned step = steps.size();
      steps.push_back({kernel, Value(), Place(), Place(), std::string(), kernel});
      for (Value input : kernel.getInputs())
        use(input, step);
      for (Value result : kernel.getResults()) {
        auto type = tensorOf(result);
        auto known = destination.find(result);
        Place place = known != destination.end() ? known->second
                                                 : Place{newBuffer(BufferKind::Arena, 0, byteSize(type)), 0,
                                                         contiguousStrides(type.getShape())};
        places[result] = place;
        write(place, step);
      }
      if (auto scratch = kernel->getAttrOfType<IntegerAttr>("nn.scratch_bytes"); scratch && scratch.getInt() > 0) {
        int buffer = newBuffer(BufferKind::Arena, 0, scratch.getInt());
        scratchOf[kernel] = buffer;
        buffers[buffer].first = buffers[buffer].last = step;
      }
    }
  }

  void placeReshape(ReshapeOp reshape) {
    Value input = reshape.getInput(), output = reshape.getOutput();
    auto shape = tensorOf(output).getShape();
    auto known = destination.find(output);
    bool isWanted = known != destination.end();
    const Place wanted = isWanted ? known->second : Place();
    if (getConstantValue(input)) { // the same bytes under another shape
      if (isWanted) {
        addCopy(output, wanted, "copy_constant_" + std::to_string(steps.size()), reshape);
        places[output] = wanted;
      }
      return;
    }
    auto source = places.find(input);
    if (source == places.end()) // a reshape of a reshape of a constant
      return;
    const Place from = source->second;
    bool contiguous = isContiguous(tensorOf(input).getShape(), from.strides);
    if (contiguous && (!isWanted || samePlace(wanted, from))) {
      places[output] = {from.buffer, from.byteOffset, contiguousStrides(shape)};
      return;
    }
    // A copy reads the elements in the input's shape; its destination is written in that shape, then seen in the other.
    std::string name = "copy_for_reshape_" + std::to_string(steps.size());
    bool direct = isWanted && isContiguous(shape, wanted.strides);
    Place to = direct ? wanted : Place{newBuffer(BufferKind::Arena, 0, byteSize(tensorOf(input))), 0, {}};
    to.strides = contiguousStrides(tensorOf(input).getShape());
    if (contiguous && !direct && isWanted) {
      // Only the destination is strided: one copy, from the view.
      buffers.pop_back();
      places[output] = {from.buffer, from.byteOffset, contiguousStrides(shape)};
      addCopy(output, wanted, name, reshape);
      places[output] = wanted;
      return;
    }
    addCopy(input, to, name, reshape);
    places[output] = {to.buffer, to.byteOffset, contiguousStrides(shape)};
    if (isWanted && !direct) {
      addCopy(output, wanted, name + "_strided", reshape);
      places[output] = wanted;
    }
  }

  void placeConcat(KernelOp kernel) {
    unsigned number = 0;
    for (auto &[piece, place] : pieces[kernel]) {
      auto at = places.find(piece);
      if (at == places.end() || !samePlace(at->second, place) || at->second.strides != place.strides)
        addCopy(piece, place, kernel.getName().str() + "_" + std::to_string(number), kernel);
      ++number;
    }
    places[kernel.getResult(0)] = destination[kernel.getResult(0)];
  }

  bool placeSlice(KernelOp kernel) {
    auto slice = soleOp<SliceOp>(kernel);
    if (!slice || destination.count(kernel.getResult(0)))
      return false;
    auto from = places.find(outerValue(kernel, slice.getInput()));
    if (from == places.end() || llvm::any_of(slice.getSteps(), [](int64_t step) { return step < 1; }) ||
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
    places[kernel.getResult(0)] = view;
    return true;
  }

  //===-- lifetimes ----------------------------------------------------===//

  int rootBuffer(int buffer) const {
    while (buffers[buffer].mergedInto >= 0)
      buffer = buffers[buffer].mergedInto;
    return buffer;
  }

  void mergeInPlace() {
    for (auto [index, step] : llvm::enumerate(steps)) {
      if (!step.kernel || step.kernel.getNumResults() != 1)
        continue;
      const Place &to = places[step.kernel.getResult(0)];
      Buffer &target = buffers[to.buffer];
      auto type = tensorOf(step.kernel.getResult(0));
      bool fresh = target.kind == BufferKind::Arena && target.first == index && target.mergedInto < 0 &&
                   to.byteOffset == 0 && target.bytes == byteSize(type);
      if (!fresh)
        continue;
      for (auto [number, input] : llvm::enumerate(step.kernel.getInputs())) {
        auto from = places.find(input);
        if (from == places.end() || !mayBeInPlace(step.kernel, number))
          continue;
        int root = rootBuffer(from->second.buffer);
        Buffer &source = buffers[root];
        bool readOnce = llvm::count_if(step.kernel.getInputs(), [&](Value other) {
                          auto at = places.find(other);
                          return at != places.end() && rootBuffer(at->second.buffer) == root;
                        }) == 1;
        if (source.kind != BufferKind::Arena || source.last != index || source.first >= index || !readOnce ||
            from->second.byteOffset != 0 || source.bytes != target.bytes || from->second.strides != to.strides)
          continue;
        target.mergedInto = root;
        source.last = std::max(source.last, target.last);
        inPlace[step.kernel] = getOrigin(input).tensor;
        break;
      }
    }
  }

  LogicalResult packArena() {
    std::vector<ArenaBuffer> live;
    std::vector<int> owner;
    for (auto [index, buffer] : llvm::enumerate(buffers)) {
      if (buffer.kind != BufferKind::Arena || buffer.mergedInto >= 0 || buffer.first == ~0u)
        continue;
      if (!reuse)
        buffer.first = 0, buffer.last = steps.size();
      live.push_back({buffer.bytes, buffer.first, buffer.last});
      owner.push_back(index);
    }
    arenaBytes = planArena(live, kAlignment);
    for (auto [buffer, index] : llvm::zip(live, owner))
      buffers[index].offset = buffer.offset;
    lowerBound = tensorLoad();
    return success();
  }

  /// The largest sum of the bytes of the tensors alive in any one kernel: no plan for this order of kernels needs less.
  /// A tensor that shares memory with another counts once; pieces of a concatenation count from when each is written.
  int64_t tensorLoad() {
    struct Life {
      int64_t bytes;
      unsigned first, last;
    };
    // Values by the byte range that they occupy: views and in-place successors fall together.
    llvm::MapVector<std::pair<int, std::pair<int64_t, int64_t>>, Life> lives;
    for (auto [number, step] : llvm::enumerate(steps)) {
      unsigned index = number;
      auto touch = [&](int buffer, int64_t offset, int64_t bytes) {
        int root = rootBuffer(buffer);
        if (buffers[root].kind != BufferKind::Arena)
          return;
        auto [life, isNew] = lives.insert({{root, {offset, bytes}}, {bytes, index, index}});
        life->second.last = index;
      };
      auto touchValue = [&](Value value) {
        if (auto place = places.find(value); place != places.end())
          touch(place->second.buffer, place->second.byteOffset, byteSize(tensorOf(value)));
      };
      if (!step.kernel) {
        if (step.copyFrom.buffer >= 0)
          touch(step.copyFrom.buffer, step.copyFrom.byteOffset, byteSize(tensorOf(step.copySource)));
        touch(step.copyDestination.buffer, step.copyDestination.byteOffset, byteSize(tensorOf(step.copySource)));
        continue;
      }
      for (Value input : step.kernel.getInputs())
        touchValue(input);
      for (Value result : step.kernel.getResults())
        touchValue(result);
    }
    int64_t most = 0;
    for (unsigned step = 0; step < steps.size(); ++step) {
      // Ranges of one buffer may contain each other (a concatenation and its pieces): the union counts.
      llvm::DenseMap<int, SmallVector<std::pair<int64_t, int64_t>>> ranges;
      for (auto &[key, life] : lives)
        if (life.first <= step && step <= life.last)
          ranges[key.first].push_back({key.second.first, key.second.first + key.second.second});
      int64_t sum = 0;
      for (auto &[buffer, list] : ranges) {
        // Strided pieces interleave: their sizes add up until the buffer is full.
        bool whole =
            llvm::any_of(list, [&](auto &range) { return range.second - range.first == buffers[buffer].bytes; });
        int64_t bytes = 0;
        for (auto &range : list)
          bytes += range.second - range.first;
        sum += whole ? buffers[buffer].bytes : std::min(bytes, buffers[buffer].bytes);
      }
      if (sum > most)
        most = sum, peak = step;
    }
    return most;
  }

  //===-- rewriting ----------------------------------------------------===//

  /// The bytes of a constant when they are at hand, for finding equal ones.
  static ArrayRef<char> rawBytes(ElementsAttr value) {
    if (auto resource = dyn_cast<DenseResourceElementsAttr>(value))
      if (AsmResourceBlob *blob = resource.getRawHandle().getBlob())
        return blob->getData();
    return {};
  }

  /// The place of a constant in the weights; equal constants share one.
  Value placeWeight(OpBuilder &builder, Location loc, ConstantOp constant, RankedTensorType type, PackingAttr packing) {
    ElementsAttr value = constant.getValue();
    auto [entry, isNew] = weights.try_emplace({value, packing}, 0);
    if (isNew) {
      int64_t bytes = packing ? packing.getNumbers()[0] : byteSize(type);
      ArrayRef<char> raw = rawBytes(value);
      uint64_t hash = raw.empty() ? 0 : llvm::xxh3_64bits(ArrayRef<uint8_t>((const uint8_t *)raw.data(), raw.size()));
      for (auto &[other, otherPacking, otherHash, offset] : hashed)
        if (!raw.empty() && hash == otherHash && packing == otherPacking && other.getType() == value.getType() &&
            rawBytes(other) == raw) {
          entry->second = offset;
          isNew = false;
          weightAt[{value, packing}] = other;
          break;
        }
      if (isNew) {
        entry->second = weightsBytes;
        weightsBytes += llvm::alignTo(bytes, kAlignment);
        if (!raw.empty())
          hashed.push_back({value, packing, hash, entry->second});
      }
    }
    auto shared = weightAt.find({value, packing});
    MemRefType memory = packing ? MemRefType::get({packing.getNumbers()[0]}, builder.getI8Type())
                                : memoryType(type, contiguousStrides(type.getShape()));
    auto place = PlaceOp::create(builder, loc, memory, weightsBase, builder.getI64IntegerAttr(entry->second),
                                 shared == weightAt.end() ? value : shared->second, packing);
    std::string name = getOrigin(constant.getOutput()).tensor;
    if (!name.empty())
      place->setAttr("nn.tensor", builder.getStringAttr(name));
    return place;
  }

  Value placeAt(OpBuilder &builder, Location loc, const Place &place, RankedTensorType type) {
    int root = rootBuffer(place.buffer);
    const Buffer &buffer = buffers[root];
    Value base = buffer.kind == BufferKind::Arena   ? arenaBase
                 : buffer.kind == BufferKind::Input ? inputBases[buffer.index]
                                                    : outputBases[buffer.index];
    return PlaceOp::create(builder, loc, memoryType(type, place.strides), base,
                           builder.getI64IntegerAttr(buffer.offset + place.byteOffset), nullptr, nullptr);
  }

  /// What the input of a step reads: its place, or a constant (perhaps seen through reshapes).
  Value placeOf(OpBuilder &builder, Location loc, Value value, PackingAttr packing = {}) {
    if (auto known = places.find(value); known != places.end())
      return placeAt(builder, loc, known->second, tensorOf(value));
    return placeConstant(builder, loc, value, packing);
  }

  Value placeConstant(OpBuilder &builder, Location loc, Value value, PackingAttr packing) {
    Value source = value;
    while (auto reshape = source.getDefiningOp<ReshapeOp>())
      source = reshape.getInput();
    auto constant = source.getDefiningOp<ConstantOp>();
    NNCC_ASSERT(constant, "a kernel reads a value that has no place");
    return placeWeight(builder, loc, constant, tensorOf(value), packing);
  }

  void rewrite() {
    Block &old = function.getBody().front();
    MLIRContext *context = function.getContext();
    Location loc = function.getLoc();
    SmallVector<Type> types;
    SmallVector<DictionaryAttr> attributes;
    Builder b(context);
    auto addArgument = [&](Type type, StringRef memory, Attribute name) {
      SmallVector<NamedAttribute> list{b.getNamedAttr("nn.memory", b.getStringAttr(memory))};
      if (name)
        list.push_back(b.getNamedAttr(kNameAttr, name));
      types.push_back(type);
      attributes.push_back(b.getDictionaryAttr(list));
    };
    Block *block = new Block();
    function.getBody().push_back(block);
    // The weights' size is known when all kernels are rewritten; the argument's type is set then.
    auto bytes = [&](int64_t size) { return MemRefType::get({size}, b.getI8Type()); };
    addArgument(bytes(arenaBytes), "arena", {});
    addArgument(bytes(0), "weights", {});
    for (BlockArgument argument : old.getArguments()) {
      auto type = tensorOf(argument);
      addArgument(memoryType(type, contiguousStrides(type.getShape())), "input",
                  function.getArgAttr(argument.getArgNumber(), kNameAttr));
    }
    auto ret = cast<func::ReturnOp>(old.getTerminator());
    SmallVector<Attribute> resultTypes, inputTypes;
    for (BlockArgument argument : old.getArguments())
      inputTypes.push_back(TypeAttr::get(argument.getType()));
    for (OpOperand &operand : ret->getOpOperands()) {
      auto type = tensorOf(operand.get());
      resultTypes.push_back(TypeAttr::get(type));
      addArgument(memoryType(type, contiguousStrides(type.getShape())), "output",
                  function.getResultAttr(operand.getOperandNumber(), kNameAttr));
    }
    for (Type type : types)
      block->addArgument(type, loc);
    arenaBase = block->getArgument(0);
    weightsBase = block->getArgument(1);
    for (unsigned i = 0; i < old.getNumArguments(); ++i)
      inputBases.push_back(block->getArgument(2 + i));
    for (unsigned i = 0; i < ret.getNumOperands(); ++i)
      outputBases.push_back(block->getArgument(2 + old.getNumArguments() + i));

    OpBuilder builder = OpBuilder::atBlockEnd(block);
    for (const Step &step : steps)
      emitStep(builder, step);
    func::ReturnOp::create(builder, loc);

    weightsBase.setType(bytes(weightsBytes));
    types[1] = weightsBase.getType();
    old.dropAllDefinedValueUses();
    old.erase();
    // The result attributes have to go before the results do.
    function.removeResAttrsAttr();
    function.setType(FunctionType::get(context, types, {}));
    function.setAllArgAttrs(attributes);
    function->setAttr("nn.arena_lower_bound", b.getI64IntegerAttr(lowerBound));
    function->setAttr("nn.peak_kernel", b.getI64IntegerAttr(peak));
    function->setAttr("nn.input_types", b.getArrayAttr(inputTypes));
    function->setAttr("nn.output_types", b.getArrayAttr(resultTypes));
  }

  void emitStep(OpBuilder &builder, const Step &step) {
    if (!step.kernel) {
      Location loc = step.origin->getLoc();
      auto type = tensorOf(step.copySource);
      Value from = step.copyFrom.buffer >= 0 ? placeAt(builder, loc, step.copyFrom, type)
                                             : placeConstant(builder, loc, step.copySource, {});
      Value to = placeAt(builder, loc, step.copyDestination, type);
      std::vector<std::string> nodes = getNodeNames(loc);
      SmallVector<StringRef> nodeNames(nodes.begin(), nodes.end());
      auto kernel =
          KernelOp::create(builder, loc, TypeRange{}, builder.getStringAttr(step.copyName), ValueRange{from},
                           ValueRange{to}, Value(), builder.getStringAttr("cpu0"), builder.getStrArrayAttr(nodeNames));
      Block &body = kernel.getBody().emplaceBlock();
      body.addArgument(type, loc);
      OpBuilder inner = OpBuilder::atBlockBegin(&body);
      YieldOp::create(inner, loc, body.getArguments());
      return;
    }
    KernelOp source = step.kernel;
    Location loc = source.getLoc();
    auto packings = source->getAttrOfType<ArrayAttr>("nn.packings");
    SmallVector<Value> inputs, outputs;
    for (auto [number, input] : llvm::enumerate(source.getInputs())) {
      PackingAttr packing = packings ? dyn_cast<PackingAttr>(packings[number]) : PackingAttr();
      inputs.push_back(placeOf(builder, loc, input, packing));
    }
    for (Value result : source.getResults())
      outputs.push_back(placeAt(builder, loc, places[result], tensorOf(result)));
    Value scratch;
    if (auto buffer = scratchOf.find(source); buffer != scratchOf.end()) {
      Buffer &memory = buffers[buffer->second];
      scratch = PlaceOp::create(builder, loc, MemRefType::get({memory.bytes}, builder.getI8Type()), arenaBase,
                                builder.getI64IntegerAttr(memory.offset), nullptr, nullptr);
    }
    auto kernel = KernelOp::create(builder, loc, TypeRange{}, source.getNameAttr(), inputs, outputs, scratch,
                                   source.getDeviceAttr(), source.getNodesAttr());
    for (NamedAttribute attr : source->getDiscardableAttrs())
      kernel->setDiscardableAttr(attr.getName(), attr.getValue());
    if (auto tensor = inPlace.find(source); tensor != inPlace.end())
      kernel->setDiscardableAttr("nn.in_place_of", builder.getStringAttr(tensor->second));
    kernel.getBody().takeBody(source.getBody());
  }

  func::FuncOp function;
  bool reuse;
  std::vector<Buffer> buffers;
  std::vector<Step> steps;
  DenseMap<Value, Place> places, destination;
  DenseMap<Operation *, SmallVector<std::pair<Value, Place>>> pieces;
  DenseMap<Operation *, int> scratchOf;
  DenseMap<Operation *, std::string> inPlace;
  DenseMap<std::pair<Attribute, Attribute>, int64_t> weights;
  DenseMap<std::pair<Attribute, Attribute>, ElementsAttr> weightAt;
  std::vector<std::tuple<ElementsAttr, PackingAttr, uint64_t, int64_t>> hashed;
  Value arenaBase, weightsBase;
  SmallVector<Value> inputBases, outputBases;
  int64_t arenaBytes = 0, weightsBytes = 0, lowerBound = 0;
  unsigned peak = 0;
};

struct PlanMemory : impl::PlanMemoryBase<PlanMemory> {
  using PlanMemoryBase::PlanMemoryBase;

  void runOnOperation() override {
    for (auto function : getOperation().getOps<func::FuncOp>())
      if (function.getName() == "main" && failed(Planner(function, reuse).run()))
        return signalPassFailure();
  }
};
} // namespace
} // namespace nncc
