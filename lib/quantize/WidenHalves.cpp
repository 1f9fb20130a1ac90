// See WidenHalves.h.
#include "lib/quantize/WidenHalves.h"
#include "llvm/ADT/APFloat.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringSet.h"
#include <cstring>

using namespace llvm;

namespace nncc::quantize {

namespace {

constexpr int32_t kFloat = onnx::TensorProto::FLOAT, kHalf = onnx::TensorProto::FLOAT16,
                  kBrain = onnx::TensorProto::BFLOAT16;

bool isHalf(int64_t dataType) { return dataType == kHalf || dataType == kBrain; }

class Widener {
public:
  explicit Widener(ModelEditor &editor) : editor(editor) {}

  /// Whether the weights of a convolution or product are floats of 16 bits, themselves or behind a Cast.
  bool isNeeded() const {
    for (const onnx::NodeProto &node : editor.graph().node()) {
      StringRef op = node.op_type();
      bool isContraction = op == "Conv" || op == "ConvTranspose" || op == "MatMul" || op == "Gemm";
      if (!isOnnx(node) || !isContraction || node.input_size() < 2)
        continue;
      const onnx::TensorProto *weights = editor.constant(node.input(1));
      if (int maker = weights ? -1 : editor.producer(node.input(1)); maker >= 0)
        if (const onnx::NodeProto &cast = editor.graph().node(maker); cast.op_type() == "Cast" && cast.input_size())
          weights = editor.constant(cast.input(0));
      if (weights && isHalf(weights->data_type()))
        return true;
    }
    return false;
  }

  void run() {
    onnx::GraphProto &main = *editor.mutableModel().mutable_graph();
    findPorts(main);
    forEachGraph(main, [&](onnx::GraphProto &graph) { widen(graph); });
    castPorts(main);
    editor.apply();
  }

private:
  static int32_t typeOf(const onnx::ValueInfoProto &value) { return value.type().tensor_type().elem_type(); }

  void findPorts(const onnx::GraphProto &main) {
    std::set<std::string> callers;
    for (const std::string &name : editor.callerInputs())
      callers.insert(name);
    for (const onnx::ValueInfoProto &input : main.input())
      if (isHalf(typeOf(input)) && callers.count(input.name()))
        inputs[input.name()] = typeOf(input);
    for (const onnx::ValueInfoProto &output : main.output())
      if (isHalf(typeOf(output)))
        outputs[output.name()] = typeOf(output);
  }

  void widen(onnx::GraphProto &graph) {
    for (onnx::TensorProto &tensor : *graph.mutable_initializer())
      widen(tensor);
    for (auto *values : {graph.mutable_value_info(), graph.mutable_input(), graph.mutable_output()})
      for (onnx::ValueInfoProto &value : *values)
        if (isHalf(typeOf(value)))
          value.mutable_type()->mutable_tensor_type()->set_elem_type(kFloat);
    for (onnx::NodeProto &node : *graph.mutable_node())
      widen(node);
  }

  void widen(onnx::NodeProto &node) {
    bool isCast = isOnnx(node) && node.op_type() == "Cast";
    // What was widened is no more to be cast: its values are seen as those of a constant.
    if (isCast && node.input_size() && constants.contains(node.input(0)) && intAttribute(node, "to", 0) == kFloat) {
      node.set_op_type("Identity");
      node.clear_attribute();
    }
    for (onnx::AttributeProto &attribute : *node.mutable_attribute()) {
      bool isType = attribute.name() == "to" || attribute.name() == "dtype" || attribute.name() == "output_dtype";
      if (isType && isHalf(attribute.i()))
        attribute.set_i(kFloat);
      if (attribute.has_t() && widen(*attribute.mutable_t()) && node.output_size())
        constants.insert(node.output(0));
    }
  }

  bool widen(onnx::TensorProto &tensor) {
    if (!isHalf(tensor.data_type()))
      return false;
    std::string raw = tensor.raw_data();
    for (int32_t value : tensor.int32_data()) {
      uint16_t bits = value;
      raw.append(reinterpret_cast<const char *>(&bits), sizeof(bits));
    }
    std::vector<float> values = widened(ArrayRef(raw.data(), raw.size()), tensor.data_type() == kBrain);
    tensor.clear_int32_data();
    tensor.set_raw_data(values.data(), values.size() * sizeof(float));
    tensor.set_data_type(kFloat);
    constants.insert(tensor.name());
    return true;
  }

  /// Gives inputs and outputs of the model their types again.
  void castPorts(onnx::GraphProto &main) {
    std::map<std::string, std::string> inside;
    for (const auto &ports : {inputs, outputs})
      for (const auto &[name, type] : ports)
        if (!inside.count(name))
          inside[name] = editor.freshName(name + "_f32");
    auto rename = [&](std::string &name) {
      if (auto known = inside.find(name); known != inside.end())
        name = known->second;
    };
    forEachGraph(main, [&](onnx::GraphProto &graph) {
      for (onnx::NodeProto &node : *graph.mutable_node()) {
        for (std::string &name : *node.mutable_input())
          rename(name);
        for (std::string &name : *node.mutable_output())
          rename(name);
      }
      if (&graph != &main)
        for (onnx::ValueInfoProto &output : *graph.mutable_output())
          rename(*output.mutable_name());
    });
    for (onnx::TensorProto &tensor : *main.mutable_initializer()) // one that is an output itself
      rename(*tensor.mutable_name());
    for (onnx::ValueInfoProto &value : *main.mutable_value_info())
      rename(*value.mutable_name());
    auto setType = [](auto &values, const auto &types) {
      for (onnx::ValueInfoProto &value : values)
        if (auto known = types.find(value.name()); known != types.end())
          value.mutable_type()->mutable_tensor_type()->set_elem_type(known->second);
    };
    setType(*main.mutable_input(), inputs);
    setType(*main.mutable_output(), outputs);
    google::protobuf::RepeatedPtrField<onnx::NodeProto> nodes;
    nodes.Swap(main.mutable_node());
    auto add = [&](const std::string &from, const std::string &to, int64_t type) {
      onnx::NodeProto node = makeNode("Cast", to + "_cast", {from}, to);
      addAttribute(node, "to", type);
      *main.add_node() = std::move(node);
    };
    for (const auto &[name, type] : inputs)
      add(name, inside[name], kFloat);
    for (onnx::NodeProto &node : nodes)
      main.add_node()->Swap(&node);
    for (const auto &[name, type] : outputs)
      if (!inputs.count(name)) // an input that is an output is one as it is
        add(inside[name], name, type);
  }

  ModelEditor &editor;
  std::map<std::string, int32_t> inputs, outputs; ///< of the model, of 16 bits, with their types
  StringSet<> constants;                          ///< that were of 16 bits
};

} // namespace

std::vector<float> widened(ArrayRef<char> bytes, bool isBrain) {
  const fltSemantics &semantics = isBrain ? APFloat::BFloat() : APFloat::IEEEhalf();
  std::vector<float> values(bytes.size() / sizeof(uint16_t));
  for (auto [i, value] : enumerate(values)) {
    uint16_t bits;
    std::memcpy(&bits, bytes.data() + i * sizeof(bits), sizeof(bits));
    value = APFloat(semantics, APInt(16, bits)).convertToFloat();
  }
  return values;
}

bool widenHalves(ModelEditor &editor) {
  Widener widener(editor);
  if (editor.model().functions_size() || !widener.isNeeded())
    return false;
  widener.run();
  return true;
}

} // namespace nncc::quantize
