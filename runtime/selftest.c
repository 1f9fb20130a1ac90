// The self-test of include/nncc/selftest.h. The compiler fills and measures with the same functions.
#include "nncc/selftest.h"
#include "nncc/runtime.h"

// Vigna's splitmix64, a number for each index: https://prng.di.unimi.it/splitmix64.c
static uint64_t mix(uint64_t index) {
  uint64_t z = (index + 1) * UINT64_C(0x9e3779b97f4a7c15);
  z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
  z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
  return z ^ (z >> 31);
}

// Nothing of a C library is called, nor by what a compiler makes of an assignment.
static void copy(void *to, const void *from, uint64_t bytes) {
  for (uint64_t i = 0; i < bytes; ++i)
    ((unsigned char *)to)[i] = ((const unsigned char *)from)[i];
}

static uint32_t bits_of(float value) {
  uint32_t bits;
  copy(&bits, &value, sizeof bits);
  return bits;
}

static float float_of(uint32_t bits) {
  float value;
  copy(&value, &bits, sizeof value);
  return value;
}

static float float_of_half(uint16_t half) {
  uint32_t sign = (uint32_t)(half & 0x8000) << 16, exponent = half >> 10 & 31, fraction = half & 0x3ff;
  if (exponent == 0) // not by the bits: a CPU may flush subnormal floats
    return (sign ? -1 : 1) * (float)fraction * 0x1p-24f;
  return float_of(sign | (exponent == 31 ? 255 : exponent + 112) << 23 | fraction << 13);
}

static double read(uint32_t type, const void *at) {
  union {
    float f32;
    double f64;
    int8_t i8;
    int16_t i16;
    int32_t i32;
    int64_t i64;
    uint8_t u8;
    uint16_t u16;
    uint32_t u32;
    uint64_t u64;
  } value;
  copy(&value, at, nncc_type_bytes(type));
  switch (type) {
  case NNCC_F32:
    return value.f32;
  case NNCC_F16:
    return float_of_half(value.u16);
  case NNCC_BF16:
    return float_of((uint32_t)value.u16 << 16);
  case NNCC_F64:
    return value.f64;
  case NNCC_BOOL:
    return value.u8 != 0;
  case NNCC_I8:
    return value.i8;
  case NNCC_I16:
    return value.i16;
  case NNCC_I32:
    return value.i32;
  case NNCC_I64:
    return (double)value.i64;
  case NNCC_U8:
    return value.u8;
  case NNCC_U16:
    return value.u16;
  case NNCC_U32:
    return value.u32;
  default:
    return (double)value.u64;
  }
}

// An integer below `below`, or that many 128ths from -1 on.
static void write(uint32_t type, void *at, uint32_t number) {
  float value = ((float)(number & 255) - 128) / 128;
  double wide = value;
  uint64_t integer = number;
  uint32_t bits = bits_of(value);
  uint16_t half;
  switch (type) {
  case NNCC_F32:
    copy(at, &value, 4);
    return;
  case NNCC_F16: // no multiple of 1/128 but 0 is below the normal range
    half = (uint16_t)(bits >> 16 & 0x8000);
    if (value != 0)
      half |= (uint16_t)(((bits >> 23 & 255) - 112) << 10 | (bits >> 13 & 0x3ff));
    copy(at, &half, 2);
    return;
  case NNCC_BF16:
    half = (uint16_t)(bits >> 16);
    copy(at, &half, 2);
    return;
  case NNCC_F64:
    copy(at, &wide, 8);
    return;
  default: // little-endian, like every target
    copy(at, &integer, nncc_type_bytes(type));
  }
}

static int is_float(uint32_t type) {
  return type == NNCC_F32 || type == NNCC_F16 || type == NNCC_BF16 || type == NNCC_F64;
}

void nncc_self_test_fill(void *values, uint32_t type, uint64_t elements, uint32_t below, uint32_t number) {
  size_t bytes = nncc_type_bytes(type);
  for (uint64_t i = 0; i < elements; ++i) {
    uint32_t random = (uint32_t)(mix(i ^ (uint64_t)number << 48) >> 32);
    write(type, (char *)values + i * bytes, is_float(type) || below == 0 ? random & 255 : random % below);
  }
}

uint64_t nncc_self_test_element(uint64_t elements, uint32_t sample) { return elements ? mix(sample) % elements : 0; }

static uint64_t elements_of(const nncc_self_test_tensor *tensor) {
  uint64_t elements = 1;
  for (uint32_t i = 0; i < tensor->rank; ++i)
    elements *= (uint64_t)tensor->dims[i];
  return elements;
}

// Nothing compares with NaN.
static int is_comparable(double value) { return value > -NNCC_SELF_TEST_BEYOND && value < NNCC_SELF_TEST_BEYOND; }

