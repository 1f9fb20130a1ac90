// Pieces that families share when they write quantized operators out.
#ifndef NNCC_LIB_IMPORT_ONNX_QUANTIZE_H
#define NNCC_LIB_IMPORT_ONNX_QUANTIZE_H
#include "lib/import/onnx/Node.h"

namespace nncc::import {

/// numpy.matmul: vectors are promoted, batch dims broadcast.
Value multiplyMatrices(Node &node, Value lhs, Value rhs);

/// saturate(round(real / scale) + zeroPoint); real is f32, scale and zeroPoint broadcast to it, `to` is an 8- or 16-bit
/// type.
Value quantize(Node &node, Value real, Value scale, Value zeroPoint, Type to);

/// round(sums * (xScale * wScale / yScale)) + yZeroPoint, saturated to the zero point's type.
Value requantize(Node &node, Value sums, Value xScale, Value wScale, Value yScale, Value yZeroPoint);

/// Values as steps of 8 bits, in floats, with the scale and zero point that their own range asks for.
struct DynamicSteps {
  Value steps, scale, zeroPoint;
};

/// Quantizes to [0, 255] by the range of the values, which always contains 0. Nulls when x is null.
DynamicSteps quantizeDynamically(Node &node, Value x);

/// x, quantized by its own range, times integers that are given as floats less their zero points: [K, N].
///
/// scale    broadcasts to the product
/// returns  the product in floats; sums of integers below 2^24 are exact in them
Value multiplyDynamically(Node &node, Value x, Value integers, Value scale);

/// QLinearConv, which lives beside the other convolutions.
void importQLinearConv(Node &node);

/// A per-axis parameter [n] in the shape that broadcasts along `axis` of a tensor; [] and [1] become all ones.
Value alongAxis(Node &node, Value parameter, int64_t axis, Value tensor);

} // namespace nncc::import
#endif
