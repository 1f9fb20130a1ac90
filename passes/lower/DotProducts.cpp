// Sums stay in registers, one vector for each of eight rows, until their lanes are added up in a tree.
#include "passes/lower/DotProducts.h"
#include "dialects/nn/Kinds.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;

namespace nncc {

using Values = SmallVector<Value>;

/// Enough sums to hide the latency of a multiply-add, few enough for registers.
static constexpr int64_t kRows = 8;
/// Fewer rows, or shorter ones, are not worth it.
static constexpr int64_t kLeast = 4;

DotProducts::DotProducts(LoopBuilder &build, const Nest &nest, std::array<Factor, 2> factors, Type element,
                         int64_t lanes)
    : build(build), nest(nest), factors(factors), element(element), lanes(lanes), depth(nest.extents.size() - 1) {
  if (nest.extents.empty() || !nest.isReduced[depth] || nest.extents[depth] < kLeast ||
      nest.accesses[0].strides[depth] != 1 || nest.accesses[1].strides[depth] != 1)
    return;
  // The innermost of such loops, best one that the result is contiguous in.
  for (int loop = 0; loop < depth; ++loop) {
    bool isMoved[] = {nest.accesses[0].strides[loop] != 0, nest.accesses[1].strides[loop] != 0};
    bool isBetter = along < 0 || nest.accesses.back().strides[along] != 1 || nest.accesses.back().strides[loop] == 1;
    if (isMoved[0] != isMoved[1] && nest.extents[loop] >= kLeast && isBetter)
      along = loop;
  }
}

void DotProducts::forEach(function_ref<void(const Cursor &, Value)> body) {
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

/// The products of `rows` rows from the cursor on, summed over the reduced loop: a vector, or a scalar for one.
Value DotProducts::sumRows(const Cursor &first, int64_t rows) {
  unsigned many = nest.accesses[0].strides[along] != 0 ? 0 : 1, one = 1 - many;
  // The sums of `count` vectors of all rows from k on.
  auto sumFrom = [&](Value begin, int64_t count, int64_t width) {
    Values zeros(rows, build.math.constant(element, 0.0, width > 1 ? width : 0));
    Values sums =
        build.loop(build.index(0), build.index(count * width), width, zeros, [&](Value k, ValueRange carried) {
          Cursor at = first;
          at.indices[depth] = build.add(begin, k);
          at.vectorLoop = depth;
          at.lanes = width;
          Values next;
          Value factor = factors[one].load(at);
          for (int64_t row = 0; row < rows; ++row) {
            at.indices[along] = build.add(first.indices[along], build.index(row));
            Value product = build.math.binary(nn::kind::mul, factors[many].load(at), factor, element);
            next.push_back(add(carried[row], product));
          }
          return next;
        });
    return join(sums, width);
  };
  // One row alone has several sums, too.
  SmallVector<TilePiece> pieces = build.cutTiles(nest.extents[depth], rows == 1 ? 4 * lanes : lanes);
  bool isLong = isa<FloatType>(element) && pieces.front().count > kLongestPlainSum;
  Value total;
  auto addBlock = [&](Value begin, int64_t count, int64_t width) {
    Value sum = sumFrom(begin, count, width);
    if (isLong)
      sum = build.math.widenSum(sum, element);
    total = total ? add(total, sum) : sum;
  };
  for (TilePiece piece : pieces) {
    if (!isLong) {
      addBlock(build.index(piece.begin), piece.count, piece.lanes);
      continue;
    }
    if (!total)
      total = build.math.constant(build.builder.getF64Type(), 0.0, rows > 1 ? rows : 0);
    int64_t size = sumBlock(piece.count), rest = piece.count % size,
            end = piece.begin + (piece.count - rest) * piece.lanes;
    total = build.loop(build.index(piece.begin), build.index(end), size * piece.lanes, total,
                       [&](Value begin, ValueRange before) {
                         total = before[0];
                         addBlock(begin, size, piece.lanes);
                         return Values{total};
                       })[0];
    if (rest)
      addBlock(build.index(end), rest, piece.lanes);
  }
  return build.math.narrowSum(total, element);
}

/// The lanes of each vector added up; one lane of the result per vector.
Value DotProducts::join(Values sums, int64_t width) {
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
Value DotProducts::addPairs(Value low, Value high, int64_t count) {
  SmallVector<int64_t> even, odd;
  for (int64_t i = 0; i < count; ++i) {
    even.push_back(2 * i);
    odd.push_back(2 * i + 1);
  }
  return add(vector::ShuffleOp::create(build.builder, build.loc, low, high, even),
             vector::ShuffleOp::create(build.builder, build.loc, low, high, odd));
}

bool isDotProducts(nn::Conv2DOp op) {
  return areInnerRowsDotProducts(op) && op.getPads()[0] == 0 && op.getPads()[2] == 0;
}

bool areInnerRowsDotProducts(nn::Conv2DOp op) {
  auto shapeOf = [](Value value) { return cast<RankedTensorType>(value.getType()).getShape(); };
  ArrayRef<int64_t> filter = shapeOf(op.getFilter()), output = shapeOf(op.getOutput());
  return filter.drop_back() == ArrayRef<int64_t>{1, 1, 1} && filter[3] >= kLeast && op.getGroups() == 1 &&
         op.getStrides() == ArrayRef<int64_t>{1, 1} && op.getPads()[1] == 0 && op.getPads()[3] == 0 &&
         llvm::any_of(output, [](int64_t size) { return size >= kLeast; });
}

} // namespace nncc
