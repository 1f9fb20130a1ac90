// Ensembles of decision trees (ai.onnx.ml, opsets 1 to 4): all trees of all rows go down one level at a time, by tables
// that are read at the number of a node. A leaf is its own child, so that trees of any depth take the same steps.
#include "dialects/nn/BinaryKind.h"
#include "dialects/nn/UnaryKind.h"
#include "lib/import/onnx/ModelFile.h"
#include "lib/import/onnx/Tabular.h"
#include "llvm/ADT/StringSwitch.h"
#include <map>

using namespace mlir;
using namespace nncc::nn;

namespace nncc::import {
namespace {

/// Deeper trees are refused: each level is a few kernels. Trained ones have 3 to 30 levels, and one for each category
/// of a set.
constexpr int64_t kMostLevels = 512;
/// Numbers in the table of leaves, nodes times targets: 256 MB.
constexpr int64_t kMostLeafNumbers = 1 << 26;

/// The trees, node by node; numbers of nodes are places in these lists.
struct Forest {
  SmallVector<int64_t> features, children; ///< [nodes]; [2 * nodes]: where a comparison is false, where it is true
  SmallVector<double> thresholds;          ///< [nodes]
  SmallVector<int64_t> takesMissing;       ///< [nodes], or empty: NaN goes where comparisons are true
  SmallVector<int64_t> roots;
  /// The comparisons that nodes make, each with what it takes of a node: 1 or 0 [nodes]. Leaves take none.
  llvm::MapVector<BinaryKind, SmallVector<int64_t>> comparisons;
  int64_t levels = 0;
  std::map<std::pair<int64_t, int64_t>, int64_t> places; ///< of (tree, node)
};

/// The comparison of a node of this mode. That of BRANCH_NEQ is its opposite, and its children change places.
std::optional<BinaryKind> comparisonOf(StringRef mode) {
  return llvm::StringSwitch<std::optional<BinaryKind>>(mode)
      .Case("BRANCH_LEQ", BinaryKind::less_equal)
      .Case("BRANCH_LT", BinaryKind::less)
      .Case("BRANCH_GTE", BinaryKind::greater_equal)
      .Case("BRANCH_GT", BinaryKind::greater)
      .Case("BRANCH_EQ", BinaryKind::equal)
      .Case("BRANCH_NEQ", BinaryKind::equal)
      .Default(std::nullopt);
}

/// Sets what nodes are and where they lead.
/// error   no nodes, lists of different lengths, a mode that is not known, children that are missing
bool readNodes(Node &node, Forest &forest, int64_t columns) {
  SmallVector<int64_t> trees = node.integers("nodes_treeids"), numbers = node.integers("nodes_nodeids"),
                       whenTrue = node.integers("nodes_truenodeids"), whenFalse = node.integers("nodes_falsenodeids");
  SmallVector<std::string> modes = node.texts("nodes_modes");
  forest.features = node.integers("nodes_featureids");
  forest.thresholds = node.numbers("nodes_values");
  forest.takesMissing = node.integers("nodes_missing_value_tracks_true");
  node.ignore({"nodes_hitrates"});
  auto fail = [&](const Twine &reason, const Twine &whatToDo = "") {
    node.error(reason, whatToDo);
    return false;
  };
  size_t count = trees.size();
  if (count == 0)
    return fail("there are no nodes");
  for (size_t length : {numbers.size(), whenTrue.size(), whenFalse.size(), modes.size(), forest.features.size(),
                        forest.thresholds.size()})
    if (length != count)
      return fail("the attributes that describe nodes have " + Twine(count) + " and " + Twine(length) + " elements");
  for (int64_t &takes : forest.takesMissing)
    takes = takes == 1; // the only number that says yes to onnxruntime
  if (llvm::all_of(forest.takesMissing, [](int64_t takes) { return takes == 0; }))
    forest.takesMissing.clear();
  else if (forest.takesMissing.size() != count)
    return fail("attribute 'nodes_missing_value_tracks_true' does not fit " + Twine(count) + " nodes");
  for (size_t i = 0; i < count; ++i)
    if (!forest.places.try_emplace({trees[i], numbers[i]}, i).second)
      return fail("node " + Twine(numbers[i]) + " of tree " + Twine(trees[i]) + " is described twice");
  for (size_t i = 0; i < count; ++i) {
    if (modes[i] == "LEAF") {
      forest.features[i] = 0;
      forest.children.append(2, i);
      continue;
    }
    auto comparison = comparisonOf(modes[i]);
    if (!comparison)
      return fail("node mode '" + modes[i] + "' is not supported",
                  "nncc supports BRANCH_LEQ, BRANCH_LT, BRANCH_GTE, BRANCH_GT, BRANCH_EQ and BRANCH_NEQ");
    SmallVector<int64_t> &takes = forest.comparisons[*comparison];
    takes.resize(count);
    takes[i] = 1;
    if (modes[i] == "BRANCH_NEQ") {
      std::swap(whenTrue[i], whenFalse[i]);
      if (!forest.takesMissing.empty())
        forest.takesMissing[i] = 0; // NaN equals nothing, and goes where it did
    }
    if (forest.features[i] < 0 || forest.features[i] >= columns)
      return fail("feature " + Twine(forest.features[i]) + " is out of range for " + Twine(columns) + " columns");
    for (int64_t child : {whenFalse[i], whenTrue[i]}) {
      auto place = forest.places.find({trees[i], child});
      if (place == forest.places.end())
        return fail("node " + Twine(numbers[i]) + " of tree " + Twine(trees[i]) + " has no child " + Twine(child));
      if (place->second == static_cast<int64_t>(i)) // it would look like a leaf
        return fail("node " + Twine(numbers[i]) + " of tree " + Twine(trees[i]) + " leads to itself");
      forest.children.push_back(place->second);
    }
  }
  return true;
}

/// Sets roots and levels. A set of categories is a chain of nodes that share a child, so the longest way counts.
/// error   what readNodes() says, nodes that lead to each other, a tree that is too deep
bool readForest(Node &node, Forest &forest, int64_t columns) {
  if (!readNodes(node, forest, columns))
    return false;
  int64_t count = forest.features.size();
  auto isLeaf = [&](int64_t at) { return forest.children[2 * at] == at; };
  SmallVector<int64_t> waysTo(count), depths(count);
  for (int64_t at = 0; at < count; ++at)
    if (!isLeaf(at))
      for (int64_t child : {forest.children[2 * at], forest.children[2 * at + 1]})
        ++waysTo[child];
  for (int64_t at = 0; at < count; ++at)
    if (waysTo[at] == 0)
      forest.roots.push_back(at);
  // Every node comes after all that lead to it.
  SmallVector<int64_t> order = forest.roots;
  for (size_t next = 0; next < order.size(); ++next) {
    int64_t at = order[next];
    forest.levels = std::max(forest.levels, depths[at]);
    if (isLeaf(at))
      continue;
    for (int64_t child : {forest.children[2 * at], forest.children[2 * at + 1]}) {
      depths[child] = std::max(depths[child], depths[at] + 1);
      if (--waysTo[child] == 0)
        order.push_back(child);
    }
  }
  if ((int64_t)order.size() != count)
    node.error("nodes lead to each other in a circle");
  else if (forest.levels > kMostLevels)
    node.error("a tree has " + Twine(forest.levels) + " levels",
               "nncc supports up to " + Twine(kMostLevels) + "; train with a bound, such as max_depth");
  return !node.failed();
}

/// 1 where the nodes `at` send a value to their true child by comparison with their thresholds, 0 elsewhere.
Value comparesTrue(Node &node, const Forest &forest, Value value, Value thresholds, Value at) {
  Value threshold = node.make<GatherOp>(thresholds, at, 0), goes;
  for (const auto &[comparison, takes] : forest.comparisons) {
    Value holds = node.cast(node.binary(comparison, value, threshold), elementOf(at));
    if (forest.comparisons.size() > 1)
      holds = node.binary(BinaryKind::mul, holds, node.make<GatherOp>(node.vector(takes), at, 0));
    goes = goes ? node.binary(BinaryKind::add, goes, holds) : holds; // one comparison takes each node
  }
  return goes;
}

/// The leaves that rows [N, columns] come to: [N, trees], places of nodes.
Value leavesOf(Node &node, const Forest &forest, Value x) {
  int64_t rows = shapeOf(x)[0], trees = forest.roots.size();
  Value at = node.expand(node.reshape(node.vector(forest.roots), {1, trees}), {rows, trees});
  Value features = node.vector(forest.features), children = node.vector(forest.children);
  Value thresholds = floats(node, forest.thresholds, {(int64_t)forest.thresholds.size()});
  for (int64_t level = 0; level < forest.levels; ++level) {
    Value value = node.make<GatherElementsOp>(x, node.make<GatherOp>(features, at, 0), 1);
    Value goes = comparesTrue(node, forest, value, thresholds, at);
    if (!forest.takesMissing.empty()) {
      Value takes = node.make<GatherOp>(node.vector(forest.takesMissing), at, 0);
      Value isMissing = node.cast(node.unary(UnaryKind::is_nan, value), elementOf(takes));
      Value follows = node.binary(BinaryKind::mul, takes, isMissing);
      goes = node.binary(BinaryKind::max, goes, follows);
    }
    Value pair = node.binary(BinaryKind::mul, at, node.scalar(2, at));
    at = node.make<GatherOp>(children, node.binary(BinaryKind::add, pair, goes), 0);
  }
  return at;
}

/// What leaves say of targets.
struct Leaves {
  SmallVector<int64_t> trees, nodes, targets;
  SmallVector<double> weights;

