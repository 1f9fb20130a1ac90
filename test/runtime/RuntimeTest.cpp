// Texts and lookup of the runtime archive.
#include "nncc/runtime.h"
#include "gtest/gtest.h"
#include <cstring>
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
