// Regions of window ops against their definition, element by element, and of images that no loop over elements gets
// through.
#include "codegen/cpu/Regions.h"
#include "gtest/gtest.h"
#include <algorithm>
#include <random>
#include <vector>

using namespace nncc::cpu;

namespace {
/// For each output element, the pairs of tap and input element that it is a sum of.
using Terms = std::vector<std::vector<std::pair<int64_t, int64_t>>>;

Terms termsOf(llvm::ArrayRef<AxisRegion> regions, int64_t outputs) {
  Terms terms(outputs);
  for (const AxisRegion &region : regions)
    for (int64_t i = 0; i < region.count; ++i)
      for (int64_t t = 0; t < region.taps; ++t)
        terms[region.outStart + i * region.outStep].push_back(
            {region.tapStart + t * region.tapStep, region.inStart + i * region.inPerOut + t * region.inPerTap});
  return terms;
}

TEST(Regions, AreWhatWindowsAndTransposedWindowsSay) {
  std::mt19937 random(1);
  auto pick = [&](int64_t low, int64_t high) { return std::uniform_int_distribution<int64_t>(low, high)(random); };
  for (int number = 0; number < 3000; ++number) {
    int64_t size = pick(1, 20), outputs = pick(1, 40), kernel = pick(1, 7), stride = pick(1, 6), dilation = pick(1, 6),
            before = pick(-3, 9), after = pick(0, 9);
    Terms window(outputs), transposed(outputs);
    for (int64_t output = 0; output < outputs; ++output)
      for (int64_t tap = 0; tap < kernel; ++tap) {
        int64_t input = output * stride - before + tap * dilation, place = output + before - tap * dilation;
        if (input >= 0 && input < size)
          window[output].push_back({tap, input});
        if (place >= 0 && place % stride == 0 && place / stride < size)
          transposed[output].push_back({tap, place / stride});
      }
    EXPECT_EQ(termsOf(windowRegions(size, outputs, kernel, stride, dilation, before, after), outputs), window);
    EXPECT_EQ(termsOf(transposedRegions(size, outputs, kernel, stride, dilation, before), outputs), transposed);
  }
}

TEST(Regions, OfHugeImagesAreFew) {
  int64_t size = (int64_t(1) << 32) + 1;
  auto window = windowRegions(size, size, /*kernel=*/3, /*stride=*/1, /*dilation=*/1, /*before=*/1, /*after=*/1);
  ASSERT_EQ(window.size(), 3u);
  EXPECT_EQ(window[1].count, size - 2);
  EXPECT_EQ(transposedRegions(size, 2 * size, /*kernel=*/3, /*stride=*/2, /*dilation=*/1, /*before=*/1).size(), 3u);
  // Strides beyond any loop over their phases.
  EXPECT_LE(transposedRegions(2, size, size, size, /*dilation=*/1, /*before=*/0).size(), kMostAxisRegions + 1);
}
} // namespace