  Leaves(Node &node, const Twine &prefix)
      : trees(node.integers((prefix + "_treeids").str())), nodes(node.integers((prefix + "_nodeids").str())),
        targets(node.integers((prefix + "_ids").str())), weights(node.numbers((prefix + "_weights").str())) {}
};

/// The sums of what the leaves say, [N, targets].
Value sumsOf(Node &node, const Forest &forest, const Leaves &leaves, int64_t targets, Value x) {
  int64_t nodes = forest.features.size(), rows = shapeOf(x)[0];
  if (leaves.trees.size() != leaves.weights.size() || leaves.nodes.size() != leaves.weights.size() ||
      leaves.targets.size() != leaves.weights.size()) {
    node.error("the attributes that describe leaves have " + Twine(leaves.trees.size()) + ", " +
               Twine(leaves.nodes.size()) + ", " + Twine(leaves.targets.size()) + " and " +
               Twine(leaves.weights.size()) + " elements");
    return {};
  }
  if (targets < 1 || targets > kMostLeafNumbers / nodes) {
    node.error(Twine(targets) + " targets of " + Twine(nodes) + " nodes are not supported");
    return {};
  }
  std::vector<double> table(nodes * targets);
  for (auto [tree, number, target, weight] :
       llvm::zip_equal(leaves.trees, leaves.nodes, leaves.targets, leaves.weights)) {
    auto place = forest.places.find({tree, number});
    if (place == forest.places.end() || target < 0 || target >= targets) {
      node.error("target " + Twine(target) + " of node " + Twine(number) + " of tree " + Twine(tree) + " is not there");
      return {};
    }
    table[place->second * targets + target] += weight;
  }
  Value said = node.make<GatherOp>(floats(node, table, {nodes, targets}), leavesOf(node, forest, x), 0);
  return node.reshape(node.reduce(ReduceKind::sum, said, {1}), {rows, targets});
}

/// Adds base_values, of which there may be one for each target, or none.
Value addBase(Node &node, Value sums) {
  SmallVector<double> base = node.numbers("base_values");
  if (base.empty() || !sums)
    return sums;
  if ((int64_t)base.size() != shapeOf(sums)[1]) {
    node.error(Twine(base.size()) + " base_values do not fit " + Twine(shapeOf(sums)[1]) + " targets");
    return {};
  }
  return node.binary(BinaryKind::add, sums, floats(node, base, {(int64_t)base.size()}));
}

/// x as rows of floats, and the trees; null with an error.
Value rowsAndForest(Node &node, Forest &forest) {
  Value x = asFloats(node);
  if (!x || !node.requireRank(0, 2, 2) || !readForest(node, forest, shapeOf(x)[1]))
    return {};
  return x;
}

void importTreeEnsembleRegressor(Node &node) {
  std::string aggregate = node.text("aggregate_function", "SUM");
  int64_t targets = node.integer("n_targets", 1);
  Forest forest;
  Leaves leaves(node, "target");
  if (aggregate != "SUM" && aggregate != "AVERAGE")
    return node.error("aggregate_function '" + aggregate + "' is not supported", "nncc supports SUM and AVERAGE");
  Value x = rowsAndForest(node, forest);
  Value sums = x ? sumsOf(node, forest, leaves, targets, x) : Value();
  if (sums && aggregate == "AVERAGE")
    sums = node.binary(BinaryKind::div, sums, node.scalar(forest.roots.size(), sums));
  // As ONNX says; onnxruntime ignores LOGISTIC and SOFTMAX of one target, which common converters do not write.
  if (Value scores = addBase(node, sums))
    node.set(0, postTransform(node, scores));
}

/// Two classes that share one sum: onnxruntime takes it for a probability where no leaf says less than 0. LOGISTIC
/// alters the scores in either case, and never where the class changes.
void setTwoClasses(Node &node, Value sum, const Classes &classes, bool isProbability) {
  std::string transform = node.text("post_transform", "NONE");
  if (transform != "NONE" && transform != "LOGISTIC")
    return node.error("post_transform '" + transform + "' of two classes with one sum is not supported",
                      "nncc supports NONE and LOGISTIC");
  setClass(node, node.binary(BinaryKind::greater, sum, node.scalar(isProbability ? 0.5 : 0, sum)), classes);
  bool isLogistic = transform == "LOGISTIC";
  Value other = isProbability && !isLogistic ? node.binary(BinaryKind::sub, node.scalar(1, sum), sum)
                                             : node.unary(UnaryKind::neg, sum);
  Value scores = node.concat({other, sum}, 1);
  node.set(1, isLogistic ? node.unary(UnaryKind::sigmoid, scores) : scores);
}

void importTreeEnsembleClassifier(Node &node) {
  auto classes = readClasses(node, "classlabels_int64s");
  Forest forest;
  Leaves leaves(node, "class");
  Value x = classes ? rowsAndForest(node, forest) : Value();
  if (!x)
    return;
  bool sharesSum = classes->count == 2 && !leaves.targets.empty() && llvm::all_equal(leaves.targets);
  if (sharesSum && leaves.targets.front() != 0)
    return node.error("leaves that speak of the second of two classes alone are not supported");
  Value scores = addBase(node, sumsOf(node, forest, leaves, sharesSum ? 1 : classes->count, x));
  if (!scores)
    return;
  if (sharesSum)
    return setTwoClasses(node, scores, *classes,
                         llvm::none_of(leaves.weights, [](double weight) { return weight < 0; }));
  // ONNX asks for the top class. Of two with sums of their own onnxruntime takes the second where its sum is above 0.
  setClass(node, node.make<ArgReduceOp>(ArgReduceKind::argmax, scores, 1, /*last=*/false), *classes);
  node.set(1, postTransform(node, scores));
}

const OpEntry kOps[] = {
    {"TreeEnsembleRegressor", 1, 1, importTreeEnsembleRegressor, "ai.onnx.ml"},
    {"TreeEnsembleClassifier", 1, 1, importTreeEnsembleClassifier, "ai.onnx.ml"},
};
} // namespace

ArrayRef<OpEntry> treeOps() { return kOps; }

} // namespace nncc::import
