// Shapes of normalizations.
#include "dialects/nn/NN.h"

using namespace mlir;
using namespace nncc::nn;

LogicalResult LayerNormOp::inferReturnTypes(MLIRContext *, std::optional<Location> location, Adaptor op,
                                            SmallVectorImpl<Type> &types) {
  auto input = cast<RankedTensorType>(op.getInput().getType());
  int64_t axis = op.getAxis();
  if (axis < 0 || axis >= input.getRank())
    return emitOptionalError(location, "axis ", axis, " is not a dim of a tensor of rank ", input.getRank());
  for (Value parameter : {op.getScale(), op.getBias()})
    if (parameter && cast<RankedTensorType>(parameter.getType()).getShape() != input.getShape().drop_front(axis))
      return emitOptionalError(location, "scale and bias must have the shape of the normalized dims");
  for (Value parameter : {op.getScale(), op.getBias()})
    if (parameter && cast<RankedTensorType>(parameter.getType()).getElementType() != input.getElementType())
      return emitOptionalError(location, "element types differ: ", input.getElementType(), " and ",
                               cast<RankedTensorType>(parameter.getType()).getElementType());
  types.push_back(input);
  return success();
}
