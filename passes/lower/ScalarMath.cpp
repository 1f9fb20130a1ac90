// The functions of ScalarMath.h. Derived functions are written with those that codegen expands without libm:
// exp, log, log1p, sqrt, sin ... erf, powf, floor, ceil, roundeven, trunc, absf, copysign.
#include "passes/lower/ScalarMath.h"
#include "dialects/nn/BinaryKind.h"
#include "dialects/nn/UnaryKind.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Matchers.h"
#include "passes/lower/MathFunctions.h"
#include <cmath>
#include <limits>

using namespace mlir;

namespace nncc {

Type memoryType(Type element) {
  if (element.isInteger(1))
    return IntegerType::get(element.getContext(), 8);
  if (auto integer = dyn_cast<IntegerType>(element))
    return IntegerType::get(element.getContext(), integer.getWidth());
  return element;
}

Type computeType(Type element) {
  if (element.isInteger(1))
    return element;
  if (isa<FloatType>(element) && element.getIntOrFloatBitWidth() < 32)
    return Float32Type::get(element.getContext());
  return memoryType(element);
}

/// `element`, or a vector of it as long as `value` is.
static Type withShapeOf(Value value, Type element) {
  if (auto vector = dyn_cast<VectorType>(value.getType()))
    return VectorType::get(vector.getShape(), element);
  return element;
}

/// An attribute of `type` (scalar or vector) that holds `number`, clamped to the range of an integer type.
static TypedAttr numberAttr(Type type, double number, bool isUnsigned) {
  Type scalar = getElementTypeOrSelf(type);
  TypedAttr attr;
  if (auto floating = dyn_cast<FloatType>(scalar)) {
    attr = FloatAttr::get(floating, number);
  } else {
    unsigned width = scalar.getIntOrFloatBitWidth();
    APSInt integer(width, isUnsigned);
    bool isExact;
    // Conversion saturates, so that "no bound" (an infinity) becomes the end of the range.
    if (std::isnan(number))
      number = 0;
    APFloat(number).convertToInteger(integer, APFloat::rmTowardZero, &isExact);
    attr = IntegerAttr::get(scalar, integer);
  }
  if (auto vector = dyn_cast<VectorType>(type))
    return DenseElementsAttr::get(vector, attr);
  return attr;
}

/// The number that `value` is on every lane, when it is a constant.
static std::optional<double> constantNumber(Value value) {
  Attribute attr;
  if (!matchPattern(value, m_Constant(&attr))) {
    // A scalar that was made a vector.
    auto broadcast = value.getDefiningOp<vector::BroadcastOp>();
    if (!broadcast || !matchPattern(broadcast.getSource(), m_Constant(&attr)))
      return std::nullopt;
  }
  if (auto dense = dyn_cast<SplatElementsAttr>(attr))
    attr = dense.getSplatValue<Attribute>();
  if (auto number = dyn_cast<FloatAttr>(attr))
    return number.getValueAsDouble();
  return std::nullopt;
}

namespace {
/// Short names for the ops that the table is made of.
struct Ops {
  OpBuilder &builder;
  Location loc;
  // contract lets mul + add become one fma, which NEON and AVX2 have: inside of a function, or of a sum.
  arith::FastMathFlagsAttr contract =
      arith::FastMathFlagsAttr::get(builder.getContext(), arith::FastMathFlags::contract);
  // min and max may return either zero; with nsz they are one instruction against a constant.
  arith::FastMathFlagsAttr anyZero = arith::FastMathFlagsAttr::get(builder.getContext(), arith::FastMathFlags::nsz);

