/* Runs the model of several CPUs, and the one that was compiled for the chosen CPU alone: both give the same bits.
 *
 *   several-cpus [--cpu NAME] [--features HEX]
 *
 * `several-cpus alone` runs the model of the lesser CPU, which it lets check what the machine has.
 */
#include "all.h"
#include "big.h"
#include "nncc/runtime.h"
#include "small.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int names(const char *a, const char *b) { return strcmp(a, b) == 0; }

/* Runs the last part first. */
static void backwards(void *user, uint32_t count, void (*body)(void *argument, uint32_t i), void *argument) {
  *(uint32_t *)user += count;
  while (count)
    body(argument, --count);
}

/* The outputs of a run, one behind the other; NULL, and a line, where the model does not run. */
static unsigned char *run(const nncc_model *model, const nncc_options *options, uint32_t *variant, size_t *bytes) {
  void *context = calloc(1, model->context_bytes), *arena = aligned_alloc(model->arena_align, model->arena_bytes);
  memset(arena, 0xff, model->arena_bytes);
  nncc_status status = model->init(context, arena, model->arena_bytes, options);
  if (status != NNCC_OK) {
    printf("%s\n", nncc_status_string(status));
    return NULL;
  }
  if (variant)
    *variant = model->variant(context);
  const void *inputs[8];
  void *outputs[8];
  for (uint32_t i = 0; i < model->num_inputs; ++i) {
    float *input = malloc(model->inputs[i].bytes);
    for (size_t at = 0; at < model->inputs[i].bytes / sizeof *input; ++at)
      input[at] = (float)(at * 37 % 101) / 101;
    inputs[i] = input;
  }
  size_t total = 0;
  for (uint32_t i = 0; i < model->num_outputs; ++i)
    total += model->outputs[i].bytes;
  unsigned char *all = malloc(total);
  *bytes = total;
  total = 0;
  for (uint32_t i = 0; i < model->num_outputs; ++i) {
    outputs[i] = all + total;
    total += model->outputs[i].bytes;
  }
  /* At once, then kernel by kernel: the same. */
  status = model->run(context, inputs, outputs);
  unsigned char *first = malloc(total);
  memcpy(first, all, total);
  memset(all, 0, total);
  if (status == NNCC_OK)
    status = model->start(context, inputs, outputs);
  while (status == NNCC_OK && (status = model->step(context, 1)) == NNCC_MORE)
    status = NNCC_OK;
  if (status != NNCC_OK || memcmp(first, all, total)) {
    printf("steps differ: %s\n", nncc_status_string(status));
    return NULL;
  }
  return all;
}

int main(int argc, char **argv) {
  uint32_t parts = 0;
  size_t bytes = 0;
  nncc_options options = {.size = sizeof options, .threads = 3, .parallel_for = backwards, .user = &parts};
  if (argc == 2 && names(argv[1], "alone")) {
    options.cpu_features = nncc_cpu_features();
    return !run(&small_model, &options, NULL, &bytes);
  }
  for (int i = 1; i + 1 < argc; i += 2)
    if (names(argv[i], "--cpu"))
      options.cpu = argv[i + 1];
    else
      options.cpu_features = strtoull(argv[i + 1], NULL, 16);
  const nncc_model *model = &all_model;
  if (model->num_variants != 2 || model->variant(calloc(1, model->context_bytes)) != 2) {
    puts("wrong tables");
    return 1;
  }
  uint32_t variant = 0;
  unsigned char *got = run(model, &options, &variant, &bytes);
  if (!got)
    return 1;
  const char *cpu = model->variants[variant].cpu;
  const nncc_model *alone = names(big_model.cpu, cpu) ? &big_model : &small_model;
  unsigned char *expected = run(alone, NULL, NULL, &bytes);
  printf("%s: %s\n", cpu,
         names(alone->cpu, cpu) && expected && parts > 3 && !memcmp(got, expected, bytes) ? "right" : "wrong");
  /* A library for one CPU has no choice. */
  options = (nncc_options){sizeof options};
  options.cpu = alone->cpu;
  run(alone, &options, NULL, &bytes);
  return 0;
}
