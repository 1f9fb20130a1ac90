// Pairs are a matching of the values of a block; blocks are so short that a search with few steps finds nearly all.
#include "passes/graph/PanelOrder.h"
#include "lib/support/Assert.h"
#include "llvm/ADT/bit.h"
#include "llvm/Support/MathExtras.h"
#include <algorithm>

using namespace mlir;
using namespace nncc;

namespace {

/// The most pairs of up to 16 values, each of which has a bit in the masks of those that it fits.
class Matching {
public:
  Matching(ArrayRef<uint32_t> fits) : fits(fits) { search((1U << fits.size()) - 1); }

  SmallVector<std::pair<int, int>, PanelOrder::kBlock / 2> best;

private:
  ArrayRef<uint32_t> fits;
  SmallVector<std::pair<int, int>, PanelOrder::kBlock / 2> chosen;
  int stepsLeft = 1000;

  /// Goes on with the value that has the fewest partners left.
  void search(uint32_t free) {
    int value = -1, fewest = 0;
    for (uint32_t left = free; left; left &= left - 1) {
      int i = llvm::countr_zero(left), partners = llvm::popcount(fits[i] & free);
      if (!partners)
        free &= ~(1U << i);
      else if (value < 0 || partners < fewest)
        value = i, fewest = partners;
    }
    if (chosen.size() > best.size())
      best = chosen;
    size_t most = chosen.size() + static_cast<size_t>(llvm::popcount(free)) / 2;
    if (value < 0 || most <= best.size() || --stepsLeft < 0)
      return;
    free &= ~(1U << value);
    for (uint32_t left = fits[value] & free; left; left &= left - 1) {
      int partner = llvm::countr_zero(left);
      chosen.emplace_back(value, partner);
      search(free & ~(1U << partner));
      chosen.pop_back();
    }
    search(free);
  }
};

/// The weights of a panel, those of each sign in a column of their own.
class ColumnsOfSigns {
public:
  ColumnsOfSigns(int64_t depth, int64_t width, function_ref<int8_t(int64_t, int64_t)> weight)
      : count(2 * width), values(depth * count) {
    for (int64_t k = 0; k < depth; ++k)
      for (int64_t o = 0; o < width; ++o) {
        int value = weight(o, k);
        values[k * count + o] = static_cast<uint8_t>(std::max(value, 0));
        values[k * count + width + o] = static_cast<uint8_t>(std::max(-value, 0));
      }
  }

  /// Two values of k may be a pair. Every pair of a block is asked for: without a way out in between, columns are
  /// compared a vector at a time.
  bool fit(int64_t one, int64_t other) const {
    constexpr int16_t mostOfSign = 128;
    const uint8_t *a = &values[one * count], *b = &values[other * count];
    int16_t most = 0;
    for (int64_t i = 0; i < count; ++i)
      most = std::max(most, static_cast<int16_t>(a[i] + b[i]));
    return most <= mostOfSign;
  }

private:
  int64_t count;
  SmallVector<uint8_t, 0> values; ///< [depth][count]
};

} // namespace

int64_t PanelOrder::windowOf(int64_t block, int64_t depth, bool isFirst) {
  int64_t window = std::min(block * kBlock, depth - kBlock);
  return isFirst ? std::max<int64_t>(window, 0) : window;
}

std::array<uint8_t, PanelOrder::kBlock> PanelOrder::shuffleOf(int64_t block, int64_t depth, bool isFirst) const {
  std::array<uint8_t, kBlock> shuffle{};
  ArrayRef<int64_t> own = ArrayRef(places).drop_front(block * kBlock).take_front(kBlock);
  for (auto [place, k] : llvm::enumerate(own))
    shuffle[place] = k == kNone ? 0 : static_cast<uint8_t>(k - windowOf(block, depth, isFirst));
  return shuffle;
}

PanelOrder PanelOrder::of(int64_t depth, int64_t width, function_ref<int8_t(int64_t, int64_t)> weight) {
  NNCC_ASSERT(depth >= kLeast, "a vector of values of k is read");
  ColumnsOfSigns columns(depth, width, weight);
  PanelOrder order;
  SmallVector<int64_t> left;
  for (int64_t first = 0; first < depth; first += kBlock) {
    int64_t count = std::min(kBlock, depth - first);
    SmallVector<uint32_t, kBlock> fits(count, 0);
    for (int i = 0; i < count; ++i)
      for (int j = 0; j < i; ++j)
        if (columns.fit(first + i, first + j)) {
          fits[i] |= 1U << j;
          fits[j] |= 1U << i;
        }
    Matching matching(fits);
    uint32_t isPaired = 0;
    for (auto [one, other] : matching.best) {
      order.places.append({first + one, first + other});
      isPaired |= 1U << one | 1U << other;
    }
    int64_t end = first + static_cast<int64_t>(llvm::alignTo(count, kGroup));
    for (int i = 0; i < count; ++i) {
      if (isPaired >> i & 1)
        continue;
      if (static_cast<int64_t>(order.places.size()) < end)
        order.places.append({first + i, kNone});
      else
        left.push_back(first + i);
    }
    order.places.resize(end, kNone);
  }
  for (size_t i = 0; i < left.size();) {
    Spare spare{std::min(left[i], depth - kGroup), {}};
    for (; i < left.size() && left[i] < spare.first + kGroup; ++i) {
      int64_t place = left[i] - spare.first;
      if (spare.isTaken[place ^ 1] && !columns.fit(left[i], spare.first + (place ^ 1)))
        break;
      spare.isTaken[place] = true;
    }
    order.spares.push_back(spare);
  }
  return order;
}

SmallVector<int32_t> nncc::countSpares(const nn::ConstantReader &weights, int64_t outputs, int64_t panel,
                                       bool outputsInnermost, int64_t line) {
  const int64_t depth = weights.size() / outputs;
  SmallVector<int32_t> spares;
  for (int64_t output = 0; output < outputs; output += panel) {
    size_t most = 0;
    for (int64_t first = 0; first < depth; first += line) {
      auto weight = [&](int64_t o, int64_t k) {
        int64_t index = outputsInnermost ? (first + k) * outputs + output + o : (output + o) * depth + first + k;
        return static_cast<int8_t>(*weights.at(index));
      };
      PanelOrder order = PanelOrder::of(line, std::min(panel, outputs - output), weight);
      most = std::max(most, order.spares.size());
    }
    spares.push_back(static_cast<int32_t>(most));
  }
  return spares;
}

bool nncc::areFewSpares(ArrayRef<int32_t> spares, int64_t line) {
  // A group in an order takes three instructions where two of words take four.
  constexpr double most = 0.25; // of all groups
  const auto groups = static_cast<int64_t>(spares.size()) * llvm::divideCeil(line, PanelOrder::kGroup);
  return llvm::sum_of(spares, 0.0) <= most * static_cast<double>(groups);
}
