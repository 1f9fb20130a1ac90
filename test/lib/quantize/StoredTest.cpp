// What lies in memory between nodes, and what shares a grid.
#include "lib/quantize/Stored.h"
#include <gtest/gtest.h>

using namespace nncc::quantize;

namespace {

/// A model of floats that reads `x`, of these nodes; each is named as its result. What nobody reads is an output.
class Model {
public:
  Model() {
    onnx::ValueInfoProto &input = *graph().add_input();
    input.set_name("x");
    input.mutable_type()->mutable_tensor_type()->set_elem_type(onnx::TensorProto::FLOAT);
    editor.addConstant<float>("weights", {1, 1, 1, 1}, {1.0f});
  }
  Model &node(const char *op, const std::string &result, std::vector<std::string> inputs) {
    *graph().add_node() = makeNode(op, result, inputs, result);
    return *this;
  }
  Model &conv(const std::string &result, const std::string &input) { return node("Conv", result, {input, "weights"}); }
  Model &output(const std::string &name) {
    graph().add_output()->set_name(name);
    return *this;
  }
  /// "name" or "name:whose grid it shares" of all that is stored.
  std::vector<std::string> stored() {
    std::vector<std::string> result;
    for (const StoredTensor &tensor : findStored(ModelEditor(editor.model())))
      result.push_back(tensor.name + (tensor.shares == tensor.name ? "" : ":" + tensor.shares));
    return result;
  }

private:
  onnx::GraphProto &graph() { return *editor.mutableModel().mutable_graph(); }

  ModelEditor editor{onnx::ModelProto()};
};

using Names = std::vector<std::string>;

} // namespace

TEST(Stored, FunctionsBelongToTheKernelInFront) {
  Model model;
  model.conv("a", "x").node("Sigmoid", "s", {"a"}).node("Mul", "swish", {"a", "s"}).conv("y", "swish").output("y");
  EXPECT_EQ(model.stored(), Names{"swish"});
}

TEST(Stored, BothOperandsOfASumAndItsLimit) {
  Model model;
  model.conv("a", "x").conv("b", "a").node("Add", "sum", {"b", "a"}).node("Relu", "r", {"sum"});
  model.conv("y", "r").conv("z", "r").output("y").output("z");
  EXPECT_EQ(model.stored(), (Names{"a", "b", "r"}));
}

TEST(Stored, SumsInFrontOfAnyOtherFunction) {
  Model model;
  model.conv("a", "x").conv("b", "a").node("Add", "sum", {"b", "a"}).node("Sigmoid", "s", {"sum"});
  model.conv("y", "s").output("y");
  EXPECT_EQ(model.stored(), (Names{"a", "b", "sum", "s"}));
}

TEST(Stored, PiecesShareTheGridOfTheWhole) {
  Model model;
  model.conv("a", "x").node("MaxPool", "m", {"a"}).conv("b", "m").node("Concat", "c", {"m", "b"});
  model.node("Relu", "r", {"c"}).conv("y", "r").output("y");
  EXPECT_EQ(model.stored(), (Names{"a:c", "m:c", "b:c", "c", "r"}));
}

TEST(Stored, WhatOnlyNormsReadStaysFloat) {
  Model model;
  model.conv("a", "x").node("Softmax", "s", {"a"}).conv("y", "s").output("y");
  EXPECT_EQ(model.stored(), Names{"s"});
  Model both;
  both.conv("a", "x").node("Softmax", "s", {"a"}).conv("b", "a").node("Add", "y", {"s", "b"}).output("y");
  EXPECT_EQ(both.stored(), (Names{"a", "s", "b"}));
}

TEST(Stored, WhatIsOnlyMovedToAnOutputStaysFloat) {
  Model model;
  model.conv("a", "x").node("Transpose", "t", {"a"}).node("Reshape", "y", {"t", "weights"}).output("y");
  EXPECT_EQ(model.stored(), Names{});
}

TEST(Stored, NamesThatAreEmptyAreNoTensors) {
  Model model;
  model.node("LSTM", "", {"x", "weights", "weights"}).conv("a", "x").node("Clip", "c", {"a", "", "weights"});
  model.node("Relu", "", {"a"}).conv("y", "c").output("y");
  EXPECT_EQ(model.stored(), (Names{"a", "c"}));
}

TEST(Stored, FloatsBehindIntegersAndTables) {
  Model model;
  model.node("Shape", "shape", {"x"}).node("Gather", "words", {"weights", "shape"}).conv("a", "words");
  model.node("Where", "w", {"shape", "a", "weights"}).conv("y", "w").output("y");
  EXPECT_EQ(model.stored(), (Names{"words", "w"}));
  Model integers;
  integers.node("Shape", "shape", {"x"})
      .node("Pow", "p", {"shape", "weights"})
      .node("Mul", "m", {"p", "p"})
      .output("m");
  EXPECT_EQ(integers.stored(), Names{});
}

TEST(Stored, LongChainsAreOneKernelForEachFew) {
  Model model;
  std::string last = "x";
  for (int i = 0; i < 3000; ++i) {
    std::string next = "f" + std::to_string(i);
    model.node("Sigmoid", next, {last});
    last = next;
  }
  model.conv("y", last).output("y");
  EXPECT_FALSE(model.stored().empty());
}

TEST(Stored, NodesWithoutOperandsAreNone) {
  Model model;
  model.conv("a", "x").node("Where", "w", {}).node("BatchNormalization", "b", {}).node("Add", "s", {"a"});
  model.node("Cast", "c", {}).node("Clip", "l", {}).conv("y", "s").output("y");
  EXPECT_EQ(model.stored(), Names{"s"});
}
