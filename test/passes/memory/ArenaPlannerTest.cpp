// Placement in the arena: nothing alive overlaps, the size is near the fullest kernel, large plans are quick.
#include "passes/memory/ArenaPlanner.h"
#include "llvm/ADT/STLExtras.h"
#include "gtest/gtest.h"
#include <chrono>
#include <random>

using namespace nncc;

namespace {

std::vector<ArenaBuffer> randomBuffers(unsigned count, unsigned longest, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<ArenaBuffer> buffers;
  for (unsigned i = 0; i < count; ++i) {
    unsigned first = i, last = i + 1 + random() % longest;
    buffers.push_back({int64_t(1 + random() % 4000), first, last, -1, {}});
  }
  return buffers;
}

void expectDisjoint(const std::vector<ArenaBuffer> &buffers, int64_t size, int64_t alignment) {
  for (size_t i = 0; i < buffers.size(); ++i) {
    const ArenaBuffer &a = buffers[i];
    EXPECT_GE(a.offset, 0);
    EXPECT_EQ(a.offset % alignment, 0);
    EXPECT_LE(a.offset + a.bytes, size);
    for (size_t j = 0; j < i; ++j) {
      const ArenaBuffer &b = buffers[j];
      bool apart =
          a.last < b.first || b.last < a.first || a.offset + a.bytes <= b.offset || b.offset + b.bytes <= a.offset;
      if (!apart)
        ADD_FAILURE() << "buffers " << i << " and " << j << " overlap";
    }
  }
}

} // namespace

TEST(ArenaPlanner, places_what_is_alive_together_apart) {
  for (unsigned seed = 0; seed < 50; ++seed) {
    auto buffers = randomBuffers(10 + seed, 1 + seed % 9, seed);
    int64_t size = planArena(buffers, 64);
    expectDisjoint(buffers, size, 64);
    EXPECT_GE(size, arenaLoad(buffers, 64) - 63);
  }
}

TEST(ArenaPlanner, gives_a_chain_the_two_largest_neighbours) {
  std::vector<ArenaBuffer> buffers{
      {640, 0, 1, -1, {}}, {1280, 1, 2, -1, {}}, {640, 2, 3, -1, {}}, {1920, 3, 4, -1, {}}, {64, 4, 5, -1, {}}};
  EXPECT_EQ(planArena(buffers, 64), 2560);
}

TEST(ArenaPlanner, needs_nothing_for_nothing) {
  std::vector<ArenaBuffer> none;
  EXPECT_EQ(planArena(none, 64), 0);
  std::vector<ArenaBuffer> empty{{0, 0, 3, -1, {}}};
  EXPECT_EQ(planArena(empty, 64), 0);
}

// A kernel that needs all of the arena, then three that stream from one buffer into the next, a page multiple each.
TEST(ArenaPlanner, staggers_what_is_read_and_written_where_there_is_room) {
  std::vector<ArenaBuffer> buffers{{40960, 0, 1, -1, {1}},
                                   {20480, 1, 2, -1, {0, 2}},
                                   {4096, 2, 3, -1, {1, 3}},
                                   {4096, 3, 4, -1, {2, 4}},
                                   {4096, 4, 5, -1, {3}}};
  int64_t size = planArena(buffers, 64);
  EXPECT_EQ(size, 61440);
  auto before = buffers;
  staggerBuffers(buffers, size);
  expectDisjoint(buffers, size, 64);
  for (unsigned i = 2; i < buffers.size(); ++i) {
    int64_t apart = std::abs(buffers[i].offset - buffers[i - 1].offset) % 4096;
    EXPECT_GE(std::min(apart, 4096 - apart), 256) << "buffer " << i;
    // Not far: memory that was just used is in the cache.
    EXPECT_LE(std::abs(buffers[i].offset - before[i].offset), 4 * 4096) << "buffer " << i;
  }
  // Those two fill the arena.
  EXPECT_EQ(buffers[0].offset, before[0].offset);
}

TEST(ArenaPlanner, staggers_random_buffers_in_place) {
  for (unsigned seed = 0; seed < 50; ++seed) {
    auto buffers = randomBuffers(60, 1 + seed % 5, seed);
    for (auto [index, buffer] : llvm::enumerate(buffers)) {
      buffer.bytes *= 64;
      if (index > 0) {
        buffer.beside.push_back(index - 1);
        buffers[index - 1].beside.push_back(index);
      }
    }
    int64_t size = planArena(buffers, 64);
    staggerBuffers(buffers, size);
    expectDisjoint(buffers, size, 64);
  }
}

TEST(ArenaPlanner, is_near_the_fullest_kernel) {
  double worst = 0, sum = 0;
  for (unsigned seed = 0; seed < 40; ++seed) {
    auto buffers = randomBuffers(100, 1 + seed % 8, seed);
    double ratio = double(planArena(buffers, 64)) / arenaLoad(buffers, 64);
    worst = std::max(worst, ratio), sum += ratio;
  }
  std::printf("worst %.4f, mean %.4f\n", worst, sum / 40);
  EXPECT_LT(worst, 1.02);
}

// Buffers that live long are the hard ones: dozens are alive at once.
TEST(ArenaPlanner, places_two_thousand_buffers_in_time) {
  for (unsigned longest : {3u, 12u, 100u, 2000u}) {
    auto buffers = randomBuffers(2000, longest, 7);
    auto start = std::chrono::steady_clock::now();
    int64_t size = planArena(buffers, 64);
    double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    double ratio = double(size) / arenaLoad(buffers, 64);
    std::printf("up to %u kernels: %.3f s, %.4f x\n", longest, seconds, ratio);
    expectDisjoint(buffers, size, 64);
    EXPECT_LT(seconds, 5);
    EXPECT_LT(ratio, longest <= 12 ? 1.02 : 1.10);
  }
}

TEST(ArenaPlanner, gives_the_same_places_every_time) {
  auto buffers = randomBuffers(150, 20, 3), again = buffers;
  planArena(buffers, 64);
  planArena(again, 64);
  for (size_t i = 0; i < buffers.size(); ++i)
    EXPECT_EQ(buffers[i].offset, again[i].offset);
}
