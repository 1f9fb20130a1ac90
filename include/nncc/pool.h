/* Threads for models, where the operating system has POSIX threads. Optional:
 * link lib/nncc/TARGET/libnncc_pool.a and -pthread.
 *
 *   static nncc_pool pool;
 *   if (nncc_pool_create(&pool, 4) != 0) ...
 *   nncc_options options = {.size = sizeof options, .threads = 4,
 *                           .parallel_for = nncc_pool_parallel_for, .user = &pool};
 *
 * The pool lies in the caller's memory and allocates none; its threads wait for
 * work, a short time busily, then asleep. */
#ifndef NNCC_POOL_H
#define NNCC_POOL_H
#include "nncc/abi.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The most threads of a pool, the caller's included. */
#define NNCC_POOL_MAX_THREADS 64

typedef struct nncc_pool {
  uint64_t opaque[128];
} nncc_pool;

/* Starts threads - 1 threads: the caller of nncc_pool_parallel_for is the last.
 * They inherit what a new thread does, the signal mask and the CPUs it may run
 * on, and have stacks of the default size.
 *
 * pool     stays where it is until it is destroyed
 * threads  1 to NNCC_POOL_MAX_THREADS
 * returns  0, or an error of <errno.h> and no pool: EINVAL for threads out of
 *          range, EAGAIN when the system has no more threads
 */
int nncc_pool_create(nncc_pool *pool, uint32_t threads);

/* Ends and joins the threads. No nncc_pool_parallel_for of this pool may be
 * running, and none may follow. */
void nncc_pool_destroy(nncc_pool *pool);

/* An nncc_parallel_for; `user` is the pool. Runs body(argument, i) for every i
 * in [0, count) on the threads of the pool and the calling one.
 *
 * While it runs, the pool is taken: a call from another thread, or from a body,
 * runs all of its own work on the thread that made it. Nothing waits for
 * anything but its own bodies, so nothing can deadlock. */
void nncc_pool_parallel_for(void *user, uint32_t count, void (*body)(void *argument, uint32_t i), void *argument);

#ifdef __cplusplus
}
#endif
#endif
