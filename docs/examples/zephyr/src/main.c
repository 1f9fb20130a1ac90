/* Names one handwritten digit on a board with Zephyr. */
#include "digits.h"
#include <zephyr/kernel.h>

BUILD_ASSERT(CONFIG_MAIN_STACK_SIZE >= DIGITS_STACK_BYTES + 4096, "the main thread's stack is too small for the model");

/* Eight rows of eight pixels: 'a' is white, 'q' is black. */
static const char pixels[] = "aaippcaa"
                             "acqnmkaa"
                             "adpbjlaa"
                             "aaabpiaa"
                             "aaaknbaa"
                             "aaiqhaaa"
                             "agqqnhgb"
                             "aahfmqpc";

static uint8_t arena[DIGITS_ARENA_BYTES] __aligned(DIGITS_ARENA_ALIGN);
static digits_context context;
static float image[DIGITS_INPUT_IMAGE_ELEMENTS], probabilities[DIGITS_OUTPUT_PROBABILITIES_ELEMENTS];

int main(void) {
  for (int i = 0; i < DIGITS_INPUT_IMAGE_ELEMENTS; ++i)
    image[i] = (float)(pixels[i] - 'a') / 16;

  digits_inputs inputs = {.image = image};
  digits_outputs outputs = {.probabilities = probabilities};
  nncc_status status = digits_init(&context, arena, sizeof arena, NULL);
  if (status == NNCC_OK)
    status = digits_run(&context, &inputs, &outputs);
  if (status != NNCC_OK) {
    printk("digits: status %d\n", status);
    return 1;
  }

  int best = 0;
  for (int i = 1; i < DIGITS_OUTPUT_PROBABILITIES_ELEMENTS; ++i)
    if (probabilities[i] > probabilities[best])
      best = i;
  int thousandths = (int)(probabilities[best] * 1000);
  printk("a %d, with probability %d.%03d\n", best, thousandths / 1000, thousandths % 1000);
  return 0;
}
