// What models of indices choose by, and how far it is from that of another model.
#include "lib/quantize/Choices.h"
#include "lib/quantize/Observe.h"
#include <cmath>
#include <gtest/gtest.h>

using namespace nncc::quantize;

namespace {

using Names = std::vector<std::string>;
constexpr float kInfinity = std::numeric_limits<float>::infinity();

/// A model of these nodes, each named as its result: `c` is a convolution of the input `x`, `labels` a constant.
class Model {
public:
  Model() {
    graph().add_input()->set_name("x");
    labels = editor.addConstant<int64_t>("labels", {3}, {5, 7, 9});
    node("Conv", "c", {"x", editor.addConstant<float>("weights", {1, 1, 1, 1}, {1.0f})});
  }
  Model &node(const char *op, const std::string &result, const Names &inputs) {
    *graph().add_node() = makeNode(op, result, inputs, result);
    return *this;
  }
  Model &cast(const std::string &result, const std::string &input, int32_t type) {
    node("Cast", result, {input});
    addAttribute(*graph().mutable_node(graph().node_size() - 1), "to", (int64_t)type);
    return *this;
  }
  /// The floats of the choices, with `output` as the model's output.
  Names choices(const std::string &output, int32_t type = onnx::TensorProto::INT64) {
    onnx::ValueInfoProto &declared = *graph().add_output();
    declared.set_name(output);
    declared.mutable_type()->mutable_tensor_type()->set_elem_type(type);
    return floatsOfChoices(ModelEditor(editor.model()));
  }
  onnx::GraphProto &graph() { return *editor.mutableModel().mutable_graph(); }

  std::string labels;

private:
  ModelEditor editor{onnx::ModelProto()};
};

} // namespace

TEST(Choices, AreOfWhatArgMaxReads) {
  EXPECT_EQ(Model().node("ArgMax", "y", {"c"}).choices("y"), Names{"c"});
  EXPECT_EQ(Model().node("ArgMax", "a", {"c"}).cast("y", "a", onnx::TensorProto::INT32).choices("y"), Names{"c"});
  EXPECT_EQ(Model().node("ArgMax", "y", {"x"}).choices("y"), Names{}) << "an input is not computed";
  EXPECT_EQ(Model().node("ArgMax", "y", {"c"}).choices("c", onnx::TensorProto::FLOAT), Names{});
}

TEST(Choices, AreMeasuredInFrontOfIntegers) {
  Model integers;
  integers.cast("i", "c", onnx::TensorProto::INT32).node("Squeeze", "s", {"i"}).node("ArgMax", "y", {"s"});
  EXPECT_EQ(integers.choices("y"), Names{"c"});
  Model twice;
  twice.cast("f", "c", onnx::TensorProto::FLOAT).cast("i", "f", onnx::TensorProto::INT8);
  twice.cast("j", "i", onnx::TensorProto::INT64).node("TopK", "y", {"j", "k"});
  EXPECT_EQ(twice.choices("y"), Names{"f"});
  EXPECT_EQ(Model().cast("d", "c", onnx::TensorProto::DOUBLE).node("ArgMax", "y", {"d"}).choices("y"), Names{"d"});
}

TEST(Choices, AreLookedUpInTables) {
  Model table;
  table.node("ArgMax", "a", {"c"}).node("Gather", "y", {table.labels, "a"});
  EXPECT_EQ(table.choices("y"), Names{"c"});
  Model piece;
  piece.node("ArgMax", "a", {"c"}).node("Gather", "y", {"a", piece.labels});
  EXPECT_EQ(piece.choices("y"), Names{"c"});
}

TEST(Choices, OfFilesThatAreNoModelsAreNone) {
  EXPECT_EQ(Model().node("Identity", "a", {"b"}).node("Identity", "b", {"a"}).choices("b"), Names{});
  EXPECT_EQ(Model().node("Identity", "y", {}).choices("y"), Names{});
  EXPECT_EQ(Model().node("ArgMax", "y", {}).choices("y"), Names{});
}

TEST(Choices, AreOutputsOfNoType) {
  Model model;
  model.node("ArgMax", "y", {"c"}).choices("y");
  onnx::ModelProto file;
  *file.mutable_graph() = model.graph();
  onnx::ModelProto measured = withOutputs(file, {"c"});
  ASSERT_EQ(measured.graph().output_size(), 2);
  EXPECT_EQ(measured.graph().output(1).name(), "c");
  EXPECT_EQ(measured.graph().output(1).type().tensor_type().elem_type(), onnx::TensorProto::UNDEFINED);
  dropOutputs(measured, {"c"});
  EXPECT_EQ(measured.SerializeAsString(), file.SerializeAsString());
}

TEST(Choices, MasksAreNoDifference) {
  OutputError error;
  error.add({1, -kInfinity, 2, NAN}, {1, -kInfinity, 2, NAN});
  EXPECT_EQ(error.noise, 0);
  EXPECT_DOUBLE_EQ(error.cosine(), 1);
  error.add({1, -kInfinity, 2}, {-kInfinity, 3, 2});
  EXPECT_EQ(error.noise, 1 + 9);
  EXPECT_TRUE(std::isfinite(error.cosine()));
}

TEST(Choices, AnInfinityInPlaceOfANumberIsNoSmallError) {
  OutputError error;
  error.add({1, 2}, {1, kInfinity});
  EXPECT_EQ(error.noise, kInfinity);
}
