#include "toy.h"
#include "runtime/model/core.h"
#include <string.h>

_Atomic uint32_t toy_cpu_kernels;

/* Of the constants, the first 256 are weights, the rest a table of the device's. */
static float weights[256], table[TOY_WEIGHTS - 256];
static float weight(uint32_t i) { return (float)(i % 7) - 3; }

enum { A = 0, B = TOY_N * 4, C = 2 * TOY_N * 4 };

static const nncc_port ports[] = {{TOY_N * 4, 4}, {TOY_N * 4, 4}, {TOY_S * 4, 4}, {TOY_S * 4, 4}};
static const nncc_device_upload uploads[] = {{0, 0, 0, 0, 256 * 4}, {1, 0, 0, 256 * 4, (TOY_WEIGHTS - 256) * 4}};
static const nncc_device_function functions[] = {{0, 1, 3, 0}, {1, 1, 3, 2}};
static nncc_device_variant variants[2];
static uint32_t words[4096];
static const nncc_device_range bindings[] = {
    {NNCC_DEVICE_INPUT, 0, 0, TOY_N * 4},
    {NNCC_DEVICE_CONSTANTS, 0, 0, TOY_N * 4},
    {NNCC_DEVICE_ARENA, 0, A, TOY_N * 4},
    {NNCC_DEVICE_ARENA, 0, A, TOY_N * 4},
    {NNCC_DEVICE_CONSTANTS, 0, 768, 832}, /* from w[192] on: w[200] is 8 behind it */
    {NNCC_DEVICE_ARENA, 0, B, TOY_N * 4},
    {NNCC_DEVICE_ARENA, 0, A, TOY_N * 4},
    {NNCC_DEVICE_ARENA, 0, C, TOY_N * 4},
    {NNCC_DEVICE_OUTPUT, 0, 0, TOY_N * 4},
    {NNCC_DEVICE_OUTPUT, 1, 0, TOY_S * 4},
    {NNCC_DEVICE_ARENA, 0, A + 256, 512}, /* from a[64] on: a[70] is 6 behind it */
    {NNCC_DEVICE_OUTPUT, 2, 0, TOY_S * 4},
};
static const uint32_t push_constants[] = {0, 8, 0, 0, 0, 6};
static const nncc_device_dispatch dispatches[] = {
    {0, 0, {1, 1, 1}, 0, 0, 0},
    {0, NNCC_DISPATCH_PART_X, {TOY_N / 64 - 1, 1, 1}, 0, 0, 1},
    {1, NNCC_DISPATCH_BARRIER, {TOY_N / 64, 1, 1}, 3, 0, 0},
    {1, 0, {TOY_N / 64, 1, 1}, 6, 2, 0},
    {1, 0, {TOY_S / 64, 1, 1}, 9, 4, 0},
};
static const nncc_device_range ranges[] = {
    {NNCC_DEVICE_INPUT, 0, 0, TOY_N * 4},     {NNCC_DEVICE_ARENA, 0, A, 2 * TOY_N * 4},
    {NNCC_DEVICE_ARENA, 0, A, 2 * TOY_N * 4}, /* taken */
    {NNCC_DEVICE_ARENA, 0, C, TOY_N * 4},     {NNCC_DEVICE_OUTPUT, 0, 0, TOY_N * 4},
    {NNCC_DEVICE_OUTPUT, 0, 0, TOY_N * 4}, /* taken */
    {NNCC_DEVICE_OUTPUT, 1, 0, TOY_S * 4},    {NNCC_DEVICE_FRESH_OUTPUT, 2, 0, TOY_S * 4},
    {NNCC_DEVICE_OUTPUT, 2, 0, TOY_S * 4}, /* taken */
};
static const nncc_device_segment segments[] = {{0, 2, 0, 2, 1, 0}, {3, 1, 3, 2, 1, 0}, {5, 1, 6, 2, 1, 0}};
static const uint32_t first_dispatch[TOY_KERNELS + 1] = {0, 2, 3, 3, 4, 4, 5};

