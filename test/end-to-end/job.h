/* What the C programs of this folder share: a model with its memory, its inputs
 * read from files and its outputs written to files. */
#ifndef NNCC_TEST_JOB_H
#define NNCC_TEST_JOB_H
#include "first.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_PORTS = 256, ROOM = 256 };

/* One use of a model: everything that must not be shared with another. */
typedef struct {
  const nncc_model *model;
  void *context;
  void *arena;
  const void *inputs[MAX_PORTS];
  void *outputs[MAX_PORTS];
} job;

static void require(int holds, const char *what, int line) {
  if (!holds) {
    fprintf(stderr, "line %d: %s does not hold\n", line, what);
    exit(1);
  }
}
#define REQUIRE(condition) require(!!(condition), #condition, __LINE__)

/* What a hook has heard: every kernel once, in order, each ended before the next begins. */
typedef struct {
  uint32_t begun, ended;
} counts;

static inline void count(void *user, uint32_t kernel, int begin) {
  counts *seen = user;
  REQUIRE(kernel == seen->ended && seen->begun - seen->ended == (begin ? 0u : 1u));
  if (begin)
    ++seen->begun;
  else
    ++seen->ended;
}

/* Memory that the program may use, all bits set (NaN for floats). */
static void *allocate(uint64_t bytes, uint64_t align) {
  char *memory = malloc(bytes + align + ROOM);
  REQUIRE(memory);
  memset(memory, 0xff, bytes + align + ROOM);
  return memory + (align - (uintptr_t)memory % align) % align;
}

/* Gives a model context, arena and ports; input i comes from FOLDER/inputI. M_init has to return `expected`. */
static inline job make_job_with(const nncc_model *model, const char *folder, const nncc_options *options,
                                nncc_status expected) {
  job made = {model, NULL, NULL, {NULL}, {NULL}};
  char path[4096];
  uint32_t i;
  REQUIRE(model->num_inputs <= MAX_PORTS && model->num_outputs <= MAX_PORTS);
  made.context = allocate(model->context_bytes, 8);
  made.arena = allocate(model->arena_bytes, model->arena_align);
  REQUIRE(model->init(made.context, made.arena, model->arena_bytes, options) == expected);
  for (i = 0; i < model->num_inputs; ++i) {
    void *data = allocate(model->inputs[i].bytes, 8);
    FILE *file;
    snprintf(path, sizeof path, "%s/input%u", folder, (unsigned)i);
    file = fopen(path, "rb");
    REQUIRE(file && fread(data, 1, model->inputs[i].bytes, file) == model->inputs[i].bytes);
    fclose(file);
    made.inputs[i] = data;
  }
  for (i = 0; i < model->num_outputs; ++i)
    made.outputs[i] = allocate(model->outputs[i].bytes, 8);
  return made;
}

static inline job make_job(const nncc_model *model, const char *folder) {
  return make_job_with(model, folder, NULL, NNCC_OK);
}

/* Writes output i to FOLDER/outputI. */
static inline void write_outputs(const job *done, const char *folder) {
  char path[4096];
  uint32_t i;
  for (i = 0; i < done->model->num_outputs; ++i) {
    FILE *file;
    snprintf(path, sizeof path, "%s/output%u", folder, (unsigned)i);
    file = fopen(path, "wb");
    REQUIRE(file && fwrite(done->outputs[i], 1, done->model->outputs[i].bytes, file) == done->model->outputs[i].bytes);
    REQUIRE(fclose(file) == 0);
  }
}

static inline nncc_status run_job(const job *todo) {
  return todo->model->run(todo->context, todo->inputs, todo->outputs);
}

/* True when the outputs of two jobs of one model are the same bits. */
static inline int same_outputs(const job *a, const job *b) {
  uint32_t i;
  for (i = 0; i < a->model->num_outputs; ++i)
    if (memcmp(a->outputs[i], b->outputs[i], a->model->outputs[i].bytes))
      return 0;
  return 1;
}

#endif
