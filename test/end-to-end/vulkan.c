/* Runs a model whose kernels a GPU runs, in every way that there is: at once, a
 * second time, with inputs and outputs in the GPU's memory, in portions, and
 * with a hook. All of them must give the same bits, and the CPU must not have
 * had to help. Arena and outputs are NaN before each run. Arguments: the number
 * of Vulkan's device, then folders of inputs and outputs. With the word
 * `unordered` instead of them it only runs once, on zeros, with no kernel waiting
 * for another: for a validation layer to complain about. With `describe` it writes
 * for each dispatch, by lines: kernel, flags (and SEGMENT for the first of one), and
 * memory, index, offset and bytes of each binding. `wait=N` in front of a folder lets dispatch N wait for all others,
 * too; with `once` there it is run at once, and in no other way; `cpu=NAME` is the one of several CPUs beside which it
 * runs. With `basic` behind the number no optional feature of the GPU is used. For each folder lines say how
 * many seconds opening the model and running it a second time took, and how many bytes of the GPU's memory
 * there are with inputs and outputs of the program's own. */
#define _GNU_SOURCE
#include "nncc/vulkan.h"
#include "job.h"
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static void say(void *user, const char *text) {
  (void)user;
  fprintf(stderr, "%s\n", text);
}

static double seconds_now(void) {
  struct timespec time;
  REQUIRE(clock_gettime(CLOCK_MONOTONIC, &time) == 0);
  return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

/* NaN wherever a run writes. */
static void forget(const job *of) {
  uint32_t i;
  memset(of->arena, 0xff, of->model->arena_bytes);
  for (i = 0; i < of->model->num_outputs; ++i)
    memset(of->outputs[i], 0xff, of->model->outputs[i].bytes);
}

/* Runs in portions of so many kernels; 0: at once. */
static void run_in(const job *todo, uint32_t portion) {
  nncc_status status;
  forget(todo);
  if (!portion) {
    REQUIRE(run_job(todo) == NNCC_OK);
    return;
  }
  REQUIRE(todo->model->start(todo->context, todo->inputs, todo->outputs) == NNCC_OK);
  while ((status = todo->model->step(todo->context, portion)) == NNCC_MORE)
    ;
  REQUIRE(status == NNCC_OK);
}

/* The same job with its inputs and outputs in the GPU's memory. */
static job in_gpu_memory(const job *other, nncc_vulkan *vulkan) {
  job made = *other;
  uint32_t i;
  for (i = 0; i < made.model->num_inputs; ++i) {
    void *input = nncc_vulkan_allocate(vulkan, made.model->inputs[i].bytes);
    REQUIRE(input);
    memcpy(input, other->inputs[i], made.model->inputs[i].bytes);
    made.inputs[i] = input;
  }
  for (i = 0; i < made.model->num_outputs; ++i)
    REQUIRE((made.outputs[i] = nncc_vulkan_allocate(vulkan, made.model->outputs[i].bytes)));
  return made;
}

static void run_folder(const nncc_model *model, const char *folder, nncc_vulkan *vulkan, void *arena, const char *cpu,
                       int is_once) {
  nncc_options options = {sizeof options};
  counts seen = {0, 0};
  job first, other;
  double start, opened;
  uint32_t portion, i;
  uint32_t num_kernels = model->num_kernels;
  options.device = nncc_vulkan_device(vulkan);
  options.cpu = cpu;
  /* Its arena is not the GPU's, so this job is only opened for its inputs. */
  first = make_job_with(model, folder, NULL, NNCC_OK);
  first.arena = arena;
  start = seconds_now();
  REQUIRE(model->init(first.context, arena, model->arena_bytes, &options) == NNCC_OK);
  opened = seconds_now();
  if (cpu)
    num_kernels = model->variants[model->variant(first.context)].num_kernels;
  other = first;
  for (i = 0; i < model->num_outputs; ++i)
    other.outputs[i] = allocate(model->outputs[i].bytes, 8);
  run_in(&first, 0);
  write_outputs(&first, folder);
  printf("memory %llu\n", (unsigned long long)nncc_vulkan_count(vulkan).memory);
  printf("seconds %.6f ", opened - start);
  start = seconds_now();
  run_in(&first, 0); /* at the first run drivers may still compile */
  printf("%.6f\n", seconds_now() - start);
  if (is_once)
    return;
  for (portion = 0; portion < 4; ++portion) {
    run_in(&other, portion);
    REQUIRE(same_outputs(&first, &other));
  }
  other = in_gpu_memory(&first, vulkan);
  for (portion = 0; portion < 2; ++portion) {
    run_in(&other, portion);
    REQUIRE(same_outputs(&first, &other));
  }
  options.on_kernel = count;
  options.user = &seen;
  REQUIRE(model->init(other.context, arena, model->arena_bytes, &options) == NNCC_OK);
  run_in(&other, 0);
  REQUIRE(same_outputs(&first, &other));
  REQUIRE(seen.begun == num_kernels && seen.ended == num_kernels);
  nncc_vulkan_release(vulkan, first.context);
  for (i = 0; i < model->num_inputs; ++i)
    nncc_vulkan_free(vulkan, (void *)other.inputs[i]);
  for (i = 0; i < model->num_outputs; ++i)
    nncc_vulkan_free(vulkan, other.outputs[i]);
}

/* The dispatches of the program, which lies in read-only memory, to be changed. */
static nncc_device_dispatch *writable_dispatches(const nncc_device_program *program) {
  uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), begin = (uintptr_t)program->dispatches & ~(page - 1),
            end = (uintptr_t)(program->dispatches + program->num_dispatches);
  REQUIRE(mprotect((void *)begin, end - begin, PROT_READ | PROT_WRITE) == 0);
  return (nncc_device_dispatch *)(uintptr_t)program->dispatches;
}

