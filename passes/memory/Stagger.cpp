// Moves buffers of a planned arena so that a kernel does not read and write at equal positions of a page.
#include "passes/memory/ArenaPlanner.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/MathExtras.h"

namespace nncc {

namespace {

/// The span of addresses that processors tell apart when they look for the store that a load depends on, and of one way
/// of a 32 KiB cache.
constexpr int64_t kPage = 4096;
/// Positions in a page that are tried. Two buffers this far apart are as good as any (measured with 256, 320 and 1088).
constexpr int64_t kStep = 256;
/// How far a buffer is moved: memory that was just used is in the cache. Moved anywhere, the normalizations of
/// DenseNet-121 took up to half as long again.
constexpr int64_t kFarthest = 4 * kPage;
/// Buffers alive together with one of them; more are not looked at, for the time that it takes.
constexpr size_t kMostNeighbours = 128;

/// How far two offsets are apart modulo a page.
int64_t apartInPage(int64_t a, int64_t b) {
  int64_t apart = std::abs(a - b) % kPage;
  return std::min(apart, kPage - apart);
}

/// True when a buffer at `offset` begins at another position than those that kernels use beside it.
bool isApart(llvm::ArrayRef<ArenaBuffer> buffers, const ArenaBuffer &buffer, int64_t offset) {
  return llvm::all_of(buffer.beside, [&](unsigned other) {
    return buffers[other].bytes < kPage || apartInPage(offset, buffers[other].offset) >= kStep;
  });
}

} // namespace

void staggerBuffers(std::vector<ArenaBuffer> &buffers, int64_t arenaBytes) {
  for (ArenaBuffer &buffer : buffers) {
    if (buffer.bytes < kPage || isApart(buffers, buffer, buffer.offset))
      continue;
    llvm::SmallVector<const ArenaBuffer *> neighbours;
    for (const ArenaBuffer &other : buffers)
      if (&other != &buffer && buffer.first <= other.last && other.first <= buffer.last)
        neighbours.push_back(&other);
    if (neighbours.size() > kMostNeighbours)
      continue;
    llvm::sort(neighbours, [](const ArenaBuffer *a, const ArenaBuffer *b) {
      return std::pair(a->offset, a->bytes) < std::pair(b->offset, b->bytes);
    });
    // Every gap between what is alive at the same time, and what is free behind the last; the nearest place is taken.
    int64_t free = 0, wanted = -1;
    auto tryGap = [&](int64_t begin, int64_t end) {
      int64_t low = std::max<int64_t>(llvm::alignTo(begin, kStep), buffer.offset - kFarthest);
      int64_t high = std::min(end - buffer.bytes, buffer.offset + kFarthest);
      for (int64_t offset = llvm::alignTo(low, kStep); offset <= high; offset += kStep)
        if (isApart(buffers, buffer, offset) &&
            (wanted < 0 || std::abs(offset - buffer.offset) < std::abs(wanted - buffer.offset)))
          wanted = offset;
    };
    for (const ArenaBuffer *other : neighbours) {
      tryGap(free, other->offset);
      free = std::max(free, other->offset + other->bytes);
    }
    tryGap(free, arenaBytes);
    if (wanted >= 0)
      buffer.offset = wanted;
  }
}

} // namespace nncc
