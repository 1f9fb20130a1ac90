// Loops of reductions, arg max, softmax and running sums.
#include "dialects/nn/Kinds.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "passes/lower/KernelLoops.h"
#include "passes/lower/MathFunctions.h"
#include "passes/lower/Softmax.h"
#include <limits>

using namespace mlir;

namespace nncc {

using Values = Rows::Values;
static constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// A nest over the dims of `shape` of which `axes` are reduced.
static Nest makeNest(ArrayRef<int64_t> shape, ArrayRef<int64_t> axes) {
  Nest nest;
  nest.extents.assign(shape.begin(), shape.end());
  for (int64_t d = 0, rank = shape.size(); d < rank; ++d)
    nest.isReduced.push_back(llvm::is_contained(axes, d));
  return nest;
}

/// Folds the values that `element` gives with one binary function.
static Value fold(Rows &rows, LoopBuilder &build, const Cursor &row, Type element, nn::BinaryKind function,
                  double initial, function_ref<Value(const Cursor &)> value) {
  return rows.reduce(
      row, [&](int64_t splat) { return Values{build.math.constant(element, initial, splat)}; },
      [&](const Cursor &at, ValueRange sum) { return Values{build.math.binary(function, sum[0], value(at), element)}; },
      [&](ValueRange a, ValueRange b) { return Values{build.math.binary(function, a[0], b[0], element)}; })[0];
}

LogicalResult lowerReduce(KernelLoops &loops, nn::ReduceOp op) {
  LoopBuilder &build = loops.build;
  ScalarMath &math = build.math;
  Type element = loops.elementOf(op.getInput());
  ArrayRef<int64_t> shape = loops.typeOf(op.getInput()).getShape();
  int64_t count = 1;
  for (int64_t axis : op.getAxes())
    count *= shape[axis];

  Nest nest = makeNest(shape, op.getAxes());
  SmallVector<int> same = sameLoops(shape.size());
  auto widening = op.getInput().getDefiningOp<nn::CastOp>();
  nest.accesses.push_back(loops.input(widening ? widening.getInput() : op.getInput(), same, shape.size()));
  loops.addResult(nest, same);
  nest.simplify();
  const Access &x = nest.accesses[0];

  bool isSupported = true;
  Rows rows(build, nest, loops.lanes());
  rows.forEach([&](const Cursor &row) {
    auto load = [&](const Cursor &at) {
      Value value = build.load(x, at);
      return widening ? math.elementwise(widening, {value}) : value;
    };
    auto sum = [&](function_ref<Value(const Cursor &)> value) { return rows.sum(row, element, value); };
    // Results are scalars, or vectors of the row's lanes.
    auto number = [&](Value like, double value) {
      auto vector = dyn_cast<VectorType>(like.getType());
      return math.constant(element, value, vector ? vector.getNumElements() : 0);
    };
    Value result;
    switch (op.getKind()) {
    case nn::ReduceKind::sum:
      result = sum(load);
      break;
    case nn::ReduceKind::mean:
      result = sum(load);
      result = math.binary(nn::kind::div, result, number(result, count), element);
      break;
    case nn::ReduceKind::max:
      result = fold(rows, build, row, element, nn::kind::max, -kInfinity, load);
      break;
    case nn::ReduceKind::min:
      result = fold(rows, build, row, element, nn::kind::min, kInfinity, load);
      break;
    case nn::ReduceKind::prod:
      result = fold(rows, build, row, element, nn::kind::mul, 1, load);
      break;
    case nn::ReduceKind::l1:
      result = sum([&](const Cursor &at) { return math.unary(nn::kind::abs, load(at), element); });
      break;
    case nn::ReduceKind::l2:
    case nn::ReduceKind::sum_square:
      result = sum([&](const Cursor &at) {
        Value value = load(at);
        return math.binary(nn::kind::mul, value, value, element);
      });
      if (op.getKind() == nn::ReduceKind::l2)
        result = math.unary(nn::kind::sqrt, result, element);
      break;
    case nn::ReduceKind::log_sum:
      result = math.unary(nn::kind::log, sum(load), element);
      break;
    case nn::ReduceKind::log_sum_exp: {
      // The maximum is taken out, so that nothing overflows; an infinite one stays in.
      Value most = fold(rows, build, row, element, nn::kind::max, -kInfinity, load);
      if (!isa<FloatType>(element))
        break;
      Value isFinite =
          math.binary(nn::kind::less, math.unary(nn::kind::abs, most, element), number(most, kInfinity), element);
      Value shift = arith::SelectOp::create(build.builder, build.loc, isFinite, most, number(most, 0));
      Value total = sum([&](const Cursor &at) {
        Value difference = math.binary(nn::kind::sub, load(at), build.splat(shift, at.lanes), element);
        return math.unary(nn::kind::exp, difference, element);
      });
      result = math.binary(nn::kind::add, math.unary(nn::kind::log, total, element), shift, element);
      break;
    }
    }
    isSupported &= result != nullptr;
    if (result)
      loops.finish(nest, row, result);
  });
  return success(isSupported);
}

LogicalResult lowerArgReduce(KernelLoops &loops, nn::ArgReduceOp op) {
  LoopBuilder &build = loops.build;
  ScalarMath &math = build.math;
  OpBuilder &b = build.builder;
  Type element = loops.elementOf(op.getInput());
  ArrayRef<int64_t> shape = loops.typeOf(op.getInput()).getShape();
  Nest nest = makeNest(shape, {(int64_t)op.getAxis()});
  SmallVector<int> same = sameLoops(shape.size());
  nest.accesses.push_back(loops.input(op.getInput(), same, shape.size()));
  loops.addResult(nest, same);
  nest.simplify();
  const Access &x = nest.accesses[0];

  bool isMax = op.getKind() == nn::ArgReduceKind::argmax, takesLast = op.getSelectLast();
  Type i32 = b.getI32Type(), i64 = b.getI64Type();
  // Positions are counted in 32 bits, as wide as most elements; the lanes are those of the element type.
  int64_t bits = std::max(32u, computeType(element).getIntOrFloatBitWidth());
  Rows rows(build, nest, std::max<int64_t>(4, loops.machine.lanes(bits)), /*chains=*/2);
  rows.forEach([&](const Cursor &row) {
    auto choose = [&](Value isBetter, ValueRange best, Value value, Value position) {
      return Values{arith::SelectOp::create(b, build.loc, isBetter, value, best[0]),
                    arith::SelectOp::create(b, build.loc, isBetter, position, best[1])};
    };
    nn::BinaryKind better = isMax ? (takesLast ? nn::kind::greater_equal : nn::kind::greater)
                                  : (takesLast ? nn::kind::less_equal : nn::kind::less);
    Values best = rows.reduce(
        row,
        [&](int64_t splat) {
          return Values{math.constant(element, isMax ? -kInfinity : kInfinity, splat), math.constant(i32, 0, splat)};
        },
        [&](const Cursor &at, ValueRange best) {
          Value value = build.load(x, at);
          return choose(math.binary(better, value, best[0], element), best, value, rows.position(at, i32));
        },
        [&](ValueRange a, ValueRange c) {
          // Of equal values, the position decides.
          Value isBetter = math.binary(isMax ? nn::kind::greater : nn::kind::less, c[0], a[0], element);
          Value isEqual = math.binary(nn::kind::equal, c[0], a[0], element);
          Value isNearer = math.binary(takesLast ? nn::kind::greater : nn::kind::less, c[1], a[1], i32);
          Value wins =
              arith::OrIOp::create(b, build.loc, isBetter, arith::AndIOp::create(b, build.loc, isEqual, isNearer));
          return choose(wins, a, c[0], c[1]);
        });
    loops.finish(nest, row, math.cast(best[1], i32, i64));
  });
  return success();
}

/// The larger of two numbers. A NaN need not survive here: it comes back with the exponentials.
static Value softmaxMax(LoopBuilder &build, Type element, Value a, Value b) {
  auto fast =
      arith::FastMathFlagsAttr::get(element.getContext(), arith::FastMathFlags::nnan | arith::FastMathFlags::nsz);
  return arith::MaximumFOp::create(build.builder, build.loc, a, b, fast);
}

static Value softmaxExponential(LoopBuilder &build, Value shifted) {
  ImplicitLocOpBuilder b(build.loc, build.builder);
  return expOfNonPositive({&b, shifted}).value;
}

void emitSoftmax(LoopBuilder &build, Rows &rows, const SoftmaxRows &of) {
  ScalarMath &math = build.math;
  Type element = of.element;
  rows.forEach([&](const Cursor &row) {
    Value most = rows.reduce(
        row, [&](int64_t splat) { return Values{math.constant(element, -kInfinity, splat)}; },
        [&](const Cursor &at, ValueRange best) { return Values{softmaxMax(build, element, best[0], of.load(at))}; },
        [&](ValueRange a, ValueRange b) { return Values{softmaxMax(build, element, a[0], b[0])}; })[0];
    auto shifted = [&](const Cursor &at) {
      return math.binary(nn::kind::sub, of.load(at), build.splat(most, at.lanes), element);
    };
    Value sum = rows.sum(row, element, [&](const Cursor &at) {
      Value value = softmaxExponential(build, shifted(at));
      if (of.keepsExponentials)
        of.store(at, value);
      return value;
    });
    Value last = math.unary(of.isLog ? nn::kind::log : nn::kind::reciprocal, sum, element);
    rows.each(row, [&](const Cursor &at) {
      Value splat = build.splat(last, at.lanes);
      if (of.isLog)
        return of.store(at, math.binary(nn::kind::sub, shifted(at), splat, element));
      Value value = of.keepsExponentials ? of.loadResult(at) : softmaxExponential(build, shifted(at));
      of.store(at, math.binary(nn::kind::mul, value, splat, element));
    });
  });
}

namespace {
/// Softmax, or its logarithm, of the rows of a nest: access 0 is read, access 1 written, the axis is the reduced loop.
class Softmax {
public:
  Softmax(KernelLoops &loops, nn::SoftmaxOp op, const Nest &nest, Type element)
      : loops(loops), build(loops.build), math(build.math), nest(nest), x(nest.accesses[0]), y(nest.accesses[1]),
        element(element), isLog(op.getLog()) {}

