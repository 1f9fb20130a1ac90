// Texts and lookup of the runtime archive.
#include "nncc/runtime.h"
#include "nncc/selftest.h"
#include "gtest/gtest.h"
#include <cmath>
#include <cstring>
#include <limits>
#include <set>
#include <string>

/// The text of a number that a later version may return, as C would hand it over: C++ calls such a value of an enum
/// undefined.
__attribute__((no_sanitize("enum"))) static const char *textOfLater(int number) {
  nncc_status status;
  memcpy(&status, &number, sizeof status);
  return nncc_status_string(status);
}

TEST(Runtime, HasATextForEachStatus) {
  std::set<std::string> texts;
  for (int status = NNCC_OK; status <= NNCC_CANCELLED; ++status)
    texts.insert(nncc_status_string(nncc_status(status)));
  EXPECT_EQ(texts.size(), size_t(NNCC_CANCELLED + 1));
  EXPECT_EQ(texts.count("unknown status"), 0u);
  EXPECT_STREQ(textOfLater(99), "unknown status");
}

TEST(Runtime, KnowsTheTypes) {
  size_t bytes[] = {0, 4, 2, 2, 8, 1, 1, 2, 4, 8, 1, 2, 4, 8, 0};
  for (uint32_t type = 0; type <= NNCC_U64 + 1u; ++type) {
    EXPECT_EQ(nncc_type_bytes(type), bytes[type]);
    EXPECT_EQ(std::string(nncc_type_string(type)) == "?", bytes[type] == 0);
  }
  EXPECT_STREQ(nncc_type_string(NNCC_BF16), "bf16");
}

TEST(Runtime, FindsByName) {
  const nncc_tensor tensors[] = {{"x/1", "x_1", nullptr, 0, NNCC_F32, 4}, {"x_1", "x_1_2", nullptr, 0, NNCC_F32, 4}};
  nncc_model model = {};
  model.name = "net";
  model.inputs = tensors;
  model.num_inputs = 2;
  EXPECT_EQ(nncc_find_input(&model, "x/1"), 0);
  EXPECT_EQ(nncc_find_input(&model, "x_1"), 1); // the ONNX name wins
  EXPECT_EQ(nncc_find_input(&model, "x_1_2"), 1);
  EXPECT_EQ(nncc_find_input(&model, "x"), -1);
  EXPECT_EQ(nncc_find_input(&model, ""), -1);
  EXPECT_EQ(nncc_find_input(&model, nullptr), -1);
  EXPECT_EQ(nncc_find_input(nullptr, "x"), -1);
  EXPECT_EQ(nncc_find_output(&model, "x_1"), -1);
  const nncc_model *models[] = {nullptr, &model};
  EXPECT_EQ(nncc_find_model(models, 2, "net"), &model);
  EXPECT_EQ(nncc_find_model(models, 2, "ne"), nullptr);
  EXPECT_EQ(nncc_find_model(models, 1, "net"), nullptr);
  EXPECT_EQ(nncc_find_model(nullptr, 0, "net"), nullptr);
}

TEST(SelfTest, FillsWithWhatEveryTypeHolds) {
  constexpr size_t count = 1000;
  float f32[count];
  double f64[count];
  uint16_t f16[count], bf16[count];
  int64_t i64[count];
  uint8_t u8[count], flags[count];
  nncc_self_test_fill(f32, NNCC_F32, count, 10, 3);
  nncc_self_test_fill(f64, NNCC_F64, count, 10, 3);
  nncc_self_test_fill(f16, NNCC_F16, count, 10, 3);
  nncc_self_test_fill(bf16, NNCC_BF16, count, 10, 3);
  nncc_self_test_fill(i64, NNCC_I64, count, 10, 3);
  nncc_self_test_fill(u8, NNCC_U8, count, 256, 3);
  nncc_self_test_fill(flags, NNCC_BOOL, count, 2, 3);
  std::set<float> floats;
  for (size_t i = 0; i < count; ++i) {
    floats.insert(f32[i]);
    EXPECT_TRUE(f32[i] >= -1 && f32[i] < 1);
    EXPECT_EQ(f32[i] * 128, float(int(f32[i] * 128)));
    EXPECT_EQ(f64[i], f32[i]);
    EXPECT_TRUE(i64[i] >= 0 && i64[i] < 10);
    EXPECT_LE(flags[i], 1);
    // Measured, 16 bits are the same value.
    const int64_t one = 1;
    nncc_self_test_tensor tensor = {};
    tensor.dims = tensor.strides = &one;
    tensor.rank = 1;
    nncc_self_test_values values;
    tensor.type = NNCC_F16;
    nncc_self_test_measure(&tensor, &f16[i], &values);
    EXPECT_EQ(values.samples[0], f32[i]);
    tensor.type = NNCC_BF16;
    nncc_self_test_measure(&tensor, &bf16[i], &values);
    EXPECT_EQ(values.samples[0], f32[i]);
  }
  EXPECT_GT(floats.size(), 200u); // of 256
  EXPECT_GT(std::set<uint8_t>(u8, u8 + count).size(), 200u);
  float other[count];
  nncc_self_test_fill(other, NNCC_F32, count, 10, 4);
  EXPECT_NE(memcmp(f32, other, sizeof f32), 0);
}

TEST(SelfTest, CountsMasksAndSumsTheOthers) {
  const float floats[] = {0.5f, -3.4e38f, 0.25f, 2e30f};
  const int64_t four = 4, one = 1;
  nncc_self_test_tensor tensor = {};
  tensor.type = NNCC_F32;
  tensor.rank = 1;
  tensor.dims = &four;
  tensor.strides = &one;
  nncc_self_test_values values;
  nncc_self_test_measure(&tensor, floats, &values);
  EXPECT_EQ(values.not_finite, 2u);
  for (double sum : values.sums)
    EXPECT_LE(std::abs(sum), 0.75);
}

