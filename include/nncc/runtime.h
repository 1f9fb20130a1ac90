/* What an application on the device may call beside its models, all of it
 * optional. Link lib/nncc/TARGET/libnncc_runtime.a: freestanding, no state. */
#ifndef NNCC_RUNTIME_H
#define NNCC_RUNTIME_H
#include "nncc/abi.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A status in words: "the arena is smaller than M_ARENA_BYTES". Never NULL. */
const char *nncc_status_string(nncc_status status);

/* "f32", "i8", "bool" ...; "?" for a number that is no nncc_type. */
const char *nncc_type_string(uint32_t type);

/* Bytes of one element; 0 for a number that is no nncc_type. */
size_t nncc_type_bytes(uint32_t type);

/* Finds a model by its name.
 *
 * models   count pointers, for example {&mobilenet_model, &blazeface_model}
 * returns  the model, or NULL
 */
const nncc_model *nncc_find_model(const nncc_model *const *models, size_t count, const char *name);

/* Finds an input or output by its ONNX name or its C identifier.
 *
 * returns  its place in model->inputs or model->outputs, or -1
 */
int nncc_find_input(const nncc_model *model, const char *name);
int nncc_find_output(const nncc_model *model, const char *name);

/* NNCC_CPU_* bits of the CPU that this runs on, as far as the operating system
 * has enabled them: for nncc_options.cpu_features. Linux and Android are asked;
 * without an operating system the ID registers are read, which takes EL1. */
uint64_t nncc_cpu_features(void);

#ifdef __cplusplus
}
#endif
#endif
