// See ChoosePlaces.h.
#include "lib/estimate/ChoosePlaces.h"
#include "llvm/ADT/STLExtras.h"
#include <array>
#include <limits>

using namespace nncc;

static constexpr double kNever = std::numeric_limits<double>::infinity();

/// What a kernel on the GPU takes there.
static double gpuUsOf(const PlaceCost &kernel, const std::vector<bool> &onGpu) {
  bool isLeftOut =
      !kernel.leftOutWith.empty() && llvm::all_of(kernel.leftOutWith, [&](unsigned reader) { return onGpu[reader]; });
  return isLeftOut && kernel.gpuUs ? 0 : kernel.gpuUs.value_or(kNever);
}

double nncc::placedUs(llvm::ArrayRef<PlaceCost> kernels, const std::vector<bool> &onGpu) {
  double us = 0;
  bool isOnGpu = false;
  for (size_t i = 0; i < kernels.size(); ++i) {
    us += onGpu[i] ? gpuUsOf(kernels[i], onGpu) : kernels[i].cpuUs;
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
        if ((starts && segments == 0) || (kernel.follows && kernel.gpuUs && onGpu != fromGpu))
          continue;
        double us = before[fromGpu][segments - starts].us + own + (onGpu != fromGpu ? kHandOverUs : 0);
        if (us < row[onGpu][segments].us)
          row[onGpu][segments] = {us, fromGpu};
      }
  }
  return row;
}

/// The places with the least time where nothing is left out; nothing where what the user said takes more segments.
static std::optional<std::vector<bool>> choosePriced(llvm::ArrayRef<PlaceCost> kernels) {
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
  if (least == kNever)
    return std::nullopt;
  std::vector<bool> places(kernels.size());
  for (size_t i = kernels.size(); i-- > 0;) {
    places[i] = onGpu;
    bool before = rows[i + 1][onGpu][segments].cameFromGpu;
    segments -= onGpu && !before;
    onGpu = before;
  }
  return places;
}

/// The costs where some kernels take nothing on the GPU, since their readers are there; false: the user says otherwise.
static bool leaveOut(std::vector<PlaceCost> &kernels, llvm::ArrayRef<unsigned> leftOut) {
  for (unsigned number : leftOut) {
    kernels[number].gpuUs = 0;
    for (unsigned reader : kernels[number].leftOutWith) {
      if (!kernels[reader].onGpu.value_or(true))
        return false;
      kernels[reader].onGpu = true;
    }
  }
  return true;
}

std::vector<bool> nncc::choosePlaces(llvm::ArrayRef<PlaceCost> kernels) {
  constexpr size_t kMostTried = 6; // models have few images
  std::vector<unsigned> mayBe;
  for (unsigned i = 0; i < kernels.size() && mayBe.size() < kMostTried; ++i)
    if (!kernels[i].leftOutWith.empty() && kernels[i].gpuUs)
      mayBe.push_back(i);
  std::optional<std::vector<bool>> best;
  for (unsigned bits = 0; bits < 1u << mayBe.size(); ++bits) {
    std::vector<unsigned> leftOut;
    for (unsigned i = 0; i < mayBe.size(); ++i)
      if (bits >> i & 1)
        leftOut.push_back(mayBe[i]);
    std::vector<PlaceCost> sided = kernels.vec();
    auto places = leaveOut(sided, leftOut) ? choosePriced(sided) : std::nullopt;
    if (places && (!best || placedUs(kernels, *places) < placedUs(kernels, *best)))
      best = places;
  }
  if (best)
    return *best;
  std::vector<bool> asSaid;
  for (const PlaceCost &kernel : kernels)
    asSaid.push_back(kernel.onGpu.value_or(false));
  return asSaid;
}
