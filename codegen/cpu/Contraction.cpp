// Reads the root ops that the emitter knows.
#include "codegen/cpu/Contraction.h"
#include "codegen/cpu/Tiling.h"
#include "dialects/nn/ConstantData.h"
#include "dialects/nn/Origin.h"
#include "passes/graph/PanelOrder.h"
#include "passes/lower/DotProducts.h"
#include "passes/lower/LoopBuilder.h"
#include "passes/lower/Machine.h"
#include "passes/lower/ScalarMath.h"
#include "llvm/Support/MathExtras.h"
#include <limits>

using namespace mlir;
using namespace nncc;
using namespace nncc::cpu;

// Every region costs a table entry per tile size; signals with huge windows have a region per sample.
constexpr size_t kMostRegions = 1024;
// Blocks of sums of f16 end with a tap: shorter ones would spend their time on totals.
constexpr int64_t kLeastDepthOfHalves = 32;
// Each set of taps costs four bytes for every output channel where A has a zero point.
constexpr size_t kMostTapSets = 64;

static RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }

/// The kernel input that a value of the body is, if it is one.
static std::optional<unsigned> inputOf(Value value) {
  auto argument = dyn_cast_or_null<BlockArgument>(value);
  return argument ? std::optional<unsigned>(argument.getArgNumber()) : std::nullopt;
}

/// The image of floats whose planes a dense convolution with packed weights reads as channels of pixels: the kernel
/// itself transposes it. Null for any other one. Of a line of a plane, windows read pixels that follow each other.
static Value planesOf(nn::KernelOp kernel, nn::Conv2DOp conv) {
  auto transpose = conv.getInput().getDefiningOp<nn::TransposeOp>();
  std::optional<unsigned> filter = inputOf(conv.getFilter());
  Type element = typeOf(conv.getInput()).getElementType();
  bool isRead = transpose && transpose.getPerm() == ArrayRef<int64_t>{0, 2, 3, 1} && transpose->hasOneUse() &&
                conv.getGroups() == 1 && conv.getDilations()[1] == 1 && filter && getPacking(kernel, *filter) &&
                isa<FloatType>(element) && typeOf(conv.getFilter()).getElementType() == element;
  return isRead ? transpose.getInput() : Value();
}

template <typename Conv> static void readConvolution(Conv op, Contraction &contraction) {
  auto input = typeOf(op.getInput()), filter = typeOf(op.getFilter()), output = typeOf(op.getOutput());
  contraction.groups = op.getGroups();
  contraction.outputs = filter.getDimSize(0) / contraction.groups;
  contraction.tapsH = filter.getDimSize(1);
  contraction.tapsW = filter.getDimSize(2);
  contraction.depth = filter.getDimSize(3);
  // Pixels of one line; whole images follow each other when the window is one pixel at stride 1.
  contraction.rows = std::max(output.getDimSize(1), output.getDimSize(2));
  if (contraction.tapsH * contraction.tapsW == 1 && output.getShape().drop_back() == input.getShape().drop_back())
    contraction.rows = output.getNumElements() / output.getShape().back();
  // One input and one output channel per group: channels stay apart.
  if (contraction.groups > 1 && contraction.depth == 1 && contraction.outputs == 1) {
    contraction.body = TapBody::Channelwise;
    contraction.outputs = contraction.groups;
    contraction.groups = 1;
  }
}

