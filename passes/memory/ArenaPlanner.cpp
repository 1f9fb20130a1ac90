// Greedy placement in several orders, then annealing of the best order.
#include "passes/memory/ArenaPlanner.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/MathExtras.h"
#include <algorithm>
#include <numeric>

namespace nncc {

namespace {

/// Rounds of annealing; graphs of thousands of buffers get fewer, for the time that one takes.
constexpr int64_t kMostRounds = 4000;
/// Buffers looked at in all rounds together, in units of some 5 ns: 0.1 s.
constexpr int64_t kMostWork = 20'000'000;
/// What sorting a buffer by its offset takes, in looks at one.
constexpr int64_t kSortingWork = 6;

/// Numbers that are the same in every compile.
class Random {
public:
  uint64_t below(uint64_t limit) {
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    return state % limit;
  }

private:
  uint64_t state = 0x9E3779B97F4A7C15ull;
};

/// Bytes alive in each kernel.
std::vector<int64_t> loadOfKernels(llvm::ArrayRef<ArenaBuffer> buffers, int64_t alignment) {
  unsigned kernels = 0;
  for (const ArenaBuffer &buffer : buffers)
    kernels = std::max(kernels, buffer.last + 1);
  std::vector<int64_t> load(kernels + 1, 0);
  for (const ArenaBuffer &buffer : buffers) {
    load[buffer.first] += llvm::alignTo(buffer.bytes, alignment);
    load[buffer.last + 1] -= llvm::alignTo(buffer.bytes, alignment);
  }
  std::partial_sum(load.begin(), load.end(), load.begin());
  return load;
}

class Placer {
public:
  Placer(std::vector<ArenaBuffer> &buffers, int64_t alignment) : buffers(buffers), alignment(alignment) {
    neighbours.resize(buffers.size());
    std::vector<unsigned> byFirst(buffers.size());
    std::iota(byFirst.begin(), byFirst.end(), 0);
    llvm::sort(byFirst,
               [&](unsigned a, unsigned b) { return std::pair(buffers[a].first, a) < std::pair(buffers[b].first, b); });
    for (size_t i = 0; i < byFirst.size(); ++i)
      for (size_t j = i + 1; j < byFirst.size() && buffers[byFirst[j]].first <= buffers[byFirst[i]].last; ++j) {
        neighbours[byFirst[i]].push_back(byFirst[j]);
        neighbours[byFirst[j]].push_back(byFirst[i]);
        work += 2 * kSortingWork;
      }
    // Where most are alive with most others, keeping all of them sorted is less than sorting each one's neighbours.
    int64_t pairs = buffers.size() * buffers.size();
    isDense = work > pairs;
    work = std::min(work, pairs) + buffers.size();
  }

  /// Places the buffers in the given order, each at the lowest offset that is free, or with `tightest` in the smallest
  /// gap that holds it. Returns the arena's size.
  int64_t place(llvm::ArrayRef<unsigned> order, bool tightest) {
    int64_t size = 0;
    placed.clear();
    for (ArenaBuffer &buffer : buffers)
      buffer.offset = -1;
    for (unsigned index : order) {
      ArenaBuffer &buffer = buffers[index];
      taken.clear();
      auto take = [&](const ArenaBuffer &other) { taken.push_back({other.offset, other.offset + other.bytes}); };
      if (isDense) {
        for (unsigned other : placed)
          if (buffers[other].first <= buffer.last && buffer.first <= buffers[other].last)
            take(buffers[other]);
      } else {
        for (unsigned other : neighbours[index])
          if (buffers[other].offset >= 0)
            take(buffers[other]);
        llvm::sort(taken);
      }
      int64_t offset = 0, bestOffset = -1, smallest = INT64_MAX;
      for (auto [begin, end] : taken) {
        if (offset + buffer.bytes <= begin && begin - offset < smallest) {
          smallest = begin - offset, bestOffset = offset;
          if (!tightest)
            break;
        }
        offset = std::max(offset, (int64_t)llvm::alignTo(end, alignment));
      }
      buffer.offset = bestOffset >= 0 ? bestOffset : offset;
      size = std::max(size, buffer.offset + buffer.bytes);
      if (isDense)
        placed.insert(llvm::upper_bound(placed, index,
                                        [&](unsigned a, unsigned b) { return buffers[a].offset < buffers[b].offset; }),
                      index);
    }
    return size;
  }

  llvm::ArrayRef<unsigned> neighboursOf(unsigned index) const { return neighbours[index]; }

