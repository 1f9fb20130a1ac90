// Reductions, arg reductions, softmax, cumulative sums.
#include "dialects/nn/Kinds.h"
#include "lib/import/onnx/Families.h"
#include "lib/import/onnx/ModelFile.h"

using namespace mlir;
using namespace nncc::nn;

namespace nncc::import {
namespace {

struct ReduceRow {
  const char *name;
  ReduceKind kind;
};
constexpr ReduceRow kReduceRows[] = {
    {"ReduceSum", ReduceKind::sum},
    {"ReduceMean", ReduceKind::mean},
    {"ReduceMax", ReduceKind::max},
    {"ReduceMin", ReduceKind::min},
    {"ReduceProd", ReduceKind::prod},
    {"ReduceL1", ReduceKind::l1},
    {"ReduceL2", ReduceKind::l2},
    {"ReduceLogSum", ReduceKind::log_sum},
    {"ReduceLogSumExp", ReduceKind::log_sum_exp},
    {"ReduceSumSquare", ReduceKind::sum_square},
};

/// Drops the dims of reduced axes when the node does not keep them.
Value dropDims(Node &node, Value reduced, ArrayRef<int64_t> axes, bool keep) {
  if (keep || !reduced)
    return reduced;
  SmallVector<int64_t> shape;
  for (auto [i, dim] : llvm::enumerate(shapeOf(reduced)))
    if (!llvm::is_contained(axes, (int64_t)i))
      shape.push_back(dim);
  return node.reshape(reduced, shape);
}

void importReduce(Node &node) {
  const ReduceRow *row = llvm::find_if(kReduceRows, [&](const ReduceRow &row) { return node.op() == row.name; });
  bool keepDims = node.flag("keepdims", true), noAxesMeansNone = node.flag("noop_with_empty_axes", false);
  SmallVector<int64_t> raw = node.integers("axes");
  bool overBooleans = row->kind == ReduceKind::max || row->kind == ReduceKind::min;
  if (!overBooleans && !node.requireNumber(0))
    return;
  if (node.hasInput(1)) {
    auto given = node.integersOf(1, "axes");
    if (!given)
      return;
    raw = *given;
  }
  Value x = node.input(0);
  int64_t rank = rankOf(x);
  SmallVector<int64_t> axes = node.axes(raw, rank);
  if (node.failed())
    return;
  // Booleans are ordered like the numbers 0 and 1 (opset 20), and the largest of none is 0. Roots and logarithms of
  // integers are taken in f64, as the function bodies in ONNX's definition do, and lose their fraction.
  Type type = elementOf(x);
  bool isRoot = row->kind == ReduceKind::l2 || row->kind == ReduceKind::log_sum || row->kind == ReduceKind::log_sum_exp;
  if (type.isInteger(1))
    x = node.cast(x, node.builder.getIntegerType(8, false));
  else if (isRoot && !isa<FloatType>(type))
    x = node.cast(x, node.builder.getF64Type());
  bool isEmptyReduction = rank == 0 || (axes.empty() && noAxesMeansNone);
  if (isEmptyReduction) {
    // Each element is reduced by itself, which squares or takes the logarithm of it still.
    SmallVector<int64_t> shape(shapeOf(x));
    SmallVector<int64_t> longer(shape);
    longer.push_back(1);
    Value reduced = node.reduce(row->kind, node.reshape(x, longer), {rank});
    return node.set(0, node.cast(node.reshape(reduced, shape), type));
  }
  if (axes.empty())
    axes = llvm::to_vector(llvm::seq<int64_t>(0, rank));
  Value reduced = dropDims(node, node.reduce(row->kind, x, axes), axes, keepDims);
  node.set(0, node.cast(reduced, type));
}

void importArg(Node &node) {
  int64_t raw = node.integer("axis", 0);
  bool keepDims = node.flag("keepdims", true), last = node.flag("select_last_index", false);
  if (!node.requireNumber(0) || !node.requireRank(0, 1, 32))
    return;
  int64_t axis = node.axis(raw, node.rank(0));
  auto kind = node.op() == "ArgMax" ? ArgReduceKind::argmax : ArgReduceKind::argmin;
  Value reduced = node.make<ArgReduceOp>(kind, node.input(0), axis, last);
  node.set(0, dropDims(node, reduced, {axis}, keepDims));
}

/// The tensor that softmax and its like work on, and the axis. Until opset 12 all dims from the axis on are one.
std::pair<Value, int64_t> flattenForSoftmax(Node &node) {
  int64_t raw = node.integer("axis", node.opset() < 13 ? 1 : -1);
  if (!node.requireFloat(0))
    return {};
  Value x = node.input(0);
  int64_t rank = rankOf(x);
  // A scalar, and axis = rank of opsets before 11, have no axis to name.
  int64_t axis = node.opset() < 13 && raw == rank ? rank : node.axis(raw, rank);
  if (node.failed())
    return {};
  if (node.opset() >= 13)
    return {x, axis};
  ArrayRef<int64_t> shape = shapeOf(x);
  if (axis < rank && product(shape.drop_front(axis + 1)) == 1)
    return {x, axis};
  return {node.reshape(x, {product(shape.take_front(axis)), product(shape.drop_front(axis))}), 1};
}

void importSoftmax(Node &node) {
  auto [x, axis] = flattenForSoftmax(node);
  if (!x)
    return;
  Value result = node.make<SoftmaxOp>(x, axis, node.op() == "LogSoftmax");
  node.set(0, node.reshape(result, node.shape(0)));
}

/// 1 at the first largest element, 0 elsewhere.
void importHardmax(Node &node) {
  auto [x, axis] = flattenForSoftmax(node);
  if (!x)
    return;
  SmallVector<int64_t> shape(shapeOf(x)), without;
  if (product(shape) == 0) // what has no elements has no first largest one
    return node.set(0, node.input(0));
  for (auto [i, dim] : llvm::enumerate(shape))
    if ((int64_t)i != axis)
      without.push_back(dim);
  Value index = node.reshape(node.make<ArgReduceOp>(ArgReduceKind::argmax, x, axis, false), without);
  Value values = node.constant({0, 1}, {2}, elementOf(x));
  Value result = node.make<OneHotOp>(index, values, axis, shape[axis]);
  node.set(0, node.reshape(result, node.shape(0)));
}

void importCumSum(Node &node) {
  bool exclusive = node.flag("exclusive", false), reverse = node.flag("reverse", false);
  auto raw = node.integerOf(1, "axis");
  if (!raw || !node.requireNumber(0))
    return;
  node.set(0, node.make<CumSumOp>(node.input(0), node.axis(*raw, node.rank(0)), exclusive, reverse));
}

/// Products of 1, 2, 4 ... neighbours: after each round an element holds twice as many of those before it.
void importCumProd(Node &node) {
  bool exclusive = node.flag("exclusive", false), reverse = node.flag("reverse", false);
  auto raw = node.integerOf(1, "axis");
  if (!raw || !node.requireNumber(0))
    return;
  int64_t axis = node.axis(*raw, node.rank(0));
  if (node.failed())
    return;
  Value x = node.input(0);
  int64_t size = shapeOf(x)[axis];
  // Moved along by `steps`, with ones behind.
  auto moved = [&](Value x, int64_t steps) -> Value {
    SmallVector<int64_t> shape(shapeOf(x));
    shape[axis] = steps;
    Value ones = node.splat(1, shape, elementOf(x)), rest = node.slice(x, axis, reverse ? steps : 0, size - steps);
    return reverse ? node.concat({rest, ones}, axis) : node.concat({ones, rest}, axis);
  };
  if (exclusive && size > 0)
    x = moved(x, 1);
  for (int64_t steps = 1; steps < size && x; steps *= 2)
    x = node.binary(kind::mul, x, moved(x, steps));
  node.set(0, x);
}

//===-- Losses ------------------------------------------------------------===//

/// Minus the log probability [N, C, ...] of each target [N, ...], weighed by its class, and reduced.
Value lossOf(Node &node, Value logProbability) {
  std::string reduction = node.text("reduction", "mean");
  if (reduction != "none" && reduction != "sum" && reduction != "mean")
    node.error("reduction '" + reduction + "' is not known", "it is none, sum or mean");
  bool ignores = node.has("ignore_index");
  int64_t ignored = node.integer("ignore_index", 0);
  if (!logProbability || !node.requireInteger(1) || !node.requireRank(0, 2, 32))
    return {};
  SmallVector<int64_t> shape(node.shape(0));
  int64_t classes = shape[1];
  shape.erase(shape.begin() + 1);
  if (node.shape(1) != ArrayRef<int64_t>(shape) || classes < 1 ||
      (node.hasInput(2) && node.shape(2) != ArrayRef<int64_t>{classes})) {
    node.error("targets " + describeShape(node.shape(1)) + " or weights do not fit scores " +
               describeShape(node.shape(0)));
    return {};
  }
  Value target = node.cast(node.input(1), node.builder.getI64Type()), counts;
  if (ignores) {
    counts = node.unary(kind::logical_not,
                        node.binary(kind::equal, target, node.constant({ignored}, {}, elementOf(target))));
    target = node.select(counts, target, node.scalar(0, target));
  }
  SmallVector<int64_t> column(shape);
  column.insert(column.begin() + 1, 1);
  Value picked = node.make<GatherElementsOp>(logProbability, node.reshape(target, column), 1);
  Value loss = node.unary(kind::neg, node.reshape(picked, shape)), weight;
  if (node.hasInput(2))
    weight = node.make<GatherOp>(node.input(2), target, 0);
  else if (ignores)
    weight = node.splat(1, SmallVector<int64_t>(shape.size(), 1), elementOf(logProbability));
  if (ignores && weight)
    weight = node.select(counts, weight, node.scalar(0, weight));
  if (weight)
    loss = node.binary(kind::mul, loss, weight);
  if (reduction == "none")
    return loss;
  SmallVector<int64_t> all = llvm::to_vector(llvm::seq<int64_t>(0, shape.size()));
  Value total = node.reduce(weight || reduction == "sum" ? ReduceKind::sum : ReduceKind::mean, loss, all);
  if (weight && reduction == "mean")
    total = node.binary(kind::div, total, node.reduce(ReduceKind::sum, weight, all));
  return node.reshape(total, {});
}

void importNegativeLogLikelihoodLoss(Node &node) {
  if (node.requireFloat(0))
    node.set(0, lossOf(node, node.input(0)));
}

void importSoftmaxCrossEntropyLoss(Node &node) {
  if (!node.requireFloat(0) || !node.requireRank(0, 2, 32))
    return;
  Value logProbability = node.make<SoftmaxOp>(node.input(0), 1, /*log=*/true);
  node.set(0, lossOf(node, logProbability));
  node.set(1, logProbability);
}

std::vector<OpEntry> makeTable() {
  std::vector<OpEntry> table = {
      {"ArgMax", 1, 1, importArg},
      {"ArgMin", 1, 1, importArg},
      {"Softmax", 1, 1, importSoftmax},
      {"LogSoftmax", 1, 1, importSoftmax},
      {"Hardmax", 1, 1, importHardmax},
      {"CumSum", 2, 2, importCumSum},
      {"CumProd", 2, 2, importCumProd},
      {"NegativeLogLikelihoodLoss", 2, 3, importNegativeLogLikelihoodLoss},
      {"SoftmaxCrossEntropyLoss", 2, 3, importSoftmaxCrossEntropyLoss},
  };
  for (const ReduceRow &row : kReduceRows)
    table.push_back({row.name, 1, 2, importReduce});
  return table;
}
} // namespace

ArrayRef<OpEntry> reduceOps() {
  static const std::vector<OpEntry> table = makeTable();
  return table;
}

} // namespace nncc::import
