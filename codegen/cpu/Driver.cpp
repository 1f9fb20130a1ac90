// The code of one layer: where its operands lie, which calls of micro-kernels cover its output, and loops over them.
#include "codegen/cpu/Contraction.h"
#include "codegen/cpu/PackAtRunTime.h"
#include "codegen/cpu/Tiling.h"
#include "codegen/cpu/Winograd.h"
#include "dialects/nn/KernelForms.h"
#include "dialects/nn/Parts.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "passes/lower/LoopBuilder.h"
#include "passes/lower/ScalarMath.h"
#include "llvm/Support/MathExtras.h"
#include <map>

using namespace mlir;
using namespace nncc;
using namespace nncc::cpu;

namespace {

/// The operands of micro-kernels; leaves of the epilogue follow.
enum Stream : unsigned { A, B, C, Bias, Zero, FirstLeaf };

/// One operand as all loops see it; strides count elements. An absent one has no pointer.
struct Operand {
  Value pointer;
  Type element;
  SmallVector<int64_t> outer; ///< per batch dim
  int64_t h = 0, w = 0;       ///< to the next pixel
  int64_t group = 0, panel = 0;
};

/// One loop over output pixels (or batches): how often, and how far every operand moves.
struct Axis {
  int64_t count;
  SmallVector<int64_t> strides; ///< per stream
};

/// A region of the output in which all pixels have the same taps.
struct Region {
  SmallVector<int64_t> offsets; ///< per stream; that of B counts rows
  Axis lines, pixels;
  int64_t depth, taps0, tap0A, tap0B, taps1, tap1A, tap1B, divisor;
  int64_t sums; ///< of products of bytes: where their sums lie, in rows of B
};

class Driver {
public:
  Driver(func::FuncOp function, nn::KernelOp kernel, MicroKernels &kernels, nn::MachineAttr machine,
         const Contraction &contraction, std::string &reason)
      : function(function), kernel(kernel), kernels(kernels), machine(machine), contraction(contraction),
        epilogue(*contraction.epilogue), reason(reason), builder(kernel),
        code(kernel.getLoc(), builder, kernels.hasMaskedStores()) {}

  LogicalResult run() {
    if (failed(describe()))
      return failure();
    findRegions();
    for (auto [i, operand] : llvm::enumerate(operands))
      if (memories[i])
        operand.pointer = code.pointerTo(memories[i]);
    collapseOuter();
    // All loops read the packed filter: this comes before them.
    if (packing) {
      Value filter = kernel.getInputs()[*contraction.rhs];
      packAtRunTime(code, code.pointerTo(filter), cast<MemRefType>(filter.getType()).getShape(), filterStrides,
                    operands[B].pointer, *packing, operands[B].element);
    }
    emit();
    kernel.erase();
    return success();
  }

private:
  func::FuncOp function;
  nn::KernelOp kernel;
  MicroKernels &kernels;
  nn::MachineAttr machine;
  const Contraction &contraction;
  const Epilogue &epilogue;
  std::string &reason;
  OpBuilder builder;
  Code code;

  SmallVector<Operand> operands;
  SmallVector<Value> memories; ///< memref per stream, or null
  int64_t panel = 0, lanes = 0;
  bool isPadded = false, isBiasPadded = false;
  std::optional<BytePacking> bytes;    ///< how bytes are packed
  std::optional<PanelPacking> packing; ///< of a filter that the kernel packs itself
  SmallVector<int64_t> filterStrides;
  int64_t unpackedRow = 0; ///< row length of a right operand that is not packed
  SmallVector<Axis> outer;
  SmallVector<Region, 0> regions;
  /// What is fixed in a tile; one micro-kernel per panel width each.
  struct Variant {
    int64_t rows, columnTaps = 0, columnStep = 0;
    std::optional<SlidingTile> sliding;
    auto operator<=>(const Variant &) const = default;
  };
  /// The calls of each, larger tiles first.
  std::map<Variant, SmallVector<CallEntry>, std::greater<>> calls;

  LogicalResult refuse(const Twine &why) {
    reason = why.str();
    return failure();
  }

  //===-- where operands lie ----------------------------------------------===//

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

  /// Fills strides of an operand of the output's rank; dims of size 1 that are broadcast get stride 0.
  LogicalResult placePixels(Operand &operand, Value memory, bool isBroadcast) {
    SmallVector<int64_t> strides;
    if (failed(stridesOf(memory, strides)))
      return failure();
    auto shape = cast<MemRefType>(memory.getType()).getShape();
    if (isBroadcast)
      for (auto [stride, size] : llvm::zip(strides, shape))
        if (size == 1)
          stride = 0;
    unsigned pixelDims = isa<nn::MatMulOp>(contraction.root) ? 1 : 2, rank = strides.size();
    operand.w = strides[rank - 2];
    operand.h = pixelDims == 2 ? strides[rank - 3] : 0;
    operand.outer.assign(strides.begin(), strides.end() - 1 - pixelDims);
    return success();
  }

