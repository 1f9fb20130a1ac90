// What every elementwise function of nn means on one element, in arith and math ops; the one table of scalar semantics.
// Operands are scalars or vectors alike, so that loops, their vector form and the epilogues of contractions share it.
#ifndef NNCC_PASSES_LOWER_SCALARMATH_H
#define NNCC_PASSES_LOWER_SCALARMATH_H
#include "dialects/nn/NN.h"
#include "mlir/IR/Builders.h"

namespace nncc {

/// How an element of an nn tensor lies in memory: booleans are `i8` (0 or 1), unsigned integers lose their sign.
mlir::Type memoryType(mlir::Type element);

/// How an element is computed with: booleans as `i1`, unsigned integers signless, `f16` and `bf16` as `f32`.
mlir::Type computeType(mlir::Type element);

/// Builds elementwise functions. `element` is always the nn element type (with its sign); values are of its compute
/// type or vectors of it. Everything returned is null where the function has no meaning on the type.
class ScalarMath {
public:
  /// outside  where tables are made, for a builder in a region that is not yet in a module
  ScalarMath(mlir::OpBuilder &builder, mlir::Location loc, mlir::OpBuilder *outside = nullptr)
      : builder(builder), outside(outside ? *outside : builder), loc(loc) {}

  /// Memory type -> compute type, and back. Both are the identity for most types.
  mlir::Value fromMemory(mlir::Value value, mlir::Type element);
  mlir::Value toMemory(mlir::Value value, mlir::Type element);

  /// A number in the compute type of `element`, clamped to its range; a splat of `lanes` elements when lanes > 0.
  mlir::Value constant(mlir::Type element, double number, int64_t lanes = 0);
  /// One element of an `nn.constant`: an IntegerAttr or FloatAttr of type `element`.
  mlir::Value constant(mlir::Type element, mlir::Attribute value, int64_t lanes = 0);

  mlir::Value unary(nn::UnaryKind kind, mlir::Value x, mlir::Type element, double alpha = 0, double beta = 0);
  /// `fuses` lets a product and the addition that reads it round once, as one fma, where both may.
  mlir::Value binary(nn::BinaryKind kind, mlir::Value x, mlir::Value y, mlir::Type element, bool fuses = true);
  /// `saturate` is about integers: floats always saturate when they become integers.
  mlir::Value cast(mlir::Value x, mlir::Type from, mlir::Type to, bool saturate = false);

  /// An f32 as the nearest integer, ties to even, from a zero point (null: 0) of 8 or 16 bits: clamped to the range of
  /// its type, NaN is the lowest.
  mlir::Value narrow(mlir::Value steps, mlir::Value zero, mlir::Type to);
  /// What the ops of Quant.td compute (Quant.cpp).
  mlir::Value quantized(mlir::Operation *op, mlir::ValueRange operands);

  /// A float of `element`'s compute type as f64, in which the blocks of a long sum are added up; and back. Integers,
  /// whose sums are exact, stay.
  mlir::Value widenSum(mlir::Value sum, mlir::Type element);
  mlir::Value narrowSum(mlir::Value sum, mlir::Type element);

  /// What an elementwise op computes from one element of each operand.
  mlir::Value elementwise(mlir::Operation *op, mlir::ValueRange operands);

private:
  mlir::Value floatUnary(nn::UnaryKind kind, mlir::Value x, double alpha, double beta);
  mlir::Value integerUnary(nn::UnaryKind kind, mlir::Value x, mlir::Type element, double alpha, double beta);
  mlir::Value floatBinary(nn::BinaryKind kind, mlir::Value x, mlir::Value y, bool fuses);
  mlir::Value integerBinary(nn::BinaryKind kind, mlir::Value x, mlir::Value y, bool isUnsigned);
  mlir::Value floatToInteger(mlir::Value x, mlir::Type target, bool isUnsigned);
  mlir::Value power(mlir::Value x, mlir::Value y);
  mlir::Value integerPower(mlir::Value x, mlir::Value y, bool isUnsigned);
  mlir::Value remainder(mlir::Value x, mlir::Value y, bool signOfDivisor);
  mlir::Value like(mlir::Value value, double number);
  mlir::Value clamp(mlir::Value value, mlir::Value low, mlir::Value high);
  /// The nearest integers and what the zero point (or null) adds, saturated. Steps of 8 bits are less than
  /// 2^15 - 512, those of 16 bits are in the range of their type.
  mlir::Value roundToSteps(mlir::Value steps, mlir::Value zero, mlir::Type to);
  /// What integers of a requantize are more than a zero point; null of others.
  mlir::Value requantizedAsFloats(mlir::Value operand, mlir::Value integers, double zeroPoint);
  /// Null unless scale and zero point are numbers for which it is exact.
  mlir::Value quantizedByProducts(nn::QuantizeOp op, mlir::Value x, mlir::Value zero);

  mlir::OpBuilder &builder, &outside;
  mlir::Location loc;
};

} // namespace nncc
#endif
