// Which ranges all tensors have, and which channels are made alike for them.
#ifndef NNCC_LIB_QUANTIZE_CHOOSERANGES_H
#define NNCC_LIB_QUANTIZE_CHOOSERANGES_H
#include "lib/quantize/Trials.h"

namespace nncc::quantize {

/// Finds the ranges of all tensors by the method by which the outputs err least, and improves what they are of.
///
/// best   what is to have ranges; then what errs least
/// error  reported, and false
bool chooseRanges(Candidate &best, Trials &trials);

} // namespace nncc::quantize
#endif
