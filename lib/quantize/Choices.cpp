// See Choices.h.
#include "lib/quantize/Choices.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringSwitch.h"

using namespace llvm;

namespace nncc::quantize {

static bool isFloat(const onnx::ValueInfoProto &value) {
  switch (value.type().tensor_type().elem_type()) {
  case onnx::TensorProto::FLOAT:
  case onnx::TensorProto::DOUBLE:
  case onnx::TensorProto::FLOAT16:
  case onnx::TensorProto::BFLOAT16:
    return true;
  default:
    return false;
  }
}

static bool choosesIndices(StringRef op) { return op == "ArgMax" || op == "ArgMin" || op == "TopK"; }

/// What gives the indices it reads in another form.
static bool movesIndices(StringRef op) {
  return StringSwitch<bool>(op)
      .Cases({"Cast", "Flatten", "Gather", "Identity", "Reshape"}, true)
      .Cases({"Slice", "Squeeze", "Transpose", "Unsqueeze"}, true)
      .Default(false);
}

std::vector<std::string> floatsOfChoices(const ModelEditor &editor) {
  std::vector<std::string> found;
  if (any_of(editor.graph().output(), isFloat))
    return found;
  std::vector<std::string> inputs = editor.callerInputs();
  for (const onnx::ValueInfoProto &output : editor.graph().output()) {
    int node = editor.producer(output.name());
    while (node >= 0 && movesIndices(editor.graph().node(node).op_type()))
      node = editor.producer(editor.graph().node(node).input(0));
    if (node < 0 || !choosesIndices(editor.graph().node(node).op_type()))
      continue;
    const std::string &values = editor.graph().node(node).input(0);
    if (!is_contained(found, values) && editor.producer(values) >= 0 && !editor.isOutput(values))
      found.push_back(values);
  }
  return found;
}

void dropOutputs(onnx::ModelProto &model, ArrayRef<std::string> names) {
  auto &outputs = *model.mutable_graph()->mutable_output();
  for (int i = outputs.size() - 1; i >= 0; --i)
    if (is_contained(names, outputs[i].name()))
      outputs.DeleteSubrange(i, 1);
}

} // namespace nncc::quantize
