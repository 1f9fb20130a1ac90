// Loops of matrix multiplication where no kernel generator has a tile for it: dot products of contiguous rows, and
// plain loops for all other types and targets.
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "passes/lower/KernelLoops.h"

using namespace mlir;

namespace nncc {

namespace {
/// Dot products of many contiguous rows with one: a matrix times a column, or a row times a transposed matrix. Eight
/// rows share the loads of the one; their sums become one vector.
class DotProducts {
public:
  using Values = SmallVector<Value>;

  /// nest  accesses 0 and 1 are the factors, the last loop is the reduced one
  DotProducts(LoopBuilder &build, const Nest &nest, Type element, int64_t lanes)
      : build(build), nest(nest), element(element), lanes(lanes), depth(nest.extents.size() - 1) {
    if (nest.extents.empty() || !nest.isReduced[depth] || nest.extents[depth] < kLeastRows)
      return;
    for (int loop = 0; loop < depth; ++loop) {
      bool isMoved[] = {nest.accesses[0].strides[loop] != 0, nest.accesses[1].strides[loop] != 0};
      if (isMoved[0] != isMoved[1] && nest.extents[loop] >= kLeastRows && nest.accesses.back().strides[loop] == 1)
        along = loop;
    }
    bool isContiguous = nest.accesses[0].strides[depth] == 1 && nest.accesses[1].strides[depth] == 1;
    along = isContiguous ? along : -1;
  }

  bool fits() const { return along >= 0; }

  /// body(cursor, sums): sums along the loop of the rows, at the cursor.
  void forEach(function_ref<void(const Cursor &, Value)> body) {
    SmallVector<int> outer;
    for (int loop = 0; loop < depth; ++loop)
      if (loop != along)
        outer.push_back(loop);
    build.loops(nest, outer, Cursor(), [&](const Cursor &cursor) {
      build.tiles(nest.extents[along], kRows, [&](Value begin, int64_t rows) {
        Cursor here = cursor;
        here.indices[along] = begin;
        Value sums = sumRows(here, rows);
        here.vectorLoop = along;
        here.lanes = rows;
        body(here, sums);
      });
    });
  }

private:
  /// Enough sums to hide the latency of a multiply-add, few enough for registers.
  static constexpr int64_t kRows = 8, kLeastRows = 4;

  LoopBuilder &build;
  const Nest &nest;
  Type element;
  int64_t lanes;
  int depth, along = -1;

  Value add(Value a, Value b) { return build.math.binary(nn::BinaryKind::add, a, b, element); }

  /// The products of `rows` rows from the cursor on, summed over the reduced loop: a vector, or a scalar for one.
  Value sumRows(const Cursor &first, int64_t rows) {
    unsigned many = nest.accesses[0].strides[along] != 0 ? 0 : 1, one = 1 - many;
    Value total;
    // One row alone has several sums, too.
    for (TilePiece piece : cutTiles(nest.extents[depth], rows == 1 ? 4 * lanes : lanes)) {
      Values zeros(rows, build.math.constant(element, 0.0, piece.lanes > 1 ? piece.lanes : 0));
      Values sums = build.loop(build.index(piece.begin), build.index(piece.begin + piece.count * piece.lanes),
                               piece.lanes, zeros, [&](Value k, ValueRange carried) {
                                 Cursor at = first;
                                 at.indices[depth] = k;
                                 at.vectorLoop = depth;
                                 at.lanes = piece.lanes;
                                 Values next;
                                 Value factor = build.load(nest.accesses[one], at);
                                 for (int64_t row = 0; row < rows; ++row) {
                                   at.indices[along] = build.add(first.indices[along], build.index(row));
                                   Value product = build.math.binary(
                                       nn::BinaryKind::mul, build.load(nest.accesses[many], at), factor, element);
                                   next.push_back(add(carried[row], product));
                                 }
                                 return next;
                               });
      Value joined = join(sums, piece.lanes);
      total = total ? add(total, joined) : joined;
    }
    return total;
  }

