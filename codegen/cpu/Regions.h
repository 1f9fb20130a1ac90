// Output pixels of a window op, cut into regions in which every pixel has the same taps inside the input: the way
// convolutions and pooling run without a padded copy of their input.
#ifndef NNCC_CODEGEN_CPU_REGIONS_H
#define NNCC_CODEGEN_CPU_REGIONS_H
#include "llvm/ADT/SmallVector.h"
#include <cstddef>
#include <cstdint>

namespace nncc::cpu {

/// One axis (H or W) of a region: output elements outStart + i * outStep, i < count, each the sum over taps
/// tapStart + t * tapStep, t < taps, of input elements inStart + i * inPerOut + t * inPerTap.
struct AxisRegion {
  int64_t outStart, outStep, count;
  int64_t tapStart, tapStep, taps;
  int64_t inStart, inPerOut, inPerTap;
  int64_t inPads = 0; ///< taps that lie outside of the input, but inside its padding (for averages that count them)
};

/// Nothing has code for more regions along one axis: cutting ends where there are more.
constexpr size_t kMostAxisRegions = 1024;

/// Cuts one axis of a convolution or pooling window.
///
/// size     input elements
/// outputs  output elements
/// before   padding before the input; after: behind it (elements beyond that are overhang, never padding)
llvm::SmallVector<AxisRegion> windowRegions(int64_t size, int64_t outputs, int64_t kernel, int64_t stride,
                                            int64_t dilation, int64_t before, int64_t after);

/// Cuts one axis of a transposed convolution: output element o is the sum over taps k with
/// o + before = i * stride + k * dilation. Every phase of the stride is a region with its own taps.
llvm::SmallVector<AxisRegion> transposedRegions(int64_t size, int64_t outputs, int64_t kernel, int64_t stride,
                                                int64_t dilation, int64_t before);

} // namespace nncc::cpu
#endif
