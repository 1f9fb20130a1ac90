// Products and convolutions that sum up channels, as register tiles; see Tiles.h.
#include "codegen/cpu/Tiling.h"
#include "codegen/gpu/Tiles.h"
#include "dialects/nn/BinaryKind.h"
#include <map>

using namespace mlir;

namespace nncc {

using Values = SmallVector<Value>;

namespace {

/// Columns of the result whose weights lie alike.
struct ColumnRange {
  int64_t begin, end;
  int64_t pitch; ///< elements from one step of k to the next
};

/// The columns of one tile.
struct Columns {
  int64_t pitch; ///< as of their range
  int64_t vectors, lanes;
  int64_t stored; ///< lanes of a vector that exist

  int64_t splat() const { return lanes > 1 ? lanes : 0; }
};

class ProductTiles {
public:
  ProductTiles(KernelLoops &loops, const Weights &weights, TileSize tile)
      : loops(loops), build(loops.build), b(build.builder), weights(weights), tile(tile) {}

  LogicalResult product(nn::MatMulOp op);
  LogicalResult convolution(Operation *op, int64_t groups, const TileWindow &window, int64_t biasPitch);

private:
  //===-- The nest ------------------------------------------------------===//
  // Loops over rows come first: the batch and the lines and pixels of an image, or the batches and rows of a matrix.
  // Then those that every contraction has, which Nest::simplify keeps.

  // R is the number of a tile's first row, and D how far behind it another one is: where all that is read and written
  // row by row lies so, as most results do, they stand for the row loops. D comes last, to be a constant beside one
  // index.

  enum Kept { G, O, IH, IW, W, K, C, I, R, D, NumKept };
  int at(Kept loop) const { return nest.extents.size() - NumKept + loop; }

  /// strides  of the row loops, then those of the kept loops that move the access
  Access strided(Value memory, Type element, ArrayRef<int64_t> rows,
                 std::initializer_list<std::pair<Kept, int64_t>> strides) {
    Access access = build.flatten(memory, element);
    access.strides.assign(nest.extents.size(), 0);
    llvm::copy(rows, access.strides.begin());
    for (auto [loop, stride] : strides)
      access.strides[at(loop)] = stride;
    return access;
  }

  static SmallVector<int64_t> stridesOf(Value memory) {
    SmallVector<int64_t> strides;
    int64_t offset;
    (void)cast<MemRefType>(memory.getType()).getStridesAndOffset(strides, offset);
    return strides;
  }

  /// The memory of an image, and its strides along lines, pixels and channels: where the kernel has it channel by
  /// channel, too, that.
  std::pair<Value, SmallVector<int64_t>> imageOf(Value input) {
    auto planes = loops.kernel->getAttrOfType<IntegerAttr>(nn::kPlanesAttr);
    if (!planes) {
      Value memory = loops.memory(input);
      return {memory, stridesOf(memory)};
    }
    Value memory = loops.kernel.getInputs()[planes.getInt()];
    SmallVector<int64_t> strides = stridesOf(memory);
    return {memory, {strides[0], strides[2], strides[3], strides[1]}};
  }

  void makeNest(ArrayRef<int64_t> rowExtents, int64_t groups, int64_t columns) {
    rowLoops = rowExtents.size();
    nest.extents.assign(rowExtents.begin(), rowExtents.end());
    nest.extents.append({groups, columns});
    nest.extents.append(NumKept - 2, 1);
    nest.isReduced.assign(nest.extents.size(), false);
  }

  /// The weights: element (k, o) of a group lies at W + k * pitch, where W is where column o begins.
  void addWeights(ArrayRef<int64_t> rowStrides, int64_t groupPitch) {
    nest.accesses.push_back(
        strided(weights.memory, element, rowStrides, {{G, groupPitch}, {W, 1}, {K, 0}, {C, 0}, {I, 0}}));
  }

  //===-- Tiles ---------------------------------------------------------===//

  SmallVector<ColumnRange> columnRanges() const;
  void countRows();
  Value numberOf(const Cursor &row);
  void write();
  void writeTile(ArrayRef<TileRow> rows, Value column, const Columns &columns);
  Value columnStart(Value column);

  /// One tap of the rows of a tile.
  struct Taps {
    SmallVector<Cursor> pixels;
    Values inside; ///< null: it always is