/// Zero points of bytes; false (and a reason) for what instructions for bytes do not compute.
static bool readBytes(Operation *root, Contraction &contraction, std::string &reason) {
  auto refuse = [&](StringRef why) {
    reason = why.str();
    return false;
  };
  auto [zero, rhsZero] =
      llvm::TypeSwitch<Operation *, std::pair<Value, Value>>(root)
          .Case<nn::Conv2DOp, nn::ConvTranspose2DOp>(
              [](auto op) { return std::pair(op.getInputZeroPoint(), op.getFilterZeroPoint()); })
          .Case([](nn::MatMulOp op) { return std::pair(op.getLhsZeroPoint(), op.getRhsZeroPoint()); })
          .Default(std::pair<Value, Value>());
  // Their sums may be floats while they are added up.
  if (contraction.body == TapBody::Channelwise && contraction.tapsH * contraction.tapsW * 255 * 128 >= 1 << 24)
    return refuse("sums of bytes that no float holds exactly");
  if (!contraction.sum.isInteger(32) || !contraction.element.isInteger(8) ||
      !contraction.rhsElement.isSignlessInteger(8))
    return refuse("integers that are not bytes, or weights without a sign");
  contraction.zero = inputOf(zero);
  contraction.rhsZero = inputOf(rhsZero);
  if ((zero && !contraction.zero) || (rhsZero && !contraction.rhsZero) || (zero && typeOf(zero).getNumElements() != 1))
    return refuse("zero points that are computed in the kernel, or differ from row to row");
  return true;
}

/// True where a filter of bytes may be multiplied in words of 16 bits, and is worth it: 128 * 128 twice would be too
/// much for one, and below 16 values most of a group would be zeros. What packs weights has said so.
static bool mayUseWords(nn::KernelOp kernel, const Contraction &contraction) {
  if (contraction.root->hasAttr(kFitsWordsAttr))
    return true;
  bool isWorth = contraction.body == TapBody::Channelwise || contraction.depth >= kWordGroup;
  auto weights = isWorth ? nn::ConstantReader::get(kernel.getInputs()[*contraction.rhs]) : std::nullopt;
  return weights && !llvm::is_contained(weights->getBytes(), '\x80');
}

