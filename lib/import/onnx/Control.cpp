// Control flow: branches whose condition is known are inlined, loops whose count is known are unrolled.
#include "lib/import/onnx/Families.h"
#include "lib/import/onnx/Graph.h"

using namespace mlir;
using namespace nncc::nn;

namespace nncc::import {
namespace {

/// Imports a branch; its outputs, or nothing when it failed.
std::optional<SmallVector<Item>> importBranch(Node &node, StringRef name) {
  onnx::GraphProto *graph = node.subgraph(name);
  if (!graph)
    return std::nullopt;
  if (graph->output_size() != (int)node.outputCount()) {
    node.error(name + " has " + Twine(graph->output_size()) + " outputs, the node " + Twine(node.outputCount()));
    return std::nullopt;
  }
  Scope inside = scopeInside(node.graphScope(), node.name() + "/");
  if (failed(node.importer().importGraph(*graph, inside))) {
    node.set(0, Value()); // reported inside
    return std::nullopt;
  }
  SmallVector<Item> items;
  for (const auto &output : graph->output())
    items.push_back(node.importer().lookupItem(inside, output.name()));
  return items;
}

/// The elements of one of two tensors, which the condition chooses when the library runs.
Value choose(Node &node, Value yes, Value no, StringRef advice) {
  if (!yes || !no || yes.getType() != no.getType()) {
    node.error("the branches make tensors of different shapes, and the condition is not known at compile time", advice);
    return {};
  }
  return node.select(node.reshape(node.input(0), {}), yes, no);
}

Item choose(Node &node, const Item &yes, const Item &no, StringRef advice) {
  if (!yes.sequence || !no.sequence)
    return {choose(node, yes.tensor, no.tensor, advice), std::nullopt};
  if (yes.sequence->parts.size() != no.sequence->parts.size() || yes.sequence->isAbsent != no.sequence->isAbsent) {
    node.error("the branches make sequences of different lengths, and the condition is not known at compile time",
               advice);
    return {};
  }
  Sequence chosen = *yes.sequence;
  for (auto [part, other] : llvm::zip(chosen.parts, no.sequence->parts))
    part = choose(node, part, other, advice);
  return {{}, chosen};
}

/// A branch that is not taken may be anything. Without a known condition both are computed, and elements chosen.
void importIf(Node &node) {
  if (!node.requireBool(0))
    return;
  auto known = readElements(node.constant(0), 1);
  node.ignore({"then_branch", "else_branch"});
  if (known && known->size() == 1) {
    if (auto items = importBranch(node, known->ints[0] ? "then_branch" : "else_branch"))
      for (auto [i, item] : llvm::enumerate(*items))
        node.set(i, item);
    return;
  }
  if (product(node.shape(0)) != 1)
    return node.error("the condition has the shape of more than one element");
  std::string advice = node.importer().adviceToKnow(node.input(0));
  std::optional<SmallVector<Item>> yes, no;
  {
    GraphImporter::UndecidedBranch inside(node.importer(), "it is in a branch of " + node.describe() +
                                                               ", whose condition is not known: " + advice);
    if ((yes = importBranch(node, "then_branch")))
      no = importBranch(node, "else_branch");
  }
  if (!yes || !no)
    return;
  for (size_t i = 0; i < yes->size() && !node.failed(); ++i)
    node.set(i, choose(node, (*yes)[i], (*no)[i], advice));
}

/// More iterations than this make more code than anybody wants.
constexpr int64_t kMaxIterations = 1024;

/// The body of a loop, imported once for each iteration. Its weights are read once, into a scope around all of them.
class Body {
public:
  Body(Node &node, onnx::GraphProto &graph) : node(node), graph(graph), weights(scopeInside(node.graphScope(), "")) {
    for (onnx::TensorProto &weight : *graph.mutable_initializer())
      weights.weights[weight.name()] = &weight;
    *bare.mutable_node() = graph.node();
    *bare.mutable_output() = graph.output();
  }

