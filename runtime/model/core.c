/* The generic half of every generated library. Freestanding C11: no heap, no
 * globals, no call but the dispatcher, the hook and parallel_for. core.h says what
 * each function does. */
#include "runtime/model/core.h"

_Static_assert(offsetof(nncc_context, ports) == NNCC_CONTEXT_FIXED_WORDS * sizeof(uint64_t),
               "codegen/emit sizes M_context by this");
_Static_assert(sizeof(void *) == sizeof(uint64_t), "nncc targets are 64-bit");
_Static_assert(sizeof(nncc_weights_header) == NNCC_WEIGHTS_ALIGN, "the weights behind it are as aligned as it is");

_Static_assert(sizeof(nncc_device_context) == NNCC_CONTEXT_DEVICE_WORDS * sizeof(uint64_t),
               "codegen/emit sizes M_context by this");

/* Bytes of nncc_options in its first version. */
#define FIRST_OPTIONS_BYTES offsetof(nncc_options, weights)
_Static_assert(FIRST_OPTIONS_BYTES == 40, "programs of the first version exist");

/* The functions for models with and without kernels of a device, of one CPU and
 * of several, have this in common. Part of its caller: a library holds one of them. */
#define SHARED static inline __attribute__((always_inline))

/* Differs between models and from what uninitialized memory is likely to hold.
 */
static uint64_t owner_of(const nncc_model_desc *model) {
  return (uint64_t)(uintptr_t)model ^ UINT64_C(0x6e6e63632d616269);
}

/* Copies the options that this version knows and the program has; those that it
 * does not know must be zero. */
SHARED nncc_status read_options(nncc_options *known, const nncc_options *options) {
  *known = (nncc_options){0};
  if (!options)
    return NNCC_OK;
  uint32_t size = (uintptr_t)options % _Alignof(nncc_options) ? 0 : options->size;
  /* Older versions end where a field does; all fields after the first version's are words. */
  if (size < FIRST_OPTIONS_BYTES || (size < sizeof(nncc_options) && size % sizeof(uint64_t)))
    return NNCC_BAD_OPTIONS;
  const uint8_t *bytes = (const uint8_t *)options;
  for (uint32_t i = 0; i < size; ++i)
    if (i < sizeof(nncc_options))
      ((uint8_t *)known)[i] = bytes[i];
    else if (bytes[i])
      return NNCC_BAD_OPTIONS;
  return NNCC_OK;
}

/* All of M_init but the weights. */
static nncc_status nncc_core_prepare(const nncc_model_desc *model, nncc_context *context, void *arena,
                                     size_t arena_bytes, const nncc_options *options, nncc_options *known) {
  if (!context)
    return NNCC_NULL_POINTER;
  context->owner = 0; /* a context whose initialization failed cannot run */
  nncc_status status = read_options(known, options);
  if (status != NNCC_OK)
    return status;
  if (known->cpu)
    return NNCC_BAD_OPTIONS; /* there is no choice */
  if (known->cpu_features && (model->cpu_required & ~known->cpu_features))
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
  context->weights = 0;
  context->on_kernel = known->on_kernel;
  context->parallel_for = known->parallel_for;
  context->threads = known->parallel_for ? known->threads : 1;
  context->user = known->user;
  context->next_kernel = 0;
  context->is_running = 0;
  return NNCC_OK;
}

SHARED nncc_status init(const nncc_model_desc *model, nncc_context *context, void *arena, size_t arena_bytes,
                        const nncc_options *options, nncc_options *known) {
  nncc_status status = nncc_core_prepare(model, context, arena, arena_bytes, options, known);
  if (status == NNCC_OK && (known->weights || known->weights_bytes || known->trust_weights))
    return NNCC_BAD_OPTIONS; /* there are weights inside */
  return status;
}

nncc_status nncc_core_init(const nncc_model_desc *model, nncc_context *context, void *arena, size_t arena_bytes,
                           const nncc_options *options) {
  nncc_options known;
  nncc_status status = init(model, context, arena, arena_bytes, options, &known);
  if (status == NNCC_OK)
    context->owner = owner_of(model);
  return status;
}

