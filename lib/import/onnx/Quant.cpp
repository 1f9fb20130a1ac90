// Quantized operators. Products and sums become those of integers here; what else works on quantized values stands
// between a dequantize and a quantize, as in a file of QuantizeLinear and DequantizeLinear, and nncc-form-integers
// finds what it is.
#include "dialects/nn/ConstantData.h"
#include "dialects/nn/Kinds.h"
#include "lib/import/onnx/Families.h"
#include "lib/import/onnx/Graph.h"
#include "lib/import/onnx/ModelFile.h"
#include "lib/import/onnx/Quantize.h"
#include "lib/import/onnx/Window.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Format.h"
#include <cmath>

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

Value perRow(Node &node, Value parameter, Value matrix) {
  if (parameter && matrix && rankOf(parameter) == rankOf(matrix) && rankOf(matrix) > 1)
    return parameter;
  return alongAxis(node, parameter, -2, matrix);
}

Value perColumn(Node &node, Value parameter, Value matrix) {
  if (parameter && matrix && rankOf(parameter) == rankOf(matrix) && rankOf(matrix) > 1)
    return parameter;
  return alongAxis(node, parameter, -1, matrix);
}

bool requireByte(Node &node, size_t i) {
  if (node.input(i) && !isByte(elementOf(node.input(i))) && !node.failed())
    node.error("input " + Twine(i) + " is " + nameOf(elementOf(node.input(i))) + ", must be i8 or u8");
  return !node.failed();
}

bool requireOne(Node &node, size_t i) {
  if (!node.hasInput(i) || product(node.shape(i)) == 1)
    return true;
  node.error("input " + Twine(i) + " has the shape " + describeShape(node.shape(i)) + ", must have one element");
  return false;
}

bool requireScale(Node &node, size_t i) {
  if (!node.requireFloat(i))
    return false;
  auto scale = node.constant(i) ? ConstantReader::get(node.constant(i)) : std::nullopt;
  for (int64_t at = 0; scale && at < (scale->isSplat() ? std::min<int64_t>(1, scale->size()) : scale->size()); ++at)
    if (double number = scale->getFloat(at); !(number > 0) || std::isinf(number)) {
      std::string text;
      llvm::raw_string_ostream(text) << llvm::format("%g", number);
      node.error("the scale, input " + Twine(i) + ", has the value " + text + " at position " + Twine(at),
                 "a scale is a positive, finite number; quantize the model again with data that is no constant");
      return false;
    }
  return true;
}

void warnOfSaturatedBias(Node &node, size_t i) {
  auto bias = node.constant(i) ? ConstantReader::get(node.constant(i)) : std::nullopt;
  if (!bias || !bias->getElementType().isInteger(32))
    return;
  // Quantizers that compute in f32 cut off at the largest one below 2^31.
  constexpr int64_t kLimit = 0x7fffff80;
  constexpr size_t kNamed = 8;
  SmallVector<std::string> channels;
  for (int64_t at = 0; at < bias->size(); ++at)
    if (int64_t value = bias->getInteger(at); value >= kLimit || value <= -kLimit)
      channels.push_back(std::to_string(at));
  if (channels.empty())
    return;
  std::string list = llvm::join(ArrayRef(channels).take_front(kNamed), ", ");
  if (channels.size() > kNamed)
    list += " and " + std::to_string(channels.size() - kNamed) + " more";
  node.importer().warning(node.describe() + ": the bias, input " + Twine(i) + ", is saturated in " +
                              (channels.size() == 1 ? "channel " : "channels ") + list +
                              ": its steps have no 32 bits for it",
                          "what is computed there is not what the model in floats computes; quantize that again: "
                          "nncc quantize gives such channels a larger scale");
}

/// A zero point of the rank of its tensor; 0 where there is none.
static Value zeroOf(Node &node, Value zeroPoint, Value tensor, Type element) {
  return zeroPoint || !tensor ? zeroPoint : node.splat(0, SmallVector<int64_t>(rankOf(tensor), 1), element);
}

