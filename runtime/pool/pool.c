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
  /* A bit for each share of the job that nobody has taken. Whoever takes one may
   * read the job: it stays until all of its shares are done. */
  _Alignas(64) _Atomic uint64_t left;
  /* Shares that are not done. Away from `left`: finishing one must not disturb
   * those who look for work. */
  _Alignas(64) atomic_uint unfinished;
  atomic_uint is_taken;
  /* The job, in shares of so many items. Written while left and unfinished are
   * 0. */
  void (*body)(void *argument, uint32_t i);
  void *argument;
  uint32_t count;
  uint32_t items;
  /* Who sleeps. Changed under the mutex, read outside of it: whoever publishes
   * work first stores it, then reads these; whoever goes to sleep first counts
   * itself here, then looks for work once more. */
  _Alignas(64) atomic_uint sleepers;
  atomic_uint caller_sleeps;
  atomic_uint must_stop;
  atomic_uint last_number; /* of the threads that have begun */
  uint32_t num_threads;    /* started by the pool */
  pthread_mutex_t mutex;
  pthread_cond_t wake_up;
  pthread_cond_t all_done;
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

static int has_work(pool_state *pool) { return atomic_load(&pool->left) != 0; }
static int is_done(pool_state *pool) { return atomic_load(&pool->unfinished) == 0; }

/* Waits busily for what `is_so` says, for SPIN_NS at most. */
static int spin(pool_state *pool, int (*is_so)(pool_state *pool)) {
  uint64_t end = 0;
  for (;;) {
    for (int i = 0; i < 32; ++i) {
      if (is_so(pool))
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

/* Takes one share of the job and runs it; 0 when none is left. A thread begins
 * with the share of its own number: what a model's kernel wrote there is in the
 * cache of its core when the next kernel reads it. */
static int run_one(pool_state *pool, uint32_t number) {
  uint64_t left = atomic_load_explicit(&pool->left, memory_order_relaxed), bit;
  do {
    if (!left)
      return 0;
    bit = left >> number & 1 ? (uint64_t)1 << number : left & (0 - left);
  } while (!atomic_compare_exchange_weak_explicit(&pool->left, &left, left & ~bit, memory_order_acquire,
                                                  memory_order_relaxed));
  uint32_t first = (uint32_t)__builtin_ctzll(bit) * pool->items, rest = pool->count - first;
  uint32_t last = first + (rest < pool->items ? rest : pool->items);
  for (uint32_t i = first; i < last; ++i)
    pool->body(pool->argument, i);
  if (atomic_fetch_sub(&pool->unfinished, 1) == 1 && atomic_load(&pool->caller_sleeps)) {
    pthread_mutex_lock(&pool->mutex);
    pthread_cond_signal(&pool->all_done);
    pthread_mutex_unlock(&pool->mutex);
  }
  return 1;
}

static void *work(void *argument) {
  pool_state *pool = (pool_state *)argument;
  uint32_t number = atomic_fetch_add(&pool->last_number, 1) + 1;
  for (;;) {
    while (run_one(pool, number))
      ;
    if (spin(pool, has_work))
      continue;
    pthread_mutex_lock(&pool->mutex);
    atomic_fetch_add(&pool->sleepers, 1);
    while (!has_work(pool) && !atomic_load(&pool->must_stop))
      pthread_cond_wait(&pool->wake_up, &pool->mutex);
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
  pool->items = count / 64 + (count % 64 != 0);
  uint32_t shares = count / pool->items + (count % pool->items != 0);
  atomic_store(&pool->unfinished, shares);
  atomic_store(&pool->left, UINT64_MAX >> (64 - shares));
  if (atomic_load(&pool->sleepers)) {
    pthread_mutex_lock(&pool->mutex);
    for (uint32_t i = 1; i < shares && i <= pool->num_threads; ++i)
      pthread_cond_signal(&pool->wake_up);
    pthread_mutex_unlock(&pool->mutex);
  }
  while (run_one(pool, 0))
    ;
  if (!spin(pool, is_done)) {
    pthread_mutex_lock(&pool->mutex);
    atomic_store(&pool->caller_sleeps, 1);
    while (!is_done(pool))
      pthread_cond_wait(&pool->all_done, &pool->mutex);
    atomic_store(&pool->caller_sleeps, 0);
    pthread_mutex_unlock(&pool->mutex);
  }
  atomic_store_explicit(&pool->is_taken, 0, memory_order_release);
}

/* Ends and joins the threads that were started. */
static void stop(pool_state *pool) {
  pthread_mutex_lock(&pool->mutex);
  atomic_store(&pool->must_stop, 1);
  pthread_cond_broadcast(&pool->wake_up);
  pthread_mutex_unlock(&pool->mutex);
  for (uint32_t i = 0; i < pool->num_threads; ++i)
    pthread_join(pool->threads[i], NULL);
  pthread_cond_destroy(&pool->all_done);
  pthread_cond_destroy(&pool->wake_up);
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
  atomic_init(&pool->last_number, 0);
  pool->num_threads = 0;
  int error = pthread_mutex_init(&pool->mutex, NULL);
  if (error)
    return error;
  error = pthread_cond_init(&pool->wake_up, NULL);
  if (error) {
    pthread_mutex_destroy(&pool->mutex);
    return error;
  }
  error = pthread_cond_init(&pool->all_done, NULL);
  if (error) {
    pthread_cond_destroy(&pool->wake_up);
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
