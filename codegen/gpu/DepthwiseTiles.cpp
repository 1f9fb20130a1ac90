// Depthwise convolutions: a thread has some pixels of a line, of four channels; see Tiles.h.
#include "codegen/cpu/Tiling.h"
#include "codegen/gpu/Tiles.h"
#include "dialects/nn/BinaryKind.h"
#include <map>

using namespace mlir;

namespace nncc {

using Values = SmallVector<Value>;

namespace {

/// Channels whose weights lie alike.
struct Channels {
  int64_t pitch;         ///< elements from one tap to the next
  int64_t lanes, stored; ///< of a vector: those that are computed, those that exist
};

class DepthwiseTiles {
public:
  DepthwiseTiles(KernelLoops &loops, Operation *op, const TileWindow &window, const cpu::PanelPacking &panels,
                 Value weights, TileSize tile)
      : loops(loops), build(loops.build), b(build.builder), op(op), window(window), panels(panels), weights(weights),
        tile(tile), element(loops.elementOf(op->getResult(0))) {}

  void write();

private:
  enum { N, OH, OW, O, IH, IW, W, K, Loops };

  void makeNest();
  void writeTile(ArrayRef<TileRow> pixels, Value channel, const Channels &channels);
  Values addLine(ArrayRef<TileRow> pixels, Value kh, const Access &right, Value channel, Value start,
                 const Channels &channels, Values sums);
  void store(const Cursor &pixel, Value channel, const Channels &channels, Value sum);

