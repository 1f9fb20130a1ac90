// What grids of single tensors add to each channel, and how a model with switches takes that out of its biases.
#include "lib/quantize/TuneGrids.h"
#include <cmath>
#include <cstring>
#include <gtest/gtest.h>
#include <numeric>

using namespace nncc;
using namespace nncc::quantize;

namespace {

/// x [1, 2, 1, width] -> Relu -> between -> Conv 1x1, weights [outputs, 2 / groups] -> y
ModelEditor makeModel(std::vector<float> weights, int64_t groups, std::vector<float> bias = {}) {
  ModelEditor editor{onnx::ModelProto()};
  onnx::GraphProto &graph = *editor.mutableModel().mutable_graph();
  int64_t outputs = (int64_t)weights.size() * groups / 2;
  std::vector<std::string> operands{"between",
                                    editor.addConstant<float>("weights", {outputs, 2 / groups, 1, 1}, weights)};
  if (!bias.empty())
    operands.push_back(editor.addConstant<float>("bias", {outputs}, bias));
  graph.add_input()->set_name("x");
  *graph.add_node() = makeNode("Relu", "r", {"x"}, "between");
  *graph.add_node() = makeNode("Conv", "c", operands, "y");
  addAttribute(*graph.mutable_node(1), "group", groups);
  graph.add_output()->set_name("y");
  editor.apply();
  return editor;
}

/// A model that gives what it is given, behind one value.
class Echo : public RunnableModel {
public:
  explicit Echo(uint64_t bytes) { inputSizes = {bytes}, outputSizes = {4, bytes}; }
  llvm::Error fillArena(uint8_t) override { return llvm::Error::success(); }

protected:
  llvm::Expected<std::vector<uint64_t>> runBound(Inputs inputs, Outputs outputs, unsigned) override {
    std::memset(outputs[0].data(), 0, outputs[0].size());
    std::memcpy(outputs[1].data(), inputs[0].data(), inputs[0].size());
    return std::vector<uint64_t>{0};
  }
  llvm::Error start(Inputs, Outputs) override { return llvm::Error::success(); }
  llvm::Expected<StepResult> stepOnce() override { return StepResult{true, 0}; }
  llvm::Error fetchOutputs(Outputs) override { return llvm::Error::success(); }
  llvm::Expected<llvm::SmallVector<char, 0>> readArena(uint64_t, uint64_t) override {
    return llvm::SmallVector<char, 0>();
  }
};

class EchoHost : public Host {
public:
  explicit EchoHost(int64_t width = 3) : width(width) {}
  std::optional<BuiltModel> build(const onnx::ModelProto &) override {
    auto port = [](const char *name, std::vector<int64_t> shape, uint64_t bytes) {
      return Port{{name, name, "f32", std::move(shape)}, bytes};
    };
    uint64_t bytes = 2 * width * sizeof(float);
    return BuiltModel{{port("x", {1, 2, 1, width}, bytes)},
                      {port("y", {1}, 4), port("between", {1, 2, 1, width}, bytes)},
                      std::make_unique<Echo>(bytes)};
  }
  std::optional<ModelSamples> openSamples(llvm::ArrayRef<SamplePort>) override { return std::nullopt; }
  void progress(llvm::StringRef) override {}
  void warn(const std::string &message) override { ADD_FAILURE() << message; }
  void error(const std::string &message) override { ADD_FAILURE() << message; }

private:
  int64_t width;
};

/// A source that has seen these values of `between`, its two channels one after the other, in a sample of each fold.
Source sourceOf(ModelEditor editor, const std::vector<std::vector<float>> &samples) {
  Source source;
  source.model = editor.model();
  source.contractions = findContractions(editor);
  TensorStatistics &seen = source.observations.tensors["between"];
  seen.shape = {1, 2, 1, (int64_t)samples[0].size() / 2};
  seen.sums = {0, 0}; // of means alone, which none of this asks for
  for (auto [fold, values] : llvm::enumerate(samples)) {
    const char *bytes = (const char *)values.data();
    source.observations.sampleInputs.push_back({std::vector<char>(bytes, bytes + values.size() * sizeof(float))});
    source.observations.sampleFolds.push_back(fold);
    seen.folds[fold].add(values);
    seen.values.merge(seen.folds[fold]);
  }
  return source;
}

/// Two samples of [0, 255 / 4]: steps of all values are 1/4, of the first one alone 1/8.
const std::vector<std::vector<float>> kSamples = {{0, 1.0625f, 255 / 8.0f, 2.125f, 2.125f, 3},
                                                  {0, 0.0625f, 255 / 4.0f, 5, 5, 5}};

/// The elements of two tensors of up to three dims, spread out over those of both.
FloatTensor combine(FloatTensor a, FloatTensor b, float (*function)(float, float)) {
  for (FloatTensor *tensor : {&a, &b})
    tensor->shape.insert(tensor->shape.begin(), 3 - tensor->rank(), 1);
  FloatTensor result;
  for (auto [m, n] : llvm::zip_equal(a.shape, b.shape))
    result.shape.push_back(std::max(m, n));
  auto at = [](const FloatTensor &tensor, int64_t i, int64_t j, int64_t k) {
    const std::vector<int64_t> &shape = tensor.shape;
    return tensor.values[(i % shape[0] * shape[1] + j % shape[1]) * shape[2] + k % shape[2]];
  };
  for (int64_t i = 0; i < result.dim(0); ++i)
    for (int64_t j = 0; j < result.dim(1); ++j)
      for (int64_t k = 0; k < result.dim(2); ++k)
        result.values.push_back(function(at(a, i, j, k), at(b, i, j, k)));
  return result;
}

/// What a model with switches gives to the convolution as its bias, by the values of its inputs.
std::vector<float> biasOf(const onnx::ModelProto &model, std::map<std::string, FloatTensor> values) {
  ModelEditor editor(model);
  auto valueOf = [&](const std::string &name) {
    auto constant = editor.floats(name);
    return constant ? *constant : values.at(name);
  };
  for (const onnx::NodeProto &node : model.graph().node()) {
    const std::string &op = node.op_type();
    if (op == "Conv")
      return valueOf(node.input(2)).values;
    if (!values.count(node.input(0)) && !editor.floats(node.input(0)))
      continue;
    FloatTensor &result = values[node.output(0)] = valueOf(node.input(0));
    if (op == "Reshape") {
      result.shape = *editor.integers(node.input(1));
    } else if (op == "ReduceSum") { // over the last dim
      EXPECT_EQ(*editor.integers(node.input(1)), std::vector<int64_t>{2});
      std::vector<float> all = std::exchange(result.values, {});
      for (size_t i = 0; i < all.size(); i += result.dim(2))
        result.values.push_back(std::accumulate(&all[i], &all[i] + result.dim(2), 0.0f));
      result.shape[2] = 1;
    } else if (op == "Neg") {
      for (float &value : result.values)
        value = -value;
    } else {
      result = combine(
          result, valueOf(node.input(1)),
          op == "Mul"   ? [](float a, float b) { return a * b; }
          : op == "Sub" ? [](float a, float b) { return a - b; }
                        : [](float a, float b) { return a + b; });
    }
  }
  return {};
}

/// The bias that a model with switches gives to its convolution where the grid adds so much to either channel.
std::vector<float> biasBeside(ModelEditor editor, std::vector<float> offsets) {
  Decision decision;
  decision.grids["between"] = ActivationGrid::of(0, 255 / 4.0);
  decision.offsets["between"] = {0, 0}; // their values are an input
  Source source = sourceOf(editor, kSamples);
  SwitchableModel model = writeSwitchable(source.model, source.contractions, decision, source.observations.tensors);
  return biasOf(model.model, {{model.inputs.at("between").offsets, {{2}, std::move(offsets)}}});
}

} // namespace

