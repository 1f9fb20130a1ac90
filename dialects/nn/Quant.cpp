// Types and values of quantized values. The values are those of the code that `passes/lower/Quant.cpp` makes;
// test/harness/fold_against_code.py compares them bit by bit.
#include "dialects/nn/Evaluate.h"
#include "dialects/nn/NN.h"
#include <cmath>

using namespace mlir;
using namespace nncc::nn;

static RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }

/// The shape that operands broadcast to, or failure with a message.
static FailureOr<SmallVector<int64_t>> broadcast(std::optional<Location> location, ValueRange operands) {
  SmallVector<int64_t> shape(typeOf(operands.front()).getShape());
  for (Value operand : operands.drop_front()) {
    auto both = broadcastShapes(shape, typeOf(operand).getShape());
    if (failed(both))
      return emitOptionalError(location, "shapes ", typeOf(operands.front()), " and ", typeOf(operand),
                               " do not broadcast");
    shape = *both;
  }
  return shape;
}

/// The result is of steps, as the zero point is.
static LogicalResult inferSteps(std::optional<Location> location, ValueRange operands, Value zeroPoint,
                                SmallVectorImpl<Type> &types) {
  auto shape = broadcast(location, operands);
  if (failed(shape))
    return failure();
  types.push_back(RankedTensorType::get(*shape, typeOf(zeroPoint).getElementType()));
  return success();
}

LogicalResult QuantizeOp::inferReturnTypes(MLIRContext *, std::optional<Location> location, Adaptor op,
                                           SmallVectorImpl<Type> &types) {
  return inferSteps(location, op.getOperands(), op.getZeroPoint(), types);
}

LogicalResult DequantizeOp::inferReturnTypes(MLIRContext *, std::optional<Location> location, Adaptor op,
                                             SmallVectorImpl<Type> &types) {
  auto shape = broadcast(location, op.getOperands());
  if (failed(shape))
    return failure();
  Type element = typeOf(op.getInput()).getElementType(), zero = typeOf(op.getZeroPoint()).getElementType();
  if (element != zero)
    return emitOptionalError(location, "the zero point is ", zero, ", the input ", element);
  types.push_back(RankedTensorType::get(*shape, typeOf(op.getScale()).getElementType()));
  return success();
}

LogicalResult RequantizeOp::inferReturnTypes(MLIRContext *, std::optional<Location> location, Adaptor op,
                                             SmallVectorImpl<Type> &types) {
  return inferSteps(location, op.getOperands(), op.getZeroPoint(), types);
}

LogicalResult MatMulWidenedOp::inferReturnTypes(MLIRContext *, std::optional<Location> location, Adaptor op,
                                                SmallVectorImpl<Type> &types) {
  RankedTensorType lhs = typeOf(op.getLhs()), rhs = typeOf(op.getRhs());
  if (lhs.getRank() != 2 || rhs.getRank() != 2 || lhs.getDimSize(1) != rhs.getDimSize(0))
    return emitOptionalError(location, lhs, " and ", rhs, " are no matrices that can be multiplied");
  Type element = rhs.getElementType();
  bool isByte = element.isInteger(8);
  if (!isByte && !element.isF16() && !element.isBF16())
    return emitOptionalError(location, "a right side of ", element, " cannot be widened");
  if (op.getBits() != (isByte ? 8 : 16) && !(isByte && op.getBits() == 4))
    return emitOptionalError(location, "a right side of ", element, " has no ", op.getBits(), " bits");
  if (isByte != (op.getScale() != nullptr) || (op.getZeroPoint() && !isByte))
    return emitOptionalError(location, "a right side of ", element,
                             isByte ? " has no scale" : " has a scale or zero point");
  if (Type scale = op.getScale() ? typeOf(op.getScale()).getElementType() : Type(); scale && scale.isF64())
    return emitOptionalError(location, "a scale of ", scale);
  int64_t block = op.getBlock();
  if (block < 1)
    return emitOptionalError(location, "blocks of ", block);
  SmallVector<int64_t> blocks{(int64_t)llvm::divideCeil(rhs.getDimSize(0), block), rhs.getDimSize(1)};
  for (Value parameter : {op.getScale(), op.getZeroPoint()})
    if (parameter && typeOf(parameter).getShape() != ArrayRef<int64_t>(blocks))
      return emitOptionalError(location, "a scale or zero point of type ", typeOf(parameter),
                               " does not fit blocks of ", block, " of ", rhs);
  if (op.getZeroPoint() && typeOf(op.getZeroPoint()).getElementType() != element)
    return emitOptionalError(location, "the zero point is ", typeOf(op.getZeroPoint()).getElementType(),
                             ", the right side ", element);
  types.push_back(lhs.clone({lhs.getDimSize(0), rhs.getDimSize(1)}));
  return success();
}

