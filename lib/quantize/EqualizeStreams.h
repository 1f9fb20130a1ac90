// Channels made alike that several nodes write: through sums and concatenations.
#ifndef NNCC_LIB_QUANTIZE_EQUALIZESTREAMS_H
#define NNCC_LIB_QUANTIZE_EQUALIZESTREAMS_H
#include "lib/quantize/Improve.h"
#include "lib/quantize/Stored.h"

namespace nncc::quantize {

/// Gives the channels of tensors on one grid ranges that are alike, as equalize() does, where sums, concatenations,
/// rectifiers, maxima and means of windows and nearest resizes lie between those who write a channel and those who read
/// it: convolutions and norms that write it are multiplied by its factor, convolutions and norms that read it are
/// divided by that. Norms take the whole difference, which they compute in floats; where a convolution is among the
/// readers, `share` says how much of it. A channel that anything else reads or writes stays as it is.
///
/// stored   which tensors share a grid
/// returns  how many tensors changed
size_t equalizeStreams(ModelEditor &editor, llvm::ArrayRef<Contraction> contractions,
                       llvm::ArrayRef<StoredTensor> stored, const std::map<std::string, TensorStatistics> &tensors,
                       float share);

} // namespace nncc::quantize
#endif