  LogicalResult describe() {
    if (!kernel.isPlanned() || kernel.getOutputs().size() != 1)
      return refuse("it is not planned");
    unsigned leaves = epilogue.leaves().size();
    operands.resize(FirstLeaf + leaves);
    memories.resize(operands.size());
    memories[A] = kernel.getInputs()[contraction.lhs];
    memories[C] = kernel.getOutputs().front();
    bool isProduct = contraction.body == TapBody::Product;
    int64_t outputs = contraction.outputs;
    lanes = contraction.lanes(machine);
    panel = contraction.panel(machine);

    // The right operand and the bias.
    if (contraction.rhs) {
      Operand &right = operands[B];
      memories[B] = kernel.getInputs()[*contraction.rhs];
      std::optional<PanelPacking> recipe;
      if (auto packed = getPacking(kernel, *contraction.rhs)) {
        bytes = BytePacking::from(packed);
        recipe = bytes ? bytes->panels : PanelPacking::from(packed);
        PanelPacking own = contraction.panels(machine);
        // A panel is whole vectors, and no wider than the registers that add it up. Vectors may be wider than they
        // would be for these outputs: the last group of Winograd's form has those of the others.
        if (!recipe || recipe->batches != own.batches || recipe->outputs != outputs || recipe->depth != own.depth ||
            recipe->lanes < own.lanes ||
            recipe->lanes > machine.lanes(computeType(contraction.sum).getIntOrFloatBitWidth()) ||
            recipe->panel % recipe->lanes != 0 || recipe->panel > recipe->lanes * machine.getVectorRegisters())
          return refuse("the weights are packed in another way");
        int64_t size = packedBytes(bytes ? bytes->getAttr(kernel.getContext())
                                         : recipe->getAttr(kernel.getContext(), contraction.element));
        auto memory = cast<MemRefType>(memories[B].getType());
        if (memory.getNumElements() * (memory.getElementTypeBitWidth() / 8) < size)
          return refuse("the packed weights are larger than their memory");
      } else if (contraction.isOfBytes()) {
        return refuse("bytes are multiplied by constants without a zero point only");
      } else if (contraction.needsPacking()) {
        recipe = packing = contraction.panels(machine);
        if (failed(stridesOf(memories[B], filterStrides)))
          return failure();
        memories[B] = kernel.getScratch();
        int64_t bytes = packedBytes(packing->getAttr(kernel.getContext(), contraction.element));
        if (!memories[B] || cast<MemRefType>(memories[B].getType()).getNumElements() < bytes)
          return refuse("the filter is not constant, and there is no scratch memory to pack it");
      }
      if (recipe) {
        isPadded = true;
        panel = recipe->panel;
        lanes = recipe->lanes;
        right.group = bytes ? bytes->batchSize() : recipe->batchSize();
        right.panel = (bytes ? bytes->columnSize() : recipe->depth) * panel;
      }
      if (auto matmul = dyn_cast<nn::MatMulOp>(contraction.root)) {
        if (!isPadded) {
          if (matmul.getTransposeB())
            return refuse("the right operand is transposed and not constant");
          SmallVector<int64_t> strides;
          if (failed(stridesOf(memories[B], strides)))
            return failure();
          unpackedRow = strides[strides.size() - 2];
          right.panel = panel;
          right.outer.assign(strides.begin(), strides.end() - 2);
        } else {
          int64_t step = right.group;
          for (int64_t size :
               llvm::reverse(cast<RankedTensorType>(matmul.getRhs().getType()).getShape().drop_back(2))) {
            right.outer.insert(right.outer.begin(), step);
            step *= size;
          }
        }
        for (auto [stride, size] : llvm::zip(right.outer, cast<RankedTensorType>(matmul.getRhs().getType()).getShape()))
          if (size == 1)
            stride = 0;
      } else {
        right.outer.assign(1, 0);
      }
    }
    operands[Bias].outer.assign(std::max<size_t>(operands[B].outer.size(), 1), 0);
    if (contraction.bias) {
      memories[Bias] = kernel.getInputs()[*contraction.bias];
      auto packing = getPacking(kernel, *contraction.bias);
      auto recipe = packing ? PadPacking::from(packing) : std::nullopt;
      SmallVector<int64_t> strides;
      isBiasPadded = recipe.has_value();
      if (recipe && (recipe->count != outputs || recipe->lanes != lanes))
        return refuse("weights and bias are not packed alike");
      if (!recipe && failed(stridesOf(memories[Bias], strides)))
        return failure();
      operands[Bias].group = recipe ? recipe->batchSize() : outputs;
      operands[Bias].panel = panel;
    }
    if (hasZero())
      memories[Zero] = kernel.getInputs()[*contraction.zero];

    // What lies along pixels.
    if (failed(placePixels(operands[A], memories[A], false)) || failed(placePixels(operands[C], memories[C], false)))
      return failure();
    if (isa<nn::MatMulOp>(contraction.root)) {
      auto shape = cast<MemRefType>(memories[A].getType()).getShape();
      for (auto [stride, size] : llvm::zip(operands[A].outer, shape))
        if (size == 1)
          stride = 0;
    }
    operands[A].group = contraction.depth;
    operands[A].panel = isProduct ? 0 : panel;
    operands[C].group = outputs;
    operands[C].panel = panel;
    for (auto [i, leaf] : llvm::enumerate(epilogue.leaves())) {
      Operand &operand = operands[FirstLeaf + i];
      memories[FirstLeaf + i] = kernel.getInputs()[leaf.input];
      if (failed(placePixels(operand, memories[FirstLeaf + i], true)))
        return failure();
      operand.group = leaf.variesByChannel ? outputs : 0;
      operand.panel = leaf.variesByChannel ? panel : 0;
    }
    for (auto [operand, memory] : llvm::zip(operands, memories)) {
      operand.element = memoryType(contraction.element);
      operand.outer.resize(operands[C].outer.size(), 0);
    }
    operands[Bias].element = memoryType(contraction.sum);
    operands[C].element = epilogue.storedElement();
    for (auto [i, leaf] : llvm::enumerate(epilogue.leaves()))
      operands[FirstLeaf + i].element = leaf.memoryElement();
    return success();
  }

