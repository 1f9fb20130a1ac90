// Finds where the operands of a contraction lie, and refuses what no micro-kernel can read.
#include "codegen/cpu/Operands.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "passes/lower/ScalarMath.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace nncc;
using namespace nncc::cpu;

namespace {

ArrayRef<int64_t> shapeOf(Value memory) { return cast<MemRefType>(memory.getType()).getShape(); }

int64_t bytesOf(Value memory) {
  auto type = cast<MemRefType>(memory.getType());
  return type.getNumElements() * (type.getElementTypeBitWidth() / 8);
}

/// Dims of size 1 are broadcast: they have stride 0.
void broadcast(MutableArrayRef<int64_t> strides, ArrayRef<int64_t> shape) {
  for (auto [stride, size] : llvm::zip(strides, shape))
    if (size == 1)
      stride = 0;
}

class Placement {
public:
  Placement(nn::KernelOp kernel, const Contraction &contraction, nn::MachineAttr machine, std::string &reason)
      : kernel(kernel), contraction(contraction), epilogue(*contraction.epilogue), machine(machine), reason(reason) {}

  LogicalResult run() {
    if (!kernel.isPlanned() || kernel.getOutputs().size() != 1)
      return refuse("it is not planned");
    found.streams.resize(FirstLeaf + epilogue.leaves().size());
    found.lanes = contraction.lanes(machine);
    found.panel = contraction.panel(machine);
    if (failed(placeWeights()) || failed(placeBias()))
      return failure();
    // A sweep puts the zero point in the place of what is missing.
    const bool isInBias = contraction.root->hasAttr(kZeroInBiasAttr), sweeps = contraction.sliding && isInBias;
    if (isInBias && contraction.isOfFloatedBytes())
      return refuse("the zero point is in the bias of a window that does not sweep");
    if (contraction.zero && found.bytes && (contraction.isOfFloatedBytes() || sweeps || !found.bytes->sums.empty()))
      found[Zero].memory = kernel.getInputs()[*contraction.zero];
    if (failed(placePixels()))
      return failure();
    for (Operand &operand : found.streams) {
      operand.element = memoryType(contraction.element);
      operand.outer.resize(found[C].outer.size(), 0);
    }
    found[Bias].element = memoryType(contraction.sum);
    if (contraction.widened) {
      found[B].element = found[ZeroOfB].element = memoryType(contraction.widened->element);
      if (contraction.widened->scale)
        found[ScaleOfB].element = memoryType(contraction.widened->scale);
    }
    if (contraction.isOrdered) {
      found[SparesOfB].element = IntegerType::get(kernel.getContext(), 32);
      found[SparesOfB].panel = 1;
    }
    TileShape shape;
    shape.body = contraction.body;
    shape.isPadded = found.isPadded;
    shape.byLane = contraction.isByLane(machine);
    shape.widened = contraction.widened;
    if (shape.prefetches())
      found[NextOfB] = found[B];
    if (contraction.isOrdered && contraction.readsLines() && found[A].w != contraction.depth)
      return refuse("pixels of an image whose lines have an order do not follow each other");
    found[C].element = epilogue.storedElement();
    for (auto [i, leaf] : llvm::enumerate(epilogue.leaves()))
      found[FirstLeaf + i].element = leaf.memoryElement();
    return success();
  }

  Operands found;

private:
  nn::KernelOp kernel;
  const Contraction &contraction;
  const Epilogue &epilogue;
  nn::MachineAttr machine;
  std::string &reason;

  LogicalResult refuse(const Twine &why) {
    reason = why.str();
    return failure();
  }

  /// Strides of a memref; failure unless its innermost dim is contiguous.
  LogicalResult stridesOf(Value memory, SmallVectorImpl<int64_t> &strides) {
    auto type = cast<MemRefType>(memory.getType());
    int64_t offset;
    if (failed(type.getStridesAndOffset(strides, offset)) || offset != 0 ||
        llvm::any_of(strides, ShapedType::isDynamic))
      return refuse("an operand has no static layout at offset 0");
    if (type.getRank() && strides.back() != 1 && type.getShape().back() != 1)
      return refuse("channels of an operand are not contiguous");
    int64_t extent = 1;
    for (auto [size, stride] : llvm::zip(type.getShape(), strides))
      extent += (size - 1) * stride;
    if (!llvm::isInt<31>(extent))
      return refuse("an operand has more than 2^30 elements");
    return success();
  }