  template <typename Op, typename... Args> Value make(Args... args) const { return Op::create(builder, loc, args...); }
  Value number(Value like, double value) const {
    return make<arith::ConstantOp>(numberAttr(like.getType(), value, false));
  }
  Value add(Value x, Value y) const { return make<arith::AddFOp>(x, y, contract); }
  Value sub(Value x, Value y) const { return make<arith::SubFOp>(x, y, contract); }
  Value mul(Value x, Value y) const { return make<arith::MulFOp>(x, y, contract); }
  Value div(Value x, Value y) const { return make<arith::DivFOp>(x, y, contract); }
  Value add(Value x, double y) const { return add(x, number(x, y)); }
  Value mul(Value x, double y) const { return mul(x, number(x, y)); }
  Value neg(Value x) const { return make<arith::NegFOp>(x); }
  Value max(Value x, Value y) const { return make<arith::MaximumFOp>(x, y, anyZero); }
  Value min(Value x, Value y) const { return make<arith::MinimumFOp>(x, y, anyZero); }
  Value max(Value x, double y) const { return max(x, number(x, y)); }
  Value min(Value x, double y) const { return min(x, number(x, y)); }
  Value exp(Value x) const { return make<math::ExpOp>(x); }
  Value abs(Value x) const { return make<math::AbsFOp>(x); }
  Value less(Value x, double y) const { return compare(arith::CmpFPredicate::OLT, x, number(x, y)); }
  Value compare(arith::CmpFPredicate predicate, Value x, Value y) const { return make<arith::CmpFOp>(predicate, x, y); }
  Value compare(arith::CmpIPredicate predicate, Value x, Value y) const { return make<arith::CmpIOp>(predicate, x, y); }
  Value select(Value condition, Value x, Value y) const { return make<arith::SelectOp>(condition, x, y); }
  Value expOfNonPositive(Value x) const {
    ImplicitLocOpBuilder b(loc, builder);
    return nncc::expOfNonPositive({&b, x}).value;
  }
  /// 1 / (1 + e^-x), as e^x / (1 + e^x) for negative x: the exponent is never positive, and nothing overflows.
  Value sigmoid(Value x) const {
    Value e = expOfNonPositive(neg(abs(x)));
    return div(select(less(x, 0), e, number(x, 1)), add(e, 1));
  }
  /// x < 0 ? scale * (e^x - 1) : x
  Value elu(Value x, double scale) const {
    return select(less(x, 0), mul(add(expOfNonPositive(min(x, 0.0)), -1), scale), x);
  }
};
} // namespace

Value ScalarMath::like(Value value, double number) {
  return arith::ConstantOp::create(builder, loc, numberAttr(value.getType(), number, false));
}

Value ScalarMath::constant(Type element, double number, int64_t lanes) {
  Type type = computeType(element);
  if (lanes > 0)
    type = VectorType::get({lanes}, type);
  return arith::ConstantOp::create(builder, loc,
                                   numberAttr(type, number, element.isUnsignedInteger() || element.isInteger(1)));
}

Value ScalarMath::constant(Type element, Attribute value, int64_t lanes) {
  Type type = computeType(element);
  TypedAttr scalar;
  if (auto number = dyn_cast<FloatAttr>(value)) {
    scalar = FloatAttr::get(type, number.getValueAsDouble());
  } else if (auto number = dyn_cast<IntegerAttr>(value)) {
    scalar = IntegerAttr::get(type, number.getValue());
  } else if (auto number = dyn_cast<BoolAttr>(value)) {
    scalar = IntegerAttr::get(type, number.getValue());
  } else {
    return {};
  }
  if (lanes > 0)
    scalar = DenseElementsAttr::get(VectorType::get({lanes}, type), scalar);
  return arith::ConstantOp::create(builder, loc, scalar);
}

Value ScalarMath::fromMemory(Value value, Type element) {
  if (element.isInteger(1)) {
    Value zero = like(value, 0);
    return arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::ne, value, zero);
  }
  if (computeType(element) != memoryType(element))
    return arith::ExtFOp::create(builder, loc, withShapeOf(value, computeType(element)), value);
  return value;
}

Value ScalarMath::toMemory(Value value, Type element) {
  if (element.isInteger(1))
    return arith::ExtUIOp::create(builder, loc, withShapeOf(value, memoryType(element)), value);
  if (computeType(element) != memoryType(element))
    return arith::TruncFOp::create(builder, loc, withShapeOf(value, memoryType(element)), value);
  return value;
}

