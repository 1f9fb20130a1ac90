// Regions are found element by element and joined while their taps agree: sizes of images are small.
#include "codegen/cpu/Regions.h"
#include <algorithm>
#include <numeric>

using namespace nncc::cpu;

/// Appends one output element, to the last region if it continues it.
static void append(llvm::SmallVectorImpl<AxisRegion> &regions, AxisRegion next) {
  if (!regions.empty()) {
    AxisRegion &last = regions.back();
    bool sameTaps =
        last.taps == next.taps && last.inPads == next.inPads && (next.taps == 0 || last.tapStart == next.tapStart);
    bool follows = next.outStart == last.outStart + last.count * last.outStep &&
                   (next.taps == 0 || next.inStart == last.inStart + last.count * last.inPerOut);
    if (sameTaps && follows) {
      ++last.count;
      return;
    }
  }
  regions.push_back(next);
}

llvm::SmallVector<AxisRegion> nncc::cpu::windowRegions(int64_t size, int64_t outputs, int64_t kernel, int64_t stride,
                                                       int64_t dilation, int64_t before, int64_t after) {
  llvm::SmallVector<AxisRegion> regions;
  for (int64_t output = 0; output < outputs; ++output) {
    int64_t first = output * stride - before, tapStart = 0, taps = 0, padded = 0;
    for (int64_t tap = 0; tap < kernel; ++tap) {
      int64_t input = first + tap * dilation;
      if (input >= 0 && input < size) {
        if (taps++ == 0)
          tapStart = tap;
      } else if (input < size + after) {
        ++padded;
      }
    }
    append(regions,
           {output, 1, 1, tapStart, 1, taps, taps ? first + tapStart * dilation : 0, stride, dilation, padded});
  }
  return regions;
}

llvm::SmallVector<AxisRegion> nncc::cpu::transposedRegions(int64_t size, int64_t outputs, int64_t kernel,
                                                           int64_t stride, int64_t dilation, int64_t before) {
  // Taps that hit one output lie tapStep apart, and the inputs that they read inStep apart, backwards.
  int64_t common = std::gcd(stride, dilation), tapStep = stride / common, inStep = dilation / common;
  llvm::SmallVector<AxisRegion> regions;
  for (int64_t phase = 0; phase < stride; ++phase) {
    llvm::SmallVector<AxisRegion> ofPhase;
    // The first output whose place in the strided grid is `phase`.
    int64_t start = ((phase - before) % stride + stride) % stride;
    for (int64_t output = start; output < outputs; output += stride) {
      int64_t tapStart = 0, taps = 0, inStart = 0;
      for (int64_t tap = 0; tap < kernel; ++tap) {
        int64_t at = output + before - tap * dilation;
        if (at % stride != 0 || at < 0 || at / stride >= size)
          continue;
        if (taps++ == 0) {
          tapStart = tap;
          inStart = at / stride;
        }
      }
      append(ofPhase, {output, stride, 1, tapStart, tapStep, taps, inStart, 1, -inStep});
    }
    regions.append(ofPhase);
  }
  return regions;
}
