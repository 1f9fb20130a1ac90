// Shapes of reductions.
#include "dialects/nn/NN.h"
#include "mlir/IR/Builders.h"

using namespace mlir;
using namespace nncc::nn;

static LogicalResult checkAxis(std::optional<Location> location, int64_t axis, RankedTensorType type) {
  if (axis < 0 || axis >= type.getRank())
    return emitOptionalError(location, "axis ", axis, " is not a dim of a tensor of rank ", type.getRank());
  return success();
}

LogicalResult ReduceOp::inferReturnTypes(MLIRContext *, std::optional<Location> location, Adaptor op,
                                         SmallVectorImpl<Type> &types) {
  auto input = cast<RankedTensorType>(op.getInput().getType());
  SmallVector<int64_t> shape(input.getShape());
  int64_t previous = -1;
  for (int64_t axis : op.getAxes()) {
    if (failed(checkAxis(location, axis, input)))
      return failure();
    if (axis <= previous)
      return emitOptionalError(location, "axes must ascend");
    previous = axis;
    shape[axis] = 1;
  }
  types.push_back(RankedTensorType::get(shape, input.getElementType()));
  return success();
}

LogicalResult ArgReduceOp::inferReturnTypes(MLIRContext *context, std::optional<Location> location, Adaptor op,
                                            SmallVectorImpl<Type> &types) {
  auto input = cast<RankedTensorType>(op.getInput().getType());
  if (failed(checkAxis(location, op.getAxis(), input)))
    return failure();
  SmallVector<int64_t> shape(input.getShape());
  shape[op.getAxis()] = 1;
  if (input.getNumElements() == 0 && ShapedType::getNumElements(shape) != 0)
    return emitOptionalError(location, "there is no extreme in dim ", op.getAxis(), " of 0 elements");
  types.push_back(RankedTensorType::get(shape, IntegerType::get(context, 64)));
  return success();
}

LogicalResult SoftmaxOp::inferReturnTypes(MLIRContext *, std::optional<Location> location, Adaptor op,
                                          SmallVectorImpl<Type> &types) {
  auto input = cast<RankedTensorType>(op.getInput().getType());
  types.push_back(input);
  return checkAxis(location, op.getAxis(), input);
}

LogicalResult CumSumOp::inferReturnTypes(MLIRContext *, std::optional<Location> location, Adaptor op,
                                         SmallVectorImpl<Type> &types) {
  auto input = cast<RankedTensorType>(op.getInput().getType());
  types.push_back(input);
  return checkAxis(location, op.getAxis(), input);
}