    /// Null: all of them always are.
    Value areInside(LoopBuilder &build) const {
      Value all;
      for (Value one : inside)
        all = both(build, all, one);
      return all;
    }
  };
  /// A line of an image, or one for each of its channels.
  struct LineOfImage {
    int64_t planes; ///< that lie apart
    int64_t pixel;  ///< numbers from one pixel to the next
    int64_t taps;   ///< numbers side by side that the taps of one pixel read
  };
  LineOfImage lineOfImage() const;
  bool arePlanes() const;
  bool joinsTaps() const;
  bool readsLines(int64_t rows) const;
  Values walkLines(ArrayRef<TileRow> rows, ArrayRef<Value> starts, const Access &right, const Columns &columns,
                   Values sums);
  Values addLine(ArrayRef<TileRow> rows, Value line, ArrayRef<Value> starts, const Access &right, Value firstK,
                 const Columns &columns, Values sums);
  /// Four numbers of a line of an image.
  struct Piece {
    Value numbers, isInside; ///< null: it always is inside of the image
  };
  Piece loadPiece(const TileRow &row, Value line, int64_t plane, int64_t offset, int64_t rows);
  Taps tapsAt(ArrayRef<TileRow> rows, ArrayRef<TapPosition> lines, Value kw);
  Values walkTaps(ArrayRef<TileRow> rows, ArrayRef<Value> starts, const Access &right, const Columns &columns,
                  Values sums);
  Values walkLine(ArrayRef<TileRow> rows, ArrayRef<TapPosition> lines, Value kh, ArrayRef<Value> starts,
                  const Access &right, const Columns &columns, Values sums, double shareInside);
  bool masksSums(int64_t rows, const Columns &columns) const;
  Values keepOutside(ArrayRef<Value> inside, const Columns &columns, const Values &before, Values after);
  Values loadPanel(const Cursor &row, ArrayRef<Value> starts, const Access &right, Value firstK, Value channel,
                   int64_t behind, const Columns &columns);
  void addProducts(Value factor, ArrayRef<Value> panel, const Columns &columns, MutableArrayRef<Value> sums);
  Values addDepth(ArrayRef<Cursor> rows, ArrayRef<Value> inside, ArrayRef<Value> starts, const Access &right,
                  Value firstK, int64_t depth, const Columns &columns, Values sums);

  void store(const Cursor &row, Value column, const Columns &columns, Value sum);

  Value multiplyAdd(Value a, Value c, Value sum) {
    if (isa<VectorType>(sum.getType()))
      return vector::FMAOp::create(b, build.loc, a, c, sum);
    return math::FmaOp::create(b, build.loc, a, c, sum);
  }

