// The formulas of MathFunctions.h.
// Sources: Moshier, Cephes (single precision: expf, logf, sinf, asinf, atanf); Sun, fdlibm (log, sin); polynomials
// of f64 marked "fit" are Chebyshev fits at 60 digits whose error is below 2^-55; one of f32 says its error.
#include "passes/lower/MathFunctions.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/TypeUtilities.h"
#include <cmath>
#include <limits>

using namespace mlir;
using namespace nncc;

static constexpr double infinity = std::numeric_limits<double>::infinity();
static constexpr double notANumber = std::numeric_limits<double>::quiet_NaN();
static constexpr double pi = 3.14159265358979323846;
static constexpr double ln2 = 0.693147180559945309417;

bool Real::isDouble() const { return getElementTypeOrSelf(value.getType()).isF64(); }

//===-- a small language for formulas ------------------------------------===//

namespace {
/// An integer of the width of a Real, for its bits.
struct Bits {
  ImplicitLocOpBuilder *builder;
  Value value;
};
/// The result of a comparison.
struct Mask {
  ImplicitLocOpBuilder *builder;
  Value value;
};
} // namespace

static Value constantOf(ImplicitLocOpBuilder &builder, Type type, TypedAttr element) {
  if (auto vector = dyn_cast<VectorType>(type))
    element = DenseElementsAttr::get(vector, element);
  return arith::ConstantOp::create(builder, element);
}
static Real number(Real like, double value) {
  Type element = getElementTypeOrSelf(like.type());
  return {like.builder, constantOf(*like.builder, like.type(), FloatAttr::get(element, value))};
}
static Bits number(Bits like, int64_t value) {
  Type element = getElementTypeOrSelf(like.value.getType());
  return {like.builder, constantOf(*like.builder, like.value.getType(), IntegerAttr::get(element, value))};
}

template <typename Op> static Real apply(Real a) { return {a.builder, Op::create(*a.builder, a.value)}; }
template <typename Op> static Real apply(Real a, Real b) {
  return {a.builder, Op::create(*a.builder, a.value, b.value)};
}
template <typename Op> static Bits apply(Bits a, int64_t b) {
  return {a.builder, Op::create(*a.builder, a.value, number(a, b).value)};
}
static Real operator+(Real a, Real b) { return apply<arith::AddFOp>(a, b); }
static Real operator-(Real a, Real b) { return apply<arith::SubFOp>(a, b); }
static Real operator*(Real a, Real b) { return apply<arith::MulFOp>(a, b); }
static Real operator/(Real a, Real b) { return apply<arith::DivFOp>(a, b); }
static Real operator+(Real a, double b) { return a + number(a, b); }
static Real operator-(Real a, double b) { return a - number(a, b); }
static Real operator*(Real a, double b) { return a * number(a, b); }
static Real operator+(double a, Real b) { return number(b, a) + b; }
static Real operator-(double a, Real b) { return number(b, a) - b; }
static Real operator/(double a, Real b) { return number(b, a) / b; }
static Real operator-(Real a) { return apply<arith::NegFOp>(a); }
static Bits operator+(Bits a, int64_t b) { return apply<arith::AddIOp>(a, b); }
static Bits operator-(Bits a, int64_t b) { return apply<arith::SubIOp>(a, b); }
static Bits operator-(Bits a, Bits b) { return {a.builder, arith::SubIOp::create(*a.builder, a.value, b.value)}; }
static Bits operator&(Bits a, int64_t b) { return apply<arith::AndIOp>(a, b); }
static Bits operator|(Bits a, int64_t b) { return apply<arith::OrIOp>(a, b); }
static Bits operator^(Bits a, int64_t b) { return apply<arith::XOrIOp>(a, b); }
static Bits operator<<(Bits a, int64_t b) { return apply<arith::ShLIOp>(a, b); }
static Bits operator>>(Bits a, int64_t b) { return apply<arith::ShRUIOp>(a, b); } // logical: AVX2 has no other
static Real absOf(Real a) { return apply<math::AbsFOp>(a); }
static Real sqrtOf(Real a) { return apply<math::SqrtOp>(a); }
static Real truncOf(Real a) { return apply<math::TruncOp>(a); }
static Real copysign(Real magnitude, Real sign) { return apply<math::CopySignOp>(magnitude, sign); }

