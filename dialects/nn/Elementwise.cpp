// Types and folds of elementwise ops.
#include "dialects/nn/NN.h"

using namespace mlir;
using namespace nncc::nn;

OpFoldResult ConstantOp::fold(FoldAdaptor) { return getValue(); }

LogicalResult UnaryOp::inferReturnTypes(MLIRContext *context, std::optional<Location>, Adaptor op,
                                        SmallVectorImpl<Type> &types) {
  auto input = cast<RankedTensorType>(op.getInput().getType());
  bool isQuestion = op.getKind() == UnaryKind::is_nan || op.getKind() == UnaryKind::is_inf;
  types.push_back(isQuestion ? input.clone(IntegerType::get(context, 1)) : input);
  return success();
}

LogicalResult BinaryOp::inferReturnTypes(MLIRContext *context, std::optional<Location> location, Adaptor op,
                                         SmallVectorImpl<Type> &types) {
  auto lhs = cast<RankedTensorType>(op.getLhs().getType()), rhs = cast<RankedTensorType>(op.getRhs().getType());
  auto shape = broadcastShapes(lhs.getShape(), rhs.getShape());
  if (failed(shape))
    return emitOptionalError(location, "shapes ", lhs, " and ", rhs, " do not broadcast");
  // The exponent of pow may have another type than its base.
  if (lhs.getElementType() != rhs.getElementType() && op.getKind() != BinaryKind::pow)
    return emitOptionalError(location, "element types differ: ", lhs.getElementType(), " and ", rhs.getElementType());
  bool isComparison = op.getKind() >= BinaryKind::equal;
  types.push_back(RankedTensorType::get(*shape, isComparison ? IntegerType::get(context, 1) : lhs.getElementType()));
  return success();
}

LogicalResult SelectOp::inferReturnTypes(MLIRContext *, std::optional<Location> location, Adaptor op,
                                         SmallVectorImpl<Type> &types) {
  auto a = cast<RankedTensorType>(op.getIfTrue().getType()), b = cast<RankedTensorType>(op.getIfFalse().getType());
  auto values = broadcastShapes(a.getShape(), b.getShape());
  FailureOr<SmallVector<int64_t>> shape = failure();
  if (succeeded(values))
    shape = broadcastShapes(*values, cast<RankedTensorType>(op.getCondition().getType()).getShape());
  if (failed(shape))
    return emitOptionalError(location, "shapes do not broadcast");
  if (a.getElementType() != b.getElementType())
    return emitOptionalError(location, "element types differ: ", a.getElementType(), " and ", b.getElementType());
  types.push_back(RankedTensorType::get(*shape, a.getElementType()));
  return success();
}