  //===-- which calls -----------------------------------------------------===//

  void findRegions() {
    if (!contraction.sliding) {
      auto pool = dyn_cast<nn::Pool2DOp>(contraction.root);
      auto [rowsOf, columnsOf] = contraction.regions();
      for (const AxisRegion &h : rowsOf)
        for (const AxisRegion &w : columnsOf)
          addRegion(h, w, pool && pool.getCountIncludePad());
    }
    ArrayRef<int64_t> output = cast<MemRefType>(memories[C].getType()).getShape();
    for (auto [i, size] : llvm::enumerate(output.take_front(operands[C].outer.size()))) {
      Axis axis{size, {}};
      for (const Operand &operand : operands)
        axis.strides.push_back(operand.outer[i]);
      outer.push_back(axis);
    }
  }

  void addRegion(const AxisRegion &h, const AxisRegion &w, bool countsPads) {
    Region region;
    // Bytes of a tap are filled up to whole groups in B.
    int64_t depth = contraction.depth, group = bytes ? bytes->group : 1;
    int64_t depthB = llvm::alignTo(depth, group), tapRow = contraction.tapsW * depthB;
    region.offsets.assign(operands.size(), 0);
    region.lines = {h.count, SmallVector<int64_t>(operands.size(), 0)};
    region.pixels = {w.count, SmallVector<int64_t>(operands.size(), 0)};
    for (auto [i, operand] : llvm::enumerate(operands)) {
      if (i == B || i == Bias || i == Zero)
        continue;
      bool isInput = i == A;
      region.offsets[i] =
          (isInput ? h.inStart : h.outStart) * operand.h + (isInput ? w.inStart : w.outStart) * operand.w;
      region.lines.strides[i] = (isInput ? h.inPerOut : h.outStep) * operand.h;
      region.pixels.strides[i] = (isInput ? w.inPerOut : w.outStep) * operand.w;
    }
    region.offsets[B] = h.tapStart * tapRow + w.tapStart * depthB;
    region.depth = depth;
    region.taps0 = w.taps;
    region.tap0A = w.inPerTap * operands[A].w;
    region.tap0B = w.tapStep * depthB;
    region.taps1 = h.taps;
    region.tap1A = h.inPerTap * operands[A].h;
    region.tap1B = h.tapStep * tapRow;
    region.divisor = countsPads ? (h.taps + h.inPads) * (w.taps + w.inPads) : h.taps * w.taps;
    if (h.taps == 0 || w.taps == 0)
      region.taps0 = region.taps1 = region.offsets[A] = region.offsets[B] = 0;
    if (bytes) {
      region.offsets[B] += bytes->sumBytes();
      region.sums = 4 * (llvm::find(bytes->sums, tapsOf(h, w)) - bytes->sums.begin()) - region.offsets[B];
    }
    if (contraction.body == TapBody::Product) {
      // Taps whose values follow each other in A and in B are one longer run.
      if (region.taps0 > 1 && region.tap0A == region.depth && region.tap0B == region.depth) {
        region.depth *= region.taps0;
        region.taps0 = 1;
      }
      if (region.taps0 == 1 && region.taps1 > 1 && region.tap1A == region.depth && region.tap1B == region.depth) {
        region.depth *= region.taps1;
        region.taps1 = 1;
      }
    }
    collapse(region.lines, region.pixels);
    regions.push_back(region);
  }

  /// Makes one axis of two where the outer one goes on where the inner one ends; axes of one step always do.
  bool collapse(Axis &outside, Axis &inside) {
    if (outside.count == 1) {
      outside.strides.assign(outside.strides.size(), 0);
      return true;
    }
    if (inside.count == 1) {
      inside = outside;
    } else {
      for (unsigned i = 0; i < inside.strides.size(); ++i)
        if (outside.strides[i] != inside.count * inside.strides[i])
          return false;
      inside.count *= outside.count;
    }
    outside.count = 1;
    outside.strides.assign(outside.strides.size(), 0);
    return true;
  }