//===-- unary -----------------------------------------------------------===//

Value ScalarMath::unary(nn::UnaryKind kind, Value x, Type element, double alpha, double beta) {
  if (isa<FloatType>(element))
    return floatUnary(kind, x, alpha, beta);
  return integerUnary(kind, x, element, alpha, beta);
}

Value ScalarMath::floatUnary(nn::UnaryKind kind, Value x, double a, double b) {
  using K = nn::UnaryKind;
  Ops o{builder, loc};
  constexpr double infinity = std::numeric_limits<double>::infinity();
  switch (kind) {
  case K::abs:
    return o.abs(x);
  case K::neg:
    return o.neg(x);
  case K::exp:
    return o.exp(x);
  case K::log:
    return o.make<math::LogOp>(x);
  case K::sqrt:
    return o.make<math::SqrtOp>(x);
  case K::rsqrt:
    return o.div(o.number(x, 1), o.make<math::SqrtOp>(x));
  case K::reciprocal:
    return o.div(o.number(x, 1), x);
  case K::floor:
    return o.make<math::FloorOp>(x);
  case K::ceil:
    return o.make<math::CeilOp>(x);
  case K::round:
    return o.make<math::RoundEvenOp>(x);
  case K::sign: {
    // Zero and NaN are their own sign.
    Value zero = o.number(x, 0);
    Value isPositive = o.compare(arith::CmpFPredicate::OGT, x, zero);
    return o.select(isPositive, o.number(x, 1), o.select(o.less(x, 0), o.number(x, -1), x));
  }
  case K::logical_not:
  case K::bitwise_not:
    return {};
  case K::erf:
    return o.make<math::ErfOp>(x);
  case K::sin:
    return o.make<math::SinOp>(x);
  case K::cos:
    return o.make<math::CosOp>(x);
  case K::tan:
    return o.make<math::TanOp>(x);
  case K::asin:
    return o.make<math::AsinOp>(x);
  case K::acos:
    return o.make<math::AcosOp>(x);
  case K::atan:
    return o.make<math::AtanOp>(x);
  case K::sinh:
    return o.make<math::SinhOp>(x);
  case K::cosh:
    return o.make<math::CoshOp>(x);
  case K::tanh:
    return o.make<math::TanhOp>(x);
  case K::asinh:
    return o.make<math::AsinhOp>(x);
  case K::acosh:
    return o.make<math::AcoshOp>(x);
  case K::atanh:
    return o.make<math::AtanhOp>(x);
  case K::sigmoid:
    return o.sigmoid(x);
  case K::relu:
    return o.max(x, 0.0);
  case K::leaky_relu:
    return o.select(o.less(x, 0), o.mul(x, a), x);
  case K::elu:
    return o.elu(x, a);
  case K::selu:
    return o.mul(o.elu(x, a), b);
  case K::celu: {
    Value below = o.mul(o.add(o.expOfNonPositive(o.min(o.mul(x, 1 / a), 0.0)), -1), a);
    return o.select(o.less(x, 0), below, x);
  }
  case K::thresholded_relu:
    return o.select(o.compare(arith::CmpFPredicate::OGT, x, o.number(x, a)), x, o.number(x, 0));
  case K::hard_sigmoid:
    return o.max(o.min(o.add(o.mul(x, a), b), 1.0), 0.0);
  case K::hard_swish:
    return o.mul(x, o.max(o.min(o.add(o.mul(x, 1.0 / 6), 0.5), 1.0), 0.0));
  case K::silu:
    return o.mul(x, o.sigmoid(x));
  case K::gelu: {
    ImplicitLocOpBuilder b(loc, builder);
    return geluOf({&b, x}).value;
  }
  case K::gelu_tanh: {
    // 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))): Hendrycks and Gimpel 2016; (1 + tanh(y)) / 2 is sigmoid(2 y).
    Value twice = o.mul(o.mul(x, 2 * M_2_SQRTPI * M_SQRT1_2), o.add(o.mul(o.mul(x, x), 0.044715), 1));
    return o.mul(x, o.sigmoid(twice));
  }
  case K::softplus: {
    // max(x, 0) + ln(1 + e^-|x|): e^x would overflow.
    Value small = o.make<math::Log1pOp>(o.expOfNonPositive(o.neg(o.abs(x))));
    return o.add(o.max(x, 0.0), small);
  }
  case K::softsign:
    return o.div(x, o.add(o.abs(x), 1));
  case K::mish: {
    // tanh(ln(1 + e)) = n / (n + 2) with e = e^x, n = e (e + 2); it is 1 in float long before x = 20.
    Value e = o.exp(o.min(x, 20.0));
    Value n = o.mul(e, o.add(e, 2));
    return o.mul(x, o.div(n, o.add(n, 2)));
  }
  case K::clip:
    if (a != -infinity)
      x = o.max(x, a);
    if (b != infinity)
      x = o.min(x, b);
    return x;
  case K::is_nan:
    return o.compare(arith::CmpFPredicate::UNO, x, x);
  case K::is_inf: {
    if (a == 0 && b == 0)
      return arith::ConstantOp::create(builder, loc, numberAttr(withShapeOf(x, builder.getI1Type()), 0, true));
    Value value = a != 0 && b != 0 ? o.abs(x) : x;
    return o.compare(arith::CmpFPredicate::OEQ, value, o.number(x, a != 0 ? infinity : -infinity));
  }
  }
  return {};
}

