/* Uses the made-up model in every way that its header offers and says what went wrong. */
#include "tiny.h"
#include <stdalign.h>
#include <stdio.h>
#include <string.h>

static alignas(TINY_ARENA_ALIGN) unsigned char arena[TINY_ARENA_BYTES];
static float image[TINY_INPUT_IMAGE_0_ELEMENTS];
static float scores[TINY_OUTPUT_SCORES_ELEMENTS];
static int mistakes;

static void expect(int line, const char *what, int is_so) {
  if (!is_so) {
    printf("line %d: not so: %s\n", line, what);
    ++mistakes;
  }
}
#define EXPECT(x) expect(__LINE__, #x, x)

static void fill(float seed) {
  for (int i = 0; i < TINY_INPUT_IMAGE_0_ELEMENTS; ++i)
    image[i] = seed * (float)(i % 7);
  memset(arena, 0xff, sizeof arena); /* NaN: what is read was written before */
  memset(scores, 0xff, sizeof scores);
}

static int is_right(void) {
  float sum = 0;
  for (int i = 0; i < TINY_INPUT_IMAGE_0_ELEMENTS; ++i)
    sum += image[i] * (float)(i + 1);
  for (int j = 0; j < TINY_OUTPUT_SCORES_ELEMENTS; ++j)
    if (scores[j] != (sum + (float)(j * j)) * 0.5f)
      return 0;
  return 1;
}

static uint32_t begun, ended;
static void on_kernel(void *user, uint32_t kernel, int begin) {
  if (begin)
    begun = begun * 10 + kernel + 1;
  else
    ended = ended * 10 + kernel + 1;
  ++*(int *)user;
}

/* One part after the other, the last one first. */
static uint32_t jobs, parts;
static void backwards(void *user, uint32_t count, void (*body)(void *argument, uint32_t i), void *argument) {
  EXPECT(user == &jobs);
  ++jobs;
  parts = count;
  while (count)
    body(argument, --count);
}

