/* A program as docs/using-vulkan.md has it, where there may be no GPU: says so, and gives the right numbers. */
#include "toy.h"
#include <stdio.h>

int main(void) {
  const uint32_t words[] = {0, 0};
  static nncc_vulkan vulkan;
  static toy_context context;
  float x[TOY_N], y[TOY_N], s[TOY_S], t[TOY_S];
  toy_set_code(words, 1, words, 1);
  nncc_vulkan_create(&vulkan, NULL);
  puts(nncc_vulkan_message(&vulkan));
  void *arena = nncc_vulkan_allocate(&vulkan, TOY_ARENA_BYTES);
  nncc_options options = {.size = sizeof options, .device = nncc_vulkan_device(&vulkan)};
  toy_fill(x, 3);
  int is_right = toy_init(&context, arena, TOY_ARENA_BYTES, &options) == NNCC_OK &&
                 toy_run(&context, x, y, s, t) == NNCC_OK && toy_is_right(3, y, s, t);
  nncc_vulkan_destroy(&vulkan);
  puts(is_right ? "right" : "wrong");
  return !is_right;
}
