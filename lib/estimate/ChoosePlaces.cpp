// See ChoosePlaces.h.
#include "lib/estimate/ChoosePlaces.h"
#include <array>
#include <limits>

using namespace nncc;

static constexpr double kNever = std::numeric_limits<double>::infinity();

double nncc::placedUs(llvm::ArrayRef<PlaceCost> kernels, const std::vector<bool> &onGpu) {
  double us = 0;
  bool isOnGpu = false;
  for (size_t i = 0; i < kernels.size(); ++i) {
    us += onGpu[i] ? kernels[i].gpuUs.value_or(kNever) : kernels[i].cpuUs;
    us += onGpu[i] != isOnGpu ? kHandOverUs : 0;
    isOnGpu = onGpu[i];
  }
  return us + (isOnGpu ? kHandOverUs : 0);
}

namespace {
/// The least time up to a kernel that runs there as the last of so many segments, and how the one before it ran.
struct Best {
  double us = kNever;
  bool cameFromGpu = false;
};
using Row = std::array<std::array<Best, kMostSegments + 1>, 2>; ///< by device, by segments so far
} // namespace

/// The row behind a kernel.
static Row next(const Row &before, const PlaceCost &kernel) {
  Row row;
  for (bool onGpu : {false, true}) {
    double own = onGpu ? kernel.gpuUs.value_or(kNever) : kernel.cpuUs;
    if (kernel.onGpu && *kernel.onGpu != onGpu)
      own = kNever;
    for (unsigned segments = 0; segments <= kMostSegments; ++segments)
      for (bool fromGpu : {false, true}) {
        bool starts = onGpu && !fromGpu;
        if (starts && segments == 0)
          continue;
        double us = before[fromGpu][segments - starts].us + own + (onGpu != fromGpu ? kHandOverUs : 0);
        if (us < row[onGpu][segments].us)
          row[onGpu][segments] = {us, fromGpu};
      }
  }
  return row;
}

std::vector<bool> nncc::choosePlaces(llvm::ArrayRef<PlaceCost> kernels) {
  std::vector<Row> rows(1);
  rows[0][0][0].us = 0;
  for (const PlaceCost &kernel : kernels)
    rows.push_back(next(rows.back(), kernel));
  double least = kNever;
  bool onGpu = false;
  unsigned segments = 0;
  for (bool last : {false, true})
    for (unsigned count = 0; count <= kMostSegments; ++count)
      if (double us = rows.back()[last][count].us + (last ? kHandOverUs : 0); us < least) {
        least = us;
        onGpu = last;
        segments = count;
      }
  std::vector<bool> places(kernels.size());
  if (least == kNever) {
    for (size_t i = 0; i < kernels.size(); ++i)
      places[i] = kernels[i].onGpu.value_or(false);
    return places;
  }
  for (size_t i = kernels.size(); i-- > 0;) {
    places[i] = onGpu;
    bool before = rows[i + 1][onGpu][segments].cameFromGpu;
    segments -= onGpu && !before;
    onGpu = before;
  }
  return places;
}