  /// Batches become lines of pixels, where one region is all and the same weights serve them.
  void collapseOuter() {
    while (!outer.empty()) {
      Axis &last = outer.back();
      if (last.count > 1) {
        if (regions.size() != 1 || last.strides[B] != 0)
          return;
        for (auto [i, leaf] : llvm::enumerate(epilogue.leaves()))
          if (!leaf.variesByPixel && last.strides[FirstLeaf + i] != 0)
            return;
        Region &region = regions.front();
        if (region.lines.count == 1)
          region.lines = last;
        else if (!collapse(last, region.lines))
          return;
        collapse(region.lines, region.pixels);
      }
      outer.pop_back();
    }
  }

  /// How many of `count` are in each of the fewest pieces of at most `most`: as even as they can be, since parts are
  /// shared out as if all calls of a micro-kernel were equally long.
  static int64_t evenStep(int64_t count, int64_t most) {
    most = std::clamp<int64_t>(most, 1, count);
    return llvm::divideCeil(count, llvm::divideCeil(count, most));
  }

  /// Cuts the regions into calls. `budget` is how many output pixels a call may cover, 0 for all.
  /// `leastTiles` of one line it may always cover, even where that is more than the budget.
  void cutRegions(int64_t tileRows, int64_t budget, int64_t leastTiles) {
    for (Region &region : regions) {
      auto tiles = [&](const Axis &lines, const Axis &pixels) {
        return lines.count * static_cast<int64_t>(llvm::divideCeil(pixels.count, tileRows));
      };
      // A window whose channels stay apart runs along the axis in which all pixels of a tile share input columns.
      bool isWindow = contraction.body != TapBody::Product;
      auto shares = [&](const Axis &pixels, int64_t taps, int64_t tapA) {
        return isWindow && pixels.count > 1 && taps > 1 && taps <= 7 && tapA != 0 && pixels.strides[A] % tapA == 0 &&
               pixels.strides[A] / tapA >= 1 && pixels.strides[A] / tapA <= 2;
      };
      auto swapTaps = [&] {
        std::swap(region.taps0, region.taps1);
        std::swap(region.tap0A, region.tap1A);
        std::swap(region.tap0B, region.tap1B);
      };
      if (tiles(region.pixels, region.lines) < tiles(region.lines, region.pixels))
        std::swap(region.lines, region.pixels);
      bool found = false;
      for (int axis = 0; axis < 2 && !found; ++axis) {
        for (int taps = 0; taps < 2 && !found; ++taps) {
          found = shares(region.pixels, region.taps0, region.tap0A);
          if (!found && isWindow)
            swapTaps();
        }
        if (!found)
          std::swap(region.lines, region.pixels);
      }
      int64_t columnTaps = found ? region.taps0 : 0;
      int64_t columnStep = found ? region.pixels.strides[A] / region.tap0A : 0;
      int64_t pixel = 0;
      for (RowCut cut : cutRows(region.pixels.count, tileRows)) {
        // Blocks of lines, or of tiles where there is one line.
        int64_t ofLine = cut.rows * cut.tiles, lineStep = region.lines.count, tileStep = cut.tiles;
        if (budget && region.lines.count > 1)
          lineStep = evenStep(region.lines.count, budget / std::max<int64_t>(region.pixels.count, 1));
        else if (budget && ofLine > budget)
          tileStep = evenStep(cut.tiles, std::max(budget / cut.rows, leastTiles));
        for (int64_t line = 0; line < region.lines.count; line += lineStep)
          for (int64_t tile = 0; tile < cut.tiles; tile += tileStep)
            addCall(region, {cut.rows, columnTaps, columnStep, std::nullopt}, line,
                    std::min(lineStep, region.lines.count - line), pixel + tile * cut.rows,
                    std::min(tileStep, cut.tiles - tile));
        pixel += ofLine;
      }
    }
  }