Value quantize(Node &node, Value real, Value scale, Value zeroPoint, Type to) {
  if (!real || !scale)
    return {};
  if (unsigned bits = to.getIntOrFloatBitWidth(); !to.isInteger() || (bits != 8 && bits != 16)) {
    node.error("quantization to " + nameOf(to) + " is not supported", "nncc supports integers of 8 and 16 bits");
    return {};
  }
  Type f32 = node.builder.getF32Type();
  return node.make<QuantizeOp>(node.cast(real, f32), node.cast(scale, f32), zeroOf(node, zeroPoint, real, to));
}

Value dequantize(Node &node, Value x, Value scale, Value zeroPoint) {
  if (!x || !scale)
    return {};
  Type element = elementOf(x);
  unsigned bits = element.getIntOrFloatBitWidth();
  if (!element.isInteger() || (bits != 8 && bits != 16 && !element.isSignlessInteger(32))) {
    node.error("dequantization of " + nameOf(element) + " is not supported",
               "nncc supports integers of 8 and 16 bits, and i32");
    return {};
  }
  return node.make<DequantizeOp>(x, node.cast(scale, node.builder.getF32Type()), zeroOf(node, zeroPoint, x, element));
}

Value requantize(Node &node, Value sums, Value xScale, Value wScale, Value yScale, Value yZeroPoint) {
  if (!sums || !yZeroPoint)
    return {};
  Type f32 = node.builder.getF32Type();
  for (Value *scale : {&xScale, &wScale, &yScale})
    *scale = node.cast(*scale, f32);
  Value multiplier = node.binary(kind::div, node.binary(kind::mul, xScale, wScale), yScale);
  return multiplier ? node.make<RequantizeOp>(sums, multiplier, yZeroPoint) : Value();
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
  low = node.binary(kind::min, low, zero);
  high = node.binary(kind::max, high, zero);
  Value span = node.binary(kind::sub, high, low);
  Value scale = node.binary(kind::div, span, node.scalar(255, low));
  // Nothing but zeros has no range: any scale is right.
  scale = node.select(node.binary(kind::equal, scale, zero), node.scalar(1, low), scale);
  Value zeroPoint = node.binary(kind::sub, zero, node.binary(kind::div, low, scale));
  zeroPoint = node.unary(kind::round, node.unary(kind::clip, zeroPoint, 0, 255));
  Value steps = node.unary(kind::round, node.binary(kind::div, x, scale));
  return {node.unary(kind::clip, node.binary(kind::add, steps, zeroPoint), 0, 255), scale, zeroPoint};
}

/// Integers less their zero point, in floats.
static Value centeredReal(Node &node, Value x, Value zeroPoint) {
  Type f32 = node.builder.getF32Type();
  Value real = node.cast(x, f32);
  return zeroPoint ? node.binary(kind::sub, real, node.cast(zeroPoint, f32)) : real;
}

Value multiplyBytes(Node &node, Value lhs, Value rhs, Value lhsZero, Value rhsZero) {
  if (!lhs || !rhs || node.failed())
    return {};
  // Products of differences are below 2^16: sums of fewer than 2^15 cannot wrap.
  bool mayWrap = !shapeOf(lhs).empty() && shapeOf(lhs).back() >= 1 << 15;
  if (mayWrap)
    return multiplyMatrices(node, centeredReal(node, lhs, lhsZero), centeredReal(node, rhs, rhsZero));
  return node.cast(multiplyMatrices(node, lhs, rhs, lhsZero, rhsZero), node.builder.getF32Type());
}

Value multiplyDynamically(Node &node, Value x, Value integers, Value zeroPoint, Value scale) {
  DynamicSteps of = quantizeDynamically(node, x);
  Type ui8 = node.builder.getIntegerType(8, false);
  Value product = multiplyBytes(node, node.cast(of.steps, ui8), integers, node.cast(of.zeroPoint, ui8), zeroPoint);
  return node.binary(kind::mul, product, node.binary(kind::mul, of.scale, scale));
}

