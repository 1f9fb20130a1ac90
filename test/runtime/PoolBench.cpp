// What handing work over to the threads of a pool costs; for people, not for pass or fail.
#include "nncc/pool.h"
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <thread>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

double microsecondsSince(Clock::time_point start) {
  return std::chrono::duration<double, std::micro>(Clock::now() - start).count();
}

/// Busy for `argument` microseconds.
void work(void *argument, uint32_t) {
  double wanted = *static_cast<double *>(argument);
  if (wanted <= 0)
    return;
  for (auto start = Clock::now(); microsecondsSince(start) < wanted;) {
  }
}

/// Times of a call with an item for each thread, sorted.
///
/// ofItem  microseconds that each item takes
/// pause   microseconds between calls: threads sleep when they have found nothing for 50
std::vector<double> timesOf(nncc_pool &pool, uint32_t threads, double ofItem, long pause, int calls) {
  std::vector<double> times;
  for (int i = 0; i < calls; ++i) {
    if (pause) {
      timespec time = {0, pause * 1000};
      nanosleep(&time, nullptr);
    }
    auto start = Clock::now();
    nncc_pool_parallel_for(&pool, threads, work, &ofItem);
    times.push_back(microsecondsSince(start) - ofItem);
  }
  std::sort(times.begin(), times.end());
  return times;
}

} // namespace

int main() {
  uint32_t most = std::clamp(std::thread::hardware_concurrency(), 1u, uint32_t(NNCC_POOL_MAX_THREADS));
  std::printf("%-8s %-24s %9s %9s\n", "threads", "call", "least us", "median us");
  for (uint32_t threads = 1; threads <= most; threads = threads < most ? std::min(2 * threads, most) : most + 1) {
    nncc_pool pool;
    if (nncc_pool_create(&pool, threads) != 0)
      return 1;
    auto print = [&](const char *what, const std::vector<double> &times) {
      std::printf("%-8u %-24s %9.2f %9.2f\n", threads, what, times.front(), times[times.size() / 2]);
    };
    print("awake, nothing to do", timesOf(pool, threads, 0, 0, 20000));
    print("awake, items of 10 us", timesOf(pool, threads, 10, 0, 2000));
    print("asleep, items of 10 us", timesOf(pool, threads, 10, 1000, 200));
    nncc_pool_destroy(&pool);
  }
}
