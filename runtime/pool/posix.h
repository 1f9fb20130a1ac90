/* What the pool needs of <pthread.h>, <time.h> and <errno.h>, for the archives
 * that ship: so that they are built without the headers of a C library, and fit
 * every one. The types are the largest among glibc, musl and bionic on 64-bit
 * Linux; the numbers are Linux's (asm-generic/errno-base.h, linux/time.h). A
 * build of pool.c from source takes the system's headers. */
#ifndef NNCC_RUNTIME_POOL_POSIX_H
#define NNCC_RUNTIME_POOL_POSIX_H
#include <stddef.h>

#define EAGAIN 11
#define EINVAL 22
#define CLOCK_MONOTONIC 1

struct timespec {
  long tv_sec;
  long tv_nsec;
};

typedef unsigned long pthread_t;
typedef struct pthread_mutex {
  long size[6]; /* glibc: 40 bytes on x86-64, 48 on AArch64; musl and bionic: 40 */
} pthread_mutex_t;
typedef struct pthread_cond {
  long size[6]; /* 48 bytes in all of them */
} pthread_cond_t;

int clock_gettime(int clock, struct timespec *now);
int pthread_create(pthread_t *thread, const void *attributes, void *(*start)(void *), void *argument);
int pthread_join(pthread_t thread, void **result);
int pthread_mutex_init(pthread_mutex_t *mutex, const void *attributes);
int pthread_mutex_lock(pthread_mutex_t *mutex);
int pthread_mutex_unlock(pthread_mutex_t *mutex);
int pthread_mutex_destroy(pthread_mutex_t *mutex);
int pthread_cond_init(pthread_cond_t *condition, const void *attributes);
int pthread_cond_wait(pthread_cond_t *condition, pthread_mutex_t *mutex);
int pthread_cond_signal(pthread_cond_t *condition);
int pthread_cond_broadcast(pthread_cond_t *condition);
int pthread_cond_destroy(pthread_cond_t *condition);

#endif
