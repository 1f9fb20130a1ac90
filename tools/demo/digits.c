/* Draws handwritten digits in the terminal and lets the compiled network name
   them; then measures it on all held-out digits. Usage: digits [NUMBER...],
   numbers of samples in digits_samples.h. The use of the library itself is in
   classify(). */
#define _POSIX_C_SOURCE 199309L
#include "digits.h"
#include "digits_samples.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { SIDE = 8, PIXELS = SIDE * SIDE, CLASSES = 10, LEVELS = 16, ACROSS = 4 };

/* All the memory that the network works in: its size is known when the program
 * is compiled. 64: DIGITS_ARENA_ALIGN. */
#if defined(__GNUC__)
__attribute__((aligned(DIGITS_ARENA_ALIGN)))
#endif
static unsigned char arena[DIGITS_ARENA_BYTES];
static digits_context context;

/* Runs the network on one sample. Returns the most probable digit; its
 * probability in *certainty. */
static int classify(int sample, float *certainty) {
  float image[PIXELS], probabilities[CLASSES];
  digits_inputs inputs = {image};
  digits_outputs outputs = {probabilities};
  int i, best = 0;
  for (i = 0; i < PIXELS; ++i)
    image[i] = (float)(digits_samples[sample].pixels[i] - 'a') / LEVELS;
  if (digits_run(&context, &inputs, &outputs) != NNCC_OK) {
    fprintf(stderr, "digits_run failed\n");
    exit(1);
  }
  for (i = 1; i < CLASSES; ++i)
    if (probabilities[i] > probabilities[best])
      best = i;
  *certainty = probabilities[best];
  return best;
}

/* Two characters for one pixel, grey by colour or by the density of the
 * character. */
static void draw_pixel(char letter, int colour) {
  static const char *const shades[] = {"  ", "\xe2\x96\x91\xe2\x96\x91", "\xe2\x96\x92\xe2\x96\x92",
                                       "\xe2\x96\x93\xe2\x96\x93", "\xe2\x96\x88\xe2\x96\x88"};
  int level = letter - 'a';
  if (colour)
    printf("\x1b[48;5;%dm  ", 233 + level * 22 / LEVELS); /* 232..255: the grey ramp of 256-colour terminals */
  else
    fputs(shades[(level * 4 + LEVELS / 2) / LEVELS], stdout);
}

/* Draws up to ACROSS samples side by side, with what the network says of each
 * below. */
static void draw(const int *samples, int count, int colour) {
  int row, column, i;
  putchar('\n');
  for (row = 0; row < SIDE; ++row) {
    for (i = 0; i < count; ++i) {
      fputs("  ", stdout);
      for (column = 0; column < SIDE; ++column)
        draw_pixel(digits_samples[samples[i]].pixels[row * SIDE + column], colour);
      fputs(colour ? "\x1b[0m " : " ", stdout);
    }
    putchar('\n');
  }
  for (i = 0; i < count; ++i) {
    float certainty;
    int digit = classify(samples[i], &certainty);
    char says[32];
    snprintf(says, sizeof says, "%d, %.1f %% sure%s", digit, 100.0 * certainty,
             digit == digits_samples[samples[i]].label ? "" : " (no)");
    printf("  %-*s ", 2 * SIDE, says);
  }
  puts("\n");
}

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

int main(int argc, char **argv) {
  int chosen[ACROSS] = {1, 0, 7, 3};
  int count = ACROSS, right = 0, runs = 0, sample, i;
  int colour = isatty(1) && !getenv("NO_COLOR") && getenv("TERM") && strcmp(getenv("TERM"), "dumb") != 0;
  float certainty;
  double start, best = 1e9;

  if (argc > 1) {
    count = argc - 1 < ACROSS ? argc - 1 : ACROSS;
    for (i = 0; i < count; ++i) {
      chosen[i] = atoi(argv[i + 1]);
      if (chosen[i] < 0 || chosen[i] >= DIGITS_SAMPLES) {
        fprintf(stderr, "usage: digits [NUMBER...], up to %d numbers from 0 to %d\n", ACROSS, DIGITS_SAMPLES - 1);
        return 2;
      }
    }
  }
  if (digits_init(&context, arena, sizeof arena, NULL) != NNCC_OK) {
    fprintf(stderr, "digits_init failed\n");
    return 1;
  }
  draw(chosen, count, colour);

  for (sample = 0; sample < DIGITS_SAMPLES; ++sample)
    right += classify(sample, &certainty) == digits_samples[sample].label;
  for (i = 0; i < 20; ++i) { /* the best of 20 rounds: the others were disturbed */
    start = now();
    for (sample = 0; sample < DIGITS_SAMPLES; ++sample, ++runs)
      classify(sample, &certainty);
    if ((now() - start) / DIGITS_SAMPLES < best)
      best = (now() - start) / DIGITS_SAMPLES;
  }
  printf("  held-out digits named right   %d of %d (%.1f %%)\n", right, DIGITS_SAMPLES, 100.0 * right / DIGITS_SAMPLES);
  printf("  time per run                  %.1f microseconds\n", best * 1e6);
  printf("  working memory (arena)        %lu bytes, no heap\n", (unsigned long)DIGITS_ARENA_BYTES);
  return 0;
}
