// Which way weights are rounded, so that what they add to their outputs together is least.
#ifndef NNCC_LIB_QUANTIZE_ROUNDING_H
#define NNCC_LIB_QUANTIZE_ROUNDING_H
#include "lib/quantize/Moments.h"
#include "lib/quantize/Terms.h"

namespace nncc::quantize {

/// Chooses steps for which the squared error of the sums, E[((wq - w) x)^2], is small: weights are rounded one after
/// the other, and what one adds is taken out of those that vary with it.
///
/// contraction  whose weights they are: the result has its shape
/// scales       of each output channel
/// moments      of each group, as `terms` names them
/// source       Frantar et al. 2023, "GPTQ"; in the form of Babai's nearest plane, which needs no inverse: Chen et al.
///              2025, "The geometry of LLM quantization"
std::vector<int8_t> roundTogether(const Contraction &contraction, const Terms &terms, llvm::ArrayRef<float> scales,
                                  const GroupMoments &moments);

/// The same for all contractions whose moments are known, by their nodes: scales are those of the weights alone.
/// Weights of several contractions are rounded once, by what all of them read.
///
/// moments  by the contraction's node
std::map<int, std::vector<int8_t>> roundTogether(const onnx::ModelProto &model,
                                                 llvm::ArrayRef<Contraction> contractions,
                                                 std::map<int, GroupMoments> moments);

} // namespace nncc::quantize
#endif
