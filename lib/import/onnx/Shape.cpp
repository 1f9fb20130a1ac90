// Operators that are constants once every shape is known.
#include "dialects/nn/ConstantData.h"
#include "lib/import/onnx/Families.h"
#include "lib/import/onnx/ModelFile.h"
#include <cmath>

using namespace mlir;
using namespace nncc::nn;

namespace nncc::import {
namespace {

void importConstant(Node &node) {
  MLIRContext *context = node.context();
  Builder b(context);
  ElementsAttr value;
  auto numbers = [&](ArrayRef<double> values, ArrayRef<int64_t> shape) {
    Elements elements;
    elements.type = RankedTensorType::get(shape, b.getF32Type());
    elements.floats.assign(values.begin(), values.end());
    value = makeElements(elements);
  };
  auto integers = [&](ArrayRef<int64_t> values, ArrayRef<int64_t> shape) {
    Elements elements;
    elements.type = RankedTensorType::get(shape, b.getI64Type());
    elements.ints.assign(values.begin(), values.end());
    value = makeElements(elements);
  };
  if (node.has("value_int"))
    integers(node.integer("value_int", 0), {});
  else if (node.has("value_ints"))
    integers(node.integers("value_ints"), {(int64_t)node.integers("value_ints").size()});
  else if (node.has("value_float"))
    numbers(node.number("value_float", 0), {});
  else if (node.has("value_floats"))
    numbers(node.numbers("value_floats"), {(int64_t)node.numbers("value_floats").size()});
  else if (node.has("sparse_value") || node.has("value_string") || node.has("value_strings"))
    return node.error("sparse and string constants are not supported");
  else if (Value constant = node.tensorConstant("value"))
    return node.set(0, constant);
  if (value && !node.failed())
    node.set(0, node.constant(value));
}

void importShape(Node &node) {
  int64_t rank = node.rank(0);
  auto bound = [&](StringRef name, int64_t byDefault) {
    int64_t at = node.integer(name, byDefault);
    return std::clamp<int64_t>(at < 0 ? at + rank : at, 0, rank);
  };
  int64_t start = bound("start", 0), end = bound("end", rank);
  if (!node.failed())
    node.set(0, node.vector(node.shape(0).slice(start, std::max<int64_t>(0, end - start))));
}

void importSize(Node &node) {
  if (node.input(0))
    node.set(0, node.constant({product(node.shape(0))}, {}, node.builder.getI64Type()));
}

/// The shape that an input holds, checked.
std::optional<SmallVector<int64_t>> shapeOfInput(Node &node, size_t i) {
  auto shape = node.integersOf(i, "shape");
  if (!shape)
    return std::nullopt;
  if (auto problem = checkShape(*shape)) {
    node.error(*problem);
    return std::nullopt;
  }
  return shape;
}

void importConstantOfShape(Node &node) {
  Type type = node.builder.getF32Type();
  TypedAttr value = node.builder.getF64FloatAttr(0);
  if (node.has("value")) {
    auto given = ConstantReader::get(node.tensor("value"));
    if (!given || given->size() != 1)
      return node.error("attribute 'value' must have one element");
    type = given->getElementType();
    value = given->getNumber(0);
  }
  if (auto shape = shapeOfInput(node, 0))
    node.set(0, node.splat(value, *shape, type));
}

void importRange(Node &node) {
  if (node.integer("stash_type", 1) != 1)
    return node.error("stash_type " + Twine(node.integer("stash_type", 1)) + " is not known", "it is 1");
  Type type = node.type(0).getElementType();
  Elements out;
  SmallVector<int64_t> ints;
  if (isa<FloatType>(type)) {
    SmallVector<double> v;
    for (size_t i : {0, 1, 2}) {
      auto value = node.numbersOf(i, i == 0 ? "start" : i == 1 ? "limit" : "delta");
      if (!value || value->size() != 1)
        return node.error("start, limit and delta must be single numbers");
      v.push_back((*value)[0]);
    }
    double count = std::ceil((v[1] - v[0]) / v[2]);
    if (v[2] == 0 || !(count < kMaxFoldedInts))
      return node.error("a range from " + std::to_string(v[0]) + " to " + std::to_string(v[1]) + " by " +
                        std::to_string(v[2]) + " is too long");
    for (int64_t i = 0; i < count; ++i)
      out.floats.push_back(roundToType(v[0] + i * v[2], type));
    out.type = RankedTensorType::get({(int64_t)out.floats.size()}, type);
  } else {
    for (size_t i : {0, 1, 2}) {
      auto value = node.integerOf(i, i == 0 ? "start" : i == 1 ? "limit" : "delta");
      if (!value)
        return;
      ints.push_back(*value);
    }
    // Exact in 128 bits, whatever the ends are.
    auto wide = [&](int64_t value) { return type.isUnsignedInteger() ? (__int128)(uint64_t)value : value; };
    __int128 span = wide(ints[1]) - wide(ints[0]), step = wide(ints[2]);
    bool isEmpty = step > 0 ? span <= 0 : span >= 0;
    __int128 count = isEmpty || step == 0 ? 0 : (span + step - (step > 0 ? 1 : -1)) / step;
    if (step == 0 || count >= kMaxFoldedInts)
      return node.error("a range from " + Twine(ints[0]) + " to " + Twine(ints[1]) + " by " + Twine(ints[2]) +
                        " is too long");
    for (int64_t i = 0; i < count; ++i)
      out.ints.push_back(wrapToType((int64_t)((uint64_t)ints[0] + (uint64_t)i * (uint64_t)ints[2]), type));
    out.type = RankedTensorType::get({(int64_t)out.ints.size()}, type);
  }
  node.set(0, node.constant(makeElements(out)));
}

void importEyeLike(Node &node) {
  int64_t diagonal = node.integer("k", 0);
  Type type = node.type(0).getElementType();
  if (node.has("dtype"))
    type = elementTypeOf((int32_t)node.integer("dtype", 1), node.context());
  if (!type)
    return node.error(describeUnsupported((int32_t)node.integer("dtype", 1)));
  if (!node.requireRank(0, 2, 2))
    return;
  ArrayRef<int64_t> shape = node.shape(0);
  if (product(shape) > kMaxFoldedInts)
    return node.error("a constant of shape " + describeShape(shape) + " is too big");
  SmallVector<int64_t> values;
  for (int64_t row = 0; row < shape[0]; ++row)
    for (int64_t column = 0; column < shape[1]; ++column)
      values.push_back(column - row == diagonal);
  node.set(0, node.constant(values, shape, type));
}

/// Keeps a triangle; the rest becomes 0.
void importTrilu(Node &node) {
  bool upper = node.flag("upper", true);
  int64_t k = 0;
  if (node.hasInput(1)) {
    auto given = node.integerOf(1, "k");
    if (!given)
      return;
    k = *given;
  }
  if (!node.requireRank(0, 2, 32))
    return;
  Value x = node.input(0);
  int64_t rows = shapeOf(x)[rankOf(x) - 2], columns = shapeOf(x)[rankOf(x) - 1];
  if (rows > 65536 || columns > 65536 || rows * columns > (1 << 26))
    return node.error("a mask of " + Twine(rows) + " x " + Twine(columns) + " is too big");
  k = std::clamp<int64_t>(k, -rows - 1, columns + 1);
  std::vector<char> mask;
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t column = 0; column < columns; ++column)
      mask.push_back(upper ? column - row >= k : column - row <= k);
  auto type = RankedTensorType::get({rows, columns}, node.builder.getI1Type());
  Value kept = node.constant(makeConstant(type, mask, "triangle"));
  node.set(0, node.select(kept, x, node.scalar(0, x)));
}

const OpEntry kOps[] = {
    {"Constant", 0, 0, importConstant}, {"Shape", 1, 1, importShape},
    {"Size", 1, 1, importSize},         {"ConstantOfShape", 1, 1, importConstantOfShape},
    {"Range", 3, 3, importRange},       {"EyeLike", 1, 1, importEyeLike},
    {"Trilu", 1, 2, importTrilu},
};
} // namespace

ArrayRef<OpEntry> shapeOps() { return kOps; }

} // namespace nncc::import