Value ScalarMath::integerUnary(nn::UnaryKind kind, Value x, Type element, double a, double b) {
  using K = nn::UnaryKind;
  Ops o{builder, loc};
  bool isUnsigned = element.isUnsignedInteger() || element.isInteger(1);
  auto number = [&](double value) -> Value {
    return o.make<arith::ConstantOp>(numberAttr(x.getType(), value, isUnsigned));
  };
  auto max = [&](Value x, Value y) { return isUnsigned ? o.make<arith::MaxUIOp>(x, y) : o.make<arith::MaxSIOp>(x, y); };
  auto min = [&](Value x, Value y) { return isUnsigned ? o.make<arith::MinUIOp>(x, y) : o.make<arith::MinSIOp>(x, y); };
  auto ones = [&] { return o.make<arith::ConstantOp>(numberAttr(x.getType(), -1, false)); };
  switch (kind) {
  case K::abs:
    return isUnsigned ? x : max(x, o.make<arith::SubIOp>(number(0), x));
  case K::neg:
    return o.make<arith::SubIOp>(number(0), x);
  case K::floor:
  case K::ceil:
  case K::round:
    return x;
  case K::sign:
    return isUnsigned ? min(x, number(1)) : max(min(x, number(1)), number(-1));
  case K::logical_not:
    if (!element.isInteger(1))
      return {};
    [[fallthrough]];
  case K::bitwise_not:
    return o.make<arith::XOrIOp>(x, ones());
  case K::relu:
    return isUnsigned ? x : max(x, number(0));
  case K::clip:
    return min(max(x, number(a)), number(b));
  default:
    return {};
  }
}

//===-- binary ----------------------------------------------------------===//

Value ScalarMath::binary(nn::BinaryKind kind, Value x, Value y, Type element, bool fuses) {
  if (isa<FloatType>(element))
    return floatBinary(kind, x, y, fuses);
  return integerBinary(kind, x, y, element.isUnsignedInteger() || element.isInteger(1));
}

