// What makes a quantized model err less without any training. Both keep what the float model computes.
#ifndef NNCC_LIB_QUANTIZE_IMPROVE_H
#define NNCC_LIB_QUANTIZE_IMPROVE_H
#include "lib/quantize/Observe.h"
#include "lib/quantize/WriteModels.h"

namespace nncc::quantize {

/// How much alike channels become, and where.
struct Equalization {
  float share = 0.5f; ///< power of the whole difference that readers with scales for output channels alone take
  bool insertsFactors = false; ///< also where no convolution in front can take the factors: by a Mul
  bool choosesZero = false; ///< where 0 lies in the range of all is what suits the channels, not what all values have
  bool isStored = false;    ///< no Mul behind sums, nor where others read the tensor: both are in bytes themselves
};

/// Gives the channels of a tensor that contractions read ranges that are alike: each is multiplied by a factor, and the
/// weights that read it are divided by that. Behind a convolution with nothing but rectifiers between, the factors are
/// part of its weights and bias; elsewhere they are a Mul in front of the readers, if that is asked for. A depthwise
/// reader has a scale for each channel and takes the whole difference, any other a share. What a caller gives stays as
/// it is: pictures are bytes already. So do weights of several contractions, which would become as many.
///
/// returns  the tensors that changed
/// source   Nagel et al. 2019, "Data-free quantization through weight equalization and bias correction", with ranges of
///          activations instead of weights; the Mul: Xiao et al. 2023, "SmoothQuant"
std::vector<std::string> equalize(ModelEditor &editor, llvm::ArrayRef<Contraction> contractions,
                                  const std::map<std::string, TensorStatistics> &tensors, Equalization how = {});

/// Adds to the corrections of biases what takes out what rounded weights add to each output channel on average,
/// E[(Wq - W) x]. Contractions that have no bias get one where they take one. A tap of a window counts as often as it
/// lies inside of the tensor: padding is 0.
///
/// model   that the contractions are of
/// source  as above, section 4.2, with measured means of x
void correctBiases(const onnx::ModelProto &model, std::vector<Contraction> &contractions, const Decision &decision,
                   const std::map<std::string, TensorStatistics> &tensors);

/// The same for what the grid of x adds, Wq E[xq - x], where the decision has that.
void takeOutOffsets(const onnx::ModelProto &model, std::vector<Contraction> &contractions, const Decision &decision,
                    const std::map<std::string, TensorStatistics> &tensors);

} // namespace nncc::quantize
#endif
