// See WriteOutFunctions.h.
#include "lib/quantize/WriteOutFunctions.h"
#include "lib/import/onnx/Families.h"
#include "lib/import/onnx/Functions.h"
#include "lib/quantize/ModelEditor.h"

using namespace llvm;

namespace nncc::quantize {

namespace {

using Nodes = google::protobuf::RepeatedPtrField<onnx::NodeProto>;
/// What a name inside of a function is called outside.
using Names = std::map<std::string, std::string>;

// Those of the importer (GraphImporter), which runs the model first.
constexpr unsigned kMaxDepth = 64;
constexpr size_t kMaxNodes = 100000;

class Writer {
public:
  explicit Writer(onnx::ModelProto &model) : model(model) {
    for (const onnx::FunctionProto &function : model.functions())
      functions[{function.domain(), function.name()}] = &function;
    for (const auto &opset : model.opset_import())
      opsets[opset.domain() == "ai.onnx" ? "" : opset.domain()] = opset.version();
    forEachGraph(*model.mutable_graph(), [&](onnx::GraphProto &graph) {
      for (const onnx::NodeProto &node : graph.node())
        taken.insert(node.output().begin(), node.output().end());
      for (const auto &input : graph.input())
        taken.insert(input.name());
      for (const onnx::TensorProto &tensor : graph.initializer())
        taken.insert(tensor.name());
    });
  }

  bool run(std::string &error) {
    expand(*model.mutable_graph()->mutable_node(), 0);
    error = problem;
    if (!problem.empty())
      return false;
    if (!isAnyCalled)
      model.clear_functions();
    for (const auto &[domain, version] : used)
      if (!opsets.count(domain)) {
        auto &opset = *model.add_opset_import();
        opset.set_domain(domain);
        opset.set_version(version);
      }
    return true;
  }

private:
  /// The function that a node calls, if it is to be written out.
  const onnx::FunctionProto *calledBy(const onnx::NodeProto &node) {
    auto found = functions.find({node.domain(), node.op_type()});
    if (found == functions.end() || import::findOp(node.domain(), node.op_type()))
      return nullptr;
    bool isOfOpsets = all_of(found->second->opset_import(), [&](const onnx::OperatorSetIdProto &opset) {
      auto known = opsets.find(opset.domain() == "ai.onnx" ? "" : opset.domain());
      return known == opsets.end() || known->second == opset.version();
    });
    bool fits = node.input_size() <= found->second->input_size() && node.output_size() <= found->second->output_size();
    // A graph that is given to a function sees names of both.
    bool givesGraphs =
        any_of(node.attribute(), [](const onnx::AttributeProto &attribute) { return attribute.has_g(); });
    if (isOfOpsets && fits && !givesGraphs)
      return found->second;
    isAnyCalled = true;
    return nullptr;
  }

  void expand(Nodes &nodes, unsigned depth) {
    // Calls count: functions that only call others write out nothing.
    written += nodes.size();
    if (depth > kMaxDepth)
      problem = "functions are nested more than " + std::to_string(kMaxDepth) + " deep";
    else if (written > kMaxNodes)
      problem = "the model has more than " + std::to_string(kMaxNodes) + " nodes, functions written out";
    Nodes result;
    for (onnx::NodeProto &node : nodes) {
      if (!problem.empty())
        return;
      const onnx::FunctionProto *function = calledBy(node);
      auto arguments = function ? import::argumentsOf(node, *function) : std::nullopt;
      isAnyCalled |= function && !arguments;
      if (!arguments) {
        for (onnx::AttributeProto &attribute : *node.mutable_attribute())
          if (attribute.has_g())
            expand(*attribute.mutable_g()->mutable_node(), depth);
        *result.Add() = std::move(node);
        continue;
      }
      Nodes body = bodyOf(node, *function, *arguments);
      expand(body, depth + 1);
      for (onnx::NodeProto &inner : body)
        *result.Add() = std::move(inner);
    }
    nodes.Swap(&result);
  }

  Nodes bodyOf(const onnx::NodeProto &call, const onnx::FunctionProto &function, const import::Arguments &arguments) {
    for (const auto &opset : function.opset_import())
      used[opset.domain() == "ai.onnx" ? "" : opset.domain()] = opset.version();
    std::string prefix = !call.name().empty() ? call.name() : call.output_size() ? call.output(0) : call.op_type();
    prefix += "/";
    Names names{{"", ""}};
    for (auto [i, input] : enumerate(function.input()))
      names[input] = (int)i < call.input_size() ? call.input(i) : ""; // absent outside is absent inside
    Nodes body;
    std::vector<onnx::NodeProto> copies;
    for (auto [i, output] : enumerate(function.output())) {
      if ((int)i >= call.output_size() || call.output(i).empty())
        continue;
      // What has a name outside already is an input, or an output twice.
      auto [name, isNew] = names.insert({output, call.output(i)});
      if (!isNew)
        copies.push_back(makeNode("Identity", prefix + output, {name->second}, call.output(i)));
    }
    for (const onnx::NodeProto &inner : function.node()) {
      onnx::NodeProto &node = *body.Add();
      node = inner;
      import::substitute(node, arguments);
      rename(node, names, prefix);
    }
    for (onnx::NodeProto &copy : copies)
      *body.Add() = std::move(copy);
    return body;
  }

  void rename(std::string *name, Names &names, const std::string &prefix) {
    auto [known, isNew] = names.insert({*name, ""});
    if (isNew) {
      std::string fresh = prefix + *name;
      while (!taken.insert(fresh).second)
        fresh += "_";
      known->second = fresh;
    }
    *name = known->second;
  }

  /// A function sees no names but its own: all that nodes of its body name is renamed, in subgraphs too.
  void rename(onnx::NodeProto &node, Names &names, const std::string &prefix) {
    if (!node.name().empty())
      node.set_name(prefix + node.name());
    for (auto *list : {node.mutable_input(), node.mutable_output()})
      for (std::string &name : *list)
        rename(&name, names, prefix);
    for (onnx::AttributeProto &attribute : *node.mutable_attribute()) {
      if (!attribute.has_g())
        continue;
      onnx::GraphProto &graph = *attribute.mutable_g();
      for (onnx::NodeProto &inner : *graph.mutable_node())
        rename(inner, names, prefix);
      for (auto *list : {graph.mutable_input(), graph.mutable_output(), graph.mutable_value_info()})
        for (onnx::ValueInfoProto &value : *list)
          rename(value.mutable_name(), names, prefix);
      for (onnx::TensorProto &tensor : *graph.mutable_initializer())
        rename(tensor.mutable_name(), names, prefix);
      for (onnx::SparseTensorProto &tensor : *graph.mutable_sparse_initializer())
        rename(tensor.mutable_values()->mutable_name(), names, prefix);
    }
  }

  onnx::ModelProto &model;
  std::map<std::pair<std::string, std::string>, const onnx::FunctionProto *> functions;
  std::map<std::string, int64_t> opsets, used;
  std::set<std::string> taken;
  size_t written = 0;       ///< nodes, and calls in their places
  bool isAnyCalled = false; ///< still, when all is written out
  std::string problem;
};

} // namespace

bool writeOutFunctions(onnx::ModelProto &model, std::string &error) {
  return model.functions_size() == 0 || Writer(model).run(error);
}

} // namespace nncc::quantize
