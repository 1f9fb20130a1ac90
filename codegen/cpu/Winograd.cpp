// What Winograd's form of a kernel is, and its function: loops over strips, each with a call of the input's transform,
// a batch of products by the ordinary micro-kernels, and a call of the output's transform with the epilogue.
#include "codegen/cpu/Winograd.h"
#include "codegen/cpu/Attention.h"
#include "codegen/cpu/Chains.h"
#include "codegen/cpu/Strips.h"
#include "codegen/cpu/Tiling.h"
#include "codegen/cpu/WinogradCode.h"
#include "dialects/nn/KernelForms.h"
#include "dialects/nn/Parts.h"
#include "lib/support/Assert.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace nncc;
using namespace nncc::cpu;

static RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }

//===-- what the form is --------------------------------------------------===//

std::optional<WinogradLayer> WinogradLayer::match(nn::KernelOp kernel, const Contraction &contraction,
                                                  std::string &reason) {
  auto refuse = [&](StringRef why) {
    reason = why.str();
    return std::nullopt;
  };
  auto conv = dyn_cast_or_null<nn::Conv2DOp>(contraction.root);
  if (!conv || contraction.body != TapBody::Product || contraction.groups != 1)
    return refuse("no dense convolution");
  // Transformed they would be larger, not smaller.
  if (contraction.widened)
    return refuse("its weights stay in the few bits that they are stored in");
  // Contraction::match: of bytes by bytes with a sign, which are summed in i32.
  if (!contraction.element.isF32() && !contraction.isOfBytes())
    return refuse("neither of f32 nor of bytes");
  if (llvm::any_of(conv.getStrides(), [](int64_t stride) { return stride != 1; }))
    return refuse("its strides are not all 1");
  auto isSide = [](int64_t taps) { return taps == 1 || taps == 3; };
  if (!isSide(contraction.tapsH) || !isSide(contraction.tapsW) || contraction.tapsH * contraction.tapsW == 1)
    return refuse("its window is not 3x3, 1x3 or 3x1");
  if (contraction.outputs == 1)
    return refuse("one output channel, for which products are dot products of rows");
  if (nn::PackingAttr packing = getPacking(kernel, *contraction.rhs);
      !packing || (!PanelPacking::from(packing) && !BytePacking::from(packing) && !WinogradPacking::from(packing)))
    return refuse("its weights are not packed");
  ArrayRef<int64_t> output = typeOf(conv.getOutput()).getShape();
  WinogradLayer layer{output[0],           output[1],         output[2],         contraction.depth,
                      contraction.outputs, contraction.tapsH, contraction.tapsW, contraction.isOfBytes()};
  layer.dilationH = layer.tapsH == 1 ? 1 : conv.getDilations()[0];
  layer.dilationW = layer.tapsW == 1 ? 1 : conv.getDilations()[1];
  return layer;
}

bool WinogradLayer::isExact(const WinogradTile &tile, int64_t largestSum) const {
  int64_t divisor = WinogradTransform(tile.h, true).divisor * WinogradTransform(tile.w, true).divisor;
  return largestSum < (int64_t(1) << 31) >> llvm::countr_zero(static_cast<uint64_t>(divisor));
}

int64_t WinogradLayer::largestSumOfBytes(const nn::ConstantReader &filter) const {
  int64_t ofFilter = filter.size() / outputs, largest = 0;
  for (int64_t output = 0; output < outputs; ++output) {
    int64_t sum = 0;
    for (int64_t i = 0; i < ofFilter; ++i)
      sum += std::abs(filter.getInteger(output * ofFilter + i));
    largest = std::max(largest, 255 * sum);
  }
  return largest;
}

SmallVector<WinogradTile> WinogradLayer::tileSizes() const {
  auto sides = [](int64_t taps) { return taps == 1 ? SmallVector<int64_t>{1} : SmallVector<int64_t>{4, 2}; };
  SmallVector<WinogradTile> sizes;
  for (int64_t h : sides(tapsH))
    for (int64_t w : sides(tapsW))
      sizes.push_back({h, w});
  return sizes;
}

