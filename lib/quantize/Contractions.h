// What is quantized: convolutions and products of matrices with constant weights, as they are in the file.
#ifndef NNCC_LIB_QUANTIZE_CONTRACTIONS_H
#define NNCC_LIB_QUANTIZE_CONTRACTIONS_H
#include "lib/quantize/ModelEditor.h"

namespace nncc::quantize {

/// A Conv, ConvTranspose, MatMul or Gemm whose weights are constants of f32.
struct Contraction {
  int node = -1;         ///< position in the graph
  std::string name;      ///< what people call it
  std::string op;        ///< ONNX operator
  std::string input;     ///< the tensor that it reads
  int64_t inputAxis = 0; ///< dim of that with the channels that weights are summed over; negative: from the end
  std::string weightName;
  FloatTensor weight;     ///< Gemm: times alpha
  int64_t weightAxis = 0; ///< dim of the output channels; ConvTranspose: of those of one group
  int64_t groups = 1;
  bool takesBias = false;                 ///< has an input for a bias of one number per output channel
  std::optional<std::vector<float>> bias; ///< per output channel; Gemm: times beta
  std::vector<float> correction;          ///< of the bias, where weights are quantized; empty: none
  std::vector<int8_t> steps;              ///< of the weights; empty: each is the nearest
  bool isTied = false; ///< others have the same weights: layers that are applied again, heads of several levels
  int tiedTo = -1;     ///< the node of the first that has them and means the same by them; its own without others

  /// The bias behind quantized weights.
  std::optional<std::vector<float>> correctedBias() const;
  /// The same for contractions whose weights are one matrix: a Gemm has its own, by its factor.
  std::pair<int, std::string> matrixKey() const { return {op == "Gemm" ? node : -1, op == "Gemm" ? "" : weightName}; }
  int64_t weightChannels() const { return weight.shape[weightAxis]; }
  int64_t outputChannels() const { return weightChannels() * (op == "ConvTranspose" ? groups : 1); }
  int64_t inputChannels() const;
  /// The channel of what it reads that a weight is multiplied with.
  int64_t inputChannelOf(int64_t element) const;
};

/// Every contraction of the main graph, in its order.
std::vector<Contraction> findContractions(ModelEditor &editor);

/// Folds every BatchNormalization into the convolution that it alone reads, so that weights are quantized with their
/// factors. Returns how many.
unsigned foldBatchNorms(ModelEditor &editor);

/// The first node that computes with quantized tensors, as `QLinearConv 'name'`; empty: there is none.
std::string findQuantizedNode(const ModelEditor &editor);

} // namespace nncc::quantize
#endif
