/* Names one handwritten digit: the program of the examples cmake, cmake-subdirectory, meson and make. */
#include "digits.h"
#include "nncc/runtime.h"
#include <stdio.h>

/* Eight rows of eight pixels: 'a' is white, 'q' is black. */
static const char pixels[] = "aaippcaa"
                             "acqnmkaa"
                             "adpbjlaa"
                             "aaabpiaa"
                             "aaaknbaa"
                             "aaiqhaaa"
                             "agqqnhgb"
                             "aahfmqpc";

static _Alignas(DIGITS_ARENA_ALIGN) unsigned char arena[DIGITS_ARENA_BYTES];

int main(void) {
  static digits_context context;
  float image[DIGITS_INPUT_IMAGE_ELEMENTS], probabilities[DIGITS_OUTPUT_PROBABILITIES_ELEMENTS];
  for (int i = 0; i < DIGITS_INPUT_IMAGE_ELEMENTS; ++i)
    image[i] = (float)(pixels[i] - 'a') / 16;

  /* A CPU that lacks what the code makes use of is refused here, not by an illegal instruction later. */
  nncc_options options = {.size = sizeof options, .cpu_features = nncc_cpu_features()};
  digits_inputs inputs = {.image = image};
  digits_outputs outputs = {.probabilities = probabilities};
  nncc_status status = digits_init(&context, arena, sizeof arena, &options);
  if (status == NNCC_OK)
    status = digits_run(&context, &inputs, &outputs);
  if (status != NNCC_OK) {
    fprintf(stderr, "digits: %s\n", nncc_status_string(status));
    return 1;
  }

  int best = 0;
  for (int i = 1; i < DIGITS_OUTPUT_PROBABILITIES_ELEMENTS; ++i)
    if (probabilities[i] > probabilities[best])
      best = i;
  printf("%s: a %d, with probability %.3f\n", digits_model.target, best, probabilities[best]);
  return 0;
}
