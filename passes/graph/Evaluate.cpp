// Evaluates nn ops on constants: layout ops as one strided copy, elementwise ops and reductions element by element.
#include "passes/graph/Evaluate.h"
#include "dialects/nn/ConstantData.h"
#include "dialects/nn/NN.h"
#include "dialects/nn/Origin.h"
#include "llvm/ADT/TypeSwitch.h"
#include <cmath>
#include <cstring>

using namespace mlir;
using namespace nncc::nn;

namespace nncc {

static RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }

//===-- Layout -----------------------------------------------------------===//

/// Elements between neighbours of each dim, row-major.
static SmallVector<int64_t> rowMajorStrides(ArrayRef<int64_t> shape) {
  SmallVector<int64_t> strides(shape.size(), 1);
  for (int64_t i = (int64_t)shape.size() - 2; i >= 0; --i)
    strides[i] = strides[i + 1] * shape[i + 1];
  return strides;
}

/// Calls `visit(a, b)` for every index of `shape` in row-major order with the offsets that two stride lists give it.
template <typename Visit>
static void forEach(ArrayRef<int64_t> shape, int64_t a, ArrayRef<int64_t> aStrides, int64_t b,
                    ArrayRef<int64_t> bStrides, Visit &&visit) {
  if (shape.empty())
    return visit(a, b);
  if (shape.size() == 1) {
    for (int64_t i = 0; i < shape[0]; ++i)
      visit(a + i * aStrides[0], b + i * bStrides[0]);
    return;
  }
  for (int64_t i = 0; i < shape[0]; ++i)
    forEach(shape.drop_front(), a + i * aStrides[0], aStrides.drop_front(), b + i * bStrides[0], bStrides.drop_front(),
            visit);
}

/// A block of elements inside a bigger tensor.
struct Block {
  int64_t offset = 0;
  SmallVector<int64_t> strides;
};

static void copyBlock(ArrayRef<int64_t> shape, ConstantBuilder &to, const Block &toBlock, const ConstantReader &from,
                      const Block &fromBlock) {
  int64_t bytes = constantElementBytes(to.getType().getElementType());
  // Runs of neighbours in both are copied at once.
  if (!shape.empty() && !from.isSplat() && toBlock.strides.back() == 1 && fromBlock.strides.back() == 1) {
    int64_t run = shape.back() * bytes;
    return forEach(shape.drop_back(), toBlock.offset, ArrayRef(toBlock.strides).drop_back(), fromBlock.offset,
                   ArrayRef(fromBlock.strides).drop_back(),
                   [&](int64_t a, int64_t b) { std::memcpy(to.at(a), from.at(b), run); });
  }
  auto copyAs = [&](auto zero) {
    using Word = decltype(zero);
    forEach(shape, toBlock.offset, toBlock.strides, fromBlock.offset, fromBlock.strides,
            [&](int64_t a, int64_t b) { to.set<Word>(a, from.get<Word>(b)); });
  };
  switch (bytes) {
  case 1:
    return copyAs(uint8_t());
  case 2:
    return copyAs(uint16_t());
  case 4:
    return copyAs(uint32_t());
  default:
    return copyAs(uint64_t());
  }
}

/// A constant of another shape whose elements all are the one that `from` stores.
static ElementsAttr splatOf(RankedTensorType type, ElementsAttr from) {
  return DenseElementsAttr::get(type, cast<DenseElementsAttr>(from).getSplatValue<Attribute>());
}

/// The elements of `from` that a view with these strides reads, as a constant of `type`.
static ElementsAttr readView(RankedTensorType type, ElementsAttr value, const Block &view, StringRef name) {
  auto from = ConstantReader::get(value);
  if (!from)
    return {};
  if (from->isSplat() && type.getNumElements() > 0)
    return splatOf(type, value);
  ConstantBuilder to(type);
  copyBlock(type.getShape(), to, {0, rowMajorStrides(type.getShape())}, *from, view);
  return to.finish(name);
}

