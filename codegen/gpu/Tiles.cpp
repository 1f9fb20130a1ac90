// What all tiles share; see Tiles.h.
#include "codegen/gpu/Tiles.h"

using namespace mlir;

namespace nncc {

static bool leaves(const WindowDim &dim, int64_t outputs) {
  return dim.isTransposed || dim.pad > 0 || (outputs - 1) * dim.stride + (dim.kernel - 1) * dim.dilation >= dim.input;
}

bool TileWindow::leavesInput() const { return leaves(h, outputH) || leaves(w, outputW); }

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
