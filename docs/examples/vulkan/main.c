/* Runs a model on a GPU, or on the CPU where there is none, and keeps compiled pipelines from one start to the next:
 *   digit-gpu [CACHE-FILE [DEVICE-NUMBER]] */
#include "digits.h"
#include "nncc/runtime.h"
#include "nncc/vulkan.h"
#include <stdio.h>
#include <stdlib.h>

/* What the callbacks work on. */
typedef struct app {
  const char *cache_file; /* NULL: none */
  void *cache;            /* its contents, as long as nncc_vulkan_create reads them */
} app;

static const void *load_cache(void *user, uint64_t *bytes) {
  app *self = user;
  FILE *file = self->cache_file ? fopen(self->cache_file, "rb") : NULL;
  if (!file)
    return NULL; /* the first start */
  if (fseek(file, 0, SEEK_END) == 0) {
    long size = ftell(file);
    rewind(file);
    self->cache = size > 0 ? malloc((size_t)size) : NULL;
    *bytes = self->cache ? fread(self->cache, 1, (size_t)size, file) : 0;
  }
  fclose(file);
  return self->cache;
}

static void store_cache(void *user, const void *data, uint64_t bytes) {
  app *self = user;
  FILE *file = self->cache_file ? fopen(self->cache_file, "wb") : NULL;
  if (!file)
    return;
  /* A file that was cut short is noticed at the next start. */
  fwrite(data, 1, (size_t)bytes, file);
  fclose(file);
}

static void on_message(void *user, const char *text) {
  (void)user;
  fprintf(stderr, "%s\n", text);
}

/* Pipelines may take seconds to compile at the first start: a program shows that, or gives up by returning 1. */
static int on_progress(void *user, uint32_t done, uint32_t total) {
  (void)user;
  fprintf(stderr, "pipelines: %u of %u\n", (unsigned)done, (unsigned)total);
  return 0;
}

/* The most probable class of what lies in the input. */
static int run(digits_context *context, float *image, float *probabilities) {
  for (int i = 0; i < 64; ++i)
    image[i] = i / 8 > 0 && i / 8 < 7 && (i % 8 == 3 || i % 8 == 4); /* an upright bar */
  digits_inputs inputs = {.image = image};
  digits_outputs outputs = {.probabilities = probabilities};
  nncc_status status = digits_run(context, &inputs, &outputs);
  if (status == NNCC_DEVICE_LOST) { /* with the input in it; from now on the CPU computes */
    for (int i = 0; i < 64; ++i)
      image[i] = i / 8 > 0 && i / 8 < 7 && (i % 8 == 3 || i % 8 == 4);
    status = digits_run(context, &inputs, &outputs);
  }
  if (status != NNCC_OK) {
    fprintf(stderr, "digits_run: %s\n", nncc_status_string(status));
    return -1;
  }
  int best = 0;
  for (int i = 1; i < 10; ++i)
    if (probabilities[i] > probabilities[best])
      best = i;
  return best;
}

int main(int argc, char **argv) {
  static nncc_vulkan vulkan;
  static digits_context context;
  static const nncc_model *const models[] = {&digits_model};
  app self = {.cache_file = argc > 1 ? argv[1] : NULL};
  nncc_vulkan_options wanted = {.size = sizeof wanted,
                                .device_number = argc > 2 ? (uint32_t)atoi(argv[2]) : 0,
                                .models = models,
                                .num_models = 1,
                                .load_cache = load_cache,
                                .store_cache = store_cache,
                                .on_progress = on_progress,
                                .on_message = on_message,
                                .user = &self};
  nncc_status status = nncc_vulkan_create(&vulkan, &wanted);
  if (status != NNCC_OK && status != NNCC_DEVICE_FAILED) /* without a GPU all of the following works, too */
    return 1;
  printf("%s\n", nncc_vulkan_message(&vulkan));
  free(self.cache);

  /* One piece of memory that CPU and GPU share: the arena, then input and output at multiples of NNCC_VULKAN_ALIGN. */
  const size_t align = NNCC_VULKAN_ALIGN, arena_bytes = (DIGITS_ARENA_BYTES + align - 1) / align * align;
  unsigned char *memory = nncc_vulkan_allocate(&vulkan, arena_bytes + 2 * align);
  int best = -1;
  if (memory) {
    nncc_options options = {.size = sizeof options, .device = nncc_vulkan_device(&vulkan)};
    status = digits_init(&context, memory, DIGITS_ARENA_BYTES, &options);
    if (status == NNCC_OK)
      best = run(&context, (float *)(void *)(memory + arena_bytes), (float *)(void *)(memory + arena_bytes + align));
    else
      fprintf(stderr, "digits_init: %s\n", nncc_status_string(status));
  }
  nncc_vulkan_counters counters = nncc_vulkan_count(&vulkan);
  printf("a %d, on the %s\n", best, counters.submissions ? "GPU" : "CPU");
  nncc_vulkan_destroy(&vulkan); /* the end of the context, and of the memory */
  return best < 0;
}
