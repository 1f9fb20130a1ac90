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

/// The share of tiles and taps for which all pixels of the tile are inside.
template <typename Inside> static double shareOf(int64_t pixels, int64_t rows, int64_t taps, Inside inside) {
  int64_t tiles = llvm::divideCeilSigned(pixels, rows), count = 0;
  for (int64_t tile = 0; tile < tiles; ++tile)
    for (int64_t tap = 0; tap < taps; ++tap)
      count += llvm::all_of(llvm::seq(tile * rows, std::min(tile * rows + rows, pixels)),
                            [&](int64_t pixel) { return inside(pixel, tap); });
  return double(count) / std::max<int64_t>(tiles * taps, 1);
}

double TileWindow::shareInside(int64_t rows) const {
  if (h.isTransposed || w.isTransposed)
    return 0; // pixels beside each other have different taps
  return shareOf(outputH * outputW, rows, h.kernel * w.kernel, [&](int64_t pixel, int64_t tap) {
    return isInside(h, pixel / outputW, tap / w.kernel) && isInside(w, pixel % outputW, tap % w.kernel);
  });
}

double TileWindow::shareOfLinesInside(int64_t rows, bool isCut) const {
  if (h.isTransposed || w.isTransposed)
    return 0;
  auto isLineInside = [&](int64_t column) { return isInside(w, column, 0) && isInside(w, column, w.kernel - 1); };
  if (!isCut)
    return shareOf(outputH * outputW, rows, h.kernel, [&](int64_t pixel, int64_t tap) {
      return isInside(h, pixel / outputW, tap) && isLineInside(pixel % outputW);
    });
  // A tile that is cut off goes on behind the line.
  double lines = shareOf(outputH, 1, h.kernel, [&](int64_t line, int64_t tap) { return isInside(h, line, tap); });
  return lines *
         shareOf(llvm::alignTo(outputW, rows), rows, 1, [&](int64_t column, int64_t) { return isLineInside(column); });
}

SmallVector<TileRow> findRows(LoopBuilder &build, const Nest &nest, ArrayRef<int> loops, const Cursor &around,
                              Value tile, int64_t rows) {
  OpBuilder &b = build.builder;
  int64_t all = 1;
  for (int loop : loops)
    all *= nest.extents[loop];
  Value first = build.mul(tile, rows);
  // The indices of row number `row` in the loops, by division with what they count.
  auto place = [&](Value row, Cursor &cursor) {
    for (int loop : llvm::reverse(loops)) {
      int64_t extent = nest.extents[loop];
      Value count = build.index(extent);
      cursor.indices[loop] = loop == loops.front() ? row : b.createOrFold<arith::RemUIOp>(build.loc, row, count);
      row = b.createOrFold<arith::DivUIOp>(build.loc, row, count);
    }
  };
  SmallVector<TileRow> found(rows, {around, nullptr});
  if (loops.empty())
    return found;
  // Where lines are whole tiles, the rows of one stand side by side.
  bool isInLine = nest.extents[loops.back()] % rows == 0;
  for (auto [number, row] : llvm::enumerate(found)) {
    if (number > 0 && isInLine) {
      row = found.front();
      row.cursor.indices[loops.back()] = build.add(row.cursor.indices[loops.back()], build.index(number));
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

TapPosition clampedTap(LoopBuilder &build, const WindowDim &dim, int64_t outputs, Value output, Value tap) {
  auto [position, isInside] = tapPosition(build, dim, output, tap);
  if (!leaves(dim, outputs))
    return {position, nullptr};
  return {arith::SelectOp::create(build.builder, build.loc, isInside, position, build.index(0)), isInside};
}

Value both(LoopBuilder &build, Value a, Value b) {
  return a && b ? arith::AndIOp::create(build.builder, build.loc, a, b).getResult() : a ? a : b;
}

} // namespace nncc
