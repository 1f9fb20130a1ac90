// Images read at positions between their pixels: what GridSample and DeformConv have in common.
#ifndef NNCC_LIB_IMPORT_ONNX_GRIDSAMPLER_H
#define NNCC_LIB_IMPORT_ONNX_GRIDSAMPLER_H
#include "dialects/nn/Kinds.h"
#include "lib/import/onnx/Node.h"
#include <string>

namespace nncc::import {

/// Reads an image [N, H, W, C] at real positions [N, ...], one tensor for each dim; lines and volumes likewise. Each
/// corner is one gather, borders are arithmetic.
class GridSampler {
public:
  GridSampler(Node &node, Value image, std::string padding, bool alignCorners)
      : node(node), image(image), padding(std::move(padding)), alignCorners(alignCorners) {}

  /// The dims that positions are of.
  size_t dims() const { return rankOf(image) - 2; }
  int64_t size(size_t dim) const { return shapeOf(image)[1 + dim]; }

  /// The position in pixels of a coordinate in [-1, 1], as the definition writes it: positions are rounded, and ties
  /// are common.
  Value unnormalize(Value at, int64_t size) {
    if (alignCorners)
      return mul(mul(add(at, 1), 0.5), size - 1);
    return mul(add(mul(add(at, 1), size), -1), 0.5);
  }

  /// A position brought inside the image: clipped or reflected. Positions outside of `zeros` are masked later.
  Value inside(Value at, int64_t size) {
    if (padding == "border")
      return node.unary(nn::kind::clip, at, 0, size - 1);
    if (padding == "reflection")
      return reflect(at, size);
    return at;
  }

  /// The pixel at whole positions, [N, ..., C]; what lies outside is 0 or the border's pixel.
  Value pixel(ArrayRef<Value> at) {
    SmallVector<Value> indices;
    Value isInside;
    if (!at.front())
      return {};
    int64_t positionDims = rankOf(at.front());
    for (auto [dim, raw] : llvm::enumerate(at)) {
      Value position = inside(raw, size(dim)), whole = node.unary(nn::kind::clip, position, 0, size(dim) - 1);
      indices.push_back(index(whole));
      Value isOn = node.binary(nn::kind::equal, whole, position);
      isInside = isInside ? node.binary(nn::kind::logical_and, isInside, isOn) : isOn;
    }
    Value pixels = node.make<nn::GatherNDOp>(image, node.concat(indices, positionDims), 1);
    if (padding != "zeros" || !pixels)
      return pixels;
    return node.select(perPixel(isInside), pixels, node.scalar(0, pixels));
  }

  /// The sum of the pixels at `first` + i, each times the product of its weights: weights[dim][i] is a tensor.
  Value interpolate(ArrayRef<Value> first, ArrayRef<SmallVector<Value>> weights, SmallVector<Value> at = {}) {
    size_t dim = at.size();
    if (dim == dims())
      return pixel(at);
    Value sum;
    for (auto [i, weight] : llvm::enumerate(weights[dim])) {
      SmallVector<Value> further(at);
      further.push_back(add(first[dim], i));
      Value part = node.binary(nn::kind::mul, interpolate(first, weights, further), perPixel(weight));
      sum = sum ? node.binary(nn::kind::add, sum, part) : part;
    }
    return sum;
  }

  /// What lies between the two neighbours in each dim; null with an error where a position could not be made.
  Value linear(ArrayRef<Value> at) {
    SmallVector<Value> first;
    SmallVector<SmallVector<Value>> weights;
    for (Value position : at) {
      Value floor = node.unary(nn::kind::floor, position);
      Value rest = node.binary(nn::kind::sub, position, floor);
      if (!rest)
        return {};
      first.push_back(floor);
      weights.push_back({add(mul(rest, -1), 1), rest});
    }
    return interpolate(first, weights);
  }

  Value perPixel(Value v) {
    SmallVector<int64_t> shape(shapeOf(v));
    shape.push_back(1);
    return node.reshape(v, shape);
  }
  Value add(Value v, double c) { return node.binary(nn::kind::add, v, node.scalar(c, v)); }
  Value mul(Value v, double c) { return node.binary(nn::kind::mul, v, node.scalar(c, v)); }
  Value div(Value v, double c) { return node.binary(nn::kind::div, v, node.scalar(c, v)); }

private:
  Value index(Value at) { return perPixel(node.cast(at, node.builder.getI64Type())); }

  /// Mirrored at the outermost pixels, or at their outer edges when corners are not aligned.
  Value reflect(Value at, int64_t size) {
    double low = alignCorners ? 0 : -0.5, span = alignCorners ? size - 1 : size;
    if (span == 0)
      return mul(at, 0);
    // Distance from the lower mirror, folded into [0, 2 * span), then into [0, span].
    Value distance = node.unary(nn::kind::abs, add(at, -low));
    Value turns = node.unary(nn::kind::floor, div(distance, 2 * span));
    Value rest = node.binary(nn::kind::sub, distance, mul(turns, 2 * span));
    Value back = add(mul(rest, -1), 2 * span);
    return node.unary(nn::kind::clip, add(node.binary(nn::kind::min, rest, back), low), 0, size - 1);
  }

  Node &node;
  Value image;
  std::string padding;
  bool alignCorners;
};

} // namespace nncc::import
#endif
