// What makes a quantized model err less without any training. Both keep what the float model computes.
#ifndef NNCC_LIB_QUANTIZE_IMPROVE_H
#define NNCC_LIB_QUANTIZE_IMPROVE_H
#include "lib/quantize/Observe.h"
#include "lib/quantize/WriteModels.h"

namespace nncc::quantize {

/// Gives the channels of a tensor between two convolutions ranges that are alike: the weights and bias of a channel are
/// multiplied by a factor in the first one, and divided by it in all that read the tensor, where only rectifiers lie
/// between. A depthwise reader has a scale for each channel and takes the whole difference, any other its square root.
///
/// returns  the tensors that changed
/// source   Nagel et al. 2019, "Data-free quantization through weight equalization and bias correction", with ranges of
///          activations instead of weights
std::vector<std::string> equalize(ModelEditor &editor, llvm::ArrayRef<Contraction> contractions,
                                  const std::map<std::string, TensorStatistics> &tensors);

/// Finds the corrections of biases that take out what rounded weights add to each output channel on average,
/// E[(Wq - W) x]. Contractions that have no bias get one where they take one.
///
/// source  as above, section 4.2, with measured means of x; what lies at borders counts as what does not
void correctBiases(std::vector<Contraction> &contractions, const Decision &decision,
                   const std::map<std::string, TensorStatistics> &tensors);

} // namespace nncc::quantize
#endif