WinogradPacking WinogradForm::packing(const WinogradLayer &layer, const Contraction &contraction,
                                      nn::MachineAttr machine) const {
  int64_t lanes = contraction.lanes(machine), vectors = llvm::divideCeil(layer.outputs, lanes);
  int64_t panel = lanes * contraction.productVectors(machine, strip, vectors);
  bool areInterleaved = layer.ofBytes && MacForm::ofWords(machine, contraction.sum, lanes).dotOfWords;
  return {tile, layer.outputs, layer.depth, panel, lanes, groups, layer.ofBytes, areInterleaved};
}

bool WinogradForm::fits(const WinogradLayer &layer) const {
  if (!llvm::is_contained(layer.tileSizes(), tile) || strip > layer.tiles(tile))
    return false;
  int64_t strips = llvm::divideCeil(layer.tiles(tile), strip);
  return slots <= strips && (slots == 1 || groups == 1) && llvm::isInt<31>(slotElements(layer));
}

SmallVector<WinogradPart> WinogradForm::parts(const WinogradLayer &layer) const {
  int64_t lines = layer.height / tile.h, columns = layer.width / tile.w; // of whole tiles
  WinogradTile rest{layer.height % tile.h, layer.width % tile.w};
  if (hasWholeTiles || strip < layer.tiles(tile) || layer.isDilated() || (rest.h == 0 && rest.w == 0))
    return {{{tile, tile}, layer.tilesH(tile), layer.tilesW(tile), 0, 0, 0, strip}};
  // Tiles with all lines of points follow each other, and so do those with all columns.
  SmallVector<WinogradPart> parts;
  int64_t first = 0;
  auto add = [&](bool isBelow, bool isBehind) {
    WinogradTile outputs{isBelow ? rest.h : tile.h, isBehind ? rest.w : tile.w};
    int64_t tilesH = isBelow ? rest.h > 0 : lines, tilesW = isBehind ? rest.w > 0 : columns;
    int64_t count = layer.images * tilesH * tilesW;
    if (count > 0)
      parts.push_back({{tile, outputs},
                       tilesH,
                       tilesW,
                       isBelow ? lines * tile.h : 0,
                       isBehind ? columns * tile.w : 0,
                       first,
                       count});
    first += count;
  };
  add(/*isBelow=*/true, /*isBehind=*/false);
  add(false, false);
  add(false, true);
  add(true, true);
  return parts;
}

SmallVector<WinogradProducts> WinogradForm::products(const WinogradLayer &layer) const {
  SmallVector<WinogradPart> parts = this->parts(layer);
  auto pointsH = [](const WinogradPart &part) { return part.piece.alongH(false).points(); };
  auto pointsW = [](const WinogradPart &part) { return part.piece.alongW(false).points(); };
  // Where the points of some parts end, along an axis.
  auto endsOf = [&](auto points) {
    auto ends = llvm::map_to_vector(parts, points);
    llvm::sort(ends);
    ends.erase(llvm::unique(ends), ends.end());
    return ends;
  };
  SmallVector<WinogradProducts> products;
  int64_t firstLine = 0;
  for (int64_t endLine : endsOf(pointsH)) {
    int64_t firstColumn = 0;
    for (int64_t endColumn : endsOf(pointsW)) {
      WinogradProducts those{firstLine, endLine, firstColumn, endColumn, 0, 0};
      for (const WinogradPart &part : parts) {
        if (pointsH(part) < endLine || pointsW(part) < endColumn)
          continue;
        if (those.rows == 0)
          those.firstRow = part.first;
        NNCC_ASSERT(part.first == those.firstRow + those.rows, "tiles with the same points lie apart");
        those.rows += part.count;
      }
      if (those.rows > 0)
        products.push_back(those);
      firstColumn = endColumn;
    }
    firstLine = endLine;
  }
  return products;
}

int64_t WinogradForm::productRows(const WinogradLayer &layer) const {
  int64_t rows = 0;
  for (const WinogradPart &part : parts(layer))
    rows += part.count * part.piece.planes();
  return rows;
}

