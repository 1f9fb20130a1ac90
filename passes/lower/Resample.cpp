// Loops of resizing. Positions and weights follow from the shapes: they are computed here, in double, and become
// tables.
#include "dialects/nn/Kinds.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "passes/lower/ConstantTable.h"
#include "passes/lower/KernelLoops.h"
#include <cmath>

using namespace mlir;

namespace nncc {
namespace {

// Enlarging has 2 or 4 taps an axis. What shrinks with antialiasing has as many more as it is smaller: those are a
// loop.
constexpr int64_t kMostUnrolledTaps = 8;

/// What one output position reads: the same number of taps for every position of an axis.
struct AxisTaps {
  int64_t axis = 0, taps = 0;
  std::vector<int32_t> positions; ///< [output size][taps]
  std::vector<double> weights;    ///< [output size][taps]
  std::vector<bool> isOutside;    ///< [output size]: takes the extrapolation value
};

/// Where output position `i` lies between the input's positions: ONNX Resize, coordinate_transformation_mode.
///
/// Real  what it is computed in
template <typename Real> Real inputPosition(nn::ResizeOp op, unsigned number, Real i, Real inputSize, Real outputSize) {
  constexpr Real half = 0.5;
  StringRef mode = op.getCoordinate();
  // The size before it was rounded down: an integer where the scale was made from sizes.
  double exact = op.getScales()[number] * inputSize;
  Real scale = op.getScales()[number], length = std::abs(exact - outputSize) < 1e-5 * exact ? outputSize : exact;
  if (mode == "asymmetric")
    return i / scale;
  if (mode == "align_corners")
    return outputSize == 1 ? 0 : i * (inputSize - 1) / (length - 1 == 0 ? 1 : length - 1);
  if (mode == "pytorch_half_pixel")
    return length > 1 ? (i + half) / scale - half : 0;
  if (mode == "half_pixel_symmetric") {
    Real adjustment = outputSize / length, center = inputSize / 2;
    return center * (1 - adjustment) + (i + half) / scale - half;
  }
  if (mode == "tf_crop_and_resize" && op.getRoi()) {
    ArrayRef<double> roi = *op.getRoi();
    Real start = roi[number], end = roi[number + roi.size() / 2];
    if (outputSize > 1)
      return start * (inputSize - 1) + i * (end - start) * (inputSize - 1) / (outputSize - 1);
    return half * (start + end) * (inputSize - 1);
  }
  return (i + half) / scale - half; // half_pixel
}

/// The nearest input position. Floor and ceil of a position that is an integer but for rounding go by the rounding of
/// floats, as in onnxruntime; halves are halves whatever the rounding.
double nearestPosition(StringRef mode, float x) {
  constexpr double rounding = 1e-5;
  double fraction = x - std::floor(x);
  if (mode == "floor")
    return std::floor(x);
  if (mode == "ceil")
    return std::ceil(x);
  if (mode == "round_prefer_ceil")
    return fraction >= 0.5 - rounding ? std::ceil(x) : std::floor(x);
  return fraction <= 0.5 + rounding ? std::floor(x) : std::ceil(x); // round_prefer_floor
}

/// Keys 1981, with the coefficient a of the model.
double cubicWeight(double a, double x) {
  x = std::abs(x);
  if (x <= 1)
    return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2)
    return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a;
  return 0;
}

AxisTaps tapsOf(nn::ResizeOp op, unsigned number, int64_t inputSize, int64_t outputSize) {
  AxisTaps result;
  result.axis = op.getAxes()[number];
  double scale = op.getScales()[number], cubic = op.getCubicCoefficient().convertToDouble();
  bool isNearest = op.getMode() == nn::ResizeMode::nearest, isLinear = op.getMode() == nn::ResizeMode::linear;
  // A filter for shrinking is as much wider as the output is smaller.
  double stretch = op.getAntialias() && scale < 1 && !isNearest ? scale : 1;
  double radius = (isLinear ? 1 : 2) / stretch;
  result.taps = isNearest ? 1 : 2 * (int64_t)std::ceil(radius);
  for (int64_t i = 0; i < outputSize; ++i) {
    double x = isNearest ? inputPosition<float>(op, number, i, inputSize, outputSize)
                         : inputPosition<double>(op, number, i, inputSize, outputSize);
    result.isOutside.push_back(op.getCoordinate() == "tf_crop_and_resize" && (x < 0 || x > inputSize - 1));
    auto clamp = [&](double position) {
      return (int32_t)std::min<double>(std::max<double>(position, 0), inputSize - 1);
    };
    if (isNearest) {
      result.positions.push_back(clamp(nearestPosition(op.getNearest(), x)));
      result.weights.push_back(1);
      continue;
    }
    int64_t first = (int64_t)std::floor(x) - result.taps / 2 + 1;
    std::vector<double> weights;
    double sum = 0;
    for (int64_t tap = 0; tap < result.taps; ++tap) {
      double distance = (x - (first + tap)) * stretch;
      double weight = isLinear ? std::max(0.0, 1 - std::abs(distance)) : cubicWeight(cubic, distance);
      if (op.getExcludeOutside() && (first + tap < 0 || first + tap >= inputSize))
        weight = 0;
      sum += weight;
      weights.push_back(weight);
    }
    bool normalizes = op.getExcludeOutside() || stretch != 1;
    for (int64_t tap = 0; tap < result.taps; ++tap) {
      result.positions.push_back(clamp(first + tap));
      result.weights.push_back(normalizes && sum != 0 ? weights[tap] / sum : weights[tap]);
    }
  }
  return result;
}

/// Output positions [begin, begin + steps * period) of an axis, in which every period of outputs has the weights of the
/// one before, and positions one further: enlarging by a whole number, away from the borders.
struct Periods {
  int64_t begin = 0, steps = 0, period = 1;
};

Periods periodsOf(const AxisTaps &axis) {
  int64_t size = axis.isOutside.size();
  Periods best;
  if (llvm::is_contained(axis.isOutside, true))
    return best;
  for (int64_t period = 1; period <= 4; ++period) {
    auto continues = [&](int64_t output) {
      for (int64_t i = output * axis.taps, end = i + axis.taps; i < end; ++i)
        if (axis.positions[i + period * axis.taps] != axis.positions[i] + 1 ||
            std::abs(axis.weights[i + period * axis.taps] - axis.weights[i]) > 1e-9)
          return false;
      return true;
    };
    for (int64_t begin = 0, end; begin + period < size; begin = end + 1) {
      for (end = begin; end + period < size && continues(end);)
        ++end;
      int64_t steps = end == begin ? 0 : (end - begin) / period + 1;
      if (steps * period > best.steps * best.period)
        best = {begin, steps, period};
    }
  }
  return best;
}

} // namespace

