// Normalization over the positions of an image, where channels come last.
#ifndef NNCC_PASSES_GRAPH_NORMOFCHANNELS_H
#define NNCC_PASSES_GRAPH_NORMOFCHANNELS_H
#include "dialects/nn/NN.h"

namespace nncc {

/// A normalization of images with channels in dim 1 that can be computed with channels last.
struct NormOfChannels {
  nn::TransposeOp transpose; ///< from [N, positions..., C] to [N, C, positions...]
  int64_t groups;            ///< of channels that share a mean: C for instance, 1 for all

  /// Reads `norm`, whose input is such a transposition, or a view of one as groups; none where it normalizes other
  /// dims.
  static std::optional<NormOfChannels> of(nn::LayerNormOp norm);

  /// Builds what `norm` computes on the operand of the transposition: [N, positions..., C]. Written out, but where all
  /// channels share a mean.
  mlir::Value build(mlir::OpBuilder &b, nn::LayerNormOp norm);
};

} // namespace nncc
#endif