  /// The calls of a sweep: one for each run of equal blocks of output rows.
  void cutSweep(const SlidingWindow &window) {
    for (const SlidingWindow::Blocks &blocks :
         window.cut(machine, contraction.mac(machine, lanes), panelVectors(panel))) {
      const SlidingTile &tile = blocks.tile;
      int64_t steps = window.steadyColumns();
      CallEntry entry;
      auto &f = entry.fields;
      f.assign(CallEntry::leafField(epilogue.leaves().size(), 0), 0);
      f[CallEntry::OffsetA] = blocks.firstIn * operands[A].h;
      f[CallEntry::OffsetC] = blocks.firstOut * operands[C].h;
      if (bytes) {
        f[CallEntry::OffsetB] = bytes->sumBytes();
        f[CallEntry::Sums] = -bytes->sumBytes();
      }
      f[CallEntry::Lines] = blocks.count;
      f[CallEntry::LineA] = tile.rows * tile.strideH * operands[A].h;
      f[CallEntry::LineC] = tile.rows * operands[C].h;
      f[CallEntry::RowA] = operands[A].w;
      f[CallEntry::RowC] = operands[C].w;
      f[CallEntry::InputRow] = operands[A].h;
      f[CallEntry::OutputRow] = operands[C].h;
      for (unsigned i = 0; i < epilogue.leaves().size(); ++i) {
        const Operand &leaf = operands[FirstLeaf + i];
        f[CallEntry::leafField(i, 0)] = blocks.firstOut * leaf.h;
        f[CallEntry::leafField(i, 1)] = tile.rows * leaf.h;
        f[CallEntry::leafField(i, 2)] = leaf.w;
        f[CallEntry::leafField(i, 3)] = leaf.h;
      }
      // The last panel may be narrower, which changes nothing here: a trip depends on the widest.
      f[CallEntry::Tiles] = steps / tile.stepsPerTrip;
      f[CallEntry::RestSteps] = steps % tile.stepsPerTrip;
      // Several calls where threads may share them out.
      int64_t shareable = shareableCall(), step = blocks.count;
      if (shareable)
        step = evenStep(blocks.count, shareable / (tile.rows * widthOfOutput()));
      for (int64_t block = 0; block < blocks.count; block += step) {
        CallEntry part = entry;
        auto &p = part.fields;
        p[CallEntry::Lines] = std::min(step, blocks.count - block);
        p[CallEntry::OffsetA] += block * f[CallEntry::LineA];
        p[CallEntry::OffsetC] += block * f[CallEntry::LineC];
        for (unsigned i = 0; i < epilogue.leaves().size(); ++i)
          p[CallEntry::leafField(i, 0)] += block * f[CallEntry::leafField(i, 1)];
        calls[{tile.rows, 0, 0, tile}].push_back(part);
      }
    }
  }

  void addCall(const Region &region, Variant variant, int64_t line, int64_t lines, int64_t pixel, int64_t tiles) {
    CallEntry entry;
    auto &f = entry.fields;
    f.assign(CallEntry::leafField(epilogue.leaves().size(), 0), 0);
    auto offset = [&](unsigned stream) {
      return region.offsets[stream] + line * region.lines.strides[stream] + pixel * region.pixels.strides[stream];
    };
    f[CallEntry::OffsetA] = offset(A);
    f[CallEntry::OffsetB] = region.offsets[B];
    f[CallEntry::OffsetC] = offset(C);
    f[CallEntry::Lines] = lines;
    f[CallEntry::LineA] = region.lines.strides[A];
    f[CallEntry::LineC] = region.lines.strides[C];
    f[CallEntry::Tiles] = tiles;
    f[CallEntry::RowA] = region.pixels.strides[A];
    f[CallEntry::RowC] = region.pixels.strides[C];
    f[CallEntry::Depth] = region.depth;
    f[CallEntry::Taps0] = region.taps0;
    f[CallEntry::Tap0A] = region.tap0A;
    f[CallEntry::Tap0B] = region.tap0B;
    f[CallEntry::Taps1] = region.taps1;
    f[CallEntry::Tap1A] = region.tap1A;
    f[CallEntry::Tap1B] = region.tap1B;
    f[CallEntry::RowB] = unpackedRow;
    f[CallEntry::Divisor] = bytes ? region.sums : region.divisor;
    for (unsigned i = 0; i < epilogue.leaves().size(); ++i) {
      f[CallEntry::leafField(i, 0)] = offset(FirstLeaf + i);
      f[CallEntry::leafField(i, 1)] = region.lines.strides[FirstLeaf + i];
      f[CallEntry::leafField(i, 2)] = region.pixels.strides[FirstLeaf + i];
    }
    calls[variant].push_back(entry);
  }

  //===-- code ------------------------------------------------------------===//

  using Pointers = SmallVector<Value>; ///< per stream; null where absent

  /// A loop whose trips write different pixels or channels: they may run at the same time (nn.parallel).
  ///
  /// isUncut  every part runs all of them, and the loops inside are shared out
  void parallelLoop(int64_t count, function_ref<void(Value)> body, bool isUncut = false) {
    auto loop = scf::ForOp::create(code.b, code.constant(0), code.constant(count), code.constant(1));
    loop->setAttr(nn::kParallelAttr, code.b.getUnitAttr());
    if (isUncut)
      loop->setAttr(nn::kUncutAttr, code.b.getUnitAttr());
    OpBuilder::InsertionGuard guard(code.b);
    code.b.setInsertionPointToStart(loop.getBody());
    body(loop.getInductionVar());
  }

  /// A loop that moves every present pointer by its stride; none for one trip.
  void loopOver(int64_t count, ArrayRef<int64_t> strides, Pointers pointers, function_ref<void(Pointers)> body,
                bool isUncut = false) {
    if (count == 1)
      return body(pointers);
    auto trip = [&](Value i) {
      Pointers moved = pointers;
      for (auto [pointer, stride, operand] : llvm::zip(moved, strides, operands))
        if (pointer && stride)
          pointer = code.at(pointer, code.mul(i, stride), operand.element);
      body(moved);
    };
    parallelLoop(count, trip, isUncut);
  }