  /// The lanes of each vector added up; one lane of the result per vector.
  Value join(Values sums, int64_t width) {
    if (width == 1)
      return sums.size() == 1
                 ? sums[0]
                 : vector::FromElementsOp::create(build.builder, build.loc,
                                                  VectorType::get({(int64_t)sums.size()}, sums[0].getType()), sums);
    // Neighbouring lanes of neighbouring vectors, until one vector is left or a lane of each.
    int64_t rows = sums.size(), perRow = width;
    while (perRow > 1) {
      Values next;
      if (sums.size() == 1) {
        int64_t left = rows * perRow;
        next.push_back(addPairs(sums[0], sums[0], left / 2));
      } else {
        for (size_t i = 0; i < sums.size(); i += 2)
          next.push_back(addPairs(sums[i], sums[i + 1], width));
      }
      sums = next;
      perRow /= 2;
    }
    if (rows == 1)
      return build.lanes(sums[0], 0, 1);
    // Vectors with fewer lanes than there are rows lie side by side.
    for (int64_t lanes = width; sums.size() > 1; lanes *= 2) {
      Values next;
      SmallVector<int64_t> both = llvm::to_vector(llvm::seq<int64_t>(0, 2 * lanes));
      for (size_t i = 0; i < sums.size(); i += 2)
        next.push_back(vector::ShuffleOp::create(build.builder, build.loc, sums[i], sums[i + 1], both));
      sums = next;
    }
    return sums[0];
  }

  /// The first `count` pairs of neighbours in `low` and then `high`, added up.
  Value addPairs(Value low, Value high, int64_t count) {
    SmallVector<int64_t> even, odd;
    for (int64_t i = 0; i < count; ++i) {
      even.push_back(2 * i);
      odd.push_back(2 * i + 1);
    }
    return add(vector::ShuffleOp::create(build.builder, build.loc, low, high, even),
               vector::ShuffleOp::create(build.builder, build.loc, low, high, odd));
  }
};
} // namespace

LogicalResult lowerMatMul(KernelLoops &loops, nn::MatMulOp op) {
  using Binary = nn::BinaryKind;
  using Values = Rows::Values;
  LoopBuilder &build = loops.build;
  ScalarMath &math = build.math;
  Type element = loops.elementOf(op.getOutput());
  ArrayRef<int64_t> shape = loops.typeOf(op.getOutput()).getShape();
  int64_t depth = loops.typeOf(op.getLhs()).getShape().back();

  // Loops: the batch dims, M, N, then K, which is reduced.
  int rank = shape.size(), m = rank - 2, n = rank - 1, k = rank;
  Nest nest;
  nest.extents.assign(shape.begin(), shape.end());
  nest.extents.push_back(depth);
  nest.isReduced.assign(rank, false);
  nest.isReduced.push_back(true);
  SmallVector<int> result = sameLoops(rank), lhs = result, rhs = result;
  lhs[rank - 2] = m;
  lhs[rank - 1] = k;
  rhs[rank - 2] = op.getTransposeB() ? n : k;
  rhs[rank - 1] = op.getTransposeB() ? k : n;
  // The right-hand side comes first: vectors run where it is contiguous.
  nest.accesses.push_back(loops.input(op.getRhs(), rhs, rank + 1));
  nest.accesses.push_back(loops.input(op.getLhs(), lhs, rank + 1));
  bool hasBias = op.getBias() != nullptr;
  if (hasBias)
    nest.accesses.push_back(loops.input(op.getBias(), {n}, rank + 1));
  loops.addResult(nest, result);
  nest.simplify();

  DotProducts dots(build, nest, element, loops.lanes());
  if (dots.fits()) {
    dots.forEach([&](const Cursor &at, Value sums) {
      if (hasBias)
        sums = math.binary(Binary::add, sums, build.load(nest.accesses[2], at), element);
      loops.finish(nest, at, sums);
    });
    return success();
  }

  Rows rows(build, nest, loops.lanes());
  rows.forEach([&](const Cursor &row) {
    Value sum = rows.reduce(
        row, [&](int64_t splat) { return Values{math.constant(element, 0.0, splat)}; },
        [&](const Cursor &at, ValueRange sum) {
          Value product =
              math.binary(Binary::mul, build.load(nest.accesses[1], at), build.load(nest.accesses[0], at), element);
          return Values{math.binary(Binary::add, sum[0], product, element)};
        },
        [&](ValueRange a, ValueRange b) { return Values{math.binary(Binary::add, a[0], b[0], element)}; })[0];
    if (hasBias)
      sum = math.binary(Binary::add, sum, build.load(nest.accesses[2], row), element);
    loops.finish(nest, row, sum);
  });
  return success();
}

} // namespace nncc