Value ScalarMath::floatBinary(nn::BinaryKind kind, Value x, Value y, bool fuses) {
  using K = nn::BinaryKind;
  using P = arith::CmpFPredicate;
  Ops o{builder, loc};
  if (!fuses)
    o.contract = arith::FastMathFlagsAttr::get(builder.getContext(), arith::FastMathFlags::none);
  switch (kind) {
  case K::add:
    return o.add(x, y);
  case K::sub:
    return o.sub(x, y);
  case K::mul:
    return o.mul(x, y);
  case K::div:
    return o.div(x, y);
  case K::pow:
    return power(x, y);
  case K::mod:
    return remainder(x, y, /*signOfDivisor=*/true);
  case K::fmod:
    return remainder(x, y, /*signOfDivisor=*/false);
  case K::min:
    return o.min(x, y);
  case K::max:
    return o.max(x, y);
  case K::prelu:
    return o.select(o.less(x, 0), o.mul(x, y), x);
  case K::equal:
    return o.compare(P::OEQ, x, y);
  case K::less:
    return o.compare(P::OLT, x, y);
  case K::less_equal:
    return o.compare(P::OLE, x, y);
  case K::greater:
    return o.compare(P::OGT, x, y);
  case K::greater_equal:
    return o.compare(P::OGE, x, y);
  default:
    return {};
  }
}

Value ScalarMath::integerBinary(nn::BinaryKind kind, Value x, Value y, bool isUnsigned) {
  using K = nn::BinaryKind;
  using P = arith::CmpIPredicate;
  Ops o{builder, loc};
  unsigned width = getElementTypeOrSelf(x.getType()).getIntOrFloatBitWidth();
  Value zero = o.number(x, 0), one = o.number(x, 1), minusOne = o.number(x, -1);

  // Division by zero traps on x86, and so does the smallest number by -1: neither may stop a program.
  auto divide = [&](Value x, Value y) -> Value {
    Value isZero = o.compare(P::eq, y, zero);
    if (isUnsigned)
      return o.make<arith::DivUIOp>(x, o.select(isZero, one, y));
    Value isMinusOne = o.compare(P::eq, y, minusOne);
    Value safe = o.select(o.make<arith::OrIOp>(isZero, isMinusOne), one, y);
    Value quotient = o.make<arith::DivSIOp>(x, safe);
    return o.select(isMinusOne, o.make<arith::SubIOp>(zero, x), quotient);
  };

  switch (kind) {
  case K::add:
    return o.make<arith::AddIOp>(x, y);
  case K::sub:
    return o.make<arith::SubIOp>(x, y);
  case K::mul:
    return o.make<arith::MulIOp>(x, y);
  case K::div:
    return divide(x, y);
  case K::pow:
    return integerPower(x, y, isUnsigned);
  case K::fmod:
  case K::mod: {
    Value rest = o.make<arith::SubIOp>(x, o.make<arith::MulIOp>(divide(x, y), y));
    if (isUnsigned || kind == K::fmod)
      return rest;
    Value differ = o.compare(P::slt, o.make<arith::XOrIOp>(rest, y), zero);
    Value isRest = o.compare(P::ne, rest, zero);
    return o.select(o.make<arith::AndIOp>(differ, isRest), o.make<arith::AddIOp>(rest, y), rest);
  }
  case K::min:
    return isUnsigned ? o.make<arith::MinUIOp>(x, y) : o.make<arith::MinSIOp>(x, y);
  case K::max:
    return isUnsigned ? o.make<arith::MaxUIOp>(x, y) : o.make<arith::MaxSIOp>(x, y);
  case K::prelu:
    return isUnsigned ? x : o.select(o.compare(P::slt, x, zero), o.make<arith::MulIOp>(x, y), x);
  case K::logical_and:
  case K::bitwise_and:
    return o.make<arith::AndIOp>(x, y);
  case K::logical_or:
  case K::bitwise_or:
    return o.make<arith::OrIOp>(x, y);
  case K::logical_xor:
  case K::bitwise_xor:
    return o.make<arith::XOrIOp>(x, y);
  case K::shift_left:
  case K::shift_right: {
    // A shift by the width or more is 0 (and poison in LLVM).
    Value isInside = o.compare(P::ult, y, o.number(y, width));
    Value amount = o.select(isInside, y, zero);
    Value shifted = kind == K::shift_left ? o.make<arith::ShLIOp>(x, amount)
                    : isUnsigned          ? o.make<arith::ShRUIOp>(x, amount)
                                          : o.make<arith::ShRSIOp>(x, amount);
    return o.select(isInside, shifted, zero);
  }
  case K::equal:
    return o.compare(P::eq, x, y);
  case K::less:
    return o.compare(isUnsigned ? P::ult : P::slt, x, y);
  case K::less_equal:
    return o.compare(isUnsigned ? P::ule : P::sle, x, y);
  case K::greater:
    return o.compare(isUnsigned ? P::ugt : P::sgt, x, y);
  case K::greater_equal:
    return o.compare(isUnsigned ? P::uge : P::sge, x, y);
  }
  return {};
}

