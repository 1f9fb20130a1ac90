// Pieces that families share when they write quantized operators out.
#ifndef NNCC_LIB_IMPORT_ONNX_QUANTIZE_H
#define NNCC_LIB_IMPORT_ONNX_QUANTIZE_H
#include "lib/import/onnx/Node.h"

namespace nncc::import {

inline bool isByte(Type type) { return type.isInteger(8); }

/// Requires integers of 8 bits.
/// error   "input 0 is i32, must be i8 or u8"; returns false
bool requireByte(Node &node, size_t i);

/// Requires that the scale of input `i`, where it is known, is a positive, finite number.
/// error   names the input and the number; returns false
bool requireScale(Node &node, size_t i);

/// Error unless input i is absent or has one element.
bool requireOne(Node &node, size_t i);

/// Warns of a constant bias in steps, input `i`, that has values at the ends of i32: whoever quantized it cut them off.
void warnOfSaturatedBias(Node &node, size_t i);

/// numpy.matmul: vectors are promoted, batch dims broadcast. Operands of 8 bits are summed in 32; their zero points
/// have their rank, or are null.
Value multiplyMatrices(Node &node, Value lhs, Value rhs, Value lhsZero = {}, Value rhsZero = {});

/// saturate(round(real / scale) + zeroPoint); real is a number, scale and zeroPoint (null: 0) have its rank and
/// broadcast to it, `to` is an 8- or 16-bit type.
Value quantize(Node &node, Value real, Value scale, Value zeroPoint, Type to);

/// (x - zero point) * scale in f32, whatever the scale's type; both have the rank of x, the zero point may be null.
Value dequantize(Node &node, Value x, Value scale, Value zeroPoint);

/// round(sums * (xScale * wScale / yScale)) + yZeroPoint, saturated to the zero point's type.
Value requantize(Node &node, Value sums, Value xScale, Value wScale, Value yScale, Value yZeroPoint);

/// Values as steps of 8 bits, in floats, with the scale and zero point that their own range asks for.
struct DynamicSteps {
  Value steps, scale, zeroPoint;
};

/// Quantizes to [0, 255] by the range of the values, which always contains 0. Nulls when x is null.
DynamicSteps quantizeDynamically(Node &node, Value x);

/// A product of integers of 8 bits less their zero points (null: 0), as floats. Zero points have the operands' ranks.
Value multiplyBytes(Node &node, Value lhs, Value rhs, Value lhsZero, Value rhsZero);

/// x, quantized by its own range, times integers of 8 bits less their zero point: [K, N].
///
/// zeroPoint  [1, 1] or [1, N]; may be null
/// scale      broadcasts to the product
/// returns    the product in floats
Value multiplyDynamically(Node &node, Value x, Value integers, Value zeroPoint, Value scale);

/// QLinearConv, which lives beside the other convolutions.
void importQLinearConv(Node &node);

/// The parameter of a matrix [..., M, K] that is one number, one for each row, or has the matrix' rank.
Value perRow(Node &node, Value parameter, Value matrix);
/// The parameter of a matrix [..., K, N] that is one number, one for each column, or has the matrix' rank.
Value perColumn(Node &node, Value parameter, Value matrix);

/// A per-axis parameter [n] in the shape that broadcasts along `axis` of a tensor; [] and [1] become all ones.
Value alongAxis(Node &node, Value parameter, int64_t axis, Value tensor);

} // namespace nncc::import
#endif