TEST(TuneGrids, OffsetsAreWhatRoundingAdds) {
  ModelEditor editor = makeModel({1, 2}, /*groups=*/2);
  EchoHost host;
  auto choices = findGridChoices(sourceOf(editor, kSamples), host);
  ASSERT_TRUE(choices);
  const GridChoice &first = choices->at("between").front();
  ASSERT_EQ(first.ofAll.grid, ActivationGrid::of(0, 255 / 4.0));
  // 1.0625 becomes 1, 31.875 and 2.125 are ties that go to 32 and 2, 0.0625 becomes 0.
  EXPECT_EQ(first.ofAll.offsets, (std::vector<float>{(-0.0625f + 0.125f - 0.0625f) / 6, -0.25f / 6}));
}

TEST(TuneGrids, OffsetsOfAFoldAreThoseOfTheOthers) {
  ModelEditor editor = makeModel({1, 2}, /*groups=*/2);
  EchoHost host;
  auto choices = findGridChoices(sourceOf(editor, kSamples), host);
  ASSERT_TRUE(choices);
  const auto &judged = choices->at("between").front().judged;
  EXPECT_EQ(judged[0].offsets, (std::vector<float>{-0.0625f / 3, 0}));
  // By the first sample alone: steps of 1/8, and 1.0625 is a tie between 8 and 9 of them.
  ASSERT_EQ(judged[1].grid, ActivationGrid::of(0, 255 / 8.0));
  EXPECT_EQ(judged[1].offsets, (std::vector<float>{-0.0625f / 3, 0}));
  EXPECT_EQ(judged[2].offsets, choices->at("between").front().ofAll.offsets);
}

TEST(TuneGrids, WhatAGridCutsOffDoesNotCount) {
  ModelEditor editor = makeModel({1, 2}, /*groups=*/2);
  std::vector<float> values(4000, 63.3f);
  values[7] = 4000.1f;
  EchoHost host(2000);
  auto choices = findGridChoices(sourceOf(editor, {values}), host);
  ASSERT_TRUE(choices);
  const auto &[grid, offsets] = choices->at("between").back().ofAll;
  ASSERT_LT(grid.high(), 100);
  EXPECT_FLOAT_EQ(offsets[0], std::nearbyint(63.3f / grid.scale) * grid.scale - 63.3f);
}

TEST(TuneGrids, NoOffsetsWhereNoBiasTakesThem) {
  ModelEditor editor = makeModel({1, 2}, /*groups=*/1);
  editor.node(1).set_op_type("ConvTranspose");
  editor.apply();
  EchoHost host;
  auto choices = findGridChoices(sourceOf(editor, kSamples), host);
  ASSERT_TRUE(choices);
  for (const GridChoice &choice : choices->at("between"))
    EXPECT_TRUE(choice.ofAll.offsets.empty());
}

TEST(TuneGrids, AModelWithSwitchesTakesOffsetsOutOfItsBiases) {
  // Of all channels, without a bias; then each of its own group, with one. Weights of 127 steps are exact.
  std::vector<float> alone = biasBeside(makeModel({127, 0, 1, 127}, /*groups=*/1), {0.5f, -0.25f});
  EXPECT_EQ(alone, (std::vector<float>{-63.5f, 31.25f}));
  std::vector<float> ofGroups = biasBeside(makeModel({127, 254}, /*groups=*/2, {1, 2}), {0.5f, -0.25f});
  ASSERT_EQ(ofGroups.size(), 2u);
  EXPECT_NEAR(ofGroups[0], 1 - 63.5, 0.5);
  EXPECT_NEAR(ofGroups[1], 2 + 63.5, 0.5);
}
