// Cuts the output of a contraction into regions, calls and blocks for the cache and for threads.
#include "codegen/cpu/Calls.h"
#include "codegen/cpu/Tiling.h"
#include "lib/support/Assert.h"
#include "passes/lower/LoopBuilder.h"

using namespace mlir;
using namespace nncc;
using namespace nncc::cpu;

namespace {

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

/// How many of `count` are in each of the fewest pieces of at most `most`: as even as they can be, since parts are
/// shared out as if all calls of a micro-kernel were equally long.
int64_t evenStep(int64_t count, int64_t most) {
  most = std::clamp<int64_t>(most, 1, count);
  return llvm::divideCeil(count, llvm::divideCeil(count, most));
}

/// The same in equal pieces, which are one entry of a table, where these are at most half as many again.
int64_t equalStep(int64_t count, int64_t most) {
  int64_t step = evenStep(count, most);
  for (int64_t equal = step; 3 * equal >= 2 * step; --equal)
    if (count % equal == 0)
      return equal;
  return step;
}

} // namespace

Calls::Calls(const Contraction &contraction, const Operands &operands, nn::MachineAttr machine, bool isShared)
    : contraction(contraction), operands(operands), machine(machine), isShared(isShared) {
  if (!contraction.sliding)
    findRegions();
  for (auto [i, size] : llvm::enumerate(operands.typeOf(C).getShape().take_front(operands[C].outer.size()))) {
    Axis axis{size, {}};
    for (const Operand &operand : operands.streams)
      axis.strides.push_back(operand.outer[i]);
    outer.push_back(axis);
  }
  collapseOuter();
  if (contraction.sliding)
    cutSweep(*contraction.sliding);
  else
    cutForCache();
}

void Calls::findRegions() {
  auto pool = dyn_cast<nn::Pool2DOp>(contraction.root);
  auto [rowsOf, columnsOf] = contraction.regions();
  for (const AxisRegion &h : rowsOf)
    for (const AxisRegion &w : columnsOf)
      addRegion(h, w, pool && pool.getCountIncludePad());
}

