/* The generic half of every generated library. Freestanding C11: no heap, no
 * globals, no call but the dispatcher and the hook. core.h says what each function
 * does. */
#include "runtime/model/core.h"

_Static_assert(offsetof(nncc_context, ports) == NNCC_CONTEXT_FIXED_WORDS * sizeof(uint64_t),
               "codegen/emit sizes M_context by this");
_Static_assert(sizeof(void *) == sizeof(uint64_t), "nncc targets are 64-bit");

/* Differs between models and from what uninitialized memory is likely to hold.
 */
static uint64_t owner_of(const nncc_model_desc *model) {
  return (uint64_t)(uintptr_t)model ^ UINT64_C(0x6e6e63632d616269);
}

/* Copies the options that this version knows; those that it does not know must
 * be zero. */
static nncc_status read_options(nncc_options *known, const nncc_options *options) {
  *known = (nncc_options){0};
  if (!options)
    return NNCC_OK;
  /* The first version is the smallest. */
  if ((uintptr_t)options % _Alignof(nncc_options) || options->size < sizeof(nncc_options))
    return NNCC_BAD_OPTIONS;
  const uint8_t *bytes = (const uint8_t *)options;
  for (uint32_t i = sizeof(nncc_options); i < options->size; ++i)
    if (bytes[i])
      return NNCC_BAD_OPTIONS;
  *known = *options;
  return NNCC_OK;
}

nncc_status nncc_core_init(const nncc_model_desc *model, nncc_context *context, void *arena, size_t arena_bytes,
                           const nncc_options *options) {
  if (!context)
    return NNCC_NULL_POINTER;
  context->owner = 0; /* a context whose initialization failed cannot run */
  nncc_options known;
  nncc_status status = read_options(&known, options);
  if (status != NNCC_OK)
    return status;
  if (known.cpu_features && (model->cpu_required & ~known.cpu_features))
    return NNCC_CPU_UNSUPPORTED;
  if (model->arena_bytes) {
    if (!arena)
      return NNCC_NULL_POINTER;
    if ((uintptr_t)arena & (model->arena_align - 1))
      return NNCC_ARENA_MISALIGNED;
    if (arena_bytes < model->arena_bytes)
      return NNCC_ARENA_TOO_SMALL;
  }
  context->arena = (uint8_t *)arena;
  context->on_kernel = known.on_kernel;
  context->user = known.user;
  context->next_kernel = 0;
  context->is_running = 0;
  context->owner = owner_of(model);
  return NNCC_OK;
}

static int overlap(const void *a, uint64_t a_bytes, const void *b, uint64_t b_bytes) {
  uintptr_t a_begin = (uintptr_t)a, b_begin = (uintptr_t)b;
  return a_bytes && b_bytes && a_begin < b_begin + b_bytes && b_begin < a_begin + a_bytes;
}

static nncc_status check_ports(const nncc_model_desc *model, const nncc_context *context) {
  uint32_t count = model->num_inputs + model->num_outputs;
  for (uint32_t i = 0; i < count; ++i) {
    const void *port = context->ports[i];
    uint64_t bytes = model->ports[i].bytes;
    if (!bytes)
      continue; /* an empty tensor has no memory */
    if (!port)
      return NNCC_NULL_POINTER;
    if ((uintptr_t)port & (model->ports[i].align - 1))
      return NNCC_POINTER_MISALIGNED;
    if (overlap(port, bytes, context->arena, model->arena_bytes))
      return NNCC_POINTERS_OVERLAP;
    /* Inputs may share memory with each other; an output with nothing that
     * comes before it. */
    for (uint32_t j = 0; i >= model->num_inputs && j < i; ++j)
      if (overlap(port, bytes, context->ports[j], model->ports[j].bytes))
        return NNCC_POINTERS_OVERLAP;
  }
  return NNCC_OK;
}

nncc_status nncc_core_start(const nncc_model_desc *model, nncc_context *context, const void *const *inputs,
                            void *const *outputs) {
  if (!context)
    return NNCC_NULL_POINTER;
  if (context->owner != owner_of(model))
    return NNCC_NOT_INITIALIZED;
  context->is_running = 0;
  if ((!inputs && model->num_inputs) || (!outputs && model->num_outputs))
    return NNCC_NULL_POINTER;
  for (uint32_t i = 0; i < model->num_inputs; ++i)
    context->ports[i] = inputs[i];
  for (uint32_t i = 0; i < model->num_outputs; ++i)
    context->ports[model->num_inputs + i] = outputs[i];
  nncc_status status = check_ports(model, context);
  if (status != NNCC_OK)
    return status;
  context->next_kernel = 0;
  context->is_running = 1;
  return NNCC_OK;
}

nncc_status nncc_core_step(const nncc_model_desc *model, nncc_context *context, uint32_t max_kernels) {
  if (!context)
    return NNCC_NULL_POINTER;
  if (context->owner != owner_of(model))
    return NNCC_NOT_INITIALIZED;
  if (!context->is_running)
    return NNCC_NOT_STARTED;
  const void *const *inputs = context->ports;
  void *const *outputs = (void *const *)(uintptr_t)(context->ports + model->num_inputs);
  for (; max_kernels && context->next_kernel < model->num_kernels; --max_kernels) {
    uint32_t kernel = context->next_kernel++;
    if (context->on_kernel)
      context->on_kernel(context->user, kernel, 1);
    nncc_core_dispatch(kernel, context->arena, inputs, outputs);
    if (context->on_kernel)
      context->on_kernel(context->user, kernel, 0);
  }
  if (context->next_kernel < model->num_kernels)
    return NNCC_MORE;
  context->is_running = 0;
  return NNCC_OK;
}

nncc_status nncc_core_run(const nncc_model_desc *model, nncc_context *context, const void *const *inputs,
                          void *const *outputs) {
  nncc_status status = nncc_core_start(model, context, inputs, outputs);
  return status == NNCC_OK ? nncc_core_step(model, context, UINT32_MAX) : status;
}
