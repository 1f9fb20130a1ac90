// Ensembles of decision trees (ai.onnx.ml, opsets 1 to 5): all trees of all rows go down one level at a time, by tables
// that are read at the number of a node. A leaf is its own child, so that trees of any depth take the same steps.
#include "dialects/nn/BinaryKind.h"
#include "dialects/nn/UnaryKind.h"
#include "lib/import/onnx/ModelFile.h"
#include "lib/import/onnx/Tabular.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/FormatVariadic.h"
#include <cmath>
#include <limits>
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
constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// The trees, node by node; numbers of nodes are places in these lists.
struct Forest {
  SmallVector<int64_t> features, children; ///< [nodes]; [2 * nodes]: where a comparison is false, where it is true
  SmallVector<double> thresholds;          ///< [nodes]
  SmallVector<int64_t> takesMissing;       ///< [nodes], or empty: NaN goes where comparisons are true
  SmallVector<int64_t> roots;
  SmallVector<int64_t> order; ///< all nodes, each behind all that lead to it
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

/// What a node does: compares its feature by `mode` with its threshold. `ways` lead on where that is false and where
/// it is true, and change places with those of the opposite mode.
/// error   a mode that is not known, a feature that is none of the columns
bool compareAt(Node &node, Forest &forest, int64_t at, StringRef mode, std::pair<int64_t &, int64_t &> ways,
               int64_t columns) {
  auto comparison = comparisonOf(mode);
  if (!comparison) {
    node.error("node mode '" + mode + "' is not supported",
               "nncc supports BRANCH_LEQ, BRANCH_LT, BRANCH_GTE, BRANCH_GT, BRANCH_EQ, BRANCH_NEQ, and of TreeEnsemble "
               "BRANCH_MEMBER");
    return false;
  }
  SmallVector<int64_t> &takes = forest.comparisons[*comparison];
  takes.resize(forest.features.size());
  takes[at] = 1;
  if (mode == "BRANCH_NEQ") {
    std::swap(ways.first, ways.second);
    if (!forest.takesMissing.empty())
      forest.takesMissing[at] = 0; // NaN equals nothing, and goes where it did
  }
  if (forest.features[at] >= 0 && forest.features[at] < columns)
    return true;
  node.error("feature " + Twine(forest.features[at]) + " is out of range for " + Twine(columns) + " columns");
  return false;
}

/// Makes a list of zeros and ones of what says where NaN goes, or an empty one where it goes nowhere else.
/// error   a list of another length
bool readMissing(Node &node, Forest &forest, size_t count) {
  forest.takesMissing = node.integers("nodes_missing_value_tracks_true");
  for (int64_t &takes : forest.takesMissing)
    takes = takes == 1; // the only number that says yes to onnxruntime
  if (llvm::all_of(forest.takesMissing, [](int64_t takes) { return takes == 0; }))
    forest.takesMissing.clear();
  else if (forest.takesMissing.size() != count)
    node.error("attribute 'nodes_missing_value_tracks_true' does not fit " + Twine(count) + " nodes");
  return !node.failed();
}

/// Sets what nodes are and where they lead.
/// error   no nodes, lists of different lengths, a mode that is not known, children that are missing
bool readNodes(Node &node, Forest &forest, int64_t columns) {
  SmallVector<int64_t> trees = node.integers("nodes_treeids"), numbers = node.integers("nodes_nodeids"),
                       whenTrue = node.integers("nodes_truenodeids"), whenFalse = node.integers("nodes_falsenodeids");
  SmallVector<std::string> modes = node.texts("nodes_modes");
  forest.features = node.integers("nodes_featureids");
  forest.thresholds = node.numbers("nodes_values");
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
  if (!readMissing(node, forest, count))
    return false;
  for (size_t i = 0; i < count; ++i)
    if (!forest.places.try_emplace({trees[i], numbers[i]}, i).second)
      return fail("node " + Twine(numbers[i]) + " of tree " + Twine(trees[i]) + " is described twice");
  for (size_t i = 0; i < count; ++i) {
    if (modes[i] == "LEAF") {
      forest.features[i] = 0;
      forest.children.append(2, i);
      continue;
    }
    if (!compareAt(node, forest, i, modes[i], {whenFalse[i], whenTrue[i]}, columns))
      return false;
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

/// Sets the order of nodes, levels, and roots where none are known: nodes that no other leads to. A set of categories
/// is a chain of nodes that share a child, so the longest way counts. error   nodes that lead to each other, a tree
/// that is too deep
bool findLevels(Node &node, Forest &forest) {
  int64_t count = forest.features.size();
  auto isLeaf = [&](int64_t at) { return forest.children[2 * at] == at; };
  SmallVector<int64_t> waysTo(count), depths(count);
  for (int64_t at = 0; at < count; ++at)
    if (!isLeaf(at))
      for (int64_t child : {forest.children[2 * at], forest.children[2 * at + 1]})
        ++waysTo[child];
  SmallVector<int64_t> &order = forest.order;
  for (int64_t at = 0; at < count; ++at)
    if (waysTo[at] == 0)
      order.push_back(at);
  if (forest.roots.empty())
    forest.roots = order;
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
               "nncc supports up to " + Twine(kMostLevels) +
                   ", of which a set of categories takes one for each member; train with a bound, such as max_depth");
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

  Leaves() = default;
  Leaves(Node &node, const Twine &prefix)
      : trees(node.integers((prefix + "_treeids").str())), nodes(node.integers((prefix + "_nodeids").str())),
        targets(node.integers((prefix + "_ids").str())), weights(node.numbers((prefix + "_weights").str())) {}
};

/// What the leaves that rows come to say together of targets.
struct Said {
  Value scores;   ///< [N, targets]; null with an error
  Value isSpoken; ///< [N, targets], booleans: false where no leaf speaks of a target. Null where there is no such row
};

/// True where some row may come to leaves of which none speaks of a target.
///
/// speaks  [nodes, targets] of leaves; those of other nodes are set on the way: whatever leaf is reached speaks
bool maybeSilent(const Forest &forest, std::vector<char> speaks, int64_t targets) {
  for (int64_t at : llvm::reverse(forest.order)) {
    int64_t below = forest.children[2 * at], other = forest.children[2 * at + 1];
    if (below != at)
      for (int64_t target = 0; target < targets; ++target)
        speaks[at * targets + target] = speaks[below * targets + target] && speaks[other * targets + target];
  }
  return llvm::any_of(llvm::seq(targets), [&](int64_t target) {
    return llvm::none_of(forest.roots, [&](int64_t root) { return speaks[root * targets + target]; });
  });
}

/// Sums of what leaves say, or the least or the most. A leaf that says nothing of a target counts for nothing, but
/// where there is a single one, for 0. So it does to onnxruntime, which takes the leaf's threshold, and converters
/// write 0 there.
Said saidOf(Node &node, const Forest &forest, const Leaves &leaves, int64_t targets, Value x,
            ReduceKind kind = ReduceKind::sum) {
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
  bool hearsSilence = kind == ReduceKind::sum || targets == 1;
  double silent = hearsSilence ? 0 : kind == ReduceKind::min ? kInfinity : -kInfinity;
  std::vector<double> table(nodes * targets, silent);
  std::vector<char> speaks(nodes * targets);
  for (auto [tree, number, target, weight] :
       llvm::zip_equal(leaves.trees, leaves.nodes, leaves.targets, leaves.weights)) {
    auto place = forest.places.find({tree, number});
    if (place == forest.places.end() || target < 0 || target >= targets) {
      node.error("target " + Twine(target) + " of node " + Twine(number) + " of tree " + Twine(tree) + " is not there");
      return {};
    }
    int64_t at = place->second * targets + target;
    double &said = table[at];
    said = !speaks[at]               ? weight
           : kind == ReduceKind::sum ? said + weight
           : kind == ReduceKind::min ? std::min(said, weight)
                                     : std::max(said, weight);
    speaks[at] = true;
  }
  Value reached = leavesOf(node, forest, x);
  auto together = [&](ArrayRef<double> numbers, ReduceKind kind) {
    Value ofLeaves = node.make<GatherOp>(floats(node, numbers, {nodes, targets}), reached, 0);
    return node.reshape(node.reduce(kind, ofLeaves, {1}), {rows, targets});
  };
  Said said{together(table, kind), Value()};
  if (targets > 1 && maybeSilent(forest, speaks, targets))
    said.isSpoken = node.cast(together(std::vector<double>(speaks.begin(), speaks.end()), ReduceKind::max),
                              node.builder.getI1Type());
  return said;
}

/// Adds base_values, of which there may be one for each target, or none.
Value addBase(Node &node, Value sums, ArrayRef<double> base) {
  if (base.empty() || !sums)
    return sums;
  if ((int64_t)base.size() != shapeOf(sums)[1]) {
    node.error(Twine(base.size()) + " base_values do not fit " + Twine(shapeOf(sums)[1]) + " targets");
    return {};
  }
  return node.binary(BinaryKind::add, sums, floats(node, base, {(int64_t)base.size()}));
}

/// Scores where a target is spoken of, else another number.
Value whereSpoken(Node &node, Value scores, Value isSpoken, double otherwise) {
  return scores && isSpoken ? node.select(isSpoken, scores, node.scalar(otherwise, scores)) : scores;
}

/// x as rows of floats, and the trees; null with an error.
Value rowsAndForest(Node &node, Forest &forest) {
  Value x = asFloats(node);
  if (!x || !node.requireRank(0, 2, 2) || !readNodes(node, forest, shapeOf(x)[1]) || !findLevels(node, forest))
    return {};
  return x;
}

/// What trees say of targets by a function of that name, with `base`; null with an error. A target that no leaf speaks
/// of is 0, without its base.
Value aggregate(Node &node, const Forest &forest, const Leaves &leaves, int64_t targets, Value x, StringRef function,
                ArrayRef<double> base = {}) {
  auto kind = llvm::StringSwitch<std::optional<ReduceKind>>(function)
                  .Case("SUM", ReduceKind::sum)
                  .Case("AVERAGE", ReduceKind::sum)
                  .Case("MIN", ReduceKind::min)
                  .Case("MAX", ReduceKind::max)
                  .Default(std::nullopt);
  if (!kind) {
    node.error("aggregate_function '" + function + "' is not known", "it is SUM, AVERAGE, MIN or MAX");
    return {};
  }
  auto [scores, isSpoken] = saidOf(node, forest, leaves, targets, x, *kind);
  if (scores && function == "AVERAGE")
    scores = node.binary(BinaryKind::div, scores, node.scalar(forest.roots.size(), scores));
  bool silenceIsZero = *kind == ReduceKind::sum && base.empty();
  return silenceIsZero ? scores : whereSpoken(node, addBase(node, scores, base), isSpoken, 0);
}

void importTreeEnsembleRegressor(Node &node) {
  std::string function = node.text("aggregate_function", "SUM");
  int64_t targets = node.integer("n_targets", 1);
  Forest forest;
  Leaves leaves(node, "target");
  SmallVector<double> base = node.numbers("base_values");
  Value x = rowsAndForest(node, forest);
  // As ONNX says; onnxruntime ignores LOGISTIC and SOFTMAX of one target, which common converters do not write.
  if (Value scores = x ? aggregate(node, forest, leaves, targets, x, function, base) : Value())
    node.set(0, postTransform(node, scores, node.text("post_transform", "NONE")));
}

/// The numbers of a tensor; none where it is null.
SmallVector<double> numbersOf(ElementsAttr tensor) {
  SmallVector<double> numbers;
  if (auto elements = readElements(tensor, kMostLeafNumbers))
    llvm::append_range(numbers, elements->isFloat()
                                    ? elements->floats
                                    : std::vector<double>(elements->ints.begin(), elements->ints.end()));
  return numbers;
}

/// The numbers of modes, [nodes].
/// error   modes that are no integers
SmallVector<double> readModes(Node &node) {
  ElementsAttr modes = node.tensor("nodes_modes");
  if (modes && !isa<IntegerType>(modes.getElementType()))
    node.error("attribute 'nodes_modes' is " + nameOf(modes.getElementType()) + ", must be ui8");
  return numbersOf(modes);
}

/// The word with that number, counted from 0; the number itself where there is none.
std::string wordOf(StringRef words, double number) {
  SmallVector<StringRef> list;
  words.split(list, ' ');
  return number >= 0 && number < list.size() ? list[number].str() : llvm::formatv("{0:f0}", number).str();
}

/// The nodes of an ensemble, in lists of their own. Where `areLeaves` says so, a way leads to a leaf.
struct Nodes {
  SmallVector<double> modes, splits;
  SmallVector<int64_t> features;
  SmallVector<int64_t> ways[2], areLeaves[2]; ///< where a comparison is false, where it is true

  int64_t count() const { return features.size(); }
};

constexpr StringRef kModes =
    "BRANCH_LEQ BRANCH_LT BRANCH_GTE BRANCH_GT BRANCH_EQ BRANCH_NEQ BRANCH_MEMBER"; ///< in the order of their numbers
constexpr double kEquals = 4, kIsMember = 6;

/// Makes of each node that asks for a set a chain of nodes, behind all others, that ask for one member each. Sets are
/// in the order of their nodes, with NaN behind each.
/// error   a set that is empty or missing
bool writeOutSets(Node &node, Nodes &nodes, ArrayRef<double> members, SmallVectorImpl<int64_t> &takesMissing) {
  for (int64_t i = 0, given = nodes.count(); i < given; ++i) {
    if (nodes.modes[i] != kIsMember)
      continue;
    ArrayRef<double> set = members.take_until([](double value) { return std::isnan(value); });
    if (set.empty()) {
      node.error("node " + Twine(i) + " asks for a member of a set that is empty or missing");
      return false;
    }
    members = members.drop_front(std::min(members.size(), set.size() + 1));
    nodes.modes[i] = kEquals;
    nodes.splits[i] = set.front();
    int64_t otherwise = nodes.ways[0][i], isLeaf = nodes.areLeaves[0][i];
    for (int64_t last = i; double member : set.drop_front()) {
      nodes.ways[0][last] = nodes.count();
      nodes.areLeaves[0][last] = 0;
      last = nodes.count();
      nodes.modes.push_back(kEquals);
      nodes.splits.push_back(member);
      nodes.features.push_back(nodes.features[i]);
      nodes.ways[0].push_back(otherwise), nodes.areLeaves[0].push_back(isLeaf);
      nodes.ways[1].push_back(nodes.ways[1][i]), nodes.areLeaves[1].push_back(nodes.areLeaves[1][i]);
      if (!takesMissing.empty())
        takesMissing.push_back(takesMissing[i]);
    }
  }
  return true;
}

/// Sets the trees of an ensemble, whose leaves get the places behind its nodes.
/// error   lists that do not fit each other, children that are missing
bool readEnsemble(Node &node, Forest &forest, Leaves &leaves, int64_t columns) {
  SmallVector<double> members =
      numbersOf(node.has("membership_values") ? node.tensor("membership_values") : ElementsAttr());
  Nodes nodes{readModes(node),
              numbersOf(node.tensor("nodes_splits")),
              node.integers("nodes_featureids"),
              {node.integers("nodes_falsenodeids"), node.integers("nodes_truenodeids")},
              {node.integers("nodes_falseleafs"), node.integers("nodes_trueleafs")}};
  forest.roots = node.integers("tree_roots");
  leaves.weights = numbersOf(node.tensor("leaf_weights"));
  leaves.targets = node.integers("leaf_targetids");
  node.ignore({"nodes_hitrates"});
  int64_t given = nodes.count();
  for (size_t length : {nodes.modes.size(), nodes.splits.size(), nodes.ways[0].size(), nodes.ways[1].size(),
                        nodes.areLeaves[0].size(), nodes.areLeaves[1].size()})
    if ((int64_t)length != given && !node.failed())
      node.error("the attributes that describe nodes have " + Twine(given) + " and " + Twine(length) + " elements");
  for (int64_t root : forest.roots)
    if (root < 0 || root >= given)
      node.error("root " + Twine(root) + " is none of " + Twine(given) + " nodes");
  if (forest.roots.empty())
    node.error("there are no trees");
  if (node.failed() || !readMissing(node, forest, given) || !writeOutSets(node, nodes, members, forest.takesMissing))
    return false;
  int64_t inner = nodes.count(), count = inner + leaves.weights.size();
  forest.features = nodes.features;
  forest.thresholds = nodes.splits;
  forest.features.resize(count);
  forest.thresholds.resize(count);
  if (!forest.takesMissing.empty())
    forest.takesMissing.resize(count);
  for (int64_t i = 0; i < inner; ++i) {
    int64_t ways[2];
    for (int way : {0, 1}) {
      int64_t to = nodes.ways[way][i], first = nodes.areLeaves[way][i] ? inner : 0,
              most = first ? count - inner : inner;
      if (to < 0 || to >= most || (first == 0 && to == i)) { // which would look like a leaf
        node.error("node " + Twine(i) + " leads to " + Twine(to) + ", which is not there");
        return false;
      }
      ways[way] = to + first;
    }
    if (!compareAt(node, forest, i, wordOf(kModes, nodes.modes[i]), {ways[0], ways[1]}, columns))
      return false;
    forest.children.append({ways[0], ways[1]});
  }
  for (int64_t leaf = inner; leaf < count; ++leaf) {
    forest.children.append(2, leaf);
    forest.places[{0, leaf}] = leaf;
    leaves.nodes.push_back(leaf);
  }
  leaves.trees.assign(leaves.nodes.size(), 0);
  return findLevels(node, forest);
}

/// What a row's leaves say of each target. Numbers of functions are ONNX's; onnxruntime takes those of SOFTMAX and
/// LOGISTIC for each other.
void importTreeEnsemble(Node &node) {
  std::string function = wordOf("AVERAGE SUM MIN MAX", node.integer("aggregate_function", 1)),
              transform = wordOf("NONE SOFTMAX LOGISTIC SOFTMAX_ZERO PROBIT", node.integer("post_transform", 0));
  int64_t targets = node.integer("n_targets", 1);
  if (!node.requireFloat(0) || !node.requireRank(0, 2, 2))
    return;
  Type type = node.type(0).getElementType();
  if (type.isF64())
    return node.error("trees that compare in f64 are not supported", "make input and thresholds f32");
  Forest forest;
  Leaves leaves;
  Value x = readEnsemble(node, forest, leaves, node.shape(0)[1]) ? asFloats(node) : Value();
  if (Value said = x ? aggregate(node, forest, leaves, targets, x, function) : Value())
    node.set(0, node.cast(postTransform(node, said, transform), type));
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
  SmallVector<double> base = node.numbers("base_values");
  auto [sums, isSpoken] = saidOf(node, forest, leaves, sharesSum ? 1 : classes->count, x);
  Value scores = addBase(node, sums, base);
  if (!scores)
    return;
  if (sharesSum)
    return setTwoClasses(node, scores, *classes,
                         llvm::none_of(leaves.weights, [](double weight) { return weight < 0; }));
  // ONNX asks for the top class. Of two with sums of their own onnxruntime takes the second where its sum is above 0.
  // Of what no leaf speaks, the score is 0, and without a base no class either.
  Value spoken = base.empty() ? whereSpoken(node, scores, isSpoken, -kInfinity) : scores;
  setClass(node, node.make<ArgReduceOp>(ArgReduceKind::argmax, spoken, 1, /*last=*/false), *classes);
  node.set(1, postTransform(node, scores, node.text("post_transform", "NONE")));
}

const OpEntry kOps[] = {
    {"TreeEnsemble", 1, 1, importTreeEnsemble, "ai.onnx.ml"},
    {"TreeEnsembleRegressor", 1, 1, importTreeEnsembleRegressor, "ai.onnx.ml"},
    {"TreeEnsembleClassifier", 1, 1, importTreeEnsembleClassifier, "ai.onnx.ml"},
};
} // namespace

ArrayRef<OpEntry> treeOps() { return kOps; }

} // namespace nncc::import
