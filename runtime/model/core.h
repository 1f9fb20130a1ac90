/* The generic half of every generated library: checks arguments, walks the
 * kernels, keeps all state in the context. Compiled to LLVM bitcode when nncc
 * is built; M_init, M_run, M_start and M_step pass their description to it. */
#ifndef NNCC_RUNTIME_MODEL_CORE_H
#define NNCC_RUNTIME_MODEL_CORE_H
#include "nncc/runtime.h"

/* What lies in M_context. */
typedef struct nncc_context {
  uint64_t owner; /* says which model's nncc_core_init filled this */
  uint8_t *arena;
  nncc_on_kernel on_kernel;
  void *user;
  uint32_t next_kernel;
  uint32_t is_running;
  const uint8_t *weights; /* what lies behind the header of M.weights; NULL: in the library */
  nncc_parallel_for parallel_for;
  uint32_t threads; /* 1 without parallel_for */
  uint32_t reserved;
  const void *ports[]; /* inputs, then outputs, of the run that goes on */
} nncc_context;

/* What lies behind these pointers, where a model has kernels of a device. */
typedef struct nncc_device_context {
  nncc_device *device; /* NULL: the CPU runs all kernels */
  uint32_t has_failed; /* the CPU finishes the run that goes on */
  uint32_t reserved;
  uint64_t state[]; /* the device's own: NNCC_DEVICE_STATE_WORDS */
} nncc_device_context;

/* What all parts of a running kernel share. codegen/emit knows the members. */
typedef struct nncc_job {
  uint32_t kernel; /* one that there is: the dispatcher reads tables by it */
  uint32_t parts;
  void *arena;
  const void *const *inputs;
  void *const *outputs;
  const void *weights; /* nncc_context.weights */
} nncc_job;

/* Runs part number `part` of an nncc_job, all of the kernel where there is one
 * part: the body of a parallel_for. Parts of one kernel may run at the same
 * time and in any order. codegen/emit defines it for each model. A function and
 * not a pointer of the description, so that the call graph is complete: the
 * bound on the stack is computed from it. */
void nncc_core_dispatch(void *job, uint32_t part);

/* Fills a context.
 *
 * context      NNCC_CONTEXT_FIXED_WORDS + num_inputs + num_outputs words
 * arena        arena_bytes bytes, aligned; NULL if the model needs none
 * options      NULL = all defaults
 */
nncc_status nncc_core_init(const nncc_model_desc *model, nncc_context *context, void *arena, size_t arena_bytes,
                           const nncc_options *options);

/* The same for a model whose weights lie outside: options->weights is required
 * and checked. Two functions, so that one without the hash costs nothing. */
nncc_status nncc_core_init_extern(const nncc_model_desc *model, nncc_context *context, void *arena, size_t arena_bytes,
                                  const nncc_options *options);

/* The same two for a model with kernels of a device, which options->device is
 * given, if it is there: nncc_core_step_device and nncc_core_run_device run what
 * was initialized so. Functions of their own, so that a library without such
 * kernels does not carry them.
 *
 * context      NNCC_CONTEXT_DEVICE_WORDS and NNCC_DEVICE_STATE_WORDS more
 */
nncc_status nncc_core_init_device(const nncc_model_desc *model, nncc_context *context, void *arena, size_t arena_bytes,
                                  const nncc_options *options);
nncc_status nncc_core_init_extern_device(const nncc_model_desc *model, nncc_context *context, void *arena,
                                         size_t arena_bytes, const nncc_options *options);

/* Checks and copies the pointers; the next step begins with the first kernel.
 */
nncc_status nncc_core_start(const nncc_model_desc *model, nncc_context *context, const void *const *inputs,
                            void *const *outputs);

/* Runs at most max_kernels kernels. NNCC_MORE = some are left. */
nncc_status nncc_core_step(const nncc_model_desc *model, nncc_context *context, uint32_t max_kernels);

/* nncc_core_start, then every kernel. */
nncc_status nncc_core_run(const nncc_model_desc *model, nncc_context *context, const void *const *inputs,
                          void *const *outputs);

/* The same two where options->device takes a part: segments of its kernels at
 * once, unless there is a hook or max_kernels is not UINT32_MAX. Where the device
 * fails, all kernels of the run so far are repeated on the CPU, without hooks. */
nncc_status nncc_core_step_device(const nncc_model_desc *model, nncc_context *context, uint32_t max_kernels);
nncc_status nncc_core_run_device(const nncc_model_desc *model, nncc_context *context, const void *const *inputs,
                                 void *const *outputs);

/* The same for a library with code for several CPUs. Initialization chooses one, by options->cpu and the features of
 * the CPU, which nncc_cpu_features() says unless the program does; the others find it by the context's owner.
 * codegen/emit supplies nncc_cpu_features(): that of the runtime archive, or one that returns 0. */
nncc_status nncc_core_init_variants(const nncc_variants_desc *all, nncc_context *context, void *arena,
                                    size_t arena_bytes, const nncc_options *options);
nncc_status nncc_core_init_extern_variants(const nncc_variants_desc *all, nncc_context *context, void *arena,
                                           size_t arena_bytes, const nncc_options *options);
nncc_status nncc_core_start_variants(const nncc_variants_desc *all, nncc_context *context, const void *const *inputs,
                                     void *const *outputs);
nncc_status nncc_core_step_variants(const nncc_variants_desc *all, nncc_context *context, uint32_t max_kernels);
nncc_status nncc_core_run_variants(const nncc_variants_desc *all, nncc_context *context, const void *const *inputs,
                                   void *const *outputs);

/* The same with kernels of a device. Each CPU has a program of its own, since
 * what a device reads is packed, and placed in the arena, as that CPU's code
 * wants it; where the kernels of the chosen one are all the CPU's,
 * options->device is not looked at. The context has room for the largest. */
nncc_status nncc_core_init_device_variants(const nncc_variants_desc *all, nncc_context *context, void *arena,
                                           size_t arena_bytes, const nncc_options *options);
nncc_status nncc_core_init_extern_device_variants(const nncc_variants_desc *all, nncc_context *context, void *arena,
                                                  size_t arena_bytes, const nncc_options *options);
nncc_status nncc_core_step_device_variants(const nncc_variants_desc *all, nncc_context *context, uint32_t max_kernels);
nncc_status nncc_core_run_device_variants(const nncc_variants_desc *all, nncc_context *context,
                                          const void *const *inputs, void *const *outputs);

/* Number of the one that was chosen; num_variants: none. */
uint32_t nncc_core_variant(const nncc_variants_desc *all, const nncc_context *context);

#endif
