// What functions of a model become, and where that ends.
#include "lib/quantize/WriteOutFunctions.h"
#include "lib/quantize/ModelEditor.h"
#include <gtest/gtest.h>

using namespace nncc::quantize;

namespace {

onnx::NodeProto makeCall(const std::string &function) {
  onnx::NodeProto call;
  call.set_domain("d");
  call.set_op_type(function);
  return call;
}

/// f0 does nothing, and each of the others calls the one before it twice: 2^depth calls.
onnx::ModelProto nested(unsigned depth) {
  onnx::ModelProto model;
  for (unsigned i = 0; i <= depth; ++i) {
    onnx::FunctionProto &function = *model.add_functions();
    function.set_domain("d");
    function.set_name("f" + std::to_string(i));
    for (int calls = 0; i && calls < 2; ++calls)
      *function.add_node() = makeCall("f" + std::to_string(i - 1));
  }
  *model.mutable_graph()->add_node() = makeCall("f" + std::to_string(depth));
  *model.mutable_graph()->add_node() = makeNode("Relu", "relu", {"x"}, "y");
  return model;
}

} // namespace

TEST(WriteOutFunctions, CallsOfNothingLeaveNothing) {
  onnx::ModelProto model = nested(10);
  std::string error;
  ASSERT_TRUE(writeOutFunctions(model, error)) << error;
  ASSERT_EQ(model.graph().node_size(), 1);
  EXPECT_EQ(model.graph().node(0).op_type(), "Relu");
  EXPECT_EQ(model.functions_size(), 0);
}

TEST(WriteOutFunctions, CallsOfNothingCount) {
  onnx::ModelProto model = nested(60);
  std::string error;
  EXPECT_FALSE(writeOutFunctions(model, error));
  EXPECT_EQ(error, "the model has more than 100000 nodes, functions written out");
}
