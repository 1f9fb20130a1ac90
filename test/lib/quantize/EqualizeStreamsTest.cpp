// Channels that several nodes write are made alike, and the model computes the same.
#include "lib/quantize/EqualizeStreams.h"
#include <gtest/gtest.h>

using namespace llvm;
using namespace nncc::quantize;

namespace {

std::string weights(ModelEditor &editor, const char *name, int64_t outputs, std::vector<float> values) {
  return editor.addConstant<float>(name, {outputs, (int64_t)values.size() / outputs, 1, 1}, values);
}

TensorStatistics seen(std::vector<float> high) {
  TensorStatistics statistics;
  statistics.low.assign(high.size(), 0);
  statistics.high = std::move(high);
  return statistics;
}

FloatTensor weightsOf(const ModelEditor &editor, int node, int input = 1) {
  return *editor.floats(editor.graph().node(node).input(input));
}

} // namespace

TEST(EqualizeStreams, ThroughASumToAConvolutionByAShare) {
  ModelEditor editor{onnx::ModelProto()};
  onnx::GraphProto &graph = *editor.mutableModel().mutable_graph();
  *graph.add_node() = makeNode("Conv", "a", {"x", weights(editor, "wa", 2, {1, 1})}, "a");
  *graph.add_node() = makeNode("Conv", "b", {"x", weights(editor, "wb", 2, {3, 5})}, "b");
  *graph.add_node() = makeNode("Add", "sum", {"a", "b"}, "sum");
  *graph.add_node() = makeNode("Relu", "r", {"sum"}, "r");
  *graph.add_node() = makeNode("Conv", "y", {"r", weights(editor, "wy", 1, {8, 2})}, "y");
  graph.add_output()->set_name("y");
  editor.apply();
  EXPECT_EQ(equalizeStreams(editor, findContractions(editor), {}, {{"r", seen({1, 16})}}, 0.5f), 4u);
  EXPECT_EQ(weightsOf(editor, 0).values, (std::vector<float>{4, 1}));
  EXPECT_EQ(weightsOf(editor, 1).values, (std::vector<float>{12, 5}));
  EXPECT_EQ(weightsOf(editor, 4).values, (std::vector<float>{2, 2}));
}

// What a depthwise convolution reads and makes has one factor: its weights stay as they are, its bias does not.
TEST(EqualizeStreams, TheBiasOfWhatIsAddedToItsInput) {
  ModelEditor editor{onnx::ModelProto()};
  onnx::GraphProto &graph = *editor.mutableModel().mutable_graph();
  *graph.add_node() = makeNode("Conv", "a", {"x", weights(editor, "wa", 2, {1, 1})}, "a");
  *graph.add_node() = makeNode(
      "Conv", "d", {"a", weights(editor, "wd", 2, {0.5f, 0.5f}), editor.addConstant<float>("bd", {2}, {2, 3})}, "d");
  addAttribute(*graph.mutable_node(1), "group", int64_t(2));
  *graph.add_node() = makeNode("Add", "sum", {"a", "d"}, "sum");
  *graph.add_node() = makeNode("Conv", "y", {"sum", weights(editor, "wy", 1, {8, 2})}, "y");
  graph.add_output()->set_name("y");
  editor.apply();
  EXPECT_EQ(equalizeStreams(editor, findContractions(editor), {}, {{"sum", seen({1, 16})}}, 0.5f), 3u);
  EXPECT_EQ(weightsOf(editor, 0).values, (std::vector<float>{4, 1}));
  EXPECT_EQ(weightsOf(editor, 1).values, (std::vector<float>{0.5f, 0.5f}));
  EXPECT_EQ(weightsOf(editor, 1, 2).values, (std::vector<float>{8, 3}));
  EXPECT_EQ(weightsOf(editor, 3).values, (std::vector<float>{2, 2}));
}

