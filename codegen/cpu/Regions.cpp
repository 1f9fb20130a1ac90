// Regions are found border by border, never element by element: an image may have 2^31 lines.
#include "codegen/cpu/Regions.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/Support/MathExtras.h"
#include <algorithm>
#include <numeric>
#include <utility>

using namespace nncc::cpu;

/// Appends a run of output elements, to the last region if it continues it.
static void append(llvm::SmallVectorImpl<AxisRegion> &regions, AxisRegion next) {
  if (!regions.empty()) {
    AxisRegion &last = regions.back();
    bool sameTaps =
        last.taps == next.taps && last.inPads == next.inPads && (next.taps == 0 || last.tapStart == next.tapStart);
    bool follows = next.outStart == last.outStart + last.count * last.outStep &&
                   (next.taps == 0 || next.inStart == last.inStart + last.count * last.inPerOut);
    if (sameTaps && follows) {
      last.count += next.count;
      return;
    }
  }
  regions.push_back(next);
}

/// Cuts `count` elements into runs of equal taps. `at` is the region of one element; the first tap that hits the input
/// and the one behind the last, where none does, too, only move one way with the element: halving finds a run's end.
static void appendRuns(llvm::SmallVectorImpl<AxisRegion> &regions, int64_t count,
                       llvm::function_ref<AxisRegion(int64_t)> at) {
  for (int64_t begin = 0, end; begin < count && regions.size() <= kMostAxisRegions; begin = end) {
    AxisRegion region = at(begin);
    int64_t same = begin;
    for (end = count; end - same > 1;) {
      int64_t middle = same + (end - same) / 2;
      AxisRegion other = at(middle);
      bool isSame = other.taps == region.taps && other.tapStart == region.tapStart && other.inPads == region.inPads;
      (isSame ? same : end) = middle;
    }
    region.count = end - begin;
    append(regions, region);
  }
}

llvm::SmallVector<AxisRegion> nncc::cpu::windowRegions(int64_t size, int64_t outputs, int64_t kernel, int64_t stride,
                                                       int64_t dilation, int64_t before, int64_t after) {
  llvm::SmallVector<AxisRegion> regions;
  appendRuns(regions, outputs, [&](int64_t output) -> AxisRegion {
    int64_t first = output * stride - before;
    auto tapsBelow = [&](int64_t input) {
      return std::clamp<int64_t>(llvm::divideCeilSigned(input - first, dilation), 0, kernel);
    };
    int64_t tapStart = tapsBelow(0), tapEnd = tapsBelow(size), taps = tapEnd - tapStart;
    int64_t padded = tapStart + std::max<int64_t>(tapsBelow(size + after) - tapEnd, 0);
    return {output, 1, 1, tapStart, 1, taps, taps ? first + tapStart * dilation : 0, stride, dilation, padded};
  });
  return regions;
}

/// The remainder in [0, modulus), of negative numbers too.
static int64_t modulo(int64_t value, int64_t modulus) { return (value % modulus + modulus) % modulus; }

/// The number x in [0, modulus) with value * x = 1 modulo `modulus`; they have no common divisor.
static int64_t inverse(int64_t value, int64_t modulus) {
  int64_t above = modulus, below = value % modulus, x = 0, next = 1;
  while (below) {
    int64_t quotient = above / below;
    above = std::exchange(below, above - quotient * below);
    x = std::exchange(next, x - quotient * next);
  }
  return x < 0 ? x + modulus : x;
}

llvm::SmallVector<AxisRegion> nncc::cpu::transposedRegions(int64_t size, int64_t outputs, int64_t kernel,
                                                           int64_t stride, int64_t dilation, int64_t before) {
  // Taps that hit one output lie tapStep apart, and the inputs that they read inStep apart, backwards.
  int64_t common = std::gcd(stride, dilation), tapStep = stride / common, inStep = dilation / common;
  int64_t phasePerTap = inverse(inStep, tapStep);
  llvm::SmallVector<AxisRegion> regions;
  for (int64_t i = 0, phases = std::min(stride, outputs); i < phases && regions.size() <= kMostAxisRegions; ++i) {
    // The first output whose place in the strided grid is the phase, and the first tap that hits it.
    int64_t start = stride > outputs ? i : modulo(i - before, stride), phase = modulo(start + before, stride);
    bool isHit = phase % common == 0;
    int64_t firstTap = isHit ? static_cast<__int128>(phase / common) * phasePerTap % tapStep : kernel;
    int64_t hits = firstTap < kernel ? (kernel - firstTap - 1) / tapStep + 1 : 0;
    llvm::SmallVector<AxisRegion> ofPhase;
    appendRuns(ofPhase, (outputs - start - 1) / stride + 1, [&](int64_t number) -> AxisRegion {
      int64_t output = start + number * stride;
      if (!hits)
        return {output, stride, 1, 0, tapStep, 0, 0, 1, -inStep};
      int64_t input = (output + before - firstTap * dilation) / stride; // without remainder
      auto hitsAbove = [&](int64_t least) {
        return std::clamp<int64_t>(llvm::divideFloorSigned(input - least, inStep) + 1, 0, hits);
      };
      int64_t begin = hitsAbove(size), taps = hitsAbove(0) - begin;
      return {output, stride, 1, firstTap + begin * tapStep, tapStep, taps, input - begin * inStep, 1, -inStep};
    });
    regions.append(ofPhase);
  }
  return regions;
}
