// Quantized operators, written out: rounding, zero points and saturation are elementwise ops, sums are 32-bit integers.
#include "dialects/nn/BinaryKind.h"
#include "dialects/nn/UnaryKind.h"
#include "lib/import/onnx/Families.h"
#include "lib/import/onnx/ModelFile.h"
#include "lib/import/onnx/Quantize.h"

using namespace mlir;
using namespace nncc::nn;

namespace nncc::import {

Value alongAxis(Node &node, Value parameter, int64_t axis, Value tensor) {
  if (!parameter || !tensor)
    return {};
  SmallVector<int64_t> shape(rankOf(tensor), 1);
  if (rankOf(parameter) == 1 && shapeOf(parameter)[0] != 1) {
    int64_t at = node.axis(axis, rankOf(tensor));
    if (node.failed())
      return {};
    if (shapeOf(parameter)[0] != shapeOf(tensor)[at]) {
      node.error("a scale or zero point of " + Twine(shapeOf(parameter)[0]) + " values does not fit dim " + Twine(at) +
                 " of " + describeShape(shapeOf(tensor)));
      return {};
    }
    shape[at] = shapeOf(parameter)[0];
  } else if (product(shapeOf(parameter)) != 1) {
    node.error("a scale or zero point of shape " + describeShape(shapeOf(parameter)) + " is not supported",
               "nncc supports one per tensor and one per index of an axis");
    return {};
  }
  return node.reshape(parameter, shape);
}

Value quantize(Node &node, Value real, Value scale, Value zeroPoint, Type to) {
  if (!real || !scale) {
    node.set(0, Value());
    return {};
  }
  unsigned bits = to.getIntOrFloatBitWidth();
  if (!to.isInteger() || bits > 16 || bits < 8) {
    node.error("quantization to " + nameOf(to) + " is not supported", "nncc supports integers of 8 and 16 bits");
    return {};
  }
  bool isUnsigned = to.isUnsignedInteger();
  double low = isUnsigned ? 0 : -(double)(1 << (bits - 1)), high = (double)((1 << (isUnsigned ? bits : bits - 1)) - 1);
  Value steps = node.unary(UnaryKind::round, node.binary(BinaryKind::div, real, scale));
  if (zeroPoint)
    steps = node.binary(BinaryKind::add, steps, node.cast(zeroPoint, elementOf(real)));
  return node.cast(node.unary(UnaryKind::clip, steps, low, high), to);
}

Value requantize(Node &node, Value sums, Value xScale, Value wScale, Value yScale, Value yZeroPoint) {
  if (!sums || !yZeroPoint)
    return {};
  Type f32 = node.builder.getF32Type();
  Value real = node.cast(sums, f32);
  for (Value *scale : {&xScale, &wScale, &yScale})
    *scale = node.cast(*scale, f32);
  Value factor = node.binary(BinaryKind::div, node.binary(BinaryKind::mul, xScale, wScale), yScale);
  Value scaled = node.binary(BinaryKind::mul, real, factor);
  if (!scaled)
    return {};
  return quantize(node, scaled, node.scalar(1, scaled), yZeroPoint, elementOf(yZeroPoint));
}

DynamicSteps quantizeDynamically(Node &node, Value x) {
  if (!x)
    return {};
  int64_t rank = rankOf(x);
  SmallVector<int64_t> axes = llvm::to_vector(llvm::seq<int64_t>(0, rank));
  Value low = rank ? node.reduce(ReduceKind::min, x, axes) : x, high = rank ? node.reduce(ReduceKind::max, x, axes) : x;
  if (!low || !high)
    return {};
  Value zero = node.scalar(0, low);
  low = node.binary(BinaryKind::min, low, zero);
  high = node.binary(BinaryKind::max, high, zero);
  Value span = node.binary(BinaryKind::sub, high, low);
  Value scale = node.binary(BinaryKind::div, span, node.scalar(255, low));
  // Nothing but zeros has no range: any scale is right.
  scale = node.select(node.binary(BinaryKind::equal, scale, zero), node.scalar(1, low), scale);
  Value zeroPoint = node.binary(BinaryKind::sub, zero, node.binary(BinaryKind::div, low, scale));
  zeroPoint = node.unary(UnaryKind::round, node.unary(UnaryKind::clip, zeroPoint, 0, 255));
  Value steps = node.unary(UnaryKind::round, node.binary(BinaryKind::div, x, scale));
  return {node.unary(UnaryKind::clip, node.binary(BinaryKind::add, steps, zeroPoint), 0, 255), scale, zeroPoint};
}

Value multiplyDynamically(Node &node, Value x, Value integers, Value scale) {
  DynamicSteps of = quantizeDynamically(node, x);
  Value product = multiplyMatrices(node, node.binary(BinaryKind::sub, of.steps, of.zeroPoint), integers);
  return node.binary(BinaryKind::mul, product, node.binary(BinaryKind::mul, of.scale, scale));
}

namespace {

void importQuantizeLinear(Node &node) {
  int64_t axis = node.integer("axis", 1), outputType = node.integer("output_dtype", 0);
  node.ignore({"saturate", "precision"});
  if (node.integer("block_size", 0) != 0)
    return node.error("blocks (block_size) are not supported", "nncc supports one scale per tensor or per axis");
  if (!node.requireNumber(0) || !node.requireFloat(1))
    return;
  Type to = node.hasInput(2) ? node.type(2).getElementType()
            : outputType     ? elementTypeOf((int32_t)outputType, node.context())
                             : node.builder.getIntegerType(8, false);
  if (!to)
    return node.error(describeUnsupported((int32_t)outputType));
  Value real = node.cast(node.input(0), node.builder.getF32Type());
  Value scale = alongAxis(node, node.cast(node.input(1), node.builder.getF32Type()), axis, real);
  Value zeroPoint = node.hasInput(2) ? alongAxis(node, node.input(2), axis, real) : Value();
  if (!node.failed())
    node.set(0, quantize(node, real, scale, zeroPoint, to));
}

/// (x - zero point) * scale in f32, whatever the scale's type. 8 and 16 bits subtract in floats, exactly; 32 bits
/// subtract as integers.
Value dequantize(Node &node, Value x, Value scale, Value zeroPoint) {
  if (!x || !scale)
    return {};
  Type real = node.builder.getF32Type();
  if (zeroPoint && elementOf(x).getIntOrFloatBitWidth() > 16) {
    x = node.binary(BinaryKind::sub, x, zeroPoint);
    zeroPoint = {};
  }
  Value value = node.cast(x, real);
  if (zeroPoint)
    value = node.binary(BinaryKind::sub, value, node.cast(zeroPoint, real));
  return node.binary(BinaryKind::mul, value, node.cast(scale, real));
}

void importDequantizeLinear(Node &node) {
  int64_t axis = node.integer("axis", 1), outputType = node.integer("output_dtype", 0);
  if (node.integer("block_size", 0) != 0)
    return node.error("blocks (block_size) are not supported", "nncc supports one scale per tensor or per axis");
  if (!node.requireInteger(0) || !node.requireFloat(1))
    return;
  Type to = outputType ? elementTypeOf((int32_t)outputType, node.context()) : node.type(1).getElementType();
  if (!to || !isa<FloatType>(to))
    return node.error(to ? "output_dtype " + nameOf(to) + " is not a float" : describeUnsupported((int32_t)outputType));
  Value x = node.input(0), scale = alongAxis(node, node.input(1), axis, x);
  Value zeroPoint = node.hasInput(2) ? alongAxis(node, node.input(2), axis, x) : Value();
  if (zeroPoint && elementOf(zeroPoint) != elementOf(x))
    return node.error("the zero point is " + nameOf(elementOf(zeroPoint)) + ", the input " + nameOf(elementOf(x)));
  if (!node.failed())
    node.set(0, node.cast(dequantize(node, x, scale, zeroPoint), to));
}

void importDynamicQuantizeLinear(Node &node) {
  if (!node.requireFloat(0))
    return;
  DynamicSteps of = quantizeDynamically(node, node.input(0));
  Type ui8 = node.builder.getIntegerType(8, false);
  node.set(0, node.cast(of.steps, ui8));
  node.set(1, node.reshape(of.scale, {}));
  node.set(2, node.reshape(node.cast(of.zeroPoint, ui8), {}));
}

/// The parameter of a matrix [..., K, N] that is one number, one per column, or has the matrix' rank.
Value perColumn(Node &node, Value parameter, Value matrix) {
  if (parameter && matrix && rankOf(parameter) == rankOf(matrix) && rankOf(matrix) > 1)
    return parameter;
  return alongAxis(node, parameter, -1, matrix);
}

/// Integers less their zero point, in floats.
Value centeredReal(Node &node, Value x, Value zeroPoint) {
  Type f32 = node.builder.getF32Type();
  Value real = node.cast(x, f32);
  return zeroPoint ? node.binary(BinaryKind::sub, real, node.cast(zeroPoint, f32)) : real;
}

Value withBias(Node &node, Value x, size_t i) {
  return node.hasInput(i) ? node.binary(BinaryKind::add, x, node.input(i)) : x;
}

/// A product of integers less their zero points, scaled to floats, and a bias. com.microsoft
void importMatMulIntegerToFloat(Node &node) {
  if (!node.requireInteger(0) || !node.requireInteger(1) || !node.requireFloat(2) || !node.requireFloat(3))
    return;
  Value a = node.input(0), b = node.input(1);
  a = centeredReal(node, a, node.hasInput(4) ? alongAxis(node, node.input(4), -2, a) : Value());
  b = centeredReal(node, b, node.hasInput(5) ? perColumn(node, node.input(5), b) : Value());
  Value product = multiplyMatrices(node, a, b);
  Value scale = node.binary(BinaryKind::mul, alongAxis(node, node.input(2), -2, a), perColumn(node, node.input(3), b));
  node.set(0, withBias(node, node.binary(BinaryKind::mul, product, scale), 6));
}

/// The same for floats that are quantized by their own range first. com.microsoft
void importDynamicQuantizeMatMul(Node &node) {
  if (!node.requireFloat(0) || !node.requireInteger(1) || !node.requireFloat(2))
    return;
  Value b = node.input(1), scale = perColumn(node, node.input(2), b);
  b = centeredReal(node, b, node.hasInput(3) ? perColumn(node, node.input(3), b) : Value());
  node.set(0, withBias(node, multiplyDynamically(node, node.input(0), b, scale), 4));
}

/// x less its zero point, in 32 bits.
Value centered(Node &node, Value x, Value zeroPoint) {
  Type i32 = node.builder.getI32Type();
  return node.binary(BinaryKind::sub, node.cast(x, i32), node.cast(zeroPoint, i32));
}

void importQLinearMatMul(Node &node) {
  for (size_t i : {0, 2, 3, 5, 7})
    if (!node.requireInteger(i))
      return;
  Value a = node.input(0), b = node.input(3);
  int64_t last = rankOf(b) - 1;
  // One parameter per row of a, per column of b.
  Value sums = multiplyMatrices(node, centered(node, a, alongAxis(node, node.input(2), rankOf(a) - 2, a)),
                                centered(node, b, alongAxis(node, node.input(5), last, b)));
  if (!sums)
    return;
  Type f32 = node.builder.getF32Type();
  Value aScale = alongAxis(node, node.cast(node.input(1), f32), rankOf(sums) - 2, sums);
  Value bScale = alongAxis(node, node.cast(node.input(4), f32), rankOf(sums) - 1, sums);
  Value yScale = alongAxis(node, node.cast(node.input(6), f32), rankOf(sums) - 2, sums);
  Value yZeroPoint = alongAxis(node, node.input(7), rankOf(sums) - 2, sums);
  node.set(0, requantize(node, sums, aScale, bScale, yScale, yZeroPoint));
}

const OpEntry kOps[] = {
    {"QuantizeLinear", 2, 3, importQuantizeLinear},
    {"DequantizeLinear", 2, 3, importDequantizeLinear},
    {"DynamicQuantizeLinear", 1, 1, importDynamicQuantizeLinear},
    {"QuantizeLinear", 2, 3, importQuantizeLinear, "com.microsoft"},
    {"DequantizeLinear", 2, 3, importDequantizeLinear, "com.microsoft"},
    {"MatMulIntegerToFloat", 4, 7, importMatMulIntegerToFloat, "com.microsoft"},
    {"DynamicQuantizeMatMul", 3, 5, importDynamicQuantizeMatMul, "com.microsoft"},
    {"QLinearMatMul", 8, 8, importQLinearMatMul},
    {"QLinearConv", 8, 9, importQLinearConv},
};
} // namespace

ArrayRef<OpEntry> quantOps() { return kOps; }

} // namespace nncc::import