/// a * b + c, rounded once.
static Real fma(Real a, Real b, Real c) {
  return {a.builder, math::FmaOp::create(*a.builder, a.value, b.value, c.value)};
}
static Real fma(Real a, double b, Real c) { return fma(a, number(a, b), c); }
static Real fma(Real a, Real b, double c) { return fma(a, b, number(a, c)); }
static Real fma(Real a, double b, double c) { return fma(a, number(a, b), number(a, c)); }

using P = arith::CmpFPredicate;
static Mask compare(P predicate, Real a, Real b) {
  return {a.builder, arith::CmpFOp::create(*a.builder, predicate, a.value, b.value)};
}
static Mask compare(P predicate, Real a, double b) { return compare(predicate, a, number(a, b)); }
static Mask operator&(Mask a, Mask b) { return {a.builder, arith::AndIOp::create(*a.builder, a.value, b.value)}; }
static Mask operator|(Mask a, Mask b) { return {a.builder, arith::OrIOp::create(*a.builder, a.value, b.value)}; }
static Real select(Mask mask, Real a, Real b) {
  return {a.builder, arith::SelectOp::create(*a.builder, mask.value, a.value, b.value)};
}
static Bits select(Mask mask, Bits a, Bits b) {
  return {a.builder, arith::SelectOp::create(*a.builder, mask.value, a.value, b.value)};
}
static Real select(Mask mask, double a, Real b) { return select(mask, number(b, a), b); }
static Real select(Mask mask, Real a, double b) { return select(mask, a, number(a, b)); }
/// The smaller and the greater of x and a number; NaN stays. One instruction on x86.
static Real atMost(Real x, double limit) { return select(compare(P::OGT, x, limit), limit, x); }
static Real atLeast(Real x, double limit) { return select(compare(P::OLT, x, limit), limit, x); }

/// Coefficients from the highest power to the constant.
static Real polynomial(Real x, ArrayRef<double> coefficients) {
  Real sum = number(x, coefficients.front());
  for (double coefficient : coefficients.drop_front())
    sum = fma(sum, x, coefficient);
  return sum;
}

static Type withElement(Type like, Type element) {
  if (auto vector = dyn_cast<VectorType>(like))
    return VectorType::get(vector.getShape(), element);
  return element;
}
static Bits bitsOf(Real x) {
  Type type = withElement(x.type(), x.builder->getIntegerType(x.isDouble() ? 64 : 32));
  return {x.builder, arith::BitcastOp::create(*x.builder, type, x.value)};
}
static Real realOf(Bits bits) {
  bool isDouble = getElementTypeOrSelf(bits.value.getType()).isInteger(64);
  Type element = isDouble ? Type(bits.builder->getF64Type()) : Type(bits.builder->getF32Type());
  return {bits.builder,
          arith::BitcastOp::create(*bits.builder, withElement(bits.value.getType(), element), bits.value)};
}
static Real toDouble(Real x) {
  if (x.isDouble())
    return x;
  return {x.builder, arith::ExtFOp::create(*x.builder, withElement(x.type(), x.builder->getF64Type()), x.value)};
}
/// To the type of `like`, rounding.
static Real toTypeOf(Real x, Real like) {
  if (x.type() == like.type())
    return x;
  return {x.builder, arith::TruncFOp::create(*x.builder, like.type(), x.value)};
}
static Bits toInt32(Bits bits) {
  Type type = withElement(bits.value.getType(), bits.builder->getI32Type());
  return {bits.builder, arith::TruncIOp::create(*bits.builder, type, bits.value)};
}

/// The layout of a float type (IEEE 754).
namespace {
struct Format {
  explicit Format(Real x) : isDouble(x.isDouble()) {}
  bool isDouble;
  int mantissaBits() const { return isDouble ? 52 : 23; }
  int64_t exponentBias() const { return isDouble ? 1023 : 127; }
  int64_t signBit() const {
    return isDouble ? std::numeric_limits<int64_t>::min() : std::numeric_limits<int32_t>::min();
  }
  /// 1.5 * 2^mantissaBits: added to a small number it leaves the nearest integer in the low bits of the sum.
  double roundingNumber() const { return isDouble ? 0x1.8p52 : 0x1.8p23; }
  int64_t roundingBits() const { return isDouble ? 0x4338000000000000 : 0x4B400000; }
};
} // namespace