  /// Takes the recipe of packed weights, if the micro-kernels that this contraction gets can read it.
  LogicalResult takeRecipe(nn::PackingAttr packed, PanelPacking &recipe) {
    found.bytes = BytePacking::from(packed);
    std::optional<PanelPacking> panels = found.bytes ? found.bytes->panels : PanelPacking::from(packed);
    bool isNibbles = contraction.widened && contraction.widened->bits == 4;
    if (auto nibbles = NibblePacking::from(packed); nibbles && isNibbles)
      panels = nibbles->panels;
    else if (isNibbles)
      return refuse("the weights are not packed in 4 bits");
    PanelPacking own = contraction.panels(machine);
    // A panel is whole vectors, and no wider than the registers that add it up. Vectors may be wider than they would
    // be for these outputs: the last group of Winograd's form has those of the others.
    if (!panels || panels->batches != own.batches || panels->outputs != contraction.outputs ||
        panels->depth != own.depth || panels->planes != own.planes || panels->lanes < own.lanes ||
        panels->lanes > machine.lanes(contraction.bitsOfSum(machine)) || panels->panel % panels->lanes != 0 ||
        panels->panel > panels->lanes * machine.getVectorRegisters())
      return refuse("the weights are packed in another way");
    if (found.bytes && !isInOrder(*found.bytes))
      return refuse("the weights are packed in another order");
    MLIRContext *context = kernel.getContext();
    Type stored = contraction.widened ? contraction.widened->element : contraction.element;
    if (bytesOf(found[B].memory) < packedBytes(found.bytes ? found.bytes->getAttr(context)
                                               : isNibbles ? NibblePacking{*panels}.getAttr(context)
                                                           : panels->getAttr(context, stored)))
      return refuse("the packed weights are larger than their memory");
    recipe = *panels;
    return success();
  }

  /// Packed bytes are in the order that the root says, if it says one.
  bool isInOrder(const BytePacking &bytes) {
    if (!bytes.isOrdered() || !contraction.isOrdered)
      return bytes.isOrdered() == contraction.isOrdered;
    auto isThere = [&](int32_t spares) { return spares >= 0 && spares <= *bytes.spares; };
    return contraction.spares.size() == llvm::divideCeil(contraction.outputs, bytes.panels.panel) &&
           llvm::all_of(contraction.spares, isThere);
  }

  /// The recipe by which the kernel packs a filter that is no constant, in its scratch memory.
  LogicalResult packItself(PanelPacking &recipe) {
    found.filter = found[B].memory;
    if (failed(stridesOf(found.filter, found.filterStrides)))
      return failure();
    recipe = contraction.panels(machine);
    found.packing = recipe;
    found[B].memory = kernel.getScratch();
    int64_t size = packedBytes(recipe.getAttr(kernel.getContext(), contraction.element));
    if (!found[B].memory || bytesOf(found[B].memory) < size)
      return refuse("the filter is not constant, and there is no scratch memory to pack it");
    return success();
  }

  LogicalResult placeWeights() {
    if (!contraction.rhs)
      return success();
    Operand &right = found[B];
    right.memory = kernel.getInputs()[*contraction.rhs];
    PanelPacking recipe;
    if (auto packed = getPacking(kernel, *contraction.rhs)) {
      found.isPadded = true;
      if (failed(takeRecipe(packed, recipe)))
        return failure();
    } else if (contraction.widened) {
      return refuse("weights that are widened are constants");
    } else if (contraction.isOfBytes()) {
      return refuse("bytes are multiplied by constants without a zero point only");
    } else if (contraction.needsPacking()) {
      found.isPadded = true;
      if (failed(packItself(recipe)))
        return failure();
    }
    if (found.isPadded) {
      found.panel = recipe.panel;
      found.lanes = recipe.lanes;
      right.group = found.bytes ? found.bytes->batchSize() : recipe.batchSize();
      right.panel = (found.bytes ? found.bytes->columnSize(recipe.panel) : recipe.depth) * recipe.panel;
    }
    if (contraction.widened) {
      right.panel = recipe.depth * contraction.widened->rowElements(recipe.panel / recipe.lanes, recipe.lanes);
      return placeParameters();
    }
    auto matmul = dyn_cast<nn::MatMulOp>(contraction.root);
    if (!matmul) {
      right.outer.assign(1, 0);
      return success();
    }
    ArrayRef<int64_t> shape = cast<RankedTensorType>(matmul.getRhs().getType()).getShape();
    if (found.isPadded) {
      int64_t step = right.group;
      for (int64_t size : llvm::reverse(shape.drop_back(2))) {
        right.outer.insert(right.outer.begin(), step);
        step *= size;
      }
    } else {
      if (matmul.getTransposeB())
        return refuse("the right operand is transposed and not constant");
      SmallVector<int64_t> strides;
      if (failed(stridesOf(right.memory, strides)))
        return failure();
      found.unpackedRow = strides[strides.size() - 2];
      right.panel = found.panel;
      right.outer.assign(strides.begin(), strides.end() - 2);
    }
    broadcast(right.outer, shape);
    return success();
  }

