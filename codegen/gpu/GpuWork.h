// What the threads of one dispatch do, in the words of GPUs whose lanes are scalar: numbers alone.
#ifndef NNCC_CODEGEN_GPU_GPUWORK_H
#define NNCC_CODEGEN_GPU_GPUWORK_H
#include <cstdint>

namespace nncc {

/// What of it is done in loops that have no loop inside: where the time of a contraction goes.
struct GpuLoops {
  double fma = 0, convert = 0, special = 0, loads = 0; ///< as in GpuWork
};

/// Instructions on one lane each, of all threads together; a vector of four takes four, an access to memory is one.
struct GpuWork {
  double fma = 0;       ///< additions, products and multiply-adds of floats
  double convert = 0;   ///< conversions, comparisons, minima and maxima, sums and shifts of integers
  double special = 0;   ///< products of integers, quotients, roots, logarithms and their like
  double loads = 0;     ///< of up to 128 bits
  double stores = 0;    ///< of up to 128 bits
  int64_t threads = 0;  ///< dispatched, those that have nothing to do included
  double registers = 0; ///< 32-bit values that are alive at the same time, at most
  GpuLoops inner;
};

/// A dispatch and what it does.
struct GpuDispatch {
  int64_t groups = 0, blockThreads = 0; ///< workgroups, and threads of each
  GpuWork work;
};

} // namespace nncc
#endif