DictionaryAttr WinogradForm::getAttr(nn::KernelOp kernel, const WinogradLayer &layer, const Contraction &contraction,
                                     nn::MachineAttr machine) const {
  Builder b(kernel.getContext());
  auto packings = llvm::to_vector(kernel->getAttrOfType<ArrayAttr>(kPackingsAttr).getValue());
  packings[*contraction.rhs] = packing(layer, contraction, machine).getAttr(kernel.getContext());
  SmallVector<NamedAttribute> fields{b.getNamedAttr("name", b.getStringAttr(kind)),
                                     b.getNamedAttr("tile", b.getDenseI64ArrayAttr({tile.h, tile.w})),
                                     b.getNamedAttr("strip", b.getI64IntegerAttr(strip)),
                                     b.getNamedAttr("slots", b.getI64IntegerAttr(slots)),
                                     b.getNamedAttr("groups", b.getI64IntegerAttr(groups)),
                                     b.getNamedAttr("scratch_bytes", b.getI64IntegerAttr(scratchBytes(layer))),
                                     b.getNamedAttr("packings", b.getArrayAttr(packings))};
  if (hasWholeTiles)
    fields.push_back(b.getNamedAttr("whole_tiles", b.getUnitAttr()));
  return b.getDictionaryAttr(fields);
}

std::optional<WinogradForm> WinogradForm::from(DictionaryAttr form) {
  auto name = form ? form.getAs<StringAttr>("name") : StringAttr();
  auto tile = form ? form.getAs<DenseI64ArrayAttr>("tile") : DenseI64ArrayAttr();
  auto strip = form ? form.getAs<IntegerAttr>("strip") : IntegerAttr();
  auto slots = form ? form.getAs<IntegerAttr>("slots") : IntegerAttr();
  auto groups = form ? form.getAs<IntegerAttr>("groups") : IntegerAttr();
  auto isSide = [](int64_t side) { return side == 1 || side == 2 || side == 4; };
  if (!name || name.getValue() != kind || !tile || tile.size() != 2 || !llvm::all_of(tile.asArrayRef(), isSide) ||
      !strip || !slots || !groups || strip.getInt() < 1 || slots.getInt() < 1 || groups.getInt() < 1)
    return std::nullopt;
  return WinogradForm{
      {tile[0], tile[1]}, strip.getInt(), slots.getInt(), groups.getInt(), form.contains("whole_tiles")};
}

std::string cpu::describeForm(nn::KernelOp kernel) {
  auto attr = kernel->getAttrOfType<DictionaryAttr>(nn::kFormAttr);
  if (auto strips = StripForm::from(attr))
    return llvm::formatv("strips of {0} pixels, {1} at a time", strips->pixels, strips->slots).str();
  if (auto attention = AttentionForm::from(attr))
    return llvm::formatv("attention, blocks of {0} rows, {1} at a time", attention->rows, attention->slots).str();
  if (auto chain = RowsForm::from(attr))
    return llvm::formatv("chain, strips of {0} rows, {1} at a time", chain->rows, chain->slots).str();
  auto form = WinogradForm::from(attr);
  if (!form) {
    auto tuning = Tuning::of(kernel);
    return tuning && tuning->form == Tuning::direct ? tuning->describe() : "";
  }
  std::string reason;
  auto contraction = Contraction::match(kernel, reason);
  auto layer = contraction ? WinogradLayer::match(kernel, *contraction, reason) : std::nullopt;
  auto isCut = [](const WinogradPart &part) { return part.piece.isCut(); };
  bool areCut = layer && llvm::any_of(form->parts(*layer), isCut);
  std::string words = llvm::formatv("winograd, tiles of {0}x{1}{2}, strips of {3}, ", form->tile.h, form->tile.w,
                                    areCut ? " cut at edges" : "", form->strip);
  return words + (form->groups > 1 ? llvm::formatv("channels in {0} groups", form->groups).str()
                                   : llvm::formatv("{0} at a time", form->slots).str());
}

//===-- its function ------------------------------------------------------===//