LogicalResult RequantizeSumOp::verify() {
  auto shape = broadcast(getLoc(), getOperands());
  if (failed(shape))
    return failure();
  if (getType().getShape() != ArrayRef<int64_t>(*shape))
    return emitOpError() << "operands broadcast to another shape than that of the result, " << getType();
  return success();
}

LogicalResult LookupOp::inferReturnTypes(MLIRContext *, std::optional<Location> location, Adaptor op,
                                         SmallVectorImpl<Type> &types) {
  auto table = dyn_cast<RankedTensorType>(op.getTable().getType());
  if (!table || table.getShape() != ArrayRef<int64_t>{256} || table.getElementTypeBitWidth() != 8)
    return emitOptionalError(location, "the table is ", op.getTable().getType(), ", must be 256 integers of 8 bits");
  types.push_back(typeOf(op.getInput()).clone(table.getElementType()));
  return success();
}

//===-- Values -----------------------------------------------------------===//

/// A number with an integral value as an integer: clamped, NaN is the lowest.
template <typename T> static T narrowed(float steps) {
  constexpr T low = std::numeric_limits<T>::lowest(), high = std::numeric_limits<T>::max();
  return steps >= (float)high ? high : steps > (float)low ? (T)steps : low;
}

/// result[i] = function of element i of each operand, broadcast; `function` takes their offsets.
template <typename T, size_t N, typename Function>
static ElementsAttr evaluateBroadcast(const Evaluation &in, Function function) {
  return in.make(in.areAllSplats(), [&](ConstantBuilder &to) {
    std::array<SmallVector<int64_t>, N> strides;
    std::array<ArrayRef<int64_t>, N> views;
    for (size_t i = 0; i < N; ++i)
      views[i] = strides[i] = broadcastStrides(in[i].getType().getShape());
    int64_t at = 0;
    forEach<N>(to.getStoredShape(), views, [&](std::array<int64_t, N> from) { store<T>(to, at++, function(from)); });
    return true;
  });
}

ElementsAttr QuantizeOp::evaluate(const Evaluation &in) {
  return withComputeType(in[2].getElementType(), [&](auto zero) -> ElementsAttr {
    using T = decltype(zero);
    return evaluateBroadcast<T, 3>(in, [&](std::array<int64_t, 3> at) {
      float steps = std::nearbyintf(load<float>(in[0], at[0]) / load<float>(in[1], at[1]));
      return narrowed<T>(steps + (float)load<T>(in[2], at[2]));
    });
  });
}

ElementsAttr DequantizeOp::evaluate(const Evaluation &in) {
  return withComputeType(in[0].getElementType(), [&](auto zero) -> ElementsAttr {
    using T = decltype(zero);
    return evaluateBroadcast<float, 3>(in, [&](std::array<int64_t, 3> at) {
      auto difference = (int32_t)((uint32_t)load<T>(in[0], at[0]) - (uint32_t)load<T>(in[2], at[2]));
      return (float)difference * load<float>(in[1], at[1]);
    });
  });
}

ElementsAttr RequantizeOp::evaluate(const Evaluation &in) {
  return withComputeType(in[2].getElementType(), [&](auto zero) -> ElementsAttr {
    using T = decltype(zero);
    return evaluateBroadcast<T, 3>(in, [&](std::array<int64_t, 3> at) {
      float steps = std::nearbyintf((float)load<int32_t>(in[0], at[0]) * load<float>(in[1], at[1]));
      return narrowed<T>(steps + (float)load<T>(in[2], at[2]));
    });
  });
}

ElementsAttr RequantizeSumOp::evaluate(const Evaluation &in) {
  auto number = [&](size_t operand, int64_t at) { return (float)in[operand].getInteger(at); };
  return withComputeType(getType().getElementType(), [&](auto zero) -> ElementsAttr {
    using T = decltype(zero);
    return evaluateBroadcast<T, 5>(in, [&](std::array<int64_t, 5> at) {
      float sum = std::fmaf(number(2, at[2]), load<float>(in[3], at[3]), load<float>(in[4], at[4]));
      return narrowed<T>(std::nearbyintf(std::fmaf(number(0, at[0]), load<float>(in[1], at[1]), sum)));
    });
  });
}

ElementsAttr LookupOp::evaluate(const Evaluation &in) {
  auto table = ConstantReader::get(getTable());
  if (!table)
    return {};
  return evaluateBroadcast<uint8_t, 1>(
      in, [&](std::array<int64_t, 1> at) { return table->get<uint8_t>(load<uint8_t>(in[0], at[0])); });
}
