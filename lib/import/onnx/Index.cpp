// Operators that read or write where a tensor of indices says: gathers, scatters, OneHot, TopK.
#include "dialects/nn/Kinds.h"
#include "lib/import/onnx/Families.h"
#include "lib/import/onnx/Graph.h"
#include "lib/import/onnx/ModelFile.h"

using namespace mlir;
using namespace nncc::nn;

namespace nncc::import {
namespace {

/// An input of indices as i32 or i64.
Value indices(Node &node, size_t i) {
  if (!node.requireInteger(i))
    return {};
  Value value = node.input(i);
  bool isIndex = elementOf(value).isSignlessInteger(32) || elementOf(value).isSignlessInteger(64);
  return isIndex ? value : node.cast(value, node.builder.getI64Type());
}

/// Nothing can be read or written in dims without elements.
///
/// dims  those of the data that the indices address
bool checkNotEmpty(Node &node, ArrayRef<int64_t> dims, Value index) {
  if (llvm::is_contained(dims, 0) && product(shapeOf(index)) != 0)
    node.error("indexes dims of " + describeShape(dims) + ", which have no elements");
  return !node.failed();
}

/// A constant index or an ascending run of them is a slice.
void importGather(Node &node) {
  int64_t raw = node.integer("axis", 0);
  Value data = node.input(0), index = indices(node, 1);
  int64_t axis = node.axis(raw, node.rank(0));
  if (node.failed() || !checkNotEmpty(node, shapeOf(data)[axis], index))
    return;
  int64_t dim = shapeOf(data)[axis];
  auto known = readElements(getConstantValue(index), 4096);
  if (known && known->size() > 0) {
    bool isRun = true;
    for (auto [i, value] : llvm::enumerate(known->ints)) {
      if (value < -dim || value >= dim)
        return node.error("index " + Twine(value) + " is out of range for dim " + Twine(axis) + " of " + Twine(dim) +
                          " elements");
      if (value < 0)
        value += dim;
      isRun &= value == known->ints[0] + (int64_t)i;
    }
    if (isRun && rankOf(index) <= 1 && !getConstantValue(data)) {
      Value cut = node.slice(data, axis, known->ints[0], known->size());
      SmallVector<int64_t> shape(shapeOf(data));
      shape[axis] = known->size();
      if (rankOf(index) == 0)
        shape.erase(shape.begin() + axis);
      return node.set(0, node.reshape(cut, shape));
    }
  }
  node.set(0, node.make<GatherOp>(data, index, axis));
}

/// Data and indices of one rank; along other dims than the axis the indices are no longer than the data.
bool checkElements(Node &node, Value data, Value index, int64_t axis) {
  if (node.failed() || !data || !index)
    return false;
  bool fits = rankOf(data) == rankOf(index);
  for (int64_t i = 0; fits && i < rankOf(data); ++i)
    fits &= i == axis || shapeOf(index)[i] <= shapeOf(data)[i];
  if (!fits)
    node.error("indices of shape " + describeShape(shapeOf(index)) + " do not fit data of shape " +
               describeShape(shapeOf(data)));
  return fits && checkNotEmpty(node, shapeOf(data)[axis], index);
}

void importGatherElements(Node &node) {
  int64_t axis = node.axis(node.integer("axis", 0), node.rank(0));
  Value data = node.input(0), index = indices(node, 1);
  if (checkElements(node, data, index, axis))
    node.set(0, node.make<GatherElementsOp>(data, index, axis));
}

void importGatherND(Node &node) {
  int64_t batch = node.integer("batch_dims", 0);
  Value data = node.input(0), index = indices(node, 1);
  if (node.failed())
    return;
  if (batch < 0 || batch >= node.rank(0) || batch >= node.rank(1))
    return node.error("batch_dims " + Twine(batch) + " is out of range");
  for (int64_t i = 0; i < batch; ++i)
    if (node.shape(0)[i] != node.shape(1)[i])
      return node.error("batch dims of " + describeShape(node.shape(0)) + " and " + describeShape(node.shape(1)) +
                        " differ");
  int64_t tuple = shapeOf(index).back();
  if (tuple < 1 || batch + tuple > rankOf(data))
    return node.error("index tuples of " + Twine(tuple) + " do not fit rank " + Twine(rankOf(data)));
  if (checkNotEmpty(node, shapeOf(data).slice(batch, tuple), index))
    node.set(0, node.make<GatherNDOp>(data, index, batch));
}

std::optional<ScatterReduction> readReduction(Node &node) {
  std::string text = node.text("reduction", "none");
  auto kind = text == "none" ? ScatterReduction::replace : symbolizeScatterReduction(text);
  if (!kind || text == "replace") {
    node.error("reduction '" + text + "' is not known", "it is none, add, mul, max or min");
    return std::nullopt;
  }
  return kind;
}

void importScatterElements(Node &node) {
  auto reduction = readReduction(node);
  int64_t axis = node.axis(node.integer("axis", 0), node.rank(0));
  Value data = node.input(0), index = indices(node, 1), updates = node.input(2);
  if (!reduction || !checkElements(node, data, index, axis))
    return;
  if (shapeOf(updates) != shapeOf(index) || elementOf(updates) != elementOf(data))
    return node.error("updates of shape " + describeShape(shapeOf(updates)) + " and type " +
                      nameOf(elementOf(updates)) + " do not fit indices of shape " + describeShape(shapeOf(index)) +
                      " and data of type " + nameOf(elementOf(data)));
  node.set(0, node.makeTyped<ScatterElementsOp>(data.getType(), *reduction, data, index, updates, axis));
}

void importScatterND(Node &node) {
  auto reduction = readReduction(node);
  Value data = node.input(0), index = indices(node, 1), updates = node.input(2);
  if (!reduction || node.failed())
    return;
  int64_t tuple = rankOf(index) ? shapeOf(index).back() : 0;
  if (tuple < 1 || tuple > rankOf(data))
    return node.error("index tuples of " + Twine(tuple) + " do not fit rank " + Twine(rankOf(data)));
  if (!checkNotEmpty(node, shapeOf(data).take_front(tuple), index))
    return;
  SmallVector<int64_t> expected(shapeOf(index).drop_back());
  llvm::append_range(expected, shapeOf(data).drop_front(tuple));
  if (shapeOf(updates) != ArrayRef(expected) || elementOf(updates) != elementOf(data))
    return node.error("updates of shape " + describeShape(shapeOf(updates)) + " and type " +
                      nameOf(elementOf(updates)) + " must be " + describeShape(expected) + " of " +
                      nameOf(elementOf(data)));
  node.set(0, node.makeTyped<ScatterNDOp>(data.getType(), *reduction, data, index, updates));
}

void importOneHot(Node &node) {
  int64_t raw = node.integer("axis", -1);
  auto depth = node.numbersOf(1, "depth");
  if (!depth || !node.requireNumber(0))
    return;
  if (depth->size() != 1 || !((*depth)[0] >= 0 && (*depth)[0] <= INT32_MAX))
    return node.error("depth must be one number from 0 to 2147483647");
  Value index = node.input(0);
  if (!elementOf(index).isSignlessInteger(32) && !elementOf(index).isSignlessInteger(64))
    index = node.cast(index, node.builder.getI64Type());
  if (index)
    node.set(0, node.make<OneHotOp>(index, node.input(2), node.axis(raw, rankOf(index) + 1), (int64_t)(*depth)[0]));
}

void importTopK(Node &node) {
  int64_t raw = node.integer("axis", -1), k = 0;
  bool largest = node.flag("largest", true);
  node.ignore({"sorted"}); // sorted is one of the orders that an unsorted result may have
  if (node.opset() < 10) {
    k = node.requiredInteger("k");
  } else {
    auto given = node.integerOf(1, "k");
    if (!given)
      return;
    k = *given;
  }
  if (!node.requireNumber(0) || !node.requireRank(0, 1, 32))
    return;
  Value x = node.input(0);
  int64_t axis = node.axis(raw, rankOf(x));
  SmallVector<int64_t> shape(shapeOf(x));
  if (k < 0 || k > shape[axis])
    return node.error("k " + Twine(k) + " is out of range for " + Twine(shape[axis]) + " elements");
  shape[axis] = k;
  OperationState state(node.loc(), TopKOp::getOperationName());
  TopKOp::build(node.builder, state, RankedTensorType::get(shape, elementOf(x)),
                RankedTensorType::get(shape, node.builder.getI64Type()), x, axis, largest);
  if (Operation *op = node.makeOp(state)) {
    node.set(0, op->getResult(0));
    node.set(1, op->getResult(1));
  }
}

/// The size of the result depends on values: only constants have one.
void importNonZero(Node &node) {
  auto x = readElements(node.constant(0));
  if (!x)
    return node.error("its input has to be known at compile time, because the size of its result depends on it",
                      node.importer().adviceToKnow(node.input(0)));
  SmallVector<int64_t> at;
  for (int64_t i = 0; i < x->size(); ++i)
    if (x->isFloat() ? x->floats[i] != 0 : x->ints[i] != 0)
      at.push_back(i);
  ArrayRef<int64_t> shape = x->type.getShape();
  SmallVector<int64_t> values;
  for (size_t d = 0; d < shape.size(); ++d) {
    int64_t inner = product(shape.drop_front(d + 1));
    for (int64_t i : at)
      values.push_back(i / inner % shape[d]);
  }
  node.set(0, node.constant(values, {(int64_t)shape.size(), (int64_t)at.size()}, node.builder.getI64Type()));
}

void importCompress(Node &node) {
  auto chosen = node.integersOf(1, "condition");
  if (!chosen)
    return;
  Value x = node.input(0);
  int64_t axis = 0;
  if (node.has("axis"))
    axis = node.axis(node.integer("axis", 0), rankOf(x));
  else
    x = node.reshape(x, {product(shapeOf(x))});
  if (node.failed())
    return;
  SmallVector<int64_t> at;
  for (int64_t i = 0; i < (int64_t)chosen->size() && i < shapeOf(x)[axis]; ++i)
    if ((*chosen)[i])
      at.push_back(i);
  node.set(0, node.make<GatherOp>(x, node.vector(at), axis));
}

/// Positions 0, 1, 2 ... along an axis, in the rank of a tensor.
Value countAlong(Node &node, Value tensor, int64_t axis) {
  if (shapeOf(tensor)[axis] > kMaxFoldedInts) {
    node.error("dim " + Twine(axis) + " of " + describeShape(shapeOf(tensor)) + " is too large, nncc counts up to " +
               Twine(kMaxFoldedInts));
    return {};
  }
  SmallVector<int64_t> shape(rankOf(tensor), 1);
  shape[axis] = shapeOf(tensor)[axis];
  return node.constant(llvm::to_vector(llvm::seq<int64_t>(0, shape[axis])), shape, node.builder.getI64Type());
}

/// One number for each row of a batch, in the rank of a tensor.
Value perRow(Node &node, size_t i, Value tensor, int64_t axis) {
  Value value = node.cast(node.input(i), node.builder.getI64Type());
  if (!node.requireInteger(i) || !value)
    return {};
  SmallVector<int64_t> shape(rankOf(tensor), 1);
  shape[axis] = shapeOf(tensor)[axis];
  return node.reshape(value, shape);
}

/// The first steps of each row of a batch come in reverse order, the others stay.
void importReverseSequence(Node &node) {
  int64_t rawBatch = node.integer("batch_axis", 1), rawTime = node.integer("time_axis", 0);
  Value x = node.input(0);
  if (!x || !node.requireRank(0, 2, kMaxRank))
    return;
  int64_t batch = node.axis(rawBatch, rankOf(x)), time = node.axis(rawTime, rankOf(x));
  if (batch == time)
    node.error("batch_axis and time_axis are one");
  Value lengths = node.failed() ? Value() : perRow(node, 1, x, batch);
  if (!lengths)
    return;
  Value step = countAlong(node, x, time);
  Value mirrored = node.binary(kind::sub, node.binary(kind::sub, lengths, node.scalar(1, lengths)), step);
  Value from = node.select(node.binary(kind::less, step, lengths), mirrored, step);
  node.set(0, node.make<GatherElementsOp>(x, node.expand(from, shapeOf(x)), time));
}

/// Puts an update into a cache, from a position of each row on.
void importTensorScatter(Node &node) {
  std::string mode = node.text("mode", "linear");
  int64_t raw = node.integer("axis", -2);
  if (mode != "linear" && mode != "circular")
    return node.error("mode '" + mode + "' is not known", "it is linear or circular");
  Value cache = node.input(0), update = node.input(1);
  if (!cache || !update || !node.requireRank(0, 2, kMaxRank))
    return;
  int64_t axis = node.axis(raw, rankOf(cache));
  if (node.failed())
    return;
  SmallVector<int64_t> fits(shapeOf(update));
  if (rankOf(update) == rankOf(cache))
    fits[axis] = shapeOf(cache)[axis];
  if (axis == 0 || ArrayRef<int64_t>(fits) != shapeOf(cache) || shapeOf(update)[axis] > shapeOf(cache)[axis])
    return node.error("an update of shape " + describeShape(shapeOf(update)) + " does not fit a cache of shape " +
                      describeShape(shapeOf(cache)) + " along axis " + Twine(axis));
  Value at = countAlong(node, update, axis);
  if (node.hasInput(2))
    at = node.binary(kind::add, perRow(node, 2, cache, 0), at);
  if (mode == "circular" && at)
    at = node.binary(kind::mod, at, node.scalar(shapeOf(cache)[axis], at));
  if (at)
    node.set(0, node.makeTyped<ScatterElementsOp>(cache.getType(), ScatterReduction::replace, cache,
                                                  node.expand(at, shapeOf(update)), update, axis));
}

const OpEntry kOps[] = {
    {"ReverseSequence", 2, 2, importReverseSequence},
    {"TensorScatter", 2, 3, importTensorScatter},
    {"Gather", 2, 2, importGather},
    {"GatherElements", 2, 2, importGatherElements},
    {"GatherND", 2, 2, importGatherND},
    {"Scatter", 3, 3, importScatterElements},
    {"ScatterElements", 3, 3, importScatterElements},
    {"ScatterND", 3, 3, importScatterND},
    {"OneHot", 3, 3, importOneHot},
    {"TopK", 1, 2, importTopK},
    {"NonZero", 1, 1, importNonZero},
    {"Compress", 2, 2, importCompress},
};
} // namespace

ArrayRef<OpEntry> indexOps() { return kOps; }

} // namespace nncc::import