/* Takes all barriers out of the program. */
static void lose_barriers(const nncc_device_program *program) {
  nncc_device_dispatch *dispatches = writable_dispatches(program);
  uint32_t i;
  for (i = 0; i < program->num_dispatches; ++i)
    dispatches[i].flags &= ~NNCC_DISPATCH_BARRIER;
}

static void add_barrier(const nncc_device_program *program, const char *number) {
  uint32_t dispatch = (uint32_t)atoi(number);
  REQUIRE(dispatch < program->num_dispatches);
  writable_dispatches(program)[dispatch].flags |= NNCC_DISPATCH_BARRIER;
}

enum { SEGMENT = 1 << 30 };

static void describe(const nncc_model *model) {
  const nncc_device_program *program = model->device_program;
  uint32_t kernel, segment = 0, i, j;
  for (kernel = 0; kernel < model->num_kernels; ++kernel)
    for (i = program->first_dispatch[kernel]; i < program->first_dispatch[kernel + 1]; ++i) {
      const nncc_device_dispatch *dispatch = &program->dispatches[i];
      int begins = segment < program->num_segments && program->segments[segment].first_kernel == kernel;
      segment += (uint32_t)begins;
      printf("%u %u", kernel, dispatch->flags | (begins ? SEGMENT : 0u));
      for (j = 0; j < program->functions[dispatch->function].num_bindings; ++j) {
        const nncc_device_range *range = &program->bindings[dispatch->first_binding + j];
        printf(" %u %u %llu %llu", range->memory, range->index, (unsigned long long)range->byte_offset,
               (unsigned long long)range->bytes);
      }
      printf("\n");
    }
}

static void run_unordered(const nncc_model *model, nncc_vulkan *vulkan, void *arena) {
  nncc_options options = {sizeof options};
  job only = {model, NULL, arena, {NULL}, {NULL}};
  uint32_t i;
  options.device = nncc_vulkan_device(vulkan);
  lose_barriers(model->device_program);
  only.context = allocate(model->context_bytes, 8);
  for (i = 0; i < model->num_inputs; ++i)
    only.inputs[i] = memset(allocate(model->inputs[i].bytes, 8), 0, model->inputs[i].bytes);
  for (i = 0; i < model->num_outputs; ++i)
    only.outputs[i] = allocate(model->outputs[i].bytes, 8);
  REQUIRE(model->init(only.context, arena, model->arena_bytes, &options) == NNCC_OK);
  REQUIRE(run_job(&only) == NNCC_OK);
}

int main(int argc, char **argv) {
  const nncc_model *model = &first_model;
  static nncc_vulkan vulkan;
  nncc_vulkan_options options = {sizeof options};
  const char *cpu = NULL;
  void *arena;
  int folder, is_once = 0;
  REQUIRE(argc >= 3);
  if (strcmp(argv[2], "describe") == 0) {
    describe(model);
    return 0;
  }
  options.device_number = (uint32_t)atoi(argv[1]);
  if (strcmp(argv[2], "basic") != 0) {
    options.models = &model;
    options.num_models = 1;
  }
  options.timeout_ms = 600000; /* software that compiles, and then emulates */
  options.gpu_only = 1;
  options.on_message = say;
  if (nncc_vulkan_create(&vulkan, &options) != NNCC_OK) {
    fprintf(stderr, "%s\n", nncc_vulkan_message(&vulkan));
    return 1;
  }
  arena = nncc_vulkan_allocate(&vulkan, model->arena_bytes ? model->arena_bytes : 1);
  REQUIRE(arena);
  if (strcmp(argv[2], "unordered") == 0)
    run_unordered(model, &vulkan, arena);
  else
    for (folder = 2; folder < argc; ++folder)
      if (strncmp(argv[folder], "wait=", 5) == 0)
        add_barrier(model->device_program, argv[folder] + 5);
      else if (strncmp(argv[folder], "cpu=", 4) == 0)
        cpu = argv[folder] + 4;
      else if (strcmp(argv[folder], "once") == 0)
        is_once = 1;
      else if (strcmp(argv[folder], "basic") == 0)
        continue;
      else
        run_folder(model, argv[folder], &vulkan, arena, cpu, is_once);
  REQUIRE(nncc_vulkan_count(&vulkan).failures == 0);
  nncc_vulkan_destroy(&vulkan);
  return 0;
}
