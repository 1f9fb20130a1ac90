/* One model twice, in two threads at once: all state is in context and arena.
 * Arguments: a folder of inputs and outputs for each thread. */
#include "job.h"
#include <pthread.h>

enum { ROUNDS = 50 };

static pthread_barrier_t barrier;

/* Runs a job many times; every result must be the bits of the first. */
static void *run_often(void *argument) {
  job *mine = argument;
  job again = *mine;
  uint32_t i;
  int round;
  for (i = 0; i < mine->model->num_outputs; ++i)
    again.outputs[i] = allocate(mine->model->outputs[i].bytes, 8);
  pthread_barrier_wait(&barrier);
  REQUIRE(run_job(mine) == NNCC_OK);
  for (round = 1; round < ROUNDS; ++round) {
    REQUIRE(run_job(&again) == NNCC_OK);
    REQUIRE(same_outputs(mine, &again));
  }
  return NULL;
}

int main(int argc, char **argv) {
  job jobs[2];
  pthread_t threads[2];
  int i;
  REQUIRE(argc == 3);
  REQUIRE(pthread_barrier_init(&barrier, NULL, 2) == 0);
  for (i = 0; i < 2; ++i)
    jobs[i] = make_job(&first_model, argv[1 + i]);
  for (i = 0; i < 2; ++i)
    REQUIRE(pthread_create(&threads[i], NULL, run_often, &jobs[i]) == 0);
  for (i = 0; i < 2; ++i)
    REQUIRE(pthread_join(threads[i], NULL) == 0);
  for (i = 0; i < 2; ++i)
    write_outputs(&jobs[i], argv[1 + i]);
  return 0;
}
