/* Two models on one queue, from two threads, that come and go: threads [DEVICE_NUMBER mul.spv add.spv] */
#include "driver.h"
#include "toy.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static nncc_vulkan vulkan;

static uint32_t *read_words(const char *path, uint32_t *words, uint32_t *count) {
  FILE *file = fopen(path, "rb");
  *count = file ? (uint32_t)(fread(words, 1, 4096, file) / 4) : 0;
  if (file)
    fclose(file);
  return words;
}

static void *live(void *number) {
  uint32_t seed = *(uint32_t *)number;
  static toy_context contexts[2];
  float y[TOY_N], s[TOY_S], t[TOY_S];
  for (int life = 0; life < 20; ++life) {
    void *arena = nncc_vulkan_allocate(&vulkan, TOY_ARENA_BYTES);
    float *x = nncc_vulkan_allocate(&vulkan, TOY_N * sizeof(float));
    nncc_options options = {.size = sizeof options, .device = nncc_vulkan_device(&vulkan)};
    toy_context *context = &contexts[seed];
    if (!arena || !x || toy_init(context, arena, TOY_ARENA_BYTES, &options) != NNCC_OK)
      return "no model";
    for (uint32_t run = 0; run < 10; ++run) {
      toy_fill(x, seed + run);
      if (toy_run(context, x, y, s, t) != NNCC_OK || !toy_is_right(seed + run, y, s, t))
        return "wrong";
    }
    nncc_vulkan_release(&vulkan, context);
    nncc_vulkan_free(&vulkan, x);
    nncc_vulkan_free(&vulkan, arena);
  }
  return NULL;
}

int main(int argc, char **argv) {
  static uint32_t words[2][1024];
  uint32_t mul_words = 1, add_words = 1;
  nncc_vulkan_options wanted = {.size = sizeof wanted};
  words[0][0] = DRIVER_MUL;
  words[1][0] = DRIVER_ADD;
  if (argc == 4) {
    wanted.device_number = (uint32_t)atoi(argv[1]);
    read_words(argv[2], words[0], &mul_words);
    read_words(argv[3], words[1], &add_words);
  } else {
    driver_reset();
    *(void **)&wanted.get_instance_proc_addr = *(void **)&(PFN_vkGetInstanceProcAddr){driver_get_instance_proc_addr};
  }
  toy_set_code(words[0], mul_words, words[1], add_words);
  if (nncc_vulkan_create(&vulkan, &wanted) != NNCC_OK)
    return 1;
  pthread_t threads[2];
  uint32_t numbers[2] = {0, 1};
  for (int i = 0; i < 2; ++i)
    pthread_create(&threads[i], NULL, live, &numbers[i]);
  for (int i = 0; i < 2; ++i) {
    void *complaint;
    pthread_join(threads[i], &complaint);
    if (complaint) {
      puts((const char *)complaint);
      return 1;
    }
  }
  nncc_vulkan_counters counters = nncc_vulkan_count(&vulkan);
  nncc_vulkan_destroy(&vulkan);
  printf("%u submissions, %u failures, %u live, %u complaints\n", (unsigned)counters.submissions,
         (unsigned)counters.failures, driver_live(), driver_complaints());
  return 0;
}