TEST(SelfTest, MeasuresSubnormalHalvesAndWhatIsNotFinite) {
  // 2^-24, -2^-15, infinity, NaN
  const uint16_t halves[] = {0x0001, 0x8200, 0x7c00, 0x7e01};
  const int64_t one = 1;
  nncc_self_test_tensor tensor = {};
  tensor.type = NNCC_F16;
  tensor.rank = 1;
  tensor.dims = tensor.strides = &one;
  const double expected[] = {0x1p-24, -0x1p-15, 0, 0};
  for (int i = 0; i < 4; ++i) {
    nncc_self_test_values values;
    nncc_self_test_measure(&tensor, &halves[i], &values);
    EXPECT_EQ(values.samples[0], expected[i]);
    EXPECT_EQ(values.not_finite, i < 2 ? 0u : 1u);
  }
}

namespace {

/// A model of one kernel, which writes a row of 3 x 5 in the arena; every second element is another tensor's.
struct ToyModel {
  static inline float next[15];
  static inline float *memory;
  static inline nncc_status initStatus, stepStatus;
  float arena[64];
  float input[4] = {};
  void *inputs[1] = {input};
  nncc_kernel kernel = {"k000_toy", "toy", 0};
  nncc_tensor port = {"x", "x", nullptr, 0, NNCC_F32, sizeof input};
  nncc_model model = {};
  int64_t dims[2] = {3, 5}, strides[2] = {10, 2};
  nncc_self_test_input how = {nullptr, 10, 0};
  nncc_self_test_tensor tensor = {};
  nncc_self_test test = {};
  nncc_self_test_result result;

  ToyModel() {
    initStatus = stepStatus = NNCC_OK;
    memory = arena;
    for (int i = 0; i < 15; ++i)
      next[i] = float(i) - 7;
    model.num_inputs = model.num_kernels = 1;
    model.inputs = &port;
    model.kernels = &kernel;
    model.init = [](void *, void *, size_t, const nncc_options *) { return initStatus; };
    model.start = [](void *, const void *const *, void *const *) { return NNCC_OK; };
    model.step = [](void *, uint32_t) {
      for (int i = 0; i < 15; ++i)
        memory[2 + 2 * i] = next[i];
      return stepStatus;
    };
    tensor.name = "y";
    tensor.type = NNCC_F32;
    tensor.output = -1;
    tensor.byte_offset = 8;
    tensor.rank = 2;
    tensor.dims = dims;
    tensor.strides = strides;
    tensor.tolerance = 0.01;
    tensor.sum_tolerance = 0.02;
    test = {&model, &how, &tensor, 1, 0};
    for (float &element : arena)
      element = 1e30f;
    model.step(nullptr, 1);
    nncc_self_test_measure(&tensor, arena + 2, &tensor.expected);
  }
  nncc_status run() {
    return nncc_self_test_run(&test, nullptr, arena, sizeof arena, nullptr, inputs, nullptr, &result);
  }
};

} // namespace

TEST(SelfTest, ComparesSamplesSumsAndWhatIsNotFinite) {
  ToyModel toy;
  EXPECT_EQ(toy.run(), NNCC_OK);
  EXPECT_EQ(toy.result.num_wrong, 0u);
  EXPECT_EQ(toy.result.num_compared, 1u);
  EXPECT_EQ(toy.result.first, nullptr);
  EXPECT_NE(toy.input[0], toy.input[1]); // was filled

  std::set<uint64_t> sampled;
  for (uint32_t i = 0; i < NNCC_SELF_TEST_SAMPLES; ++i)
    sampled.insert(nncc_self_test_element(15, i));
  for (int wrong = 0; wrong < 15; ++wrong) {
    float was = ToyModel::next[wrong];
    ToyModel::next[wrong] = was + 0.5f;
    EXPECT_EQ(toy.run(), NNCC_OK);
    EXPECT_EQ(toy.result.num_wrong, 1u) << wrong; // any element
    EXPECT_EQ(toy.result.first, &toy.tensor);
    if (sampled.count(wrong)) {
      EXPECT_EQ(toy.result.element, uint64_t(wrong));
      EXPECT_EQ(toy.result.measured.samples[toy.result.sample], was + 0.5);
    } else {
      EXPECT_EQ(toy.result.sample, uint32_t(NNCC_SELF_TEST_SAMPLES));
    }
    ToyModel::next[wrong] = std::numeric_limits<float>::quiet_NaN();
    EXPECT_EQ(toy.run(), NNCC_OK);
    EXPECT_EQ(toy.result.num_wrong, 1u);
    EXPECT_EQ(toy.result.measured.not_finite, 1u);
    ToyModel::next[wrong] = was + 0.001f; // within the tolerance
    EXPECT_EQ(toy.run(), NNCC_OK);
    EXPECT_EQ(toy.result.num_wrong, 0u);
    ToyModel::next[wrong] = was;
  }
}

TEST(SelfTest, SaysWhyTheModelDidNotRun) {
  ToyModel toy;
  ToyModel::stepStatus = NNCC_DEVICE_LOST;
  EXPECT_EQ(toy.run(), NNCC_DEVICE_LOST);
  ToyModel::initStatus = NNCC_ARENA_TOO_SMALL;
  EXPECT_EQ(toy.run(), NNCC_ARENA_TOO_SMALL);
  EXPECT_EQ(toy.result.num_compared, 0u);
}