std::optional<Contraction> Contraction::match(nn::KernelOp kernel, std::string &reason) {
  Contraction contraction;
  Operation *root = contraction.root = kernel.getRoot();
  auto isEmpty = [](Value value) { return llvm::is_contained(typeOf(value).getShape(), 0); };
  if (root && (isEmpty(root->getResult(0)) || llvm::any_of(root->getOperands(), isEmpty))) {
    reason = "an operand or the result is empty";
    return std::nullopt;
  }
  Value lhs, rhs, bias;
  unsigned pixelDims = 2;
  if (auto conv = dyn_cast_or_null<nn::Conv2DOp>(root)) {
    lhs = conv.getInput(), rhs = conv.getFilter(), bias = conv.getBias();
    if (isDotProducts(conv)) {
      reason = "one output channel of single pixels: dot products, which have loops of their own";
      return std::nullopt;
    }
    readConvolution(conv, contraction);
    if (Value planes = planesOf(kernel, conv)) {
      lhs = planes;
      contraction.readsPlanes = true;
    }
    if (Type stored = typeOf(rhs).getElementType(); typeOf(lhs).getElementType().isF32() && !stored.isF32())
      contraction.widened = WidenedWeights{stored, (int64_t)stored.getIntOrFloatBitWidth(), /*block=*/0,
                                           /*scale=*/Type(), /*hasZero=*/false};
  } else if (auto conv = dyn_cast_or_null<nn::ConvTranspose2DOp>(root)) {
    lhs = conv.getInput(), rhs = conv.getFilter(), bias = conv.getBias();
    readConvolution(conv, contraction);
  } else if (auto matmul = dyn_cast_or_null<nn::MatMulOp>(root)) {
    lhs = matmul.getLhs(), rhs = matmul.getRhs(), bias = matmul.getBias();
    ArrayRef<int64_t> left = typeOf(lhs).getShape(), output = typeOf(matmul.getOutput()).getShape();
    contraction.outputs = output.back();
    contraction.depth = left.back();
    contraction.rows = left[left.size() - 2];
    contraction.ofWordPairs = matmul->hasAttr(kWordPairsAttr) && typeOf(lhs).getElementType().isInteger(32);
    if (contraction.outputs == 1) {
      reason = "one column: dot products of rows, which are contiguous on both sides, have loops of their own";
      return std::nullopt;
    }
    pixelDims = 1;
  } else if (auto matmul = dyn_cast_or_null<nn::MatMulWidenedOp>(root)) {
    lhs = matmul.getLhs(), rhs = matmul.getRhs();
    contraction.outputs = typeOf(rhs).getDimSize(1);
    contraction.depth = typeOf(rhs).getDimSize(0);
    contraction.rows = typeOf(lhs).getDimSize(0);
    int64_t block = (int64_t)matmul.getBlock();
    Type scale = matmul.getScale() ? typeOf(matmul.getScale()).getElementType() : Type();
    contraction.widened =
        WidenedWeights{typeOf(rhs).getElementType(), (int64_t)matmul.getBits(), block < contraction.depth ? block : 0,
                       scale, matmul.getZeroPoint() != nullptr};
    contraction.rhsScale = inputOf(matmul.getScale());
    contraction.rhsZero = inputOf(matmul.getZeroPoint());
    pixelDims = 1;
  } else if (auto pool = dyn_cast_or_null<nn::Pool2DOp>(root)) {
    lhs = pool.getInput();
    contraction.body = pool.getKind() == nn::PoolKind::max       ? TapBody::Maximum
                       : pool.getKind() == nn::PoolKind::average ? TapBody::Sum
                                                                 : TapBody::SumOfSquares;
    contraction.outputs = typeOf(pool.getOutput()).getShape().back();
    contraction.tapsH = pool.getKernel()[0];
    contraction.tapsW = pool.getKernel()[1];
    contraction.rows = typeOf(pool.getOutput()).getDimSize(2);
  } else {
    reason = "no contraction or pooling window";
    return std::nullopt;
  }

  contraction.element = typeOf(lhs).getElementType();
  bool isFloat = contraction.element.isF16() || contraction.element.isBF16() || contraction.element.isF32() ||
                 contraction.element.isF64();
  bool isSum = contraction.body == TapBody::Sum || contraction.body == TapBody::SumOfSquares;
  if (!isFloat && (isSum || !isa<IntegerType>(contraction.element) || contraction.element.isInteger(1))) {
    llvm::raw_string_ostream(reason) << "elements of type " << contraction.element;
    return std::nullopt;
  }
  contraction.sum = typeOf(root->getResult(0)).getElementType();
  contraction.rhsElement = rhs && !contraction.widened ? typeOf(rhs).getElementType() : contraction.element;
  auto isOf = [&](Value value, Type type) {
    return !value || (inputOf(value) && typeOf(value).getElementType() == type);
  };
  if (!isOf(lhs, contraction.element) ||
      !isOf(rhs, contraction.widened ? contraction.widened->element : contraction.rhsElement) ||
      !isOf(bias, contraction.sum) || (contraction.rhsElement != contraction.element && !contraction.isOfBytes())) {
    reason = "an operand of the root is computed in the kernel, or of another type";
    return std::nullopt;
  }
  if (contraction.isOfBytes() && !readBytes(root, contraction, reason))
    return std::nullopt;
  contraction.lhs = *inputOf(lhs);
  contraction.rhs = inputOf(rhs);
  contraction.mayUseWords = contraction.isOfBytes() && ::mayUseWords(kernel, contraction);
  if (auto spares = root->getAttrOfType<DenseI32ArrayAttr>(kOrderedAttr)) {
    contraction.isOrdered = true;
    contraction.spares = spares;
  }
  contraction.bias = inputOf(bias);
  auto epilogue = Epilogue::match(kernel, root, pixelDims, reason);
  if (failed(epilogue))
    return std::nullopt;
  contraction.epilogue = std::move(*epilogue);
  contraction.tuning = Tuning::of(kernel);
  if (!contraction.tuning || contraction.tuning->form != Tuning::direct)
    contraction.sliding = SlidingWindow::match(root, contraction.body, *contraction.epilogue);
  if (!contraction.sliding && root->hasAttr(kReversedRowsAttr)) {
    reason = "rows of its input lie in reverse order, and it does not sweep";
    return std::nullopt;
  }
  auto [lines, pixels] = contraction.regions();
  bool isCut = lines.size() > kMostAxisRegions || pixels.size() > kMostAxisRegions;
  if (isCut || (!contraction.sliding && lines.size() * pixels.size() > kMostRegions)) {
    reason = "the border has too many kinds of pixels";
    return std::nullopt;
  }
  if (contraction.isOfBytes() && contraction.tapSets().size() > kMostTapSets) {
    reason = "the border has too many kinds of pixels for sums of bytes";
    return std::nullopt;
  }
  nn::MachineAttr machine = contraction.tuning ? getMachine(kernel) : nullptr;
  if (machine && failed(checkTuning(*contraction.tuning, contraction, machine, reason)))
    return std::nullopt;
  return contraction;
}

