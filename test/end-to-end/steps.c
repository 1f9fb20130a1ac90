/* Running step by step gives what running at once gives, the hook sees every
 * kernel, and each way to call a library wrongly has its status. Argument: a
 * folder of inputs and outputs. */
#include "job.h"

/* Runs `stepped` in portions of `portion` kernels. */
static void run_in_portions(const job *stepped, uint32_t portion) {
  uint32_t kernels = stepped->model->num_kernels, done = 0;
  nncc_status status;
  REQUIRE(stepped->model->start(stepped->context, stepped->inputs, stepped->outputs) == NNCC_OK);
  do {
    status = stepped->model->step(stepped->context, portion);
    done += portion;
    REQUIRE(status == (done < kernels ? NNCC_MORE : NNCC_OK));
  } while (status == NNCC_MORE);
  REQUIRE(stepped->model->step(stepped->context, 1) == NNCC_NOT_STARTED);
}

/* Wrong calls; none of them may touch anything. */
static void call_wrongly(const job *good) {
  const nncc_model *model = good->model;
  nncc_options strange = {1};
  const void *no_inputs[MAX_PORTS] = {NULL};
  void *overlapping[MAX_PORTS];
  void *context = allocate(model->context_bytes, 8);
  memset(context, 0, model->context_bytes);
  REQUIRE(model->run(context, good->inputs, good->outputs) == NNCC_NOT_INITIALIZED);
  REQUIRE(model->init(NULL, good->arena, model->arena_bytes, NULL) == NNCC_NULL_POINTER);
  REQUIRE(model->init(context, good->arena, model->arena_bytes, &strange) == NNCC_BAD_OPTIONS);
  if (model->arena_bytes) {
    REQUIRE(model->init(context, NULL, model->arena_bytes, NULL) == NNCC_NULL_POINTER);
    REQUIRE(model->init(context, good->arena, model->arena_bytes - 1, NULL) == NNCC_ARENA_TOO_SMALL);
    REQUIRE(model->init(context, (char *)good->arena + 1, model->arena_bytes, NULL) == NNCC_ARENA_MISALIGNED);
  }
  REQUIRE(model->init(context, good->arena, model->arena_bytes, NULL) == NNCC_OK);
  REQUIRE(model->step(context, 1) == NNCC_NOT_STARTED);
  REQUIRE(model->run(context, NULL, good->outputs) == NNCC_NULL_POINTER);
  REQUIRE(model->run(context, no_inputs, good->outputs) == NNCC_NULL_POINTER);
  memcpy(overlapping, good->outputs, sizeof overlapping);
  overlapping[0] = (void *)good->inputs[0];
  REQUIRE(model->run(context, good->inputs, overlapping) == NNCC_POINTERS_OVERLAP);
  overlapping[0] = (char *)good->outputs[0] + 1;
  if (model->outputs[0].type == NNCC_F32)
    REQUIRE(model->run(context, good->inputs, overlapping) == NNCC_POINTER_MISALIGNED);
}

int main(int argc, char **argv) {
  job at_once, stepped;
  counts seen = {0, 0};
  nncc_options options = {sizeof options};
  uint32_t portion;
  REQUIRE(argc == 2);
  at_once = make_job(&first_model, argv[1]);
  REQUIRE(at_once.model->abi_version == NNCC_ABI_VERSION && at_once.model->size == sizeof(nncc_model));
  REQUIRE(at_once.model->arena_bytes == FIRST_ARENA_BYTES && at_once.model->arena_align == FIRST_ARENA_ALIGN);
  REQUIRE(at_once.model->num_kernels == FIRST_KERNELS);
  REQUIRE(at_once.model->context_bytes == sizeof(first_context));
  REQUIRE(run_job(&at_once) == NNCC_OK);
  write_outputs(&at_once, argv[1]);
  for (portion = 1; portion < 4; ++portion) {
    stepped = make_job(&first_model, argv[1]);
    run_in_portions(&stepped, portion);
    REQUIRE(same_outputs(&at_once, &stepped));
  }
  call_wrongly(&at_once);
  options.on_kernel = count;
  options.user = &seen;
  REQUIRE(stepped.model->init(stepped.context, stepped.arena, stepped.model->arena_bytes, &options) == NNCC_OK);
  REQUIRE(run_job(&stepped) == NNCC_OK && same_outputs(&at_once, &stepped));
  REQUIRE(seen.begun == FIRST_KERNELS && seen.ended == FIRST_KERNELS);
  return 0;
}