namespace {

class WinogradWriter {
public:
  WinogradWriter(func::FuncOp function, nn::KernelOp kernel, MicroKernels &kernels, const Contraction &contraction,
                 const WinogradLayer &layer, const WinogradForm &form, std::string &reason)
      : function(function), kernel(kernel), kernels(kernels), contraction(contraction), layer(layer), form(form),
        parts(form.parts(layer)), epilogue(*contraction.epilogue), conv(cast<nn::Conv2DOp>(contraction.root)),
        reason(reason), builder(kernel), code(kernel.getLoc(), builder, kernels.hasMaskedStores()),
        element(contraction.sum) {}

  LogicalResult run() {
    if (failed(describe()))
      return failure();
    if (form.groups > 1)
      shareGroups();
    else
      shareStrips();
    kernel.erase();
    return success();
  }

private:
  func::FuncOp function;
  nn::KernelOp kernel;
  MicroKernels &kernels;
  const Contraction &contraction;
  const WinogradLayer &layer;
  const WinogradForm &form;
  SmallVector<WinogradPart> parts;
  const Epilogue &epilogue;
  nn::Conv2DOp conv;
  std::string &reason;
  OpBuilder builder;
  Code code;
  Type element; ///< of 32 bits: of planes as strides count them, and of the products

  WinogradPacking packing;
  Value input, output, bias, zeroPoint;
  SmallVector<Value> leaves;
  SmallVector<int64_t> inputSteps, outputSteps; ///< from image to image, line to line, pixel to pixel
  SmallVector<SmallVector<int64_t>> leafSteps;

  LogicalResult refuse(const Twine &why) {
    reason = why.str();
    return failure();
  }

  LogicalResult describe() {
    auto recipe = WinogradPacking::from(getPacking(kernel, *contraction.rhs));
    nn::MachineAttr machine = getMachine(kernel);
    int64_t lanes = contraction.lanes(machine);
    // A panel is whole vectors, and no wider than the registers that add it up; getAttr() counts the bytes anew.
    bool areInterleaved = layer.ofBytes && MacForm::ofWords(machine, element, lanes).dotOfWords;
    if (!recipe || recipe->tile != form.tile || recipe->outputs != layer.outputs || recipe->depth != layer.depth ||
        recipe->ofWords != layer.ofBytes || recipe->areInterleaved != areInterleaved || recipe->groups != form.groups ||
        recipe->lanes != lanes || recipe->panel % lanes != 0 || recipe->panel > lanes * machine.getVectorRegisters() ||
        recipe->getAttr(kernel.getContext()) != getPacking(kernel, *contraction.rhs))
      return refuse("the weights are packed in another way");
    packing = *recipe;
    if (!form.fits(layer))
      return refuse("its tiles do not fit the convolution");
    Value scratch = kernel.getScratch();
    if (!scratch || cast<MemRefType>(scratch.getType()).getNumElements() < form.scratchBytes(layer))
      return refuse("there is no scratch memory for its planes");
    input = kernel.getInputs()[contraction.lhs];
    output = kernel.getOutputs().front();
    if (contraction.bias)
      bias = kernel.getInputs()[*contraction.bias];
    if (contraction.zero)
      zeroPoint = kernel.getInputs()[*contraction.zero];
    if (failed(stepsOf(input, inputSteps)) || failed(stepsOf(output, outputSteps)))
      return failure();
    for (const Leaf &leaf : epilogue.leaves()) {
      leaves.push_back(kernel.getInputs()[leaf.input]);
      if (failed(stepsOf(leaves.back(), leafSteps.emplace_back())))
        return failure();
    }
    return success();
  }

  /// Steps along the three outer dims of an image; 0 where it is broadcast.
  LogicalResult stepsOf(Value memory, SmallVectorImpl<int64_t> &steps) {
    auto type = cast<MemRefType>(memory.getType());
    SmallVector<int64_t> strides;
    int64_t offset;
    if (failed(type.getStridesAndOffset(strides, offset)) || offset != 0 ||
        llvm::any_of(strides, ShapedType::isDynamic))
      return refuse("an operand has no static layout at offset 0");
    if (strides.back() != 1 && type.getShape().back() != 1)
      return refuse("channels of an operand are not contiguous");
    for (int dim : {0, 1, 2}) {
      steps.push_back(type.getDimSize(dim) == 1 ? 0 : strides[dim]);
      if (!llvm::isInt<31>(type.getDimSize(dim) * strides[dim]))
        return refuse("an operand has more than 2^30 elements");
    }
    return success();
  }

