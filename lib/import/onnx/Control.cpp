// Control flow: branches whose condition is known are inlined, loops whose count is known are unrolled.
#include "lib/import/onnx/Families.h"
#include "lib/import/onnx/Graph.h"

using namespace mlir;
using namespace nncc::nn;

namespace nncc::import {
namespace {

Scope scopeInside(Node &node, const std::string &prefix) {
  Scope inside;
  inside.parent = &node.graphScope();
  inside.opsets = inside.parent->opsets;
  inside.depth = inside.parent->depth + 1;
  inside.prefix = prefix;
  return inside;
}

/// Imports a branch; its outputs' values, or nothing when it failed.
std::optional<SmallVector<Value>> importBranch(Node &node, StringRef name) {
  onnx::GraphProto *graph = node.subgraph(name);
  if (!graph)
    return std::nullopt;
  if (graph->output_size() != (int)node.outputCount()) {
    node.error(name + " has " + Twine(graph->output_size()) + " outputs, the node " + Twine(node.outputCount()));
    return std::nullopt;
  }
  Scope inside = scopeInside(node, node.name() + "/");
  if (failed(node.importer().importGraph(*graph, inside))) {
    node.set(0, Value()); // reported inside
    return std::nullopt;
  }
  SmallVector<Value> values;
  for (const auto &output : graph->output())
    values.push_back(node.importer().lookup(inside, output.name()));
  return values;
}

/// A branch that is not taken may be anything. Without a known condition both are computed, and elements chosen.
void importIf(Node &node) {
  if (!node.requireBool(0))
    return;
  auto known = readElements(node.constant(0), 1);
  node.ignore({"then_branch", "else_branch"});
  if (known && known->size() == 1) {
    if (auto values = importBranch(node, known->ints[0] ? "then_branch" : "else_branch"))
      for (auto [i, value] : llvm::enumerate(*values))
        node.set(i, value);
    return;
  }
  if (product(node.shape(0)) != 1)
    return node.error("the condition has the shape of more than one element");
  std::string advice = node.importer().adviceToKnow(node.input(0));
  std::optional<SmallVector<Value>> yes, no;
  {
    GraphImporter::UndecidedBranch inside(node.importer(), "it is in a branch of " + node.describe() +
                                                               ", whose condition is not known: " + advice);
    if ((yes = importBranch(node, "then_branch")))
      no = importBranch(node, "else_branch");
  }
  if (!yes || !no)
    return;
  for (size_t i = 0; i < yes->size(); ++i) {
    if ((*yes)[i].getType() != (*no)[i].getType())
      return node.error("the branches make tensors of different shapes, and the condition is not known at compile time",
                        advice);
    Value condition = node.reshape(node.input(0), {});
    node.set(i, node.select(condition, (*yes)[i], (*no)[i]));
  }
}

/// More iterations than this make more code than anybody wants.
constexpr int64_t kMaxIterations = 1024;

void importLoop(Node &node) {
  onnx::GraphProto *body = node.subgraph("body");
  if (!body)
    return;
  int64_t count = kMaxIterations + 1;
  if (node.hasInput(0)) {
    auto given = node.integerOf(0, "trip count");
    if (!given)
      return;
    count = std::max<int64_t>(0, *given);
  }
  bool goesOn = true;
  if (node.hasInput(1)) {
    auto given = node.integerOf(1, "condition");
    if (!given)
      return;
    goesOn = *given;
  }
  int carried = std::max(0, (int)node.inputCount() - 2);
  if (body->input_size() != carried + 2 || body->output_size() < carried + 1 ||
      (int)node.outputCount() > body->output_size() - 1)
    return node.error("the body has " + Twine(body->input_size()) + " inputs and " + Twine(body->output_size()) +
                      " outputs, which does not fit " + Twine(carried) + " carried values");
  SmallVector<Value> state;
  for (int i = 0; i < carried; ++i)
    state.push_back(node.input(2 + i));
  // Weights are read once, into a scope around all iterations.
  Scope weights = scopeInside(node, "");
  for (onnx::TensorProto &weight : *body->mutable_initializer())
    weights.weights[weight.name()] = &weight;
  onnx::GraphProto bare;
  *bare.mutable_node() = body->node();
  *bare.mutable_output() = body->output();
  SmallVector<SmallVector<Value>> scans(body->output_size() - 1 - carried);
  for (int64_t i = 0; i < count && goesOn; ++i) {
    if (i >= kMaxIterations)
      return node.error("the loop runs more than " + Twine(kMaxIterations) + " times", "nncc unrolls loops");
    Scope inside = scopeInside(node, node.name() + "." + std::to_string(i) + "/");
    inside.parent = &weights;
    inside.values[body->input(0).name()] = node.constant({i}, {}, node.builder.getI64Type());
    inside.values[body->input(1).name()] = node.constant({1}, {}, node.builder.getI1Type());
    for (int j = 0; j < carried; ++j)
      inside.values[body->input(2 + j).name()] = state[j];
    onnx::GraphProto copy = bare;
    if (failed(node.importer().importGraph(copy, inside)))
      return node.set(0, Value()); // reported inside
    Value condition = node.importer().lookup(inside, body->output(0).name());
    auto next = readElements(getConstantValue(condition), 1);
    if (!next || next->size() != 1 || next->isFloat())
      return node.error("the loop's condition has to be known at compile time",
                        node.importer().adviceToKnow(condition));
    goesOn = next->ints[0];
    for (int j = 0; j < carried; ++j)
      state[j] = node.importer().lookup(inside, body->output(1 + j).name());
    for (size_t j = 0; j < scans.size(); ++j)
      scans[j].push_back(node.importer().lookup(inside, body->output(1 + carried + j).name()));
  }
  for (int i = 0; i < carried; ++i)
    node.set(i, state[i]);
  for (auto [i, parts] : llvm::enumerate(scans)) {
    if (!node.wants(carried + i))
      continue;
    if (parts.empty())
      return node.error("the loop does not run: the shape of what it collects is not known");
    SmallVector<Value> rows;
    for (Value part : parts) {
      SmallVector<int64_t> shape(shapeOf(part));
      shape.insert(shape.begin(), 1);
      rows.push_back(node.reshape(part, shape));
    }
    node.set(carried + i, node.concat(rows, 0));
  }
}

const OpEntry kOps[] = {
    {"If", 1, 1, importIf},
    {"Loop", 0, kAny, importLoop},
};
} // namespace

ArrayRef<OpEntry> controlOps() { return kOps; }

} // namespace nncc::import