namespace {

/// A tensor whose scales belong to blocks of an axis, with the blocks as a dim of their own; `parameters` follow.
///
/// Blocks that do not divide the axis are written out instead: each index of the axis gets its parameter.
struct Blocked {
  Value tensor;
  SmallVector<Value, 2> parameters;
  SmallVector<int64_t> shape; ///< what the result has to become again
};

Blocked inBlocks(Node &node, Value tensor, ArrayRef<Value> parameters, int64_t rawAxis, int64_t block) {
  Blocked result{tensor, {}, SmallVector<int64_t>(shapeOf(tensor))};
  int64_t axis = node.axis(rawAxis, rankOf(tensor));
  if (node.failed())
    return result;
  int64_t size = result.shape[axis], count = block > 0 ? llvm::divideCeil(size, block) : 0;
  SmallVector<int64_t> expected(result.shape), split(result.shape);
  expected[axis] = count;
  bool divides = block > 0 && size % block == 0;
  split[axis] = block;
  split.insert(split.begin() + axis, count);
  if (divides)
    result.tensor = node.reshape(tensor, split);
  for (Value parameter : parameters) {
    if (!parameter) {
      result.parameters.push_back({});
      continue;
    }
    if (block < 1 || shapeOf(parameter) != ArrayRef<int64_t>(expected)) {
      node.error("a scale or zero point of shape " + describeShape(shapeOf(parameter)) + " does not fit blocks of " +
                 Twine(block) + " along dim " + Twine(axis) + " of " + describeShape(result.shape));
      return result;
    }
    SmallVector<int64_t> one(split);
    one[axis + 1] = 1;
    Value ofBlock = node.reshape(parameter, one);
    if (!divides) {
      SmallVector<int64_t> all(expected);
      all[axis] = count * block;
      ofBlock = node.slice(node.reshape(node.expand(ofBlock, split), all), axis, 0, size);
    }
    result.parameters.push_back(ofBlock);
  }
  return result;
}

/// The tensor with scale (input 1) and zero point (input 2, null where there is none) of its rank.
Blocked withParameters(Node &node, Value tensor) {
  int64_t axis = node.integer("axis", 1), block = node.integer("block_size", 0);
  Value scale = node.input(1), zeroPoint = node.hasInput(2) ? node.input(2) : Value();
  if (!tensor || node.failed())
    return {};
  if (block)
    return inBlocks(node, tensor, {scale, zeroPoint}, axis, block);
  if (zeroPoint && scale && product(shapeOf(zeroPoint)) != product(shapeOf(scale))) {
    node.error("the zero point is of shape " + describeShape(shapeOf(zeroPoint)) + ", the scale of " +
                   describeShape(shapeOf(scale)),
               "both have one value, or one for each index of an axis");
    return {};
  }
  return {tensor,
          {alongAxis(node, scale, axis, tensor), alongAxis(node, zeroPoint, axis, tensor)},
          SmallVector<int64_t>(shapeOf(tensor))};
}

/// UINT4 and INT4 of ONNX's TensorProto.DataType, which the protobuf classes are older than.
constexpr int64_t kUint4 = 21, kInt4 = 22;

Type byteType(Node &node, bool isSigned) {
  return isSigned ? node.builder.getIntegerType(8) : node.builder.getIntegerType(8, false);
}

void importQuantizeLinear(Node &node) {
  int64_t outputType = node.integer("output_dtype", 0);
  node.ignore({"saturate", "precision"});
  if (!node.requireNumber(0) || !requireScale(node, 1))
    return;
  bool isOfNibbles = node.hasInput(2) ? node.isOfNibbles(2) : outputType == kUint4 || outputType == kInt4;
  // Weights in floats behind a pair of QuantizeLinear and DequantizeLinear are what a constant of 4 bits is.
  bool isConstant = node.constant(0) && node.constant(1) && (!node.hasInput(2) || node.constant(2));
  if (isOfNibbles && !isConstant)
    return node.error("the result is one of integers of 4 bits, which nncc makes of constants only",
                      "nncc quantizes what is computed to integers of 8 and 16 bits");
  Type to = node.hasInput(2) ? node.type(2).getElementType()
            : isOfNibbles    ? byteType(node, outputType == kInt4)
            : outputType     ? elementTypeOf((int32_t)outputType, node.context())
                             : node.builder.getIntegerType(8, false);
  if (!to)
    return node.error(describeUnsupported((int32_t)outputType));
  Blocked real = withParameters(node, node.input(0));
  if (node.failed())
    return;
  Value steps = node.reshape(quantize(node, real.tensor, real.parameters[0], real.parameters[1], to), real.shape);
  if (!isOfNibbles)
    return node.set(0, steps);
  // Which byte a value is rounded to says which nibble: the limits of 4 bits lie within those of 8.
  steps = to.isUnsignedInteger() ? node.unary(kind::clip, steps, 0, 15) : node.unary(kind::clip, steps, -8, 7);
  if (steps)
    node.importer().markNibbles(steps);
  node.set(0, steps);
}

void importDequantizeLinear(Node &node) {
  int64_t outputType = node.integer("output_dtype", 0);
  if (!node.requireInteger(0) || !requireScale(node, 1))
    return;
  Type to = outputType ? elementTypeOf((int32_t)outputType, node.context()) : node.type(1).getElementType();
  if (!to || !isa<FloatType>(to))
    return node.error(to ? "output_dtype " + nameOf(to) + " is not a float" : describeUnsupported((int32_t)outputType));
  if (node.hasInput(2) && node.type(2).getElementType() != node.type(0).getElementType())
    return node.error("the zero point is " + nameOf(node.type(2).getElementType()) + ", the input " +
                      nameOf(node.type(0).getElementType()));
  warnOfSaturatedBias(node, 0);
  Blocked x = withParameters(node, node.input(0));
  if (!node.failed())
    node.set(0, node.cast(node.reshape(dequantize(node, x.tensor, x.parameters[0], x.parameters[1]), x.shape), to));
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

Value withBias(Node &node, Value x, size_t i) {
  return node.hasInput(i) ? node.binary(kind::add, x, node.input(i)) : x;
}

/// A product of integers less their zero points, scaled to floats, and a bias. com.microsoft
void importMatMulIntegerToFloat(Node &node) {
  if (!requireByte(node, 0) || !requireByte(node, 1) || !node.requireFloat(2) || !node.requireFloat(3) ||
      !node.requireTypeOf(4, 0) || !node.requireTypeOf(5, 1))
    return;
  Value a = node.input(0), b = node.input(1);
  Value product = multiplyBytes(node, a, b, node.hasInput(4) ? alongAxis(node, node.input(4), -2, a) : Value(),
                                node.hasInput(5) ? perColumn(node, node.input(5), b) : Value());
  Value scale = node.binary(kind::mul, alongAxis(node, node.input(2), -2, a), perColumn(node, node.input(3), b));
  node.set(0, withBias(node, node.binary(kind::mul, product, scale), 6));
}

/// The same for floats that are quantized by their own range first. com.microsoft
void importDynamicQuantizeMatMul(Node &node) {
  if (!node.requireFloat(0) || !requireByte(node, 1) || !node.requireFloat(2) || !node.requireTypeOf(3, 1))
    return;
  Value b = node.input(1), scale = perColumn(node, node.input(2), b);
  Value zero = node.hasInput(3) ? perColumn(node, node.input(3), b) : Value();
  node.set(0, withBias(node, multiplyDynamically(node, node.input(0), b, zero, scale), 4));
}

/// Values of `bits` bits that lie side by side in the bytes of a constant, the first in the lowest bits, as one byte
/// each: rows x columns, every row from a new byte on.
Value unpacked(Node &node, size_t i, int64_t bits, int64_t rows, int64_t columns) {
  auto packed = node.constant(i) ? ConstantReader::get(node.constant(i)) : std::nullopt;
  int64_t bytes = llvm::divideCeil(columns * bits, 8);
  if (!packed || !packed->getElementType().isUnsignedInteger(8) || packed->size() != rows * bytes) {
    node.error("input " + Twine(i) + " must be a constant of " + Twine(rows * bytes) + " bytes, ui8");
    return {};
  }
  ConstantBuilder values(RankedTensorType::get({rows, columns}, packed->getElementType()));
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t column = 0; column < columns; ++column) {
      int64_t bit = column * bits;
      values.set<uint8_t>(row * columns + column,
                          packed->get<uint8_t>(row * bytes + bit / 8) >> bit % 8 & ((1 << bits) - 1));
    }
  return node.constant(values.finish(""));
}

/// Rows of a constant table in 4 or 8 bits with a scale for each block of an axis. com.microsoft
void importGatherBlockQuantized(Node &node) {
  int64_t gatherAxis = node.integer("gather_axis", 0), axis = node.integer("quantize_axis", 1);
  int64_t block = node.integer("block_size", 128), bits = node.integer("bits", 4);
  if (!node.requireInteger(0) || !node.requireInteger(1) || !node.requireFloat(2))
    return;
  Value table = node.input(0), zero = node.hasInput(3) ? node.input(3) : Value();
  Type ui8 = node.builder.getIntegerType(8, false);
  auto constant = node.constant(0);
  bool isPacked = elementOf(table) == ui8 && !node.isOfNibbles(0);
  if (!constant || node.rank(0) < 1 || (isPacked && bits != 4 && bits != 8))
    return node.error("a table that is no constant of 4 or 8 bits is not supported");
  for (size_t i : {2, 3})
    if (!node.requireRank(i, node.rank(0), node.rank(0)))
      return;
  auto wide = [&](size_t i) {
    SmallVector<int64_t> shape(node.shape(i));
    int64_t rows = product(ArrayRef(shape).drop_back()), columns = shape.back() * 8 / bits;
    shape.back() = columns;
    return node.reshape(unpacked(node, i, bits, rows, columns), shape);
  };
  if (isPacked) {
    table = wide(0);
    zero = zero ? wide(3) : node.splat(1 << (bits - 1), shapeOf(node.input(2)), ui8);
  }
  if (node.failed())
    return;
  Blocked of = inBlocks(node, table, {node.input(2), zero}, axis, block);
  if (node.failed())
    return;
  Value rows = node.reshape(dequantize(node, of.tensor, of.parameters[0], of.parameters[1]), of.shape);
  int64_t at = node.axis(gatherAxis, of.shape.size());
  if (node.failed())
    return;
  Value index = node.cast(node.input(1), node.builder.getI64Type());
  node.set(0, node.cast(node.make<GatherOp>(rows, index, at), node.type(2).getElementType()));
}

/// A matrix times weights of 2, 4 or 8 bits with a scale for each block of k: [N, blocks, bytes of a block].
/// com.microsoft
void importMatMulNBits(Node &node) {
  int64_t k = node.requiredInteger("K"), n = node.requiredInteger("N"), bits = node.integer("bits", 4);
  int64_t block = node.requiredInteger("block_size");
  node.ignore({"accuracy_level", "weight_prepacked"});
  if (!node.requireFloat(0) || !node.requireFloat(2))
    return;
  if (node.hasInput(4))
    return node.error("groups in another order (g_idx) are not supported");
  if (k < 1 || n < 1 || block < 1 || k > INT32_MAX || n > INT32_MAX || block > INT32_MAX ||
      (bits != 2 && bits != 4 && bits != 8) || block * bits % 8 != 0)
    return node.error("K " + Twine(k) + ", N " + Twine(n) + ", bits " + Twine(bits) + ", block_size " + Twine(block) +
                          " are not supported",
                      "nncc supports 2, 4 and 8 bits, and blocks of whole bytes");
  int64_t blocks = llvm::divideCeil(k, block);
  if (product(node.shape(2)) != n * blocks)
    return node.error("has " + Twine(product(node.shape(2))) + " scales, must have " + Twine(n * blocks));
  Type element = elementOf(node.input(0)), f32 = node.builder.getF32Type();
  // Bytes are transposed, not the floats that they become: [blocks, values of a block, N].
  auto perBlock = [&](Value value) { return node.transpose(node.reshape(value, {n, blocks, 1}), {1, 2, 0}); };
  Value scale = perBlock(node.cast(node.input(2), f32));
  Value weights =
      node.transpose(node.reshape(unpacked(node, 1, bits, n * blocks, block), {n, blocks, block}), {1, 2, 0});
  if (node.hasInput(3) && isa<FloatType>(node.type(3).getElementType())) {
    if (product(node.shape(3)) != n * blocks)
      return node.error("has " + Twine(product(node.shape(3))) + " zero points, must have " + Twine(n * blocks));
    weights = node.binary(kind::mul, centeredReal(node, weights, perBlock(node.input(3))), scale);
  } else {
    Value zero = node.hasInput(3) ? perBlock(unpacked(node, 3, bits, n, blocks))
                                  : node.splat(1 << (bits - 1), {blocks, 1, n}, node.builder.getIntegerType(8, false));
    weights = dequantize(node, weights, scale, zero);
  }
  if (node.failed() || !weights)
    return;
  weights = node.slice(node.reshape(weights, {blocks * block, n}), 0, 0, k);
  node.set(0, withBias(node, node.cast(multiplyMatrices(node, node.cast(node.input(0), f32), weights), element), 5));
}

void importQLinearMatMul(Node &node) {
  if (!requireByte(node, 0) || !requireByte(node, 3) || !node.requireTypeOf(2, 0) || !node.requireTypeOf(5, 3) ||
      !requireByte(node, 7) || !requireScale(node, 1) || !requireScale(node, 4) || !requireScale(node, 6))
    return;
  Value a = node.input(0), b = node.input(3);
  Value sums = multiplyMatrices(node, a, b, perRow(node, node.input(2), a), perColumn(node, node.input(5), b));
  if (!sums)
    return;
  node.set(0, requantize(node, sums, perRow(node, node.input(1), sums), perColumn(node, node.input(4), sums),
                         perRow(node, node.input(6), sums), perRow(node, node.input(7), sums)));
}

//===-- com.microsoft -----------------------------------------------------===//

/// Inputs i, i + 1 and i + 2 as a quantized tensor, its scale and its zero point (0 where it is left out).
struct Quantized {
  Value tensor, scale, zeroPoint;