  void emit() {
    int loops = nest.extents.size();
    if (nest.isEmpty())
      return;
    if (loops >= 2 && nest.isReduced[loops - 1] && nest.extents[loops - 1] <= 4 && nest.extents[loops - 2] >= 4 &&
        isGrouped(x, loops) && isGrouped(y, loops))
      return shortRows();
    rows();
  }

private:
  KernelLoops &loops;
  LoopBuilder &build;
  ScalarMath &math;
  const Nest &nest;
  const Access &x, &y;
  Type element;
  bool isLog;

  Value max(Value a, Value b) { return softmaxMax(build, element, a, b); }
  Value sub(Value a, Value b) { return math.binary(nn::kind::sub, a, b, element); }
  Value add(Value a, Value b) { return math.binary(nn::kind::add, a, b, element); }
  Value mul(Value a, Value b) { return math.binary(nn::kind::mul, a, b, element); }
  Value exponential(Value shifted) { return softmaxExponential(build, shifted); }

  /// Rows lie behind each other in memory.
  static bool isGrouped(const Access &access, int loops) {
    return access.strides.back() == 1 && access.strides[loops - 2] > 1;
  }

  /// Rows of two to four elements: a lane for each row, all of its elements in registers.
  void shortRows() {
    int axis = nest.extents.size() - 1, vectorLoop = axis - 1;
    int64_t count = nest.extents[axis];
    if (x.strides[vectorLoop] != count || y.strides[vectorLoop] != count)
      return rows();
    build.loops(nest, sameLoops(vectorLoop), Cursor(), [&](const Cursor &outer) {
      build.tiles(nest.extents[vectorLoop], loops.lanes(), [&](Value begin, int64_t lanes) {
        Cursor at = outer;
        at.indices[vectorLoop] = begin;
        at.vectorLoop = vectorLoop;
        at.lanes = lanes;
        Values values = build.loadGroups(x, at, axis, count);
        Value most = values[0];
        for (Value value : ArrayRef<Value>(values).drop_front())
          most = max(most, value);
        Value sum;
        Values exponentials;
        for (Value &value : values) {
          value = sub(value, most);
          exponentials.push_back(exponential(value));
          sum = sum ? add(sum, exponentials.back()) : exponentials.back();
        }
        Value last = math.unary(isLog ? nn::kind::log : nn::kind::reciprocal, sum, element);
        for (auto [value, exponential] : llvm::zip(values, exponentials))
          value = isLog ? sub(value, last) : mul(exponential, last);
        build.storeGroups(y, at, axis, values);
      });
    });
  }

