/* The demo network without an operating system and without a C library: names the held-out digits, prints on the serial
 * port. */
#include "digits.h"
#include "nncc/runtime.h"
#include "tools/demo/digits_samples.h"

/* All that a compiled model may need. Volatile, or the compiler makes each of them call itself. */
void *memcpy(void *to, const void *from, size_t count) {
  for (size_t i = 0; i < count; ++i)
    ((volatile unsigned char *)to)[i] = ((const unsigned char *)from)[i];
  return to;
}
void *memmove(void *to, const void *from, size_t count) {
  if (to <= from)
    return memcpy(to, from, count);
  while (count--)
    ((volatile unsigned char *)to)[count] = ((const unsigned char *)from)[count];
  return to;
}
void *memset(void *to, int value, size_t count) {
  for (size_t i = 0; i < count; ++i)
    ((volatile unsigned char *)to)[i] = (unsigned char)value;
  return to;
}

static void print(const char *text) {
  volatile uint32_t *serial = (volatile uint32_t *)0x09000000; /* PL011 of the `virt` board: data register */
  while (*text)
    *serial = (uint32_t)*text++;
}

static void print_number(unsigned number) {
  char digits[11], *at = digits + 10;
  *at = 0;
  do
    *--at = (char)('0' + number % 10);
  while (number /= 10);
  print(at);
}

static _Alignas(DIGITS_ARENA_ALIGN) unsigned char arena[DIGITS_ARENA_BYTES];

int main(void) {
  digits_context context;
  nncc_options options = {.size = sizeof options};
  options.cpu_features = nncc_cpu_features();
  nncc_status status = digits_init(&context, arena, sizeof arena, &options);
  unsigned right = 0;
  for (int sample = 0; sample < DIGITS_SAMPLES && status == NNCC_OK; ++sample) {
    float image[64], probabilities[10];
    digits_inputs inputs = {image};
    digits_outputs outputs = {probabilities};
    for (int i = 0; i < 64; ++i)
      image[i] = (float)(digits_samples[sample].pixels[i] - 'a') / 16;
    status = digits_run(&context, &inputs, &outputs);
    unsigned best = 0;
    for (unsigned i = 1; i < 10; ++i)
      if (probabilities[i] > probabilities[best])
        best = i;
    right += best == digits_samples[sample].label;
    if (sample < 4) {
      print("this is a ");
      print_number(best);
      print(", ");
      print_number((unsigned)(probabilities[best] * 100));
      print(" % sure\n");
    }
  }
  print(nncc_status_string(status));
  print(": ");
  print_number(right);
  print(" of ");
  print_number(DIGITS_SAMPLES);
  print(" right\n");
  return status != NNCC_OK;
}