  int64_t planeOf(int64_t channels) const { return form.strip * rowPitch(channels); }
  int64_t strips() const { return llvm::divideCeil(layer.tiles(form.tile), form.strip); }

  /// A loop over slots: strips of one slot follow each other in the same memory.
  void shareStrips() {
    int64_t ofSlot = llvm::divideCeil(strips(), form.slots), slots = llvm::divideCeil(strips(), ofSlot);
    Value scratch = code.pointerTo(kernel.getScratch());
    Value zero = code.constant(0), one = code.constant(1), all = code.constant(strips());
    auto overSlots = scf::ForOp::create(code.b, zero, code.constant(slots), one);
    overSlots->setAttr(nn::kParallelAttr, code.b.getUnitAttr());
    OpBuilder::InsertionGuard guard(code.b);
    code.b.setInsertionPointToStart(overSlots.getBody());
    Value slot = overSlots.getInductionVar();
    Value inputPlanes = code.at(scratch, code.mul(slot, form.slotElements(layer)), element);
    Value outputPlanes = code.at(inputPlanes, form.inputElements(layer), element);
    Value first = code.mul(slot, ofSlot);
    Value end = arith::MinSIOp::create(code.b, code.add(first, code.constant(ofSlot)), all);
    auto overStrips = scf::ForOp::create(code.b, first, end, one);
    overStrips->setAttr(nn::kWorkAttr, code.b.getI64IntegerAttr(ofSlot * workOfStrip()));
    code.b.setInsertionPointToStart(overStrips.getBody());
    Value strip = overStrips.getInductionVar();
    transformInput(strip, inputPlanes);
    finishGroup(strip, zero, layer.outputs, inputPlanes, outputPlanes);
  }

  /// A loop over strips, which every part runs through, and in it one over groups of channels. Whoever runs some groups
  /// transforms the input once, into the planes of the first of them, and carries their number on.
  void shareGroups() {
    Value scratch = code.pointerTo(kernel.getScratch());
    Value zero = code.constant(0), one = code.constant(1);
    Value outputPlanes = code.at(scratch, form.groups * form.inputElements(layer), element);
    auto overStrips = scf::ForOp::create(code.b, zero, code.constant(strips()), one);
    overStrips->setAttr(nn::kParallelAttr, code.b.getUnitAttr());
    overStrips->setAttr(nn::kUncutAttr, code.b.getUnitAttr());
    OpBuilder::InsertionGuard guard(code.b);
    code.b.setInsertionPointToStart(overStrips.getBody());
    Value strip = overStrips.getInductionVar();
    Value none = code.constant(-1);
    auto overGroups = scf::ForOp::create(code.b, zero, code.constant(form.groups), one, none);
    overGroups->setAttr(nn::kParallelAttr, code.b.getUnitAttr());
    code.b.setInsertionPointToStart(overGroups.getBody());
    Value group = overGroups.getInductionVar(), carried = overGroups.getRegionIterArg(0);
    Value isFirst = arith::CmpIOp::create(code.b, arith::CmpIPredicate::eq, carried, none);
    Value owner = arith::SelectOp::create(code.b, isFirst, group, carried);
    Value inputPlanes = code.at(scratch, code.mul(owner, form.inputElements(layer)), element);
    auto ifFirst = scf::IfOp::create(code.b, isFirst);
    {
      OpBuilder::InsertionGuard guard(code.b);
      code.b.setInsertionPoint(ifFirst.thenYield());
      transformInput(strip, inputPlanes);
    }
    finishGroups(strip, group, inputPlanes, outputPlanes);
    scf::YieldOp::create(code.b, owner);
  }

