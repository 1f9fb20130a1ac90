// On which device each kernel of a model should run, by what it is estimated to take there.
#ifndef NNCC_LIB_ESTIMATE_CHOOSEPLACES_H
#define NNCC_LIB_ESTIMATE_CHOOSEPLACES_H
#include "llvm/ADT/ArrayRef.h"
#include <optional>
#include <vector>

namespace nncc {

/// What one kernel takes, in the order in which kernels run.
struct PlaceCost {
  double cpuUs = 0;
  std::optional<double> gpuUs; ///< none: it has no code for the GPU
  std::optional<bool> onGpu;   ///< the user said where it runs
  /// Its readers, where code for the GPU reads something else instead of what it makes: if all of them run on the GPU,
  /// too, it takes nothing there. Empty: it always takes its time.
  std::vector<unsigned> leftOutWith = {};
  bool follows = false; ///< a copy that the plan makes: with code for the GPU, it runs where the kernel before it does
};

/// What it takes to hand memory over to the GPU, or back: caches, a submission, a wait. Not measured on a Mali.
inline constexpr double kHandOverUs = 50;
/// Kernels that follow each other on the GPU are a segment: a plan has no more of them.
inline constexpr unsigned kMostSegments = 3;

/// What all kernels and hand-overs take, where kernels run as said. A model begins and ends on the CPU.
double placedUs(llvm::ArrayRef<PlaceCost> kernels, const std::vector<bool> &onGpu);

/// The places with the least time of all that have at most kMostSegments segments; the CPU where times are equal.
///
/// returns  by kernel, true: the GPU. Where what the user said cannot be had with so few segments, as the user said,
/// and
///          all others on the CPU
std::vector<bool> choosePlaces(llvm::ArrayRef<PlaceCost> kernels);

} // namespace nncc
#endif