int main(void) {
  tiny_context context = {{0}};
  tiny_inputs inputs = {image};
  tiny_outputs outputs = {scores};

  /* What is refused, and that nothing is written then. */
  fill(1);
  EXPECT(tiny_run(&context, &inputs, &outputs) == NNCC_NOT_INITIALIZED);
  EXPECT(tiny_init(NULL, arena, sizeof arena, NULL) == NNCC_NULL_POINTER);
  EXPECT(tiny_init(&context, NULL, sizeof arena, NULL) == NNCC_NULL_POINTER);
  EXPECT(tiny_init(&context, arena, sizeof arena - 1, NULL) == NNCC_ARENA_TOO_SMALL);
  EXPECT(tiny_init(&context, arena + 1, sizeof arena, NULL) == NNCC_ARENA_MISALIGNED);
  nncc_options no_size = {0};
  EXPECT(tiny_init(&context, arena, sizeof arena, &no_size) == NNCC_BAD_OPTIONS);
  struct {
    nncc_options known;
    uint64_t later;
  } newer = {{.size = sizeof newer}, 0};
  EXPECT(tiny_init(&context, arena, sizeof arena, &newer.known) == NNCC_OK);
  newer.later = 1;
  EXPECT(tiny_init(&context, arena, sizeof arena, &newer.known) == NNCC_BAD_OPTIONS);
  EXPECT(tiny_run(&context, &inputs, &outputs) == NNCC_NOT_INITIALIZED);

  EXPECT(tiny_init(&context, arena, sizeof arena, NULL) == NNCC_OK);
  EXPECT(tiny_step(&context, 1) == NNCC_NOT_STARTED);
  EXPECT(tiny_run(NULL, &inputs, &outputs) == NNCC_NULL_POINTER);
  EXPECT(tiny_run(&context, NULL, &outputs) == NNCC_NULL_POINTER);
  EXPECT(tiny_run(&context, &inputs, NULL) == NNCC_NULL_POINTER);
  tiny_inputs no_image = {NULL}, odd_image = {(const float *)(const void *)((const char *)image + 2)},
              arena_image = {(const float *)(const void *)arena};
  EXPECT(tiny_run(&context, &no_image, &outputs) == NNCC_NULL_POINTER);
  EXPECT(tiny_run(&context, &odd_image, &outputs) == NNCC_POINTER_MISALIGNED);
  EXPECT(tiny_run(&context, &arena_image, &outputs) == NNCC_POINTERS_OVERLAP);
  tiny_outputs over_image = {image + TINY_INPUT_IMAGE_0_ELEMENTS - 1};
  EXPECT(tiny_run(&context, &inputs, &over_image) == NNCC_POINTERS_OVERLAP);
  unsigned char nan[sizeof scores];
  memset(nan, 0xff, sizeof nan);
  EXPECT(memcmp(scores, nan, sizeof nan) == 0);

  /* A run; a second one; a run by steps. */
  EXPECT(tiny_run(&context, &inputs, &outputs) == NNCC_OK && is_right());
  fill(2);
  EXPECT(tiny_run(&context, &inputs, &outputs) == NNCC_OK && is_right());
  fill(3);
  {
    tiny_inputs short_lived = inputs;
    EXPECT(tiny_start(&context, &short_lived, &outputs) == NNCC_OK);
    memset(&short_lived, 0, sizeof short_lived);
  }
  EXPECT(tiny_step(&context, 0) == NNCC_MORE);
  EXPECT(tiny_step(&context, 1) == NNCC_MORE);
  EXPECT(tiny_step(&context, 2) == NNCC_MORE);
  EXPECT(tiny_step(&context, 9) == NNCC_OK && is_right());
  EXPECT(tiny_step(&context, 1) == NNCC_NOT_STARTED);

  /* A run that is given up. */
  fill(4);
  EXPECT(tiny_start(&context, &inputs, &outputs) == NNCC_OK);
  EXPECT(tiny_step(&context, 2) == NNCC_MORE);
  EXPECT(tiny_run(&context, &inputs, &outputs) == NNCC_OK && is_right());

  /* The hook. */
  int calls = 0;
  nncc_options options = {.size = sizeof options, .on_kernel = on_kernel, .user = &calls};
  EXPECT(tiny_init(&context, arena, sizeof arena, &options) == NNCC_OK);
  EXPECT(tiny_run(&context, &inputs, &outputs) == NNCC_OK);
  EXPECT(calls == 2 * TINY_KERNELS && begun == 1234 && ended == 1234);

  /* Parts: the second kernel stands eight, the others one. */
  for (uint32_t threads = 0; threads < 11; ++threads) {
    nncc_options parallel = {.size = sizeof parallel, .threads = threads, .parallel_for = backwards, .user = &jobs};
    fill((float)threads);
    jobs = 0;
    EXPECT(tiny_init(&context, arena, sizeof arena, &parallel) == NNCC_OK);
    EXPECT(tiny_run(&context, &inputs, &outputs) == NNCC_OK && is_right());
    EXPECT(threads < 2 ? jobs == 0 : jobs == 1 && parts == (threads < 8 ? threads : 8));
  }

  /* The table. */
  const nncc_model *model = &tiny_model;
  EXPECT(model->abi_version == NNCC_ABI_VERSION && model->size == sizeof *model);
  EXPECT(strcmp(model->name, "tiny") == 0 && model->num_kernels == TINY_KERNELS);
  EXPECT(model->arena_bytes == TINY_ARENA_BYTES && model->arena_align == TINY_ARENA_ALIGN);
  EXPECT(model->context_bytes == sizeof context);
  EXPECT(model->num_inputs == 1 && strcmp(model->inputs[0].name, "image:0") == 0);
  EXPECT(model->inputs[0].rank == 2 && model->inputs[0].dims[0] == 1 && model->inputs[0].dims[1] == 64);
  EXPECT(model->inputs[0].type == NNCC_F32 && model->inputs[0].bytes == sizeof image);
  EXPECT(model->num_outputs == 1 && strcmp(model->outputs[0].identifier, "scores") == 0);
  EXPECT(strcmp(model->kernels[3].name, "k003_scale") == 0 && model->kernels[0].macs == 64);
  fill(5);
  const void *in[] = {image};
  void *out[] = {scores};
  uint64_t raw[32];
  EXPECT(model->init(raw, arena, sizeof arena, NULL) == NNCC_OK);
  EXPECT(model->run(raw, in, out) == NNCC_OK && is_right());
  fill(6);
  EXPECT(model->start(raw, in, out) == NNCC_OK && model->step(raw, 100) == NNCC_OK && is_right());

  printf(mistakes ? "%d mistakes\n" : "all is well\n", mistakes);
  return mistakes != 0;
}