//===-- exponentials -------------------------------------------------------===//

namespace {
/// x = count * ln 2 + rest, |rest| <= ln 2 / 2.
struct Reduced {
  Bits count;
  Real rest;
};
} // namespace

/// x - count * ln 2
static Real restByLn2(Real x, Real count) {
  // ln 2 in two parts, the first short enough for an exact product.
  double high = x.isDouble() ? 6.93147180369123816490e-01 : 0.693359375;
  double low = x.isDouble() ? 1.90821492927058770002e-10 : -2.12194440e-4;
  return fma(count, -low, fma(count, -high, x));
}

static Reduced reduceByLn2(Real x) {
  Format format(x);
  Real sum = fma(x, 1 / ln2, format.roundingNumber());
  return {bitsOf(sum) - format.roundingBits(), restByLn2(x, sum - format.roundingNumber())};
}

/// (e^r - 1 - r) / r^2 for |r| <= ln 2 / 2.
static Real exponentialTail(Real r) {
  if (r.isDouble()) { // Taylor, next term 4e-19
    SmallVector<double> coefficients;
    for (int power = 13; power >= 2; --power)
      coefficients.push_back(1 / std::tgamma(power + 1));
    return polynomial(r, coefficients);
  }
  return polynomial(r, {1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1,
                        5.0000001201e-1}); // Cephes expf
}

/// 2^n for -bias < n <= bias.
static Real powerOfTwo(Bits n, Format format) { return realOf((n + format.exponentBias()) << format.mantissaBits()); }

/// x * 2^n in two steps, so that neither factor leaves the range where the result is inside.
static Real scaleByPowerOfTwo(Real x, Bits n) {
  Format format(x);
  Bits half = ((n + 4096) >> 1) - 2048; // n may be negative
  return x * powerOfTwo(half, format) * powerOfTwo(n - half, format);
}

/// e^x * 2^shift
static Real shiftedExp(Real x, int64_t shift) {
  // Beyond these the result is infinity or 0; the halves of n stay in range.
  x = atLeast(atMost(x, x.isDouble() ? 711 : 90), x.isDouble() ? -746 : -105);
  auto [count, rest] = reduceByLn2(x);
  Real value = fma(exponentialTail(rest), rest * rest, rest) + 1;
  return scaleByPowerOfTwo(value, count + shift);
}

Real nncc::expOf(Real x) { return shiftedExp(x, 0); }

Real nncc::expOfNonPositive(Real x) {
  // Just above the logarithm of the smallest normal number. Below it anything may come out: 0 takes its place.
  double least = x.isDouble() ? -708.39 : -87.33;
  Format format(x);
  // The low bits of the sum are the exponent of a float, which a shift puts in its place.
  double rounding = format.roundingNumber() + format.exponentBias();
  Real sum = fma(x, 1 / ln2, rounding);
  Real rest = restByLn2(x, sum - rounding), value = rest;
  if (x.isDouble())
    value = fma(exponentialTail(rest), rest * rest, rest) + 1;
  else // e^r, relative error 3.2e-9: fit
    value = polynomial(rest, {0.0013821289176121354, 0.00836866907775402, 0.04166825860738754, 0.1666652113199234,
                              0.4999999403953552, 1, 1});
  Real scale = realOf(bitsOf(sum) << format.mantissaBits());
  return select(compare(P::OLT, x, least), 0, value * scale);
}

Real nncc::exp2Of(Real x) {
  x = atLeast(atMost(x, x.isDouble() ? 1025 : 129), x.isDouble() ? -1076 : -151);
  Format format(x);
  Real sum = x + format.roundingNumber();
  Real rest = (x - (sum - format.roundingNumber())) * ln2;
  Real value = fma(exponentialTail(rest), rest * rest, rest) + 1;
  return scaleByPowerOfTwo(value, bitsOf(sum) - format.roundingBits());
}

