/* Does this board compute what the compiler's machine computed? The compiler
 * writes a table, M.selftest.c (`nncc compile --self-test`), and this runs a
 * model and compares every tensor with it: after a port, with a new driver of a
 * GPU, on a production line. Link lib/nncc/TARGET/libnncc_runtime.a:
 * freestanding, no heap, no state. */
#ifndef NNCC_SELFTEST_H
#define NNCC_SELFTEST_H
#include "nncc/abi.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Elements of a tensor that are compared one by one. */
#define NNCC_SELF_TEST_SAMPLES 8
/* Sums over all elements, with signs that look random: an error of any element
 * changes them, and errors of many cannot cancel in all. */
#define NNCC_SELF_TEST_SUMS 4
/* Elements of this magnitude and above are masks: beside them sums say nothing
 * about the others, and no tolerance fits both. */
#define NNCC_SELF_TEST_BEYOND 1e30
/* Tensors of more dims are left out. */
#define NNCC_SELF_TEST_RANK 8

/* What is known of a tensor; measured on the board, too. */
typedef struct nncc_self_test_values {
  uint64_t not_finite; /* NaN, infinities, and what is beyond: they count as 0 below */
  double samples[NNCC_SELF_TEST_SAMPLES];
  double sums[NNCC_SELF_TEST_SUMS];
} nncc_self_test_values;

/* A tensor that a kernel writes. */
typedef struct nncc_self_test_tensor {
  const char *name;     /* in the ONNX model */
  uint32_t kernel;      /* which one */
  uint32_t type;        /* nncc_type */
  int32_t output;       /* which output of the model it is; -1: it lies in the arena */
  uint32_t rank;        /* at most 8 */
  uint64_t byte_offset; /* there */
  const int64_t *dims;
  const int64_t *strides; /* in elements */
  double tolerance;       /* of an element */
  double sum_tolerance;   /* of a sum */
  nncc_self_test_values expected;
} nncc_self_test_tensor;

/* An input: its values, or how they are made. */
typedef struct nncc_self_test_input {
  const void *values; /* NULL: nncc_self_test_fill() makes them */
  uint32_t below;     /* integers lie in [0, below) */
  uint32_t reserved;  /* 0 */
} nncc_self_test_input;

typedef struct nncc_self_test {
  const nncc_model *model;
  const nncc_self_test_input *inputs;   /* of the model */
  const nncc_self_test_tensor *tensors; /* in the order of kernels */
  uint32_t num_tensors;
  uint32_t reserved; /* 0 */
} nncc_self_test;

/* The outcome. */
typedef struct nncc_self_test_result {
  uint32_t num_wrong;                 /* tensors that differ by more than they may; 0: all is well */
  uint32_t num_compared;              /* of nncc_self_test.num_tensors */
  const nncc_self_test_tensor *first; /* the first that differs; NULL: none does */
  nncc_self_test_values measured;     /* of that tensor */
  uint64_t element;                   /* of it: the sample that differs most, counted in row-major order */
  uint32_t sample;                    /* its place in the samples; NNCC_SELF_TEST_SAMPLES: the sums differ alone */
  uint32_t reserved;                  /* 0 */
} nncc_self_test_result;

/* Runs a model once, kernel by kernel.
 *
 * context   test->model->context_bytes, aligned like uint64_t
 * arena     as for M_init; memory of the device, where options name one
 * options   as for M_init
 * inputs    a pointer for each input, to memory that is written
 * outputs   a pointer for each output
 * returns   what M_init, M_start or M_step says; NNCC_OK: the model ran, and
 *           the result says how
 */
nncc_status nncc_self_test_run(const nncc_self_test *test, void *context, void *arena, size_t arena_bytes,
                               const nncc_options *options, void *const *inputs, void *const *outputs,
                               nncc_self_test_result *result);

/* Makes the values of an input: floats are multiples of 1/128 in [-1, 1), which
 * every type holds, integers lie in [0, below).
 *
 * number   which input: others get other values
 */
void nncc_self_test_fill(void *values, uint32_t type, uint64_t elements, uint32_t below, uint32_t number);

/* Measures a tensor where it lies. */
void nncc_self_test_measure(const nncc_self_test_tensor *tensor, const void *memory, nncc_self_test_values *values);

/* Which element is a sample, in row-major order. */
uint64_t nncc_self_test_element(uint64_t elements, uint32_t sample);

#ifdef __cplusplus
}
#endif
#endif