  static Quantized of(Node &node, size_t i) {
    if (!requireByte(node, i) || !requireScale(node, i + 1))
      return {};
    if (node.hasInput(i + 2) && !node.requireTypeOf(i + 2, i))
      return {};
    Value tensor = node.input(i);
    return {tensor, parameter(node, i + 1, tensor), node.hasInput(i + 2) ? parameter(node, i + 2, tensor) : Value()};
  }
  /// One number as it goes with a tensor.
  static Value parameter(Node &node, size_t i, Value tensor) {
    Value value = node.input(i);
    if (!value || !tensor)
      return {};
    if (product(shapeOf(value)) != 1) {
      node.error("input " + Twine(i) + " has the shape " + describeShape(shapeOf(value)) + ", must be one number");
      return {};
    }
    return node.reshape(value, SmallVector<int64_t>(rankOf(tensor), 1));
  }
  Value real(Node &node) const { return dequantize(node, tensor, scale, zeroPoint); }
};

/// Output 0: `real` by the scale, input i, and the zero point behind it.
void setQuantized(Node &node, Value real, size_t i, Type to) {
  if (!real || !requireScale(node, i))
    return node.set(0, Value());
  Value zeroPoint = node.hasInput(i + 1) ? Quantized::parameter(node, i + 1, real) : Value();
  if (zeroPoint && elementOf(zeroPoint) != to)
    return node.error("the zero point of the result is " + nameOf(elementOf(zeroPoint)) + ", must be " + nameOf(to));
  node.set(0, quantize(node, real, Quantized::parameter(node, i, real), zeroPoint, to));
}

/// A function of two quantized tensors.
template <BinaryKind kind> void importQLinearBinary(Node &node) {
  Quantized a = Quantized::of(node, 0), b = Quantized::of(node, 3);
  if (!node.failed())
    setQuantized(node, node.binary(kind, a.real(node), b.real(node)), 6, elementOf(a.tensor));
}

/// Input 0 says whose value is taken.
void importQLinearWhere(Node &node) {
  if (!node.requireBool(0))
    return;
  Quantized x = Quantized::of(node, 1), y = Quantized::of(node, 4);
  if (!node.failed())
    setQuantized(node, node.select(node.input(0), x.real(node), y.real(node)), 7, elementOf(x.tensor));
}

void importQLinearSigmoid(Node &node) {
  if (Quantized x = Quantized::of(node, 0); !node.failed())
    setQuantized(node, node.unary(kind::sigmoid, x.real(node)), 3, elementOf(x.tensor));
}

void importQLinearLeakyRelu(Node &node) {
  double alpha = node.number("alpha", 0.01);
  if (Quantized x = Quantized::of(node, 0); !node.failed())
    setQuantized(node, node.unary(kind::leaky_relu, x.real(node), alpha), 3, elementOf(x.tensor));
}

/// Until opset 12 of ONNX all dims from the axis on are one.
void importQLinearSoftmax(Node &node) {
  int64_t opset = node.requiredInteger("opset"), raw = node.integer("axis", opset < 13 ? 1 : -1);
  Quantized x = Quantized::of(node, 0);
  if (node.failed())
    return;
  SmallVector<int64_t> shape(shapeOf(x.tensor));
  int64_t axis = node.axis(raw, shape.size());
  if (node.failed())
    return;
  Value real = x.real(node);
  if (opset < 13) {
    ArrayRef<int64_t> dims(shape);
    real = node.reshape(real, {product(dims.take_front(axis)), product(dims.drop_front(axis))});
    axis = 1;
  }
  setQuantized(node, node.reshape(node.make<SoftmaxOp>(real, axis, /*log=*/false), shape), 3, elementOf(x.tensor));
}

/// NCHW as an image, or what is one already.
Value imageOf(Node &node, Value x, bool isChannelsLast) { return isChannelsLast ? x : node.toImage(x); }

void importQLinearGlobalAveragePool(Node &node) {
  bool isChannelsLast = node.flag("channels_last", false);
  Quantized x = Quantized::of(node, 0);
  if (node.failed() || !node.requireRank(0, 4, 4))
    return;
  Value mean = node.reduce(ReduceKind::mean, imageOf(node, x.real(node), isChannelsLast), {1, 2});
  setQuantized(node, isChannelsLast ? mean : node.fromImage(mean, 4, 0), 3, elementOf(x.tensor));
}

void importQLinearAveragePool(Node &node) {
  bool isChannelsLast = node.flag("channels_last", false), countsPads = node.flag("count_include_pad", false);
  Quantized x = Quantized::of(node, 0);
  if (node.failed() || !node.requireRank(0, isChannelsLast ? 4 : 3, 4))
    return;
  SmallVector<int64_t> sizes(node.shape(0).drop_front(isChannelsLast ? 1 : 2));
  if (isChannelsLast)
    sizes.pop_back();
  Window window = readWindow(node, sizes, {}, /*hasDilations=*/false);
  if (node.flag("ceil_mode", false))
    roundUp(window, sizes);
  Value result = node.make<Pool2DOp>(PoolKind::average, imageOf(node, x.real(node), isChannelsLast), window.kernel,
                                     window.strides, window.pads, window.dilations, window.overhang, countsPads);
  setQuantized(node, isChannelsLast ? result : node.fromImage(result, node.rank(0), 0), 3, elementOf(x.tensor));
}

/// Inputs: scale and zero point of the result, then tensor, scale and zero point of each piece.
void importQLinearConcat(Node &node) {
  int64_t axis = node.requiredInteger("axis");
  if (node.inputCount() < 5 || node.inputCount() % 3 != 2)
    return node.error("has " + Twine(node.inputCount()) + " inputs, must have two, and three for each piece");
  SmallVector<Value> pieces;
  for (size_t i = 2; i < node.inputCount() && !node.failed(); i += 3)
    pieces.push_back(Quantized::of(node, i).real(node));
  if (!node.failed() && pieces[0])
    setQuantized(node, node.concat(pieces, node.axis(axis, rankOf(pieces[0]))), 0, elementOf(node.input(2)));
}

/// alpha * A * B + C of quantized matrices and a bias of sums; floats where the result has no scale.
void importQGemm(Node &node) {
  double alpha = node.number("alpha", 1);
  bool transA = node.flag("transA", false), transB = node.flag("transB", false);
  if (!requireByte(node, 0) || !requireByte(node, 3) || !node.requireTypeOf(2, 0) || !node.requireTypeOf(5, 3) ||
      !requireScale(node, 1) || !requireScale(node, 4) || !node.requireRank(0, 2, 2) || !node.requireRank(3, 2, 2))
    return;
  Value a = node.input(0), b = node.input(3);
  if (transA)
    a = node.transpose(a, {1, 0});
  if (transB)
    b = node.transpose(b, {1, 0});
  Value aZero = Quantized::parameter(node, 2, a), sums;
  if (aZero)
    sums = multiplyMatrices(node, a, b, aZero, perColumn(node, node.input(5), b));
  if (sums && node.hasInput(6)) {
    if (elementOf(node.input(6)) != node.builder.getI32Type())
      return node.error("the bias is " + nameOf(elementOf(node.input(6))) + ", must be i32");
    warnOfSaturatedBias(node, 6);
    sums = node.binary(kind::add, sums, node.input(6));
  }
  if (!sums)
    return node.set(0, Value());
  Value aScale = Quantized::parameter(node, 1, sums), bScale = perColumn(node, node.input(4), sums);
  if (alpha != 1 && aScale)
    aScale = node.binary(kind::mul, aScale, node.scalar(alpha, aScale));
  if (!node.hasInput(7))
    return node.set(0, dequantize(node, sums, node.binary(kind::mul, aScale, bScale), Value()));
  if (!requireScale(node, 7) || !requireByte(node, 8))
    return;
  node.set(0, requantize(node, sums, aScale, bScale, Quantized::parameter(node, 7, sums),
                         Quantized::parameter(node, 8, sums)));
}

const OpEntry kOps[] = {
    {"QuantizeLinear", 2, 3, importQuantizeLinear},
    {"DequantizeLinear", 2, 3, importDequantizeLinear},
    {"DynamicQuantizeLinear", 1, 1, importDynamicQuantizeLinear},
    {"QuantizeLinear", 2, 3, importQuantizeLinear, "com.microsoft"},
    {"DequantizeLinear", 2, 3, importDequantizeLinear, "com.microsoft"},
    {"MatMulIntegerToFloat", 4, 7, importMatMulIntegerToFloat, "com.microsoft"},
    {"MatMulNBits", 3, 6, importMatMulNBits, "com.microsoft"},
    {"DynamicQuantizeMatMul", 3, 5, importDynamicQuantizeMatMul, "com.microsoft"},
    {"GatherBlockQuantized", 3, 4, importGatherBlockQuantized, "com.microsoft"},
    {"QLinearMatMul", 8, 8, importQLinearMatMul},
    {"QLinearConv", 8, 9, importQLinearConv},
    {"QLinearConv", 8, 9, importQLinearConv, "com.microsoft"},
    {"QLinearAdd", 7, 8, importQLinearBinary<kind::add>, "com.microsoft"},
    {"QLinearMul", 7, 8, importQLinearBinary<kind::mul>, "com.microsoft"},
    {"QLinearWhere", 9, 9, importQLinearWhere, "com.microsoft"},
    {"QLinearSigmoid", 4, 5, importQLinearSigmoid, "com.microsoft"},
    {"QLinearLeakyRelu", 4, 5, importQLinearLeakyRelu, "com.microsoft"},
    {"QLinearSoftmax", 5, 5, importQLinearSoftmax, "com.microsoft"},
    {"QLinearGlobalAveragePool", 5, 5, importQLinearGlobalAveragePool, "com.microsoft"},
    {"QLinearAveragePool", 4, 5, importQLinearAveragePool, "com.microsoft"},
    {"QLinearConcat", 5, kAny, importQLinearConcat, "com.microsoft"},
    {"QGemm", 6, 9, importQGemm, "com.microsoft"},
};
} // namespace

ArrayRef<OpEntry> quantOps() { return kOps; }

} // namespace nncc::import
