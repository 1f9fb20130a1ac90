/* A model gives the same bits for any number of threads and any order of parts,
 * and no two parts of a kernel write one byte. Argument: a folder of inputs and
 * outputs. The model is compiled with --part-work=1: all that can be cut is. */
#include "job.h"
#include "nncc/pool.h"

/* What the serial parallel_for does, and what it saw. */
typedef struct {
  enum { FORWARDS, BACKWARDS, ODD_FIRST } order;
  const job *watched; /* or NULL: nobody looks at what parts write */
  uint8_t *before, *writer;
  uint32_t calls;
} serial;

static uint64_t watched_bytes(const nncc_model *model) {
  uint64_t bytes = model->arena_bytes;
  for (uint32_t i = 0; i < model->num_outputs; ++i)
    bytes += model->outputs[i].bytes;
  return bytes;
}

/* Copies the arena and the outputs to `to`; or, with part > 0, notes that the part wrote what differs from `to`. */
static void look(const serial *seen, uint8_t *to, uint8_t part) {
  const job *watched = seen->watched;
  const nncc_model *model = watched->model;
  uint64_t at = 0;
  for (uint32_t port = 0; port <= model->num_outputs; ++port) {
    const uint8_t *memory = port ? watched->outputs[port - 1] : watched->arena;
    uint64_t bytes = port ? model->outputs[port - 1].bytes : model->arena_bytes;
    for (uint64_t i = 0; i < bytes; ++i, ++at) {
      if (!part) {
        to[at] = memory[i];
      } else if (to[at] != memory[i]) {
        REQUIRE(seen->writer[at] == 0);
        seen->writer[at] = part;
        to[at] = memory[i];
      }
    }
  }
}

static void run_serially(void *user, uint32_t count, void (*body)(void *argument, uint32_t i), void *argument) {
  serial *seen = user;
  REQUIRE(count > 1);
  ++seen->calls;
  if (seen->watched) {
    memset(seen->writer, 0, watched_bytes(seen->watched->model));
    look(seen, seen->before, 0);
  }
  for (uint32_t i = 0; i < count; ++i) {
    uint32_t odd = count / 2;
    uint32_t part = seen->order == FORWARDS    ? i
                    : seen->order == BACKWARDS ? count - 1 - i
                    : i < odd                  ? 2 * i + 1
                                               : 2 * (i - odd);
    body(argument, part);
    if (seen->watched)
      look(seen, seen->before, (uint8_t)(part % 255 + 1));
  }
}

static void check(const job *expected, const char *folder, const nncc_options *options) {
  job other = make_job_with(&first_model, folder, options, NNCC_OK);
  for (int repeat = 0; repeat < 3; ++repeat) {
    for (uint32_t i = 0; i < other.model->num_outputs; ++i)
      memset(other.outputs[i], 0xff, other.model->outputs[i].bytes);
    REQUIRE(run_job(&other) == NNCC_OK && same_outputs(expected, &other));
  }
}

int main(int argc, char **argv) {
  static nncc_pool pool;
  const uint32_t numbers[] = {1, 2, 3, 4, 7, 64};
  job alone;
  REQUIRE(argc == 2);
  alone = make_job(&first_model, argv[1]);
  REQUIRE(run_job(&alone) == NNCC_OK);
  write_outputs(&alone, argv[1]);
  for (size_t n = 0; n < sizeof numbers / sizeof *numbers; ++n) {
    nncc_options options = {.size = sizeof options, .threads = numbers[n]};
    for (int order = FORWARDS; order <= ODD_FIRST; ++order) {
      serial seen = {order, NULL, NULL, NULL, 0};
      options.parallel_for = run_serially;
      options.user = &seen;
      check(&alone, argv[1], &options);
      REQUIRE(numbers[n] == 1 ? seen.calls == 0 : seen.calls > 0);
    }
    REQUIRE(nncc_pool_create(&pool, numbers[n]) == 0);
    options.parallel_for = nncc_pool_parallel_for;
    options.user = &pool;
    check(&alone, argv[1], &options);
    nncc_pool_destroy(&pool);
  }
  /* Who writes what. */
  for (uint32_t parts = 2; parts < 8; parts += 5) {
    serial seen = {BACKWARDS, NULL, allocate(watched_bytes(&first_model), 1), allocate(watched_bytes(&first_model), 1),
                   0};
    nncc_options options = {.size = sizeof options, .threads = parts, .parallel_for = run_serially, .user = &seen};
    job looked_at = make_job_with(&first_model, argv[1], &options, NNCC_OK);
    seen.watched = &looked_at;
    REQUIRE(run_job(&looked_at) == NNCC_OK && same_outputs(&alone, &looked_at) && seen.calls > 0);
  }
  return 0;
}
