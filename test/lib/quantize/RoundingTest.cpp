// Weights that are rounded together: which terms an output has, how they vary, and what that makes of weights.
#include "lib/quantize/Rounding.h"
#include <gtest/gtest.h>

using namespace nncc::quantize;

namespace {

Contraction makeContraction(const char *op, std::vector<int64_t> shape, std::vector<float> weights, int64_t axis,
                            int64_t groups = 1) {
  Contraction contraction;
  contraction.op = op;
  contraction.weight = {std::move(shape), std::move(weights)};
  contraction.weightAxis = axis;
  contraction.groups = groups;
  return contraction;
}

std::vector<float> termsAt(const Terms &terms, llvm::ArrayRef<float> values, llvm::ArrayRef<int64_t> shape,
                           int64_t group, int64_t place) {
  std::vector<float> row(terms.count());
  terms.read(values, shape, group, place, row.data());
  return row;
}

void addList(onnx::NodeProto &node, const char *name, std::initializer_list<int64_t> values) {
  onnx::AttributeProto &list = *node.add_attribute();
  list.set_name(name);
  for (int64_t value : values)
    list.add_ints(value);
}

std::vector<int8_t> rounded(std::vector<float> weights, const std::vector<std::vector<float>> &samples) {
  int64_t terms = weights.size();
  Contraction product = makeContraction("Gemm", {1, terms}, std::move(weights), 0);
  GroupMoments moments{Moments(terms)};
  for (const std::vector<float> &rows : samples)
    moments[0].add(rows, rows.size() / terms);
  return roundTogether(product, *Terms::of(makeNode("Gemm", "", {}, "y"), product), {1.0f}, moments);
}

} // namespace

TEST(Rounding, TermsOfAConvolutionAreThoseOfItsWindow) {
  onnx::NodeProto node = makeNode("Conv", "", {}, "y");
  addList(node, "strides", {2, 1});
  addList(node, "pads", {1, 0, 0, 1});
  Contraction conv = makeContraction("Conv", {2, 1, 2, 2}, std::vector<float>(8), 0, 2);
  auto terms = Terms::of(node, conv);
  std::vector<float> values{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}; // 1 x 2 x 2 x 3
  ASSERT_EQ(terms->places({1, 2, 2, 3}), 3);                        // one line of three: rows -1 and 0
  EXPECT_EQ(termsAt(*terms, values, {1, 2, 2, 3}, 0, 1), (std::vector<float>{0, 0, 2, 3}));
  EXPECT_EQ(termsAt(*terms, values, {1, 2, 2, 3}, 1, 2), (std::vector<float>{0, 0, 9, 0}));
  EXPECT_EQ(terms->weight(/*group=*/1, /*output=*/0, /*term=*/3), 7);
  EXPECT_EQ(terms->channel(1, 3), 1);
  EXPECT_EQ(terms->channels(), 2);
}

TEST(Rounding, AutomaticPadsFollowTheTensor) {
  for (bool isLower : {false, true}) {
    onnx::NodeProto node = makeNode("Conv", "", {}, "y");
    addAttribute(node, "auto_pad", isLower ? "SAME_LOWER" : "SAME_UPPER");
    auto terms = Terms::of(node, makeContraction("Conv", {1, 1, 2}, {1, 1}, 0));
    ASSERT_EQ(terms->places({1, 1, 3}), 3);
    EXPECT_EQ(termsAt(*terms, {1, 2, 3}, {1, 1, 3}, 0, 0),
              (isLower ? std::vector<float>{0, 1} : std::vector<float>{1, 2}));
  }
}

TEST(Rounding, TapsCountAsOftenAsTheyLieInside) {
  onnx::NodeProto node = makeNode("Conv", "", {}, "y");
  addList(node, "strides", {2, 1});
  addList(node, "pads", {1, 0, 0, 1});
  Contraction conv = makeContraction("Conv", {2, 1, 2, 3}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, 0, 2);
  auto terms = Terms::of(node, conv);
  // Rows -1 and 0; columns 0 to 2, and 1 to 3, of which the last is padding.
  EXPECT_EQ(terms->sharesInside({1, 2, 2, 3}), (std::vector<double>{0, 0, 0, 1, 1, 0.5}));
  EXPECT_EQ(terms->sharesInside({}), std::vector<double>(6, 1));
  EXPECT_EQ(terms->sumsOfTaps(conv.weight.values, {1, 2, 2, 3}), (std::vector<double>{12, 27}));
}

