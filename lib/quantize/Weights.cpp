// See Weights.h.
#include "lib/quantize/Weights.h"
#include "llvm/ADT/STLExtras.h"
#include <algorithm>
#include <cmath>
#include <limits>

using namespace llvm;

namespace nncc::quantize {

/// What is smaller than this share of the largest weight is 0: 16 bits and more below what 8 bits of a result can show.
static constexpr float kLeastChannel = 0x1p-32f;
/// No bias has more steps than this.
static constexpr double kMostBiasSteps = 1 << 30;

/// The scales by which the largest weight of each channel is 127 steps.
static std::vector<float> scalesOf(const Contraction &contraction) {
  ChannelIndex channel(contraction.weight.shape, contraction.weightAxis);
  std::vector<float> largest(channel.channels, 0);
  for (auto [i, value] : enumerate(contraction.weight.values)) {
    float &most = largest[channel.of(i)];
    most = std::max(most, std::fabs(value));
  }
  // A channel without weights has the scale of the others, so that its bias is as fine as theirs. One that a
  // regularizer has shrunk to nothing becomes nothing: its results would be subnormal numbers, which many processors
  // are slow with.
  float overall = *max_element(largest), least = overall * kLeastChannel;
  for (float &value : largest)
    value = std::max(std::max(value > 0 ? value : overall, least) / 127, std::numeric_limits<float>::min());
  return largest;
}

/// Makes the scale of each channel large enough for its bias. Returns the channels where it was not.
static std::vector<int64_t> fitBiases(std::vector<float> &scales, ArrayRef<float> bias, float inputScale) {
  std::vector<int64_t> raised;
  for (auto [i, value] : enumerate(bias)) {
    float least = (float)(std::fabs(value) / (kMostBiasSteps * inputScale));
    float &scale = scales[i % scales.size()];
    if (scale < least) {
      scale = least;
      raised.push_back(i);
    }
  }
  return raised;
}

bool canHaveSteps(ArrayRef<float> values) {
  return all_of(values, [](float value) { return std::isfinite(value); });
}

QuantizedWeights quantizeWeights(const Contraction &contraction, std::optional<float> inputScale) {
  QuantizedWeights result;
  result.scales = scalesOf(contraction);
  std::optional<std::vector<float>> bias = inputScale ? contraction.correctedBias() : std::nullopt;
  if (bias)
    result.raised = fitBiases(result.scales, *bias, *inputScale);
  ChannelIndex channel(contraction.weight.shape, contraction.weightAxis);
  // Steps that were chosen are of the scales of the weights alone.
  if (result.raised.empty())
    result.steps = contraction.steps;
  if (result.steps.empty())
    for (auto [i, value] : enumerate(contraction.weight.values))
      result.steps.push_back((int8_t)std::clamp(std::nearbyint(value / result.scales[channel.of(i)]), -127.0f, 127.0f));
  if (!bias)
    return result;
  for (auto [i, value] : enumerate(*bias)) {
    float scale = std::max(*inputScale * result.scales[i % result.scales.size()], std::numeric_limits<float>::min());
    double steps = std::nearbyint((double)value / scale);
    result.bias.push_back((int32_t)std::clamp(steps, -kMostBiasSteps, kMostBiasSteps));
    result.biasScales.push_back(scale);
  }
  return result;
}

std::vector<float> QuantizedWeights::values(const Contraction &contraction) const {
  ChannelIndex channel(contraction.weight.shape, contraction.weightAxis);
  std::vector<float> result;
  result.reserve(steps.size());
  for (auto [i, step] : enumerate(steps))
    result.push_back(step * scales[channel.of(i)]);
  return result;
}

std::vector<float> QuantizedWeights::biasValues() const {
  std::vector<float> result;
  for (auto [step, scale] : zip(bias, biasScales))
    result.push_back((float)step * scale);
  return result;
}

} // namespace nncc::quantize
