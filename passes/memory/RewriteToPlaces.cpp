// The last step of the plan: kernels on places of the arena, the weights and the caller's memory.
#include "dialects/nn/Origin.h"
#include "lib/support/Assert.h"
#include "mlir/IR/Builders.h"
#include "passes/memory/ArenaPlanner.h"
#include "passes/memory/MemoryLayout.h"
#include "passes/place/Placed.h"
#include "llvm/Support/xxhash.h"

using namespace mlir;

namespace nncc {

using namespace nn;

namespace {

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

class Rewriter {
public:
  Rewriter(func::FuncOp function, const MemoryLayout &layout, int64_t arenaBytes)
      : function(function), layout(layout), arenaBytes(arenaBytes) {}

  void rewrite() {
    hasGpu = isForGpu();
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
    for (const Step &step : layout.steps)
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
    function->setAttr("nn.input_types", b.getArrayAttr(inputTypes));
    function->setAttr("nn.output_types", b.getArrayAttr(resultTypes));
  }

private:
  /// The bytes of a constant when they are at hand, for finding equal ones.
  static ArrayRef<char> rawBytes(ElementsAttr value) {
    if (auto resource = dyn_cast<DenseResourceElementsAttr>(value))
      if (AsmResourceBlob *blob = resource.getRawHandle().getBlob())
        return blob->getData();
    return {};
  }

  /// Whether some kernel or copy is placed on a GPU.
  bool isForGpu() const {
    auto machines = function->getParentOfType<ModuleOp>()->getAttrOfType<DictionaryAttr>(kMachinesAttr);
    return machines && llvm::any_of(layout.steps, [&](const Step &step) {
             KernelOp kernel = placedLike(step);
             std::optional<StringRef> device = kernel ? kernel.getDevice() : std::nullopt;
             return device && isa_and_nonnull<GpuAttr>(machines.get(*device));
           });
  }

  /// What the offset of a constant is a multiple of. A GPU need not bind memory from elsewhere than multiples of 256
  /// bytes, and adds offsets behind them to every index: constants that are long in comparison begin there.
  int64_t alignmentOf(int64_t bytes) const {
    constexpr int64_t kDeviceOffset = 256, kLong = 4096;
    return hasGpu && bytes >= kLong ? kDeviceOffset : kArenaAlignment;
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
        entry->second = llvm::alignTo(weightsBytes, alignmentOf(bytes));
        weightsBytes = entry->second + llvm::alignTo(bytes, kArenaAlignment);
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
    int root = layout.root(place.buffer);
    const Buffer &buffer = layout.buffers[root];
    Value base = buffer.kind == BufferKind::Arena   ? arenaBase
                 : buffer.kind == BufferKind::Input ? inputBases[buffer.index]
                                                    : outputBases[buffer.index];
    return PlaceOp::create(builder, loc, memoryType(type, place.strides), base,
                           builder.getI64IntegerAttr(buffer.offset + place.byteOffset), nullptr, nullptr);
  }

  /// What the input of a step reads: its place, or a constant (perhaps seen through reshapes).
  Value placeOf(OpBuilder &builder, Location loc, Value value, PackingAttr packing = {}) {
    if (auto known = layout.places.find(value); known != layout.places.end())
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

  /// Places a copy like its neighbour where that is a kernel that was placed and is nothing but copies; else where the
  /// step before it runs: on another device it would be a segment of its own.
  void placeCopy(KernelOp copy, KernelOp neighbour) {
    placeLike(copy, neighbour);
    bool isPlaced = neighbour && neighbour->hasAttr(kPlacedAsAttr) &&
                    llvm::none_of(layout.steps, [&](const Step &step) { return step.kernel == neighbour; });
    if (device && !isPlaced)
      copy.setDeviceAttr(device);
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
      auto kernel = KernelOp::create(builder, loc, TypeRange{}, builder.getStringAttr(step.copyName), ValueRange{from},
                                     ValueRange{to}, Value(), StringAttr(), builder.getStrArrayAttr(nodeNames));
      placeCopy(kernel, placedLike(step));
      Block &body = kernel.getBody().emplaceBlock();
      body.addArgument(type, loc);
      OpBuilder inner = OpBuilder::atBlockBegin(&body);
      YieldOp::create(inner, loc, body.getArguments());
      return;
    }
    KernelOp source = step.kernel;
    device = source.getDeviceAttr();
    Location loc = source.getLoc();
    auto packings = source->getAttrOfType<ArrayAttr>("nn.packings");
    SmallVector<Value> inputs, outputs;
    for (auto [number, input] : llvm::enumerate(source.getInputs())) {
      PackingAttr packing = packings ? dyn_cast<PackingAttr>(packings[number]) : PackingAttr();
      inputs.push_back(placeOf(builder, loc, input, packing));
    }
    for (Value result : source.getResults())
      outputs.push_back(placeAt(builder, loc, layout.places.find(result)->second, tensorOf(result)));
    Value scratch;
    if (step.scratch >= 0) {
      const Buffer &memory = layout.buffers[step.scratch];
      scratch = PlaceOp::create(builder, loc, MemRefType::get({memory.bytes}, builder.getI8Type()), arenaBase,
                                builder.getI64IntegerAttr(memory.offset), nullptr, nullptr);
    }
    auto kernel = KernelOp::create(builder, loc, TypeRange{}, source.getNameAttr(), inputs, outputs, scratch,
                                   source.getDeviceAttr(), source.getNodesAttr());
    for (NamedAttribute attr : source->getDiscardableAttrs())
      if (attr.getName() != kOverwritesAttr)
        kernel->setDiscardableAttr(attr.getName(), attr.getValue());
    if (step.overwrites >= 0)
      kernel->setDiscardableAttr("nn.in_place_of", builder.getStringAttr(step.overwritten));
    kernel.getBody().takeBody(source.getBody());
  }

  func::FuncOp function;
  const MemoryLayout &layout;
  int64_t arenaBytes, weightsBytes = 0;
  bool hasGpu = false;
  DenseMap<std::pair<Attribute, Attribute>, int64_t> weights;
  DenseMap<std::pair<Attribute, Attribute>, ElementsAttr> weightAt;
  std::vector<std::tuple<ElementsAttr, PackingAttr, uint64_t, int64_t>> hashed;
  Value arenaBase, weightsBase;
  StringAttr device; ///< of the kernel that was written last
  SmallVector<Value> inputBases, outputBases;
};

} // namespace

void rewriteToPlaces(func::FuncOp function, const MemoryLayout &layout, int64_t arenaBytes) {
  Rewriter(function, layout, arenaBytes).rewrite();
}

} // namespace nncc