TEST(Rounding, TermsOfAProductAreRows) {
  auto terms = Terms::of(makeNode("MatMul", "", {}, "y"), makeContraction("MatMul", {3, 2}, std::vector<float>(6), 1));
  ASSERT_EQ(terms->places({1, 2, 3}), 2);
  EXPECT_EQ(termsAt(*terms, {1, 2, 3, 4, 5, 6}, {1, 2, 3}, 0, 1), (std::vector<float>{4, 5, 6}));
  EXPECT_EQ(terms->weight(0, /*output=*/1, /*term=*/2), 5);
  EXPECT_FALSE(
      Terms::of(makeNode("ConvTranspose", "", {}, "y"), makeContraction("ConvTranspose", {1, 1, 2, 2}, {}, 1)));
}

TEST(Rounding, WeightsOfTermsThatVaryTogetherMakeUpForEachOther) {
  // The nearest steps, 0 and 0, would add 0.8 times what both terms are.
  std::vector<int8_t> steps = rounded({0.4f, 0.4f}, {{1, 1}, {-2, -2}, {3, 3}});
  EXPECT_EQ(steps[0] + steps[1], 1);
}

TEST(Rounding, WeightsOfTermsThatDoNotAreTheNearest) {
  EXPECT_EQ(rounded({0.4f, 3.4f}, {{1, 1, 1, -1}, {2, -2, 2, 2}}), (std::vector<int8_t>{0, 3}));
  EXPECT_EQ(rounded({0.4f, 3.4f}, {{0, 0}}), (std::vector<int8_t>{0, 3})); // never seen
}

TEST(Rounding, WhatOneSampleAloneShowsIsNotBelieved) {
  EXPECT_EQ(rounded({0.4f, 0.4f}, {{1, 1}}), (std::vector<int8_t>{0, 0}));
}

TEST(Rounding, ValuesWhoseSquaresAreInfiniteAreNoMoments) {
  Moments moments(2);
  moments.add({1e30f, 1}, 1);
  EXPECT_FALSE(moments.areKnown());
}

TEST(Rounding, NothingSeenIsNoMoments) { EXPECT_FALSE(Moments(2).areKnown()); }

TEST(Rounding, WeightsOfSeveralAreRoundedOnceByWhatAllOfThemRead) {
  // The first reads terms that go together, the second ones that do not: together they say little.
  const std::vector<std::vector<float>> alike{{1, 1}, {2, 2}, {-1, -1}}, apart{{3, -3}, {-4, 4}, {5, -5}};
  std::vector<Contraction> contractions;
  std::map<int, GroupMoments> moments;
  onnx::ModelProto model;
  for (int node : {0, 1}) {
    *model.mutable_graph()->add_node() = makeNode("Gemm", "", {}, "y");
    contractions.push_back(makeContraction("Gemm", {1, 2}, {0.4f * 127, 127}, 0));
    contractions[node].node = node;
    contractions[node].tiedTo = 0;
    moments[node].push_back(Moments(2));
    for (const std::vector<float> &row : node ? apart : alike)
      moments[node][0].add(row, 1);
  }
  std::vector<std::vector<float>> all = alike;
  all.insert(all.end(), apart.begin(), apart.end());
  auto steps = roundTogether(model, contractions, moments);
  EXPECT_EQ(steps.at(0), rounded(contractions[0].weight.values, all));
  EXPECT_EQ(steps.at(0), steps.at(1));
}

TEST(Rounding, WeightsOfSeveralAreRoundedOnceWhereTheFirstIsNot) {
  std::vector<Contraction> contractions;
  std::map<int, GroupMoments> moments;
  onnx::ModelProto model;
  for (int node : {0, 1, 2}) {
    *model.mutable_graph()->add_node() = makeNode("Gemm", "", {}, "y");
    contractions.push_back(makeContraction("Gemm", {1, 2}, {0.4f * 127, 127}, 0));
    contractions[node].node = node;
    contractions[node].tiedTo = 0;
    if (node == 0)
      continue; // stays float
    moments[node].push_back(Moments(2));
    const float second = node == 1 ? 1 : -3; // going with the first, and against it
    for (float value : {1.0f, 2.0f, -1.0f})
      moments[node][0].add({value, second * value}, 1);
  }
  std::vector<std::vector<float>> all{{1, 1}, {2, 2}, {-1, -1}, {1, -3}, {2, -6}, {-1, 3}};
  auto steps = roundTogether(model, contractions, moments);
  EXPECT_EQ(steps.at(1), rounded(contractions[1].weight.values, all));
  EXPECT_EQ(steps.at(1), steps.at(2));
}