void Calls::addRegion(const AxisRegion &h, const AxisRegion &w, bool countsPads) {
  Region region;
  // Bytes of a tap are filled up to whole groups in B.
  int64_t depth = contraction.depth, group = operands.bytes ? operands.bytes->group : 1;
  int64_t depthB = llvm::alignTo(depth, group), tapRow = contraction.tapsW * depthB;
  region.offsets.assign(operands.streams.size(), 0);
  region.lines = {h.count, SmallVector<int64_t>(operands.streams.size(), 0)};
  region.pixels = {w.count, SmallVector<int64_t>(operands.streams.size(), 0)};
  for (auto [i, operand] : llvm::enumerate(operands.streams)) {
    if (i == B || (i >= Bias && i < FirstLeaf))
      continue;
    bool isInput = i == A;
    region.offsets[i] = (isInput ? h.inStart : h.outStart) * operand.h + (isInput ? w.inStart : w.outStart) * operand.w;
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
  // Of each plane and line of taps, the values of a line follow each other.
  if (contraction.readsPlanes) {
    region.offsets[B] = h.tapStart * contraction.tapsW + w.tapStart;
    region.depth = w.taps;
    region.taps0 = h.taps;
    region.tap0A = region.tap1A;
    region.tap0B = h.tapStep * contraction.tapsW;
    region.taps1 = contraction.depth;
    region.tap1A = operands[A].plane;
    region.tap1B = contraction.tapsH * contraction.tapsW;
  }
  if (operands.bytes && operands.bytes->isOrdered()) {
    region.depth = operands.bytes->line();
    region.taps0 = 1;
    region.tap0B = operands.bytes->tableBytes();
    region.tap1B = operands.bytes->rowsOfLine();
  }
  region.divisor = countsPads ? (h.taps + h.inPads) * (w.taps + w.inPads) : h.taps * w.taps;
  if (h.taps == 0 || w.taps == 0)
    region.taps0 = region.taps1 = region.offsets[A] = region.offsets[B] = 0;
  if (const auto &bytes = operands.bytes) {
    region.offsets[B] += bytes->sumBytes();
    const auto *sums = llvm::find(bytes->sums, tapsOf(h, w));
    NNCC_ASSERT(bytes->sums.empty() || sums != bytes->sums.end(), "weights are packed without the sums of these taps");
    region.sums = 4 * (sums - bytes->sums.begin()) - region.offsets[B];
  }
  if (contraction.body == TapBody::Product && !contraction.isOrdered) {
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

/// Batches become lines of pixels, where one region is all and the same weights serve them.
void Calls::collapseOuter() {
  while (!outer.empty()) {
    Axis &last = outer.back();
    if (last.count > 1) {
      if (regions.size() != 1 || last.strides[B] != 0)
        return;
      for (auto [i, leaf] : llvm::enumerate(contraction.epilogue->leaves()))
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

/// Bytes of the input that some output pixel reads: narrow windows step over the rest.
int64_t Calls::bytesRead() const {
  int64_t elements = operands.typeOf(A).getNumElements();
  std::array<int64_t, 2> taps{contraction.tapsH, contraction.tapsW};
  if (auto conv = dyn_cast<nn::Conv2DOp>(contraction.root))
    for (auto [step, read] : llvm::zip(conv.getStrides(), taps))
      elements = elements / step * std::min(step, read);
  return elements * (contraction.element.getIntOrFloatBitWidth() / 8);
}

int64_t Calls::bytesOfPanel() const {
  return operands.panel * contraction.depth * contraction.tapsH * contraction.tapsW *
         (contraction.element.getIntOrFloatBitWidth() / 8);
}

int64_t Calls::bytesOfResults() const {
  int64_t bits = contraction.epilogue->storedElement().getIntOrFloatBitWidth();
  for (const Leaf &leaf : contraction.epilogue->leaves())
    bits += leaf.variesByPixel ? leaf.memoryElement().getIntOrFloatBitWidth() : 0;
  return operands.panel * bits / 8;
}

/// Where neither the input nor the weights fit the L2 cache, either passes by again and again: the input for every
/// panel, or the weights for every block. True where the weights, in blocks of `most` bytes of input, are less than
/// half of that: a CPU may have more cache than its level says, where the input stays and large weights do not.
/// MiniLM's products of 1536 values of k take 6 % less time by panels with 2 MB of cache.
///
/// isWhole  no stride steps over pixels. Else less than a fifth: a CPU guesses that these are read, too, and fetches
///          them beside weights. ResNet-50's layers with strides to 1024 and 2048 channels take a sixth less time by
///          panels.
bool Calls::prefersBlocks(int64_t bytes, int64_t most, bool isWhole) const {
  int64_t panels = llvm::divideCeil(contraction.outputs, operands.panel), blocks = llvm::divideCeil(bytes, most);
  int64_t weights = contraction.outputs * bytesOfPanel() / operands.panel;
  return weights <= most || (isWhole ? 2 : 5) * (blocks - 1) * weights < (panels - 1) * bytes;
}

/// Cuts the regions into calls, and those into blocks where the input of one image does not fit the L2 cache beside
/// what else passes by with a panel, but for very large weights. A block takes half of it.
void Calls::cutForCache() {
  int64_t pixels = 0, images = 1;
  for (const Region &region : regions)
    pixels += region.lines.count * region.pixels.count;
  for (const Axis &axis : outer)
    images *= axis.count;
  int64_t bytes = bytesRead() / contraction.groups / std::max<int64_t>(images, 1);
  int64_t half = machine.getL2Bytes() / 2;
  // Pixels that a stride steps over leave sets of the cache empty.
  bool isWhole = bytes * contraction.groups * images >=
                 operands.typeOf(A).getNumElements() * (contraction.element.getIntOrFloatBitWidth() / 8);
  bool fits = bytes <= half || (isWhole && bytes + bytesOfPanel() + pixels * bytesOfResults() <= machine.getL2Bytes());
  blocks = contraction.outputs > operands.panel && !fits && prefersBlocks(bytes, half, isWhole);
  // Output pixels whose input stays in the cache while panels pass by.
  int64_t budget = blocks ? std::max<int64_t>(half / std::max<int64_t>(bytes / pixels, 1), 1) : 0;
  int64_t leastTiles = 4;
  if (contraction.tuning && contraction.tuning->block) {
    budget = *contraction.tuning->block;
    blocks = budget && contraction.outputs > operands.panel;
  }
  if (int64_t shareable = shareableCall(); shareable && (!budget || shareable < budget)) {
    budget = shareable;
    leastTiles = 1;
  }
  cutRegions(contraction.tileRows(machine, operands.vectorsOf(operands.panel)), budget, leastTiles);
  prefetchNextPanel();
}

/// Lines of planes whose pixels share columns (TileShape::columnTaps).
bool Calls::sharesColumns(const Region &region) const {
  return contraction.readsPlanes && contraction.element.isF32() && !blockOfSums() && region.depth >= 1 &&
         region.depth <= kMostColumnTaps && region.pixels.strides[A] >= 1 &&
         region.pixels.strides[A] <= kMostColumnStep;
}

/// Makes one line of all where that takes a tenth fewer tiles: a stride steps over lines of A, pixels at borders lie
/// between those that have all taps, and short lines leave tiles that are not full.
void Calls::joinLines(Region &region, int64_t tileRows) const {
  auto tilesOf = [&](int64_t pixels) { return static_cast<int64_t>(llvm::divideCeil(pixels, tileRows)); };
  int64_t lines = region.lines.count, width = region.pixels.count;
  TileShape shape;
  shape.body = contraction.body;
  shape.byLane = contraction.isByLane(machine);
  shape.rows = tileRows;
  bool isPlain = shape.body == TapBody::Product && shape.isUnrolled() && operands.isPadded && !contraction.widened &&
                 !contraction.isOrdered && !contraction.readsPlanes;
  if (!isPlain || lines == 1 || width < tileRows || 10 * tilesOf(lines * width) > 9 * lines * tilesOf(width))
    return;
  // Of windows and of borders, tiles that go on are code of their own: a tenth of so many multiply-adds is worth it.
  constexpr int64_t leastWork = 1 << 23;
  auto isApart = [&](auto indexed) {
    auto [i, operand] = indexed;
    bool isOfPixels = i == C || (i >= FirstLeaf && operand.memory);
    return isOfPixels && region.lines.strides[i] != width * region.pixels.strides[i];
  };
  int64_t taps = region.taps0 * region.taps1, work = lines * width * taps * region.depth * contraction.outputs;
  if (work < leastWork && (taps > 1 || llvm::any_of(llvm::enumerate(operands.streams), isApart)))
    return;
  region.lineWidth = width;
  for (auto [ofLine, ofPixel] : llvm::zip(region.lines.strides, region.pixels.strides))
    region.lineGaps.push_back(ofLine - width * ofPixel);
  region.lines.count = 1;
  region.pixels.count *= lines;
}

/// The most rows of a tile along an axis, of `tileRows`. Rows of A that lie multiples of 4096 bytes apart meet in one
/// set of an L1 cache of 8 ways (12 since Ice Lake, of 48 KB): of 14, none would stay there until its next value is
/// read.
int64_t Calls::rowsAlong(const Axis &axis, int64_t tileRows) const {
  constexpr int64_t bytesOfWay = 4096, ways = 8;
  int64_t step = axis.strides[A] * (contraction.element.getIntOrFloatBitWidth() / 8);
  bool meet = contraction.body == TapBody::Product && step != 0 && step % bytesOfWay == 0;
  return meet && !(contraction.tuning && contraction.tuning->rows) ? std::min(tileRows, ways) : tileRows;
}

/// Cuts the regions into calls. `budget` is how many output pixels a call may cover, 0 for all.
/// `leastTiles` of one line it may always cover, even where that is more than the budget, and twice as many pixels of
/// what is left behind the first tiles.
void Calls::cutRegions(int64_t tileRows, int64_t budget, int64_t leastTiles) {
  for (Region &region : regions) {
    joinLines(region, rowsAlong(region.pixels, tileRows));
    auto tiles = [&](const Axis &lines, const Axis &pixels) {
      return lines.count * static_cast<int64_t>(llvm::divideCeil(pixels.count, rowsAlong(pixels, tileRows)));
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
    // Where nothing is multiplied by lane, few pixels at the sides of an image run in the tiles that all others have.
    const bool ofPlanes =
        sharesColumns(region) && (contraction.isOfLanes(machine) || 2 * region.pixels.count > tileRows);
    if (!ofPlanes && tiles(region.pixels, region.lines) < tiles(region.lines, region.pixels))
      std::swap(region.lines, region.pixels);
    bool found = false;
    for (int axis = 0; axis < 2 && !found && !ofPlanes; ++axis) {
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
    // Few pixels at the sides of planes lack columns: not worth the code of a large tile that runs of any length need.
    const bool isSide = contraction.readsPlanes && contraction.isOfLanes(machine) && !ofPlanes;
    for (RowCut cut : cutRows(region.pixels.count, isSide ? 1 : rowsAlong(region.pixels, tileRows))) {
      if (ofPlanes) {
        int64_t step = region.pixels.strides[A];
        // Lanes are those of vectors of columns.
        bool isShort = contraction.isOfLanes(machine) && (cut.rows - 1) * step + region.depth < operands.lanes;
        columnTaps = isShort ? 0 : region.depth;
        columnStep = isShort ? 0 : step;
      }
      // Blocks of lines, or of tiles where there is one line.
      int64_t ofLine = cut.rows * cut.tiles, lineStep = region.lines.count, tileStep = cut.tiles;
      if (budget && region.lines.count > 1)
        lineStep = evenStep(region.lines.count, budget / std::max<int64_t>(region.pixels.count, 1));
      // What is left behind the first tiles is little: one more call is not worth its code and its row of a table.
      else if (budget && ofLine > (pixel ? 2 * budget : budget))
        tileStep = (blocks ? evenStep : equalStep)(cut.tiles, std::max(budget / cut.rows, leastTiles));
      for (int64_t line = 0; line < region.lines.count; line += lineStep)
        for (int64_t tile = 0; tile < cut.tiles; tile += tileStep)
          addCall(region, {cut.rows, columnTaps, columnStep, std::nullopt, region.lineWidth > 0}, line,
                  std::min(lineStep, region.lines.count - line), pixel + tile * cut.rows,
                  std::min(tileStep, cut.tiles - tile));
      pixel += ofLine;
    }
  }
}

/// A call of nothing yet, with the epilogue's scalars.
CallEntry Calls::newEntry() const {
  CallEntry entry;
  entry.fields.assign(CallEntry::firstScalar(*contraction.epilogue), 0);
  for (const EpilogueConstant &scalar : contraction.epilogue->scalars())
    entry.fields.push_back(static_cast<int32_t>(scalar.bits));
  entry.offsets.assign(operands.streams.size(), 0);
  return entry;
}

void Calls::addCall(const Region &region, const Variant &variant, int64_t line, int64_t lines, int64_t pixel,
                    int64_t tiles) {
  CallEntry entry = newEntry();
  auto &f = entry.fields;
  auto offset = [&](unsigned stream) {
    int64_t gaps = region.lineWidth ? pixel / region.lineWidth * region.lineGaps[stream] : 0;
    return region.offsets[stream] + line * region.lines.strides[stream] + pixel * region.pixels.strides[stream] + gaps;
  };
  entry.offsets[A] = offset(A);
  entry.offsets[B] = operands.isPadded ? region.offsets[B] : 0;
  entry.offsets[C] = offset(C);
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
  f[CallEntry::RowB] = operands.unpackedRow;
  f[CallEntry::Divisor] = operands.bytes ? region.sums : region.divisor;
  if (int64_t width = region.lineWidth) {
    f[CallEntry::LineWidth] = width;
    f[CallEntry::LineGap] = region.lineGaps[A];
    f[CallEntry::LineGapC] = region.lineGaps[C];
    f[CallEntry::FirstColumn] = pixel % width;
  }
  for (unsigned i = 0; i < contraction.epilogue->leaves().size(); ++i) {
    const unsigned stream = FirstLeaf + i;
    entry.offsets[stream] = offset(stream);
    f[CallEntry::leafField(i, 1)] = region.lineWidth ? region.lineGaps[stream] : region.lines.strides[stream];
    f[CallEntry::leafField(i, 2)] = region.pixels.strides[FirstLeaf + i];
  }
  calls[variant].push_back(entry);
}

/// The calls of a sweep: one for each run of equal blocks of output rows.
void Calls::cutSweep(const SlidingWindow &window) {
  for (const SlidingWindow::Blocks &blocks :
       window.cut(machine, contraction.mac(machine, operands.lanes), operands.vectorsOf(operands.panel))) {
    const SlidingTile &tile = blocks.tile;
    int64_t steps = window.steadyColumns();
    CallEntry entry = newEntry();
    auto &f = entry.fields;
    entry.offsets[A] = blocks.firstIn * operands[A].h;
    entry.offsets[C] = blocks.firstOut * operands[C].h;
    if (const auto &bytes = operands.bytes) {
      NNCC_ASSERT(bytes->sums.empty() || bytes->sums == contraction.tapSets(), "weights are packed for no sweep");
      entry.offsets[B] = bytes->sumBytes();
      f[CallEntry::Sums] = -bytes->sumBytes();
    }
    f[CallEntry::Lines] = blocks.count;
    f[CallEntry::LineA] = tile.rows * tile.strideH * operands[A].h;
    f[CallEntry::LineC] = tile.rows * operands[C].h;
    f[CallEntry::RowA] = operands[A].w;
    f[CallEntry::RowC] = operands[C].w;
    f[CallEntry::InputRow] = operands[A].h;
    f[CallEntry::OutputRow] = operands[C].h;
    for (unsigned i = 0; i < contraction.epilogue->leaves().size(); ++i) {
      const Operand &leaf = operands[FirstLeaf + i];
      entry.offsets[FirstLeaf + i] = blocks.firstOut * leaf.h;
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
      part.offsets[A] += block * f[CallEntry::LineA];
      part.offsets[C] += block * f[CallEntry::LineC];
      for (unsigned i = 0; i < contraction.epilogue->leaves().size(); ++i)
        part.offsets[FirstLeaf + i] += block * f[CallEntry::leafField(i, 1)];
      calls[{tile.rows, 0, 0, tile}].push_back(part);
    }
  }
}

/// Spreads the fetching of a panel of weights over the tiles that run on the one before it: else the first of them
/// waits for memory at every step. Where a panel serves many tiles that is little time, and nothing is fetched.
void Calls::prefetchNextPanel() {
  if (!shapeOf(calls.begin()->first, operands.panel).prefetches())
    return;
  // A trip of four steps of k reads as many lines of B: no more are worth fetching in one.
  constexpr int64_t manyTiles = 64, mostLines = 4;
  int64_t panelElements = operands[B].panel;
  int64_t lineElements = kLineBytes * 8 / operands[B].element.getIntOrFloatBitWidth();
  int64_t bitsOfB = operands.typeOf(B).getElementTypeBitWidth(); // bytes, where it is packed
  auto tripsOf = [&](const Variant &variant, const CallEntry &entry) {
    auto &f = entry.fields;
    if (variant.columnTaps)
      return int64_t{0}; // they fetch nothing
    return f[CallEntry::Lines] * f[CallEntry::Tiles] * f[CallEntry::Taps0] * f[CallEntry::Taps1] *
           (f[CallEntry::Depth] / shapeOf(variant, operands.panel).tripDepth());
  };
  int64_t all = 0, tiles = 0;
  for (auto &[variant, entries] : calls)
    for (CallEntry &entry : entries) {
      all += tripsOf(variant, entry);
      tiles += entry.fields[CallEntry::Lines] * entry.fields[CallEntry::Tiles];
    }
  // Small weights are soon there: layers of different sizes share code.
  if (all && !blocks && operands.typeOf(B).getNumElements() * bitsOfB / 8 > machine.getL2Bytes() / 2)
    linesAhead = std::clamp<int64_t>(llvm::divideCeil(panelElements / lineElements, all), 1, mostLines);
  int64_t at = panelElements;
  for (auto &[variant, entries] : calls)
    for (CallEntry &entry : entries) {
      auto &f = entry.fields;
      int64_t own = tripsOf(variant, entry), trips = blocks ? own : all;
      if (trips == 0 || (blocks ? f[CallEntry::Lines] * f[CallEntry::Tiles] : tiles) > manyTiles)
        continue;
      entry.offsets[NextOfB] = blocks ? panelElements : at;
      f[CallEntry::AheadStep] = std::min<int64_t>(llvm::divideCeil(panelElements, trips), linesAhead * lineElements);
      at += own * f[CallEntry::AheadStep];
    }
}

/// The most output pixels that a call may cover so that the calls of a kernel can be shared out among threads; 0 for
/// all where there is enough to share out without that. Very short calls would not be worth their table entries.
int64_t Calls::shareableCall() const {
  constexpr int64_t units = 16, leastOfUnit = 1 << 16, leastOfCall = 1 << 14; // multiply-adds
  int64_t channels = contraction.outputs * contraction.groups, images = 1;
  for (const Axis &axis : outer)
    images *= axis.count;
  int64_t panels = contraction.groups * llvm::divideCeil(contraction.outputs, operands.panel);
  int64_t pixels = elementsOfOutput() / std::max<int64_t>(channels, 1);
  int64_t ofPixel =
      std::min(operands.panel, contraction.outputs) * contraction.depth * contraction.tapsH * contraction.tapsW;
  int64_t sharedPanels = sharesPixels() ? 1 : panels, together = panels / sharedPanels;
  if (!isShared || sharedPanels * images >= units || panels * pixels * ofPixel < 4 * leastOfUnit)
    return 0;
  return std::max({static_cast<int64_t>(llvm::divideCeil(sharedPanels * pixels, units)),
                   static_cast<int64_t>(llvm::divideCeil(leastOfUnit, ofPixel * together)),
                   static_cast<int64_t>(llvm::divideCeil(leastOfCall, ofPixel))});
}

bool Calls::sharesPixels() const {
  if (contraction.body != TapBody::Product)
    return true;
  int64_t weights =
      contraction.groups * contraction.outputs * contraction.depth * contraction.tapsH * contraction.tapsW;
  return weights < operands.typeOf(A).getNumElements() + elementsOfOutput();
}

/// The size of the blocks of long sums (TileShape::block); 0 where sums are short, or no sums of floats.
int64_t Calls::blockOfSums() const {
  int64_t taps = contraction.tapsH * contraction.tapsW;
  if (!isa<FloatType>(contraction.element) || contraction.body == TapBody::Maximum)
    return 0;
  // The totals of a product are many registers, which are spilled around each block: 5 % with 128 steps of k (AVX2,
  // 64x16384x64), half of that with 256, and only where there are very many.
  if (contraction.isOfHalves(machine))
    return contraction.body == TapBody::Product && contraction.depth * taps > kMostHalves ? kMostHalves : 0;
  if (contraction.body == TapBody::Product)
    return contraction.depth * taps > 8192 ? 256 : 0;
  if (contraction.sliding || taps <= kLongestPlainSum)
    return 0;
  return std::max<int64_t>(kSumBlock / std::max(contraction.tapsH, contraction.tapsW), 1);
}

int64_t Calls::rowsOfPanel() const {
  return contraction.tapsH * contraction.tapsW *
         static_cast<int64_t>(llvm::alignTo(contraction.depth, operands.bytes->group));
}

bool Calls::widensPanel() const {
  // Widened words are stored, and read again: from the L1 cache, of whose smallest they are half.
  constexpr int64_t mostBytes = 16 << 10, leastTiles = 4;
  TileShape shape;
  shape.mac = contraction.mac(machine, operands.lanes);
  shape.byLane = contraction.isByLane(machine);
  if (contraction.body != TapBody::Product || !operands.bytes || !shape.isStaged() ||
      2 * rowsOfPanel() * operands.panel > mostBytes)
    return false;
  int64_t tiles = 0, count = 0;
  for (const auto &[variant, entries] : calls)
    for (const CallEntry &entry : entries) {
      tiles += entry.fields[CallEntry::Lines] * entry.fields[CallEntry::Tiles];
      ++count;
    }
  return tiles >= leastTiles * (areOutsideOfPanels() ? count : 1);
}

TileShape Calls::shapeOf(const Variant &variant, int64_t channels) const {
  TileShape shape;
  shape.body = contraction.body;
  shape.mac = contraction.mac(machine, operands.lanes);
  shape.rest = shape.mac.isOrdered ? 0 : contraction.depth % shape.mac.group();
  shape.lanes = operands.lanes;
  shape.rows = variant.rows;
  shape.columnTaps = variant.columnTaps;
  shape.columnStep = variant.columnStep;
  shape.sliding = variant.sliding;
  shape.goesOnInLines = variant.goesOnInLines;
  shape.vectors = operands.vectorsOf(channels);
  shape.tail = channels - (shape.vectors - 1) * operands.lanes;
  shape.byLane = contraction.isByLane(machine);
  // Sums of widened weights run in parts of k anyway.
  shape.block = contraction.widened && contraction.body == TapBody::Product ? 0 : blockOfSums();
  shape.widened = contraction.widened;
  // Loops around one run take a tenth of the instructions of short runs. On other CPUs, whose tiles take as long,
  // layers share their code.
  shape.isOneRun = contraction.body == TapBody::Product && !shape.widened && !shape.block &&
                   (contraction.isOfBytes() || shape.byLane) &&
                   llvm::all_of(regions, [](const Region &region) { return region.taps0 == 1 && region.taps1 == 1; });
  shape.hasBias = contraction.bias.has_value();
  shape.hasSums = operands.bytes && !operands.bytes->sums.empty();
  shape.hasZero = operands.hasZero();
  shape.isPadded = operands.isPadded;
  if (shape.isPadded && shape.isOfLanes())
    shape.loads = chooseLaneLoads(machine, shape.rows, shape.vectors, shape.mac.ofHalves);
  // The values of a line of a plane are no whole trips, behind which a piece of a run would be left.
  if (shape.columnTaps && shape.vectors % shape.loads.run != 0)
    shape.loads = {};
  if (shape.loads.run > 1)
    shape.runLoad = machine.getRunLoad();
  shape.isBiasPadded = operands.isBiasPadded;
  shape.widensPanel = widensPanel();
  shape.linesAhead = shape.columnTaps ? 1 : linesAhead;
  return shape;
}

int64_t Calls::workOf(const Variant &variant, ArrayRef<CallEntry> entries, int64_t vectors) const {
  int64_t work = 0;
  for (const CallEntry &entry : entries) {
    ArrayRef<int64_t> f = entry.fields;
    int64_t taps = f[CallEntry::Taps0] * f[CallEntry::Taps1] * f[CallEntry::Depth];
    int64_t pixels = f[CallEntry::Lines] * f[CallEntry::Tiles] * variant.rows;
    if (variant.sliding) {
      taps = contraction.tapsH * contraction.tapsW;
      pixels = f[CallEntry::Lines] * variant.rows * widthOfOutput();
    }
    work += pixels * (taps + 2 + contraction.epilogue->leaves().size());
  }
  int64_t bits = vectors * operands.lanes * contraction.element.getIntOrFloatBitWidth();
  return std::max<int64_t>(work / entries.size() * bits / 256, 1);
}