TEST(EqualizeStreams, ThroughAConcatenationToANormAsAWhole) {
  ModelEditor editor{onnx::ModelProto()};
  onnx::GraphProto &graph = *editor.mutableModel().mutable_graph();
  *graph.add_node() = makeNode("Conv", "a", {"x", weights(editor, "wa", 1, {1})}, "a");
  *graph.add_node() = makeNode("Conv", "b", {"x", weights(editor, "wb", 1, {1})}, "b");
  *graph.add_node() = makeNode("Concat", "c", {"a", "b"}, "c");
  addAttribute(*graph.mutable_node(2), "axis", int64_t(1));
  auto constant = [&](const char *name, std::vector<float> values) {
    return editor.addConstant<float>(name, {2}, values);
  };
  *graph.add_node() = makeNode("BatchNormalization", "n",
                               {"c", constant("scale", {6, 6}), constant("shift", {1, 2}), constant("mean", {3, 5}),
                                constant("variance", {1, 1})},
                               "n");
  *graph.add_node() = makeNode("Sigmoid", "s", {"n"}, "s");
  graph.add_output()->set_name("s");
  editor.apply();
  // Both pieces are on the grid of the whole.
  std::vector<StoredTensor> stored{{"a", "c"}, {"b", "c"}, {"c", "c"}};
  std::map<std::string, TensorStatistics> tensors{{"a", seen({2})}, {"b", seen({8})}, {"c", seen({2, 8})}};
  EXPECT_EQ(equalizeStreams(editor, findContractions(editor), stored, tensors, 0.5f), 2u);
  EXPECT_EQ(weightsOf(editor, 0).values, std::vector<float>{4});
  EXPECT_EQ(weightsOf(editor, 1).values, std::vector<float>{1});
  EXPECT_EQ(weightsOf(editor, 3, 1).values, (std::vector<float>{1.5, 6}));
  EXPECT_EQ(weightsOf(editor, 3, 2).values, (std::vector<float>{1, 2}));
  EXPECT_EQ(weightsOf(editor, 3, 3).values, (std::vector<float>{12, 5}));
}

// [1, 2, 5] + [1, 2, 3, 2]: dim 1 of the first meets dim 2 of the second.
TEST(EqualizeStreams, NotThroughASumOfTwoRanks) {
  ModelEditor editor{onnx::ModelProto()};
  onnx::GraphProto &graph = *editor.mutableModel().mutable_graph();
  std::string wa = editor.addConstant<float>("wa", {2, 1, 1}, {1, 1});
  *graph.add_node() = makeNode("Conv", "a", {"row", wa}, "a");
  *graph.add_node() = makeNode("Conv", "b", {"x", weights(editor, "wb", 2, {3, 5})}, "b");
  *graph.add_node() = makeNode("Add", "sum", {"b", "a"}, "sum");
  *graph.add_node() = makeNode("Conv", "y", {"sum", weights(editor, "wy", 1, {8, 2})}, "y");
  graph.add_output()->set_name("y");
  editor.apply();
  EXPECT_EQ(equalizeStreams(editor, findContractions(editor), {}, {{"sum", seen({1, 16})}}, 0.5f), 0u);
}

namespace {

/// How many tensors change around a Resize of two channels between two convolutions.
size_t changedAround(ArrayRef<float> scales, ArrayRef<int64_t> sizes,
                     ArrayRef<std::pair<const char *, const char *>> texts = {}, ArrayRef<int64_t> axes = {}) {
  ModelEditor editor{onnx::ModelProto()};
  onnx::GraphProto &graph = *editor.mutableModel().mutable_graph();
  auto count = [](auto values) { return (int64_t)values.size(); };
  std::string ofScales = scales.empty() ? "" : editor.addConstant<float>("scales", count(scales), scales);
  std::string ofSizes = sizes.empty() ? "" : editor.addConstant<int64_t>("sizes", count(sizes), sizes);
  *graph.add_node() = makeNode("Conv", "a", {"x", weights(editor, "wa", 2, {1, 1})}, "a");
  *graph.add_node() = makeNode("Resize", "r", {"a", "roi", ofScales, ofSizes}, "r");
  for (auto [name, text] : texts)
    addAttribute(*graph.mutable_node(1), name, StringRef(text));
  if (!axes.empty()) {
    onnx::AttributeProto &attribute = *graph.mutable_node(1)->add_attribute();
    attribute.set_name("axes");
    for (int64_t axis : axes)
      attribute.add_ints(axis);
  }
  *graph.add_node() = makeNode("Conv", "y", {"r", weights(editor, "wy", 1, {8, 2})}, "y");
  graph.add_output()->set_name("y");
  editor.apply();
  return equalizeStreams(editor, findContractions(editor), {}, {{"a", seen({1, 16})}}, 0.5f);
}

} // namespace

