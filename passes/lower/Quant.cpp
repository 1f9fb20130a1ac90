// The code of quantized values: one element or a vector of them. Nothing here may be contracted or reassociated: what a
// step is rounded to is part of the op's meaning, on every machine.
#include "dialects/nn/Kinds.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "passes/lower/ConstantTable.h"
#include "passes/lower/ScalarMath.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace nncc {

static Type elementOf(Value value) { return getElementTypeOrSelf(value.getType()); }

// Numbers of less than 2^22 added to it are rounded to the nearest integer, ties to even, in its lowest bits: its last
// place is 1 (IEEE 754, binary32). One addition does what a rounding and a conversion to integers do.
constexpr double kRounder = 3 << 22;

Value ScalarMath::narrow(Value steps, Value zero, Type to) {
  bool isUnsigned = to.isUnsignedInteger();
  unsigned bits = to.getIntOrFloatBitWidth();
  double low = isUnsigned ? 0 : -(double)(1 << (bits - 1)), high = (double)((1 << (isUnsigned ? bits : bits - 1)) - 1);
  auto bound = [&](double number) -> Value {
    Value value = like(steps, number);
    return zero ? arith::SubFOp::create(builder, loc, value, cast(zero, to, builder.getF32Type())) : value;
  };
  // Bounds are integers, so that it does not matter that they come before the rounding. The maximum of NaN and a number
  // is the number: behind it there is no NaN.
  Value clamped = arith::MaxNumFOp::create(builder, loc, steps, bound(low));
  clamped = arith::MinNumFOp::create(builder, loc, clamped, bound(high));
  Value rounded = arith::AddFOp::create(builder, loc, clamped, like(steps, kRounder));
  auto shaped = [&](Type element) -> Type {
    auto vector = dyn_cast<VectorType>(steps.getType());
    return vector ? Type(vector.clone(element)) : element;
  };
  Value wide = arith::BitcastOp::create(builder, loc, shaped(builder.getI32Type()), rounded);
  Value result = arith::TruncIOp::create(builder, loc, shaped(computeType(to)), wide);
  return zero ? arith::AddIOp::create(builder, loc, result, zero) : result;
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
  auto real = [&](Value value, Value operand) { return cast(value, elementOf(operand), f32); };
  return llvm::TypeSwitch<Operation *, Value>(op)
      .Case([&](nn::QuantizeOp quantize) {
        return narrow(arith::DivFOp::create(builder, loc, in[0], in[1]), in[2], elementOf(quantize.getZeroPoint()));
      })
      .Case([&](nn::DequantizeOp dequantize) -> Value {
        Type element = elementOf(dequantize.getInput());
        Value difference =
            binary(nn::kind::sub, cast(in[0], element, i32), cast(in[2], element, i32), i32, /*fuses=*/false);
        return arith::MulFOp::create(builder, loc, cast(difference, i32, f32), in[1]);
      })
      .Case([&](nn::RequantizeOp requantize) {
        return narrow(arith::MulFOp::create(builder, loc, cast(in[0], i32, f32), in[1]), in[2],
                      elementOf(requantize.getZeroPoint()));
      })
      .Case([&](nn::RequantizeSumOp sum) {
        Value steps = math::FmaOp::create(builder, loc, real(in[2], sum.getB()), in[3], in[4]);
        steps = math::FmaOp::create(builder, loc, real(in[0], sum.getA()), in[1], steps);
        return narrow(steps, {}, elementOf(sum.getOutput()));
      })
      .Case([&](nn::LookupOp lookup) {
        return lookUp(builder, loc, makeConstantTable(outside, lookup.getTable()), in[0]);
      })
      .Default(Value());
}

} // namespace nncc