  void rows() {
    // Halves are not exact enough to keep e^x in the result's memory until the sum is known. One of many threads does
    // not either: others may take a part of the row, and would have to see what it stores.
    bool isOneOfMany = loops.machine.getMostLanes() > 0;
    bool keepsExponentials = !isLog && memoryType(element) == computeType(element) && !isOneOfMany;
    // Across rows that lie far apart every access waits for memory: up to four cache lines of columns at once (64 rows
    // of 36 KB, AVX2: 1.9 ns per element with one, 0.76 with four).
    bool isAcross = llvm::any_of(llvm::seq<int>(0, nest.extents.size()), [&](int loop) {
      return !nest.isReduced[loop] && x.strides[loop] == 1 && nest.extents[loop] >= 4;
    });
    Rows rows(build, nest, loops.lanes(), isAcross ? std::clamp<int64_t>(64 / loops.lanes(), 2, 8) : kSoftmaxChains);
    auto load = [&](const Cursor &at) { return build.load(x, at); };
    auto loadResult = [&](const Cursor &at) { return build.load(y, at); };
    auto store = [&](const Cursor &at, Value value) { build.store(y, at, value); };
    emitSoftmax(build, rows, {element, isLog, keepsExponentials, load, loadResult, store});
  }
};
} // namespace

LogicalResult lowerSoftmax(KernelLoops &loops, nn::SoftmaxOp op) {
  Type element = loops.elementOf(op.getInput());
  ArrayRef<int64_t> shape = loops.typeOf(op.getInput()).getShape();
  Nest nest = makeNest(shape, {(int64_t)op.getAxis()});
  SmallVector<int> same = sameLoops(shape.size());
  nest.accesses.push_back(loops.input(op.getInput(), same, shape.size()));
  nest.accesses.push_back(loops.output(0, same, shape.size()));
  nest.simplify();
  Softmax(loops, op, nest, element).emit();
  return success();
}

LogicalResult lowerCumSum(KernelLoops &loops, nn::CumSumOp op) {
  LoopBuilder &build = loops.build;
  ScalarMath &math = build.math;
  Type element = loops.elementOf(op.getInput());
  ArrayRef<int64_t> shape = loops.typeOf(op.getInput()).getShape();
  Nest nest = makeNest(shape, {(int64_t)op.getAxis()});
  SmallVector<int> same = sameLoops(shape.size());
  nest.accesses.push_back(loops.input(op.getInput(), same, shape.size()));
  nest.accesses.push_back(loops.output(0, same, shape.size()));
  nest.simplify();
  const Access &x = nest.accesses[0], &y = nest.accesses[1];

  // Vectors run beside the axis where they can; along it every element waits for the one before.
  int axis = -1, vectorLoop = -1;
  SmallVector<int> outer;
  for (int loop = 0, end = nest.extents.size(); loop < end; ++loop) {
    if (nest.isReduced[loop])
      axis = loop;
    else if (y.strides[loop] == 1 && nest.extents[loop] >= 4)
      vectorLoop = loop;
    else
      outer.push_back(loop);
  }
  int64_t extent = axis < 0 ? 1 : nest.extents[axis];
  // What goes on from element to element of a long sum is f64.
  bool isLong = extent > kLongestPlainSum && isa<FloatType>(element);
  Type total = isLong ? Type(build.builder.getF64Type()) : element;
  auto widen = [&](Value value) { return isLong ? math.widenSum(value, element) : value; };
  auto narrow = [&](Value value) { return math.narrowSum(value, element); };
  auto run = [&](const Cursor &row) {
    build.loop(build.index(0), build.index(extent), 1, math.constant(total, 0.0, row.splat()),
               [&](Value i, ValueRange sum) {
                 Cursor at = row;
                 if (axis >= 0)
                   at.indices[axis] = op.getReverse() ? build.sub(build.index(extent - 1), i) : i;
                 Value next = math.binary(nn::kind::add, sum[0], widen(build.load(x, at)), element);
                 build.store(y, at, narrow(op.getExclusive() ? sum[0] : next));
                 return Values{next};
               });
  };
  // Contiguous along the axis: log2(lanes) shifted additions make the sums of a vector, and one more adds what was
  // before it.
  bool isScan = vectorLoop < 0 && axis >= 0 && x.strides[axis] == 1 && y.strides[axis] == 1 && extent >= 8;
  auto scan = [&](const Cursor &row) {
    Value sum = math.constant(total, 0.0);
    // More lanes would only make more steps.
    for (TilePiece piece : build.cutTiles(extent, std::min<int64_t>(loops.lanes(), 8))) {
      int64_t lanes = piece.lanes, end = piece.begin + piece.count * lanes;
      sum = build.loop(build.index(piece.begin), build.index(end), lanes, sum, [&](Value i, ValueRange before) {
        Cursor at = row;
        at.vectorLoop = axis;
        at.lanes = lanes;
        // From the end: the piece that is as far from it.
        at.indices[axis] = op.getReverse() ? build.sub(build.index(extent - lanes), i) : i;
        Value sums = build.load(x, at);
        if (lanes == 1) {
          Value next = math.binary(nn::kind::add, before[0], widen(sums), element);
          build.store(y, at, narrow(op.getExclusive() ? before[0] : next));
          return Values{next};
        }
        // Lane l takes lane l - distance; what comes from outside is in the second operand.
        auto shifted = [&](Value vector, Value outside, int64_t distance) -> Value {
          SmallVector<int64_t> mask;
          for (int64_t lane = 0; lane < lanes; ++lane) {
            int64_t from = op.getReverse() ? lane + distance : lane - distance;
            mask.push_back(from >= 0 && from < lanes ? from : lanes);
          }
          return vector::ShuffleOp::create(build.builder, build.loc, vector, outside, mask);
        };
        Value zeros = math.constant(element, 0.0, lanes);
        for (int64_t distance = 1; distance < lanes; distance *= 2)
          sums = math.binary(nn::kind::add, sums, shifted(sums, zeros, distance), element);
        Value base = build.splat(before[0], lanes);
        Value next = math.binary(nn::kind::add, widen(sums), base, element);
        build.store(y, at, narrow(op.getExclusive() ? shifted(next, base, 1) : next));
        return Values{build.lanes(next, op.getReverse() ? 0 : lanes - 1, 1)};
      })[0];
    }
  };
  if (nest.isEmpty())
    return success();
  build.loops(nest, outer, Cursor(), [&](const Cursor &cursor) {
    if (vectorLoop < 0)
      return isScan ? scan(cursor) : run(cursor);
    build.tiles(nest.extents[vectorLoop], loops.lanes(), [&](Value begin, int64_t lanes) {
      Cursor row = cursor;
      row.indices[vectorLoop] = begin;
      row.vectorLoop = vectorLoop;
      row.lanes = lanes;
      run(row);
    });
  });
  return success();
}

} // namespace nncc
