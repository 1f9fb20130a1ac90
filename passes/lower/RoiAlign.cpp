// Loops of RoiAlign. How many samples a bin has is known at run time alone where it depends on the region's size.
#include "dialects/nn/Kinds.h"
#include "dialects/nn/UnaryKind.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "passes/lower/KernelLoops.h"
#include <limits>

using namespace mlir;

namespace nncc {
namespace {

// Registers of sums that share the positions of a sample.
constexpr int64_t kVectors = 4;
// Of a bin along an axis; f32 tells no more of them apart.
constexpr int64_t kMostSamples = 1 << 24;

class RoiAlign {
public:
  RoiAlign(KernelLoops &loops, nn::RoiAlignOp op)
      : loops(loops), op(op), build(loops.build), math(build.math), b(build.builder),
        real(computeType(loops.elementOf(op.getBoxes()))), sum(computeType(loops.elementOf(op.getInput()))) {}

  void run() {
    ArrayRef<int64_t> output = loops.typeOf(op.getOutput()).getShape();
    image.assign(loops.typeOf(op.getInput()).getShape().begin(), loops.typeOf(op.getInput()).getShape().end());
    // Loops: the output's dims; then what stands for the input's image, row and column, and for a region's numbers.
    nest.extents.assign(output.begin(), output.end());
    nest.extents.append({image[0], image[1], image[2], 4});
    const size_t count = nest.extents.size();
    nest.isReduced.assign(count, false);
    nest.accesses.push_back(loops.input(op.getInput(), {kImage, kRow, kColumn, kChannel}, count));
    nest.accesses.push_back(loops.input(op.getBoxes(), {0, kNumber}, count));
    nest.accesses.push_back(loops.input(op.getImages(), {0}, count));
    loops.addResult(nest, sameLoops(4));
    if (nest.isEmpty())
      return;
    Cursor start;
    start.indices.resize(count);
    build.loops(nest, {0, 1, 2}, start, [&](Cursor bin) {
      bin.indices[kImage] = loops.wrapIndex(build.loadRaw(nest.accesses[2], bin), image[0]);
      Line rows = lineOf(bin, 1, kRow), columns = lineOf(bin, 0, kColumn);
      build.tiles(
          output[kChannel], kVectors * loops.lanes(op.getInput().getType().getElementType()),
          [&](Value begin, int64_t lanes) {
            Cursor at = bin;
            at.indices[kChannel] = begin;
            if (lanes > 1) {
              at.vectorLoop = kChannel;
              at.lanes = lanes;
            }
            loops.finish(nest, at, pooled(at, rows, columns));
          },
          Order::Independent);
    });
  }

private:
  /// Loops of the nest.
  enum { kChannel = 3, kImage = 4, kRow = 5, kColumn = 6, kNumber = 7 };

  /// The samples of a bin along an axis of the image.
  struct Line {
    int loop;         ///< of the image's axis
    Value begin;      ///< of the bin
    Value size;       ///< of the bin
    Value count;      ///< of its samples, a whole number of reals
    Value first, end; ///< indices of those that may lie in the image
  };

  /// A sample between two pixels of an axis.
  struct Between {
    Value low, high;             ///< pixels
    Value weightLow, weightHigh; ///< 0 outside of the image
  };

  KernelLoops &loops;
  nn::RoiAlignOp op;
  LoopBuilder &build;
  ScalarMath &math;
  OpBuilder &b;
  Type real, sum; ///< what positions and results are computed in
  SmallVector<int64_t> image;
  Nest nest;

  Value number(double value) { return math.constant(real, value); }
  Value compute(nn::BinaryKind kind, Value x, Value y) { return math.binary(kind, x, y, real, /*fuses=*/false); }
  Value add(Value x, Value y) { return compute(nn::kind::add, x, y); }
  Value sub(Value x, Value y) { return compute(nn::kind::sub, x, y); }
  Value mul(Value x, Value y) { return compute(nn::kind::mul, x, y); }
  Value div(Value x, Value y) { return compute(nn::kind::div, x, y); }
  Value toReal(Value index) {
    return math.cast(arith::IndexCastOp::create(b, build.loc, b.getI64Type(), index), b.getI64Type(), real);
  }
  /// A whole number within [0, most]; NaN is somewhere there.
  Value toIndex(Value value, int64_t most) {
    value = math.unary(nn::kind::clip, value, real, 0, most);
    Value index = arith::IndexCastOp::create(b, build.loc, b.getIndexType(), math.cast(value, real, b.getI64Type()));
    index = arith::MaxSIOp::create(b, build.loc, index, build.index(0));
    return arith::MinSIOp::create(b, build.loc, index, build.index(most));
  }