std::array<SmallVector<AxisRegion>, 2> Contraction::regions() const {
  ArrayRef<int64_t> input = typeOf(root->getOperand(0)).getShape(), output = typeOf(root->getResult(0)).getShape();
  std::array<SmallVector<AxisRegion>, 2> regions;
  if (isOfMatrices())
    return {windowRegions(1, 1, 1, 1, 1, 0, 0),
            windowRegions(output[output.size() - 2], output[output.size() - 2], 1, 1, 1, 0, 0)};
  for (int i : {0, 1}) {
    int64_t in = input[1 + i], out = output[1 + i], taps = i ? tapsW : tapsH;
    regions[i] =
        llvm::TypeSwitch<Operation *, SmallVector<AxisRegion>>(root)
            .Case<nn::Conv2DOp, nn::Pool2DOp>([&](auto op) {
              return windowRegions(in, out, taps, op.getStrides()[i], op.getDilations()[i], op.getPads()[i],
                                   op.getPads()[2 + i]);
            })
            .Case([&](nn::ConvTranspose2DOp op) {
              return transposedRegions(in, out, taps, op.getStrides()[i], op.getDilations()[i], op.getPads()[i]);
            });
  }
  return regions;
}

int64_t Contraction::lanes(nn::MachineAttr machine) const {
  // Channels that fill less than half a register get a narrower one: no work on zeros.
  int64_t bits = bitsOfSum(machine), lanes = machine.lanes(bits), least = 128 / bits;
  while (lanes > least && lanes / 2 >= outputs)
    lanes /= 2;
  return lanes;
}

int64_t Contraction::panel(nn::MachineAttr machine) const {
  int64_t width = lanes(machine), vectors = llvm::divideCeil(outputs, width);
  if (tuning && tuning->panel)
    return width * std::min(*tuning->panel, vectors);
  if (isInWords(machine, width))
    return width * choosePanelVectorsInWords(machine, rows, vectors);
  if (body == TapBody::Product)
    return width * (hasLowTiles(machine) ? choosePanelVectorsOfLowTiles(machine, rows, vectors)
                                         : productVectors(machine, rows, vectors));
  return width * (sliding ? sliding->chooseVectors(machine, mac(machine, width), vectors)
                          : chooseWindowVectors(machine, vectors));
}

bool Contraction::isByLane(nn::MachineAttr machine) const {
  return machine.getFmaLane() && computeType(sum).getIntOrFloatBitWidth() == 32 && body == TapBody::Product;
}

bool Contraction::mayBeOrdered(nn::MachineAttr machine) const {
  return isOrdered && isOfBytes() && body == TapBody::Product &&
         (tapsH * tapsW == 1 ? depth >= PanelOrder::kBlock : readsLines()) && panels(machine).batches == 1 &&
         mac(machine, lanes(machine)).isOrdered;
}

bool Contraction::readsLines() const {
  auto conv = dyn_cast<nn::Conv2DOp>(root);
  // Where windows meet, Winograd's form does more.
  return conv && tapsH * tapsW > 1 && conv.getDilations()[1] == 1 && conv.getStrides()[0] * conv.getStrides()[1] > 1 &&
         llvm::all_of(conv.getPads(), [](int64_t pad) { return pad == 0; }) &&
         depth * tapsW >= (tapsH > 1 ? PanelOrder::kLeast : PanelOrder::kBlock);
}

