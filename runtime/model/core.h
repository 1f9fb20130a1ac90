/* The generic half of every generated library: checks arguments, walks the
 * kernels, keeps all state in the context. Compiled to LLVM bitcode when nncc
 * is built; M_init, M_run, M_start and M_step pass their description to it. */
#ifndef NNCC_RUNTIME_MODEL_CORE_H
#define NNCC_RUNTIME_MODEL_CORE_H
#include "nncc/abi.h"

/* What lies in M_context. */
typedef struct nncc_context {
  uint64_t owner; /* says which model's nncc_core_init filled this */
  uint8_t *arena;
  nncc_on_kernel on_kernel;
  void *user;
  uint32_t next_kernel;
  uint32_t is_running;
  const uint8_t *weights; /* what lies behind the header of M.weights; NULL: in the library */
  uint64_t reserved[NNCC_CONTEXT_FIXED_WORDS - 6];
  const void *ports[]; /* inputs, then outputs, of the run that goes on */
} nncc_context;

/* Calls one kernel. codegen/emit defines it for each model. A function and not a
 * pointer of the description, so that the call graph is complete: the bound on
 * the stack is computed from it.
 *
 * weights      nncc_context.weights
 */
void nncc_core_dispatch(uint32_t kernel, void *arena, const void *const *inputs, void *const *outputs,
                        const void *weights);

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

/* Checks and copies the pointers; the next step begins with the first kernel.
 */
nncc_status nncc_core_start(const nncc_model_desc *model, nncc_context *context, const void *const *inputs,
                            void *const *outputs);

/* Runs at most max_kernels kernels. NNCC_MORE = some are left. */
nncc_status nncc_core_step(const nncc_model_desc *model, nncc_context *context, uint32_t max_kernels);

/* nncc_core_start, then every kernel. */
nncc_status nncc_core_run(const nncc_model_desc *model, nncc_context *context, const void *const *inputs,
                          void *const *outputs);

#endif
