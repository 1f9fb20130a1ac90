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
  // X: elements from the beginning of a line of the input. D: how far behind, in columns of the input or in taps. It
  // comes last, so that it is a constant beside one index.
  enum { N, OH, OW, O, IH, IW, W, K, X, D, Loops };

  /// Taps of one pixel of a tile that are left or right of the image for the same tiles. They are added up by
  /// themselves, from whatever is read, and count where they are inside: so no column is looked at line by line.
  struct Edge {
    int64_t pixel, kw;           ///< the tap of all of them that is found first
    std::vector<bool> isOutside; ///< by tile
  };
  void findEdges(int64_t pixels);
  int64_t sumOf(int64_t pixel, int64_t kw, int64_t pixels) const;
  std::vector<bool> tilesOutside(int64_t pixel, int64_t kw, int64_t pixels) const;
  bool hasWrittenTaps() const;
  /// Where the columns of the input that a tile reads begin in a line.
  struct ColumnPlaces {
    Value first;                      ///< of the tile, even where it is outside
    std::map<int64_t, Value> clamped; ///< of those that may be outside, by how far they are behind the first
  };
  ColumnPlaces placeColumns(ArrayRef<TileRow> pixels);

  int64_t pixelsOfTile() const;
  void makeNest();
  SmallVector<TileRow> pixelsOf(const Cursor &line, Value tile, int64_t rows);
  void writeTile(ArrayRef<TileRow> pixels, Value channel, const Channels &channels);
  Values addLine(ArrayRef<TileRow> pixels, const ColumnPlaces &places, Value kh, const Access &right, Value channel,
                 Value start, const Channels &channels, const Values &sums);
  Values addTaps(ArrayRef<TileRow> pixels, const ColumnPlaces &places, Value line, Value kh, const Access &right,
                 Value channel, Value start, const Channels &channels, const Values &sums);
  Value loadInput(Cursor at, Value channel, const Channels &channels);
  Value tapOrZero(const Cursor &pixel, Value line, Value kw, Value channel, const Channels &channels);
  std::map<int64_t, SmallVector<std::pair<int64_t, int64_t>>> tapsByColumn(int64_t pixels) const;
  bool isAlwaysInside(int64_t distance, int64_t pixels) const;
  bool fewMayBeOutside(int64_t pixels) const;
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
  int64_t columns = 0;                    ///< of the result, with those behind its lines that tiles go on to
  std::optional<SmallVector<Edge>> edges; ///< nothing: too many for the registers, columns are looked at
};