TEST(EqualizeStreams, ThroughAResizeThatLeavesChannelsAlone) {
  EXPECT_EQ(changedAround({1, 1, 2, 3}, {}), 2u);
  EXPECT_EQ(changedAround({}, {1, 2, 5, 7}), 2u);
  EXPECT_EQ(changedAround({2, 3}, {}, {}, {2, 3}), 2u);
  EXPECT_EQ(changedAround({3, 1}, {}, {}, {3, 1}), 2u);

  EXPECT_EQ(changedAround({1, 2, 1, 1}, {}), 0u);
  EXPECT_EQ(changedAround({}, {1, 3, 5, 7}), 0u);
  EXPECT_EQ(changedAround({3, 2}, {}, {}, {3, 1}), 0u);
  EXPECT_EQ(changedAround({2, 3}, {}, {}, {-2, -1}), 0u);
  EXPECT_EQ(changedAround({}, {}), 0u); // nothing says how large
  EXPECT_EQ(changedAround({}, {1, 2, 5, 7}, {{"keep_aspect_ratio_policy", "not_larger"}}), 0u);
  EXPECT_EQ(changedAround({1, 1, 2, 3}, {}, {{"mode", "linear"}}), 0u);
  EXPECT_EQ(changedAround({1, 1, 2, 3}, {}, {{"coordinate_transformation_mode", "tf_crop_and_resize"}}), 0u);
}

TEST(EqualizeStreams, NotThroughANormInTraining) {
  for (int64_t trains : {0, 1}) {
    ModelEditor editor{onnx::ModelProto()};
    onnx::GraphProto &graph = *editor.mutableModel().mutable_graph();
    *graph.add_node() = makeNode("Conv", "a", {"x", weights(editor, "wa", 2, {1, 1})}, "a");
    std::string ones = editor.addConstant<float>("ones", {2}, {1, 1});
    *graph.add_node() = makeNode("BatchNormalization", "n", {"a", ones, ones, ones, ones}, "n");
    addAttribute(*graph.mutable_node(1), "training_mode", trains);
    graph.add_output()->set_name("n");
    editor.apply();
    EXPECT_EQ(equalizeStreams(editor, findContractions(editor), {}, {{"a", seen({1, 16})}}, 0.5f), trains ? 0u : 1u);
  }
}

TEST(EqualizeStreams, NotWhereAnythingElseReads) {
  ModelEditor editor{onnx::ModelProto()};
  onnx::GraphProto &graph = *editor.mutableModel().mutable_graph();
  *graph.add_node() = makeNode("Conv", "a", {"x", weights(editor, "wa", 2, {1, 1})}, "a");
  *graph.add_node() = makeNode("Conv", "y", {"a", weights(editor, "wy", 1, {8, 2})}, "y");
  *graph.add_node() = makeNode("Sigmoid", "s", {"a"}, "s");
  graph.add_output()->set_name("y");
  graph.add_output()->set_name("s");
  editor.apply();
  EXPECT_EQ(equalizeStreams(editor, findContractions(editor), {}, {{"a", seen({1, 16})}}, 0.5f), 0u);
  EXPECT_EQ(weightsOf(editor, 0).values, (std::vector<float>{1, 1}));
}