/// x^y. The exponents that networks write as constants need no logarithm.
Value ScalarMath::power(Value x, Value y) {
  Ops o{builder, loc};
  if (std::optional<double> exponent = constantNumber(y)) {
    if (*exponent == 0)
      return o.number(x, 1);
    if (*exponent == 1)
      return x;
    if (*exponent == 2)
      return o.mul(x, x);
    if (*exponent == 3)
      return o.mul(o.mul(x, x), x);
    if (*exponent == 4) {
      Value square = o.mul(x, x);
      return o.mul(square, square);
    }
    if (*exponent == -1)
      return o.div(o.number(x, 1), x);
    if (*exponent == 0.5 || *exponent == -0.5) {
      // Powers of -0 are those of 0, and of -infinity those of infinity: IEEE 754-2019, 9.2.1.
      constexpr double infinity = std::numeric_limits<double>::infinity();
      Value isLowest = o.compare(arith::CmpFPredicate::OEQ, x, o.number(x, -infinity));
      Value root = o.make<math::SqrtOp>(o.select(isLowest, o.number(x, infinity), o.add(x, 0.0)));
      return *exponent > 0 ? root : o.div(o.number(x, 1), root);
    }
  }
  return o.make<math::PowFOp>(x, y);
}

/// x^y by squaring, wrapping: all bits of y count, since those of 2 vanish but those of 3 do not. A negative y gives
/// 1 / x^-y toward zero.
Value ScalarMath::integerPower(Value x, Value y, bool isUnsigned) {
  using P = arith::CmpIPredicate;
  Ops o{builder, loc};
  Value zero = o.number(x, 0), one = o.number(x, 1);
  Value result = one, square = x, rest = y;
  unsigned bits = getElementTypeOrSelf(y.getType()).getIntOrFloatBitWidth();
  for (unsigned bit = 0; bit < (isUnsigned ? bits : bits - 1); ++bit) {
    Value isSet = o.compare(P::ne, o.make<arith::AndIOp>(rest, one), zero);
    result = o.select(isSet, o.make<arith::MulIOp>(result, square), result);
    square = o.make<arith::MulIOp>(square, square);
    rest = o.make<arith::ShRUIOp>(rest, one);
  }
  if (isUnsigned)
    return result;
  Value isOdd = o.compare(P::ne, o.make<arith::AndIOp>(y, one), zero);
  Value minusOne = o.number(x, -1);
  Value unit = o.select(o.compare(P::eq, x, one), one, zero);
  unit = o.select(o.compare(P::eq, x, minusOne), o.select(isOdd, minusOne, one), unit);
  return o.select(o.compare(P::slt, y, zero), unit, result);
}

/// The remainder of a division of floats, exact where the quotient is below 2^52 (f32 is computed in f64).
Value ScalarMath::remainder(Value x, Value y, bool signOfDivisor) {
  using P = arith::CmpFPredicate;
  Ops o{builder, loc};
  Type type = x.getType();
  Type wide = withShapeOf(x, builder.getF64Type());
  if (type != wide) {
    x = o.make<arith::ExtFOp>(wide, x);
    y = o.make<arith::ExtFOp>(wide, y);
  }
  Value quotient = o.make<math::TruncOp>(o.make<arith::DivFOp>(x, y));
  Value rest = o.make<math::FmaOp>(o.neg(quotient), y, x);
  Value zero = o.number(x, 0);
  // The quotient may have been rounded up to the next integer: then the rest has the wrong sign.
  Value isWrong = o.compare(P::OLT, o.make<arith::MulFOp>(rest, x), zero);
  rest = o.select(isWrong, o.make<arith::AddFOp>(rest, o.make<math::CopySignOp>(y, x)), rest);
  // x / infinity leaves x.
  Value isInfinite = o.compare(P::OEQ, o.abs(y), o.number(y, std::numeric_limits<double>::infinity()));
  rest = o.select(isInfinite, x, rest);
  if (signOfDivisor) {
    Value differ = o.compare(P::OLT, o.make<arith::MulFOp>(rest, y), zero);
    rest = o.select(differ, o.make<arith::AddFOp>(rest, y), rest);
  }
  return type == wide ? rest : o.make<arith::TruncFOp>(type, rest);
}

