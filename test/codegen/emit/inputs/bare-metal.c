/* The made-up model on a machine with nothing on it; prints on the serial port. */
#include "nncc/runtime.h"
#include "tiny.h"

void *memcpy(void *to, const void *from, size_t count) {
  for (size_t i = 0; i < count; ++i)
    ((volatile unsigned char *)to)[i] = ((const unsigned char *)from)[i];
  return to;
}

static void print(const char *text) {
  volatile uint32_t *serial = (volatile uint32_t *)0x09000000; /* PL011 of the `virt` board: data register */
  while (*text)
    *serial = (uint32_t)*text++;
}

static _Alignas(TINY_ARENA_ALIGN) unsigned char arena[TINY_ARENA_BYTES];

int main(void) {
  tiny_context context;
  nncc_options options = {.size = sizeof options};
  options.cpu_features = nncc_cpu_features();
  float image[TINY_INPUT_IMAGE_0_ELEMENTS], scores[TINY_OUTPUT_SCORES_ELEMENTS], sum = 0;
  for (int i = 0; i < TINY_INPUT_IMAGE_0_ELEMENTS; ++i)
    sum += (image[i] = (float)(i % 7)) * (float)(i + 1);
  nncc_status status = tiny_init(&context, arena, sizeof arena, &options);
  if (status == NNCC_OK)
    status = tiny_run(&context, &(tiny_inputs){image}, &(tiny_outputs){scores});
  print(nncc_status_string(status));
  int right = status == NNCC_OK;
  for (int j = 0; j < TINY_OUTPUT_SCORES_ELEMENTS; ++j)
    right &= scores[j] == (sum + (float)(j * j)) * 0.5f;
  print(right ? "\nscores are right\n" : "\nscores are wrong\n");
  return !right;
}
