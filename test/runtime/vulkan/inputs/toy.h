/* A model made by hand, as codegen/emit would write it: six kernels, three
 * segments of which the device runs, with CPU kernels between them.
 *
 *   k0 device  a = x * w[0..192), in parts  in: x[192]   out: y[192], s[64], t[64]
 *   k1 device  b = a + w[200..392)          arena: a, b, c, 192 floats each
 *   k2 cpu     c = 2 * b
 *   k3 device  y = a + c
 *   k4 cpu     s = y[0..64) / 2
 *   k5 device  t = s + a[70..134)
 *
 * All numbers are small integers: right is exact. */
#ifndef TOY_H
#define TOY_H
#include "nncc/vulkan.h"

enum { TOY_N = 192, TOY_S = 64, TOY_WEIGHTS = 392, TOY_KERNELS = 6 };
enum { TOY_ARENA_BYTES = 3 * TOY_N * 4, TOY_FUNCTIONS = 2, TOY_DISPATCHES = 5, TOY_SEGMENTS = 3, TOY_PORTS = 4 };

typedef struct toy_context {
  uint64_t words[NNCC_CONTEXT_FIXED_WORDS + TOY_PORTS + NNCC_CONTEXT_DEVICE_WORDS +
                 NNCC_DEVICE_STATE_WORDS(TOY_FUNCTIONS, TOY_DISPATCHES, TOY_SEGMENTS, TOY_PORTS)];
} toy_context;

/* The code of the device: two modules, `mul` and `add`. Before anything else. */
void toy_set_code(const uint32_t *mul, uint32_t mul_words, const uint32_t *add, uint32_t add_words);

extern nncc_device_program toy_program; /* tests change it */
extern const nncc_model toy_model;
extern _Atomic uint32_t toy_cpu_kernels; /* counts what the CPU ran */

nncc_status toy_init(toy_context *context, void *arena, size_t arena_bytes, const nncc_options *options);
nncc_status toy_run(toy_context *context, const float *x, float *y, float *s, float *t);
nncc_status toy_start(toy_context *context, const float *x, float *y, float *s, float *t);
nncc_status toy_step(toy_context *context, uint32_t max_kernels);

/* Fills x with numbers that differ for each seed, and says whether outputs are
 * right for it. */
void toy_fill(float *x, uint32_t seed);
int toy_is_right(uint32_t seed, const float *y, const float *s, const float *t);

#endif
