// Mathematical functions written as arithmetic on scalars and vectors of f32 and f64, without tables.
// Accuracy (test/passes/lower/MathFunctionsTest.cpp measures it): f32 below 4 ulp, f64 below 4 ulp but for pow.
#ifndef NNCC_PASSES_LOWER_MATHFUNCTIONS_H
#define NNCC_PASSES_LOWER_MATHFUNCTIONS_H
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace nncc {

/// A float value under construction, so that formulas read as such. A number beside one is a constant of its type.
struct Real {
  mlir::ImplicitLocOpBuilder *builder;
  mlir::Value value;

  mlir::Type type() const { return value.getType(); }
  bool isDouble() const;
};

/// Each works as its namesake of C's math.h, for infinities, NaN, zeros and subnormal numbers too; errors are not
/// reported. What it takes for granted of `arith` ops: they are neither contracted nor reassociated by flags.
Real expOf(Real x);
/// e^x for x <= 0 only (or NaN), and 0 where that is no normal number: half of the work, and no subnormal numbers,
/// which some processors multiply a hundred times slower. For gates and weights, whose sum hides what is so small.
Real expOfNonPositive(Real x);
Real exp2Of(Real x);
Real expm1Of(Real x);
Real logOf(Real x);
Real log2Of(Real x);
Real log10Of(Real x);
Real log1pOf(Real x);
/// Right up to |x| = 2^60; from there on the angle counts as 0. Beyond 2^50 behind a branch.
Real sinOf(Real x);
Real cosOf(Real x);
Real tanOf(Real x);
Real asinOf(Real x);
Real acosOf(Real x);
Real atanOf(Real x);
Real sinhOf(Real x);
Real coshOf(Real x);
Real tanhOf(Real x);
Real asinhOf(Real x);
Real acoshOf(Real x);
Real atanhOf(Real x);
Real erfOf(Real x);
/// x * (1 + erf(x / sqrt 2)) / 2. f32: absolute error at most 3e-7 |x|; by erf it is 1e-7 |x|, and twice the work.
Real geluOf(Real x);
/// f64: relative error |y ln x| * 2^-53, at most 1e-13.
Real powOf(Real x, Real y);
/// The remainder of x / y with the sign of x, exact where |x / y| < 2^52.
Real fmodOf(Real x, Real y);

} // namespace nncc
#endif