static nncc_device_context *device_context(const nncc_model_desc *model, nncc_context *context) {
  return (nncc_device_context *)(uintptr_t)(context->ports + model->num_inputs + model->num_outputs);
}

/* The last of M_init: after it the context is the model's. */
static nncc_status open_device(const nncc_model_desc *model, nncc_context *context, nncc_device *device) {
  const nncc_device_program *program = model->device_program;
  nncc_device_context *own = device_context(model, context);
  uint32_t num_ports = model->num_inputs + model->num_outputs;
  own->device = 0;
  own->has_failed = 0;
  if (device) {
    nncc_device_model opened = {0};
    opened.size = sizeof opened;
    opened.num_kernels = model->num_kernels;
    opened.program = program;
    opened.context = context;
    opened.arena = context->arena;
    opened.arena_bytes = model->arena_bytes;
    opened.weights = context->weights ? context->weights : program->weights;
    opened.ports = model->ports;
    opened.num_inputs = model->num_inputs;
    opened.num_outputs = model->num_outputs;
    opened.state_words =
        NNCC_DEVICE_STATE_WORDS(program->num_functions, program->num_dispatches, program->num_segments, num_ports);
    nncc_status status = device->open(device, &opened, own->state);
    if (status == NNCC_OK)
      own->device = device;
    else if (status != NNCC_MORE)
      return status;
  }
  context->owner = owner_of(model);
  return NNCC_OK;
}

nncc_status nncc_core_init_device(const nncc_model_desc *model, nncc_context *context, void *arena, size_t arena_bytes,
                                  const nncc_options *options) {
  nncc_options known;
  nncc_status status = init(model, context, arena, arena_bytes, options, &known);
  return status == NNCC_OK ? open_device(model, context, known.device) : status;
}

static uint64_t rotate(uint64_t word, int bits) { return word << bits | word >> (64 - bits); }

static const uint64_t prime1 = UINT64_C(0x9e3779b185ebca87), prime2 = UINT64_C(0xc2b2ae3d27d4eb4f),
                      prime3 = UINT64_C(0x165667b19e3779f9), prime4 = UINT64_C(0x85ebca77c2b2ae63),
                      prime5 = UINT64_C(0x27d4eb2f165667c5);

static uint64_t add_word(uint64_t lane, uint64_t word) { return rotate(lane + word * prime2, 31) * prime1; }

static uint64_t add_lane(uint64_t hash, uint64_t lane) { return (hash ^ add_word(0, lane)) * prime1 + prime4; }

/* XXH64 with seed 0 of `bytes` bytes, a multiple of 32, at an aligned address.
 * source  https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md */
SHARED uint64_t hash_of(const uint64_t *words, uint64_t bytes) {
  uint64_t hash = prime5;
  if (bytes) {
    /* Written out: four chains of multiplications that the processor runs side by side. */
    uint64_t a = prime1 + prime2, b = prime2, c = 0, d = 0 - prime1;
    for (const uint64_t *end = words + bytes / 8; words != end; words += 4) {
      a = add_word(a, words[0]);
      b = add_word(b, words[1]);
      c = add_word(c, words[2]);
      d = add_word(d, words[3]);
    }
    hash = rotate(a, 1) + rotate(b, 7) + rotate(c, 12) + rotate(d, 18);
    hash = add_lane(add_lane(add_lane(add_lane(hash, a), b), c), d);
  }
  hash += bytes;
  hash = (hash ^ hash >> 33) * prime2;
  hash = (hash ^ hash >> 29) * prime3;
  return hash ^ hash >> 32;
}

/* Checks the weights of a model that does not have them inside. Every bit of the
 * file counts: what is not covered by the hash is compared. */
