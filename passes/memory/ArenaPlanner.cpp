// Greedy placement in several orders, then a deterministic local search.
#include "passes/memory/ArenaPlanner.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/MathExtras.h"
#include <algorithm>
#include <numeric>

namespace nncc {

static bool overlapInTime(const ArenaBuffer &a, const ArenaBuffer &b) { return a.first <= b.last && b.first <= a.last; }

/// Places the buffers in the given order, each at the lowest offset that is free. Returns the arena's size.
static int64_t place(std::vector<ArenaBuffer> &buffers, llvm::ArrayRef<unsigned> order, int64_t alignment) {
  int64_t size = 0;
  // Placed buffers by offset: gaps are found in one sweep.
  std::vector<unsigned> placed;
  for (unsigned index : order) {
    ArenaBuffer &buffer = buffers[index];
    int64_t offset = 0;
    for (unsigned other : placed) {
      const ArenaBuffer &neighbour = buffers[other];
      if (!overlapInTime(buffer, neighbour))
        continue;
      if (offset + buffer.bytes <= neighbour.offset)
        break;
      offset = std::max(offset, (int64_t)llvm::alignTo(neighbour.offset + neighbour.bytes, alignment));
    }
    buffer.offset = offset;
    size = std::max(size, offset + buffer.bytes);
    auto position =
        llvm::upper_bound(placed, index, [&](unsigned a, unsigned b) { return buffers[a].offset < buffers[b].offset; });
    placed.insert(position, index);
  }
  return size;
}

int64_t arenaLoad(llvm::ArrayRef<ArenaBuffer> buffers, int64_t alignment, unsigned *fullestKernel) {
  unsigned kernels = 0;
  for (const ArenaBuffer &buffer : buffers)
    kernels = std::max(kernels, buffer.last + 1);
  std::vector<int64_t> change(kernels + 1, 0);
  for (const ArenaBuffer &buffer : buffers) {
    change[buffer.first] += llvm::alignTo(buffer.bytes, alignment);
    change[buffer.last + 1] -= llvm::alignTo(buffer.bytes, alignment);
  }
  int64_t load = 0, most = 0;
  for (unsigned kernel = 0; kernel < kernels; ++kernel) {
    load += change[kernel];
    if (load > most) {
      most = load;
      if (fullestKernel)
        *fullestKernel = kernel;
    }
  }
  return most;
}

int64_t planArena(std::vector<ArenaBuffer> &buffers, int64_t alignment) {
  std::vector<unsigned> order(buffers.size());
  std::iota(order.begin(), order.end(), 0);
  int64_t bound = arenaLoad(buffers, alignment);

  std::vector<unsigned> bestOrder = order;
  int64_t best = INT64_MAX;
  auto attempt = [&](const std::vector<unsigned> &candidate) {
    int64_t size = place(buffers, candidate, alignment);
    if (size < best) {
      best = size;
      bestOrder = candidate;
    }
    return size;
  };
  auto duration = [&](unsigned i) { return int64_t(buffers[i].last - buffers[i].first + 1); };
  auto attemptSorted = [&](auto key) {
    std::vector<unsigned> candidate = order;
    std::sort(candidate.begin(), candidate.end(),
              [&](unsigned a, unsigned b) { return key(a) != key(b) ? key(a) > key(b) : a < b; });
    attempt(candidate);
  };
  attemptSorted([&](unsigned i) { return buffers[i].bytes; });
  attemptSorted([&](unsigned i) { return buffers[i].bytes * duration(i); });
  attemptSorted([&](unsigned i) { return duration(i); });
  attemptSorted([&](unsigned i) { return -int64_t(buffers[i].first); });
  attemptSorted([&](unsigned i) { return int64_t(buffers[i].last); });

  // Local search: whatever ends at the top of the arena is placed earlier. The generator is fixed: same bytes always.
  uint64_t random = 0x9E3779B97F4A7C15ull;
  auto next = [&](uint64_t below) {
    random ^= random << 13, random ^= random >> 7, random ^= random << 17;
    return random % below;
  };
  // Quadratic placement: fewer rounds for graphs of thousands of buffers.
  size_t rounds = buffers.empty() ? 0 : std::min<size_t>(2000, 20'000'000 / (buffers.size() * buffers.size()) + 1);
  for (size_t round = 0; round < rounds && best > bound; ++round) {
    std::vector<unsigned> candidate = bestOrder;
    place(buffers, candidate, alignment);
    size_t from = 0;
    if (round % 2) {
      from = next(candidate.size());
    } else {
      int64_t top = 0;
      for (size_t i = 0; i < candidate.size(); ++i)
        if (buffers[candidate[i]].offset + buffers[candidate[i]].bytes > top)
          top = buffers[candidate[i]].offset + buffers[candidate[i]].bytes, from = i;
    }
    size_t to = next(from + 1);
    std::rotate(candidate.begin() + to, candidate.begin() + from, candidate.begin() + from + 1);
    attempt(candidate);
  }
  return buffers.empty() ? 0 : place(buffers, bestOrder, alignment);
}

} // namespace nncc