  /// The last group may have fewer channels than the others.
  void finishGroups(Value strip, Value group, Value inputPlanes, Value outputPlanes) {
    int64_t channels = packing.outputsOfGroup(), ofLast = packing.outputsOfLast();
    if (channels == ofLast)
      return finishGroup(strip, group, channels, inputPlanes, outputPlanes);
    Value isLast = arith::CmpIOp::create(code.b, arith::CmpIPredicate::eq, group, code.constant(form.groups - 1));
    auto ifLast = scf::IfOp::create(code.b, isLast, /*withElseRegion=*/true);
    OpBuilder::InsertionGuard guard(code.b);
    code.b.setInsertionPointToStart(ifLast.thenBlock());
    finishGroup(strip, group, ofLast, inputPlanes, outputPlanes);
    code.b.setInsertionPointToStart(ifLast.elseBlock());
    finishGroup(strip, group, channels, inputPlanes, outputPlanes);
  }

  /// The products and the output of a group of so many channels.
  void finishGroup(Value strip, Value group, int64_t channels, Value inputPlanes, Value outputPlanes) {
    Value first = code.mul(group, packing.outputsOfGroup());
    Value offset = code.mul(group, packing.groupSize(packing.outputsOfGroup()));
    Value weights = code.at(code.pointerTo(kernel.getInputs()[*contraction.rhs]), offset, element);
    Value planes = code.at(outputPlanes, first, element);
    multiply(channels, inputPlanes, weights, planes);
    transformOutput(strip, planes, first, channels);
  }

  void transformInput(Value strip, Value planes) {
    int64_t lanes = lanesOfInput();
    for (const WinogradPart &part : parts) {
      auto transform = kernels.getInputTransform({part.piece, contraction.element, lanes, layer.depth % lanes,
                                                  zeroPoint != nullptr, layer.isDilated(), isInRegisters()});
      Value rows = code.at(planes, part.first * rowPitch(layer.depthInPlanes()), element);
      SmallVector<Value> arguments{code.pointerTo(input), rows};
      if (zeroPoint)
        arguments.push_back(code.pointerTo(zeroPoint));
      arguments.append({inputEntry(part), strip});
      call(transform, arguments, part, layer.depthInPlanes());
    }
  }

  /// Four rows of six values, and what one more takes, have room in 32 registers. Where factors are read from memory,
  /// too (AVX-512), this was not measured.
  bool isInRegisters() const {
    nn::MachineAttr machine = getMachine(kernel);
    return machine.getFmaLane() && machine.getVectorRegisters() >= 32;
  }

  /// Elements of a vector of the input's transform.
  int64_t lanesOfInput() const { return layer.ofBytes ? 2 * packing.lanes : packing.lanes; }

  /// So many channels, from `first` on, of the tiles of a strip.
  void transformOutput(Value strip, Value planes, Value first, int64_t channels) {
    auto at = [&](Value memory, Type type) { return code.at(code.pointerTo(memory), first, type); };
    for (const WinogradPart &part : parts) {
      Value rows = code.at(planes, part.first * rowPitch(layer.outputs), element);
      SmallVector<Value> arguments{rows, at(output, epilogue.storedElement())};
      if (bias)
        arguments.push_back(at(bias, element));
      for (auto [leaf, value] : llvm::zip(epilogue.leaves(), leaves))
        arguments.push_back(leaf.variesByChannel ? at(value, leaf.memoryElement()) : code.pointerTo(value));
      arguments.append({outputEntry(part, channels), strip});
      call(kernels.get(outputShape(part, channels), epilogue), arguments, part, channels);
    }
  }

  /// A transform of so many channels.
  void call(func::FuncOp callee, ValueRange arguments, const WinogradPart &part, int64_t channels) {
    auto call = func::CallOp::create(code.b, callee, arguments);
    call->setAttr(nn::kWorkAttr, code.b.getI64IntegerAttr(workOfTransform(part, channels)));
  }

