// Packs buffers with known lifetimes into one arena. Knows nothing of IR.
#ifndef NNCC_PASSES_MEMORY_ARENAPLANNER_H
#define NNCC_PASSES_MEMORY_ARENAPLANNER_H
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"
#include <cstdint>
#include <vector>

namespace nncc {

/// Every place in the arena and the weights starts on a cache line.
inline constexpr int64_t kArenaAlignment = 64;

/// A buffer that is alive during the kernels [first, last], both inclusive.
struct ArenaBuffer {
  int64_t bytes = 0;
  unsigned first = 0, last = 0;
  int64_t offset = -1; ///< set by planArena
  /// Buffers that a kernel writes while it reads this one, or reads while it writes this one.
  llvm::SmallVector<unsigned, 2> beside;
};

/// Gives every buffer an offset, a multiple of `alignment`, so that no two buffers alive during one kernel overlap.
///
/// Buffers are placed one after the other at an offset that is free; several orders are tried, then the best is changed
/// by annealing, as long as the fullest kernel needs less. Deterministic.
///
/// returns the bytes that the arena needs
/// source  Pisarchyk & Lee 2020, "Efficient Memory Management for Deep Neural Net Inference" (greedy by size)
int64_t planArena(std::vector<ArenaBuffer> &buffers, int64_t alignment);

/// Moves buffers within a planned arena, so that what a kernel reads and what it writes begin at positions that differ
/// modulo 4096, where there is room for that. Offsets are multiples of 64 as before; the arena does not grow.
///
/// Activations are often multiples of a page, and then all buffers begin at equal positions: a load waits for the
/// stores before it whose addresses look like its own.
void staggerBuffers(std::vector<ArenaBuffer> &buffers, int64_t arenaBytes);

/// The least bytes that any plan needs: the fullest kernel, each buffer rounded up to `alignment`.
int64_t arenaLoad(llvm::ArrayRef<ArenaBuffer> buffers, int64_t alignment, unsigned *fullestKernel = nullptr);

} // namespace nncc
#endif
