/* What the Vulkan half needs of <dlfcn.h>, <pthread.h>, <string.h>, <sys/mman.h>
 * and <time.h>, for the archives that ship: so that they are built without the
 * headers of a C library, and fit every one. The types are the largest among
 * glibc, musl and bionic on 64-bit Linux, the numbers are Linux's and the same in
 * all of them. A build from source takes the system's headers. */
#ifndef NNCC_RUNTIME_VULKAN_SYSTEM_H
#define NNCC_RUNTIME_VULKAN_SYSTEM_H
#ifdef NNCC_VULKAN_DECLARES_POSIX
#include <stddef.h>

#define RTLD_NOW 2
#define RTLD_LOCAL 0
#define PROT_READ 1
#define PROT_WRITE 2
#define MAP_PRIVATE 2
#define MAP_ANONYMOUS 0x20
#define MAP_FAILED ((void *)-1)
#define CLOCK_MONOTONIC 1

struct timespec {
  long tv_sec, tv_nsec;
};

typedef struct pthread_mutex {
  long size[6]; /* glibc: 40 bytes on x86-64, 48 on AArch64; musl and bionic: 40 */
} pthread_mutex_t;

void *dlopen(const char *file, int mode);
void *dlsym(void *library, const char *name);
int dlclose(void *library);
void *memcpy(void *to, const void *from, size_t bytes);
void *mmap(void *address, size_t bytes, int protection, int flags, int file, long offset);
int clock_gettime(int clock, struct timespec *time);
int munmap(void *address, size_t bytes);
int pthread_mutex_init(pthread_mutex_t *mutex, const void *attributes);
int pthread_mutex_lock(pthread_mutex_t *mutex);
int pthread_mutex_unlock(pthread_mutex_t *mutex);
int pthread_mutex_destroy(pthread_mutex_t *mutex);
#else
#include <dlfcn.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#endif
#endif