  /// The scales and zero points of widened weights.
  LogicalResult placeParameters() {
    for (auto [stream, input] : {std::pair(ScaleOfB, contraction.rhsScale), std::pair(ZeroOfB, contraction.rhsZero)}) {
      if (!input)
        continue;
      Operand &operand = found[stream];
      operand.memory = kernel.getInputs()[*input];
      auto packing = getPacking(kernel, *input);
      auto recipe = packing ? PanelPacking::from(packing) : std::nullopt;
      PanelPacking own = contraction.parameters(machine);
      if (!recipe || recipe->depth != own.depth || recipe->outputs != own.outputs || recipe->panel != found.panel ||
          recipe->lanes != found.lanes || bytesOf(operand.memory) < packedBytes(packing))
        return refuse("weights and their scales are not packed alike");
      operand.panel = recipe->depth * recipe->panel;
    }
    return success();
  }

  LogicalResult placeBias() {
    if (!contraction.bias)
      return success();
    Operand &bias = found[Bias];
    bias.memory = kernel.getInputs()[*contraction.bias];
    auto packing = getPacking(kernel, *contraction.bias);
    auto recipe = packing ? PadPacking::from(packing) : std::nullopt;
    found.isBiasPadded = recipe.has_value();
    if (recipe && (recipe->count != contraction.outputs || recipe->lanes != found.lanes))
      return refuse("weights and bias are not packed alike");
    SmallVector<int64_t> strides;
    if (!recipe && failed(stridesOf(bias.memory, strides)))
      return failure();
    bias.group = recipe ? recipe->batchSize() : contraction.outputs;
    bias.panel = found.panel;
    return success();
  }

  /// Places what lies along output pixels: an operand of the output's rank.
  LogicalResult placeAlongPixels(unsigned stream, Value memory, bool isBroadcast) {
    Operand &operand = found[stream];
    operand.memory = memory;
    SmallVector<int64_t> strides;
    if (failed(stridesOf(memory, strides)))
      return failure();
    if (isBroadcast)
      broadcast(strides, shapeOf(memory));
    unsigned pixelDims = contraction.isOfMatrices() ? 1 : 2, rank = strides.size();
    operand.w = strides[rank - 2];
    operand.h = pixelDims == 2 ? strides[rank - 3] : 0;
    operand.outer.assign(strides.begin(), strides.end() - 1 - pixelDims);
    return success();
  }

  /// Places an image whose channels lie in planes.
  LogicalResult placePlanes(Value memory) {
    SmallVector<int64_t> strides;
    if (failed(stridesOf(memory, strides)))
      return failure();
    Operand &image = found[A];
    image.memory = memory;
    image.outer.assign(1, strides[0]);
    image.plane = strides[1], image.h = strides[2], image.w = strides[3];
    return success();
  }

  LogicalResult placePixels() {
    int64_t outputs = contraction.outputs, panel = found.panel;
    Value input = kernel.getInputs()[contraction.lhs];
    if (failed(contraction.readsPlanes ? placePlanes(input) : placeAlongPixels(A, input, false)) ||
        failed(placeAlongPixels(C, kernel.getOutputs().front(), false)))
      return failure();
    if (contraction.isOfMatrices())
      broadcast(found[A].outer, shapeOf(found[A].memory));
    found[A].group = contraction.depth;
    found[A].panel = contraction.body == TapBody::Product ? 0 : panel;
    found[C].group = outputs;
    found[C].panel = panel;
    for (auto [i, leaf] : llvm::enumerate(epilogue.leaves())) {
      if (failed(placeAlongPixels(FirstLeaf + i, kernel.getInputs()[leaf.input], true)))
        return failure();
      found[FirstLeaf + i].group = leaf.variesByChannel ? outputs : 0;
      found[FirstLeaf + i].panel = leaf.variesByChannel ? panel : 0;
    }
    return success();
  }
};

} // namespace

std::optional<Operands> Operands::of(nn::KernelOp kernel, const Contraction &contraction, nn::MachineAttr machine,
                                     std::string &reason) {
  Placement placement(kernel, contraction, machine, reason);
  if (failed(placement.run()))
    return std::nullopt;
  return std::move(placement.found);
}
