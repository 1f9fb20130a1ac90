/* Jobs whose items are written without atomics by whoever runs them, and read by the caller: only the pool orders
 * that. Jobs come while threads wait busily, and after they went to sleep. */
#include "nncc/pool.h"
#include <stdio.h>
#include <time.h>

static void add(void *argument, uint32_t i) { ++((int *)argument)[i]; }

int main(void) {
  static nncc_pool pool;
  static int counts[100];
  long sum = 0;
  if (nncc_pool_create(&pool, 4) != 0)
    return 1;
  for (int job = 0; job < 2000; ++job) {
    nncc_pool_parallel_for(&pool, job % 100 + 1, add, counts);
    sum += counts[job % 100]; /* read while the pool goes on waiting */
    if (job % 100 == 0) {
      struct timespec pause = {0, 200000};
      nanosleep(&pause, NULL);
    }
  }
  nncc_pool_destroy(&pool);
  printf("sum %ld\n", sum);
  return 0;
}
