// Places of kernels, against all that there are.
#include "lib/estimate/ChoosePlaces.h"
#include "gtest/gtest.h"
#include <random>

using namespace nncc;

namespace {

unsigned segmentsOf(const std::vector<bool> &places) {
  unsigned segments = 0;
  for (size_t i = 0; i < places.size(); ++i)
    segments += places[i] && (i == 0 || !places[i - 1]);
  return segments;
}

bool isAllowed(llvm::ArrayRef<PlaceCost> kernels, const std::vector<bool> &places) {
  for (auto [kernel, onGpu] : llvm::zip(kernels, places))
    if ((onGpu && !kernel.gpuUs) || (kernel.onGpu && *kernel.onGpu != onGpu))
      return false;
  for (size_t i = 0; i < places.size(); ++i)
    if (kernels[i].follows && kernels[i].gpuUs && places[i] != (i && places[i - 1]))
      return false;
  return segmentsOf(places) <= kMostSegments;
}

TEST(ChoosePlaces, TakesTheLeastOfAll) {
  std::mt19937 random(1);
  for (int round = 0; round < 100; ++round) {
    std::vector<PlaceCost> kernels(9);
    for (PlaceCost &kernel : kernels) {
      kernel.cpuUs = random() % 300;
      if (random() % 5)
        kernel.gpuUs = random() % 300;
      if (random() % 8 == 0)
        kernel.onGpu = kernel.gpuUs && random() % 2;
      else
        kernel.follows = random() % 6 == 0;
    }
    for (unsigned image : {0, 3})
      if (random() % 2)
        kernels[image].leftOutWith = {image + 1, unsigned(image + 2 + random() % 4)};
    double least = std::numeric_limits<double>::infinity();
    for (unsigned bits = 0; bits < 1u << kernels.size(); ++bits) {
      std::vector<bool> places;
      for (size_t i = 0; i < kernels.size(); ++i)
        places.push_back(bits >> i & 1);
      if (isAllowed(kernels, places))
        least = std::min(least, placedUs(kernels, places));
    }
    std::vector<bool> chosen = choosePlaces(kernels);
    if (least == std::numeric_limits<double>::infinity())
      continue; // the user wants more segments than there may be
    EXPECT_TRUE(isAllowed(kernels, chosen));
    EXPECT_EQ(placedUs(kernels, chosen), least);
  }
}

TEST(ChoosePlaces, CountsHandOvers) {
  std::vector<PlaceCost> kernels{{10, 1, {}}, {10, 1, {}}};
  EXPECT_EQ(placedUs(kernels, {true, true}), 2 + 2 * kHandOverUs);
  EXPECT_EQ(placedUs(kernels, {false, true}), 11 + 2 * kHandOverUs);
  EXPECT_EQ(choosePlaces(kernels), (std::vector<bool>{false, false}));
}

// A transposition that no code for the GPU reads costs nothing where its reader is on the GPU, and its time elsewhere.
TEST(ChoosePlaces, LeavesOutWhatNothingReads) {
  std::vector<PlaceCost> kernels{{10, 200, {}, {1}}, {1000, 1, {}}};
  EXPECT_EQ(placedUs(kernels, {true, true}), 1 + 2 * kHandOverUs);
  EXPECT_EQ(placedUs(kernels, {true, false}), 200 + 1000 + 2 * kHandOverUs);
  EXPECT_EQ(choosePlaces(kernels), (std::vector<bool>{true, true}));
  kernels[1].onGpu = false;
  EXPECT_EQ(choosePlaces(kernels), (std::vector<bool>{false, false}));
}

TEST(ChoosePlaces, DoesWhatTheUserSays) {
  std::vector<PlaceCost> kernels;
  for (int i = 0; i < 10; ++i)
    kernels.push_back({1, 1, i % 2 == 0});
  std::vector<bool> places = choosePlaces(kernels); // five segments
  for (int i = 0; i < 10; ++i)
    EXPECT_EQ(places[i], i % 2 == 0);
}

} // namespace
