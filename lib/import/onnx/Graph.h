// The walk over a graph: which names have which values, which nodes are imported in which order.
#ifndef NNCC_LIB_IMPORT_ONNX_GRAPH_H
#define NNCC_LIB_IMPORT_ONNX_GRAPH_H
#include "lib/import/onnx/ModelFile.h"
#include "lib/import/onnx/Node.h"
#include "llvm/ADT/StringMap.h"

namespace nncc::import {

/// Names of one graph. A subgraph sees the names around it too; a function does not.
struct Scope {
  /// Gives a name of this scope what it stands for.
  void bind(StringRef name, Item item);

  Scope *parent = nullptr;
  /// Computed values, inputs, and weights once they were asked for. Null: the node that makes it failed.
  llvm::StringMap<Value> values;
  /// Values that are no tensors.
  llvm::StringMap<Sequence> sequences;
  /// Initializers that nobody asked for yet.
  llvm::StringMap<onnx::TensorProto *> weights;
  /// Names that live nodes and the graph's outputs read.
  llvm::StringSet<> used;
  /// Those that are read by Conv, MatMul and Gemm alone, as their weights.
  llvm::StringSet<> weightsOnly;
  /// Opset by domain.
  std::map<std::string, int64_t> opsets;
  /// Put before the names of nodes: the node that a subgraph or function belongs to.
  std::string prefix;
  /// How many subgraphs and functions are around.
  unsigned depth = 0;
};

/// The scope of a subgraph, which sees the names of the scope around it.
Scope scopeInside(Scope &around, const std::string &prefix);

class GraphImporter {
public:
  GraphImporter(onnx::ModelProto &model, const std::string &path, mlir::OpBuilder &builder,
                const std::function<void(StringRef)> &onFile);

  /// Imports the nodes of a graph that its outputs need. Inputs are in `scope.values` already.
  ///
  /// returns success when every output has a value; everything that is wrong was reported
  mlir::LogicalResult importGraph(onnx::GraphProto &graph, Scope &scope);

  /// The value of a name, made from its initializer on first use; null for what failed or does not exist.
  Value lookup(Scope &scope, StringRef name);
  /// The same for names of sequences too.
  Item lookupItem(Scope &scope, StringRef name);
  /// The sequence of a name, or null.
  static const Sequence *findSequence(const Scope &scope, StringRef name);
  /// True when a name has a value, even one that failed.
  static bool isDefined(const Scope &scope, StringRef name);

  /// Collects a mistake of the whole file, or of a node. Nodes of one operator with the same mistake are one error.
  void error(const Twine &reason, const Twine &whatToDo = "");
  void error(const NodeRef &node, const Twine &reason, const Twine &whatToDo = "");
  /// Says what is odd about the file and changes nothing.
  void warning(const Twine &reason, const Twine &note);
  /// Reports what was collected: at most kMaxErrors, the others are counted.
  void finishErrors();
  bool hasErrors() const { return errors > 0; }

  /// Says what an argument of @main is called.
  void nameInput(Value argument, StringRef name) { inputNames[argument] = name.str(); }
  /// Remembers constants of 4 bits, which are of bytes in the IR: results of their type cannot be made.
  void markNibbles(Value constant) { nibbles.insert(constant); }
  bool isOfNibbles(Value value) const { return nibbles.contains(value); }
  /// What a user does where a value has to be known at compile time: `--bind` of the inputs that it is computed from,
  /// or, where these are data, `--end` before what needs the value.
  std::string adviceToKnow(Value value) const;

  /// While it lives, nodes belong to a branch that is imported although it may never be taken.
  class UndecidedBranch {
  public:
    /// why  what decides the branch; a note of every mistake in it
    UndecidedBranch(GraphImporter &graph, std::string why) : graph(graph) { graph.undecided.push_back(std::move(why)); }
    ~UndecidedBranch() { graph.undecided.pop_back(); }

  private:
    GraphImporter &graph;
  };

  /// Counts what evaluating an op on constants has read and written; false when that is too much for a model.
  bool countFolded(mlir::Operation *op, mlir::ElementsAttr result);
  /// A small file must not keep the compiler busy for ever: seconds of arithmetic, and what memory has room for.
  static constexpr int64_t kMaxFoldedBytes = int64_t(1) << 31;

  mlir::OpBuilder &builder;
  WeightReader weights;
  mlir::Location fileLocation;

private:
  struct Plan;
  bool planGraph(onnx::GraphProto &graph, Scope &scope, Plan &plan);
  /// Whether a node of the graph makes a tensor, and not of nothing.
  using IsComputed = llvm::function_ref<bool(StringRef name)>;
  bool checkNode(onnx::NodeProto &node, const NodeRef &ref, const Scope &scope, IsComputed isComputed);
  void importNode(onnx::NodeProto &node, const NodeRef &ref, Scope &scope);
  void importFunction(Node &node, onnx::NodeProto &proto, const onnx::FunctionProto &function);
  void reportCycle(onnx::GraphProto &graph, Scope &scope, ArrayRef<NodeRef> refs, ArrayRef<int> left);
  NodeRef refOf(const onnx::NodeProto &node, unsigned index, const Scope &scope) const;

  /// A mistake, and the other nodes of the same operator that have it.
  struct Mistake {
    std::optional<NodeRef> node;
    std::string reason, whatToDo;
    SmallVector<std::string> undecided, others;
    bool isSameKind(const Mistake &other) const;
  };
  void add(Mistake mistake);
  void report(const Mistake &mistake);
  /// What a user does who needs no more than what the present node of the main graph is computed from: `--end` of those
  /// tensors, behind other advice. For a node of a subgraph or function, whose tensors no model can end with, that is
  /// the node around it. Empty where that reads constants and inputs only, and in an undecided branch, which says it.
  std::string adviceToEnd() const;

  static constexpr unsigned kMaxErrors = 20;
  static constexpr unsigned kMaxDepth = 64; // a function that calls itself ends here

  std::map<std::pair<std::string, std::string>, const onnx::FunctionProto *> functions;
  unsigned errors = 0, hiddenErrors = 0;
  std::vector<Mistake> mistakes;
  SmallVector<std::string> undecided;
  llvm::DenseMap<Value, std::string> inputNames;
  llvm::DenseSet<Value> nibbles;
  /// Functions and loops multiply nodes: a small file must not keep the compiler busy for ever.
  static constexpr size_t kMaxNodes = 100000;
  size_t nodes = 0;
  /// The node of the main graph that is being imported, and its scope.
  const onnx::NodeProto *outermost = nullptr;
  const Scope *outermostScope = nullptr;
  int64_t foldedBytes = 0;
  bool isAborted = false;
};

/// Which nodes the outputs of a graph need, by the node that makes a tensor. `needed` gets the names of all that is
/// read.
std::vector<bool> liveNodes(const onnx::GraphProto &graph, const llvm::StringMap<int> &makers,
                            llvm::StringSet<> &needed);

/// Reads all node inputs of a graph, those of its subgraphs that come from outside included.
void forEachUse(const onnx::NodeProto &node, llvm::function_ref<void(const std::string &)> use);

} // namespace nncc::import
#endif