Real nncc::expm1Of(Real x) {
  Format format(x);
  x = atLeast(atMost(x, x.isDouble() ? 710 : 89), -50); // -1 in every type
  auto [count, rest] = reduceByLn2(x);
  Real small = fma(exponentialTail(rest), rest * rest, rest); // e^rest - 1
  Real half = powerOfTwo(count - 1, format);                  // 2^1024 would be infinity
  Real value = fma(small, half, half - 0.5) * 2;
  return select(compare(P::OEQ, x, 0), x, value); // keeps -0
}

//===-- logarithms ---------------------------------------------------------===//

namespace {
/// x = 2^exponent * (1 + fraction), 1 + fraction in [sqrt 1/2, sqrt 2).
struct Split {
  Real exponent, fraction;
};
} // namespace

static Split splitExponent(Real x) {
  Format format(x);
  // Subnormal numbers have no leading one: scale them up.
  Mask isTiny = compare(P::OLT, x, format.isDouble ? 0x1p-1022 : 0x1p-126);
  double scale = format.isDouble ? 0x1p52 : 0x1p23;
  x = select(isTiny, x * scale, x);
  Bits bits = bitsOf(x);
  int64_t sqrtHalf = format.isDouble ? 0x3FE6A09E667F3BCD : 0x3F3504F3;
  // The exponent of x / sqrt 1/2, in its place; below 0 for numbers below sqrt 1/2.
  Bits exponentBits = (bits - sqrtHalf) & -(int64_t(1) << format.mantissaBits());
  Real mantissa = realOf(bits - exponentBits);
  // Flipping the sign bit makes it positive and adds 2^8 or 2^11 to it.
  Bits biased = (exponentBits ^ format.signBit()) >> format.mantissaBits();
  double bias = format.isDouble ? 2048 : 256;
  // An integer k below 2^mantissaBits in the low bits of 2^mantissaBits is the float 2^mantissaBits + k.
  double two = format.isDouble ? 0x1p52 : 0x1p23;
  int64_t twoBits = format.isDouble ? 0x4330000000000000 : 0x4B000000;
  Real exponent = realOf(biased | twoBits) - (two + bias);
  exponent = select(isTiny, exponent - format.mantissaBits(), exponent);
  return {exponent, mantissa - 1};
}

/// Puts the values of a logarithm at 0, below and at infinity.
static Real finishLogarithm(Real x, Real value) {
  Real special = select(compare(P::OEQ, x, 0), number(x, -infinity), notANumber);
  value = select(compare(P::OGT, x, 0), value, special);
  return select(compare(P::OEQ, x, infinity), x, value);
}

/// ln(1 + f) + e * ln 2
static Real logarithm(Real f, Real e) {
  if (f.isDouble()) { // fdlibm log
    Real s = f / (2 + f), z = s * s, halfSquare = f * f * 0.5;
    Real r = z * polynomial(z, {1.479819860511658591e-01, 1.531383769920937332e-01, 1.818357216161805012e-01,
                                2.222219843214978396e-01, 2.857142874366239149e-01, 3.999999999940941908e-01,
                                6.666666666666735130e-01});
    Real low = fma(s, halfSquare + r, e * 1.90821492927058770002e-10);
    return fma(e, 6.93147180369123816490e-01, f - (halfSquare - low));
  }
  Real z = f * f; // Cephes logf
  Real y = f * z *
           polynomial(f, {7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1,
                          -1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1});
  y = fma(e, -2.12194440e-4, y);
  y = fma(z, -0.5, y);
  return fma(e, 0.693359375, f + y);
}

Real nncc::logOf(Real x) {
  auto [exponent, fraction] = splitExponent(x);
  return finishLogarithm(x, logarithm(fraction, exponent));
}

/// The logarithm to another base: exact for powers of two when that is 2.
static Real logTo(Real x, double lnBase) {
  auto [exponent, fraction] = splitExponent(x);
  Real rest = logarithm(fraction, number(x, 0));
  return finishLogarithm(x, fma(rest, 1 / lnBase, exponent * (ln2 / lnBase)));
}
Real nncc::log2Of(Real x) { return logTo(x, ln2); }
Real nncc::log10Of(Real x) { return logTo(x, 2.302585092994045684018); }