  /// Bytes of the input that some output pixel reads: narrow windows step over the rest.
  int64_t bytesRead() const {
    int64_t elements = cast<MemRefType>(memories[A].getType()).getNumElements();
    std::array<int64_t, 2> taps{contraction.tapsH, contraction.tapsW};
    if (auto conv = dyn_cast<nn::Conv2DOp>(contraction.root))
      for (auto [step, read] : llvm::zip(conv.getStrides(), taps))
        elements = elements / step * std::min(step, read);
    return elements * (contraction.element.getIntOrFloatBitWidth() / 8);
  }

  /// Where neither the input nor the weights fit the L2 cache, either passes by again and again: the input for every
  /// panel, or the weights for every block. True where the weights, in blocks of `most` bytes of input, are less.
  bool prefersBlocks(int64_t bytes, int64_t most) const {
    int64_t panels = llvm::divideCeil(contraction.outputs, panel), blocks = llvm::divideCeil(bytes, most);
    int64_t weights = contraction.outputs * contraction.depth * contraction.tapsH * contraction.tapsW *
                      (contraction.element.getIntOrFloatBitWidth() / 8);
    return weights <= most || (blocks - 1) * weights < (panels - 1) * bytes;
  }

  /// Cuts the regions into calls, and those into blocks where the input of one image does not fit half the L2 cache,
  /// but for very large weights: true then.
  bool cutForCache() {
    int64_t pixels = 0, images = 1;
    for (const Region &region : regions)
      pixels += region.lines.count * region.pixels.count;
    for (const Axis &axis : outer)
      images *= axis.count;
    int64_t bytes = bytesRead() / contraction.groups / std::max<int64_t>(images, 1);
    int64_t half = machine.getL2Bytes() / 2;
    bool blocks = contraction.outputs > panel && bytes > half && prefersBlocks(bytes, half);
    // Output pixels whose input stays in the cache while panels pass by.
    int64_t budget = blocks ? std::max<int64_t>(half / std::max<int64_t>(bytes / pixels, 1), 1) : 0;
    int64_t leastTiles = 4;
    if (int64_t shareable = shareableCall(); shareable && (!budget || shareable < budget)) {
      budget = shareable;
      leastTiles = 1;
    }
    cutRegions(contraction.tileRows(machine, panelVectors(panel)), budget, leastTiles);
    prefetchNextPanel(blocks);
    return blocks;
  }

  /// Spreads the fetching of a panel of weights over the tiles that run on the one before it: else the first of them
  /// waits for memory at every step. Where a panel serves many tiles that is little time, and nothing is fetched.
  ///
  /// isEntryAlone  every call goes through all panels before the next one
  void prefetchNextPanel(bool isEntryAlone) {
    if (!shapeOf(calls.begin()->first, panel).prefetches())
      return;
    constexpr int64_t manyTiles = 64, lineBytes = 64;
    int64_t panelElements = operands[B].panel;
    int64_t lineElements = lineBytes * 8 / operands[B].element.getIntOrFloatBitWidth();
    auto tripsOf = [&](const Variant &variant, const CallEntry &entry) {
      auto &f = entry.fields;
      return f[CallEntry::Lines] * f[CallEntry::Tiles] * f[CallEntry::Taps0] * f[CallEntry::Taps1] *
             (f[CallEntry::Depth] / shapeOf(variant, panel).tripDepth());
    };
    int64_t all = 0, tiles = 0;
    for (auto &[variant, entries] : calls)
      for (CallEntry &entry : entries) {
        all += tripsOf(variant, entry);
        tiles += entry.fields[CallEntry::Lines] * entry.fields[CallEntry::Tiles];
      }
    int64_t at = panelElements;
    for (auto &[variant, entries] : calls)
      for (CallEntry &entry : entries) {
        auto &f = entry.fields;
        int64_t own = tripsOf(variant, entry), trips = isEntryAlone ? own : all;
        if (trips == 0 || (isEntryAlone ? f[CallEntry::Lines] * f[CallEntry::Tiles] : tiles) > manyTiles)
          continue;
        f[CallEntry::Ahead] = (isEntryAlone ? panelElements : at) - f[CallEntry::OffsetB] * panel;
        f[CallEntry::AheadStep] = std::min<int64_t>(llvm::divideCeil(panelElements, trips), lineElements);
        at += own * f[CallEntry::AheadStep];
      }
  }

  int64_t elementsOfOutput() const { return cast<MemRefType>(memories[C].getType()).getNumElements(); }
  int64_t widthOfOutput() const { return cast<MemRefType>(memories[C].getType()).getShape().drop_back().back(); }

  /// True when threads share out pixels: each then reads all weights, and reads and writes its own part of the images,
  /// which lies in its own cache where the kernel before was shared out alike. Else they share out panels of weights.
  bool sharesPixels() const {
    if (contraction.body != TapBody::Product)
      return true;
    int64_t weights =
        contraction.groups * contraction.outputs * contraction.depth * contraction.tapsH * contraction.tapsW;
    return weights < cast<MemRefType>(memories[A].getType()).getNumElements() + elementsOfOutput();
  }

