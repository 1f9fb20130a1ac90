// Channels made alike keep what a model computes; biases take out what rounding adds on average.
#include "lib/quantize/Improve.h"
#include "lib/quantize/ModelEditor.h"
#include <gtest/gtest.h>

using namespace nncc::quantize;

namespace {

/// x -> Conv 1x1 (two channels) -> Relu -> Conv -> y
ModelEditor makeModel(bool isDepthwise) {
  ModelEditor editor{onnx::ModelProto()};
  onnx::GraphProto &graph = *editor.mutableModel().mutable_graph();
  std::string first = editor.addConstant<float>("first", {2, 1, 1, 1}, {1.0f, 3.0f});
  std::string bias = editor.addConstant<float>("bias", {2}, {0.5f, 7.0f});
  std::string second = isDepthwise ? editor.addConstant<float>("second", {2, 1, 1, 1}, {8.0f, 5.0f})
                                   : editor.addConstant<float>("second", {1, 2, 1, 1}, {8.0f, 5.0f});
  *graph.add_node() = makeNode("Conv", "a", {"x", first, bias}, "before");
  *graph.add_node() = makeNode("Relu", "r", {"before"}, "between");
  *graph.add_node() = makeNode("Conv", "b", {"between", second}, "y");
  if (isDepthwise)
    addAttribute(*graph.mutable_node(2), "group", int64_t(2));
  graph.add_output()->set_name("y");
  editor.apply();
  return editor;
}

std::map<std::string, TensorStatistics> seenBetween() {
  std::map<std::string, TensorStatistics> tensors;
  tensors["between"].values.add({0.0f, 1.0f, 0.0f, 16.0f});
  tensors["between"].low = {0, 0};
  tensors["between"].high = {1, 16};
  tensors["between"].sums = {1, 16};
  tensors["between"].summed = 4;
  return tensors;
}

} // namespace

TEST(Improve, DepthwiseConvolutionsTakeTheWholeDifference) {
  ModelEditor editor = makeModel(/*isDepthwise=*/true);
  EXPECT_EQ(equalize(editor, findContractions(editor), seenBetween()), std::vector<std::string>{"between"});
  auto after = findContractions(editor);
  ASSERT_EQ(after.size(), 2u);
  EXPECT_EQ(after[0].weight.values, (std::vector<float>{16, 3}));
  EXPECT_EQ(*after[0].bias, (std::vector<float>{8, 7}));
  EXPECT_EQ(after[1].weight.values, (std::vector<float>{0.5, 5}));
}

TEST(Improve, OthersTakeItsSquareRoot) {
  ModelEditor editor = makeModel(/*isDepthwise=*/false);
  equalize(editor, findContractions(editor), seenBetween());
  auto after = findContractions(editor);
  EXPECT_EQ(after[0].weight.values, (std::vector<float>{4, 3}));
  EXPECT_EQ(after[1].weight.values, (std::vector<float>{2, 5}));
}

TEST(Improve, AMulTakesFactorsWhereNoConvolutionCan) {
  ModelEditor editor = makeModel(/*isDepthwise=*/false);
  editor.node(1).set_op_type("Sigmoid");
  EXPECT_TRUE(equalize(editor, findContractions(editor), seenBetween()).empty());
  equalize(editor, findContractions(editor), seenBetween(), {.share = 1, .insertsFactors = true});
  const onnx::NodeProto &factors = editor.graph().node(2), &reader = editor.graph().node(3);
  EXPECT_EQ(factors.op_type(), "Mul");
  EXPECT_EQ(factors.input(0), "between");
  EXPECT_EQ(editor.floats(factors.input(1))->values, (std::vector<float>{16, 1}));
  EXPECT_EQ(editor.floats(factors.input(1))->shape, (std::vector<int64_t>{2, 1, 1}));
  EXPECT_EQ(reader.input(0), factors.output(0));
  EXPECT_EQ(editor.floats(reader.input(1))->values, (std::vector<float>{0.5, 5}));
}

TEST(Improve, ZeroIsWhereItSuitsTheChannels) {
  auto tensors = seenBetween();
  tensors["between"].low = {-1, -1}; // the range of all is 1 below 0 and 16 above: the first channel fills it below
  Equalization how;
  for (bool choosesZero : {false, true}) {
    how.choosesZero = choosesZero;
    ModelEditor editor = makeModel(/*isDepthwise=*/true);
    equalize(editor, findContractions(editor), tensors, how);
    std::vector<float> weights = findContractions(editor)[0].weight.values;
    EXPECT_FLOAT_EQ(weights[1], 3);
    if (choosesZero)
      EXPECT_GT(weights[0], 4);
    else
      EXPECT_FLOAT_EQ(weights[0], 1);
  }
}

