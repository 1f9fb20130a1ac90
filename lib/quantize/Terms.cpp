// See Terms.h. Windows are those of ONNX's Conv.
#include "lib/quantize/Terms.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/MathExtras.h"

using namespace llvm;

namespace nncc::quantize {

int64_t Terms::Axis::places(int64_t dim) const {
  if (isSame)
    return divideCeil(dim, stride);
  return std::max<int64_t>((dim + before + after - dilation * (size - 1) - 1) / stride + 1, 0);
}

int64_t Terms::Axis::begin(int64_t dim, int64_t place) const {
  int64_t pad = before;
  if (isSame) {
    int64_t all = std::max<int64_t>((places(dim) - 1) * stride + dilation * (size - 1) + 1 - dim, 0);
    pad = isSameLower ? all - all / 2 : all / 2;
  }
  return place * stride - pad;
}

double Terms::Axis::shareInside(int64_t dim, int64_t tap) const {
  const int64_t all = places(dim), ofFirst = begin(dim, 0) + tap * dilation;
  int64_t first = std::max<int64_t>(divideCeilSigned(-ofFirst, stride), 0);
  int64_t last = std::min(divideFloorSigned(dim - 1 - ofFirst, stride), all - 1);
  return all ? (double)std::max<int64_t>(last - first + 1, 0) / (double)all : 1;
}

/// One of the attributes that are lists of integers.
static std::optional<int64_t> listed(const onnx::NodeProto &node, StringRef name, int64_t index) {
  const onnx::AttributeProto *list = attributeOf(node, name);
  return list && index < list->ints_size() ? std::optional(list->ints(index)) : std::nullopt;
}

bool Terms::readAxes(const onnx::NodeProto &node, const Contraction &contraction) {
  const onnx::AttributeProto *automatic = attributeOf(node, "auto_pad");
  StringRef how = automatic ? StringRef(automatic->s()) : "NOTSET";
  int64_t rank = contraction.weight.rank() - 2;
  for (int64_t i = 0; i < rank; ++i) {
    Axis axis{contraction.weight.dim(i + 2)};
    axis.stride = listed(node, "strides", i).value_or(1);
    axis.dilation = listed(node, "dilations", i).value_or(1);
    axis.isSame = how.starts_with("SAME_"), axis.isSameLower = how == "SAME_LOWER";
    if (how != "VALID") {
      axis.before = listed(node, "pads", i).value_or(0);
      axis.after = listed(node, "pads", i + rank).value_or(0);
    }
    if (axis.stride < 1 || axis.dilation < 1)
      return false;
    taps *= axis.size;
    axes.push_back(axis);
  }
  return true;
}

std::optional<Terms> Terms::of(const onnx::NodeProto &node, const Contraction &contraction) {
  const FloatTensor &weight = contraction.weight;
  if (contraction.op == "ConvTranspose" || (contraction.op == "MatMul" && weight.rank() != 2))
    return std::nullopt;
  Terms result;
  result.groupCount = contraction.groups;
  result.outputCount = contraction.outputChannels() / contraction.groups;
  result.termCount = weight.values.size() / contraction.outputChannels();
  result.isByRow = contraction.weightAxis == 0;
  if (contraction.op == "Conv" && !result.readAxes(node, contraction))
    return std::nullopt;
  return result;
}

int64_t Terms::places(ArrayRef<int64_t> shape) const {
  int64_t count = 1;
  if (axes.empty()) {
    for (int64_t dim : shape.drop_back())
      count *= dim;
    return count;
  }
  for (auto [axis, dim] : zip(axes, shape.drop_front(2)))
    count *= axis.places(dim);
  return count * shape[0];
}

std::vector<double> Terms::sharesInside(ArrayRef<int64_t> shape) const {
  if (axes.empty() || shape.empty())
    return std::vector<double>(taps, 1);
  std::vector<double> shares{1};
  for (auto [axis, dim] : zip(axes, shape.drop_front(2))) {
    std::vector<double> ofAxis, all;
    for (int64_t tap = 0; tap < axis.size; ++tap)
      ofAxis.push_back(axis.shareInside(dim, tap));
    for (double outer : shares)
      for (double inner : ofAxis)
        all.push_back(outer * inner);
    shares = std::move(all);
  }
  return shares;
}

std::vector<double> Terms::sumsOfTaps(ArrayRef<float> weights, ArrayRef<int64_t> shape) const {
  std::vector<double> shares = sharesInside(shape), sums(groupCount * outputCount * channelsOfGroup(), 0);
  double *sum = sums.data();
  for (int64_t group = 0; group < groupCount; ++group)
    for (int64_t output = 0; output < outputCount; ++output, sum += channelsOfGroup())
      for (int64_t term = 0; term < termCount; ++term)
        sum[term / taps] += shares[term % taps] * weights[weight(group, output, term)];
  return sums;
}

void Terms::read(ArrayRef<float> values, ArrayRef<int64_t> shape, int64_t group, int64_t place, float *row) const {
  if (axes.empty()) {
    copy(values.slice(place * termCount, termCount), row);
    return;
  }
  std::vector<int64_t> begins(axes.size());
  int64_t size = 1;
  for (int64_t i = axes.size() - 1; i >= 0; --i) {
    int64_t dim = shape[i + 2], places = axes[i].places(dim);
    begins[i] = axes[i].begin(dim, place % places);
    place /= places;
    size *= dim;
  }
  int64_t channels = channelsOfGroup();
  ArrayRef<float> plane = values.drop_front((place * shape[1] + group * channels) * size);
  for (int64_t channel = 0; channel < channels; ++channel, plane = plane.drop_front(size))
    for (int64_t tap = 0; tap < taps; ++tap) {
      int64_t left = tap, offset = 0, step = 1;
      bool isInside = true;
      for (int64_t i = axes.size() - 1; i >= 0; --i) {
        int64_t at = begins[i] + left % axes[i].size * axes[i].dilation;
        isInside &= at >= 0 && at < shape[i + 2];
        offset += at * step;
        left /= axes[i].size;
        step *= shape[i + 2];
      }
      *row++ = isInside ? plane[offset] : 0;
    }
}

} // namespace nncc::quantize
