// See Graph.h. A graph is first planned (names, order, every node's operator and input count), then imported node by
// node.
#include "lib/import/onnx/Graph.h"
#include "dialects/nn/ConstantData.h"
#include "lib/import/onnx/Families.h"
#include "lib/import/onnx/Functions.h"
#include "lib/import/onnx/Import.h"
#include <functional>
#include <queue>

using namespace mlir;

namespace nncc::import {

GraphImporter::GraphImporter(onnx::ModelProto &model, const std::string &path, OpBuilder &builder,
                             const std::function<void(StringRef)> &onFile)
    : builder(builder), weights(path, builder.getContext(), onFile),
      fileLocation(FileLineColLoc::get(builder.getContext(), path, 0, 0)) {
  weights.share(model);
  for (const onnx::FunctionProto &function : model.functions())
    functions[{function.domain(), function.name()}] = &function;
}

//===-- Errors ------------------------------------------------------------===//

/// A reason without the names in it: what differs between nodes that have the same mistake.
static std::string withoutNames(StringRef reason) {
  std::string kind;
  bool isName = false;
  for (StringRef part : llvm::split(reason, '\'')) {
    kind += isName ? "''" : part.str();
    isName = !isName;
  }
  return kind;
}

bool GraphImporter::Mistake::isSameKind(const Mistake &other) const {
  return node && other.node && node->op == other.node->op && node->opset == other.node->opset &&
         undecided == other.undecided && withoutNames(reason) == withoutNames(other.reason);
}

void GraphImporter::add(Mistake mistake) {
  ++errors;
  mistake.undecided = undecided;
  auto same = llvm::find_if(mistakes, [&](const Mistake &other) { return other.isSameKind(mistake); });
  if (same != mistakes.end())
    same->others.push_back(mistake.node->name.empty() ? "#" + std::to_string(mistake.node->index)
                                                      : "'" + mistake.node->name + "'");
  else if (mistakes.size() < kMaxErrors)
    mistakes.push_back(std::move(mistake));
  else
    ++hiddenErrors;
}

void GraphImporter::error(const Twine &reason, const Twine &whatToDo) {
  add({std::nullopt, reason.str(), whatToDo.str(), {}, {}});
}

void GraphImporter::error(const NodeRef &node, const Twine &reason, const Twine &whatToDo) {
  add({node, reason.str(), whatToDo.str(), {}, {}});
}

void GraphImporter::report(const Mistake &mistake) {
  constexpr size_t shown = 5;
  InFlightDiagnostic diagnostic =
      mistake.node ? userError(fileLocation, *mistake.node, mistake.reason) : emitError(fileLocation) << mistake.reason;
  if (size_t count = mistake.others.size())
    diagnostic.attachNote() << "the same with " << count
                            << " more: " << llvm::join(ArrayRef(mistake.others).take_front(shown), ", ")
                            << (count > shown ? ", ..." : "");
  if (!mistake.whatToDo.empty())
    diagnostic.attachNote() << mistake.whatToDo;
  for (const std::string &why : mistake.undecided)
    diagnostic.attachNote() << why;
}

void GraphImporter::warning(const Twine &reason, const Twine &note) {
  InFlightDiagnostic diagnostic = emitWarning(fileLocation) << reason;
  diagnostic.attachNote() << note.str();
}

void GraphImporter::finishErrors() {
  for (const Mistake &mistake : mistakes)
    report(mistake);
  if (hiddenErrors)
    emitError(fileLocation) << hiddenErrors << " more mistakes are not shown";
}

std::string GraphImporter::adviceToKnow(Value value) const {
  SmallVector<Value> pending{value};
  llvm::DenseSet<Value> seen;
  SmallVector<std::string> deciding;
  std::string data;
  while (!pending.empty()) {
    Value next = pending.pop_back_val();
    if (!seen.insert(next).second)
      continue;
    if (Operation *op = next.getDefiningOp()) {
      pending.append(op->operand_begin(), op->operand_end());
      continue;
    }
    auto input = inputNames.find(next);
    if (input == inputNames.end())
      continue;
    auto type = cast<RankedTensorType>(next.getType());
    if (isa<IntegerType>(type.getElementType()) && type.getRank() <= 1)
      deciding.push_back("--bind " + input->second + "=VALUE");
    else
      data = input->second;
  }
  if (!data.empty())
    return "it depends on the values of input '" + data + "', which nncc does not know before the model runs" +
           adviceToEnd();
  if (deciding.empty())
    return "compute it from constants and shapes";
  llvm::sort(deciding);
  return "it depends on the value of an input: give that with " + llvm::join(deciding, " ");
}

Scope scopeInside(Scope &around, const std::string &prefix) {
  Scope inside;
  inside.parent = &around;
  inside.opsets = around.opsets;
  inside.depth = around.depth + 1;
  inside.prefix = prefix;
  return inside;
}

bool GraphImporter::countFolded(Operation *op, ElementsAttr result) {
  auto count = [&](ElementsAttr value) {
    foldedBytes += isa<SplatElementsAttr>(value) ? 0 : nn::constantBytes(cast<RankedTensorType>(value.getType()));
  };
  count(result);
  for (Value operand : op->getOperands())
    count(nn::getConstantValue(operand));
  return foldedBytes <= kMaxFoldedBytes;
}

//===-- Names -------------------------------------------------------------===//

bool GraphImporter::isDefined(const Scope &scope, StringRef name) {
  for (const Scope *at = &scope; at; at = at->parent)
    if (at->values.contains(name) || at->weights.contains(name) || at->sequences.contains(name))
      return true;
  return false;
}

void Scope::bind(StringRef name, Item item) {
  if (item.sequence)
    sequences[name] = std::move(*item.sequence);
  else
    values[name] = item.tensor;
}

const Sequence *GraphImporter::findSequence(const Scope &scope, StringRef name) {
  for (const Scope *at = &scope; at; at = at->parent) {
    if (auto found = at->sequences.find(name); found != at->sequences.end())
      return &found->second;
    if (at->values.contains(name) || at->weights.contains(name))
      return nullptr;
  }
  return nullptr;
}

Item GraphImporter::lookupItem(Scope &scope, StringRef name) {
  if (const Sequence *found = findSequence(scope, name))
    return {{}, *found};
  return {lookup(scope, name), std::nullopt};
}

Value GraphImporter::lookup(Scope &scope, StringRef name) {
  for (Scope *at = &scope; at; at = at->parent) {
    if (auto found = at->values.find(name); found != at->values.end())
      return found->second;
    auto weight = at->weights.find(name);
    if (weight == at->weights.end())
      continue;
    bool isOfNibbles = weights.isOfNibbles(*weight->second);
    ElementsAttr attr = weights.read(*weight->second, [&](const Twine &reason, const Twine &whatToDo) {
      error("weights of '" + name + "': " + reason, whatToDo);
    });
    Value value;
    if (attr)
      value = nn::ConstantOp::create(builder, builder.getUnknownLoc(), attr);
    if (value && isOfNibbles)
      markNibbles(value);
    at->values[name] = value;
    at->weights.erase(weight);
    return value;
  }
  return {};
}

/// Calls `use` with the names that the nodes of a graph read and that neither it nor a graph around it makes.
static void forEachCapture(const onnx::GraphProto &graph, llvm::function_ref<void(const std::string &)> use) {
  llvm::StringSet<> own;
  for (const auto &input : graph.input())
    own.insert(input.name());
  for (const auto &weight : graph.initializer())
    own.insert(weight.name());
  for (const auto &node : graph.node())
    for (const auto &output : node.output())
      own.insert(output);
  auto useOuter = [&](const std::string &name) {
    if (!own.contains(name))
      use(name);
  };
  for (const auto &node : graph.node())
    forEachUse(node, useOuter);
  for (const auto &output : graph.output())
    useOuter(output.name());
}

void forEachUse(const onnx::NodeProto &node, llvm::function_ref<void(const std::string &)> use) {
  for (const std::string &name : node.input())
    if (!name.empty())
      use(name);
  for (const onnx::AttributeProto &attribute : node.attribute()) {
    if (attribute.has_g())
      forEachCapture(attribute.g(), use);
    for (const onnx::GraphProto &graph : attribute.graphs())
      forEachCapture(graph, use);
  }
}

std::vector<bool> liveNodes(const onnx::GraphProto &graph, const llvm::StringMap<int> &makers,
                            llvm::StringSet<> &needed) {
  std::vector<bool> isLive(graph.node_size(), false);
  SmallVector<int> pending;
  auto need = [&](const std::string &name) {
    needed.insert(name);
    auto maker = makers.find(name);
    if (maker != makers.end() && !isLive[maker->second]) {
      isLive[maker->second] = true;
      pending.push_back(maker->second);
    }
  };
  for (const auto &output : graph.output())
    need(output.name());
  while (!pending.empty())
    forEachUse(graph.node(pending.pop_back_val()), need);
  return isLive;
}

/// True for an operator of ONNX itself.
static bool isOfOnnx(const onnx::NodeProto &node) { return node.domain().empty() || node.domain() == "ai.onnx"; }

/// True where all that a node reads of a tensor are the weights of a product.
static bool readsAsWeights(const onnx::NodeProto &node, const std::string &name) {
  StringRef type = node.op_type();
  return isOfOnnx(node) && (type == "Conv" || type == "MatMul" || type == "Gemm") && node.input_size() > 1 &&
         node.input(1) == name && node.input(0) != name && (node.input_size() < 3 || node.input(2) != name);
}

NodeRef GraphImporter::refOf(const onnx::NodeProto &node, unsigned index, const Scope &scope) const {
  bool isOwn = isOfOnnx(node);
  auto opset = scope.opsets.find(isOwn ? "" : node.domain());
  return {node.name().empty() ? "" : scope.prefix + node.name(), index,
          isOwn ? node.op_type() : node.domain() + "." + node.op_type(),
          opset == scope.opsets.end() ? 0 : opset->second, node.output_size() ? node.output(0) : ""};
}

//===-- Planning ----------------------------------------------------------===//

/// The live nodes of a graph in an order in which every value is made before it is read.
struct GraphImporter::Plan {
  SmallVector<NodeRef> refs;
  SmallVector<int> order;
};

bool GraphImporter::planGraph(onnx::GraphProto &graph, Scope &scope, Plan &plan) {
  unsigned errorsBefore = errors;
  int count = graph.node_size();
  llvm::StringMap<int> makers;
  for (int i = 0; i < count; ++i) {
    const onnx::NodeProto &node = graph.node(i);
    plan.refs.push_back(refOf(node, i, scope));
    for (const std::string &name : node.output()) {
      if (name.empty())
        continue;
      if (scope.values.contains(name) || scope.weights.contains(name) || scope.sequences.contains(name))
        error(plan.refs[i], "output '" + name + "' already exists, as an input or initializer of the graph");
      else if (auto [at, isNew] = makers.try_emplace(name, i); !isNew)
        error(plan.refs[i], "output '" + name + "' already exists, made by " +
                                StringRef(plan.refs[at->second].describe()).split(" (").first);
    }
  }

  // Live is what the outputs need; of everything else only the names had to be right.
  std::vector<bool> isLive = liveNodes(graph, makers, scope.used);
  for (const auto &output : graph.output())
    if (!makers.contains(output.name()) && !isDefined(scope, output.name()))
      error("output '" + output.name() + "' is made by no node, and is no input or initializer");

  llvm::StringSet<> readOtherwise;
  for (const auto &output : graph.output())
    readOtherwise.insert(output.name());
  for (int i = 0; i < count; ++i) {
    if (!isLive[i])
      continue;
    const onnx::NodeProto &node = graph.node(i);
    forEachUse(node, [&](const std::string &name) {
      (readsAsWeights(node, name) ? scope.weightsOnly : readOtherwise).insert(name);
    });
  }
  for (const auto &name : readOtherwise)
    scope.weightsOnly.erase(name.getKey());

  // Kahn's algorithm; of the nodes that are ready the first of the file is next, so that a sorted file keeps its order.
  std::vector<int> waitsFor(count, 0);
  std::vector<SmallVector<int>> readers(count);
  std::priority_queue<int, std::vector<int>, std::greater<int>> ready;
  for (int i = 0; i < count; ++i) {
    if (!isLive[i])
      continue;
    forEachUse(graph.node(i), [&](const std::string &name) {
      if (auto maker = makers.find(name); maker != makers.end()) {
        readers[maker->second].push_back(i);
        ++waitsFor[i];
      }
    });
    for (const std::string &name : graph.node(i).input())
      if (!name.empty() && !makers.contains(name) && !isDefined(scope, name))
        error(plan.refs[i], "input '" + name + "' is made by no node, and is no input or initializer");
    if (!waitsFor[i])
      ready.push(i);
  }
  while (!ready.empty()) {
    int next = ready.top();
    ready.pop();
    plan.order.push_back(next);
    for (int reader : readers[next])
      if (--waitsFor[reader] == 0)
        ready.push(reader);
  }
  SmallVector<int> left;
  for (int i = 0; i < count; ++i)
    if (waitsFor[i] > 0)
      left.push_back(i);
  if (!left.empty())
    reportCycle(graph, scope, plan.refs, left);
  auto isComputed = [&](StringRef name) {
    auto maker = makers.find(name);
    return maker != makers.end() && graph.node(maker->second).op_type() != "Constant";
  };
  for (int i : plan.order)
    checkNode(*graph.mutable_node(i), plan.refs[i], scope, isComputed);
  return errors == errorsBefore;
}

void GraphImporter::reportCycle(onnx::GraphProto &graph, Scope &scope, ArrayRef<NodeRef> refs, ArrayRef<int> left) {
  // Every node that is left waits for another one that is left: going back from one ends in a cycle.
  llvm::StringMap<int> makers;
  for (int i : left)
    for (const std::string &name : graph.node(i).output())
      makers[name] = i;
  SmallVector<int> path{left.front()};
  while (true) {
    int maker = -1;
    forEachUse(graph.node(path.back()), [&](const std::string &name) {
      if (auto found = makers.find(name); found != makers.end() && maker < 0)
        maker = found->second;
    });
    if (maker < 0)
      return;
    if (auto seen = llvm::find(path, maker); seen != path.end()) {
      path.erase(path.begin(), seen);
      break;
    }
    path.push_back(maker);
  }
  std::reverse(path.begin(), path.end());
  std::rotate(path.begin(), std::min_element(path.begin(), path.end()), path.end());
  path.push_back(path.front());
  std::string text;
  for (auto [at, node] : llvm::enumerate(path)) {
    if (at == 8 && path.size() > 10) {
      text += " -> ...";
      break;
    }
    text += (at ? " -> " : "") + (refs[node].name.empty() ? "#" + std::to_string(node) : refs[node].name);
  }
  error(refs[path.front()], "is part of a cycle: " + text);
}

static std::string plural(unsigned count, StringRef what) {
  return std::to_string(count) + " " + what.str() + (count == 1 ? "" : "s");
}

/// The option that lets a model end with some tensors, behind other advice; nothing for none.
static std::string optionToEnd(ArrayRef<StringRef> tensors) {
  return tensors.empty() ? "" : ", or let the model end before it: --end=" + llvm::join(tensors, ",");
}

std::string GraphImporter::adviceToEnd() const {
  SmallVector<StringRef> computed;
  if (outermost && undecided.empty())
    forEachUse(*outermost, [&](const std::string &name) {
      Value value = outermostScope->values.lookup(name);
      if (value && value.getDefiningOp() && !nn::getConstantValue(value) && !llvm::is_contained(computed, name))
        computed.push_back(name);
    });
  return optionToEnd(computed);
}

/// How a model ends before a node of its own graph whose operands are computed.
static std::string adviceToCut(const onnx::NodeProto &node, llvm::function_ref<bool(StringRef)> isComputed) {
  SmallVector<StringRef> computed;
  for (const std::string &name : node.input())
    if (isComputed(name) && !llvm::is_contained(computed, name))
      computed.push_back(name);
  return optionToEnd(computed);
}

/// True of what onnxruntime writes where it saves what it runs: layouts of one kind of machine, in many nodes.
static bool isLayoutOfOnnxruntime(StringRef domain) {
  return domain == "com.microsoft.nchwc" || domain == "com.ms.internal.nhwc";
}

/// True of operators of ONNX whose results are floats that are drawn at random.
static bool drawsNumbers(const onnx::NodeProto &node) {
  return isOfOnnx(node) && StringRef(node.op_type()).starts_with("Random");
}

/// What to do instead of an operator that is not in the tables.
///
/// mayBegin  true where results of the node can be inputs of the model
static std::string adviceInstead(const onnx::NodeProto &node, bool mayBegin) {
  StringRef domain = node.domain();
  if (drawsNumbers(node) && mayBegin && node.output_size())
    return "a library computes the same from the same inputs; let the program give what is drawn: --begin=" +
           node.output(0) + " --shape=" + node.output(0) + "=N,N,...";
  if (isLayoutOfOnnxruntime(domain))
    return "onnxruntime saved the model in layouts of one kind of machine; compile the model that it read, or let it "
           "save one with graph_optimization_level = ORT_ENABLE_EXTENDED";
  if (domain.empty() || domain == "ai.onnx")
    return "replace it with supported operators before the export, see docs/diagnostics.md";
  if (domain == "ai.onnx.ml")
    return "of ai.onnx.ml nncc reads linear models, support vectors, trees and what stands around networks, see "
           "docs/operators.md";
  return "operators of the domain '" + domain.str() + "' are known to other tools; export with ONNX's own operators";
}

bool GraphImporter::checkNode(onnx::NodeProto &node, const NodeRef &ref, const Scope &scope, IsComputed isComputed) {
  if (int field = unknownFieldOf(node)) {
    error(ref, "unknown field " + Twine(field),
          "the file is of a newer ONNX; export it again with opset_version=" + Twine(kAdvisedOpset));
    return false;
  }
  const OpEntry *entry = findOp(node.domain(), node.op_type());
  if (!entry && functions.count({node.domain(), node.op_type()}))
    return true;
  if (!entry) {
    std::string cut = isLayoutOfOnnxruntime(node.domain()) ? ""
                      : scope.depth == 0                   ? adviceToCut(node, isComputed)
                                                           : adviceToEnd();
    error(ref, "the operator is not supported", adviceInstead(node, scope.depth == 0) + cut);
    return false;
  }
  unsigned inputs = node.input_size();
  while (inputs && node.input(inputs - 1).empty())
    --inputs;
  if (inputs < entry->minInputs) {
    error(ref, "has " + plural(inputs, "input") + ", needs " + Twine(entry->minInputs));
    return false;
  }
  if (inputs > entry->maxInputs) {
    error(ref, "has " + plural(inputs, "input") + ", takes " + Twine(entry->maxInputs));
    return false;
  }
  for (unsigned i = 0; i < entry->minInputs; ++i)
    if (node.input(i).empty()) {
      error(ref, "input " + Twine(i) + " is missing");
      return false;
    }
  return true;
}

//===-- Importing ---------------------------------------------------------===//

LogicalResult GraphImporter::importGraph(onnx::GraphProto &graph, Scope &scope) {
  nodes += graph.node_size();
  if (isAborted)
    return failure();
  if (scope.depth > kMaxDepth || nodes > kMaxNodes) {
    isAborted = true;
    if (scope.depth > kMaxDepth)
      error("subgraphs or functions are nested more than " + Twine(kMaxDepth) + " deep");
    else
      error("the model has more than " + Twine(kMaxNodes) + " nodes, functions and loops written out");
    return failure();
  }
  for (onnx::TensorProto &weight : *graph.mutable_initializer()) {
    if (scope.values.contains(weight.name()))
      continue; // given by --bind
    if (!scope.weights.try_emplace(weight.name(), &weight).second)
      error("initializer '" + Twine(weight.name()) + "' is declared twice");
  }
  for (const onnx::SparseTensorProto &weight : graph.sparse_initializer())
    error("initializer '" + Twine(weight.values().name()) + "' is sparse, which is not supported");
  Plan plan;
  if (!planGraph(graph, scope, plan))
    return failure();
  for (int i : plan.order)
    importNode(*graph.mutable_node(i), plan.refs[i], scope);
  bool isComplete = true;
  for (const auto &output : graph.output())
    isComplete &= (bool)lookupItem(scope, output.name());
  return success(isComplete);
}

void GraphImporter::importNode(onnx::NodeProto &proto, const NodeRef &ref, Scope &scope) {
  Node node(*this, scope, proto, ref);
  if (scope.depth == 0) {
    outermost = &proto;
    outermostScope = &scope;
  }
  bool canImport = true;
  // A node behind a failed one is not reported: it may be right.
  for (size_t i = 0; i < node.inputCount(); ++i)
    canImport &= !node.hasInput(i) || (bool)node.item(i);
  if (canImport) {
    if (const OpEntry *entry = findOp(proto.domain(), proto.op_type())) {
      entry->import(node);
      if (!node.failed())
        node.checkAttributes();
    } else {
      importFunction(node, proto, *functions.at({proto.domain(), proto.op_type()}));
    }
    for (size_t i = 0; i < node.outputCount() && !node.failed(); ++i)
      if (node.wants(i) && !scope.values.contains(proto.output(i)) && !scope.sequences.contains(proto.output(i)))
        node.error("output " + Twine(i) + " ('" + proto.output(i) + "') is not supported");
    // Behind a mistake that a subgraph ran into, or that was reported before, there is nothing new to say.
    if (node.failed() && errors == 0)
      error(ref, "is not supported in this form");
  }
  for (const std::string &output : proto.output())
    if (!output.empty() && (!canImport || node.failed()))
      scope.values[output] = Value();
}

void GraphImporter::importFunction(Node &node, onnx::NodeProto &proto, const onnx::FunctionProto &function) {
  Scope inside;
  inside.depth = node.graphScope().depth + 1;
  inside.prefix = node.name() + "/";
  for (const auto &opset : function.opset_import())
    inside.opsets[opset.domain() == "ai.onnx" ? "" : opset.domain()] = opset.version();
  if (proto.input_size() > function.input_size() || proto.output_size() > function.output_size())
    return node.error("has more inputs or outputs than the function of this name");
  onnx::GraphProto body;
  for (int i = 0; i < function.input_size(); ++i)
    inside.bind(function.input(i), node.item(i)); // nothing where it is absent

  std::optional<Arguments> arguments = argumentsOf(proto, function);
  if (!arguments)
    return node.error("overloads of functions are not supported");
  for (const onnx::AttributeProto &attribute : proto.attribute())
    node.ignore({attribute.name()});
  for (const onnx::NodeProto &inner : function.node()) {
    onnx::NodeProto &copy = *body.add_node();
    copy = inner;
    substitute(copy, *arguments);
    // An absent optional input is absent inside too.
    for (std::string &name : *copy.mutable_input())
      if (auto found = inside.values.find(name); found != inside.values.end() && !found->second)
        name.clear();
  }
  for (int i = 0; i < function.output_size() && i < proto.output_size(); ++i)
    if (node.wants(i))
      body.add_output()->set_name(function.output(i));
  if (failed(importGraph(body, inside)))
    return node.set(0, Value()); // reported inside
  for (int i = 0; i < function.output_size() && i < proto.output_size(); ++i)
    if (node.wants(i))
      node.set(i, lookupItem(inside, function.output(i)));
}

} // namespace nncc::import
