/* Runs a model on any number of inputs, between pages that nobody may touch:
 * whoever reads or writes one element too many is killed by the system. Before
 * every run arena and outputs are NaN. Arguments: how often each runs, then
 * folders of inputs and outputs. The first run has all memory end where the
 * untouchable page begins; the second has it begin where one ends, and runs
 * kernels in parts, the last part first. Both must give the same bits, and
 * leave the processor to the program as it was. */
#define _GNU_SOURCE
#include "job.h"
#include <sys/mman.h>

enum { PAGE = 65536, PATTERN = 0xA5 }; /* the largest page of Linux on AArch64 */

/* Memory of `bytes` at the end or the beginning of some pages. */
typedef struct {
  unsigned char *pages, *data;
  size_t page_bytes, bytes;
} region;

static region make_region(uint64_t bytes, uint64_t align, int at_end) {
  region made;
  unsigned char *all;
  made.bytes = bytes;
  made.page_bytes = (bytes + PAGE - 1) / PAGE * PAGE;
  all = mmap(NULL, made.page_bytes + 2 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  REQUIRE(all != MAP_FAILED);
  made.pages = all + PAGE;
  if (bytes)
    REQUIRE(mprotect(made.pages, made.page_bytes, PROT_READ | PROT_WRITE) == 0);
  made.data = at_end ? made.pages + (made.page_bytes - bytes) / align * align : made.pages;
  memset(made.pages, PATTERN, made.page_bytes);
  memset(made.data, 0xff, bytes);
  return made;
}

/* Releases a region; what alignment left beside the data must be untouched. */
static void release_region(region *done) {
  size_t before = (size_t)(done->data - done->pages), i;
  for (i = 0; i < done->page_bytes; ++i)
    if (i < before || i >= before + done->bytes)
      REQUIRE(done->pages[i] == PATTERN);
  REQUIRE(munmap(done->pages - PAGE, done->page_bytes + 2 * PAGE) == 0);
}

static uint64_t element_bytes(uint32_t type) {
  static const unsigned char sizes[] = {1, 4, 2, 2, 8, 1, 1, 2, 4, 8, 1, 2, 4, 8};
  REQUIRE(type < sizeof sizes);
  return sizes[type];
}

static void read_input(region *to, const char *folder, uint32_t index) {
  char path[4096];
  FILE *file;
  snprintf(path, sizeof path, "%s/input%u", folder, (unsigned)index);
  file = fopen(path, "rb");
  REQUIRE(file && fread(to->data, 1, to->bytes, file) == to->bytes);
  fclose(file);
  if (to->bytes)
    REQUIRE(mprotect(to->pages, to->page_bytes, PROT_READ) == 0);
}

/* A parallel_for without threads that trusts in no order. */
static void backwards(void *user, uint32_t count, void (*body)(void *argument, uint32_t i), void *argument) {
  (void)user;
  while (count--)
    body(argument, count);
}

/* How the processor rounds, and what it does with subnormal numbers. */
static uint64_t float_mode(void) {
#if defined(__x86_64__)
  return __builtin_ia32_stmxcsr() & 0xffc0u; /* without what has happened */
#elif defined(__aarch64__)
  uint64_t mode;
  __asm__ volatile("mrs %0, fpcr" : "=r"(mode));
  return mode;
#endif
}

static void run_once(const nncc_model *model, const char *folder, int at_end, job *kept) {
  region arena = make_region(model->arena_bytes, model->arena_align, at_end);
  region context = make_region(model->context_bytes, 8, at_end);
  region inputs[MAX_PORTS], outputs[MAX_PORTS];
  job now = {model, context.data, arena.data, {NULL}, {NULL}};
  nncc_options options = {sizeof options};
  uint64_t mode;
  uint32_t i;
  if (!at_end) {
    options.threads = 3;
    options.parallel_for = backwards;
  }
  REQUIRE(model->num_inputs <= MAX_PORTS && model->num_outputs <= MAX_PORTS);
  for (i = 0; i < model->num_inputs; ++i) {
    inputs[i] = make_region(model->inputs[i].bytes, element_bytes(model->inputs[i].type), at_end);
    read_input(&inputs[i], folder, i);
    now.inputs[i] = inputs[i].data;
  }
  for (i = 0; i < model->num_outputs; ++i) {
    outputs[i] = make_region(model->outputs[i].bytes, element_bytes(model->outputs[i].type), at_end);
    now.outputs[i] = outputs[i].data;
  }
  REQUIRE(model->init(now.context, now.arena, model->arena_bytes, &options) == NNCC_OK);
  mode = float_mode();
  REQUIRE(run_job(&now) == NNCC_OK);
  REQUIRE(float_mode() == mode);
  if (at_end) {
    write_outputs(&now, folder);
    for (i = 0; i < model->num_outputs; ++i)
      memcpy(kept->outputs[i], now.outputs[i], model->outputs[i].bytes);
  } else {
    REQUIRE(same_outputs(kept, &now));
  }
  release_region(&arena);
  release_region(&context);
  for (i = 0; i < model->num_inputs; ++i)
    release_region(&inputs[i]);
  for (i = 0; i < model->num_outputs; ++i)
    release_region(&outputs[i]);
}

int main(int argc, char **argv) {
  const nncc_model *model = &first_model;
  job kept = {model, NULL, NULL, {NULL}, {NULL}};
  uint32_t i;
  int folder, runs;
  REQUIRE(argc >= 2);
  for (i = 0; i < model->num_outputs && i < MAX_PORTS; ++i)
    kept.outputs[i] = allocate(model->outputs[i].bytes, 8);
  runs = atoi(argv[1]);
  for (folder = 2; folder < argc; ++folder) {
    run_once(model, argv[folder], 1, &kept);
    if (runs > 1)
      run_once(model, argv[folder], 0, &kept);
  }
  return 0;
}