bool Contraction::isInWords(nn::MachineAttr machine, int64_t lanes) const {
  return body == TapBody::Product && mac(machine, lanes).isInWords;
}

bool Contraction::isOfLanes(nn::MachineAttr machine) const {
  return isByLane(machine) && (element.isF32() || isOfHalves(machine)); // TileShape::isOfLanes
}

bool Contraction::mayReadPlanes(nn::MachineAttr machine) const {
  if (!isByLane(machine))
    return true;
  // The sides of a line run by single pixels.
  constexpr int64_t leastWidth = 32;
  auto conv = cast<nn::Conv2DOp>(root);
  return element.isF32() && tapsW >= 3 && tapsW <= kMostColumnTaps && conv.getStrides()[1] <= kMostColumnStep &&
         typeOf(conv.getOutput()).getDimSize(2) >= leastWidth;
}

bool Contraction::hasLowTiles(nn::MachineAttr machine) const {
  if (body != TapBody::Product || tapsH * tapsW != 1 || isByLane(machine) || machine.getVectorRegisters() < 32)
    return false;
  auto matmul = dyn_cast<nn::MatMulOp>(root);
  bool hasOneMatrix =
      !matmul || llvm::all_of(typeOf(matmul.getRhs()).getShape().drop_back(2), [](int64_t size) { return size == 1; });
  return hasOneMatrix && element.isF32() && rhsElement.isF32() && sum.isF32() && !widened;
}

int64_t Contraction::productVectors(nn::MachineAttr machine, int64_t sharing, int64_t vectors) const {
  return isOfLanes(machine) ? choosePanelVectorsOfLanes(machine, sharing, vectors)
                            : choosePanelVectors(machine, sharing, vectors);
}

int64_t Contraction::tileRows(nn::MachineAttr machine, int64_t vectors) const {
  if (tuning && tuning->rows)
    return *tuning->rows;
  constexpr int64_t low = 8;
  int64_t most = mostTileRows(machine, vectors);
  return hasLowTiles(machine) ? std::min(most, low) : most;
}

int64_t Contraction::mostTileRows(nn::MachineAttr machine, int64_t vectors) const {
  if (body != TapBody::Product)
    return chooseWindowRows(machine, vectors);
  if (isInWords(machine, lanes(machine)))
    return chooseTileRowsInWords(vectors);
  if (isOfLanes(machine))
    return chooseTileRowsOfLanes(machine, vectors);
  // A multiply-add of floats for each load of a row leaves no time to compute its address: up to eight rows have a
  // register for it (TileShape::isUnrolled), and hide the latency.
  int64_t most = vectors == 1 && !isOfBytes() ? 8 : std::numeric_limits<int64_t>::max();
  // A product is in a register of its own until it is added, in an order beside ones. Of short sums, a row more is
  // worth what it spills.
  constexpr int64_t manyTerms = 64;
  nn::DotAttr dot = isOfBytes() ? mac(machine, lanes(machine)).dot : nn::DotAttr();
  bool addsApart = dot && !dot.getAdds() && depth * tapsH * tapsW >= manyTerms;
  int64_t temporaries = !addsApart ? 1 : isOrdered ? 3 : 2;
  return std::min(chooseTileRows(machine, vectors, temporaries), most);
}

PanelPacking Contraction::panels(nn::MachineAttr machine) const {
  PanelPacking packing{groups, outputs, depth * tapsH * tapsW, panel(machine), lanes(machine)};
  if (auto matmul = dyn_cast<nn::MatMulOp>(root)) {
    packing.batches = 1;
    for (int64_t size : typeOf(matmul.getRhs()).getShape().drop_back(2))
      packing.batches *= size;
    packing.outputsInnermost = !matmul.getTransposeB();
  }
  if (isa<nn::MatMulWidenedOp>(root))
    packing.outputsInnermost = true;
  if (readsPlanes)
    packing.planes = depth;
  return packing;
}