//===-- cast ------------------------------------------------------------===//

/// Toward zero; what is out of range becomes the end of the range, NaN becomes 0. As AArch64 converts, on all targets.
Value ScalarMath::floatToInteger(Value x, Type target, bool isUnsigned) {
  using P = arith::CmpFPredicate;
  Ops o{builder, loc};
  unsigned width = target.getIntOrFloatBitWidth();
  auto floatType = cast<FloatType>(getElementTypeOrSelf(x.getType()));
  APInt least = isUnsigned ? APInt::getMinValue(width) : APInt::getSignedMinValue(width);
  APInt most = isUnsigned ? APInt::getMaxValue(width) : APInt::getSignedMaxValue(width);
  APFloat low(floatType.getFloatSemantics()), high(floatType.getFloatSemantics());
  low.convertFromAPInt(least, !isUnsigned, APFloat::rmTowardZero);
  bool isExact = high.convertFromAPInt(most, !isUnsigned, APFloat::rmTowardZero) == APFloat::opOK;
  // Clamped before the conversion, which is then defined: a saturating one costs x86 ten times as much. A NaN stays,
  // and what becomes of it is not taken.
  Value highest = o.number(x, high.convertToDouble());
  Value clamped = o.min(o.max(x, low.convertToDouble()), high.convertToDouble());
  // Narrow integers come through i32, for which there are instructions.
  Type wide = width < 32 ? Type(builder.getI32Type()) : target, wideType = withShapeOf(x, wide);
  Value result = isUnsigned && width >= 32 ? o.make<arith::FPToUIOp>(wideType, clamped)
                                           : o.make<arith::FPToSIOp>(wideType, clamped);
  auto number = [&](const APInt &value) -> Value {
    TypedAttr attr = IntegerAttr::get(wide, value);
    if (auto vector = dyn_cast<VectorType>(wideType))
      attr = DenseElementsAttr::get(vector, attr);
    return o.make<arith::ConstantOp>(attr);
  };
  // The greatest float in range may be less than the greatest integer.
  if (!isExact)
    result = o.select(o.compare(P::OGT, x, highest), number(most), result);
  result = o.select(o.compare(P::ORD, x, x), result, number(APInt::getZero(wide.getIntOrFloatBitWidth())));
  return wide == target ? result : o.make<arith::TruncIOp>(withShapeOf(x, target), result);
}