  /// The outputs for these inputs; nothing when the body could not be imported, which is reported.
  std::optional<SmallVector<Item>> run(int64_t iteration, ArrayRef<Item> inputs) {
    if (iteration >= kMaxIterations) {
      node.error("the loop runs more than " + Twine(kMaxIterations) + " times", "nncc unrolls loops");
      return std::nullopt;
    }
    Scope inside = scopeInside(weights, node.name() + "." + std::to_string(iteration) + "/");
    for (auto [i, input] : llvm::enumerate(inputs))
      inside.bind(graph.input(i).name(), input);
    onnx::GraphProto copy = bare;
    if (failed(node.importer().importGraph(copy, inside))) {
      node.set(0, Value()); // reported inside
      return std::nullopt;
    }
    SmallVector<Item> outputs;
    for (const auto &output : graph.output())
      outputs.push_back(node.importer().lookupItem(inside, output.name()));
    return outputs;
  }

private:
  Node &node;
  onnx::GraphProto &graph;
  onnx::GraphProto bare;
  Scope weights;
};

/// Joins what iterations made, each a slice of the result along a new axis, and gives it to an output.
///
/// like  a slice, for a loop that does not run
/// axis  of the result; negative ones count from its end
void setCollected(Node &node, size_t output, ArrayRef<Value> parts, Value like, int64_t axis) {
  if (!node.wants(output))
    return;
  if (!parts.empty())
    like = parts[0];
  SmallVector<Value> slices;
  int64_t at = like ? node.axis(axis, rankOf(like) + 1) : 0;
  if (node.failed())
    return;
  if (parts.empty()) {
    SmallVector<int64_t> shape(shapeOf(like));
    shape.insert(shape.begin() + at, 0);
    return node.set(output, node.constant({}, shape, elementOf(like)));
  }
  for (Value part : parts) {
    if (!part || rankOf(part) != rankOf(parts[0]))
      return node.error("the loop collects tensors of different ranks");
    SmallVector<int64_t> shape(shapeOf(part));
    shape.insert(shape.begin() + at, 1);
    slices.push_back(node.reshape(part, shape));
  }
  node.set(output, node.concat(slices, at));
}

/// A tensor that a body made where only tensors can be.
Value tensorOf(Node &node, const Item &item) {
  if (item.sequence)
    node.error("the loop collects a sequence, only tensors can be");
  return item.tensor;
}

void importLoop(Node &node) {
  onnx::GraphProto *graph = node.subgraph("body");
  if (!graph)
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
  if (graph->input_size() != carried + 2 || graph->output_size() < carried + 1 ||
      (int)node.outputCount() > graph->output_size() - 1)
    return node.error("the body has " + Twine(graph->input_size()) + " inputs and " + Twine(graph->output_size()) +
                      " outputs, which does not fit " + Twine(carried) + " carried values");
  Body body(node, *graph);
  SmallVector<Item> inputs(2);
  for (int i = 0; i < carried; ++i)
    inputs.push_back(node.item(2 + i));
  SmallVector<SmallVector<Value>> collected(graph->output_size() - 1 - carried);
  for (int64_t i = 0; i < count && goesOn; ++i) {
    inputs[0].tensor = node.constant({i}, {}, node.builder.getI64Type());
    inputs[1].tensor = node.constant({1}, {}, node.builder.getI1Type());
    auto outputs = body.run(i, inputs);
    if (!outputs)
      return;
    Value condition = (*outputs)[0].tensor;
    if (!condition)
      return node.error("the loop's condition is a sequence");
    auto next = readElements(getConstantValue(condition), 1);
    if (!next || next->size() != 1 || next->isFloat())
      return node.error("the loop's condition has to be known at compile time",
                        node.importer().adviceToKnow(condition));
    goesOn = next->ints[0];
    for (int j = 0; j < carried; ++j)
      inputs[2 + j] = (*outputs)[1 + j];
    for (size_t j = 0; j < collected.size(); ++j)
      collected[j].push_back(tensorOf(node, (*outputs)[1 + carried + j]));
  }
  // A loop that does not run would collect what one iteration makes: that says the shape.
  SmallVector<Value> like(collected.size());
  if (!collected.empty() && collected[0].empty()) {
    inputs[0].tensor = node.constant({0}, {}, node.builder.getI64Type());
    inputs[1].tensor = node.constant({1}, {}, node.builder.getI1Type());
    auto outputs = body.run(0, inputs);
    if (!outputs)
      return;
    for (size_t j = 0; j < like.size(); ++j)
      like[j] = tensorOf(node, (*outputs)[1 + carried + j]);
  }
  for (int i = 0; i < carried; ++i)
    node.set(i, inputs[2 + i]);
  for (auto [i, parts] : llvm::enumerate(collected))
    setCollected(node, carried + i, parts, like[i], 0);
}

//===-- Scan --------------------------------------------------------------===//

/// Attributes of Scan: one number per scanned input or collected output.
SmallVector<int64_t> perValue(Node &node, StringRef name, int64_t count) {
  SmallVector<int64_t> values = node.integers(name, SmallVector<int64_t>(count, 0));
  if ((int64_t)values.size() != count)
    node.error(name + " " + describeShape(values) + " must have " + Twine(count) + " values");
  values.resize(count, 0);
  return values;
}

/// A loop over slices of its last inputs; states come before them, collected outputs behind the states.
void importScan(Node &node) {
  int64_t scanned = node.requiredInteger("num_scan_inputs"), states = (int64_t)node.inputCount() - scanned;
  onnx::GraphProto *graph = node.subgraph("body");
  if (node.opset() < 9)
    return node.error("scans of batches are not supported", "nncc supports Scan of opset 9 and later");
  if (!graph)
    return;
  if (scanned < 1 || states < 0 || graph->input_size() != (int)node.inputCount() ||
      graph->output_size() != (int)node.outputCount() || graph->output_size() < states)
    return node.error("the body has " + Twine(graph->input_size()) + " inputs and " + Twine(graph->output_size()) +
                      " outputs, which does not fit " + Twine(states) + " states and " + Twine(scanned) +
                      " scanned inputs");
  int64_t made = graph->output_size() - states;
  SmallVector<int64_t> axes = perValue(node, "scan_input_axes", scanned);
  SmallVector<int64_t> backward = perValue(node, "scan_input_directions", scanned);
  SmallVector<int64_t> outputAxes = perValue(node, "scan_output_axes", made);
  SmallVector<int64_t> outputBackward = perValue(node, "scan_output_directions", made);
  int64_t steps = -1;
  for (int64_t i = 0; i < scanned && !node.failed(); ++i) {
    axes[i] = node.axis(axes[i], node.rank(states + i));
    int64_t size = node.failed() ? 0 : node.shape(states + i)[axes[i]];
    if (steps >= 0 && size != steps)
      node.error("scanned inputs have " + Twine(steps) + " and " + Twine(size) + " slices");
    steps = size;
  }
  if (node.failed())
    return;
  Body body(node, *graph);
  SmallVector<Item> inputs;
  for (size_t i = 0; i < node.inputCount(); ++i)
    inputs.push_back(node.item(i));
  SmallVector<SmallVector<Value>> collected(made);
  SmallVector<Value> like(made);
  // Where there are no slices, one iteration on zeros says the shapes of what would be collected.
  for (int64_t t = 0; t < std::max<int64_t>(1, steps); ++t) {
    for (int64_t i = 0; i < scanned; ++i) {
      SmallVector<int64_t> shape(node.shape(states + i));
      shape.erase(shape.begin() + axes[i]);
      Value x = node.input(states + i);
      inputs[states + i].tensor = steps == 0
                                      ? node.splat(0, shape, elementOf(x))
                                      : node.reshape(node.slice(x, axes[i], backward[i] ? steps - 1 - t : t, 1), shape);
    }
    auto outputs = node.failed() ? std::nullopt : body.run(t, inputs);
    if (!outputs)
      return;
    for (int64_t i = 0; i < made; ++i)
      like[i] = tensorOf(node, (*outputs)[states + i]);
    if (steps == 0)
      break;
    for (int64_t i = 0; i < states; ++i)
      inputs[i] = (*outputs)[i];
    for (int64_t i = 0; i < made; ++i)
      collected[i].push_back(like[i]);
  }
  for (int64_t i = 0; i < states; ++i)
    node.set(i, inputs[i]);
  for (int64_t i = 0; i < made; ++i) {
    if (outputBackward[i])
      std::reverse(collected[i].begin(), collected[i].end());
    setCollected(node, states + i, collected[i], like[i], outputAxes[i]);
  }
}

/// A loop over the tensors of sequences; operands that are tensors are the same in each iteration.
void importSequenceMap(Node &node) {
  onnx::GraphProto *graph = node.subgraph("body");
  const Sequence *first = node.sequence(0);
  if (!graph || !first)
    return;
  if (graph->input_size() != (int)node.inputCount() || graph->output_size() != (int)node.outputCount())
    return node.error("the body has " + Twine(graph->input_size()) + " inputs and " + Twine(graph->output_size()) +
                      " outputs, the node " + Twine(node.inputCount()) + " and " + Twine(node.outputCount()));
  Body body(node, *graph);
  SmallVector<Sequence> made(node.outputCount());
  for (size_t t = 0; t < first->parts.size(); ++t) {
    SmallVector<Item> inputs;
    for (size_t i = 0; i < node.inputCount(); ++i) {
      Item item = node.item(i);
      if (item.sequence && item.sequence->parts.size() != first->parts.size())
        return node.error("maps sequences of " + Twine(first->parts.size()) + " and " +
                          Twine(item.sequence->parts.size()) + " tensors");
      inputs.push_back(item.sequence ? Item{item.sequence->parts[t], std::nullopt} : item);
    }
    auto outputs = body.run(t, inputs);
    if (!outputs)
      return;
    for (auto [output, sequence] : llvm::zip(*outputs, made))
      sequence.parts.push_back(tensorOf(node, output));
  }
  for (auto [i, sequence] : llvm::enumerate(made))
    node.set(i, Item{{}, sequence});
}

const OpEntry kOps[] = {
    {"If", 1, 1, importIf},
    {"Loop", 0, kAny, importLoop},
    {"Scan", 1, kAny, importScan},
    {"SequenceMap", 1, kAny, importSequenceMap},
};
} // namespace

ArrayRef<OpEntry> controlOps() { return kOps; }

} // namespace nncc::import
