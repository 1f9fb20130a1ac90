// See Fold.h. One function per op; all of them read whole operands and write a whole result, element by element.
#include "lib/import/onnx/Fold.h"
#include "dialects/nn/NN.h"
#include "lib/import/onnx/Elements.h"
#include "llvm/ADT/TypeSwitch.h"
#include <cmath>
#include <limits>

using namespace mlir;
using namespace nncc::nn;

namespace nncc::import {
namespace {

using Index = SmallVector<int64_t>;

int64_t linear(ArrayRef<int64_t> index, ArrayRef<int64_t> shape) {
  int64_t at = 0;
  for (auto [i, dim] : llvm::zip(index, shape))
    at = at * dim + i;
  return at;
}

/// Calls `body(index)` for every index of a shape in row-major order.
template <typename Body> void forEach(ArrayRef<int64_t> shape, Body body) {
  Index index(shape.size(), 0);
  for (int64_t left = ShapedType::getNumElements(shape); left > 0; --left) {
    body(index);
    for (size_t d = shape.size(); d-- > 0;) {
      if (++index[d] < shape[d])
        break;
      index[d] = 0;
    }
  }
}

/// The element of a broadcast operand at an index of the result.
int64_t broadcastAt(ArrayRef<int64_t> index, ArrayRef<int64_t> shape) {
  int64_t at = 0;
  for (auto [i, dim] : llvm::zip(index, shape))
    at = at * dim + (dim == 1 ? 0 : i);
  return at;
}

Elements emptyOf(RankedTensorType type) {
  Elements out;
  out.type = type;
  (out.isFloat() ? (void)out.floats.reserve(type.getNumElements()) : (void)out.ints.reserve(type.getNumElements()));
  return out;
}

void append(Elements &to, const Elements &from, int64_t at) {
  if (from.isFloat())
    to.floats.push_back(from.floats[at]);
  else
    to.ints.push_back(from.ints[at]);
}

/// A result whose every element is an element of `from`: `source(index)` says which.
template <typename Source> Elements gatherFrom(const Elements &from, RankedTensorType type, Source source) {
  Elements out = emptyOf(type);
  forEach(type.getShape(), [&](const Index &index) { append(out, from, source(index)); });
  return out;
}

//===-- Elementwise -------------------------------------------------------===//

std::optional<double> unaryFloat(UnaryKind kind, double x, double a, double b) {
  switch (kind) {
  case UnaryKind::abs:
    return std::fabs(x);
  case UnaryKind::neg:
    return -x;
  case UnaryKind::exp:
    return std::exp(x);
  case UnaryKind::log:
    return std::log(x);
  case UnaryKind::sqrt:
    return std::sqrt(x);
  case UnaryKind::rsqrt:
    return 1.0 / std::sqrt(x);
  case UnaryKind::reciprocal:
    return 1.0 / x;
  case UnaryKind::floor:
    return std::floor(x);
  case UnaryKind::ceil:
    return std::ceil(x);
  case UnaryKind::round:
    return std::nearbyint(x);
  case UnaryKind::sign:
    return x > 0 ? 1.0 : x < 0 ? -1.0 : x;
  case UnaryKind::erf:
    return std::erf(x);
  case UnaryKind::sin:
    return std::sin(x);
  case UnaryKind::cos:
    return std::cos(x);
  case UnaryKind::tanh:
    return std::tanh(x);
  case UnaryKind::sigmoid:
    return 1.0 / (1.0 + std::exp(-x));
  case UnaryKind::relu:
    return x < 0 ? 0.0 : x;
  case UnaryKind::leaky_relu:
    return x < 0 ? a * x : x;
  case UnaryKind::clip:
    return x < a ? a : x > b ? b : x;
  default:
    return std::nullopt;
  }
}

std::optional<int64_t> unaryInt(UnaryKind kind, int64_t x, bool isUnsigned) {
  switch (kind) {
  case UnaryKind::abs:
    return isUnsigned || x >= 0 ? x : (int64_t)(0 - (uint64_t)x);
  case UnaryKind::neg:
    return (int64_t)(0 - (uint64_t)x);
  case UnaryKind::sign:
    return isUnsigned ? x != 0 : (x > 0) - (x < 0);
  case UnaryKind::logical_not:
    return !x;
  case UnaryKind::bitwise_not:
    return ~x;
  case UnaryKind::relu:
    return isUnsigned ? x : std::max<int64_t>(x, 0);
  case UnaryKind::floor:
  case UnaryKind::ceil:
  case UnaryKind::round:
    return x;
  default:
    return std::nullopt;
  }
}

std::optional<Elements> fold(UnaryOp op, ArrayRef<Elements> in) {
  Elements out = emptyOf(cast<RankedTensorType>(op.getType()));
  Type element = in[0].type.getElementType();
  double a = op.getAlpha().convertToDouble(), b = op.getBeta().convertToDouble();
  if (in[0].isFloat() != out.isFloat())
    return std::nullopt; // is_nan, is_inf
  for (double x : in[0].floats) {
    auto y = unaryFloat(op.getKind(), x, a, b);
    if (!y)
      return std::nullopt;
    out.floats.push_back(roundToType(*y, element));
  }
  for (int64_t x : in[0].ints) {
    auto y = unaryInt(op.getKind(), x, element.isUnsignedInteger());
    if (!y)
      return std::nullopt;
    out.ints.push_back(wrapToType(*y, element));
  }
  return out;
}

double remainderWithSignOf(double x, double y) {
  double r = std::fmod(x, y);
  return r != 0 && (r < 0) != (y < 0) ? r + y : r;
}

std::optional<double> binaryFloat(BinaryKind kind, double x, double y) {
  switch (kind) {
  case BinaryKind::add:
    return x + y;
  case BinaryKind::sub:
    return x - y;
  case BinaryKind::mul:
    return x * y;
  case BinaryKind::div:
    return x / y;
  case BinaryKind::pow:
    return std::pow(x, y);
  case BinaryKind::mod:
    return remainderWithSignOf(x, y);
  case BinaryKind::fmod:
    return std::fmod(x, y);
  case BinaryKind::min:
    return std::isnan(x) ? x : std::isnan(y) ? y : std::min(x, y);
  case BinaryKind::max:
    return std::isnan(x) ? x : std::isnan(y) ? y : std::max(x, y);
  case BinaryKind::prelu:
    return x < 0 ? x * y : x;
  default:
    return std::nullopt;
  }
}

template <typename T> std::optional<int64_t> compare(BinaryKind kind, T x, T y) {
  switch (kind) {
  case BinaryKind::equal:
    return x == y;
  case BinaryKind::less:
    return x < y;
  case BinaryKind::less_equal:
    return x <= y;
  case BinaryKind::greater:
    return x > y;
  case BinaryKind::greater_equal:
    return x >= y;
  default:
    return std::nullopt;
  }
}

/// Integer arithmetic in 64 bits, wrapped by the caller. Division by zero has no value.
std::optional<int64_t> binaryInt(BinaryKind kind, int64_t x, int64_t y, bool isUnsigned) {
  uint64_t ux = x, uy = y;
  switch (kind) {
  case BinaryKind::add:
    return (int64_t)(ux + uy);
  case BinaryKind::sub:
    return (int64_t)(ux - uy);
  case BinaryKind::mul:
    return (int64_t)(ux * uy);
  case BinaryKind::min:
    return isUnsigned ? (int64_t)std::min(ux, uy) : std::min(x, y);
  case BinaryKind::max:
    return isUnsigned ? (int64_t)std::max(ux, uy) : std::max(x, y);
  case BinaryKind::logical_and:
  case BinaryKind::bitwise_and:
    return x & y;
  case BinaryKind::logical_or:
  case BinaryKind::bitwise_or:
    return x | y;
  case BinaryKind::logical_xor:
  case BinaryKind::bitwise_xor:
    return x ^ y;
  case BinaryKind::shift_left:
    return uy < 64 ? (int64_t)(ux << uy) : 0;
  case BinaryKind::shift_right:
    return uy < 64 ? (int64_t)(ux >> uy) : 0;
  case BinaryKind::pow: {
    if (y < 0)
      return std::nullopt;
    uint64_t result = 1, base = ux;
    for (uint64_t left = uy; left; left >>= 1, base *= base)
      if (left & 1)
        result *= base;
    return (int64_t)result;
  }
  case BinaryKind::div:
  case BinaryKind::mod:
  case BinaryKind::fmod: {
    if (y == 0 || (!isUnsigned && y == -1 && x == std::numeric_limits<int64_t>::min()))
      return std::nullopt;
    if (isUnsigned)
      return (int64_t)(kind == BinaryKind::div ? ux / uy : ux % uy);
    if (kind == BinaryKind::div)
      return x / y;
    int64_t r = x % y;
    return kind == BinaryKind::mod && r != 0 && (r < 0) != (y < 0) ? r + y : r;
  }
  default:
    return std::nullopt;
  }
}

std::optional<Elements> fold(BinaryOp op, ArrayRef<Elements> in) {
  const Elements &lhs = in[0], &rhs = in[1];
  Elements out = emptyOf(cast<RankedTensorType>(op.getType()));
  if (lhs.isFloat() != rhs.isFloat())
    return std::nullopt;
  Type element = lhs.type.getElementType();
  bool isUnsigned = element.isUnsignedInteger(), isComparison = op.getKind() >= BinaryKind::equal, ok = true;
  forEach(out.type.getShape(), [&](const Index &index) {
    int64_t i = broadcastAt(index, lhs.type.getShape()), j = broadcastAt(index, rhs.type.getShape());
    if (isComparison) {
      auto y = lhs.isFloat() ? compare(op.getKind(), lhs.floats[i], rhs.floats[j])
               : isUnsigned  ? compare<uint64_t>(op.getKind(), lhs.ints[i], rhs.ints[j])
                             : compare(op.getKind(), lhs.ints[i], rhs.ints[j]);
      out.ints.push_back(y.value_or(0));
      ok &= y.has_value();
    } else if (lhs.isFloat()) {
      auto y = binaryFloat(op.getKind(), lhs.floats[i], rhs.floats[j]);
      out.floats.push_back(roundToType(y.value_or(0), element));
      ok &= y.has_value();
    } else {
      auto y = binaryInt(op.getKind(), lhs.ints[i], rhs.ints[j], isUnsigned);
      out.ints.push_back(wrapToType(y.value_or(0), element));
      ok &= y.has_value();
    }
  });
  return ok ? std::optional(out) : std::nullopt;
}

std::optional<Elements> fold(SelectOp op, ArrayRef<Elements> in) {
  Elements out = emptyOf(cast<RankedTensorType>(op.getType()));
  forEach(out.type.getShape(), [&](const Index &index) {
    const Elements &from = in[0].ints[broadcastAt(index, in[0].type.getShape())] ? in[1] : in[2];
    append(out, from, broadcastAt(index, from.type.getShape()));
  });
  return out;
}

std::optional<Elements> fold(CastOp op, ArrayRef<Elements> in) {
  Elements out = emptyOf(cast<RankedTensorType>(op.getType()));
  Type from = in[0].type.getElementType(), to = out.type.getElementType();
  for (double x : in[0].floats) {
    if (out.isFloat()) {
      out.floats.push_back(roundToType(x, to));
    } else if (to.isInteger(1)) {
      out.ints.push_back(x != 0);
    } else {
      // Out of range is undefined in ONNX; here it is whatever fits, without undefined behaviour.
      double limit = to.isUnsignedInteger() ? 18446744073709549568.0 : 9223372036854774784.0;
      double clamped = std::isnan(x) ? 0.0 : std::min(std::max(x, to.isUnsignedInteger() ? 0.0 : -limit), limit);
      out.ints.push_back(wrapToType(to.isUnsignedInteger() ? (int64_t)(uint64_t)clamped : (int64_t)clamped, to));
    }
  }
  for (int64_t x : in[0].ints) {
    if (out.isFloat())
      out.floats.push_back(roundToType(from.isUnsignedInteger() ? (double)(uint64_t)x : (double)x, to));
    else
      out.ints.push_back(to.isInteger(1) ? x != 0 : wrapToType(x, to));
  }
  return out;
}

//===-- Layout and Slice --------------------------------------------------===//

std::optional<Elements> fold(TransposeOp op, ArrayRef<Elements> in) {
  auto type = cast<RankedTensorType>(op.getType());
  Index from(type.getRank());
  return gatherFrom(in[0], type, [&](const Index &index) {
    for (auto [i, dim] : llvm::enumerate(op.getPerm()))
      from[dim] = index[i];
    return linear(from, in[0].type.getShape());
  });
}

std::optional<Elements> fold(ReshapeOp op, ArrayRef<Elements> in) {
  Elements out = in[0];
  out.type = cast<RankedTensorType>(op.getType());
  return out;
}

std::optional<Elements> fold(SliceOp op, ArrayRef<Elements> in) {
  Index from(in[0].type.getRank());
  return gatherFrom(in[0], cast<RankedTensorType>(op.getType()), [&](const Index &index) {
    for (size_t i = 0; i < from.size(); ++i)
      from[i] = op.getStarts()[i] + index[i] * op.getSteps()[i];
    return linear(from, in[0].type.getShape());
  });
}

std::optional<Elements> fold(ConcatOp op, ArrayRef<Elements> in) {
  Elements out = emptyOf(cast<RankedTensorType>(op.getType()));
  int64_t axis = op.getAxis();
  forEach(out.type.getShape(), [&](Index index) {
    size_t part = 0;
    while (index[axis] >= in[part].type.getDimSize(axis))
      index[axis] -= in[part++].type.getDimSize(axis);
    append(out, in[part], linear(index, in[part].type.getShape()));
  });
  return out;
}

std::optional<Elements> fold(ExpandOp op, ArrayRef<Elements> in) {
  return gatherFrom(in[0], cast<RankedTensorType>(op.getType()),
                    [&](const Index &index) { return broadcastAt(index, in[0].type.getShape()); });
}

std::optional<Elements> fold(TileOp op, ArrayRef<Elements> in) {
  return gatherFrom(in[0], cast<RankedTensorType>(op.getType()), [&](Index index) {
    for (auto [i, dim] : llvm::zip(index, in[0].type.getShape()))
      i %= dim;
    return linear(index, in[0].type.getShape());
  });
}

std::optional<Elements> fold(PadOp op, ArrayRef<Elements> in) {
  if (op.getMode() != PadMode::constant)
    return std::nullopt;
  Elements out = emptyOf(cast<RankedTensorType>(op.getType()));
  double value = op.getValue().convertToDouble();
  forEach(out.type.getShape(), [&](Index index) {
    bool inside = true;
    for (auto [d, i] : llvm::enumerate(index)) {
      i -= op.getLow()[d];
      inside &= i >= 0 && i < in[0].type.getDimSize(d);
    }
    if (inside)
      append(out, in[0], linear(index, in[0].type.getShape()));
    else if (out.isFloat())
      out.floats.push_back(value);
    else
      out.ints.push_back((int64_t)value);
  });
  return out;
}

//===-- Index -------------------------------------------------------------===//

/// An index that may count from the end; nothing when out of range.
std::optional<int64_t> wrapIndex(int64_t index, int64_t size) {
  if (index < 0)
    index += size;
  return index >= 0 && index < size ? std::optional(index) : std::nullopt;
}

std::optional<Elements> fold(GatherOp op, ArrayRef<Elements> in) {
  int64_t axis = op.getAxis(), indexRank = in[1].type.getRank();
  bool ok = true;
  Elements out = gatherFrom(in[0], cast<RankedTensorType>(op.getType()), [&](const Index &index) -> int64_t {
    Index from(index.begin(), index.begin() + axis);
    auto at = wrapIndex(in[1].ints[linear(ArrayRef(index).slice(axis, indexRank), in[1].type.getShape())],
                        in[0].type.getDimSize(axis));
    ok &= at.has_value();
    from.push_back(at.value_or(0));
    from.append(index.begin() + axis + indexRank, index.end());
    return in[0].size() ? linear(from, in[0].type.getShape()) : 0;
  });
  return ok ? std::optional(out) : std::nullopt;
}

std::optional<Elements> fold(GatherElementsOp op, ArrayRef<Elements> in) {
  bool ok = true;
  Elements out = gatherFrom(in[0], cast<RankedTensorType>(op.getType()), [&](Index index) {
    auto at = wrapIndex(in[1].ints[linear(index, in[1].type.getShape())], in[0].type.getDimSize(op.getAxis()));
    ok &= at.has_value();
    index[op.getAxis()] = at.value_or(0);
    return linear(index, in[0].type.getShape());
  });
  return ok ? std::optional(out) : std::nullopt;
}

/// The index in the data that a tuple of indices addresses, `rest` completing it; nothing when out of range.
std::optional<Index> tupleAt(const Elements &indices, ArrayRef<int64_t> tuple, ArrayRef<int64_t> batch,
                             ArrayRef<int64_t> rest, ArrayRef<int64_t> dataShape) {
  Index from(batch);
  int64_t length = indices.type.getShape().back();
  int64_t base = linear(tuple, indices.type.getShape().drop_back()) * length;
  for (int64_t i = 0; i < length; ++i) {
    auto at = wrapIndex(indices.ints[base + i], dataShape[from.size()]);
    if (!at)
      return std::nullopt;
    from.push_back(*at);
  }
  llvm::append_range(from, rest);
  return from;
}

std::optional<Elements> fold(GatherNDOp op, ArrayRef<Elements> in) {
  int64_t tupleDims = in[1].type.getRank() - 1;
  bool ok = true;
  Elements out = gatherFrom(in[0], cast<RankedTensorType>(op.getType()), [&](const Index &index) -> int64_t {
    ArrayRef<int64_t> all(index);
    auto from = tupleAt(in[1], all.take_front(tupleDims), all.take_front(op.getBatchDims()), all.drop_front(tupleDims),
                        in[0].type.getShape());
    ok &= from.has_value();
    return from ? linear(*from, in[0].type.getShape()) : 0;
  });
  return ok ? std::optional(out) : std::nullopt;
}

void scatterInto(Elements &out, int64_t at, const Elements &updates, int64_t from, ScatterReduction how) {
  auto combine = [&](auto &to, auto value) {
    switch (how) {
    case ScatterReduction::replace:
      to = value;
      break;
    case ScatterReduction::add:
      to += value;
      break;
    case ScatterReduction::mul:
      to *= value;
      break;
    case ScatterReduction::max:
      to = std::max(to, value);
      break;
    case ScatterReduction::min:
      to = std::min(to, value);
      break;
    }
  };
  if (out.isFloat()) {
    combine(out.floats[at], updates.floats[from]);
    out.floats[at] = roundToType(out.floats[at], out.type.getElementType());
  } else {
    combine(out.ints[at], updates.ints[from]);
    out.ints[at] = wrapToType(out.ints[at], out.type.getElementType());
  }
}

std::optional<Elements> fold(ScatterNDOp op, ArrayRef<Elements> in) {
  Elements out = in[0];
  bool isAdding = op.getReduction() == ScatterReduction::add || op.getReduction() == ScatterReduction::mul;
  if (isAdding && !out.isFloat() && out.type.getElementTypeBitWidth() == 64)
    return std::nullopt; // may overflow
  int64_t tupleDims = in[1].type.getRank() - 1;
  bool ok = true;
  forEach(in[2].type.getShape(), [&](const Index &index) {
    ArrayRef<int64_t> all(index);
    auto to = tupleAt(in[1], all.take_front(tupleDims), {}, all.drop_front(tupleDims), out.type.getShape());
    ok &= to.has_value();
    if (to)
      scatterInto(out, linear(*to, out.type.getShape()), in[2], linear(index, in[2].type.getShape()),
                  op.getReduction());
  });
  return ok ? std::optional(out) : std::nullopt;
}

//===-- Reduce ------------------------------------------------------------===//

std::optional<Elements> fold(ReduceOp op, ArrayRef<Elements> in) {
  const Elements &from = in[0];
  auto type = cast<RankedTensorType>(op.getType());
  ReduceKind kind = op.getKind();
  if (kind != ReduceKind::sum && kind != ReduceKind::mean && kind != ReduceKind::prod && kind != ReduceKind::max &&
      kind != ReduceKind::min)
    return std::nullopt;
  if (from.size() == 0 || (kind == ReduceKind::mean && !from.isFloat()) || type.getElementType().isUnsignedInteger())
    return std::nullopt;
  bool isProduct = kind == ReduceKind::prod;
  SmallVector<bool> started(type.getNumElements(), false);
  Elements out = emptyOf(type);
  out.floats.resize(from.isFloat() ? type.getNumElements() : 0, isProduct);
  out.ints.resize(from.isFloat() ? 0 : type.getNumElements(), isProduct);
  forEach(from.type.getShape(), [&](const Index &index) {
    int64_t to = broadcastAt(index, type.getShape()), at = linear(index, from.type.getShape());
    bool isFirst = !started[to];
    started[to] = true;
    auto combine = [&](auto &sum, auto x) {
      if (kind == ReduceKind::max || kind == ReduceKind::min)
        sum = isFirst ? x : kind == ReduceKind::max ? std::max(sum, x) : std::min(sum, x);
      else if constexpr (std::is_integral_v<decltype(x)>)
        sum = isProduct ? (int64_t)((uint64_t)sum * (uint64_t)x) : (int64_t)((uint64_t)sum + (uint64_t)x);
      else
        sum = isProduct ? sum * x : sum + x;
    };
    if (from.isFloat())
      combine(out.floats[to], from.floats[at]);
    else
      combine(out.ints[to], from.ints[at]);
  });
  int64_t reduced = from.size() / std::max<int64_t>(1, type.getNumElements());
  for (double &x : out.floats)
    x = roundToType(kind == ReduceKind::mean ? x / reduced : x, type.getElementType());
  for (int64_t &x : out.ints)
    x = wrapToType(x, type.getElementType());
  return out;
}

std::optional<Elements> fold(CumSumOp op, ArrayRef<Elements> in) {
  if (in[0].isFloat() || op.getExclusive() || op.getReverse())
    return std::nullopt;
  Elements out = in[0];
  int64_t stride = 1;
  for (int64_t dim : out.type.getShape().drop_front(op.getAxis() + 1))
    stride *= dim;
  forEach(out.type.getShape(), [&](const Index &index) {
    int64_t at = linear(index, out.type.getShape());
    if (index[op.getAxis()] > 0)
      out.ints[at] =
          wrapToType((int64_t)((uint64_t)out.ints[at] + (uint64_t)out.ints[at - stride]), out.type.getElementType());
  });
  return out;
}

} // namespace

ElementsAttr foldSmallConstants(Operation *op) {
  if (op->getNumResults() != 1 || op->getNumOperands() == 0)
    return {};
  auto type = dyn_cast<RankedTensorType>(op->getResult(0).getType());
  auto limitOf = [](RankedTensorType type) {
    return isa<FloatType>(type.getElementType()) ? kMaxFoldedFloats : kMaxFoldedInts;
  };
  if (!type || type.getNumElements() > limitOf(type))
    return {};
  SmallVector<Elements> operands;
  for (Value operand : op->getOperands()) {
    auto constant = operand.getDefiningOp<ConstantOp>();
    if (!constant)
      return {};
    auto elements = readElements(constant.getValue(), limitOf(cast<RankedTensorType>(operand.getType())));
    if (!elements)
      return {};
    operands.push_back(std::move(*elements));
  }
  auto folded = llvm::TypeSwitch<Operation *, std::optional<Elements>>(op)
                    .Case<UnaryOp, BinaryOp, SelectOp, CastOp, TransposeOp, ReshapeOp, SliceOp, ConcatOp, ExpandOp,
                          TileOp, PadOp, GatherOp, GatherElementsOp, GatherNDOp, ScatterNDOp, ReduceOp, CumSumOp>(
                        [&](auto concrete) { return fold(concrete, operands); })
                    .Default([](Operation *) { return std::nullopt; });
  return folded ? makeElements(*folded) : ElementsAttr();
}

} // namespace nncc::import