void DepthwiseTiles::makeNest() {
  ArrayRef<int64_t> shape = loops.typeOf(op->getResult(0)).getShape();
  nest.extents.assign(shape.begin(), shape.end());
  nest.extents.append(Loops - O - 1, 1);
  nest.isReduced.assign(Loops, false);
  nest.accesses.push_back(loops.input(op->getOperand(0), {N, IH, IW, O}, Loops));
  nest.accesses.back().strides[D] = nest.accesses.back().strides[IW];
  nest.accesses.back().strides[X] = 1;
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

/// Longer tiles load less for each product: as many pixels as leave registers for a line of weights and one of the
/// input, but no more than leave the fewest unused at the end of a line. At most twice as many as other tiles have
/// rows, so that there are threads enough.
int64_t DepthwiseTiles::pixelsOfTile() const {
  int64_t vectors = tile.registers * 3 / 4 / kGpuLanes; // the rest are indices
  int64_t width = nest.extents[OW], most = std::min(2 * tile.rows, vectors - window.w.kernel - 1);
  auto unused = [&](int64_t pixels) { return llvm::alignTo(width, pixels) - width; };
  int64_t best = std::min(tile.rows, width);
  for (int64_t pixels = best + 1; pixels <= std::min(most, width); ++pixels)
    if (unused(pixels) <= unused(best))
      best = pixels;
  return best;
}

void DepthwiseTiles::write() {
  makeNest();
  if (nest.isEmpty())
    return;
  // Tiles stay within a line, whose pixels share their taps.
  int64_t channels = nest.extents[O], width = nest.extents[OW], rows = pixelsOfTile();
  int64_t tiles = llvm::divideCeilSigned(width, rows);
  columns = tiles * rows;
  findEdges(rows);
  int64_t whole = channels / panels.panel * panels.panel;
  Cursor start;
  start.indices.resize(Loops);
  build.loops(nest, {N, OH}, start, [&](const Cursor &line) {
    build.parallelLoop(0, tiles, 1, [&](Value number) {
      auto along = [&](int64_t begin, int64_t end, const Channels &some) {
        build.parallelLoop(begin, end, some.stored,
                           [&](Value channel) { writeTile(pixelsOf(line, number, rows), channel, some); });
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

bool DepthwiseTiles::hasWrittenTaps() const {
  constexpr int64_t kLongestWritten = 7;
  return window.w.kernel <= kLongestWritten && !window.w.isTransposed;
}

/// The tiles for which a tap of a pixel that exists is outside of the image.
std::vector<bool> DepthwiseTiles::tilesOutside(int64_t pixel, int64_t kw, int64_t pixels) const {
  std::vector<bool> outside;
  for (int64_t column = pixel; column < columns; column += pixels) {
    int64_t position = column * window.w.stride + kw * window.w.dilation - window.w.pad;
    outside.push_back(column < nest.extents[OW] && (position < 0 || position >= window.w.input));
  }
  return outside;
}

void DepthwiseTiles::findEdges(int64_t pixels) {
  if (!hasWrittenTaps())
    return;
  SmallVector<Edge> found;
  for (int64_t pixel = 0; pixel < pixels; ++pixel)
    for (int64_t kw = 0; kw < window.w.kernel; ++kw) {
      std::vector<bool> outside = tilesOutside(pixel, kw, pixels);
      if (llvm::is_contained(outside, true) &&
          llvm::none_of(found, [&](const Edge &edge) { return edge.pixel == pixel && edge.isOutside == outside; }))
        found.push_back({pixel, kw, outside});
    }
  // With them, sums and what a line needs at once fill the registers.
  int64_t vectors = pixels + found.size() + window.w.kernel + 1;
  if (vectors * kGpuLanes <= tile.registers)
    edges = std::move(found);
}

DepthwiseTiles::ColumnPlaces DepthwiseTiles::placeColumns(ArrayRef<TileRow> pixels) {
  ColumnPlaces places;
  if (!edges)
    return places;
  int64_t pitch = nest.accesses[0].strides[IW];
  Value left = tapPosition(build, window.w, pixels.front().cursor.indices[OW], build.index(0)).first;
  places.first = build.mul(left, pitch);
  for (const auto &[distance, taps] : tapsByColumn(pixels.size())) {
    if (isAlwaysInside(distance, pixels.size()))
      continue;
    Value position = build.add(left, build.index(distance));
    Value isInside =
        arith::CmpIOp::create(b, build.loc, arith::CmpIPredicate::ult, position, build.index(window.w.input));
    places.clamped[distance] =
        build.mul(arith::SelectOp::create(b, build.loc, isInside, position, build.index(0)), pitch);
  }
  return places;
}

/// Pixels beside each other; those behind the end of the line do not exist.
SmallVector<TileRow> DepthwiseTiles::pixelsOf(const Cursor &line, Value tile, int64_t rows) {
  SmallVector<TileRow> pixels;
  int64_t width = nest.extents[OW];
  for (int64_t number = 0; number < rows; ++number) {
    TileRow &pixel = pixels.emplace_back(TileRow{line, nullptr});
    Value column = build.add(build.mul(tile, rows), build.index(number));
    pixel.cursor.indices[OW] = column;
    if (width % rows != 0 && number > 0)
      pixel.exists = arith::CmpIOp::create(b, build.loc, arith::CmpIPredicate::ult, column, build.index(width));
  }
  return pixels;
}

void DepthwiseTiles::writeTile(ArrayRef<TileRow> pixels, Value channel, const Channels &channels) {
  Value panel = build.index(panels.panel);
  Value start =
      build.add(build.mul(b.createOrFold<arith::DivUIOp>(build.loc, channel, panel), panels.panel * panels.depth),
                b.createOrFold<arith::RemUIOp>(build.loc, channel, panel));
  Access right = nest.accesses[1];
  right.strides[K] = right.strides[D] = channels.pitch;
  ColumnPlaces places = placeColumns(pixels);
  Values sums(pixels.size() + (edges ? edges->size() : 0), build.math.constant(element, 0.0, channels.lanes));
  sums = build.loop(build.index(0), build.index(window.h.kernel), 1, sums, [&](Value kh, ValueRange carried) {
    return addLine(pixels, places, kh, right, channel, start, channels, llvm::to_vector(carried));
  });
  if (edges)
    for (auto [edge, sum] : llvm::zip(*edges, ArrayRef(sums).drop_front(pixels.size()))) {
      Value isInside = tapPosition(build, window.w, pixels[edge.pixel].cursor.indices[OW], build.index(edge.kw)).second;
      Value counted = arith::SelectOp::create(b, build.loc, build.splat(isInside, channels.lanes), sum,
                                              build.math.constant(element, 0.0, channels.lanes));
      sums[edge.pixel] = build.math.binary(nn::BinaryKind::add, sums[edge.pixel], counted, element);
    }
  for (auto [pixel, sum] : llvm::zip(pixels, sums))
    guarded(build, pixel.exists, [&, &pixel = pixel, &sum = sum] { store(pixel.cursor, channel, channels, sum); });
}

/// The input of some channels at a pixel.
Value DepthwiseTiles::loadInput(Cursor at, Value channel, const Channels &channels) {
  at.indices[O] = channel;
  if (channels.stored == channels.lanes) {
    at.vectorLoop = O;
    at.lanes = channels.lanes;
    return build.load(nest.accesses[0], at);
  }
  // Behind the last channel there is nothing to be read.
  Values lanes(channels.lanes, build.math.constant(element, 0.0));
  for (int64_t lane = 0; lane < channels.stored; ++lane) {
    at.indices[O] = build.add(channel, build.index(lane));
    lanes[lane] = build.load(nest.accesses[0], at);
  }
  return vector::FromElementsOp::create(b, build.loc, VectorType::get({channels.lanes}, lanes[0].getType()), lanes);
}

/// The same at one tap of a pixel of the result, or 0 where that is left or right of the image.
Value DepthwiseTiles::tapOrZero(const Cursor &pixel, Value line, Value kw, Value channel, const Channels &channels) {
  TapPosition position = clampedTap(build, window.w, columns, pixel.indices[OW], kw);
  Cursor at = pixel;
  at.indices[IH] = line;
  at.indices[IW] = position.position;
  Value value = loadInput(at, channel, channels);
  if (!position.isInside)
    return value;
  return arith::SelectOp::create(b, build.loc, build.splat(position.isInside, channels.lanes), value,
                                 build.math.constant(element, 0.0, channels.lanes));
}

/// Adds the taps of one line of the window. Where there is no such line in the image, that is nothing.
Values DepthwiseTiles::addLine(ArrayRef<TileRow> pixels, const ColumnPlaces &places, Value kh, const Access &right,
                               Value channel, Value start, const Channels &channels, const Values &sums) {
  TapPosition line = tapAt(build, window.h, window.outputH, pixels.front().cursor.indices[OH], kh);
  auto add = [&] { return addTaps(pixels, places, line.position, kh, right, channel, start, channels, sums); };
  return line.isInside ? eitherWay(build, line.isInside, window.shareOfLines(), add, [&] { return sums; }) : add();
}

/// They are written out, column after column of the input: each is loaded once for all pixels that it belongs to, and
/// is not needed any more then. Long lines are a loop.
Values DepthwiseTiles::addTaps(ArrayRef<TileRow> pixels, const ColumnPlaces &places, Value line, Value kh,
                               const Access &right, Value channel, Value start, const Channels &channels,
                               const Values &sums) {
  const WindowDim &w = window.w;
  Value firstTap = build.mul(kh, w.kernel);
  auto weight = [&](Value tap, int64_t behind) {
    Cursor at = pixels.front().cursor;
    at.indices[W] = start;
    at.indices[K] = tap;
    at.indices[D] = build.index(behind);
    at.vectorLoop = W;
    at.lanes = channels.lanes;
    return build.load(right, at);
  };
  if (!hasWrittenTaps())
    return build.loop(build.index(0), build.index(w.kernel), 1, sums, [&](Value kw, ValueRange carried) {
      Values next;
      Value factor = weight(build.add(firstTap, kw), 0);
      for (auto [pixel, sum] : llvm::zip(pixels, carried))
        next.push_back(
            vector::FMAOp::create(b, build.loc, tapOrZero(pixel.cursor, line, kw, channel, channels), factor, sum));
      return next;
    });
  Cursor first = pixels.front().cursor;
  first.indices[IH] = line;
  if (edges) {
    Values next = sums, factors;
    for (int64_t kw = 0; kw < w.kernel; ++kw)
      factors.push_back(weight(firstTap, kw));
    for (const auto &[distance, taps] : tapsByColumn(pixels.size())) {
      Cursor at = first;
      auto clamped = places.clamped.find(distance);
      at.indices[X] = clamped == places.clamped.end() ? places.first : clamped->second;
      at.indices[D] = build.index(clamped == places.clamped.end() ? distance : 0);
      Value input = loadInput(at, channel, channels);
      for (auto [number, kw] : taps) {
        Value &sum = next[sumOf(number, kw, pixels.size())];
        sum = vector::FMAOp::create(b, build.loc, input, factors[kw], sum);
      }
    }
    return next;
  }
  first.indices[IW] = tapPosition(build, w, first.indices[OW], build.index(0)).first;
  // Where not all columns of a tile are inside, only those are looked at that may be outside of some tile.
  auto addWritten = [&](bool areInside) {
    Values next = sums, factors;
    for (int64_t kw = 0; kw < w.kernel; ++kw)
      factors.push_back(weight(firstTap, kw));
    for (const auto &[distance, taps] : tapsByColumn(pixels.size())) {
      Value input;
      if (areInside || isAlwaysInside(distance, pixels.size())) {
        Cursor at = first;
        at.indices[D] = build.index(distance);
        input = loadInput(at, channel, channels);
      } else {
        auto [number, kw] = taps.front();
        input = tapOrZero(pixels[number].cursor, line, build.index(kw), channel, channels);
      }
      for (auto [number, kw] : taps)
        next[number] = vector::FMAOp::create(b, build.loc, input, factors[kw], next[number]);
    }
    return next;
  };
  auto isInside = [&](const TileRow &pixel, int64_t kw) {
    return tapAt(build, w, columns, pixel.cursor.indices[OW], build.index(kw)).isInside;
  };
  Value areInside = both(build, isInside(pixels.front(), 0), isInside(pixels.back(), w.kernel - 1));
  double share = window.shareOfColumns(pixels.size());
  if (!areInside || share < kLeastShareInside || fewMayBeOutside(pixels.size()))
    return addWritten(!areInside);
  return eitherWay(build, areInside, share, [&] { return addWritten(true); }, [&] { return addWritten(false); });
}

/// The number of the sum that a tap of a pixel is added to: the pixel's own, or behind those that of its edge.
int64_t DepthwiseTiles::sumOf(int64_t pixel, int64_t kw, int64_t pixels) const {
  std::vector<bool> outside = tilesOutside(pixel, kw, pixels);
  const auto *edge =
      llvm::find_if(*edges, [&](const Edge &edge) { return edge.pixel == pixel && edge.isOutside == outside; });
  return edge == edges->end() ? pixel : pixels + (edge - edges->begin());
}

/// The pixels of a tile and their taps that read a column of the input, by how far it is behind the first.
std::map<int64_t, SmallVector<std::pair<int64_t, int64_t>>> DepthwiseTiles::tapsByColumn(int64_t pixels) const {
  std::map<int64_t, SmallVector<std::pair<int64_t, int64_t>>> taps;
  for (int64_t number = 0; number < pixels; ++number)
    for (int64_t kw = 0; kw < window.w.kernel; ++kw)
      taps[number * window.w.stride + kw * window.w.dilation].push_back({number, kw});
  return taps;
}

/// Whether most columns of the input are inside for all tiles, so that looking at the others costs little. Code for
/// tiles that are inside of the image would be as long again.
bool DepthwiseTiles::fewMayBeOutside(int64_t pixels) const {
  auto inputs = tapsByColumn(pixels);
  auto outside = llvm::count_if(inputs, [&](const auto &column) { return !isAlwaysInside(column.first, pixels); });
  return 4 * outside <= static_cast<int64_t>(inputs.size());
}

/// Whether a column of the input is inside for all tiles, by how far it is behind the first of its tile.
bool DepthwiseTiles::isAlwaysInside(int64_t distance, int64_t pixels) const {
  int64_t first = distance - window.w.pad, last = first + (columns - pixels) * window.w.stride;
  return first >= 0 && last < window.w.input;
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
