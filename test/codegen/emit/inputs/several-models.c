/* Runs three models from two threads each through the table that all models share. */
#include "nncc/runtime.h"
#include "second.h"
#include "tiny.h"
#include "x3rd_model.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const nncc_model *const models[] = {&tiny_model, &second_model, &x3rd_model_model};

/* Runs one model many times with inputs of its own; the result is NULL if all were right. */
static void *work(void *argument) {
  const nncc_model *model = *(const nncc_model *const *)argument;
  float seed = (float)((size_t)argument % 97);
  void *arena = aligned_alloc(model->arena_align, model->arena_bytes);
  uint64_t *context = malloc(model->context_bytes);
  float image[64], scores[10], sum = 0;
  for (int i = 0; i < 64; ++i)
    sum += (image[i] = seed + (float)(i % 5)) * (float)(i + 1);
  const void *in[] = {image};
  void *out[] = {scores};
  if (model->init(context, arena, model->arena_bytes, NULL) != NNCC_OK)
    return "init";
  for (int repeat = 0; repeat < 20000; ++repeat) {
    memset(scores, 0, sizeof scores);
    nncc_status status = model->run(context, in, out);
    if (status != NNCC_OK)
      return (void *)(uintptr_t)nncc_status_string(status);
    for (int j = 0; j < 10; ++j)
      if (scores[j] != (sum + (float)(j * j)) * 0.5f)
        return "a wrong number";
  }
  free(arena);
  free(context);
  return NULL;
}

int main(void) {
  if (nncc_find_model(models, 3, "second") != &second_model || nncc_find_model(models, 3, "x") ||
      nncc_find_input(&tiny_model, "image:0") != 0 || nncc_find_output(&tiny_model, "scores") != 0 ||
      nncc_find_input(&tiny_model, "image_0") != 0 || nncc_find_input(&tiny_model, "scores") != -1 ||
      nncc_type_bytes(tiny_model.inputs[0].type) != 4 || strcmp(nncc_type_string(NNCC_F32), "f32"))
    return puts("lookup is wrong"), 1;

  /* A context belongs to the model that initialized it. */
  static unsigned char arena[65536] __attribute__((aligned(64)));
  uint64_t context[32];
  float image[64] = {0}, scores[10];
  const void *in[] = {image};
  void *out[] = {scores};
  if (tiny_model.init(context, arena, sizeof arena, NULL) != NNCC_OK ||
      second_model.run(context, in, out) != NNCC_NOT_INITIALIZED)
    return puts("a context of another model was taken"), 1;

  /* The features of this machine are enough for what was compiled for it. */
  nncc_options options = {.size = sizeof options, .cpu_features = nncc_cpu_features()};
  if (!options.cpu_features || tiny_model.init(context, arena, sizeof arena, &options) != NNCC_OK)
    return puts("features are wrong"), 1;

  pthread_t threads[6];
  const nncc_model *chosen[6];
  int mistakes = 0;
  for (int i = 0; i < 6; ++i) {
    chosen[i] = models[i % 3];
    pthread_create(&threads[i], NULL, work, &chosen[i]);
  }
  for (int i = 0; i < 6; ++i) {
    void *complaint;
    pthread_join(threads[i], &complaint);
    if (complaint) {
      printf("thread %d: %s\n", i, (const char *)complaint);
      ++mistakes;
    }
  }
  if (!mistakes)
    puts("all is well");
  return mistakes;
}
