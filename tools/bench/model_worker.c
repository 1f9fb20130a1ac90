/* Runs the library of a model for tools/bench: a process that is told by lines on
 * standard input to run for so many milliseconds of processor time, and answers
 * with the seconds of each run, as worker.py does for other engines. Arguments:
 * the folder of its inputs and outputs; `count` marks one run for the counting
 * plugin instead. */
#define _GNU_SOURCE
#include "job.h"
#include <sched.h>
#include <time.h>
#include <unistd.h>

/* System calls that no kernel knows: count_instructions.c sees them. */
enum { COUNT_BEGIN = 0x6e6e0001, COUNT_END = 0x6e6e0002 };
enum { FIRST_RUNS = 3, MAX_RUNS = 100000 };

static double processor_seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static long resident_bytes(void) {
  long total = 0, resident = 0;
  FILE *file = fopen("/proc/self/statm", "r");
  REQUIRE(file && fscanf(file, "%ld %ld", &total, &resident) == 2);
  fclose(file);
  return resident * sysconf(_SC_PAGESIZE);
}

/* Seconds of one run. */
static double timed_run(const job *todo) {
  double start = processor_seconds();
  REQUIRE(run_job(todo) == NNCC_OK);
  return processor_seconds() - start;
}

/* One run to warm the caches, then as many as fit. */
static void run_slice(const job *todo, double milliseconds) {
  double left = milliseconds * 1e-3;
  int i;
  (void)timed_run(todo);
  printf("[");
  for (i = 0; i < MAX_RUNS && (i == 0 || left > 0); ++i) {
    double seconds = timed_run(todo);
    left -= seconds;
    printf("%s%.9f", i ? ", " : "", seconds);
  }
  printf("]\n");
}

int main(int argc, char **argv) {
  struct sched_param high = {1}, ordinary = {0};
  job todo;
  char line[64];
  double load;
  int i;
  REQUIRE(argc >= 2);
  todo = make_job(&first_model, argv[1]);
  if (argc > 2) {
    REQUIRE(run_job(&todo) == NNCC_OK);
    syscall(COUNT_BEGIN);
    REQUIRE(run_job(&todo) == NNCC_OK);
    syscall(COUNT_END);
    write_outputs(&todo, argv[1]);
    return 0;
  }
  load = processor_seconds();
  REQUIRE(first_model.init(todo.context, todo.arena, first_model.arena_bytes, NULL) == NNCC_OK);
  load = processor_seconds() - load;
  for (i = 0; i < FIRST_RUNS; ++i)
    REQUIRE(run_job(&todo) == NNCC_OK);
  write_outputs(&todo, argv[1]);
  printf("{\"load_seconds\": %.9f, \"resident_bytes\": %ld}\n", load, resident_bytes());
  fflush(stdout);
  while (fgets(line, sizeof line, stdin)) {
    (void)sched_setscheduler(0, SCHED_FIFO, &high); /* refused to ordinary users */
    run_slice(&todo, atof(line));
    (void)sched_setscheduler(0, SCHED_OTHER, &ordinary);
    fflush(stdout);
  }
  return 0;
}
