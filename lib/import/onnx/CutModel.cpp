// See CutModel.h.
#include "lib/import/onnx/CutModel.h"
#include "lib/import/onnx/Graph.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;

namespace nncc::import {
namespace {

class Cutter {
public:
  Cutter(onnx::GraphProto &graph, const ImportOptions &options, Location loc)
      : graph(graph), options(options), loc(loc) {
    for (const auto &[at, node] : llvm::enumerate(graph.node()))
      for (const std::string &name : node.output())
        if (!name.empty())
          makers.try_emplace(name, at);
    for (const auto &input : graph.input())
      inputs.insert(input.name());
    for (const auto &value : graph.value_info())
      types.try_emplace(value.name(), &value);
    for (const auto &output : graph.output())
      types.try_emplace(output.name(), &output);
  }

  LogicalResult run() {
    if (failed(begin()) || failed(end()))
      return failure();
    isLive = liveNodes(graph, makers, needed);
    for (const std::string &name : options.begin)
      if (!needed.contains(name))
        return fail("--begin=" + name + ": no output of the model is computed from it");
    dropUnneeded();
    return success();
  }

private:
  LogicalResult fail(const Twine &reason, StringRef whatToDo = "") {
    InFlightDiagnostic diagnostic = emitError(loc) << reason;
    if (!whatToDo.empty())
      diagnostic.attachNote() << whatToDo;
    return failure();
  }

  /// A name that is none of a tensor: of a node, or a slip.
  LogicalResult failUnknown(StringRef option, const std::string &name) {
    std::string whatToDo;
    for (const auto &node : graph.node())
      if (!name.empty() && node.name() == name)
        whatToDo = "the node of this name makes " + llvm::join(node.output(), ", ");
    if (whatToDo.empty() && !makers.empty()) {
      const unsigned most = std::max<size_t>(2, name.size() / 5);
      // By how many letters names differ; the same order on every run.
      std::pair<unsigned, StringRef> nearest(most + 1, "");
      for (const auto &maker : makers)
        nearest =
            std::min(nearest, std::pair(StringRef(name).edit_distance(maker.getKey(), true, most), maker.getKey()));
      if (nearest.first <= most)
        whatToDo = ("did you mean '" + nearest.second + "'?").str();
    }
    for (const auto &weight : graph.initializer())
      if (weight.name() == name)
        return fail("--" + option + "=" + name + ": it is a weight, which nothing computes");
    return fail("--" + option + "=" + name + ": no node of the graph makes a tensor of this name", whatToDo);
  }

  /// The data type of a tensor that the file gives no type: steps where it is a quantizer's, f32 elsewhere. Those who
  /// quantize models write no types.
  int32_t typeMadeBy(const onnx::NodeProto &node, StringRef name) const {
    StringRef op = node.op_type();
    if (op == "DynamicQuantizeLinear")
      return node.output_size() > 1 && name == node.output(1) ? onnx::TensorProto::FLOAT : onnx::TensorProto::UINT8;
    if (op == "QuantizeLinear" || op.starts_with("QLinear") || op == "QGemm") {
      // A zero point: that of the results, or, which is of the same type, that of the first operand.
      int at = op == "QLinearConcat" ? 1 : 2;
      for (const auto &weight : graph.initializer())
        if (at < node.input_size() && weight.name() == node.input(at))
          return weight.data_type();
      return numberOf(node, "output_dtype", onnx::TensorProto::UINT8);
    }
    return op == "Cast" ? numberOf(node, "to", onnx::TensorProto::FLOAT) : onnx::TensorProto::FLOAT;
  }

  static int32_t numberOf(const onnx::NodeProto &node, StringRef attribute, int32_t without) {
    for (const auto &given : node.attribute())
      if (given.name() == attribute)
        return given.i();
    return without;
  }

