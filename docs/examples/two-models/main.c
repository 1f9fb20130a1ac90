/* Runs two models of one interface through their tables, in one arena: they never run at the same time. */
#include "digits_any.h"
#include "digits_newer.h"
#include "nncc/runtime.h"
#include <stdio.h>

#define LARGER(a, b) ((a) > (b) ? (a) : (b))
static _Alignas(
    LARGER(DIGITS_ANY_ARENA_ALIGN,
           DIGITS_NEWER_ARENA_ALIGN)) unsigned char arena[LARGER(DIGITS_ANY_ARENA_BYTES, DIGITS_NEWER_ARENA_BYTES)];

/* The most probable class of the output, or -1. */
static int classify(const nncc_model *model, void *context, const float *image) {
  nncc_options options = {.size = sizeof options, .cpu_features = nncc_cpu_features()};
  float probabilities[10];
  const void *inputs[] = {image};
  void *outputs[] = {probabilities};
  nncc_status status = model->init(context, arena, sizeof arena, &options);
  if (status == NNCC_OK)
    status = model->run(context, inputs, outputs);
  if (status != NNCC_OK) {
    printf("%s for %s is refused: %s\n", model->name, model->cpu, nncc_status_string(status));
    return -1;
  }
  int best = 0;
  for (int i = 1; i < 10; ++i)
    if (probabilities[i] > probabilities[best])
      best = i;
  printf("%s for %s: a %d, with probability %.3f\n", model->name, model->cpu, best, probabilities[best]);
  return best;
}

int main(void) {
  static digits_any_context any;
  static digits_newer_context newer;
  float image[64] = {0};
  for (int row = 1; row < 7; ++row) /* an upright bar */
    image[8 * row + 3] = image[8 * row + 4] = 1;

  int first = classify(&digits_any_model, &any, image);
  int second = classify(&digits_newer_model, &newer, image);
  if (first < 0 || (second >= 0 && second != first))
    return 1;
  if (second >= 0)
    puts("2 models agree");
  return 0;
}
