// Shapes of gathers and one-hot.
#include "dialects/nn/NN.h"

using namespace mlir;
using namespace nncc::nn;

static RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }

LogicalResult GatherOp::inferReturnTypes(MLIRContext *, std::optional<Location> location, Adaptor op,
                                         SmallVectorImpl<Type> &types) {
  auto data = typeOf(op.getData());
  int64_t axis = op.getAxis();
  if (axis < 0 || axis >= data.getRank())
    return emitOptionalError(location, "axis ", axis, " is not a dim of a tensor of rank ", data.getRank());
  if (data.getDimSize(axis) == 0 && typeOf(op.getIndices()).getNumElements() != 0)
    return emitOptionalError(location, "indexes dim ", axis, ", which has no elements");
  SmallVector<int64_t> shape(data.getShape().take_front(axis));
  llvm::append_range(shape, typeOf(op.getIndices()).getShape());
  llvm::append_range(shape, data.getShape().drop_front(axis + 1));
  types.push_back(RankedTensorType::get(shape, data.getElementType()));
  return success();
}

LogicalResult GatherElementsOp::inferReturnTypes(MLIRContext *, std::optional<Location> location, Adaptor op,
                                                 SmallVectorImpl<Type> &types) {
  auto data = typeOf(op.getData()), indices = typeOf(op.getIndices());
  if (data.getRank() != indices.getRank())
    return emitOptionalError(location, "data and indices differ in rank: ", data.getRank(), " and ", indices.getRank());
  if ((int64_t)op.getAxis() < 0 || (int64_t)op.getAxis() >= data.getRank())
    return emitOptionalError(location, "axis ", op.getAxis(), " is not a dim of a tensor of rank ", data.getRank());
  if (data.getNumElements() == 0 && indices.getNumElements() != 0)
    return emitOptionalError(location, "indexes a tensor that has no elements");
  types.push_back(RankedTensorType::get(indices.getShape(), data.getElementType()));
  return success();
}

LogicalResult GatherNDOp::inferReturnTypes(MLIRContext *, std::optional<Location> location, Adaptor op,
                                           SmallVectorImpl<Type> &types) {
  auto data = typeOf(op.getData()), indices = typeOf(op.getIndices());
  int64_t batch = op.getBatchDims();
  if (indices.getRank() < 1 || batch < 0 || batch >= indices.getRank() || batch >= data.getRank())
    return emitOptionalError(location, "batch_dims ", batch, " is out of range");
  int64_t tuple = indices.getShape().back();
  if (tuple < 1 || batch + tuple > data.getRank())
    return emitOptionalError(location, "index tuples of ", tuple, " do not fit rank ", data.getRank());
  if (indices.getNumElements() != 0 && llvm::is_contained(data.getShape().slice(batch, tuple), 0))
    return emitOptionalError(location, "indexes dims that have no elements");
  SmallVector<int64_t> shape(indices.getShape().drop_back());
  llvm::append_range(shape, data.getShape().drop_front(batch + tuple));
  types.push_back(RankedTensorType::get(shape, data.getElementType()));
  return success();
}

LogicalResult OneHotOp::inferReturnTypes(MLIRContext *, std::optional<Location> location, Adaptor op,
                                         SmallVectorImpl<Type> &types) {
  auto indices = typeOf(op.getIndices()), values = typeOf(op.getValues());
  int64_t axis = op.getAxis();
  if (axis < 0 || axis > indices.getRank())
    return emitOptionalError(location, "axis ", axis, " is not a dim of a tensor of rank ", indices.getRank() + 1);
  if (values.getNumElements() != 2)
    return emitOptionalError(location, "values must be [off, on]");
  if ((int64_t)op.getDepth() < 0)
    return emitOptionalError(location, "depth must not be negative");
  SmallVector<int64_t> shape(indices.getShape());
  shape.insert(shape.begin() + axis, op.getDepth());
  types.push_back(RankedTensorType::get(shape, values.getElementType()));
  return success();
}
