// Weights and biases as integers: 8 bits without a zero point, 32 bits, a scale for each output channel.
#ifndef NNCC_LIB_QUANTIZE_WEIGHTS_H
#define NNCC_LIB_QUANTIZE_WEIGHTS_H
#include "lib/quantize/Contractions.h"

namespace nncc::quantize {

struct QuantizedWeights {
  std::vector<int8_t> steps; ///< in the shape of the weights, [-127, 127]
  std::vector<float> scales; ///< of each channel of weightAxis
  std::vector<int32_t> bias; ///< in steps of input scale times scale; empty: there is none
  std::vector<float> biasScales;
  std::vector<int64_t> raised; ///< channels whose scale had to grow for their bias to fit

  /// What the integers stand for.
  std::vector<float> values(const Contraction &contraction) const;
  std::vector<float> biasValues() const;
};

/// Whether steps can stand for all values: none is infinite or NaN.
bool canHaveSteps(llvm::ArrayRef<float> values);

/// Quantizes the weights of a contraction: to the steps that it names, or to the nearest.
///
/// inputScale  of what it reads; nothing: that stays float, and so does the bias
/// A bias is held below 2^30 steps, so that no sum with it reaches 2^31: where the scale of its channel is too small
/// for that, it is made larger.
QuantizedWeights quantizeWeights(const Contraction &contraction, std::optional<float> inputScale);

} // namespace nncc::quantize
#endif
