// See RaiseOpset.h.
#include "lib/quantize/RaiseOpset.h"
#include "llvm/ADT/StringExtras.h"

using namespace llvm;

namespace nncc::quantize {

namespace {

/// Writes the nodes of one graph anew.
class Raiser {
public:
  Raiser(ModelEditor &editor, int64_t from) : editor(editor), from(from) {}

  /// error: why a node cannot be written in the new opset
  std::string raise(onnx::GraphProto &graph) {
    google::protobuf::RepeatedPtrField<onnx::NodeProto> old;
    old.Swap(graph.mutable_node());
    std::string problem;
    for (onnx::NodeProto &node : old) {
      if (isOnnx(node) && node.input_size() && node.output_size()) // others are the importer's to refuse
        if (std::string reason = raise(node); !reason.empty() && problem.empty())
          problem = node.op_type() + " '" + node.name() + "' of opset " + std::to_string(from) + ": " + reason;
      for (onnx::NodeProto &before : infront)
        *graph.add_node() = std::move(before);
      infront.clear();
      graph.add_node()->Swap(&node);
      for (onnx::NodeProto &after : behind)
        *graph.add_node() = std::move(after);
      behind.clear();
    }
    return problem;
  }

private:
  std::string raise(onnx::NodeProto &node) {
    const std::string op = node.op_type();
    if (op == "Slice" && from < 10)
      return raiseSlice(node);
    if (op == "Clip" && from < 11) {
      floatToInput(node, "min", 1);
      floatToInput(node, "max", 2);
    } else if (op == "Pad" && from < 11) {
      listToInput(node, "pads", 1);
      floatToInput(node, "value", 2);
    } else if (op == "Squeeze" || op == "Unsqueeze" || op == "ReduceSum") {
      listToInput(node, "axes", 1);
    } else if (op == "Split") {
      listToInput(node, "split", 1);
    } else if (op == "Dropout" && from < 12) {
      removeAttribute(node, "ratio"); // of training
    } else if (op == "TopK" && from < 10) {
      int64_t k = intAttribute(node, "k", 1);
      removeAttribute(node, "k");
      setInput(node, 1, editor.addConstant<int64_t>(node.output(0) + "_k", {1}, {k}));
    } else if (op == "Softmax" || op == "LogSoftmax" || op == "Hardmax") {
      flattenAround(node);
    } else if (op == "Upsample" || (op == "Resize" && from < 11)) {
      return raiseResize(node);
    } else if (op == "Scatter") {
      node.set_op_type("ScatterElements");
    } else if (op == "BatchNormalization" && from < 9) {
      if (intAttribute(node, "spatial", 1) != 1)
        return "spatial=0 has no counterpart in newer opsets";
      removeAttribute(node, "spatial");
    } else if (op == "Scan" && from < 9) {
      return "batches of sequences have no counterpart in newer opsets";
    }
    return "";
  }

  void listToInput(onnx::NodeProto &node, const char *name, int index) {
    const onnx::AttributeProto *attribute = attributeOf(node, name);
    if (!attribute)
      return;
    std::vector<int64_t> values(attribute->ints().begin(), attribute->ints().end());
    removeAttribute(node, name);
    setInput(node, index, editor.addConstant<int64_t>(node.output(0) + "_" + name, {(int64_t)values.size()}, values));
  }

  void floatToInput(onnx::NodeProto &node, const char *name, int index) {
    const onnx::AttributeProto *attribute = attributeOf(node, name);
    if (!attribute)
      return;
    float value = attribute->f();
    removeAttribute(node, name);
    setInput(node, index, editor.addConstant<float>(node.output(0) + "_" + name, {}, {value}));
  }

  std::string raiseSlice(onnx::NodeProto &node) {
    listToInput(node, "starts", 1);
    listToInput(node, "ends", 2);
    listToInput(node, "axes", 3);
    return "";
  }

  /// Up to opset 12 the dims from `axis` on are one: flattened, and given back their shape.
  void flattenAround(onnx::NodeProto &node) {
    int64_t axis = intAttribute(node, "axis", 1);
    removeAttribute(node, "axis");
    addAttribute(node, "axis", int64_t(-1));
    std::string input = node.input(0), output = node.output(0);
    std::string shape = editor.freshName(output + "_shape"), flat = editor.freshName(output + "_rows");
    std::string result = editor.freshName(output + "_of_rows");
    infront.push_back(makeNode("Shape", editor.freshName(shape + "_node"), {input}, shape));
    infront.push_back(makeNode("Flatten", editor.freshName(flat + "_node"), {input}, flat));
    addAttribute(infront.back(), "axis", axis);
    node.set_input(0, flat);
    node.set_output(0, result);
    behind.push_back(makeNode("Reshape", editor.freshName(output + "_node"), {result, shape}, output));
  }

  /// Upsample-7, Upsample-9 and Resize-10 count from the corner of the first element, and round down.
  std::string raiseResize(onnx::NodeProto &node) {
    if (const onnx::AttributeProto *scales = attributeOf(node, "scales")) {
      std::vector<float> values(scales->floats().begin(), scales->floats().end());
      removeAttribute(node, "scales");
      setInput(node, 1, editor.addConstant<float>(node.output(0) + "_scales", {(int64_t)values.size()}, values));
    }
    if (node.input_size() != 2)
      return "it has no scales";
    node.set_op_type("Resize");
    setInput(node, 2, node.input(1));
    node.set_input(1, "");
    addAttribute(node, "coordinate_transformation_mode", "asymmetric");
    addAttribute(node, "nearest_mode", "floor");
    return "";
  }

  ModelEditor &editor;
  int64_t from;
  std::vector<onnx::NodeProto> infront, behind;
};

} // namespace

bool raiseOpset(ModelEditor &editor, std::string &error) {
  int64_t from = editor.opset();
  if (from >= kQuantizedOpset)
    return true;
  if (from < 7) {
    error = "opset " + std::to_string(from) + " is older than 7, from which a model can be raised to " +
            std::to_string(kQuantizedOpset) + "\nnote: export it again with opset_version=13 or newer";
    return false;
  }
  Raiser raiser(editor, from);
  forEachGraph(*editor.mutableModel().mutable_graph(), [&](onnx::GraphProto &graph) {
    if (std::string problem = raiser.raise(graph); error.empty())
      error = problem;
  });
  editor.setOpset(kQuantizedOpset);
  editor.apply();
  return error.empty();
}

} // namespace nncc::quantize