  KernelLoops &loops;
  LoopBuilder &build;
  OpBuilder &b;
  Operation *op;
  const TileWindow &window;
  const cpu::PanelPacking &panels;
  Value weights;
  TileSize tile;
  Type element;
  Nest nest; ///< accesses: input, filter, perhaps the bias, then what KernelLoops adds
  bool hasBias = false;
};

void DepthwiseTiles::makeNest() {
  ArrayRef<int64_t> shape = loops.typeOf(op->getResult(0)).getShape();
  nest.extents.assign(shape.begin(), shape.end());
  nest.extents.append(Loops - O - 1, 1);
  nest.isReduced.assign(Loops, false);
  nest.accesses.push_back(loops.input(op->getOperand(0), {N, IH, IW, O}, Loops));
  Access right = build.flatten(weights, element);
  right.strides.assign(Loops, 0);
  right.strides[W] = 1;
  nest.accesses.push_back(right);
  hasBias = op->getNumOperands() > 2;
  if (hasBias) {
    Access bias = build.flatten(loops.memory(op->getOperand(2)), element);
    bias.strides.assign(Loops, 0);
    bias.strides[O] = 1;
    nest.accesses.push_back(bias);
  }
  loops.addResult(nest, {N, OH, OW, O});
}

void DepthwiseTiles::write() {
  makeNest();
  if (nest.isEmpty())
    return;
  // Tiles stay within a line, whose pixels share their taps.
  int64_t channels = nest.extents[O], width = nest.extents[OW], rows = std::min(tile.rows, width);
  int64_t tiles = llvm::divideCeilSigned(width, rows), whole = channels / panels.panel * panels.panel;
  Cursor start;
  start.indices.resize(Loops);
  build.loops(nest, {N, OH}, start, [&](const Cursor &line) {
    build.parallelLoop(0, tiles, 1, [&](Value number) {
      auto along = [&](int64_t begin, int64_t end, const Channels &some) {
        build.parallelLoop(begin, end, some.stored, [&](Value channel) {
          writeTile(findRows(build, nest, {OW}, line, number, rows), channel, some);
        });
      };
      auto range = [&](int64_t begin, int64_t end, int64_t pitch) {
        int64_t last = end - (end - begin) % kGpuLanes;
        along(begin, last, {pitch, kGpuLanes, kGpuLanes});
        along(last, end, {pitch, kGpuLanes, end - last});
      };
      range(0, whole, panels.panel);
      range(whole, channels, cpu::panelWidth(channels, panels.panel, panels.lanes, channels / panels.panel));
    });
  });
}

void DepthwiseTiles::writeTile(ArrayRef<TileRow> pixels, Value channel, const Channels &channels) {
  Value panel = build.index(panels.panel);
  Value start =
      build.add(build.mul(b.createOrFold<arith::DivUIOp>(build.loc, channel, panel), panels.panel * panels.depth),
                b.createOrFold<arith::RemUIOp>(build.loc, channel, panel));
  Access right = nest.accesses[1];
  right.strides[K] = channels.pitch;
  Values sums(pixels.size(), build.math.constant(element, 0.0, channels.lanes));
  sums = build.loop(build.index(0), build.index(window.h.kernel), 1, sums, [&](Value kh, ValueRange carried) {
    return addLine(pixels, kh, right, channel, start, channels, llvm::to_vector(carried));
  });
  for (auto [pixel, sum] : llvm::zip(pixels, sums))
    guarded(build, pixel.exists, [&, &pixel = pixel, &sum = sum] { store(pixel.cursor, channel, channels, sum); });
}

/// Adds the taps of one line of the window. They are written out, so that a column of the input is loaded once for all
/// pixels that it belongs to; long lines are a loop.
Values DepthwiseTiles::addLine(ArrayRef<TileRow> pixels, Value kh, const Access &right, Value channel, Value start,
                               const Channels &channels, Values sums) {
  constexpr int64_t kLongestWritten = 7;
  const WindowDim &w = window.w;
  TapPosition line = clampedTap(build, window.h, window.outputH, pixels.front().cursor.indices[OH], kh);
  auto load = [&](const Access &access, Cursor cursor, int vectorLoop) {
    cursor.vectorLoop = vectorLoop;
    cursor.lanes = channels.lanes;
    return build.load(access, cursor);
  };
  auto column = [&](const Cursor &pixel, Value kw) {
    TapPosition position = clampedTap(build, w, window.outputW, pixel.indices[OW], kw);
    Cursor at = pixel;
    at.indices[IH] = line.position;
    at.indices[IW] = position.position;
    at.indices[O] = channel;
    Value value;
    if (channels.stored == channels.lanes) {
      value = load(nest.accesses[0], at, O);
    } else {
      // Behind the last channel there is nothing to be read.
      Values lanes(channels.lanes, build.math.constant(element, 0.0));
      for (int64_t lane = 0; lane < channels.stored; ++lane) {
        at.indices[O] = build.add(channel, build.index(lane));
        lanes[lane] = build.load(nest.accesses[0], at);
      }
      value =
          vector::FromElementsOp::create(b, build.loc, VectorType::get({channels.lanes}, lanes[0].getType()), lanes);
    }
    Value inside = both(build, line.isInside, position.isInside);
    return inside ? arith::SelectOp::create(b, build.loc, build.splat(inside, channels.lanes), value,
                                            build.math.constant(element, 0.0, channels.lanes))
                        .getResult()
                  : value;
  };
  auto tap = [&](Value kw) {
    Cursor at = pixels.front().cursor;
    at.indices[W] = start;
    at.indices[K] = build.add(build.mul(kh, w.kernel), kw);
    return load(right, at, W);
  };
  if (w.kernel > kLongestWritten || w.isTransposed)
    return build.loop(build.index(0), build.index(w.kernel), 1, sums, [&](Value kw, ValueRange carried) {
      Values next;
      Value weight = tap(kw);
      for (auto [pixel, sum] : llvm::zip(pixels, carried))
        next.push_back(vector::FMAOp::create(b, build.loc, column(pixel.cursor, kw), weight, sum));
      return next;
    });
  // Input columns by their distance from the first tap of the first pixel. Pixels stand beside each other, but those
  // that do not exist.
  bool isInLine = llvm::none_of(pixels, [](const TileRow &pixel) { return pixel.exists; });
  std::map<std::pair<int64_t, int64_t>, Value> columns;
  for (int64_t kw = 0; kw < w.kernel; ++kw) {
    Value weight = tap(build.index(kw));
    for (auto [number, pixel] : llvm::enumerate(pixels)) {
      std::pair<int64_t, int64_t> key = isInLine ? std::pair<int64_t, int64_t>{0, number * w.stride + kw * w.dilation}
                                                 : std::pair<int64_t, int64_t>{number, kw};
      Value &known = columns[key];
      if (!known)
        known = column(pixel.cursor, build.index(kw));
      sums[number] = vector::FMAOp::create(b, build.loc, known, weight, sums[number]);
    }
  }
  return sums;
}

void DepthwiseTiles::store(const Cursor &pixel, Value channel, const Channels &channels, Value sum) {
  int64_t lanes = channels.stored == channels.lanes ? channels.lanes : 1;
  for (int64_t lane = 0; lane < channels.stored; lane += lanes) {
    Cursor at = pixel;
    at.indices[O] = build.add(channel, build.index(lane));
    at.vectorLoop = O;
    at.lanes = lanes;
    Value value = lanes == channels.lanes ? sum : build.lanes(sum, lane, 1);
    if (hasBias)
      value = build.math.binary(nn::BinaryKind::add, value, build.load(nest.accesses[2], at), element);
    loops.finish(nest, at, value);
  }
}
} // namespace

void writeDepthwise(KernelLoops &loops, Operation *op, const TileWindow &window, const cpu::PanelPacking &panels,
                    Value weights, TileSize tile) {
  DepthwiseTiles(loops, op, window, panels, weights, tile).write();
}

} // namespace nncc
