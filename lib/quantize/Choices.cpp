// See Choices.h.
#include "lib/quantize/Choices.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringSwitch.h"

using namespace llvm;

namespace nncc::quantize {

static bool isFloat(int64_t type) {
  return is_contained(
      {onnx::TensorProto::FLOAT, onnx::TensorProto::DOUBLE, onnx::TensorProto::FLOAT16, onnx::TensorProto::BFLOAT16},
      type);
}

static bool choosesIndices(const onnx::NodeProto &node) {
  StringRef op = node.op_type();
  return isOnnx(node) && !node.input().empty() && (op == "ArgMax" || op == "ArgMin" || op == "TopK");
}

/// What gives what it reads in another form.
static bool moves(const onnx::NodeProto &node) {
  return isOnnx(node) && !node.input().empty() &&
         StringSwitch<bool>(node.op_type())
             .Cases({"Cast", "Flatten", "Gather", "Identity", "Reshape"}, true)
             .Cases({"Slice", "Squeeze", "Transpose", "Unsqueeze"}, true)
             .Default(false);
}

/// The node that computes a tensor, or -1; also where it is not in front of `reader`, so that no walk is endless.
static int producerBefore(const ModelEditor &editor, const std::string &tensor, int reader) {
  int node = editor.producer(tensor);
  return node < reader ? node : -1;
}

/// The indices that a node moves: a Gather of a constant looks up what they stand for.
static const std::string &movedIndices(const ModelEditor &editor, const onnx::NodeProto &node) {
  bool looksUp = node.op_type() == "Gather" && node.input_size() > 1 && editor.constant(node.input(0));
  return node.input(looksUp ? 1 : 0);
}

static bool makesIntegers(const onnx::NodeProto &node) {
  return node.op_type() == "Cast" && !isFloat(intAttribute(node, "to", 0));
}

/// What the values that a choice reads were before they became integers, if they did.
static const std::string &beforeIntegers(const ModelEditor &editor, const std::string &values, int reader) {
  const std::string *found = &values, *current = &values;
  for (int i = reader; (i = producerBefore(editor, *current, i)) >= 0 && moves(editor.graph().node(i));) {
    const onnx::NodeProto &node = editor.graph().node(i);
    current = &node.input(0);
    if (makesIntegers(node))
      found = current;
    else if (node.op_type() == "Cast")
      break;
  }
  return *found;
}

std::vector<std::string> floatsOfChoices(const ModelEditor &editor) {
  std::vector<std::string> found;
  if (any_of(editor.graph().output(),
             [](const onnx::ValueInfoProto &output) { return isFloat(output.type().tensor_type().elem_type()); }))
    return found;
  for (const onnx::ValueInfoProto &output : editor.graph().output()) {
    int node = editor.producer(output.name());
    while (node >= 0 && moves(editor.graph().node(node)))
      node = producerBefore(editor, movedIndices(editor, editor.graph().node(node)), node);
    if (node < 0 || !choosesIndices(editor.graph().node(node)))
      continue;
    const std::string &values = beforeIntegers(editor, editor.graph().node(node).input(0), node);
    if (!is_contained(found, values) && editor.producer(values) >= 0 && !editor.isOutput(values))
      found.push_back(values);
  }
  return found;
}

onnx::ModelProto withOutputs(onnx::ModelProto model, ArrayRef<std::string> names) {
  for (const std::string &name : names)
    model.mutable_graph()->add_output()->set_name(name);
  return model;
}

void dropOutputs(onnx::ModelProto &model, ArrayRef<std::string> names) {
  auto &outputs = *model.mutable_graph()->mutable_output();
  for (int i = outputs.size() - 1; i >= 0; --i)
    if (is_contained(names, outputs[i].name()))
      outputs.DeleteSubrange(i, 1);
}

} // namespace nncc::quantize
