/* The model made by hand on a device of this system: lavapipe-run NUMBER mul.spv add.spv */
#include "toy.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REQUIRE(what)                                                                                                  \
  do {                                                                                                                 \
    if (!(what)) {                                                                                                     \
      fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #what);                                                       \
      exit(1);                                                                                                         \
    }                                                                                                                  \
  } while (0)

static uint32_t *read_words(const char *path, uint32_t *count) {
  static uint32_t buffers[2][1024];
  static int next;
  FILE *file = fopen(path, "rb");
  REQUIRE(file);
  *count = (uint32_t)(fread(buffers[next], 1, sizeof buffers[next], file) / 4);
  fclose(file);
  return buffers[next++];
}

static void on_message(void *user, const char *text) {
  (void)user;
  fprintf(stderr, "message: %s\n", text);
}

static void on_kernel(void *user, uint32_t kernel, int begin) { *(uint32_t *)user += begin * (kernel + 1); }

int main(int argc, char **argv) {
  REQUIRE(argc == 4);
  uint32_t mul_words, add_words;
  uint32_t *mul = read_words(argv[2], &mul_words), *add = read_words(argv[3], &add_words);
  toy_set_code(mul, mul_words, add, add_words);

  static nncc_vulkan vulkan;
  static const nncc_model *const models[] = {&toy_model};
  toy_program.features = UINT64_C(0x7f); /* all that there are: enabled, though nothing here makes use of them */
  nncc_vulkan_options wanted = {.size = sizeof wanted,
                                .device_number = (uint32_t)atoi(argv[1]),
                                .models = models,
                                .num_models = 1,
                                .on_message = on_message};
  nncc_status status = nncc_vulkan_create(&vulkan, &wanted);
  puts(nncc_vulkan_message(&vulkan));
  REQUIRE(status == NNCC_OK);
  void *arena = nncc_vulkan_allocate(&vulkan, TOY_ARENA_BYTES);
  REQUIRE(arena);
  static toy_context context, watched;
  nncc_options options = {.size = sizeof options, .device = nncc_vulkan_device(&vulkan)};
  REQUIRE(toy_init(&context, arena, TOY_ARENA_BYTES, &options) == NNCC_OK);

  float x[TOY_N], y[TOY_N], s[TOY_S], t[TOY_S];
#ifdef LEFT_OUT /* a dispatch of the first segment is marked as one whose result nothing reads */
  memset(arena, 0xff, TOY_ARENA_BYTES); /* NaN */
  toy_fill(x, 1);
  REQUIRE(toy_run(&context, x, y, s, t) == NNCC_OK && !toy_is_right(1, y, s, t));
  REQUIRE(toy_start(&context, x, y, s, t) == NNCC_OK);
  while (toy_step(&context, 1) == NNCC_MORE)
    ;
  REQUIRE(toy_is_right(1, y, s, t));
#endif
#ifdef REST_LEFT_OUT /* kernels 0 to 2 are a segment, of which the last is marked */
  const float *b = (const float *)arena + TOY_N;
  memset(arena, 0xff, TOY_ARENA_BYTES); /* NaN */
  toy_fill(x, 1);
  REQUIRE(toy_start(&context, x, y, s, t) == NNCC_OK && toy_step(&context, 1) == NNCC_MORE);
  REQUIRE(toy_step(&context, UINT32_MAX) == NNCC_OK && b[0] != b[0]); /* it is still */
  REQUIRE(toy_start(&context, x, y, s, t) == NNCC_OK && toy_step(&context, 3) == NNCC_MORE && b[0] == b[0]);
  nncc_vulkan_release(&vulkan, &context);
  nncc_vulkan_destroy(&vulkan);
  puts("right");
  return 0;
#endif

  /* Ports of the program, in memory of the device, and again. */
  float *shared = nncc_vulkan_allocate(&vulkan, 4 * 256 * sizeof(float));
  REQUIRE(shared);
  for (uint32_t seed = 0; seed < 6; ++seed) {
    int is_shared = seed % 4 >= 2;
    float *in = is_shared ? shared : x, *out_y = is_shared ? shared + 256 : y, *out_s = is_shared ? shared + 512 : s,
          *out_t = is_shared ? shared + 768 : t;
    memset(arena, 0xff, TOY_ARENA_BYTES); /* NaN */
    toy_fill(in, seed);
    uint64_t copied = nncc_vulkan_count(&vulkan).copied;
    REQUIRE(toy_run(&context, in, out_y, out_s, out_t) == NNCC_OK);
    REQUIRE(toy_is_right(seed, out_y, out_s, out_t));
    REQUIRE((nncc_vulkan_count(&vulkan).copied == copied) == is_shared);
  }
  REQUIRE(nncc_vulkan_count(&vulkan).submissions == 6 * TOY_SEGMENTS && toy_cpu_kernels == 6 * 2);

  /* In steps, and with a hook that is told of every kernel. */
  toy_fill(x, 7);
  REQUIRE(toy_start(&context, x, y, s, t) == NNCC_OK);
  for (int i = 0; i < TOY_KERNELS; ++i)
    REQUIRE(toy_step(&context, 1) == (i + 1 < TOY_KERNELS ? NNCC_MORE : NNCC_OK));
  REQUIRE(toy_is_right(7, y, s, t));
  uint32_t sum = 0;
  options.on_kernel = on_kernel;
  options.user = &sum;
  nncc_vulkan_release(&vulkan, &context);
  REQUIRE(toy_run(&context, x, y, s, t) == NNCC_NOT_INITIALIZED);
  REQUIRE(toy_init(&watched, arena, TOY_ARENA_BYTES, &options) == NNCC_OK);
  toy_fill(x, 8);
  REQUIRE(toy_run(&watched, x, y, s, t) == NNCC_OK && toy_is_right(8, y, s, t) && sum == 21);

  REQUIRE(nncc_vulkan_count(&vulkan).failures == 0);
  nncc_vulkan_destroy(&vulkan);
  puts("right");
  return 0;
}
