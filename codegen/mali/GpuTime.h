// How long a dispatch takes on a GPU, by the formulas that Arm publishes for its counters: docs/estimating.md.
#ifndef NNCC_CODEGEN_MALI_GPUTIME_H
#define NNCC_CODEGEN_MALI_GPUTIME_H
#include "codegen/gpu/GpuWork.h"
#include "codegen/mali/Gpus.h"
#include <string>
#include <vector>

namespace nncc {

/// How many registers a compiler will give a thread: at most half of them, which leaves twice the threads, all of them,
/// or too few, which spills.
enum class RegisterClass { Half, Full, Spill };

/// The class of a number of values that are alive at the same time.
///
/// source  kernels compiled by Mesa's compilers for Bifrost and Valhall, two versions each: half up to 34.5 values,
/// full
///         from 53 to 84, spilled from 95 on; what lies between is a guess
RegisterClass registerClass(double registers);
/// `32`, `64` or `spill`
const char *registerClassName(RegisterClass which);

/// What bounds a dispatch.
enum class GpuLimit { Arithmetic, LoadStore, Memory, Launch };
const char *gpuLimitName(GpuLimit limit);

/// What a dispatch takes. Cycles are those of the busiest core.
struct GpuTime {
  double fmaCycles = 0, convertCycles = 0, specialCycles = 0; ///< of each pipe, were it alone
  double arithmeticCycles = 0;                                ///< of all, as they share issue slots
  double loadStoreCycles = 0;
  double us = 0;
  int64_t residentThreads = 0; ///< of a core
  RegisterClass registers = RegisterClass::Half;
  GpuLimit limit = GpuLimit::Launch;
  std::vector<std::string> warnings;
};

/// Times a dispatch.
///
/// bytes  that come from memory or go there
GpuTime timeOf(const GpuDispatch &dispatch, uint64_t bytes, const GpuSpec &gpu);

} // namespace nncc
#endif