nncc_device_program toy_program = {
    .size = sizeof toy_program,
    .kind = NNCC_PROGRAM_SPIRV,
    .words = words,
    .weights = weights,
    .tables = table,
    .constants_bytes = TOY_WEIGHTS * 4,
    .num_uploads = 2,
    .num_functions = TOY_FUNCTIONS,
    .num_variants = 2,
    .num_dispatches = TOY_DISPATCHES,
    .num_bindings = sizeof bindings / sizeof bindings[0],
    .num_push_constants = sizeof push_constants / sizeof push_constants[0],
    .num_segments = TOY_SEGMENTS,
    .num_ranges = sizeof ranges / sizeof ranges[0],
    .uploads = uploads,
    .functions = functions,
    .variants = variants,
    .dispatches = dispatches,
    .bindings = bindings,
    .push_constants = push_constants,
    .segments = segments,
    .ranges = ranges,
    .first_dispatch = first_dispatch,
};

static const nncc_model_desc description = {TOY_ARENA_BYTES, 256, 0, 1,    3,           TOY_KERNELS, 0,
                                            ports,           0,   0, NULL, &toy_program};

const nncc_model toy_model = {
    .abi_version = NNCC_ABI_VERSION, .size = sizeof(nncc_model), .name = "toy", .device_program = &toy_program};

void toy_set_code(const uint32_t *mul, uint32_t mul_words, const uint32_t *add, uint32_t add_words) {
  for (uint32_t i = 0; i < TOY_WEIGHTS; ++i)
    *(i < 256 ? &weights[i] : &table[i - 256]) = weight(i);
  memcpy(words, mul, mul_words * 4);
  memcpy(words + mul_words, add, add_words * 4);
  variants[0] = (nncc_device_variant){0, 0, mul_words};
  variants[1] = (nncc_device_variant){0, mul_words, add_words};
}

/* The CPU's code of all kernels. */
void nncc_core_dispatch(void *argument, uint32_t part) {
  const nncc_job *job = (const nncc_job *)argument;
  float *a = (float *)job->arena, *b = a + TOY_N, *c = b + TOY_N;
  const float *x = (const float *)job->inputs[0];
  float *y = (float *)job->outputs[0], *s = (float *)job->outputs[1], *t = (float *)job->outputs[2];
  (void)part;
  ++toy_cpu_kernels;
  for (uint32_t i = 0; i < (job->kernel < 4 ? TOY_N : TOY_S); ++i)
    switch (job->kernel) {
    case 0:
      a[i] = x[i] * weight(i);
      break;
    case 1:
      b[i] = a[i] + weight(200 + i);
      break;
    case 2:
      c[i] = 2 * b[i];
      break;
    case 3:
      y[i] = a[i] + c[i];
      break;
    case 4:
      s[i] = y[i] / 2;
      break;
    default:
      t[i] = s[i] + a[70 + i];
    }
}

nncc_status toy_init(toy_context *context, void *arena, size_t arena_bytes, const nncc_options *options) {
  return nncc_core_init_device(&description, (nncc_context *)context, arena, arena_bytes, options);
}

nncc_status toy_run(toy_context *context, const float *x, float *y, float *s, float *t) {
  const void *inputs[] = {x};
  void *outputs[] = {y, s, t};
  return nncc_core_run_device(&description, (nncc_context *)context, inputs, outputs);
}

nncc_status toy_start(toy_context *context, const float *x, float *y, float *s, float *t) {
  const void *inputs[] = {x};
  void *outputs[] = {y, s, t};
  return nncc_core_start(&description, (nncc_context *)context, inputs, outputs);
}

nncc_status toy_step(toy_context *context, uint32_t max_kernels) {
  return nncc_core_step_device(&description, (nncc_context *)context, max_kernels);
}

static float input(uint32_t seed, uint32_t i) { return (float)((i * 5 + seed * 11) % 23); }

void toy_fill(float *x, uint32_t seed) {
  for (uint32_t i = 0; i < TOY_N; ++i)
    x[i] = input(seed, i);
}

int toy_is_right(uint32_t seed, const float *y, const float *s, const float *t) {
  for (uint32_t i = 0; i < TOY_N; ++i) {
    float a = input(seed, i) * weight(i), right = a + 2 * (a + weight(200 + i));
    if (y[i] != right)
      return 0;
    if (i < TOY_S && (s[i] != right / 2 || t[i] != right / 2 + input(seed, 70 + i) * weight(70 + i)))
      return 0;
  }
  return 1;
}