  /// The most output pixels that a call may cover so that the calls of a kernel can be shared out among threads; 0 for
  /// all where there is enough to share out without that. Very short calls would not be worth their table entries.
  int64_t shareableCall() const {
    constexpr int64_t units = 16, leastOfUnit = 1 << 16, leastOfCall = 1 << 14; // multiply-adds
    int64_t channels = contraction.outputs * contraction.groups, images = 1;
    for (const Axis &axis : outer)
      images *= axis.count;
    int64_t panels = contraction.groups * llvm::divideCeil(contraction.outputs, panel);
    int64_t pixels = elementsOfOutput() / std::max<int64_t>(channels, 1);
    int64_t ofPixel = std::min(panel, contraction.outputs) * contraction.depth * contraction.tapsH * contraction.tapsW;
    int64_t sharedPanels = sharesPixels() ? 1 : panels, together = panels / sharedPanels;
    if (sharedPanels * images >= units || panels * pixels * ofPixel < 4 * leastOfUnit)
      return 0;
    return std::max({static_cast<int64_t>(llvm::divideCeil(sharedPanels * pixels, units)),
                     static_cast<int64_t>(llvm::divideCeil(leastOfUnit, ofPixel * together)),
                     static_cast<int64_t>(llvm::divideCeil(leastOfCall, ofPixel))});
  }

  /// Work of one call of a variant (nn.work), on average over its entries.
  int64_t workOfCall(const Variant &variant, ArrayRef<CallEntry> entries, int64_t vectors) const {
    int64_t work = 0;
    for (const CallEntry &entry : entries) {
      ArrayRef<int64_t> f = entry.fields;
      int64_t taps = f[CallEntry::Taps0] * f[CallEntry::Taps1] * f[CallEntry::Depth];
      int64_t pixels = f[CallEntry::Lines] * f[CallEntry::Tiles] * variant.rows;
      if (variant.sliding) {
        taps = contraction.tapsH * contraction.tapsW;
        pixels = f[CallEntry::Lines] * variant.rows * widthOfOutput();
      }
      work += pixels * (taps + 2 + epilogue.leaves().size());
    }
    int64_t bits = vectors * lanes * contraction.element.getIntOrFloatBitWidth();
    return std::max<int64_t>(work / entries.size() * bits / 256, 1);
  }

  void emit() {
    Pointers pointers;
    SmallVector<int64_t> groupStrides;
    for (const Operand &operand : operands) {
      pointers.push_back(operand.pointer);
      groupStrides.push_back(operand.group);
    }
    bool isProduct = contraction.body == TapBody::Product, blocks = false;
    if (contraction.sliding)
      cutSweep(*contraction.sliding);
    else
      blocks = cutForCache();

    loopOuter(0, pointers, [&](Pointers pointers) {
      loopOver(contraction.groups, groupStrides, pointers, [&](Pointers pointers) {
        auto overEntries = [&](ArrayRef<CallEntry> entries, function_ref<void(Value)> body) {
          Value base = LLVM::AddressOfOp::create(code.b, kernels.getTable(entries));
          int64_t fields = entries.front().fields.size();
          parallelLoop(entries.size(), [&](Value i) { body(code.at(base, code.mul(i, fields), code.b.getI32Type())); });
        };
        // Few pixels under many panels: a panel stays in the cache while all pixels pass. Many pixels: the other way.
        if (blocks || !isProduct)
          for (auto &[variant, entries] : calls)
            overEntries(entries, [&](Value entry) {
              overPanels(pointers, [&](Pointers at, int64_t width) { emitCall(variant, entries, at, width, entry); });
            });
        else
          overPanels(
              pointers,
              [&](Pointers at, int64_t width) {
                for (auto &[variant, entries] : calls)
                  overEntries(entries, [&](Value entry) { emitCall(variant, entries, at, width, entry); });
              },
              sharesPixels());
      });
    });
  }

  void loopOuter(unsigned depth, Pointers pointers, function_ref<void(Pointers)> body) {
    if (depth == outer.size())
      return body(pointers);
    loopOver(outer[depth].count, outer[depth].strides, pointers,
             [&](Pointers moved) { loopOuter(depth + 1, moved, body); });
  }

  int64_t panelVectors(int64_t width) const { return llvm::divideCeil(width, lanes); }

  /// Full panels in a loop (which every part runs through where `isUncut`), then what is left.
  void overPanels(Pointers pointers, function_ref<void(Pointers, int64_t)> body, bool isUncut = false) {
    int64_t full = contraction.outputs / panel, rest = contraction.outputs % panel;
    SmallVector<int64_t> strides;
    for (const Operand &operand : operands)
      strides.push_back(operand.panel);
    if (full)
      loopOver(full, strides, pointers, [&](Pointers moved) { body(moved, panel); }, isUncut);
    if (!rest)
      return;
    for (auto [pointer, stride, operand] : llvm::zip(pointers, strides, operands))
      if (pointer && stride && full)
        pointer = code.at(pointer, full * stride, operand.element);
    body(pointers, rest);
  }

