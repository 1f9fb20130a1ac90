/* The three functions that a compiled model may call, for firmware without a C library. With one, leave this file out.
 */
#include <stddef.h>
#include <stdint.h>

/* Otherwise GCC makes each of these loops a call of the function that it is in. */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("no-tree-loop-distribute-patterns")
#endif

/* Sixteen bytes at any address. */
typedef __uint128_t __attribute__((aligned(1), may_alias)) block;

void *memcpy(void *restrict to, const void *restrict from, size_t bytes) {
  uint8_t *t = to;
  const uint8_t *f = from;
  for (; bytes >= 16; bytes -= 16, t += 16, f += 16)
    *(block *)t = *(const block *)f;
  while (bytes--)
    *t++ = *f++;
  return to;
}

void *memmove(void *to, const void *from, size_t bytes) {
  uint8_t *t = to;
  const uint8_t *f = from;
  if ((uintptr_t)t - (uintptr_t)f >= bytes)
    return memcpy(to, from, bytes);
  while (bytes--)
    t[bytes] = f[bytes];
  return to;
}

void *memset(void *to, int value, size_t bytes) {
  uint8_t *t = to;
  while (bytes--)
    *t++ = (uint8_t)value;
  return to;
}