ElementsAttr transposeConstant(ElementsAttr value, ArrayRef<int64_t> perm, StringRef name) {
  auto type = cast<RankedTensorType>(value.getShapedType());
  SmallVector<int64_t> shape;
  Block view;
  SmallVector<int64_t> strides = rowMajorStrides(type.getShape());
  for (int64_t dim : perm) {
    shape.push_back(type.getDimSize(dim));
    view.strides.push_back(strides[dim]);
  }
  auto result = RankedTensorType::get(shape, type.getElementType());
  // Moving dims of size 1 leaves the bytes as they are.
  SmallVector<int64_t> moved;
  for (int64_t dim : perm)
    if (type.getDimSize(dim) != 1)
      moved.push_back(dim);
  if (llvm::is_sorted(moved))
    return reshapeConstant(value, result);
  return readView(result, value, view, name);
}

static ElementsAttr evaluateSlice(SliceOp op, ElementsAttr value, StringRef name) {
  SmallVector<int64_t> strides = rowMajorStrides(typeOf(op.getInput()).getShape());
  Block view;
  for (size_t i = 0; i < strides.size(); ++i) {
    view.offset += op.getStarts()[i] * strides[i];
    view.strides.push_back(op.getSteps()[i] * strides[i]);
  }
  return readView(op.getType(), value, view, name);
}

static ElementsAttr evaluateExpand(ExpandOp op, ElementsAttr value, StringRef name) {
  auto input = typeOf(op.getInput());
  Block view{0, rowMajorStrides(input.getShape())};
  for (auto [dim, stride] : llvm::zip(input.getShape(), view.strides))
    stride = dim == 1 ? 0 : stride;
  return readView(op.getType(), value, view, name);
}

static ElementsAttr evaluateConcat(ConcatOp op, StringRef name) {
  ConstantBuilder to(op.getType());
  Block into{0, rowMajorStrides(op.getType().getShape())};
  for (Value input : op.getInputs()) {
    auto from = ConstantReader::get(input);
    ArrayRef<int64_t> shape = from->getType().getShape();
    copyBlock(shape, to, into, *from, {0, rowMajorStrides(shape)});
    into.offset += shape[op.getAxis()] * into.strides[op.getAxis()];
  }
  return to.finish(name);
}

static ElementsAttr evaluatePad(PadOp op, StringRef name) {
  if (op.getMode() != PadMode::constant)
    return {};
  auto from = ConstantReader::get(op.getInput());
  ConstantBuilder to(op.getType());
  double value = op.getValue().convertToDouble();
  for (int64_t i = 0, e = op.getType().getNumElements(); i < e; ++i)
    to.setFloat(i, value);
  Block into{0, rowMajorStrides(op.getType().getShape())};
  for (auto [low, stride] : llvm::zip(op.getLow(), into.strides))
    into.offset += low * stride;
  ArrayRef<int64_t> shape = from->getType().getShape();
  copyBlock(shape, to, into, *from, {0, rowMajorStrides(shape)});
  return to.finish(name);
}

static ElementsAttr evaluateGather(GatherOp op, StringRef name) {
  auto data = ConstantReader::get(op.getData()), indices = ConstantReader::get(op.getIndices());
  ArrayRef<int64_t> shape = data->getType().getShape();
  int64_t axis = op.getAxis(), size = shape[axis];
  if (size == 0)
    return {};
  int64_t inner = 1, outer = 1;
  for (int64_t dim : shape.drop_front(axis + 1))
    inner *= dim;
  for (int64_t dim : shape.take_front(axis))
    outer *= dim;
  ConstantBuilder to(op.getType());
  int64_t bytes = constantElementBytes(op.getType().getElementType()), at = 0;
  for (int64_t o = 0; o < outer; ++o)
    for (int64_t i = 0; i < indices->size(); ++i) {
      int64_t index = indices->getInteger(i);
      index = std::clamp<int64_t>(index < 0 ? index + size : index, 0, size - 1);
      for (int64_t k = 0; k < inner; ++k, ++at)
        std::memcpy(to.at(at), data->at((o * size + index) * inner + k), bytes);
    }
  return to.finish(name);
}

