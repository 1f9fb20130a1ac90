// The thread pool: every item once, whoever calls, whatever sleeps; what was written is visible afterwards.
#include "nncc/pool.h"
#include "gtest/gtest.h"
#include <atomic>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <thread>
#include <vector>

namespace {
/// A pool that goes with its test.
struct Pool {
  explicit Pool(uint32_t threads) { EXPECT_EQ(nncc_pool_create(&pool, threads), 0); }
  ~Pool() { nncc_pool_destroy(&pool); }
  void run(uint32_t count, void (*body)(void *, uint32_t), void *argument) {
    nncc_pool_parallel_for(&pool, count, body, argument);
  }
  nncc_pool pool;
};

/// Counts, without atomics: that the items of one call are visible to the caller is what is tested.
struct Counts {
  std::vector<int> runs;
  static void add(void *argument, uint32_t i) { ++static_cast<Counts *>(argument)->runs[i]; }
};

void pause(long microseconds) {
  timespec time = {0, microseconds * 1000};
  nanosleep(&time, nullptr);
}

TEST(Pool, RunsEveryItemOnce) {
  // More threads than cores, fewer and more items than threads, none and one.
  for (uint32_t threads : {1u, 2u, 3u, 8u, uint32_t(NNCC_POOL_MAX_THREADS)}) {
    Pool pool(threads);
    for (uint32_t count : {0u, 1u, 2u, 3u, 7u, 64u, 1000u})
      for (int repeat = 0; repeat < 50; ++repeat) {
        Counts counts{std::vector<int>(count)};
        pool.run(count, Counts::add, &counts);
        EXPECT_EQ(counts.runs, std::vector<int>(count, 1));
      }
  }
}

TEST(Pool, WakesThreadsThatSleep) {
  Pool pool(3);
  for (int repeat = 0; repeat < 200; ++repeat) {
    Counts counts{std::vector<int>(5)};
    // Around the time at which threads go to sleep.
    pause(repeat % 2 ? 200 : 50);
    pool.run(5, Counts::add, &counts);
    EXPECT_EQ(counts.runs, std::vector<int>(5, 1));
  }
}

TEST(Pool, UsesItsThreads) {
  Pool pool(4);
  // All four items wait for each other: only four threads can end this.
  std::atomic<int> arrived{0};
  pool.run(
      4,
      [](void *argument, uint32_t) {
        auto *arrived = static_cast<std::atomic<int> *>(argument);
        ++*arrived;
        while (*arrived < 4)
          std::this_thread::yield();
      },
      &arrived);
  EXPECT_EQ(arrived, 4);
}

TEST(Pool, WaitsForSlowItems) {
  Pool pool(2);
  int results[2] = {0, 0};
  // Longer than the caller waits busily.
  pool.run(
      2,
      [](void *argument, uint32_t i) {
        pause(i ? 20000 : 1);
        static_cast<int *>(argument)[i] = 1;
      },
      results);
  EXPECT_EQ(results[0] + results[1], 2);
}

struct Nested {
  nncc_pool *pool;
  int outer[4] = {0, 0, 0, 0};
  int inner[4][3] = {};
};

TEST(Pool, RunsNestedWorkOnTheThreadOfItsBody) {
  Pool pool(3);
  for (int repeat = 0; repeat < 100; ++repeat) {
    Nested nested{&pool.pool};
    pool.run(
        4,
        [](void *argument, uint32_t i) {
          auto *nested = static_cast<Nested *>(argument);
          struct Row {
            int *items;
            std::thread::id owner;
          } row = {nested->inner[i], std::this_thread::get_id()};
          nncc_pool_parallel_for(
              nested->pool, 3,
              [](void *argument, uint32_t j) {
                auto *row = static_cast<Row *>(argument);
                row->items[j] += row->owner == std::this_thread::get_id() ? 1 : 100;
              },
              &row);
          nested->outer[i] = 1;
        },
        &nested);
    for (int i = 0; i < 4; ++i) {
      EXPECT_EQ(nested.outer[i], 1);
      for (int item : nested.inner[i])
        EXPECT_EQ(item, 1);
    }
  }
}

TEST(Pool, ServesSeveralCallersAtOnce) {
  Pool pool(3);
  std::vector<std::thread> callers;
  std::atomic<int> wrong{0};
  for (int caller = 0; caller < 4; ++caller)
    callers.emplace_back([&] {
      for (int repeat = 0; repeat < 500; ++repeat) {
        Counts counts{std::vector<int>(6)};
        pool.run(6, Counts::add, &counts);
        wrong += counts.runs != std::vector<int>(6, 1);
      }
    });
  for (std::thread &caller : callers)
    caller.join();
  EXPECT_EQ(wrong, 0);
}

TEST(Pool, KeepsWithinItsMemory) {
  struct {
    uint64_t before = 0x1234;
    nncc_pool pool;
    uint64_t behind = 0x5678;
  } guarded;
  // At every place that its alignment allows.
  ASSERT_EQ(nncc_pool_create(&guarded.pool, NNCC_POOL_MAX_THREADS), 0);
  nncc_pool_destroy(&guarded.pool);
  EXPECT_EQ(guarded.before, 0x1234u);
  EXPECT_EQ(guarded.behind, 0x5678u);
  std::vector<uint64_t> memory(2 * sizeof(nncc_pool) / 8);
  for (size_t at = 0; at < 8; ++at) {
    auto *pool = reinterpret_cast<nncc_pool *>(&memory[at]);
    memory[at + sizeof(nncc_pool) / 8] = 0xabcd;
    ASSERT_EQ(nncc_pool_create(pool, NNCC_POOL_MAX_THREADS), 0);
    Counts counts{std::vector<int>(100)};
    nncc_pool_parallel_for(pool, 100, Counts::add, &counts);
    EXPECT_EQ(counts.runs, std::vector<int>(100, 1));
    nncc_pool_destroy(pool);
    EXPECT_EQ(memory[at + sizeof(nncc_pool) / 8], 0xabcdu);
  }
}

TEST(Pool, RefusesWrongNumbers) {
  nncc_pool pool;
  EXPECT_EQ(nncc_pool_create(nullptr, 2), EINVAL);
  EXPECT_EQ(nncc_pool_create(&pool, 0), EINVAL);
  EXPECT_EQ(nncc_pool_create(&pool, NNCC_POOL_MAX_THREADS + 1), EINVAL);
}

TEST(Pool, ComesAndGoes) {
  for (int repeat = 0; repeat < 200; ++repeat) {
    Pool pool(4);
    Counts counts{std::vector<int>(8)};
    if (repeat % 3)
      pool.run(8, Counts::add, &counts);
  }
}
} // namespace
