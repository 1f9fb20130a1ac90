/* Initializes the made-up model for the CPU that this runs on. */
#include "nncc/runtime.h"
#include "tiny.h"
#include <stdio.h>

static _Alignas(TINY_ARENA_ALIGN) unsigned char arena[TINY_ARENA_BYTES];

int main(void) {
  tiny_context context;
  nncc_options options = {.size = sizeof options, .cpu_features = nncc_cpu_features()};
  puts(nncc_status_string(tiny_init(&context, arena, sizeof arena, &options)));
  return 0;
}