  /// axis  of the region's numbers: 0 for x, 1 for y
  Line lineOf(Cursor bin, int64_t axis, int loop) {
    auto edge = [&](int64_t i) {
      bin.indices[kNumber] = build.index(i);
      Value at = mul(build.load(nest.accesses[1], bin), number(op.getScale().convertToDouble()));
      return op.getHalfPixel() ? sub(at, number(0.5)) : at;
    };
    Value start = edge(axis), size = sub(edge(axis + 2), start);
    if (!op.getHalfPixel())
      size = compute(nn::kind::max, size, number(1));
    // Loops of the output are those of the image, further in front.
    const int outputLoop = loop - kRow + 1;
    Line line{loop, {}, div(size, number(nest.extents[outputLoop])), {}, {}, {}};
    line.begin = add(start, mul(toReal(bin.indices[outputLoop] ? bin.indices[outputLoop] : build.index(0)), line.size));
    if (int64_t samples = op.getSamples()) {
      line.count = number(samples);
      line.first = build.index(0);
      line.end = build.index(samples);
      return line;
    }
    // A step is more than half a pixel where there are two samples or more: of those beginning two pixels before the
    // image, as many lie in it or before it, however large the region is. Others are 0.
    const int64_t pixels = image[loop - kImage], beside = 2 * pixels + 8;
    line.count = compute(nn::kind::max, math.unary(nn::UnaryKind::ceil, line.size, real), number(0));
    Value before = div(mul(sub(number(-2), line.begin), line.count), line.size);
    Value count = toIndex(line.count, kMostSamples);
    line.first = arith::MinSIOp::create(b, build.loc, toIndex(before, kMostSamples), count);
    line.end = arith::MinSIOp::create(b, build.loc, build.add(line.first, build.index(beside)), count);
    return line;
  }

  Between between(const Line &line, Value sample) {
    const int64_t last = image[line.loop - kImage] - 1;
    Value place = add(toReal(sample), number(0.5));
    place = add(line.begin, div(mul(place, line.size), line.count));
    Value isInside = arith::AndIOp::create(b, build.loc, compute(nn::kind::greater_equal, place, number(-1)),
                                           compute(nn::kind::less_equal, place, number(last + 1)));
    place = math.unary(nn::kind::clip, place, real, 0, last);
    Value low = math.unary(nn::kind::floor, place, real), rest = sub(place, low);
    auto weight = [&](Value inside) -> Value {
      return math.cast(arith::SelectOp::create(b, build.loc, isInside, inside, number(0)), real, sum);
    };
    Between found{toIndex(low, last), {}, weight(sub(number(1), rest)), weight(rest)};
    found.high = arith::MinSIOp::create(b, build.loc, build.add(found.low, build.index(1)), build.index(last));
    return found;
  }

  /// The sum of the samples of a bin, or the largest part of a pixel in one, for the channels at a cursor.
  Value overSamples(const Cursor &at, const Line &rows, const Line &columns, Value initial) {
    const nn::BinaryKind joins = op.getMax() ? nn::kind::max : nn::kind::add;
    auto join = [&](Value x, Value y) { return math.binary(joins, x, y, sum); };
    auto overColumns = [&](const Between &y) {
      return build.loop(columns.first, columns.end, 1, initial, [&](Value sample, ValueRange carried) {
        Between x = between(columns, sample);
        Value found = carried[0];
        for (auto [row, weightOfRow] : {std::pair(y.low, y.weightLow), std::pair(y.high, y.weightHigh)})
          for (auto [column, weight] : {std::pair(x.low, x.weightLow), std::pair(x.high, x.weightHigh)}) {
            Cursor pixel = at;
            pixel.indices[kRow] = row;
            pixel.indices[kColumn] = column;
            Value part = build.splat(math.binary(nn::kind::mul, weightOfRow, weight, sum), at.lanes);
            part = math.binary(nn::kind::mul, build.load(nest.accesses.front(), pixel), part, sum);
            found = join(found, part);
          }
        return SmallVector<Value>{found};
      })[0];
    };
    return build.loop(rows.first, rows.end, 1, initial, [&](Value sample, ValueRange carried) {
      return SmallVector<Value>{join(carried[0], overColumns(between(rows, sample)))};
    })[0];
  }

  Value pooled(const Cursor &at, const Line &rows, const Line &columns) {
    Value zero = math.constant(sum, 0.0, at.splat()), count = mul(rows.count, columns.count);
    if (!op.getMax()) {
      Value divisor = math.cast(compute(nn::kind::max, count, number(1)), real, sum);
      Value all = overSamples(at, rows, columns, zero);
      return math.binary(nn::kind::div, all, build.splat(divisor, at.lanes), sum);
    }
    // A sample that is left out is 0, too.
    auto visited = [&](const Line &line) { return toReal(arith::SubIOp::create(b, build.loc, line.end, line.first)); };
    Value areAll = compute(nn::kind::equal, mul(visited(rows), visited(columns)), count);
    areAll = arith::AndIOp::create(b, build.loc, areAll, compute(nn::kind::greater, count, number(0)));
    Value lowest = math.constant(sum, -std::numeric_limits<double>::infinity(), at.splat());
    return overSamples(at, rows, columns, arith::SelectOp::create(b, build.loc, areAll, lowest, zero));
  }
};

} // namespace

LogicalResult lowerRoiAlign(KernelLoops &loops, nn::RoiAlignOp op) {
  RoiAlign(loops, op).run();
  return success();
}

} // namespace nncc