  /// The tile of a variant for `channels` output channels.
  TileShape shapeOf(const Variant &variant, int64_t channels) {
    TileShape shape;
    shape.body = contraction.body;
    shape.mac = contraction.mac(machine, lanes);
    shape.rest = contraction.depth % shape.mac.group();
    shape.lanes = lanes;
    shape.rows = variant.rows;
    shape.columnTaps = variant.columnTaps;
    shape.columnStep = variant.columnStep;
    shape.sliding = variant.sliding;
    shape.vectors = panelVectors(channels);
    shape.tail = channels - (shape.vectors - 1) * lanes;
    shape.byLane = contraction.isByLane(machine);
    shape.block = blockOfSums();
    shape.hasBias = contraction.bias.has_value();
    shape.hasSums = bytes && !bytes->sums.empty();
    shape.hasZero = hasZero();
    shape.isPadded = isPadded;
    shape.isBiasPadded = isBiasPadded;
    for (unsigned i = 0; i < epilogue.leaves().size(); ++i)
      shape.inPlace.push_back(mayShare(function, memories[FirstLeaf + i], memories[C]));
    return shape;
  }

  /// True when a zero point is read: sums of integers are corrected by it, bytes that are added up as floats less it.
  bool hasZero() const { return contraction.zero && bytes && (contraction.isOfFloatedBytes() || !bytes->sums.empty()); }

  /// The size of the blocks of long sums (TileShape::block); 0 where sums are short, or no sums of floats.
  int64_t blockOfSums() const {
    int64_t taps = contraction.tapsH * contraction.tapsW;
    if (!isa<FloatType>(contraction.element) || contraction.body == TapBody::Maximum)
      return 0;
    // The totals of a product are many registers, which are spilled around each block: 5 % with 128 steps of k (AVX2,
    // 64x16384x64), half of that with 256, and only where there are very many.
    if (contraction.body == TapBody::Product)
      return contraction.depth * taps > 8192 ? 256 : 0;
    if (contraction.sliding || taps <= kLongestPlainSum)
      return 0;
    return std::max<int64_t>(kSumBlock / std::max(contraction.tapsH, contraction.tapsW), 1);
  }

  /// Calls the micro-kernel for `channels` output channels at one of the entries of its table.
  void emitCall(const Variant &variant, ArrayRef<CallEntry> entries, Pointers pointers, int64_t channels, Value entry) {
    TileShape shape = shapeOf(variant, channels);
    func::FuncOp kernelFunction = kernels.get(shape, epilogue);

    auto field = [&](unsigned index) {
      Value narrow = code.load(code.at(entry, index, code.b.getI32Type()), code.b.getI32Type());
      return arith::ExtSIOp::create(code.b, code.b.getI64Type(), narrow).getResult();
    };
    auto move = [&](unsigned stream, unsigned index, int64_t scale = 1) {
      pointers[stream] = code.at(pointers[stream], code.mul(field(index), scale), operands[stream].element);
    };
    move(A, CallEntry::OffsetA);
    if (pointers[B] && isPadded)
      move(B, CallEntry::OffsetB, shape.width());
    move(C, CallEntry::OffsetC);
    for (auto [i, leaf] : llvm::enumerate(epilogue.leaves()))
      if (leaf.variesByPixel)
        move(FirstLeaf + i, CallEntry::leafField(i, 0));
    SmallVector<Value> arguments;
    for (Value pointer : pointers)
      if (pointer)
        arguments.push_back(pointer);
    arguments.push_back(entry);
    auto call = func::CallOp::create(code.b, kernelFunction, arguments);
    call->setAttr(nn::kWorkAttr, code.b.getI64IntegerAttr(workOfCall(variant, entries, shape.vectors)));
  }
};

} // namespace

bool cpu::mayShare(func::FuncOp function, Value memory, Value output) {
  auto isDisjoint = [&](Value value) {
    auto argument = dyn_cast<BlockArgument>(value);
    return argument && argument.getOwner() == &function.getBody().front() &&
           function.getArgAttr(argument.getArgNumber(), LLVM::LLVMDialect::getNoAliasAttrName());
  };
  return memory == output || (!isDisjoint(memory) && !isDisjoint(output));
}

LogicalResult cpu::emitContraction(func::FuncOp function, nn::KernelOp kernel, MicroKernels &kernels,
                                   std::string &reason) {
  if (auto form = WinogradForm::from(kernel->getAttrOfType<DictionaryAttr>(nn::kFormAttr)))
    return emitWinograd(function, kernel, kernels, *form, reason);
  auto machine = getMachine(kernel);
  auto contraction = Contraction::match(kernel, reason);
  if (!contraction)
    return failure();
  return Driver(function, kernel, kernels, machine, *contraction, reason).run();
}