  /// Rounds of placing that the time allows.
  int64_t rounds() const { return std::min<int64_t>(kMostRounds, kMostWork / work); }

private:
  std::vector<ArenaBuffer> &buffers;
  int64_t alignment, work = 0; ///< of placing all once
  bool isDense = false;
  std::vector<unsigned> placed;                  ///< by offset, where most buffers are alive together
  std::vector<std::vector<unsigned>> neighbours; ///< buffers alive at the same time
  std::vector<std::pair<int64_t, int64_t>> taken;
};

} // namespace

int64_t arenaLoad(llvm::ArrayRef<ArenaBuffer> buffers, int64_t alignment, unsigned *fullestKernel) {
  std::vector<int64_t> load = loadOfKernels(buffers, alignment);
  auto most = llvm::max_element(load);
  if (fullestKernel)
    *fullestKernel = most - load.begin();
  return *most;
}

int64_t planArena(std::vector<ArenaBuffer> &buffers, int64_t alignment) {
  if (buffers.empty())
    return 0;
  Placer placer(buffers, alignment);
  std::vector<int64_t> load = loadOfKernels(buffers, alignment);
  // No plan needs less: of what is alive, the last in the arena needs no rounding.
  int64_t bound = 0;
  std::vector<int64_t> rounding(load.size(), 0);
  for (const ArenaBuffer &buffer : buffers)
    for (unsigned kernel = buffer.first; kernel <= buffer.last; ++kernel)
      rounding[kernel] = std::max(rounding[kernel], (int64_t)llvm::alignTo(buffer.bytes, alignment) - buffer.bytes);
  for (auto [bytes, rest] : llvm::zip(load, rounding))
    bound = std::max(bound, bytes - rest);
  std::vector<unsigned> bestOrder;
  int64_t best = INT64_MAX;
  bool bestIsTightest = false;
  auto attempt = [&](llvm::ArrayRef<unsigned> order, bool tightest) {
    int64_t size = placer.place(order, tightest);
    if (size < best)
      best = size, bestOrder = order.vec(), bestIsTightest = tightest;
    return size;
  };

  // What is alive in the fullest kernel is the most constrained.
  std::vector<int64_t> fullest;
  for (const ArenaBuffer &buffer : buffers)
    fullest.push_back(*std::max_element(load.begin() + buffer.first, load.begin() + buffer.last + 1));
  auto attemptSorted = [&](auto key) {
    std::vector<unsigned> order(buffers.size());
    std::iota(order.begin(), order.end(), 0);
    llvm::sort(order, [&](unsigned a, unsigned b) { return key(a) != key(b) ? key(a) > key(b) : a < b; });
    for (bool tightest : {false, true})
      if (best > bound)
        attempt(order, tightest);
  };
  auto duration = [&](unsigned i) { return int64_t(buffers[i].last - buffers[i].first + 1); };
  attemptSorted([&](unsigned i) { return buffers[i].bytes; });
  attemptSorted([&](unsigned i) { return buffers[i].bytes * duration(i); });
  attemptSorted([&](unsigned i) { return duration(i); });
  attemptSorted([&](unsigned i) { return -int64_t(buffers[i].first); });
  attemptSorted([&](unsigned i) { return int64_t(buffers[i].last); });
  attemptSorted([&](unsigned i) { return fullest[i]; });
  attemptSorted([&](unsigned i) { return std::pair(fullest[i], duration(i)); });
  attemptSorted([&](unsigned i) { return fullest[i] + buffers[i].bytes; });

  // Annealing of the order: the buffer that sticks out, one that is alive beside it, or any, is placed earlier (now and
  // then later). A worse order is kept with a probability that falls to nothing.
  Random random;
  std::vector<unsigned> current = bestOrder;
  int64_t currentSize = best;
  const int64_t rounds = placer.rounds();
  for (int64_t round = 0; round < rounds && best > bound; ++round) {
    std::vector<unsigned> order = current;
    size_t from = random.below(order.size());
    if (round % 2 == 0) {
      placer.place(order, bestIsTightest);
      unsigned top = *llvm::max_element(order, [&](unsigned a, unsigned b) {
        return buffers[a].offset + buffers[a].bytes < buffers[b].offset + buffers[b].bytes;
      });
      llvm::ArrayRef<unsigned> beside = placer.neighboursOf(top);
      if (round % 4 == 0 && !beside.empty())
        top = beside[random.below(beside.size())];
      from = llvm::find(order, top) - order.begin();
    }
    size_t to = random.below(round % 4 == 3 ? order.size() : from + 1);
    auto begin = order.begin();
    if (to <= from)
      std::rotate(begin + to, begin + from, begin + from + 1);
    else
      std::rotate(begin + from, begin + from + 1, begin + to + 1);
    int64_t size = attempt(order, bestIsTightest);
    // Up to 1 % worse at first.
    int64_t allowed = bound * 0.01 * (double(rounds - round) / rounds) * (random.below(1024) / 1024.0);
    if (size <= currentSize + allowed)
      current = std::move(order), currentSize = size;
  }
  return placer.place(bestOrder, bestIsTightest);
}

} // namespace nncc