PanelPacking Contraction::parameters(nn::MachineAttr machine) const {
  PanelPacking packing = panels(machine);
  packing.depth = widened->block ? llvm::divideCeil(depth, widened->block) : 1;
  return packing;
}

MacForm Contraction::mac(nn::MachineAttr machine, int64_t lanes) const {
  if (ofWordPairs)
    return MacForm::ofWords(machine, sum, lanes);
  if (body == TapBody::Product && isOfBytes())
    return MacForm::choose(machine, element, rhsElement, sum, lanes, depth, mayUseWords, isOrdered);
  if (isOfBytes() && sliding)
    return MacForm::chooseForWindow(machine, element, rhsElement, sum, lanes, mayUseWords);
  MacForm form{element, rhsElement, sum, {}};
  form.ofHalves = isOfHalves(machine);
  return form;
}

bool Contraction::isOfHalves(nn::MachineAttr machine) const {
  if (!machine.getHalfArithmetic() || widened || !element.isF16() || !rhsElement.isF16() || !sum.isF16())
    return false;
  if (body == TapBody::Product)
    return depth * tapsH * tapsW <= kMostHalves || depth >= kLeastDepthOfHalves;
  return body == TapBody::Maximum || (body == TapBody::Channelwise && tapsH * tapsW <= kLongestPlainSum);
}

int64_t Contraction::bitsOfSum(nn::MachineAttr machine) const {
  return isOfHalves(machine) ? 16 : computeType(sum).getIntOrFloatBitWidth();
}

SmallVector<std::array<TapRange, 2>> Contraction::tapSets() const {
  if (sliding)
    return {{{{0, 1, tapsH}, {0, 1, tapsW}}}};
  SmallVector<std::array<TapRange, 2>> sets;
  auto [rowsOf, columnsOf] = regions();
  for (const AxisRegion &h : rowsOf)
    for (const AxisRegion &w : columnsOf) {
      std::array<TapRange, 2> taps = tapsOf(h, w);
      if (!llvm::is_contained(sets, taps))
        sets.push_back(taps);
    }
  return sets;
}

BytePacking Contraction::bytes(nn::MachineAttr machine, bool isCorrected) const {
  // Weights of channels that stay apart are grouped by the kernel, for each place that a row has in a group.
  int64_t group = body == TapBody::Product ? mac(machine, lanes(machine)).group() : 1;
  BytePacking packing{panels(machine), group, depth, tapsW, {}, {}};
  if (isCorrected)
    packing.sums = tapSets();
  return packing;
}

std::array<TapRange, 2> cpu::tapsOf(const AxisRegion &h, const AxisRegion &w) {
  if (h.taps == 0 || w.taps == 0)
    return {{{0, 0, 0}, {0, 0, 0}}};
  return {{{h.tapStart, h.taps > 1 ? h.tapStep : 1, h.taps}, {w.tapStart, w.taps > 1 ? w.tapStep : 1, w.taps}}};
}

bool Contraction::needsPacking() const { return isa<nn::Conv2DOp, nn::ConvTranspose2DOp>(root); }

PadPacking Contraction::padding(nn::MachineAttr machine) const { return {groups, outputs, lanes(machine)}; }

nn::MachineAttr cpu::getMachine(nn::KernelOp kernel) {
  auto module = kernel->getParentOfType<ModuleOp>();
  auto machines = module ? module->getAttrOfType<DictionaryAttr>(nn::kMachinesAttr) : nullptr;
  return machines ? machines.getAs<nn::MachineAttr>(cpuFor(module, kernel.getDevice().value_or("cpu0"))) : nullptr;
}

nn::PackingAttr cpu::getPacking(nn::KernelOp kernel, unsigned input) {
  auto packings = kernel->getAttrOfType<ArrayAttr>(kPackingsAttr);
  return packings && input < packings.size() ? dyn_cast<nn::PackingAttr>(packings[input]) : nullptr;
}