SHARED nncc_status check_weights(const nncc_model_desc *model, const nncc_options *options) {
  if (options->trust_weights > 1)
    return NNCC_BAD_OPTIONS;
  if (!options->weights)
    return NNCC_WEIGHTS_MISSING;
  if ((uintptr_t)options->weights % NNCC_WEIGHTS_ALIGN)
    return NNCC_WEIGHTS_MISALIGNED;
  if (options->weights_bytes < model->weights_file_bytes)
    return NNCC_WEIGHTS_TRUNCATED;
  const nncc_weights_header *header = (const nncc_weights_header *)options->weights;
  uint64_t strange = header->bytes ^ model->weights_file_bytes;
  strange |= header->layout ^ model->weights_layout;
  for (uint32_t i = 0; i < sizeof header->magic; ++i)
    strange |= (uint64_t)(header->magic[i] ^ NNCC_WEIGHTS_MAGIC[i]);
  for (uint32_t i = 0; i < sizeof header->reserved / sizeof header->reserved[0]; ++i)
    strange |= header->reserved[i];
  if (strange)
    return NNCC_WEIGHTS_OF_ANOTHER_MODEL;
  if (!options->trust_weights &&
      hash_of((const uint64_t *)(header + 1), model->weights_file_bytes - sizeof *header) != header->hash)
    return NNCC_WEIGHTS_CORRUPT;
  return NNCC_OK;
}

SHARED nncc_status init_extern(const nncc_model_desc *model, nncc_context *context, void *arena, size_t arena_bytes,
                               const nncc_options *options, nncc_options *known) {
  nncc_status status = nncc_core_prepare(model, context, arena, arena_bytes, options, known);
  if (status == NNCC_OK)
    status = check_weights(model, known); /* last, since it may take long */
  if (status == NNCC_OK)
    context->weights = (const uint8_t *)known->weights + sizeof(nncc_weights_header);
  return status;
}

nncc_status nncc_core_init_extern(const nncc_model_desc *model, nncc_context *context, void *arena, size_t arena_bytes,
                                  const nncc_options *options) {
  nncc_options known;
  nncc_status status = init_extern(model, context, arena, arena_bytes, options, &known);
  if (status == NNCC_OK)
    context->owner = owner_of(model);
  return status;
}