  KernelLoops &loops;
  LoopBuilder &build;
  OpBuilder &b;
  const Weights &weights;
  TileSize tile;
  Type element;
  Nest nest; ///< accesses: left, right, perhaps the bias, then what KernelLoops adds
  size_t rowLoops = 0;
  SmallVector<int> tileLoops; ///< those of the row loops that tiles go along
  bool hasBias = false;
  int64_t columns = 0, depth = 0;
  int64_t rowPitch = 1; ///< of weights that are not packed
  std::optional<TileWindow> window;
};

LogicalResult ProductTiles::product(nn::MatMulOp op) {
  element = loops.elementOf(op.getOutput());
  ArrayRef<int64_t> shape = loops.typeOf(op.getOutput()).getShape(), right = loops.typeOf(op.getRhs()).getShape();
  size_t rank = shape.size();
  depth = loops.typeOf(op.getLhs()).getShape().back();
  columns = shape.back();
  makeNest(shape.drop_back(), 1, columns);

  Value lhs = loops.memory(op.getLhs());
  Access left = build.access(lhs, element, sameLoops(rank - 1), nest.extents.size());
  left.strides[at(C)] = stridesOf(lhs).back();
  nest.accesses.push_back(left);
  // Batches of the right operand that are broadcast do not move it.
  SmallVector<int64_t> batchStrides(rank - 1, 0);
  if (weights.panels) {
    int64_t pitch = weights.panels->batchSize();
    for (size_t dim = rank - 2; dim-- > 0; pitch *= right[dim])
      batchStrides[dim] = right[dim] == 1 ? 0 : pitch;
  } else {
    SmallVector<int64_t> strides = stridesOf(weights.memory);
    if (columns == 1 || op.getTransposeB() || strides.back() != 1)
      return failure(); // its columns are contiguous, or there is one: dot products
    for (size_t dim = 0; dim < rank - 2; ++dim)
      batchStrides[dim] = right[dim] == 1 ? 0 : strides[dim];
    rowPitch = strides[rank - 2];
  }
  addWeights(batchStrides, 0);
  hasBias = op.getBias() != nullptr;
  if (hasBias)
    nest.accesses.push_back(strided(loops.memory(op.getBias()), element, {}, {{O, 1}}));
  SmallVector<int> result = sameLoops(rank - 1);
  result.push_back(at(O));
  loops.addResult(nest, result);
  if (nest.isEmpty())
    return success();
  nest.simplify(NumKept);
  rowLoops = nest.extents.size() - NumKept;
  write();
  return success();
}

LogicalResult ProductTiles::convolution(Operation *op, int64_t groups, const TileWindow &taps, int64_t biasPitch) {
  Value input = op->getOperand(0), filter = op->getOperand(1),
        bias = op->getNumOperands() > 2 ? op->getOperand(2) : Value();
  element = loops.elementOf(op->getResult(0));
  ArrayRef<int64_t> shape = loops.typeOf(op->getResult(0)).getShape();
  depth = loops.typeOf(filter).getDimSize(3);
  columns = shape[3] / groups;
  makeNest(shape.drop_back(), groups, columns);

  auto [memory, xs] = imageOf(input);
  // A window of one pixel that never leaves the input is a product: its rows may be joined.
  bool isPixel = taps.h.kernel * taps.w.kernel == 1 && !taps.leavesInput();
  SmallVector<int64_t> rowStrides{xs[0]};
  if (isPixel)
    rowStrides.append({xs[1] * taps.h.stride, xs[2] * taps.w.stride});
  nest.accesses.push_back(
      strided(memory, element, rowStrides, {{IH, xs[1]}, {IW, xs[2]}, {G, xs[3] * depth}, {C, xs[3]}}));
  addWeights({}, weights.panels->batchSize());
  hasBias = bias != nullptr;
  if (hasBias)
    nest.accesses.push_back(strided(loops.memory(bias), element, {}, {{G, biasPitch}, {O, 1}}));
  // The result and what the epilogue reads: the last dim is two loops.
  size_t firstResult = nest.accesses.size();
  loops.addResult(nest, {0, 1, 2, at(O)});
  for (Access &access : MutableArrayRef<Access>(nest.accesses).drop_front(firstResult))
    access.strides[at(G)] = access.strides[at(O)] * columns;
  if (nest.isEmpty())
    return success();
  if (isPixel) {
    nest.simplify(NumKept);
    rowLoops = nest.extents.size() - NumKept;
  } else {
    window = taps;
  }
  write();
  return success();
}

/// Panels of one width, and a last one that may be narrower.
SmallVector<ColumnRange> ProductTiles::columnRanges() const {
  if (!weights.panels)
    return {{0, columns, rowPitch}};
  int64_t panel = weights.panels->panel, whole = columns / panel * panel;
  SmallVector<ColumnRange> ranges;
  if (whole > 0)
    ranges.push_back({0, whole, panel});
  if (whole < columns)
    ranges.push_back({whole, columns, cpu::panelWidth(columns, panel, weights.panels->lanes, columns / panel)});
  return ranges;
}

/// Makes what is stored, and what is read for it, move with the number of a row instead of with the loops that rows are
/// found in: those indices are not needed any more then, once the products are added up.
void ProductTiles::countRows() {
  auto stored = MutableArrayRef<Access>(nest.accesses).drop_front(2);
  auto isCounted = [&](const Access &access) {
    return llvm::all_of(llvm::seq<size_t>(1, tileLoops.size()), [&](size_t i) {
      return access.strides[tileLoops[i - 1]] == access.strides[tileLoops[i]] * nest.extents[tileLoops[i]];
    });
  };
  if (tileLoops.empty() || !llvm::all_of(stored, isCounted))
    return;
  for (Access &access : stored) {
    access.strides[at(R)] = access.strides[at(D)] = access.strides[tileLoops.back()];
    for (int loop : tileLoops)
      access.strides[loop] = 0;
  }
}

void ProductTiles::write() {
  // Groups, and batches with weights of their own, are loops around tiles.
  SmallVector<int> outer;
  int64_t all = 1;
  for (size_t loop = 0; loop < rowLoops; ++loop) {
    if (nest.accesses[1].strides[loop] != 0) {
      outer.push_back(loop);
      continue;
    }
    tileLoops.push_back(loop);
    all *= nest.extents[loop];
  }
  if (nest.extents[at(G)] > 1)
    outer.push_back(at(G));
  countRows();
  int64_t rows = std::min(tile.rows, all);
  // Tiles that share what they read of a line stay within it.
  bool endsWithLines = window && readsLines(rows);
  int64_t numTiles = endsWithLines ? all / window->outputW * llvm::divideCeilSigned(window->outputW, rows)
                                   : llvm::divideCeilSigned(all, rows);
  Cursor start;
  start.indices.resize(nest.extents.size());
  build.loops(nest, outer, start, [&](const Cursor &around) {
    build.parallelLoop(0, numTiles, 1, [&](Value rowTile) {
      auto tiles = [&](int64_t begin, int64_t end, const Columns &columns) {
        build.parallelLoop(begin, end, columns.vectors * columns.stored, [&](Value column) {
          SmallVector<TileRow> found = findRows(build, nest, tileLoops, around, rowTile, rows, endsWithLines);
          Value first = endsWithLines ? numberOf(found.front().cursor) : build.mul(rowTile, rows);
          for (auto [number, row] : llvm::enumerate(found)) {
            row.cursor.indices[at(R)] = first;
            row.cursor.indices[at(D)] = build.index(number);
          }
          writeTile(found, column, columns);
        });
      };
      for (const ColumnRange &range : columnRanges()) {
        int64_t count = range.end - range.begin, rest = count % kGpuLanes, step = tile.vectors * kGpuLanes;
        int64_t whole = range.begin + count / step * step, last = range.end - rest;
        tiles(range.begin, whole, {range.pitch, tile.vectors, kGpuLanes, kGpuLanes});
        tiles(whole, last, {range.pitch, 1, kGpuLanes, kGpuLanes});
        // Panels are filled up with zeros.
        if (weights.panels)
          tiles(last, range.end, {range.pitch, 1, kGpuLanes, rest});
        else
          tiles(last, range.end, {range.pitch, 1, 1, 1});
      }
    });
  });
}

/// The number of a row among all that tiles go along.
Value ProductTiles::numberOf(const Cursor &row) {
  Value number = build.index(0);
  for (int loop : tileLoops)
    number = build.add(build.mul(number, nest.extents[loop]), row.indices[loop]);
  return number;
}

/// Where the column begins in the weights of its group: in the row of its panel for k = 0.
Value ProductTiles::columnStart(Value column) {
  if (!weights.panels)
    return column;
  Value panel = build.index(weights.panels->panel);
  Value number = b.createOrFold<arith::DivUIOp>(build.loc, column, panel);
  Value within = b.createOrFold<arith::RemUIOp>(build.loc, column, panel);
  return build.add(build.mul(number, weights.panels->panel * weights.panels->depth), within);
}

void ProductTiles::writeTile(ArrayRef<TileRow> rows, Value column, const Columns &columns) {
  Values starts;
  for (int64_t vector = 0; vector < columns.vectors; ++vector)
    starts.push_back(columnStart(build.add(column, build.index(vector * columns.lanes))));
  Access right = nest.accesses[1];
  for (Kept loop : {K, C, I})
    right.strides[at(loop)] = columns.pitch;
  Values sums(rows.size() * columns.vectors, build.math.constant(element, 0.0, columns.splat()));
  if (!window)
    sums = addDepth(llvm::map_to_vector(rows, [](const TileRow &row) { return row.cursor; }), {}, starts, right,
                    build.index(0), depth, columns, sums);
  else if (readsLines(rows.size()))
    sums = walkLines(rows, starts, right, columns, sums);
  else
    sums = walkTaps(rows, starts, right, columns, sums);
  for (auto [number, row] : llvm::enumerate(rows))
    guarded(build, row.exists, [&, number = number, &row = row] {
      for (int64_t vector = 0; vector < columns.vectors; ++vector)
        store(row.cursor, build.add(column, build.index(vector * columns.lanes)), columns,
              sums[number * columns.vectors + vector]);
    });
}

/// Adds the products of all taps.
Values ProductTiles::walkTaps(ArrayRef<TileRow> rows, ArrayRef<Value> starts, const Access &right,
                              const Columns &columns, Values sums) {
  const WindowDim &h = window->h, &w = window->w;
  // The last few channels are not worth code of their own.
  bool isWhole = columns.stored == columns.lanes;
  double shareInside = isWhole ? window->shareOfLinesInside(rows.size()) : 0;
  double shareOfTaps = isWhole ? window->shareInside(rows.size()) : 0;
  return build.loop(build.index(0), build.index(h.kernel), 1, sums, [&](Value kh, ValueRange carried) {
    SmallVector<TapPosition> lines;
    for (const TileRow &row : rows)
      lines.push_back(clampedTap(build, h, window->outputH, row.cursor.indices[1], kh));
    auto tapByTap = [&](double shareInside) {
      return walkLine(rows, lines, kh, starts, right, columns, llvm::to_vector(carried), shareInside);
    };
    if (!joinsTaps())
      return tapByTap(shareOfTaps);
    Taps first = tapsAt(rows, lines, build.index(0)), last = tapsAt(rows, lines, build.index(w.kernel - 1));
    auto atOnce = [&] {
      return addDepth(first.pixels, {}, starts, right, build.mul(kh, w.kernel * depth), w.kernel * depth, columns,
                      llvm::to_vector(carried));
    };
    Value areInside = both(build, first.areInside(build), last.areInside(build));
    if (!areInside)
      return atOnce();
    if (shareInside < kLeastShareInside)
      return tapByTap(shareOfTaps);
    return eitherWay(build, areInside, shareInside, atOnce, [&] { return tapByTap(0); });
  });
}

/// True when the channels of taps beside each other are few and lie one behind the other, like their weights.
bool ProductTiles::joinsTaps() const {
  constexpr int64_t kFewChannels = 16;
  const Access &left = nest.accesses[0];
  return depth <= kFewChannels && window->w.kernel > 1 && window->w.dilation == 1 && !window->w.isTransposed &&
         left.strides[at(C)] == 1 && left.strides[at(IW)] == depth;
}

/// How numbers of an image lie along a line.
ProductTiles::LineOfImage ProductTiles::lineOfImage() const {
  return arePlanes() ? LineOfImage{depth, 1, window->w.kernel} : LineOfImage{1, depth, window->w.kernel * depth};
}

/// True when the channels of an image are planes, in which pixels lie side by side.
bool ProductTiles::arePlanes() const {
  const Access &left = nest.accesses[0];
  return depth > 1 && left.strides[at(IW)] == 1 && window->w.dilation == 1 && !window->w.isTransposed &&
         left.strides[at(C)] % kGpuLanes == 0;
}

/// True when what a tile reads of a line of the image is a few pieces of four numbers, of which each is inside of the
/// image or outside as a whole: taps are joined or channels are planes, and lines and tiles begin at multiples of four.
bool ProductTiles::readsLines(int64_t rows) const {
  const WindowDim &w = window->w;
  LineOfImage line = lineOfImage();
  int64_t numbers = (rows - 1) * w.stride * line.pixel + line.taps;
  return (joinsTaps() || arePlanes()) && isFewPieces(line.planes * line.taps, numbers) &&
         nest.accesses[0].strides[at(IH)] == w.input * line.pixel && w.input * line.pixel % kGpuLanes == 0 &&
         rows * w.stride * line.pixel % kGpuLanes == 0;
}

/// Adds the products of all taps, a line at a time. Lines that are outside of the image have none.
Values ProductTiles::walkLines(ArrayRef<TileRow> rows, ArrayRef<Value> starts, const Access &right,
                               const Columns &columns, Values sums) {
  return build.loop(build.index(0), build.index(window->h.kernel), 1, sums, [&](Value kh, ValueRange carried) {
    TapPosition line = tapAt(build, window->h, window->outputH, rows.front().cursor.indices[1], kh);
    auto add = [&] {
      return addLine(rows, line.position, starts, right, build.mul(kh, window->w.kernel * depth), columns,
                     llvm::to_vector(carried));
    };
    if (!line.isInside)
      return add();
    return eitherWay(build, line.isInside, window->shareOfLines(), add, [&] { return llvm::to_vector(carried); });
  });
}

/// Adds the products of a line of taps. The rows of a tile share the pieces of the image that they read.
Values ProductTiles::addLine(ArrayRef<TileRow> rows, Value line, ArrayRef<Value> starts, const Access &right,
                             Value firstK, const Columns &columns, Values sums) {
  const WindowDim &w = window->w;
  LineOfImage image = lineOfImage();
  int64_t first = -w.pad * image.pixel, begin = first - llvm::mod(first, kGpuLanes), pitch = w.stride * image.pixel;
  auto isRead = [&](int64_t behind) {
    return llvm::any_of(llvm::seq<int64_t>(0, rows.size()), [&](int64_t row) {
      int64_t step = behind - (first - begin + row * pitch);
      return step >= 0 && step < image.taps;
    });
  };
  for (int64_t plane = 0; plane < image.planes; ++plane) {
    std::map<int64_t, Piece> pieces;
    std::map<int64_t, Value> numbers;
    // Of a piece at the border that one number is read of, that alone is looked at. More would be longer code.
    auto numberAt = [&](int64_t behind) {
      Value &number = numbers[behind];
      if (number)
        return number;
      auto [piece, isFirst] = pieces.try_emplace(behind / kGpuLanes);
      auto &[whole, isInside] = piece->second;
      int64_t begins = behind / kGpuLanes * kGpuLanes;
      if (isFirst) {
        piece->second = loadPiece(rows.front(), line, plane, begin + begins, rows.size());
        if (isInside && llvm::count_if(llvm::seq(begins, begins + kGpuLanes), isRead) > 1) {
          whole = arith::SelectOp::create(b, build.loc, build.splat(isInside, kGpuLanes), whole,
                                          build.math.constant(element, 0.0, kGpuLanes));
          isInside = nullptr;
        }
      }
      number = build.lanes(whole, behind % kGpuLanes, 1);
      if (isInside)
        number = arith::SelectOp::create(b, build.loc, isInside, number, build.math.constant(element, 0.0));
      return number;
    };
    for (int64_t step = 0; step < image.taps; ++step) {
      Values panel =
          loadPanel(rows.front().cursor, starts, right, firstK, build.index(0), step * image.planes + plane, columns);
      for (size_t number = 0; number < rows.size(); ++number)
        addProducts(numberAt(first - begin + number * pitch + step), panel, columns,
                    MutableArrayRef<Value>(sums).slice(number * panel.size(), panel.size()));
    }
  }
  return sums;
}

/// Four numbers of a line, so far behind those of the first tap of a tile if nothing were padded; others where that is
/// outside of the image.
ProductTiles::Piece ProductTiles::loadPiece(const TileRow &row, Value line, int64_t plane, int64_t offset,
                                            int64_t rows) {
  const WindowDim &w = window->w;
  int64_t pixel = lineOfImage().pixel, pitch = w.stride * pixel, length = w.input * pixel,
          last = (llvm::alignTo(window->outputW, rows) - rows) * pitch + offset;
  Value start = build.add(build.mul(row.cursor.indices[2], pitch), build.index(offset)), isInside;
  if (offset < 0 || last >= length) {
    isInside = arith::CmpIOp::create(b, build.loc, arith::CmpIPredicate::ult, start, build.index(length));
    start = arith::SelectOp::create(b, build.loc, isInside, start, build.index(0));
  }
  Cursor at = row.cursor;
  at.indices[this->at(IH)] = line;
  at.indices[this->at(IW)] = arePlanes() ? start : build.index(0);
  at.indices[this->at(C)] = arePlanes() ? build.index(plane) : start;
  at.vectorLoop = this->at(arePlanes() ? IW : C);
  at.lanes = kGpuLanes;
  return {build.load(nest.accesses[0], at), isInside};
}

/// Where a tap of each row lies. Rows of one line lie behind the first of them.
ProductTiles::Taps ProductTiles::tapsAt(ArrayRef<TileRow> rows, ArrayRef<TapPosition> lines, Value kw) {
  const WindowDim &w = window->w;
  Taps taps;
  TapPosition first;
  for (auto [row, line] : llvm::zip(rows, lines)) {
    TapPosition pixel;
    if (row.behind == 0 || w.isTransposed) {
      pixel = first = tapAt(build, w, window->outputW, row.cursor.indices[2], kw);
    } else {
      pixel.position = build.add(first.position, build.index(row.behind * w.stride));
      if (first.isInside)
        pixel.isInside =
            arith::CmpIOp::create(b, build.loc, arith::CmpIPredicate::ult, pixel.position, build.index(w.input));
    }
    if (pixel.isInside)
      pixel.position = arith::SelectOp::create(b, build.loc, pixel.isInside, pixel.position, build.index(0));
    Cursor cursor = row.cursor;
    cursor.indices[at(IH)] = line.position;
    cursor.indices[at(IW)] = pixel.position;
    taps.pixels.push_back(cursor);
    taps.inside.push_back(both(build, line.isInside, pixel.isInside));
  }
  return taps;
}

/// Adds the products of a line of taps, tap by tap. Where a row has no pixel for a tap, it reads the first.
///
/// shareInside  how often all rows have a pixel for a tap; few times are not worth code of their own
Values ProductTiles::walkLine(ArrayRef<TileRow> rows, ArrayRef<TapPosition> lines, Value kh, ArrayRef<Value> starts,
                              const Access &right, const Columns &columns, Values sums, double shareInside) {
  int64_t width = window->w.kernel;
  return build.loop(build.index(0), build.index(width), 1, sums, [&](Value kw, ValueRange carried) {
    Taps taps = tapsAt(rows, lines, kw);
    Value firstK = build.mul(build.add(build.mul(kh, width), kw), depth);
    auto add = [&](ArrayRef<Value> inside) {
      return addDepth(taps.pixels, inside, starts, right, firstK, depth, columns, llvm::to_vector(carried));
    };
    Value areInside = taps.areInside(build);
    if (!areInside)
      return add({});
    if (masksSums(rows.size(), columns))
      return keepOutside(taps.inside, columns, llvm::to_vector(carried), add({}));
    if (shareInside < kLeastShareInside)
      return add(taps.inside);
    return eitherWay(build, areInside, shareInside, [&] { return add({}); }, [&] { return add(taps.inside); });
  });
}

/// Whether the sums of rows without a pixel for a tap are put back behind it. Until then channels go by without a look
/// at each row, inside of the image and outside, and threads beside each other run the same loop; but the sums from
/// before the tap take registers, and few channels are looked at with less. Otherwise what such a row reads becomes 0,
/// and tiles that are inside have code of their own, which most are.
bool ProductTiles::masksSums(int64_t rows, const Columns &columns) const {
  // Pixels for four steps of k, a vector of weights, and indices, as CountWork counts them: rows in several lines have
  // a line, a pixel and an address each.
  constexpr int64_t kIndices = 12, kIndicesOfRow = 3;
  int64_t sums = rows * columns.vectors * columns.lanes;
  int64_t indices = kIndices + (window->outputW % rows == 0 ? 0 : kIndicesOfRow * rows);
  return depth > columns.vectors * columns.lanes &&
         2 * sums + rows * kGpuLanes + columns.lanes + indices <= tile.registers;
}

/// The sums from behind a tap, but those from before it for rows that have no pixel there.
Values ProductTiles::keepOutside(ArrayRef<Value> inside, const Columns &columns, const Values &before, Values after) {
  for (auto [number, sum] : llvm::enumerate(after))
    if (Value isInside = inside[number / columns.vectors])
      sum = arith::SelectOp::create(b, build.loc, build.splat(isInside, columns.splat()), sum, before[number]);
  return after;
}

/// The weights of all vectors of a tile, so far behind a channel.
Values ProductTiles::loadPanel(const Cursor &row, ArrayRef<Value> starts, const Access &right, Value firstK,
                               Value channel, int64_t behind, const Columns &columns) {
  return llvm::map_to_vector(starts, [&](Value start) {
    Cursor at = row;
    at.indices[this->at(W)] = start;
    at.indices[this->at(K)] = firstK;
    at.indices[this->at(C)] = channel;
    at.indices[this->at(I)] = build.index(behind);
    at.vectorLoop = this->at(W);
    at.lanes = columns.lanes;
    return build.load(right, at);
  });
}

/// Adds the products of one number of a row and the weights.
void ProductTiles::addProducts(Value factor, ArrayRef<Value> panel, const Columns &columns,
                               MutableArrayRef<Value> sums) {
  Value all = build.splat(factor, columns.lanes);
  for (auto [weight, sum] : llvm::zip(panel, sums))
    sum = multiplyAdd(all, weight, sum);
}

/// Adds the products of `depth` channels, four at a time: a vector of the left side is four steps of k. Three, where
/// those are all of them and four are not: numbers are loaded one by one then, and steps of one length have them a
/// constant apart.
Values ProductTiles::addDepth(ArrayRef<Cursor> rows, ArrayRef<Value> inside, ArrayRef<Value> starts,
                              const Access &right, Value firstK, int64_t depth, const Columns &columns, Values sums) {
  const Access &left = nest.accesses[0];
  auto step = [&](Value channel, int64_t steps, Values sums) {
    Values factors;
    for (auto [number, row] : llvm::enumerate(rows)) {
      Cursor at = row;
      at.indices[this->at(C)] = channel;
      at.vectorLoop = this->at(C);
      at.lanes = steps;
      Value factor = build.load(left, at);
      if (!inside.empty() && inside[number])
        factor = arith::SelectOp::create(b, build.loc, build.splat(inside[number], steps), factor,
                                         build.math.constant(element, 0.0, steps > 1 ? steps : 0));
      factors.push_back(factor);
    }
    for (int64_t i = 0; i < steps; ++i) {
      Values panel = loadPanel(rows.front(), starts, right, firstK, channel, i, columns);
      for (auto [number, factor] : llvm::enumerate(factors))
        addProducts(steps > 1 ? build.lanes(factor, i, 1) : factor, panel, columns,
                    MutableArrayRef<Value>(sums).slice(number * panel.size(), panel.size()));
    }
    return sums;
  };
  int64_t length = depth > kGpuLanes && depth % kGpuLanes != 0 && depth % 3 == 0 ? 3 : kGpuLanes;
  int64_t whole = left.strides[at(C)] == 1 ? depth / length : 0;
  sums = build.loop(build.index(0), build.index(whole), 1, sums, [&](Value number, ValueRange carried) {
    return step(build.mul(number, length), length, llvm::to_vector(carried));
  });
  // What is left of few channels is written out.
  int64_t rest = depth - whole * length;
  if (rest < kGpuLanes) {
    for (int64_t channel = whole * length; channel < depth; ++channel)
      sums = step(build.index(channel), 1, sums);
    return sums;
  }
  return build.loop(build.index(0), build.index(depth), 1, sums,
                    [&](Value channel, ValueRange carried) { return step(channel, 1, llvm::to_vector(carried)); });
}

void ProductTiles::store(const Cursor &row, Value column, const Columns &columns, Value sum) {
  // The lanes that exist, where a panel is filled up.
  int64_t lanes = columns.stored == columns.lanes ? columns.lanes : 1;
  for (int64_t lane = 0; lane < columns.stored; lane += lanes) {
    Cursor at = row;
    at.indices[this->at(O)] = build.add(column, build.index(lane));
    at.vectorLoop = this->at(O);
    at.lanes = lanes;
    Value value = lanes == columns.lanes ? sum : build.lanes(sum, lane, 1);
    if (hasBias)
      value = build.math.binary(nn::BinaryKind::add, value, build.load(nest.accesses[2], at), element);
    loops.finish(nest, at, value);
  }
}

} // namespace

LogicalResult writeProduct(KernelLoops &loops, nn::MatMulOp op, const Weights &weights, TileSize tile) {
  return ProductTiles(loops, weights, tile).product(op);
}

LogicalResult writeConvolution(KernelLoops &loops, Operation *op, int64_t groups, const TileWindow &window,
                               const Weights &weights, int64_t biasPitch, TileSize tile) {
  return ProductTiles(loops, weights, tile).convolution(op, groups, window, biasPitch);
}

} // namespace nncc
