/* What a run costs beside copies and the GPU's work: kernels of one segment, on ports of the device, by the driver that
 * does nearly nothing itself. */
#define _GNU_SOURCE
#include "driver.h"
#include "toy.h"
#include <stdio.h>
#include <time.h>

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec * 1e6 + (double)time.tv_nsec * 1e-3;
}

int main(void) {
  const uint32_t mul = DRIVER_MUL, add = DRIVER_ADD;
  const double most = 5; /* microseconds */
  static nncc_vulkan vulkan;
  static toy_context context;
  toy_set_code(&mul, 1, &add, 1);
  driver_reset();
  driver.is_incoherent = 1;
  nncc_vulkan_options wanted = {.size = sizeof wanted};
  *(void **)&wanted.get_instance_proc_addr = *(void **)&(PFN_vkGetInstanceProcAddr){driver_get_instance_proc_addr};
  if (nncc_vulkan_create(&vulkan, &wanted) != NNCC_OK)
    return 2;
  nncc_options options = {.size = sizeof options, .device = nncc_vulkan_device(&vulkan)};
  float *memory = nncc_vulkan_allocate(&vulkan, 1024 * sizeof(float));
  if (!memory ||
      toy_init(&context, nncc_vulkan_allocate(&vulkan, TOY_ARENA_BYTES), TOY_ARENA_BYTES, &options) != NNCC_OK)
    return 2;
  toy_fill(memory, 1);
  const void *ports[] = {memory, memory + 256, memory + 512, memory + 768};
  uint64_t *state = context.words + NNCC_CONTEXT_FIXED_WORDS + TOY_PORTS + NNCC_CONTEXT_DEVICE_WORDS;
  double best = 1e9;
  for (int i = 0; i < 20000; ++i) { /* others run on this machine, too */
    double start = now();
    if (options.device->run(options.device, state, ports, 0, 2, 0) != NNCC_OK)
      return 2;
    double took = now() - start;
    best = took < best ? took : best;
  }
  nncc_vulkan_destroy(&vulkan);
  printf("a run takes %.2f us\n", best);
  puts(best <= most ? "as little as it should" : "too long");
  return best > most;
}
