// What all tiles share; see Tiles.h.
#include "codegen/gpu/Tiles.h"

using namespace mlir;

namespace nncc {

static bool leaves(const WindowDim &dim, int64_t outputs) {
  return dim.isTransposed || dim.pad > 0 || (outputs - 1) * dim.stride + (dim.kernel - 1) * dim.dilation >= dim.input;
}

bool TileWindow::leavesInput() const { return leaves(h, outputH) || leaves(w, outputW); }

static bool isInside(const WindowDim &dim, int64_t output, int64_t tap) {
  int64_t position = output * dim.stride + tap * dim.dilation - dim.pad;
  return position >= 0 && position < dim.input;
}

/// How many taps are inside for two outputs, and so for all between them.
static int64_t tapsInside(const WindowDim &dim, int64_t first, int64_t last) {
  return llvm::count_if(llvm::seq<int64_t>(0, dim.kernel),
                        [&](int64_t tap) { return isInside(dim, first, tap) && isInside(dim, last, tap); });
}

/// True where all taps of two outputs are inside, and so those of all between them.
static bool isLineInside(const WindowDim &dim, int64_t first, int64_t last) {
  return isInside(dim, first, 0) && isInside(dim, last, dim.kernel - 1);
}

/// The sum over tiles that go along an image of taps(first line, last line, least column, largest column).
static double sumOverTiles(int64_t height, int64_t width, int64_t rows,
                           function_ref<int64_t(int64_t, int64_t, int64_t, int64_t)> taps) {
  double sum = 0;
  for (int64_t first = 0, pixels = height * width; first < pixels; first += rows) {
    int64_t last = std::min(first + rows, pixels) - 1;
    bool isOneLine = first / width == last / width;
    sum += taps(first / width, last / width, isOneLine ? first % width : 0, isOneLine ? last % width : width - 1);
  }
  return sum;
}

double TileWindow::shareInside(int64_t rows) const {
  if (h.isTransposed || w.isTransposed)
    return 0; // pixels beside each other have different taps
  double inside = sumOverTiles(outputH, outputW, rows, [&](int64_t top, int64_t bottom, int64_t left, int64_t right) {
    return tapsInside(h, top, bottom) * tapsInside(w, left, right);
  });
  return inside / std::max<int64_t>(llvm::divideCeilSigned(outputH * outputW, rows) * h.kernel * w.kernel, 1);
}

double TileWindow::shareOfLinesInside(int64_t rows) const {
  if (h.isTransposed || w.isTransposed)
    return 0;
  double inside = sumOverTiles(outputH, outputW, rows, [&](int64_t top, int64_t bottom, int64_t left, int64_t right) {
    return isLineInside(w, left, right) ? tapsInside(h, top, bottom) : 0;
  });
  return inside / std::max<int64_t>(llvm::divideCeilSigned(outputH * outputW, rows) * h.kernel, 1);
}

double TileWindow::shareOfLines() const {
  if (h.isTransposed)
    return 1.0 / h.stride;
  double inside = 0;
  for (int64_t line = 0; line < outputH; ++line)
    inside += tapsInside(h, line, line);
  return inside / std::max<int64_t>(outputH * h.kernel, 1);
}

double TileWindow::shareOfColumns(int64_t rows) const {
  if (w.isTransposed)
    return 0;
  int64_t inside = 0, tiles = llvm::divideCeilSigned(outputW, rows);
  for (int64_t tile = 0; tile < tiles; ++tile)
    inside += isLineInside(w, tile * rows, (tile + 1) * rows - 1);
  return static_cast<double>(inside) / std::max<int64_t>(tiles, 1);
}

SmallVector<TileRow> findRows(LoopBuilder &build, const Nest &nest, ArrayRef<int> loops, const Cursor &around,
                              Value tile, int64_t rows, bool endsWithLines) {
  OpBuilder &b = build.builder;
  SmallVector<TileRow> found(rows, {around, nullptr});
  if (loops.empty())
    return found;
  SmallVector<int64_t> extents = llvm::map_to_vector(loops, [&](int loop) { return nest.extents[loop]; });
  int64_t line = extents.back();
  if (endsWithLines)
    extents.back() = llvm::alignTo(line, rows);
  int64_t all = llvm::product_of(extents);
  Value first = build.mul(tile, rows);
  // The indices of row number `row` in the loops, by division with what they count.
  auto place = [&](Value row, Cursor &cursor) {
    int64_t outer = all;
    for (auto [loop, extent] : llvm::reverse(llvm::zip_equal(loops, extents))) {
      Value count = build.index(extent);
      outer /= extent;
      if (extent == 1) {
        cursor.indices[loop] = build.index(0);
      } else if (outer == 1) {
        cursor.indices[loop] = row;
      } else {
        cursor.indices[loop] = b.createOrFold<arith::RemUIOp>(build.loc, row, count);
        row = b.createOrFold<arith::DivUIOp>(build.loc, row, count);
      }
    }
  };
  // Where lines are whole tiles, the rows of one stand side by side.
  bool isInLine = extents.back() % rows == 0;
  for (auto [number, row] : llvm::enumerate(found)) {
    if (number > 0 && isInLine) {
      row = found.front();
      row.behind = number;
      Value &index = row.cursor.indices[loops.back()];
      index = build.add(index, build.index(number));
      if (line % rows != 0)
        row.exists = arith::CmpIOp::create(b, build.loc, arith::CmpIPredicate::ult, index, build.index(line));
      continue;
    }
    Value index = build.add(first, build.index(number));
    if (all % rows != 0 && number > 0) {
      row.exists = arith::CmpIOp::create(b, build.loc, arith::CmpIPredicate::ult, index, build.index(all));
      index = arith::MinUIOp::create(b, build.loc, index, build.index(all - 1));
    }
    place(index, row.cursor);
  }
  return found;
}

void guarded(LoopBuilder &build, Value condition, function_ref<void()> body) {
  if (!condition)
    return body();
  auto branch = scf::IfOp::create(build.builder, build.loc, condition, /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(build.builder);
  build.builder.setInsertionPointToStart(branch.thenBlock());
  body();
}

SmallVector<Value> eitherWay(LoopBuilder &build, Value condition, double share, function_ref<SmallVector<Value>()> then,
                             function_ref<SmallVector<Value>()> otherwise) {
  OpBuilder &b = build.builder;
  auto yields = [&](function_ref<SmallVector<Value>()> side) {
    return [&b, side](OpBuilder &, Location loc) { scf::YieldOp::create(b, loc, side()); };
  };
  OpBuilder::InsertionGuard guard(b);
  auto branch = scf::IfOp::create(b, build.loc, condition, yields(then), yields(otherwise));
  branch->setAttr(nn::kShareAttr, b.getF64FloatAttr(share));
  return llvm::to_vector(ValueRange(branch.getResults()));
}

TapPosition tapAt(LoopBuilder &build, const WindowDim &dim, int64_t outputs, Value output, Value tap) {
  auto [position, isInside] = tapPosition(build, dim, output, tap);
  return {position, leaves(dim, outputs) ? isInside : Value()};
}

TapPosition clampedTap(LoopBuilder &build, const WindowDim &dim, int64_t outputs, Value output, Value tap) {
  auto [position, isInside] = tapAt(build, dim, outputs, output, tap);
  if (!isInside)
    return {position, nullptr};
  return {arith::SelectOp::create(build.builder, build.loc, isInside, position, build.index(0)), isInside};
}

Value both(LoopBuilder &build, Value a, Value b) {
  return a && b ? arith::AndIOp::create(build.builder, build.loc, a, b).getResult() : a ? a : b;
}

} // namespace nncc
