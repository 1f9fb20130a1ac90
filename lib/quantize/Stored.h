// Which tensors between nodes lie in memory, so that a model made for size stores them in 8 bits.
#ifndef NNCC_LIB_QUANTIZE_STORED_H
#define NNCC_LIB_QUANTIZE_STORED_H
#include "lib/quantize/Contractions.h"

namespace nncc::quantize {

/// A tensor of f32 that one kernel writes and others read.
struct StoredTensor {
  std::string name;
  /// The tensor whose grid it shares: what only moves elements has that of what it moves, and pieces of a concatenation
  /// that of the whole, so that they can be written in place.
  std::string shares;
  /// Also where it is small: a mean is one of integers only if its result is, too.
  bool isNeeded = false;
};

/// Every tensor of the main graph that somebody reads who does so in bytes, in the order in which they are written: an
/// output of the model only for those who read it inside. Left out is what stays in registers: a function of what a
/// kernel makes belongs to that kernel, and its result is what is stored; and what is only read by nodes that compute
/// in floats from memory, as norms do.
std::vector<StoredTensor> findStored(const ModelEditor &editor);

} // namespace nncc::quantize
#endif