Real nncc::log1pOf(Real x) {
  // ln(1 + x) at the rounded 1 + x, corrected by the ratio of x to what was added (Goldberg 1991, theorem 4).
  Real sum = x + 1;
  Real value = logOf(sum) * (x / (sum - 1));
  Mask isItself = compare(P::OEQ, sum, 1) | compare(P::OEQ, x, infinity);
  return select(isItself, x, value);
}

//===-- angles -------------------------------------------------------------===//

namespace {
/// angle = quarter * pi/2 + rest; the rest's sine and cosine.
struct Quarters {
  Bits quarter; ///< i32, correct modulo 4
  Real sine, cosine;
};
} // namespace

/// pi/2 = part[0] + part[1] + ..., of 53 bits each.
static constexpr double halfPi[] = {0x1.921fb54442d18p+0, 0x1.1a62633145c07p-54, -0x1.f1976b7ed8fbcp-110,
                                    0x1.4cf98e804177dp-164};
/// Angles up to the first bound have a number of quarter turns that is exact in f64 along with its products; beyond the
/// second one they count as 0.
static constexpr double largeAngle = 0x1p50, endOfAngles = 0x1p60;

namespace {
/// An f64 angle as a number of quarter turns, in the low bits of a float's, and what is left of it.
struct Turned {
  Bits quarter;
  Real rest;
};
/// A result as its rounding and what that leaves out, exactly.
struct Exact {
  Real value, error;
};
} // namespace

static Exact addExactly(Real a, Real b) { // Knuth
  Real sum = a + b, part = sum - a;
  return {sum, (a - (sum - part)) + (b - part)};
}
static Exact multiplyExactly(Real a, double b) {
  Real product = a * b;
  return {product, fma(a, b, -product)};
}

/// A sum as if it were taken in three times the precision of its terms (Ogita, Rump, Oishi 2005: SumK).
static Real addPrecisely(SmallVector<Real> terms) {
  for (int pass = 0; pass < 2; ++pass)
    for (size_t i = 1; i < terms.size(); ++i) {
      auto [sum, error] = addExactly(terms[i], terms[i - 1]);
      terms[i] = sum;
      terms[i - 1] = error;
    }
  Real sum = terms.front();
  for (Real term : ArrayRef<Real>(terms).drop_front())
    sum = sum + term;
  return sum;
}

/// Fused multiplications by the parts of pi/2 are exact until the last subtraction: what is left near multiples of pi
/// keeps its digits.
static Turned turn(Real x, int parts) {
  Format format(x);
  Real sum = fma(x, 2 / pi, format.roundingNumber());
  Real count = sum - format.roundingNumber();
  Real rest = x;
  for (double part : ArrayRef<double>(halfPi).take_front(parts))
    rest = fma(count, -part, rest);
  return {bitsOf(sum), rest};
}

/// Angles in [largeAngle, endOfAngles): multiples of 2^30 quarter turns are taken out first, which leaves 2^30 of them
/// at most (Cody and Waite 1980, in two steps). What is lost on the way is kept until the end.
static Turned turnLarge(Real x) {
  constexpr double multiples = 0x1.8p82; // the rounding number for steps of 2^30
  Real many = fma(x, 2 / pi, multiples) - multiples;
  Exact product1 = multiplyExactly(many, -halfPi[1]), product2 = multiplyExactly(many, -halfPi[2]);
  Exact near = addExactly(fma(many, -halfPi[0], x), product1.value);
  Turned turned = turn(near.value, 1);
  Real count = realOf(turned.quarter) - Format(x).roundingNumber();
  Exact product = multiplyExactly(count, -halfPi[1]);
  Real rest = addPrecisely({many * -halfPi[3], product2.error, count * -halfPi[2], product.error, product2.value,
                            product1.error, product.value, near.error, turned.rest});
  return {turned.quarter, rest};
}