void nncc_self_test_measure(const nncc_self_test_tensor *tensor, const void *memory, nncc_self_test_values *values) {
  int64_t index[NNCC_SELF_TEST_RANK] = {0}, at = 0, bytes = (int64_t)nncc_type_bytes(tensor->type);
  uint64_t elements = elements_of(tensor), sampled[NNCC_SELF_TEST_SAMPLES];
  values->not_finite = 0;
  for (uint32_t i = 0; i < NNCC_SELF_TEST_SAMPLES; ++i) {
    values->samples[i] = 0;
    sampled[i] = nncc_self_test_element(elements, i);
  }
  for (uint32_t i = 0; i < NNCC_SELF_TEST_SUMS; ++i)
    values->sums[i] = 0;
  for (uint64_t n = 0; n < elements; ++n) {
    double value = read(tensor->type, (const char *)memory + at * bytes);
    if (is_comparable(value)) {
      uint64_t signs = mix(n);
      for (uint32_t i = 0; i < NNCC_SELF_TEST_SUMS; ++i)
        values->sums[i] += signs >> i & 1 ? value : -value;
    } else {
      ++values->not_finite;
      value = 0;
    }
    for (uint32_t i = 0; i < NNCC_SELF_TEST_SAMPLES; ++i)
      if (sampled[i] == n)
        values->samples[i] = value;
    for (uint32_t i = tensor->rank; i-- > 0;) {
      at += tensor->strides[i];
      if (++index[i] < tensor->dims[i])
        break;
      at -= index[i] * tensor->strides[i];
      index[i] = 0;
    }
  }
}

static double distance(double a, double b) { return a < b ? b - a : a - b; }

// Compares, and keeps what the first wrong tensor is wrong in.
static void compare(const nncc_self_test_tensor *tensor, const nncc_self_test_values *measured,
                    nncc_self_test_result *result) {
  double worst = tensor->tolerance;
  uint32_t sample = NNCC_SELF_TEST_SAMPLES;
  int is_wrong = measured->not_finite != tensor->expected.not_finite;
  for (uint32_t i = 0; i < NNCC_SELF_TEST_SUMS; ++i)
    is_wrong |= distance(measured->sums[i], tensor->expected.sums[i]) > tensor->sum_tolerance;
  for (uint32_t i = 0; i < NNCC_SELF_TEST_SAMPLES; ++i)
    if (distance(measured->samples[i], tensor->expected.samples[i]) > worst) {
      worst = distance(measured->samples[i], tensor->expected.samples[i]);
      sample = i;
      is_wrong = 1;
    }
  ++result->num_compared;
  if (!is_wrong)
    return;
  if (result->num_wrong++)
    return;
  result->first = tensor;
  copy(&result->measured, measured, sizeof *measured);
  result->sample = sample;
  result->element = sample < NNCC_SELF_TEST_SAMPLES ? nncc_self_test_element(elements_of(tensor), sample) : 0;
}

nncc_status nncc_self_test_run(const nncc_self_test *test, void *context, void *arena, size_t arena_bytes,
                               const nncc_options *options, void *const *inputs, void *const *outputs,
                               nncc_self_test_result *result) {
  const nncc_model *model = test->model;
  result->num_wrong = result->num_compared = result->reserved = 0;
  result->first = NULL;
  result->sample = NNCC_SELF_TEST_SAMPLES;
  result->element = 0;
  nncc_status status = model->init(context, arena, arena_bytes, options);
  if (status != NNCC_OK)
    return status;
  for (uint32_t i = 0; i < model->num_inputs; ++i) {
    const nncc_tensor *port = &model->inputs[i];
    if (test->inputs[i].values)
      copy(inputs[i], test->inputs[i].values, port->bytes);
    else
      nncc_self_test_fill(inputs[i], port->type, port->bytes / nncc_type_bytes(port->type), test->inputs[i].below, i);
  }
  status = model->start(context, (const void *const *)inputs, outputs);
  uint32_t next = 0;
  for (uint32_t kernel = 0; kernel < model->num_kernels && (status == NNCC_OK || status == NNCC_MORE); ++kernel) {
    status = model->step(context, 1);
    if (status != NNCC_OK && status != NNCC_MORE)
      break;
    for (; next < test->num_tensors && test->tensors[next].kernel == kernel; ++next) {
      const nncc_self_test_tensor *tensor = &test->tensors[next];
      const char *memory = (const char *)(tensor->output < 0 ? arena : outputs[tensor->output]);
      nncc_self_test_values measured;
      nncc_self_test_measure(tensor, memory + tensor->byte_offset, &measured);
      compare(tensor, &measured, result);
    }
  }
  return status == NNCC_MORE ? NNCC_OK : status;
}