Value ScalarMath::cast(Value x, Type from, Type to, bool saturate) {
  using P = arith::CmpIPredicate;
  Ops o{builder, loc};
  if (from == to)
    return x;
  Type source = computeType(from), target = computeType(to);
  Type type = withShapeOf(x, target);
  bool isFromFloat = isa<FloatType>(from), isToFloat = isa<FloatType>(to);
  bool isFromUnsigned = from.isUnsignedInteger() || from.isInteger(1);

  if (to.isInteger(1)) {
    Value zero = o.number(x, 0);
    return isFromFloat ? o.compare(arith::CmpFPredicate::UNE, x, zero) : o.compare(P::ne, x, zero);
  }
  if (isToFloat) {
    // A half is computed as a float, but a cast to it rounds, once.
    Type stored = memoryType(to), storedType = withShapeOf(x, stored);
    Value result = x;
    if (!isFromFloat)
      result = isFromUnsigned ? o.make<arith::UIToFPOp>(storedType, x) : o.make<arith::SIToFPOp>(storedType, x);
    else if (stored.getIntOrFloatBitWidth() > source.getIntOrFloatBitWidth())
      result = o.make<arith::ExtFOp>(storedType, x);
    else if (stored != source)
      result = o.make<arith::TruncFOp>(storedType, x);
    return stored == target ? result : o.make<arith::ExtFOp>(type, result);
  }
  unsigned width = target.getIntOrFloatBitWidth();
  bool isUnsigned = to.isUnsignedInteger();
  if (isFromFloat)
    return floatToInteger(x, target, isUnsigned);
  unsigned sourceWidth = source.getIntOrFloatBitWidth();
  if (saturate && !from.isInteger(1)) {
    // The target's range, as far as it is inside the source's.
    Type scalar = source;
    auto bound = [&](bool isLow) -> std::optional<APInt> {
      APInt value =
          isLow ? (isUnsigned ? APInt(128, 0) : APInt::getSignedMinValue(width).sext(128))
                : (isUnsigned ? APInt::getMaxValue(width).zext(128) : APInt::getSignedMaxValue(width).sext(128));
      APInt least = isFromUnsigned ? APInt(128, 0) : APInt::getSignedMinValue(sourceWidth).sext(128);
      APInt most =
          isFromUnsigned ? APInt::getMaxValue(sourceWidth).zext(128) : APInt::getSignedMaxValue(sourceWidth).sext(128);
      if (isLow ? value.sle(least) : value.sge(most))
        return std::nullopt;
      return value.trunc(sourceWidth);
    };
    auto number = [&](const APInt &value) -> Value {
      TypedAttr attr = IntegerAttr::get(scalar, value);
      if (auto vector = dyn_cast<VectorType>(x.getType()))
        attr = DenseElementsAttr::get(vector, attr);
      return o.make<arith::ConstantOp>(attr);
    };
    if (auto low = bound(true))
      x = o.make<arith::MaxSIOp>(x, number(*low));
    if (auto high = bound(false))
      x = isFromUnsigned ? o.make<arith::MinUIOp>(x, number(*high)) : o.make<arith::MinSIOp>(x, number(*high));
  }
  if (width > sourceWidth)
    return isFromUnsigned ? o.make<arith::ExtUIOp>(type, x) : o.make<arith::ExtSIOp>(type, x);
  if (width < sourceWidth)
    return o.make<arith::TruncIOp>(type, x);
  return x;
}

Value ScalarMath::widenSum(Value sum, Type element) {
  Type wide = withShapeOf(sum, builder.getF64Type());
  return !isa<FloatType>(element) || sum.getType() == wide ? sum : arith::ExtFOp::create(builder, loc, wide, sum);
}

Value ScalarMath::narrowSum(Value sum, Type element) {
  Type narrow = withShapeOf(sum, computeType(element));
  return sum.getType() == narrow ? sum : arith::TruncFOp::create(builder, loc, narrow, sum);
}

Value ScalarMath::elementwise(Operation *op, ValueRange operands) {
  auto elementOf = [](Value value) { return getElementTypeOrSelf(value.getType()); };
  if (auto unaryOp = dyn_cast<nn::UnaryOp>(op))
    return unary(unaryOp.getKind(), operands[0], elementOf(unaryOp.getInput()), unaryOp.getAlpha().convertToDouble(),
                 unaryOp.getBeta().convertToDouble());
  // Every op of a model rounds by itself: x - floor(x / c) * c is 0 where the rounded product is x.
  if (auto binaryOp = dyn_cast<nn::BinaryOp>(op))
    return binary(binaryOp.getKind(), operands[0], operands[1], elementOf(binaryOp.getLhs()), /*fuses=*/false);
  if (isa<nn::SelectOp>(op))
    return arith::SelectOp::create(builder, loc, operands[0], operands[1], operands[2]);
  if (auto castOp = dyn_cast<nn::CastOp>(op))
    return cast(operands[0], elementOf(castOp.getInput()), elementOf(castOp.getOutput()), castOp.getSaturate());
  return quantized(op, operands);
}

} // namespace nncc