/// `values` where the mask is false on all lanes, what `inside` makes of them elsewhere: behind a branch.
static Turned unlessAny(Mask mask, Turned values, function_ref<Turned()> inside) {
  ImplicitLocOpBuilder &builder = *mask.builder;
  Value any = mask.value;
  if (isa<VectorType>(any.getType()))
    any = vector::ReductionOp::create(builder, vector::CombiningKind::OR, any);
  auto branch = scf::IfOp::create(builder, TypeRange{values.quarter.value.getType(), values.rest.type()}, any,
                                  /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(branch.elseBlock());
  scf::YieldOp::create(builder, ValueRange{values.quarter.value, values.rest.value});
  builder.setInsertionPointToStart(branch.thenBlock());
  Turned other = inside();
  scf::YieldOp::create(builder, ValueRange{other.quarter.value, other.rest.value});
  return {{&builder, branch.getResult(0)}, {&builder, branch.getResult(1)}};
}

/// The reduction is done in f64.
static Quarters reduceAngle(Real x) {
  Real wide = toDouble(x), magnitude = absOf(wide);
  Mask isLarge = compare(P::OGE, magnitude, largeAngle) & compare(P::OLT, magnitude, endOfAngles);
  Turned turned = turn(select(compare(P::OLT, magnitude, largeAngle), wide, wide * 0), // infinity becomes NaN
                       x.isDouble() ? 3 : 2);
  turned = unlessAny(isLarge, turned, [&]() -> Turned {
    Turned large = turnLarge(select(isLarge, wide, 0));
    return {select(isLarge, large.quarter, turned.quarter), select(isLarge, large.rest, turned.rest)};
  });
  Real r = toTypeOf(turned.rest, x), z = r * r;
  Real sine = r, cosine = r;
  if (x.isDouble()) { // fdlibm sin, cos
    sine = polynomial(z, {1.58969099521155010221e-10, -2.50507602534068634195e-08, 2.75573137070700676789e-06,
                          -1.98412698298579493134e-04, 8.33333333332248946124e-03, -1.66666666666666324348e-01});
    cosine = polynomial(z, {-1.13596475577881948265e-11, 2.08757232129817482790e-09, -2.75573143513906633035e-07,
                            2.48015872894767294178e-05, -1.38888888888741095749e-03, 4.16666666666666019037e-02});
  } else { // Cephes sinf, cosf
    sine = polynomial(z, {-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1});
    cosine = polynomial(z, {2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2});
  }
  return {toInt32(turned.quarter), fma(sine, z * r, r), fma(cosine, z * z, fma(z, -0.5, 1.0))};
}

static Mask isOdd(Bits bits) {
  Bits low = bits & 1;
  return {bits.builder,
          arith::CmpIOp::create(*bits.builder, arith::CmpIPredicate::ne, low.value, number(low, 0).value)};
}

/// The sine of an angle `quarters` quarter turns on.
static Real sineOfQuarter(Quarters angle, int64_t quarters) {
  Bits quarter = quarters ? angle.quarter + quarters : angle.quarter;
  Real value = select(isOdd(quarter), angle.cosine, angle.sine);
  return select(isOdd(quarter >> 1), -value, value);
}

Real nncc::sinOf(Real x) { return sineOfQuarter(reduceAngle(x), 0); }
Real nncc::cosOf(Real x) { return sineOfQuarter(reduceAngle(x), 1); }

Real nncc::tanOf(Real x) {
  Quarters angle = reduceAngle(x);
  Mask odd = isOdd(angle.quarter);
  return select(odd, -angle.cosine, angle.sine) / select(odd, angle.sine, angle.cosine);
}

/// asin(x) for |x| <= 1/2, z = x * x.
static Real smallAsin(Real x, Real z) {
  Real tail =
      x.isDouble()
          ? polynomial(z, {0.0287578513674215647, -0.0148518870712472032, 0.0174008794426940224, 0.0054575067186403583,
                           0.0103228143501857793, 0.0114791774151849059, 0.0139712129735529333, 0.0173523927208699729,
                           0.0223721729421498879, 0.0303819441385312473, 0.0446428571463554298, 0.0749999999999843293,
                           0.166666666666666678}) // fit
          : polynomial(z, {4.2163199048e-2, 2.4181311049e-2, 4.5470025998e-2, 7.4953002686e-2,
                           1.6666752422e-1}); // Cephes asinf
  return fma(tail, z * x, x);
}

Real nncc::asinOf(Real x) {
  Real a = absOf(x);
  Mask isLarge = compare(P::OGT, a, 0.5);
  Real z = select(isLarge, fma(a, -0.5, 0.5), x * x); // |x| > 1 gives the root of a negative number
  Real y = smallAsin(select(isLarge, sqrtOf(z), a), z);
  // pi/2 in two parts: in f64 its last bits matter near 1.
  Real large = (pi / 2 - (y * 2 - 6.123233995736766e-17));
  return copysign(select(isLarge, large, y), x);
}

Real nncc::acosOf(Real x) {
  Real a = absOf(x);
  Mask isLarge = compare(P::OGT, a, 0.5);
  Real z = select(isLarge, fma(a, -0.5, 0.5), x * x);
  Real y = smallAsin(select(isLarge, sqrtOf(z), x), z);
  Real twice = y * 2;
  Real large = select(compare(P::OLT, x, 0), pi - (twice - 1.2246467991473532e-16), twice);
  return select(isLarge, large, pi / 2 - (y - 6.123233995736766e-17));
}

Real nncc::atanOf(Real x) {
  // Reduced to [0, tan pi/8] by atan a = pi/2 - atan 1/a and atan a = pi/4 + atan (a - 1) / (a + 1), one division.
  Real a = absOf(x);
  Mask isLarge = compare(P::OGT, a, 2.414213562373095), isMiddle = compare(P::OGT, a, 0.4142135623730950);
  Real numerator = select(isLarge, -1, select(isMiddle, a - 1, a));
  Real denominator = select(isLarge, a, select(isMiddle, a + 1, 1));
  Real t = numerator / denominator, z = t * t;
  Real tail =
      x.isDouble()
          ? polynomial(z, {0.0162857568552210283, -0.0345705619814277469, 0.0455159322062654917, -0.0523045427065024452,
                           0.0587892899783477513, -0.0666642488573825533, 0.076922963750321424, -0.0909090875350087684,
                           0.111111111051554466, -0.142857142856598276, 0.199999999999998045,
                           -0.333333333333333332})                                                     // fit
          : polynomial(z, {8.05374449538e-2, -1.38776856032e-1, 1.99777106478e-1, -3.33329491539e-1}); // Cephes atanf
  Real offset = select(isLarge, pi / 2, select(isMiddle, number(x, pi / 4), 0));
  Real offsetTail = select(isLarge, 6.123233995736766e-17, select(isMiddle, number(x, 3.061616997868383e-17), 0));
  Real value = offset + (fma(tail, z * t, t) + offsetTail);
  return copysign(value, x);
}

//===-- hyperbolic functions -------------------------------------------------===//

Real nncc::sinhOf(Real x) {
  Real a = absOf(x);
  Real t = expm1Of(a);
  Real small = (t + t / (t + 1)) * 0.5;
  Real large = shiftedExp(a, -1); // the other half is below rounding
  return copysign(select(compare(P::OGT, a, x.isDouble() ? 20 : 10), large, small), x);
}

Real nncc::coshOf(Real x) {
  Real half = shiftedExp(absOf(x), -1);
  return half + 0.25 / half;
}

Real nncc::tanhOf(Real x) {
  Real t = expm1Of(absOf(x) * -2.0);
  return copysign(-t / (t + 2), x);
}

Real nncc::asinhOf(Real x) {
  Real a = absOf(x);
  Real square = a * a;
  Real small = log1pOf(a + square / (1 + sqrtOf(square + 1)));
  Real large = logOf(a) + ln2;
  return copysign(select(compare(P::OGT, a, x.isDouble() ? 1e9 : 1e5), large, small), x);
}

Real nncc::acoshOf(Real x) {
  Real t = x - 1;
  Real small = log1pOf(t + sqrtOf(fma(t, t, t * 2)));
  Real large = logOf(x) + ln2;
  Real value = select(compare(P::OGT, x, x.isDouble() ? 1e9 : 1e5), large, small);
  return select(compare(P::OLT, x, 1), notANumber, value); // the root of a square would hide it
}

Real nncc::atanhOf(Real x) {
  Real a = absOf(x);
  return copysign(log1pOf(a * 2 / (1 - a)) * 0.5, x);
}

//===-- error function, roots, powers ----------------------------------------===//

/// e^(x^2) erfc(x) for 1 <= x <= 6, by t = (x - 2.5) / (x + 2.5): fit.
static Real scaledErfc(Real x) {
  Real t = (x - 2.5) / (x + 2.5);
  return polynomial(t,
                    {6.96119156022916801e-8, 3.44189246129556545e-7, 7.77333159740478531e-8, -1.80200386534486076e-6,
                     -2.29811025197359551e-6, 7.55259432313950232e-6, 0.0000186144575520800054,
                     -0.0000341822381333152309, -0.000128877171331295698, 0.000228380378908600814,
                     0.000875915450133760759, -0.00264236596429740316, -0.00399370116585823804, 0.0399225390755847592,
                     -0.125033052378829315, 0.251713193217449305, -0.371736733948973352, 0.210806364061143581});
}

/// erf(x) for |x| <= 1: fit.
static Real smallErf(Real x) {
  return x * polynomial(x * x, {-7.79589882700214224e-10, 1.37200645467776856e-8, -1.62084838018717059e-7,
                                1.64474247033173624e-6, -0.0000149247369074196603, 0.000120552949048397079,
                                -0.000854832597538969208, 0.00522397760711642273, -0.0268661706432377704,
                                0.112837916709450063, -0.376126389031835404, 1.12837916709551257});
}

Real nncc::erfOf(Real x) {
  Real a = atMost(absOf(x), 6); // 1 - erf(6) is 2e-17
  Real large = 1 - expOf(-(a * a)) * scaledErfc(a);
  return copysign(select(compare(P::OGT, a, 1), large, smallErf(a)), x);
}

Real nncc::geluOf(Real x) {
  if (x.isDouble())
    return x * 0.5 * (1 + erfOf(x * M_SQRT1_2));
  // erf(x / sqrt 2) / 2 as a quotient of polynomials for |x| <= 4 sqrt 2, where it reaches its limit: the coefficients
  // of Eigen's erf, in x.
  Real u = atLeast(atMost(x, 4 * M_SQRT2), -4 * M_SQRT2), z = u * u;
  Real numerator = u * polynomial(z, {-1.5059950602501867e-12, 3.0611994126501994e-10, -4.642651039253872e-08,
                                      -2.5157561709912697e-06, -6.496460735158673e-05, -0.0005223043900778213,
                                      -0.005690807157595012});
  Real denominator = polynomial(z, {-9.103794904062243e-07, -2.667175690986311e-05, -0.00042070674359550735,
                                    -0.0036866645836023393, -0.0142647390514189});
  return x * (atLeast(atMost(numerator / denominator, 0.5), -0.5) + 0.5);
}

Real nncc::powOf(Real x, Real y) {
  // f32 goes through f64, whose error does not show.
  Real base = toDouble(x), exponent = toDouble(y);
  Real logarithm = logOf(absOf(base));
  Mask isOne = compare(P::OEQ, logarithm, 0);
  Real value = expOf(select(isOne, logarithm, logarithm * exponent)); // 1^infinity is 1
  // What a negative base means: IEEE 754-2019, 9.2.1.
  Real half = exponent * 0.5;
  Mask isInteger = compare(P::OEQ, truncOf(exponent), exponent);
  Mask isOdd = isInteger & compare(P::ONE, truncOf(half), half);
  value = select(isOdd, copysign(value, base), value);
  Mask isFiniteNegative = compare(P::OLT, base, 0) & compare(P::ONE, base, -infinity);
  Mask isFraction = compare(P::UNE, truncOf(exponent), exponent);
  value = select(isFiniteNegative & isFraction, notANumber, value);
  Mask isAlwaysOne = compare(P::OEQ, exponent, 0) | compare(P::OEQ, base, 1);
  return toTypeOf(select(isAlwaysOne, 1, value), x);
}

Real nncc::fmodOf(Real x, Real y) {
  Real a = absOf(toDouble(x)), b = absOf(toDouble(y));
  Real rest = fma(-truncOf(a / b), b, a);
  // The quotient may have been rounded up to the next integer.
  rest = select(compare(P::OLT, rest, 0), rest + b, rest);
  Mask staysSmall = compare(P::OLT, a, infinity) & compare(P::OEQ, b, infinity);
  rest = select(staysSmall, a, rest);
  return toTypeOf(copysign(rest, toDouble(x)), x);
}