//===-- Elementwise ------------------------------------------------------===//

static std::optional<double> evaluateUnary(UnaryKind kind, double x, double a, double b) {
  auto sigmoid = [](double v) { return 1 / (1 + std::exp(-v)); };
  auto elu = [&](double v) { return v < 0 ? a * std::expm1(v) : v; };
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
    return 1 / std::sqrt(x);
  case UnaryKind::reciprocal:
    return 1 / x;
  case UnaryKind::floor:
    return std::floor(x);
  case UnaryKind::ceil:
    return std::ceil(x);
  case UnaryKind::round:
    return std::nearbyint(x);
  case UnaryKind::sign:
    return x > 0 ? 1 : x < 0 ? -1 : x;
  case UnaryKind::erf:
    return std::erf(x);
  case UnaryKind::sin:
    return std::sin(x);
  case UnaryKind::cos:
    return std::cos(x);
  case UnaryKind::tan:
    return std::tan(x);
  case UnaryKind::asin:
    return std::asin(x);
  case UnaryKind::acos:
    return std::acos(x);
  case UnaryKind::atan:
    return std::atan(x);
  case UnaryKind::sinh:
    return std::sinh(x);
  case UnaryKind::cosh:
    return std::cosh(x);
  case UnaryKind::tanh:
    return std::tanh(x);
  case UnaryKind::asinh:
    return std::asinh(x);
  case UnaryKind::acosh:
    return std::acosh(x);
  case UnaryKind::atanh:
    return std::atanh(x);
  case UnaryKind::sigmoid:
    return sigmoid(x);
  case UnaryKind::relu:
    return x < 0 ? 0 : x; // NaN stays
  case UnaryKind::leaky_relu:
    return x < 0 ? a * x : x;
  case UnaryKind::elu:
    return elu(x);
  case UnaryKind::selu:
    return b * elu(x);
  case UnaryKind::hard_sigmoid:
    return std::fmax(0, std::fmin(1, a * x + b));
  case UnaryKind::hard_swish:
    return x * std::fmax(0, std::fmin(1, x / 6 + 0.5));
  case UnaryKind::silu:
    return x * sigmoid(x);
  case UnaryKind::gelu:
    return x * (1 + std::erf(x / std::sqrt(2.0))) / 2;
  case UnaryKind::softplus:
    return std::log1p(std::exp(-std::fabs(x))) + std::fmax(x, 0);
  case UnaryKind::softsign:
    return x / (1 + std::fabs(x));
  case UnaryKind::clip:
    return x < a ? a : x > b ? b : x;
  default:
    return std::nullopt;
  }
}

static std::optional<int64_t> evaluateUnary(UnaryKind kind, int64_t x, double a, double b) {
  switch (kind) {
  case UnaryKind::abs:
    return x < 0 ? (int64_t)(0 - (uint64_t)x) : x;
  case UnaryKind::neg:
    return (int64_t)(0 - (uint64_t)x);
  case UnaryKind::sign:
    return x > 0 ? 1 : x < 0 ? -1 : 0;
  case UnaryKind::relu:
    return std::max<int64_t>(x, 0);
  case UnaryKind::bitwise_not:
    return ~x;
  case UnaryKind::logical_not:
    return x == 0;
  default:
    return std::nullopt;
  }
}