  TileShape outputShape(const WinogradPart &part, int64_t channels) {
    TileShape shape;
    shape.mac = {element, element, element, {}};
    shape.lanes = packing.lanes;
    shape.rows = shape.vectors = 1;
    shape.tail = channels % packing.lanes ? channels % packing.lanes : packing.lanes;
    shape.winograd = part.piece;
    shape.isWhole = part.tilesH * part.piece.outputs.h + part.top <= layer.height &&
                    part.tilesW * part.piece.outputs.w + part.left <= layer.width;
    shape.isDilated = layer.isDilated();
    shape.isInRegisters = isInRegisters();
    shape.hasBias = contraction.bias.has_value();
    shape.isBiasPadded = contraction.bias && getPacking(kernel, *contraction.bias);
    for (Value leaf : leaves)
      shape.inPlace.push_back(mayShare(function, leaf, output));
    return shape;
  }

  /// The fields that both transforms have, for pixels of `memory`, and so many elements of a pixel in planes.
  SmallVector<int64_t> entryFor(const WinogradPart &part, Value memory, ArrayRef<int64_t> steps, int64_t inPlanes) {
    SmallVector<int64_t> f(WinogradEntry::FirstLeaf, 0);
    ArrayRef<int64_t> shape = cast<MemRefType>(memory.getType()).getShape();
    f[WinogradEntry::Height] = shape[1];
    f[WinogradEntry::Width] = shape[2];
    f[WinogradEntry::ImageStep] = steps[0];
    f[WinogradEntry::LineStep] = steps[1];
    f[WinogradEntry::PixelStep] = steps[2];
    f[WinogradEntry::DilationH] = layer.dilationH;
    f[WinogradEntry::DilationW] = layer.dilationW;
    f[WinogradEntry::TilesH] = part.tilesH;
    f[WinogradEntry::TilesW] = part.tilesW;
    f[WinogradEntry::Strip] = part.count;
    f[WinogradEntry::Tiles] = layer.images * part.tilesH * part.tilesW;
    f[WinogradEntry::Top] = part.top;
    f[WinogradEntry::Left] = part.left;
    f[WinogradEntry::Pitch] = rowPitch(inPlanes);
    f[WinogradEntry::Plane] = planeOf(inPlanes);
    return f;
  }

  Value tableOf(ArrayRef<int64_t> entry) { return LLVM::AddressOfOp::create(code.b, kernels.getWords(entry)); }

  Value inputEntry(const WinogradPart &part) {
    SmallVector<int64_t> entry = entryFor(part, input, inputSteps, layer.depthInPlanes());
    entry[WinogradEntry::Vectors] = layer.depth / lanesOfInput();
    entry[WinogradEntry::Top] -= conv.getPads()[0];
    entry[WinogradEntry::Left] -= conv.getPads()[1];
    return tableOf(entry);
  }

  Value outputEntry(const WinogradPart &part, int64_t channels) {
    SmallVector<int64_t> entry = entryFor(part, output, outputSteps, layer.outputs);
    entry[WinogradEntry::Vectors] = channels / packing.lanes;
    for (ArrayRef<int64_t> steps : leafSteps)
      entry.append(steps.begin(), steps.end());
    return tableOf(entry);
  }

  /// All planes of a group of so many outputs, those in the same tiles at once.
  void multiply(int64_t outputs, Value inputPlanes, Value weights, Value outputPlanes) {
    const int64_t ofLine = parts.front().piece.planesOfLine();
    for (const WinogradProducts &those : form.products(layer)) {
      auto at = [&](Value plane) {
        auto rowsAt = [&](Value planes, int64_t channels) {
          Value first = code.at(planes, those.firstRow * rowPitch(channels), element);
          return code.at(first, code.mul(plane, planeOf(channels)), element);
        };
        return std::array{rowsAt(inputPlanes, layer.depthInPlanes()),
                          code.at(weights, code.mul(plane, packing.planeSize(outputs)), element),
                          rowsAt(outputPlanes, layer.outputs)};
      };
      int64_t lines = those.endLine - those.firstLine, columns = those.endColumn - those.firstColumn;
      Value first = code.constant(those.firstLine * ofLine + those.firstColumn);
      if (lines == 1 || columns == ofLine) {
        multiplyPlanes(at(first), lines * columns, those.rows, outputs);
        continue;
      }
      auto overLines = scf::ForOp::create(code.b, code.constant(0), code.constant(lines), code.constant(1));
      OpBuilder::InsertionGuard guard(code.b);
      code.b.setInsertionPointToStart(overLines.getBody());
      Value line = code.mul(overLines.getInductionVar(), ofLine);
      multiplyPlanes(at(code.add(first, line)), columns, those.rows, outputs);
    }
  }