TEST(Improve, BiasesTakeOutWhatGridsAdd) {
  ModelEditor editor = makeModel(/*isDepthwise=*/true);
  auto contractions = findContractions(editor);
  Decision decision;
  decision.grids["between"] = ActivationGrid::of(0, 16);
  decision.offsets["between"] = {0.5f, -0.25f};
  takeOutOffsets(editor.model(), contractions, decision, seenBetween());
  EXPECT_TRUE(contractions[0].correction.empty());
  ASSERT_EQ(contractions[1].correction.size(), 2u);
  EXPECT_NEAR(contractions[1].correction[0], -4, 1e-3); // weights are 8 and 5
  EXPECT_NEAR(contractions[1].correction[1], 1.25, 1e-3);
}

TEST(Improve, PaddingAddsNothing) {
  ModelEditor editor = makeModel(/*isDepthwise=*/true);
  onnx::NodeProto &conv = editor.node(2);
  conv.set_input(1, editor.addConstant<float>("wide", {2, 1, 1, 3}, {1, 1, 1, 0, 3, 0}));
  onnx::AttributeProto &pads = *conv.add_attribute();
  pads.set_name("pads");
  for (int64_t pad : {0, 1, 0, 1})
    pads.add_ints(pad);
  editor.apply();
  auto contractions = findContractions(editor);
  auto tensors = seenBetween();
  tensors["between"].shape = {1, 2, 1, 2}; // either tap at an end is outside in one of two places
  Decision decision;
  decision.grids["between"] = ActivationGrid::of(0, 16);
  decision.offsets["between"] = {0.5f, -0.25f};
  takeOutOffsets(editor.model(), contractions, decision, tensors);
  ASSERT_EQ(contractions[1].correction.size(), 2u);
  EXPECT_NEAR(contractions[1].correction[0], -0.5 * (0.5 + 1 + 0.5), 1e-3);
  EXPECT_NEAR(contractions[1].correction[1], 0.25 * 3, 1e-3);
}

TEST(Improve, ChannelsKeepWithinTheRangeBelowZero) {
  ModelEditor editor = makeModel(/*isDepthwise=*/true);
  auto tensors = seenBetween();
  tensors["between"].low = {-0.5f, -2}; // 16 times as much would be -8
  equalize(editor, findContractions(editor), tensors);
  EXPECT_EQ(findContractions(editor)[0].weight.values, (std::vector<float>{4, 3}));
}

TEST(Improve, WhatACallerGivesStays) {
  ModelEditor editor = makeModel(/*isDepthwise=*/false);
  editor.mutableModel().mutable_graph()->mutable_node()->DeleteSubrange(0, 2);
  editor.mutableModel().mutable_graph()->add_input()->set_name("between");
  editor.apply();
  EXPECT_TRUE(equalize(editor, findContractions(editor), seenBetween(), {.insertsFactors = true}).empty());
}

TEST(Improve, RangesAreJudgedByWhatOthersShow) {
  TensorStatistics seen;
  seen.folds[0].add({1.0f, 8.0f});
  seen.folds[2].add({-3.0f});
  seen.values.add({1.0f, 8.0f, -3.0f});
  EXPECT_EQ(seen.outside(0).high(), -3);
  EXPECT_EQ(seen.outside(1).high(), 8);
  TensorStatistics ofFiles;
  ofFiles.values.add({5.0f});
  EXPECT_EQ(ofFiles.outside(3).high(), 5);
}

TEST(Improve, TensorsThatOthersReadStay) {
  ModelEditor editor = makeModel(/*isDepthwise=*/true);
  editor.mutableModel().mutable_graph()->add_output()->set_name("between");
  editor.apply();
  EXPECT_TRUE(equalize(editor, findContractions(editor), seenBetween()).empty());
}

TEST(Improve, ConvolutionsWithAComputedBiasStay) {
  ModelEditor editor = makeModel(/*isDepthwise=*/true);
  editor.mutableModel().mutable_graph()->mutable_node(0)->set_input(2, "computed");
  editor.apply();
  EXPECT_TRUE(equalize(editor, findContractions(editor), seenBetween()).empty());
}

TEST(Improve, BiasesTakeOutWhatRoundingAddsOnAverage) {
  ModelEditor editor = makeModel(/*isDepthwise=*/false);
  auto contractions = findContractions(editor);
  contractions[1].weight.values = {127, 0.375}; // the second is rounded to 0
  std::map<std::string, TensorStatistics> tensors = seenBetween();
  Decision decision;
  decision.grids["between"] = ActivationGrid::of(0, 16);
  correctBiases(editor.model(), contractions, decision, tensors);
  EXPECT_TRUE(contractions[0].correction.empty()); // its input is not quantized
  ASSERT_TRUE(contractions[1].correctedBias());
  EXPECT_FLOAT_EQ(contractions[1].correctedBias()->front(), 0.375f * 8); // the mean of the second channel is 8
}
