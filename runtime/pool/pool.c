/* The POSIX thread pool of nncc/pool.h: C11 atomics hand out the work, a mutex
 * and two condition variables put threads to sleep. No heap, no globals. */
#define _POSIX_C_SOURCE 200809L
#include "nncc/pool.h"
#include <stdatomic.h>
#ifdef NNCC_POOL_DECLARES_POSIX
#include "runtime/pool/posix.h"
#else
#include <errno.h>
#include <pthread.h>
#include <time.h>
#endif

/* How long a thread looks for work before it sleeps. Longer than the pieces of
 * a model that run on one thread, a few times longer than waking up takes. */
#define SPIN_NS 50000

typedef struct pool_state {
  /* Items of the job that nobody has taken, counted down. Whoever takes one may
   * read the job: it stays until all of its items are done. */
  _Alignas(64) atomic_uint left;
  /* Items that are not done. Away from `left`: finishing one must not disturb
   * those who look for work. */
  _Alignas(64) atomic_uint unfinished;
  atomic_uint is_taken;
  /* The job. Written while left and unfinished are 0. */
  void (*body)(void *argument, uint32_t i);
  void *argument;
  uint32_t count;
  /* Who sleeps. Changed under the mutex, read outside of it: whoever publishes
   * work first stores it, then reads these; whoever goes to sleep first counts
   * itself here, then looks for work once more. */
  _Alignas(64) atomic_uint sleepers;
  atomic_uint caller_sleeps;
  atomic_uint must_stop;
  uint32_t num_threads; /* started by the pool */
  pthread_mutex_t mutex;
  pthread_cond_t has_work;
  pthread_cond_t is_done;
  pthread_t threads[NNCC_POOL_MAX_THREADS - 1];
} pool_state;

_Static_assert(sizeof(pool_state) + 56 <= sizeof(nncc_pool), "nncc/pool.h says how large a pool is");

/* nncc_pool is aligned to 8 bytes, the state to a cache line within it. */
static pool_state *state_of(nncc_pool *pool) { return (pool_state *)(((uintptr_t)pool + 63) & ~(uintptr_t)63); }

static void relax(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("isb" ::: "memory"); /* some 40 cycles; yield is none */
#endif
}

static uint64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* Waits busily until *value is zero (or is not), for SPIN_NS at most. */
static int spin(atomic_uint *value, int until_zero) {
  uint64_t end = 0;
  for (;;) {
    for (int i = 0; i < 32; ++i) {
      if ((atomic_load_explicit(value, memory_order_acquire) == 0) == until_zero)
        return 1;
      relax();
    }
    uint64_t now = now_ns();
    if (!end)
      end = now + SPIN_NS;
    else if (now > end)
      return 0;
  }
}

/* Takes one item of the job and runs it; 0 when none is left. */
static int run_one(pool_state *pool) {
  unsigned left = atomic_load_explicit(&pool->left, memory_order_relaxed);
  do {
    if (!left)
      return 0;
  } while (
      !atomic_compare_exchange_weak_explicit(&pool->left, &left, left - 1, memory_order_acquire, memory_order_relaxed));
  pool->body(pool->argument, pool->count - left);
  if (atomic_fetch_sub(&pool->unfinished, 1) == 1 && atomic_load(&pool->caller_sleeps)) {
    pthread_mutex_lock(&pool->mutex);
    pthread_cond_signal(&pool->is_done);
    pthread_mutex_unlock(&pool->mutex);
  }
  return 1;
}

static void *work(void *argument) {
  pool_state *pool = (pool_state *)argument;
  for (;;) {
    while (run_one(pool))
      ;
    if (spin(&pool->left, 0))
      continue;
    pthread_mutex_lock(&pool->mutex);
    atomic_fetch_add(&pool->sleepers, 1);
    while (!atomic_load(&pool->left) && !atomic_load(&pool->must_stop))
      pthread_cond_wait(&pool->has_work, &pool->mutex);
    atomic_fetch_sub(&pool->sleepers, 1);
    pthread_mutex_unlock(&pool->mutex);
    if (atomic_load(&pool->must_stop))
      return NULL;
  }
}

void nncc_pool_parallel_for(void *user, uint32_t count, void (*body)(void *argument, uint32_t i), void *argument) {
  pool_state *pool = state_of((nncc_pool *)user);
  if (count < 2 || !pool->num_threads || atomic_exchange_explicit(&pool->is_taken, 1, memory_order_acquire)) {
    for (uint32_t i = 0; i < count; ++i)
      body(argument, i);
    return;
  }
  pool->body = body;
  pool->argument = argument;
  pool->count = count;
  atomic_store(&pool->unfinished, count);
  atomic_store(&pool->left, count);
  if (atomic_load(&pool->sleepers)) {
    pthread_mutex_lock(&pool->mutex);
    for (uint32_t i = 1; i < count && i <= pool->num_threads; ++i)
      pthread_cond_signal(&pool->has_work);
    pthread_mutex_unlock(&pool->mutex);
  }
  while (run_one(pool))
    ;
  if (!spin(&pool->unfinished, 1)) {
    pthread_mutex_lock(&pool->mutex);
    atomic_store(&pool->caller_sleeps, 1);
    while (atomic_load(&pool->unfinished))
      pthread_cond_wait(&pool->is_done, &pool->mutex);
    atomic_store(&pool->caller_sleeps, 0);
    pthread_mutex_unlock(&pool->mutex);
  }
  atomic_store_explicit(&pool->is_taken, 0, memory_order_release);
}

/* Ends and joins the threads that were started. */
static void stop(pool_state *pool) {
  pthread_mutex_lock(&pool->mutex);
  atomic_store(&pool->must_stop, 1);
  pthread_cond_broadcast(&pool->has_work);
  pthread_mutex_unlock(&pool->mutex);
  for (uint32_t i = 0; i < pool->num_threads; ++i)
    pthread_join(pool->threads[i], NULL);
  pthread_cond_destroy(&pool->is_done);
  pthread_cond_destroy(&pool->has_work);
  pthread_mutex_destroy(&pool->mutex);
}

int nncc_pool_create(nncc_pool *memory, uint32_t threads) {
  if (!memory || threads < 1 || threads > NNCC_POOL_MAX_THREADS)
    return EINVAL;
  pool_state *pool = state_of(memory);
  atomic_init(&pool->left, 0);
  atomic_init(&pool->unfinished, 0);
  atomic_init(&pool->is_taken, 0);
  atomic_init(&pool->sleepers, 0);
  atomic_init(&pool->caller_sleeps, 0);
  atomic_init(&pool->must_stop, 0);
  pool->num_threads = 0;
  int error = pthread_mutex_init(&pool->mutex, NULL);
  if (error)
    return error;
  error = pthread_cond_init(&pool->has_work, NULL);
  if (error) {
    pthread_mutex_destroy(&pool->mutex);
    return error;
  }
  error = pthread_cond_init(&pool->is_done, NULL);
  if (error) {
    pthread_cond_destroy(&pool->has_work);
    pthread_mutex_destroy(&pool->mutex);
    return error;
  }
  while (!error && pool->num_threads < threads - 1) {
    error = pthread_create(&pool->threads[pool->num_threads], NULL, work, pool);
    if (!error)
      ++pool->num_threads;
  }
  if (error)
    stop(pool);
  return error;
}

void nncc_pool_destroy(nncc_pool *memory) { stop(state_of(memory)); }