LogicalResult lowerResize(KernelLoops &loops, nn::ResizeOp op) {
  LoopBuilder &build = loops.build;
  ScalarMath &math = build.math;
  OpBuilder &b = build.builder;
  Location loc = build.loc;
  Type element = loops.elementOf(op.getInput());
  ArrayRef<int64_t> input = loops.typeOf(op.getInput()).getShape(), shape = loops.typeOf(op.getOutput()).getShape();
  int rank = shape.size();

  std::vector<AxisTaps> axes;
  for (unsigned number = 0; number < op.getAxes().size(); ++number)
    axes.push_back(tapsOf(op, number, input[op.getAxes()[number]], shape[op.getAxes()[number]]));

  // Loops: the output's dims, then one that stands for the input position of each resampled axis, then one that stands
  // for its taps.
  Nest nest;
  nest.extents.assign(shape.begin(), shape.end());
  SmallVector<int> inputLoops = sameLoops(rank);
  for (auto [number, axis] : llvm::enumerate(axes)) {
    inputLoops[axis.axis] = rank + number;
    nest.extents.push_back(input[axis.axis]);
  }
  size_t firstTap = nest.extents.size();
  for (const AxisTaps &axis : axes)
    nest.extents.push_back(axis.taps);
  size_t count = nest.extents.size();
  nest.isReduced.assign(count, false);
  nest.accesses.push_back(loops.input(op.getInput(), inputLoops, count));
  loops.addResult(nest, sameLoops(rank));
  if (nest.isEmpty())
    return success();
  const Access &x = nest.accesses.front(), &y = nest.accesses.back();

  // Integers are resampled as floats.
  bool isNearest = op.getMode() == nn::ResizeMode::nearest, isInteger = !isa<FloatType>(element);
  Type weightType = isInteger ? b.getF32Type() : computeType(element);
  struct Tables {
    Access positions, weights, outside;
    bool hasOutside;
  };
  std::vector<Tables> tables;
  for (const AxisTaps &axis : axes) {
    int64_t size = shape[axis.axis];
    Tables table;
    auto positions = DenseElementsAttr::get(RankedTensorType::get({size, axis.taps}, b.getI32Type()),
                                            ArrayRef<int32_t>(axis.positions));
    table.positions = build.flatten(makeConstantTable(b, positions), b.getI32Type());
    SmallVector<Attribute> weights;
    for (double weight : axis.weights)
      weights.push_back(FloatAttr::get(weightType, weight));
    if (!isNearest)
      table.weights = build.flatten(
          makeConstantTable(b, DenseElementsAttr::get(RankedTensorType::get({size, axis.taps}, weightType), weights)),
          weightType);
    table.hasOutside = llvm::is_contained(axis.isOutside, true);
    if (table.hasOutside) {
      SmallVector<bool> outside(axis.isOutside.begin(), axis.isOutside.end());
      table.outside = build.flatten(
          makeConstantTable(b, DenseElementsAttr::get(RankedTensorType::get({size}, b.getI1Type()), outside)),
          b.getI1Type());
    }
    tables.push_back(table);
  }

  // Vectors run along a dim that is not resampled and contiguous on both sides.
  int vectorLoop = -1;
  SmallVector<int> outer;
  for (int d = 0; d < rank; ++d) {
    if (x.strides[d] == 1 && y.strides[d] == 1 && shape[d] >= 4)
      vectorLoop = d;
    else
      outer.push_back(d);
  }

  auto entry = [&](Access table, unsigned number, int64_t tap, const Cursor &at) {
    // Tables have one stride per loop like everything else: the axis moves a row.
    table.strides.assign(count, 0);
    table.strides[axes[number].axis] = axes[number].taps;
    table.strides[firstTap + number] = 1;
    table.offset += tap;
    Cursor scalar = at;
    scalar.vectorLoop = -1;
    scalar.lanes = 1;
    return build.load(table, scalar);
  };
  auto store = [&](const Cursor &at, Value value) {
    if (isInteger && !isNearest)
      value = math.cast(math.unary(nn::kind::round, value, weightType), weightType, element, /*saturate=*/true);
    for (auto [number, table] : llvm::enumerate(tables)) {
      if (!table.hasOutside)
        continue;
      Access outside = table.outside;
      outside.strides.assign(count, 0);
      outside.strides[axes[number].axis] = 1;
      Cursor scalar = at;
      scalar.vectorLoop = -1;
      scalar.lanes = 1;
      Value isOutside = build.splat(build.load(outside, scalar), at.lanes);
      Value other = math.constant(element, op.getExtrapolation().convertToDouble(), at.splat());
      value = arith::SelectOp::create(b, loc, isOutside, other, value);
    }
    loops.finish(nest, at, value);
  };
  auto pixel = [&](const Cursor &at) {
    // Every combination of taps; the weights multiply.
    std::function<Value(unsigned, Cursor)> combine = [&](unsigned number, Cursor here) -> Value {
      if (number == axes.size()) {
        Value value = build.load(x, here);
        return isInteger && !isNearest ? math.cast(value, element, weightType) : value;
      }
      const AxisTaps &axis = axes[number];
      // The value at tap `tap` beyond the one that the cursor is at, times its weight.
      auto weighted = [&](Cursor here, int64_t tap) {
        Value position = entry(tables[number].positions, number, tap, here);
        Value weight = isNearest ? Value() : entry(tables[number].weights, number, tap, here);
        here.indices[rank + number] = arith::IndexCastOp::create(b, loc, b.getIndexType(), position);
        Value value = combine(number + 1, here);
        return isNearest ? value : math.binary(nn::kind::mul, value, build.splat(weight, at.lanes), weightType);
      };
      if (axis.taps > kMostUnrolledTaps)
        return build.loop(build.index(0), build.index(axis.taps), 1, math.constant(weightType, 0.0, at.splat()),
                          [&](Value tap, ValueRange sum) {
                            Cursor inside = here;
                            inside.indices[firstTap + number] = tap;
                            return SmallVector<Value>{
                                math.binary(nn::kind::add, sum[0], weighted(inside, 0), weightType)};
                          })[0];
      Value sum;
      for (int64_t tap = 0; tap < axis.taps; ++tap) {
        Value value = weighted(here, tap);
        sum = sum ? math.binary(nn::kind::add, sum, value, weightType) : value;
      }
      return sum;
    };
    store(at, combine(0, at));
  };
  Cursor start;
  start.indices.resize(count);

  // Without such a dim: vectors along a resampled axis, when its pixels lie side by side and its outputs repeat.
  int along = -1;
  int64_t group = 1; // elements of a pixel
  Periods periods;
  bool hasLongTaps = llvm::any_of(axes, [](const AxisTaps &axis) { return axis.taps > kMostUnrolledTaps; });
  for (auto [number, axis] : llvm::enumerate(axes)) {
    int64_t step = y.strides[axis.axis];
    bool isImage = axis.axis == rank - 2 && step == shape[rank - 1] && y.strides[rank - 1] == 1 &&
                   x.strides[rank - 1] == 1 && nest.accesses.size() == 2;
    if (hasLongTaps || vectorLoop >= 0 || x.strides[rank + number] != step || (step != 1 && !isImage) || step > 4)
      continue;
    if (Periods found = periodsOf(axis); found.steps >= 4)
      along = number, group = step, periods = found;
  }
  if (along >= 0) {
    const AxisTaps &axis = axes[along];
    int loop = axis.axis, inner = group == 1 ? loop : rank - 1;
    llvm::erase(outer, loop);
    if (group > 1)
      llvm::erase(outer, inner);
    auto single = [&](const Cursor &row, int64_t begin, int64_t end) {
      build.loop(build.index(begin), build.index(end), 1, {}, [&](Value i, ValueRange) {
        Cursor at = row;
        at.indices[loop] = i;
        if (group == 1)
          pixel(at);
        else
          build.loop(group, [&](Value channel) {
            at.indices[inner] = channel;
            pixel(at);
          });
        return SmallVector<Value>();
      });
    };
    int64_t end = periods.begin + periods.steps * periods.period;
    build.loops(nest, outer, start, [&](const Cursor &row) {
      single(row, 0, periods.begin);
      build.tiles(periods.steps, loops.lanes(), [&](Value step, int64_t steps) {
        Cursor at = row;
        at.indices[loop] =
            build.add(build.index(periods.begin), build.mul(step, periods.period)); // the first output of the tile
        if (steps == 1) {
          for (int64_t phase = 0; phase < periods.period; ++phase)
            for (int64_t channel = 0; channel < group; ++channel) {
              Cursor one = at;
              one.indices[loop] = build.add(at.indices[loop], build.index(phase));
              if (group > 1)
                one.indices[inner] = build.index(channel);
              pixel(one);
            }
          return;
        }
        if (group > 1)
          at.indices[inner] = build.index(0);
        at.lanes = steps * group;
        SmallVector<Value> phases;
        for (int64_t phase = 0; phase < periods.period; ++phase) {
          // Every combination of taps of the other axes, around the constant taps of this one.
          std::function<Value(unsigned, Cursor)> combine = [&](unsigned number, Cursor here) -> Value {
            if (number == axes.size()) {
              here.vectorLoop = group == 1 ? rank + along : inner;
              Value value = build.load(x, here);
              return isInteger && !isNearest ? math.cast(value, element, weightType) : value;
            }
            Value sum;
            for (int64_t tap = 0; tap < axes[number].taps; ++tap) {
              Value weight;
              if ((int)number == along) {
                int64_t entry = (periods.begin + phase) * axis.taps + tap;
                // Taps without weight are most of those that a whole factor has.
                if (!isNearest && axis.weights[entry] == 0 && (sum || tap + 1 < axis.taps))
                  continue;
                here.indices[rank + number] = build.add(step, build.index(axis.positions[entry]));
                weight = math.constant(weightType, axis.weights[entry], at.lanes);
              } else {
                Value position = entry(tables[number].positions, number, tap, at);
                here.indices[rank + number] = arith::IndexCastOp::create(b, loc, b.getIndexType(), position);
                if (!isNearest)
                  weight = build.splat(entry(tables[number].weights, number, tap, at), at.lanes);
              }
              Value value = combine(number + 1, here);
              if (isNearest)
                return value;
              value = math.binary(nn::kind::mul, value, weight, weightType);
              sum = sum ? math.binary(nn::kind::add, sum, value, weightType) : value;
            }
            return sum;
          };
          phases.push_back(combine(0, at));
        }
        Value value = phases[0];
        if (periods.period > 1)
          value = build.interleave(phases, group);
        at.vectorLoop = inner;
        at.lanes = steps * group * periods.period;
        store(at, value);
      });
      single(row, end, shape[loop]);
    });
    return success();
  }

  build.loops(nest, outer, start, [&](const Cursor &cursor) {
    if (vectorLoop < 0)
      return pixel(cursor);
    build.tiles(shape[vectorLoop], loops.lanes(), [&](Value begin, int64_t lanes) {
      Cursor at = cursor;
      at.indices[vectorLoop] = begin;
      at.vectorLoop = vectorLoop;
      at.lanes = lanes;
      pixel(at);
    });
  });
  return success();
}

} // namespace nncc
