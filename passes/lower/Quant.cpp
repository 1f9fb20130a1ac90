// The code of quantized values: one element or a vector of them. Nothing here may be contracted or reassociated: what a
// step is rounded to is part of the op's meaning, on every machine.
#include "dialects/nn/ConstantData.h"
#include "dialects/nn/Kinds.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "passes/lower/ConstantTable.h"
#include "passes/lower/ScalarMath.h"
#include "llvm/ADT/TypeSwitch.h"
#include <cmath>
#include <limits>

using namespace mlir;

namespace nncc {

static Type elementOf(Value value) { return getElementTypeOrSelf(value.getType()); }

// Numbers of less than 2^22 added to it are rounded to the nearest integer, ties to even: its last place is 1 (IEEE
// 754, binary32).
constexpr double kRounder = 3 << 22;

/// The integers of a type of 8 or 16 bits.
static std::pair<int64_t, int64_t> rangeOf(Type type) {
  int64_t count = int64_t(1) << type.getIntOrFloatBitWidth(), low = type.isUnsignedInteger() ? 0 : -count / 2;
  return {low, low + count - 1};
}

Value ScalarMath::clamp(Value value, Value low, Value high) {
  // The maximum of NaN and a number is the number: behind it there is no NaN.
  value = arith::MaxNumFOp::create(builder, loc, value, low);
  return arith::MinNumFOp::create(builder, loc, value, high);
}

Value ScalarMath::roundToSteps(Value steps, Value zero, Type to) {
  auto shaped = [&](Type element) -> Type {
    auto vector = dyn_cast<VectorType>(steps.getType());
    return vector ? Type(vector.clone(element)) : element;
  };
  // The type tells the target how large they are: bytes fit words, a zero point more or less.
  Type wide = to.getIntOrFloatBitWidth() == 8 ? builder.getI16Type() : builder.getI32Type();
  Value rounded = math::RoundEvenOp::create(builder, loc, steps);
  Value result = arith::FPToSIOp::create(builder, loc, shaped(wide), rounded);
  if (zero)
    result = arith::AddIOp::create(builder, loc, result, cast(zero, to, wide));
  auto [low, high] = rangeOf(to);
  result = arith::MaxSIOp::create(builder, loc, result, like(result, low));
  result = arith::MinSIOp::create(builder, loc, result, like(result, high));
  return arith::TruncIOp::create(builder, loc, shaped(computeType(to)), result);
}

Value ScalarMath::narrow(Value steps, Value zero, Type to) {
  // Bounds are integers, so that it does not matter that they come before the rounding.
  auto bound = [&](int64_t number) -> Value {
    Value value = like(steps, number);
    return zero ? arith::SubFOp::create(builder, loc, value, cast(zero, to, builder.getF32Type())) : value;
  };
  auto [low, high] = rangeOf(to);
  return roundToSteps(clamp(steps, bound(low), bound(high)), zero, to);
}

namespace {
/// What stands for a division by a scale that is known: x * high + x * low, rounded twice.
struct Reciprocal {
  float high, low;
};
} // namespace

/// The reciprocal of a scale, if all x whose quotients lie between two integers get the same nearest integers by it.
///
/// Both roundings to integers are monotonous, and errors of products are less than a place of a float: only next to the
/// x whose quotients lie halfway between integers may they differ, and those are tried.
static std::optional<Reciprocal> reciprocalOf(float scale, int64_t low, int64_t high) {
  // Far from the ends of the range of f32, nothing under- or overflows that matters.
  if (!(scale > 0x1p-90f && scale < 0x1p90f))
    return std::nullopt;
  double exact = 1.0 / scale;
  Reciprocal reciprocal{static_cast<float>(exact), 0};
  reciprocal.low = static_cast<float>(exact - reciprocal.high);
  constexpr int places = 3;
  for (int64_t k = low; k < high; ++k) {
    float x = static_cast<float>((static_cast<double>(k) + 0.5) * scale);
    for (int i = 0; i < places; ++i)
      x = std::nextafter(x, -std::numeric_limits<float>::infinity());
    for (int i = 0; i < 2 * places + 1; ++i) {
      float quotient = x / scale, rest = x * reciprocal.low;
      if (std::nearbyint(quotient) != std::nearbyint(std::fma(x, reciprocal.high, rest)))
        return std::nullopt;
      x = std::nextafter(x, std::numeric_limits<float>::infinity());
    }
  }
  return reciprocal;
}

/// The number that all elements of a constant operand are; nothing for other operands.
static std::optional<double> numberOf(Value operand) {
  auto reader = nn::ConstantReader::get(operand);
  if (!reader || !reader->isUniform())
    return std::nullopt;
  bool isFloat = isa<FloatType>(elementOf(operand));
  return isFloat ? reader->getFloat(0) : static_cast<double>(reader->getInteger(0));
}

/// What roundToSteps() has rounded; null where it was another that made the integers.
static Value stepsBehind(Value integers) {
  Operation *maker = integers.getDefiningOp();
  while (isa_and_nonnull<arith::TruncIOp, arith::MinSIOp, arith::MaxSIOp, arith::AddIOp, arith::FPToSIOp>(maker))
    maker = maker->getOperand(0).getDefiningOp();
  auto rounding = dyn_cast_or_null<math::RoundEvenOp>(maker);
  return rounding ? rounding.getOperand() : Value();
}

/// Bytes that nothing else reads are not made, nor widened again.
Value ScalarMath::requantizedAsFloats(Value operand, Value integers, double zeroPoint) {
  auto requantize = operand.getDefiningOp<nn::RequantizeOp>();
  auto point = requantize ? numberOf(requantize.getZeroPoint()) : std::nullopt;
  Value steps = point ? stepsBehind(integers) : Value();
  if (!steps)
    return {};
  if (requantize.getFits()) {
    auto [low, high] = rangeOf(elementOf(operand));
    steps = clamp(steps, like(steps, low - *point), like(steps, high - *point));
  }
  // Sums of integers that floats hold: they give no -0.
  Value rounded = arith::AddFOp::create(builder, loc, steps, like(steps, kRounder));
  return arith::SubFOp::create(builder, loc, rounded, like(steps, kRounder - *point + zeroPoint));
}

/// True when constants prove that the sum of two quantized values has room in words, with a zero point.
static bool fitsWords(nn::RequantizeSumOp op) {
  double most = 0;
  for (auto [value, multiplier] :
       {std::pair(op.getA(), op.getAMultiplier()), std::pair(op.getB(), op.getBMultiplier())}) {
    auto [low, high] = rangeOf(elementOf(value));
    auto factor = numberOf(multiplier);
    if (!factor)
      return false;
    most += std::fabs(*factor) * std::max(std::abs(low), std::abs(high));
  }
  auto offset = numberOf(op.getOffset());
  return offset && elementOf(op.getOutput()).getIntOrFloatBitWidth() == 8 && most + std::fabs(*offset) < 0x1p15 - 512;
}

/// A division takes as long as the rest of the op: where the scale is known, products give the same integers.
Value ScalarMath::quantizedByProducts(nn::QuantizeOp op, Value x, Value zero) {
  auto scale = numberOf(op.getScale()), point = numberOf(op.getZeroPoint());
  if (!scale || !point)
    return {};
  auto [low, high] = rangeOf(elementOf(op.getZeroPoint()));
  int64_t less = static_cast<int64_t>(*point);
  auto reciprocal = reciprocalOf(static_cast<float>(*scale), low - less, high - less);
  if (!reciprocal)
    return {};
  auto bound = [&](int64_t number) { return like(x, static_cast<float>(static_cast<double>(number - less) * *scale)); };
  if (!op.getFits())
    x = clamp(x, bound(low), bound(high));
  Value steps = x;
  if (reciprocal->low != 0) {
    Value rest = arith::MulFOp::create(builder, loc, x, like(x, reciprocal->low));
    steps = math::FmaOp::create(builder, loc, x, like(x, reciprocal->high), rest);
  } else if (reciprocal->high != 1) {
    steps = arith::MulFOp::create(builder, loc, x, like(x, reciprocal->high));
  }
  return roundToSteps(steps, zero, elementOf(op.getZeroPoint()));
}

/// The element of the table at each of the positions, which are bytes.
static Value lookUp(OpBuilder &builder, Location loc, Value table, Value bytes) {
  Type index = builder.getIndexType();
  auto vector = dyn_cast<VectorType>(bytes.getType());
  Value at = arith::IndexCastUIOp::create(builder, loc, vector ? Type(vector.clone(index)) : index, bytes);
  return vector ? gatherAll(builder, loc, table, at) : memref::LoadOp::create(builder, loc, table, at).getResult();
}

Value ScalarMath::quantized(Operation *op, ValueRange in) {
  Type f32 = builder.getF32Type(), i32 = builder.getI32Type();
  auto real = [&](Value value, Value operand) {
    Value steps = requantizedAsFloats(operand, value, /*zeroPoint=*/0);
    return steps ? steps : cast(value, elementOf(operand), f32);
  };
  return llvm::TypeSwitch<Operation *, Value>(op)
      .Case([&](nn::QuantizeOp quantize) -> Value {
        if (Value result = quantizedByProducts(quantize, in[0], in[2]))
          return result;
        return narrow(arith::DivFOp::create(builder, loc, in[0], in[1]), in[2], elementOf(quantize.getZeroPoint()));
      })
      .Case([&](nn::DequantizeOp dequantize) -> Value {
        Type element = elementOf(dequantize.getInput());
        auto point = numberOf(dequantize.getZeroPoint());
        if (Value steps = point ? requantizedAsFloats(dequantize.getInput(), in[0], *point) : Value())
          return arith::MulFOp::create(builder, loc, steps, in[1]);
        Value difference =
            binary(nn::kind::sub, cast(in[0], element, i32), cast(in[2], element, i32), i32, /*fuses=*/false);
        return arith::MulFOp::create(builder, loc, cast(difference, i32, f32), in[1]);
      })
      .Case([&](nn::RequantizeOp requantize) {
        // Sums may come as the floats that they would be rounded to.
        Value sums = isa<FloatType>(elementOf(in[0])) ? in[0] : cast(in[0], i32, f32);
        Value steps = arith::MulFOp::create(builder, loc, sums, in[1]);
        Type to = elementOf(requantize.getZeroPoint());
        return requantize.getFits() ? roundToSteps(steps, in[2], to) : narrow(steps, in[2], to);
      })
      .Case([&](nn::RequantizeSumOp sum) {
        Value steps = math::FmaOp::create(builder, loc, real(in[2], sum.getB()), in[3], in[4]);
        steps = math::FmaOp::create(builder, loc, real(in[0], sum.getA()), in[1], steps);
        Type to = elementOf(sum.getOutput());
        return fitsWords(sum) ? roundToSteps(steps, {}, to) : narrow(steps, {}, to);
      })
      .Case([&](nn::LookupOp lookup) {
        return lookUp(builder, loc, makeConstantTable(outside, lookup.getTable()), in[0]);
      })
      .Default(Value());
}

} // namespace nncc