  /// So many planes times planes, and rows of them: a kernel of its own, which the contraction emitter turns into calls
  /// on the spot.
  ///
  /// at  the first of the input's planes, of the weights', of the output's
  void multiplyPlanes(const std::array<Value, 3> &at, int64_t planes, int64_t rows, int64_t outputs) {
    ImplicitLocOpBuilder &b = code.b;
    auto cast = [&](Value pointer, MemRefType type) -> Value {
      return UnrealizedConversionCastOp::create(b, type, pointer).getResult(0);
    };
    auto memory = [&](Value pointer, int64_t channels, int64_t ofAll) {
      auto layout = StridedLayoutAttr::get(b.getContext(), 0, {planeOf(ofAll), rowPitch(ofAll), 1});
      return cast(pointer, MemRefType::get({planes, rows, channels}, element, layout));
    };
    int64_t depth = layer.depthInPlanes();
    Value left = memory(at[0], depth, depth), result = memory(at[2], outputs, layer.outputs);
    nn::PackingAttr panels = packing.panels(planes, outputs).getAttr(b.getContext(), element);
    Value right = cast(at[1], MemRefType::get(packedBytes(panels), b.getI8Type()));
    auto product = nn::KernelOp::create(b, TypeRange(), b.getStringAttr("products"), ValueRange{left, right},
                                        ValueRange{result}, Value(), kernel.getDeviceAttr(), ArrayAttr());
    Block &body = product.getBody().emplaceBlock();
    auto tensor = [&](int64_t rows, int64_t columns) {
      return RankedTensorType::get({planes, rows, columns}, element);
    };
    Value lhs = body.addArgument(tensor(rows, depth), kernel.getLoc());
    Value rhs = body.addArgument(tensor(depth, outputs), kernel.getLoc());
    OpBuilder inner = OpBuilder::atBlockBegin(&body);
    auto matmul = nn::MatMulOp::create(inner, kernel.getLoc(), tensor(rows, outputs), lhs, rhs, Value(),
                                       /*transpose_b=*/false);
    if (layer.ofBytes)
      matmul->setAttr(kWordPairsAttr, b.getUnitAttr());
    nn::YieldOp::create(inner, kernel.getLoc(), ValueRange{matmul.getOutput()});
    product->setAttr(kPackingsAttr, b.getArrayAttr({b.getUnitAttr(), panels}));
    std::string why;
    bool isEmitted = succeeded(emitContraction(function, product, kernels, why));
    NNCC_ASSERT(isEmitted, "a product of planes is no contraction");
    for (Value memory : {left, right, result})
      memory.getDefiningOp()->erase();
  }

  /// Operations on vectors of 32 bytes.
  int64_t workOfStrip() const {
    int64_t work = form.productRows(layer) * layer.depthInPlanes() * llvm::divideCeil(layer.outputs, 8);
    for (const WinogradPart &part : parts)
      work += workOfTransform(part, layer.depthInPlanes()) + workOfTransform(part, layer.outputs);
    return work;
  }

  /// Some eight operations for each vector of a plane.
  int64_t workOfTransform(const WinogradPart &part, int64_t channels) const {
    return part.count * part.piece.planes() * 8 * static_cast<int64_t>(llvm::divideCeil(channels, 8));
  }
};

} // namespace

LogicalResult cpu::emitWinograd(func::FuncOp function, nn::KernelOp kernel, MicroKernels &kernels,
                                const WinogradForm &form, std::string &reason) {
  auto contraction = Contraction::match(kernel, reason);
  auto layer = contraction ? WinogradLayer::match(kernel, *contraction, reason) : std::nullopt;
  if (!layer)
    return failure();
  return WinogradWriter(function, kernel, kernels, *contraction, *layer, form, reason).run();
}