static std::optional<double> evaluateBinary(BinaryKind kind, double x, double y) {
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
  case BinaryKind::mod: {
    double r = std::fmod(x, y);
    return r != 0 && (r < 0) != (y < 0) ? r + y : r;
  }
  case BinaryKind::fmod:
    return std::fmod(x, y);
  case BinaryKind::min:
    return std::isnan(x) ? x : std::isnan(y) ? y : std::fmin(x, y);
  case BinaryKind::max:
    return std::isnan(x) ? x : std::isnan(y) ? y : std::fmax(x, y);
  case BinaryKind::prelu:
    return x < 0 ? x * y : x;
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

/// Integers as 64 bits, extended by their type; the caller wraps the result to its width.
static std::optional<int64_t> evaluateBinary(BinaryKind kind, int64_t x, int64_t y, bool isUnsigned) {
  auto ux = (uint64_t)x, uy = (uint64_t)y;
  switch (kind) {
  case BinaryKind::add:
    return (int64_t)(ux + uy);
  case BinaryKind::sub:
    return (int64_t)(ux - uy);
  case BinaryKind::mul:
    return (int64_t)(ux * uy);
  case BinaryKind::div:
    if (y == 0)
      return std::nullopt; // undefined: left to the device
    return isUnsigned ? (int64_t)(ux / uy) : y == -1 ? (int64_t)(0 - ux) : x / y;
  case BinaryKind::mod:
  case BinaryKind::fmod: {
    if (y == 0)
      return std::nullopt;
    if (isUnsigned)
      return (int64_t)(ux % uy);
    int64_t r = y == -1 ? 0 : x % y;
    return kind == BinaryKind::mod && r != 0 && (r < 0) != (y < 0) ? r + y : r;
  }
  case BinaryKind::min:
    return isUnsigned ? (int64_t)std::min(ux, uy) : std::min(x, y);
  case BinaryKind::max:
    return isUnsigned ? (int64_t)std::max(ux, uy) : std::max(x, y);
  case BinaryKind::logical_and:
    return x && y;
  case BinaryKind::logical_or:
    return x || y;
  case BinaryKind::logical_xor:
    return !x != !y;
  case BinaryKind::bitwise_and:
    return x & y;
  case BinaryKind::bitwise_or:
    return x | y;
  case BinaryKind::bitwise_xor:
    return x ^ y;
  case BinaryKind::shift_left:
    return uy < 64 ? (int64_t)(ux << uy) : 0;
  case BinaryKind::shift_right:
    return uy < 64 ? (int64_t)(ux >> uy) : 0;
  case BinaryKind::equal:
    return x == y;
  case BinaryKind::less:
    return isUnsigned ? ux < uy : x < y;
  case BinaryKind::less_equal:
    return isUnsigned ? ux <= uy : x <= y;
  case BinaryKind::greater:
    return isUnsigned ? ux > uy : x > y;
  case BinaryKind::greater_equal:
    return isUnsigned ? ux >= uy : x >= y;
  default:
    return std::nullopt;
  }
}

/// Strides that read a tensor as if it had been broadcast to `shape`.
static SmallVector<int64_t> broadcastStrides(RankedTensorType type, ArrayRef<int64_t> shape) {
  SmallVector<int64_t> strides = rowMajorStrides(type.getShape());
  for (auto [dim, stride] : llvm::zip(type.getShape(), strides))
    stride = dim == 1 ? 0 : stride;
  return strides;
}

static ElementsAttr evaluateUnaryOp(UnaryOp op, StringRef name) {
  auto input = ConstantReader::get(op.getInput());
  ConstantBuilder to(op.getType());
  bool isFloat = isa<FloatType>(input->getType().getElementType());
  double a = op.getAlpha().convertToDouble(), b = op.getBeta().convertToDouble();
  for (int64_t i = 0, e = input->size(); i < e; ++i) {
    if (isFloat) {
      auto value = evaluateUnary(op.getKind(), input->getFloat(i), a, b);
      if (!value)
        return {};
      to.setFloat(i, *value);
    } else {
      auto value = evaluateUnary(op.getKind(), input->getInteger(i), a, b);
      if (!value)
        return {};
      to.setInteger(i, *value);
    }
  }
  return to.finish(name);
}

static ElementsAttr evaluateBinaryOp(BinaryOp op, StringRef name) {
  auto lhs = ConstantReader::get(op.getLhs()), rhs = ConstantReader::get(op.getRhs());
  Type element = lhs->getType().getElementType();
  // pow may mix types; its exponent is then read as a float as well.
  bool isFloat = isa<FloatType>(element) || op.getKind() == BinaryKind::pow;
  bool isUnsigned = element.isUnsignedInteger();
  ConstantBuilder to(op.getType());
  ArrayRef<int64_t> shape = op.getType().getShape();
  int64_t at = 0;
  bool known = true;
  forEach(shape, 0, broadcastStrides(lhs->getType(), shape), 0, broadcastStrides(rhs->getType(), shape),
          [&](int64_t i, int64_t j) {
            if (!known)
              return;
            if (isFloat) {
              auto value = evaluateBinary(op.getKind(), lhs->getFloat(i), rhs->getFloat(j));
              known = value.has_value();
              to.setFloat(at++, value.value_or(0));
            } else {
              auto value = evaluateBinary(op.getKind(), lhs->getInteger(i), rhs->getInteger(j), isUnsigned);
              known = value.has_value();
              to.setInteger(at++, value.value_or(0));
            }
          });
  return known ? to.finish(name) : ElementsAttr();
}

static ElementsAttr evaluateSelect(SelectOp op, StringRef name) {
  auto condition = ConstantReader::get(op.getCondition()), a = ConstantReader::get(op.getIfTrue()),
       b = ConstantReader::get(op.getIfFalse());
  ConstantBuilder to(op.getType());
  ArrayRef<int64_t> shape = op.getType().getShape();
  int64_t bytes = constantElementBytes(op.getType().getElementType());
  SmallVector<int64_t> fromA, fromB;
  forEach(shape, 0, broadcastStrides(a->getType(), shape), 0, broadcastStrides(b->getType(), shape),
          [&](int64_t i, int64_t j) {
            fromA.push_back(i);
            fromB.push_back(j);
          });
  SmallVector<int64_t> strides = rowMajorStrides(shape);
  forEach(shape, 0, broadcastStrides(condition->getType(), shape), 0, strides, [&](int64_t c, int64_t at) {
    std::memcpy(to.at(at), condition->get<char>(c) ? a->at(fromA[at]) : b->at(fromB[at]), bytes);
  });
  return to.finish(name);
}

static ElementsAttr evaluateCast(CastOp op, StringRef name) {
  auto input = ConstantReader::get(op.getInput());
  Type from = input->getType().getElementType(), target = op.getType().getElementType();
  if (op.getSaturate())
    return {};
  ConstantBuilder to(op.getType());
  for (int64_t i = 0, e = input->size(); i < e; ++i) {
    if (target.isInteger(1))
      to.setInteger(i, input->getFloat(i) != 0);
    else if (isa<FloatType>(target))
      to.setFloat(i, input->getFloat(i));
    else if (isa<FloatType>(from)) {
      double value = input->getFloat(i);
      if (!(value > -9.2e18 && value < 9.2e18))
        return {}; // undefined: left to the device
      to.setInteger(i, (int64_t)value);
    } else
      to.setInteger(i, input->getInteger(i));
  }
  return to.finish(name);
}

//===-- Reductions -------------------------------------------------------===//

static ElementsAttr evaluateReduce(ReduceOp op, StringRef name) {
  auto input = ConstantReader::get(op.getInput());
  if (!isa<FloatType>(input->getType().getElementType()))
    return {};
  int64_t count = op.getType().getNumElements();
  if (count == 0 || input->size() == 0)
    return {};
  double inner = (double)input->size() / (double)count;
  double start = op.getKind() == ReduceKind::prod ? 1 : 0;
  if (op.getKind() == ReduceKind::max || op.getKind() == ReduceKind::min)
    start = (op.getKind() == ReduceKind::max ? -1 : 1) * std::numeric_limits<double>::infinity();
  std::vector<double> totals(count, start);
  ArrayRef<int64_t> shape = input->getType().getShape();
  bool known = true;
  forEach(shape, 0, rowMajorStrides(shape), 0, broadcastStrides(op.getType(), shape), [&](int64_t from, int64_t to) {
    double x = input->getFloat(from), &total = totals[to];
    switch (op.getKind()) {
    case ReduceKind::sum:
    case ReduceKind::mean:
    case ReduceKind::log_sum:
      total += x;
      break;
    case ReduceKind::prod:
      total *= x;
      break;
    case ReduceKind::max:
      total = *evaluateBinary(BinaryKind::max, total, x);
      break;
    case ReduceKind::min:
      total = *evaluateBinary(BinaryKind::min, total, x);
      break;
    case ReduceKind::l1:
      total += std::fabs(x);
      break;
    case ReduceKind::l2:
    case ReduceKind::sum_square:
      total += x * x;
      break;
    default:
      known = false;
    }
  });
  if (!known)
    return {};
  ConstantBuilder to(op.getType());
  for (auto [i, total] : llvm::enumerate(totals)) {
    double value = op.getKind() == ReduceKind::mean      ? total / inner
                   : op.getKind() == ReduceKind::log_sum ? std::log(total)
                   : op.getKind() == ReduceKind::l2      ? std::sqrt(total)
                                                         : total;
    to.setFloat(i, value);
  }
  return to.finish(name);
}

//===-- Entry ------------------------------------------------------------===//

ElementsAttr evaluate(Operation *op, StringRef name, int64_t growthLimit) {
  if (op->getNumResults() != 1 || op->getNumOperands() == 0)
    return {};
  auto type = dyn_cast<RankedTensorType>(op->getResult(0).getType());
  if (!type || !type.hasStaticShape())
    return {};
  int64_t operandBytes = 0;
  for (Value operand : op->getOperands()) {
    auto reader = ConstantReader::get(operand);
    if (!reader)
      return {};
    operandBytes += reader->getBytes().size();
  }
  ElementsAttr first = getConstantValue(op->getOperand(0));
  if (isa<ReshapeOp>(op))
    return reshapeConstant(first, type);
  // A splat stays one element under layout ops, whatever its shape.
  bool staysSplat = isa<TransposeOp, SliceOp, ExpandOp>(op) && ConstantReader::get(first)->isSplat();
  if (!staysSplat && constantBytes(type) > operandBytes + growthLimit)
    return {};
  return TypeSwitch<Operation *, ElementsAttr>(op)
      .Case([&](TransposeOp o) { return transposeConstant(first, o.getPerm(), name); })
      .Case([&](SliceOp o) { return evaluateSlice(o, first, name); })
      .Case([&](ExpandOp o) { return evaluateExpand(o, first, name); })
      .Case([&](ConcatOp o) { return evaluateConcat(o, name); })
      .Case([&](PadOp o) { return evaluatePad(o, name); })
      .Case([&](GatherOp o) { return evaluateGather(o, name); })
      .Case([&](UnaryOp o) { return evaluateUnaryOp(o, name); })
      .Case([&](BinaryOp o) { return evaluateBinaryOp(o, name); })
      .Case([&](SelectOp o) { return evaluateSelect(o, name); })
      .Case([&](CastOp o) { return evaluateCast(o, name); })
      .Case([&](ReduceOp o) { return evaluateReduce(o, name); })
      .Default([](Operation *) { return ElementsAttr(); });
}

std::string constantName(Value value) {
  Origin origin = getOrigin(value);
  if (!origin.tensor.empty())
    return origin.tensor;
  std::vector<std::string> nodes = getNodeNames(value.getLoc());
  return nodes.empty() ? "constant" : nodes.front();
}

} // namespace nncc