nncc_status nncc_core_init_extern_device(const nncc_model_desc *model, nncc_context *context, void *arena,
                                         size_t arena_bytes, const nncc_options *options) {
  nncc_options known;
  nncc_status status = init_extern(model, context, arena, arena_bytes, options, &known);
  return status == NNCC_OK ? open_device(model, context, known.device) : status;
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

/* first_kernel  what the dispatcher calls kernel 0 of the model */
SHARED void run_kernel(const nncc_model_desc *model, const nncc_context *context, uint32_t kernel,
                       uint32_t first_kernel) {
  nncc_job job = {first_kernel + kernel,
                  1,
                  context->arena,
                  context->ports,
                  (void *const *)(uintptr_t)(context->ports + model->num_inputs),
                  context->weights};
  if (model->parts && context->threads > 1)
    job.parts = model->parts[kernel] < context->threads ? model->parts[kernel] : context->threads;
  if (job.parts > 1)
    context->parallel_for(context->user, job.parts, nncc_core_dispatch, &job);
  else
    nncc_core_dispatch(&job, 0);
}

SHARED nncc_status check_step(const nncc_model_desc *model, const nncc_context *context) {
  if (!context)
    return NNCC_NULL_POINTER;
  if (context->owner != owner_of(model))
    return NNCC_NOT_INITIALIZED;
  return context->is_running ? NNCC_OK : NNCC_NOT_STARTED;
}

SHARED nncc_status step(const nncc_model_desc *model, nncc_context *context, uint32_t max_kernels,
                        uint32_t first_kernel) {
  nncc_status status = check_step(model, context);
  if (status != NNCC_OK)
    return status;
  for (; max_kernels && context->next_kernel < model->num_kernels; --max_kernels) {
    uint32_t kernel = context->next_kernel++;
    if (context->on_kernel)
      context->on_kernel(context->user, kernel, 1);
    run_kernel(model, context, kernel, first_kernel);
    if (context->on_kernel)
      context->on_kernel(context->user, kernel, 0);
  }
  if (context->next_kernel < model->num_kernels)
    return NNCC_MORE;
  context->is_running = 0;
  return NNCC_OK;
}

nncc_status nncc_core_step(const nncc_model_desc *model, nncc_context *context, uint32_t max_kernels) {
  return step(model, context, max_kernels, 0);
}

nncc_status nncc_core_run(const nncc_model_desc *model, nncc_context *context, const void *const *inputs,
                          void *const *outputs) {
  nncc_status status = nncc_core_start(model, context, inputs, outputs);
  return status == NNCC_OK ? nncc_core_step(model, context, UINT32_MAX) : status;
}

/* How many kernels the device takes at once, from the next one on, at most so
 * many: those that are left of its segment. 0: that one is the CPU's. */
static uint32_t kernels_of_device(const nncc_model_desc *model, nncc_context *context, uint32_t max_kernels) {
  const nncc_device_context *own = device_context(model, context);
  const nncc_device_program *program = model->device_program;
  uint32_t next = context->next_kernel;
  if (!own->device || own->has_failed || program->first_dispatch[next] == program->first_dispatch[next + 1])
    return 0;
  const nncc_device_segment *segment = program->segments;
  while (segment->first_kernel + segment->num_kernels <= next)
    ++segment;
  uint32_t left = segment->first_kernel + segment->num_kernels - next;
  return left < max_kernels ? left : max_kernels;
}

SHARED nncc_status step_device(const nncc_model_desc *model, nncc_context *context, uint32_t max_kernels,
                               uint32_t first_kernel) {
  nncc_status status = check_step(model, context);
  if (status != NNCC_OK)
    return status;
  nncc_device_context *own = device_context(model, context);
  uint32_t is_watched = context->on_kernel || max_kernels != UINT32_MAX;
  if (!context->next_kernel)
    own->has_failed = 0;
  while (max_kernels && context->next_kernel < model->num_kernels) {
    uint32_t kernel = context->next_kernel, count = kernels_of_device(model, context, is_watched ? 1 : max_kernels);
    if (context->on_kernel)
      context->on_kernel(context->user, kernel, 1);
    uint32_t first = kernel; /* of those that the CPU runs */
    status = count ? own->device->run(own->device, own->state, context->ports, kernel, count, is_watched) : NNCC_MORE;
    if (status == NNCC_MORE) {
      if (count) {
        own->has_failed = 1;
        first = 0;
      }
      for (uint32_t i = first; i <= kernel; ++i)
        run_kernel(model, context, i, first_kernel);
      status = NNCC_OK;
      count = 1;
    }
    if (context->on_kernel)
      context->on_kernel(context->user, kernel, 0);
    if (status != NNCC_OK) {
      context->is_running = 0;
      return status;
    }
    context->next_kernel += count;
    max_kernels -= count;
  }
  if (context->next_kernel < model->num_kernels)
    return NNCC_MORE;
  context->is_running = 0;
  return NNCC_OK;
}

nncc_status nncc_core_step_device(const nncc_model_desc *model, nncc_context *context, uint32_t max_kernels) {
  return step_device(model, context, max_kernels, 0);
}

nncc_status nncc_core_run_device(const nncc_model_desc *model, nncc_context *context, const void *const *inputs,
                                 void *const *outputs) {
  nncc_status status = nncc_core_start(model, context, inputs, outputs);
  return status == NNCC_OK ? nncc_core_step_device(model, context, UINT32_MAX) : status;
}

/* Only a library with several CPUs has it. */
#pragma weak nncc_cpu_features

static int is_same(const char *a, const char *b) {
  while (*a && *a == *b)
    ++a, ++b;
  return *a == *b;
}

/* The code that options want and the CPU has all features for. */
static nncc_status choose(const nncc_variants_desc *all, const nncc_options *known, const nncc_model_desc **chosen) {
  int is_told = known->cpu_features || all->asks_machine;
  uint64_t features = known->cpu_features ? known->cpu_features : nncc_cpu_features();
  for (uint32_t i = 0; i < all->num_variants; ++i) {
    const nncc_variant_desc *variant = &all->variants[i];
    *chosen = &variant->model;
    int fits = !is_told || !(variant->model.cpu_required & ~features);
    if (known->cpu) {
      if (is_same(known->cpu, variant->cpu))
        return fits ? NNCC_OK : NNCC_CPU_UNSUPPORTED;
    } else if (fits && (is_told || i == all->num_variants - 1)) {
      return NNCC_OK; /* nobody knows anything: the fewest features */
    }
  }
  return known->cpu ? NNCC_BAD_OPTIONS : NNCC_CPU_UNSUPPORTED;
}

/* Chooses, and leaves the options that are the chosen code's own. */
SHARED nncc_status choose_for(const nncc_variants_desc *all, nncc_context *context, const nncc_options *options,
                              nncc_options *known, const nncc_model_desc **chosen) {
  if (!context)
    return NNCC_NULL_POINTER;
  context->owner = 0;
  nncc_status status = read_options(known, options);
  if (status == NNCC_OK)
    status = choose(all, known, chosen);
  known->size = sizeof *known;
  known->cpu = 0;
  if (status == NNCC_OK && !(*chosen)->device_program)
    known->device = 0; /* for this CPU no kernel is a device's: any arena will do */
  return status;
}

nncc_status nncc_core_init_variants(const nncc_variants_desc *all, nncc_context *context, void *arena,
                                    size_t arena_bytes, const nncc_options *options) {
  nncc_options known;
  const nncc_model_desc *model;
  nncc_status status = choose_for(all, context, options, &known, &model);
  return status == NNCC_OK ? nncc_core_init(model, context, arena, arena_bytes, &known) : status;
}

nncc_status nncc_core_init_extern_variants(const nncc_variants_desc *all, nncc_context *context, void *arena,
                                           size_t arena_bytes, const nncc_options *options) {
  nncc_options known;
  const nncc_model_desc *model;
  nncc_status status = choose_for(all, context, options, &known, &model);
  return status == NNCC_OK ? nncc_core_init_extern(model, context, arena, arena_bytes, &known) : status;
}

nncc_status nncc_core_init_device_variants(const nncc_variants_desc *all, nncc_context *context, void *arena,
                                           size_t arena_bytes, const nncc_options *options) {
  nncc_options known;
  const nncc_model_desc *model;
  nncc_status status = choose_for(all, context, options, &known, &model);
  return status == NNCC_OK ? nncc_core_init_device(model, context, arena, arena_bytes, &known) : status;
}

nncc_status nncc_core_init_extern_device_variants(const nncc_variants_desc *all, nncc_context *context, void *arena,
                                                  size_t arena_bytes, const nncc_options *options) {
  nncc_options known;
  const nncc_model_desc *model;
  nncc_status status = choose_for(all, context, options, &known, &model);
  return status == NNCC_OK ? nncc_core_init_extern_device(model, context, arena, arena_bytes, &known) : status;
}

uint32_t nncc_core_variant(const nncc_variants_desc *all, const nncc_context *context) {
  uint32_t i = 0;
  while (i < all->num_variants && (!context || context->owner != owner_of(&all->variants[i].model)))
    ++i;
  return i;
}

/* What a context was initialized for; any of them where it was for none, which
 * the caller finds out. */
static const nncc_variant_desc *variant_of(const nncc_variants_desc *all, const nncc_context *context) {
  uint32_t i = nncc_core_variant(all, context);
  return &all->variants[i < all->num_variants ? i : 0];
}

nncc_status nncc_core_start_variants(const nncc_variants_desc *all, nncc_context *context, const void *const *inputs,
                                     void *const *outputs) {
  return nncc_core_start(&variant_of(all, context)->model, context, inputs, outputs);
}

nncc_status nncc_core_step_variants(const nncc_variants_desc *all, nncc_context *context, uint32_t max_kernels) {
  const nncc_variant_desc *variant = variant_of(all, context);
  return step(&variant->model, context, max_kernels, variant->first_kernel);
}

nncc_status nncc_core_run_variants(const nncc_variants_desc *all, nncc_context *context, const void *const *inputs,
                                   void *const *outputs) {
  nncc_status status = nncc_core_start_variants(all, context, inputs, outputs);
  return status == NNCC_OK ? nncc_core_step_variants(all, context, UINT32_MAX) : status;
}

nncc_status nncc_core_step_device_variants(const nncc_variants_desc *all, nncc_context *context, uint32_t max_kernels) {
  const nncc_variant_desc *variant = variant_of(all, context);
  return step_device(&variant->model, context, max_kernels, variant->first_kernel);
}

nncc_status nncc_core_run_device_variants(const nncc_variants_desc *all, nncc_context *context,
                                          const void *const *inputs, void *const *outputs) {
  nncc_status status = nncc_core_start_variants(all, context, inputs, outputs);
  return status == NNCC_OK ? nncc_core_step_device_variants(all, context, UINT32_MAX) : status;
}
