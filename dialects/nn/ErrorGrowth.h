// What a function of one element makes of an error of its argument, by which rewrites and roundings are judged.
#ifndef NNCC_DIALECTS_NN_ERRORGROWTH_H
#define NNCC_DIALECTS_NN_ERRORGROWTH_H
#include "dialects/nn/NN.h"

namespace nncc::nn {

enum class ErrorGrowth {
  relative,    ///< what is small beside the argument is small beside the result
  absolute,    ///< the result's error is of the argument's size, or less; it may be large beside the result
  drowned,     ///< as absolute, and the function's own error is larger: it is a polynomial of ours
  steepAtZero, ///< as relative, but the function ends, or is steep, at zero
  unbounded,   ///< it has steps, ends, is steep somewhere, or is a wave of arguments of any size
};

ErrorGrowth errorGrowth(UnaryKind kind);

} // namespace nncc::nn
#endif
