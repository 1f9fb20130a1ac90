// The order of values of k: each is there once, and no pair saturates a word, whatever the weights.
#include "passes/graph/PanelOrder.h"
#include "gtest/gtest.h"
#include <random>
#include <vector>

using namespace nncc;

namespace {
class Weights {
public:
  Weights(int64_t depth, int64_t width, int mostSmall, int oneInLarge, uint64_t seed)
      : width(width), values(depth * width) {
    std::mt19937_64 random(seed);
    for (int8_t &value : values)
      value = random() % oneInLarge ? static_cast<int8_t>(static_cast<int>(random() % (2 * mostSmall + 1)) - mostSmall)
              : random() % 2        ? -128
                                    : 127;
  }

  int8_t at(int64_t o, int64_t k) const { return values[k * width + o]; }
  int64_t width;

private:
  std::vector<int8_t> values;
};

/// What a pair of places adds up to at most and at least, by bytes of A as they are worst for it.
void expectFits(const Weights &weights, int64_t one, int64_t other) {
  for (int64_t o = 0; o < weights.width; ++o) {
    int most = 0, least = 0;
    for (int64_t k : {one, other})
      if (k != PanelOrder::kNone) {
        most += std::max(255 * weights.at(o, k), 0);
        least += std::min(255 * weights.at(o, k), 0);
      }
    EXPECT_LE(most, 32767);
    EXPECT_GE(least, -32768);
  }
}

/// The number of groups behind the blocks.
size_t sparesOf(int64_t depth, int mostSmall, int oneInLarge, uint64_t seed) {
  Weights weights(depth, /*width=*/16, mostSmall, oneInLarge, seed);
  PanelOrder order = PanelOrder::of(depth, weights.width, [&](int64_t o, int64_t k) { return weights.at(o, k); });
  EXPECT_EQ(static_cast<int64_t>(order.places.size()), (depth + 3) / 4 * 4);
  std::vector<int> count(depth);
  for (size_t place = 0; place < order.places.size(); place += 2) {
    expectFits(weights, order.places[place], order.places[place + 1]);
    for (size_t i : {place, place + 1})
      if (int64_t k = order.places[i]; k != PanelOrder::kNone) {
        int64_t block = static_cast<int64_t>(i) / PanelOrder::kBlock;
        for (bool isFirst : {false, true}) {
          int64_t window = PanelOrder::windowOf(block, depth, isFirst);
          EXPECT_TRUE(!isFirst || window >= 0);
          EXPECT_TRUE(isFirst || window + PanelOrder::kBlock <= depth);
          EXPECT_EQ(window + order.shuffleOf(block, depth, isFirst)[i % PanelOrder::kBlock], k);
        }
        ++count[k];
      }
  }
  for (const PanelOrder::Spare &spare : order.spares) {
    EXPECT_LE(spare.first + PanelOrder::kGroup, depth);
    auto taken = [&](int64_t i) { return spare.isTaken[i] ? spare.first + i : PanelOrder::kNone; };
    for (int64_t i = 0; i < PanelOrder::kGroup; i += 2)
      expectFits(weights, taken(i), taken(i + 1));
    for (int64_t i = 0; i < PanelOrder::kGroup; ++i)
      if (spare.isTaken[i])
        ++count[spare.first + i];
  }
  EXPECT_EQ(count, std::vector<int>(depth, 1));
  return order.spares.size();
}
} // namespace

TEST(PanelOrder, PairsWhatFits) {
  for (int64_t depth = PanelOrder::kLeast; depth < 70; ++depth)
    EXPECT_EQ(sparesOf(depth, /*mostSmall=*/64, /*oneInLarge=*/1000000, depth), 0U);
}

TEST(PanelOrder, FindsPartnersOfFewThatAreLarge) {
  size_t count = 0;
  for (int64_t depth = 16; depth < 70; ++depth)
    count += sparesOf(depth, /*mostSmall=*/30, /*oneInLarge=*/100, depth);
  EXPECT_LE(count, 10U);
}

TEST(PanelOrder, LeavesWhatFitsNothing) {
  for (int64_t depth = 16; depth < 70; ++depth)
    EXPECT_GE(sparesOf(depth, /*mostSmall=*/127, /*oneInLarge=*/2, depth), static_cast<size_t>(depth / 16));
}