  /// Makes inputs of the tensors that the part begins with.
  LogicalResult begin() {
    llvm::StringSet<> seen;
    for (const std::string &name : options.begin) {
      if (!seen.insert(name).second)
        return fail("--begin=" + name + " is given twice");
      if (inputs.contains(name))
        continue;
      auto maker = makers.find(name);
      if (maker == makers.end())
        return failUnknown("begin", name);
      onnx::ValueInfoProto &input = *graph.add_input();
      if (auto known = types.find(name); known != types.end() && known->second->has_type())
        input = *known->second;
      else
        input.mutable_type()->mutable_tensor_type()->set_elem_type(typeMadeBy(graph.node(maker->second), name));
      input.set_name(name);
      inputs.insert(name);
      // Other outputs of the node may be read still.
      for (std::string &output : *graph.mutable_node(maker->second)->mutable_output())
        if (output == name)
          output.clear();
      makers.erase(maker);
    }
    return success();
  }

  /// Makes outputs of the tensors that the part ends with.
  LogicalResult end() {
    if (options.end.empty())
      return success();
    google::protobuf::RepeatedPtrField<onnx::ValueInfoProto> outputs;
    llvm::StringSet<> seen;
    for (const std::string &name : options.end) {
      if (!seen.insert(name).second)
        return fail("--end=" + name + " is given twice");
      if (!makers.contains(name))
        return inputs.contains(name) ? fail("--end=" + name + ": it is an input") : failUnknown("end", name);
      onnx::ValueInfoProto &output = *outputs.Add();
      if (auto known = types.find(name); known != types.end())
        output = *known->second;
      output.set_name(name);
    }
    graph.mutable_output()->Swap(&outputs);
    return success();
  }

  template <typename List, typename IsNeeded> static void keep(List &list, IsNeeded isNeeded) {
    int kept = 0;
    for (int i = 0; i < list.size(); ++i)
      if (isNeeded(i))
        list.SwapElements(kept++, i);
    list.DeleteSubrange(kept, list.size() - kept);
  }

  void dropUnneeded() {
    keep(*graph.mutable_node(), [&](int i) { return isLive[i]; });
    keep(*graph.mutable_input(), [&](int i) { return needed.contains(graph.input(i).name()); });
    keep(*graph.mutable_initializer(), [&](int i) { return needed.contains(graph.initializer(i).name()); });
    keep(*graph.mutable_sparse_initializer(),
         [&](int i) { return needed.contains(graph.sparse_initializer(i).values().name()); });
  }

  onnx::GraphProto &graph;
  const ImportOptions &options;
  Location loc;
  llvm::StringMap<int> makers; ///< the node of each tensor
  llvm::StringSet<> inputs, needed;
  llvm::StringMap<const onnx::ValueInfoProto *> types;
  std::vector<bool> isLive;
};

/// The data type of ONNX that elements of a type have in the IR.
int32_t dataTypeOf(Type element) {
  for (int32_t type = onnx::TensorProto::DataType_MIN; type <= onnx::TensorProto::DataType_MAX; ++type)
    if (elementTypeOf(type, element.getContext()) == element)
      return type;
  return onnx::TensorProto::UNDEFINED;
}

} // namespace

void completePort(onnx::ValueInfoProto &port, RankedTensorType type) {
  onnx::TypeProto::Tensor &declared = *port.mutable_type()->mutable_tensor_type();
  declared.set_elem_type(dataTypeOf(type.getElementType()));
  declared.clear_shape();
  for (int64_t dim : type.getShape())
    declared.mutable_shape()->add_dim()->set_dim_value(dim);
}

std::unique_ptr<onnx::ModelProto> readModel(const std::string &path, const ImportOptions &options, Location loc) {
  if (options.model)
    return std::make_unique<onnx::ModelProto>(*options.model);
  auto model = readModelFile(path, loc);
  bool isPart = !options.begin.empty() || !options.end.empty();
  if (model && isPart && failed(Cutter(*model->mutable_graph(), options, loc).run()))
    return nullptr;
  return model;
}

} // namespace nncc::import
