// Shapes and values of gathers, scatters and one-hot.
#include "dialects/nn/Evaluate.h"
#include "dialects/nn/NN.h"
#include <cstring>

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

//===-- Values -----------------------------------------------------------===//

/// An index as it runs: it may count from the end, and is clamped into the dim.
static int64_t clampIndex(int64_t index, int64_t size) {
  return std::clamp<int64_t>(index < 0 ? index + size : index, 0, size - 1);
}

/// Nothing can be read from or written to a dim without elements.
static bool hasElements(const ConstantReader &data, const ConstantReader &indices) {
  return data.size() > 0 || indices.size() == 0;
}

/// True when indices along one axis stay inside the data in all other dims.
static bool fitsAlongAxis(const ConstantReader &data, const ConstantReader &indices, int64_t axis) {
  ArrayRef<int64_t> shape = data.getType().getShape(), lists = indices.getType().getShape();
  bool fits = shape.size() == lists.size() && axis >= 0 && axis < (int64_t)shape.size() && hasElements(data, indices);
  for (size_t d = 0; fits && d < shape.size(); ++d)
    fits = (int64_t)d == axis || lists[d] <= shape[d];
  return fits;
}

/// True when tuples of indices address dims of the data, batch by batch.
static bool fitsTuples(const ConstantReader &data, const ConstantReader &indices, int64_t batchDims) {
  ArrayRef<int64_t> shape = data.getType().getShape(), tuples = indices.getType().getShape();
  return (int64_t)tuples.size() > batchDims && tuples.back() >= 1 &&
         batchDims + tuples.back() <= (int64_t)shape.size() && hasElements(data, indices) &&
         shape.take_front(batchDims) == tuples.take_front(batchDims);
}

ElementsAttr GatherOp::evaluate(const Evaluation &in) {
  ArrayRef<int64_t> shape = in[0].getType().getShape();
  int64_t axis = getAxis(), size = shape[axis], inner = ShapedType::getNumElements(shape.drop_front(axis + 1));
  int64_t outer = ShapedType::getNumElements(shape.take_front(axis));
  int64_t bytes = constantElementBytes(in[0].getElementType());
  if (!hasElements(in[0], in[1]))
    return {};
  return in.make(in[0].isSplat(), [&](ConstantBuilder &to) {
    if (in[0].isSplat())
      inner = outer = 1;
    int64_t at = 0, end = to.getStoredCount();
    for (int64_t o = 0; o < outer; ++o)
      for (int64_t i = 0; i < in[1].size() && at < end; ++i, at += inner)
        std::memcpy(to.at(at), in[0].at((o * size + clampIndex(in[1].getInteger(i), size)) * inner), inner * bytes);
    return true;
  });
}

/// The offset in `data` of each element that indices along one axis address, in row-major order of the indices.
template <typename Visit>
static void forEachAlongAxis(const ConstantReader &data, const ConstantReader &indices, int64_t axis, Visit visit) {
  SmallVector<int64_t> dataStrides = rowMajorStrides(data.getType().getShape());
  int64_t stride = dataStrides[axis], size = data.getType().getDimSize(axis), at = 0;
  dataStrides[axis] = 0;
  forEach<1>(indices.getType().getShape(), {dataStrides}, [&](std::array<int64_t, 1> base) {
    visit(at, base[0] + clampIndex(indices.getInteger(at), size) * stride);
    ++at;
  });
}

ElementsAttr GatherElementsOp::evaluate(const Evaluation &in) {
  int64_t bytes = constantElementBytes(in[0].getElementType());
  if (!fitsAlongAxis(in[0], in[1], getAxis()))
    return {};
  return in.make(in[0].isSplat(), [&](ConstantBuilder &to) {
    if (in[0].isSplat())
      return std::memcpy(to.at(0), in[0].at(0), bytes), true;
    forEachAlongAxis(in[0], in[1], getAxis(),
                     [&](int64_t at, int64_t from) { std::memcpy(to.at(at), in[0].at(from), bytes); });
    return true;
  });
}

/// The offset in `data` and the elements of each slice that a tuple of indices addresses, in row-major order.
template <typename Visit>
static void forEachTuple(const ConstantReader &data, const ConstantReader &indices, int64_t batchDims, Visit visit) {
  ArrayRef<int64_t> shape = data.getType().getShape();
  int64_t length = indices.getType().getShape().back();
  int64_t slice = ShapedType::getNumElements(shape.drop_front(batchDims + length));
  int64_t batches = ShapedType::getNumElements(shape.take_front(batchDims));
  int64_t count = ShapedType::getNumElements(indices.getType().getShape().drop_back());
  for (int64_t i = 0; i < count; ++i) {
    int64_t at = i / (count / batches);
    for (int64_t k = 0; k < length; ++k) {
      int64_t size = shape[batchDims + k];
      at = at * size + clampIndex(indices.getInteger(i * length + k), size);
    }
    visit(i * slice, at * slice, slice);
  }
}

ElementsAttr GatherNDOp::evaluate(const Evaluation &in) {
  int64_t bytes = constantElementBytes(in[0].getElementType());
  if (!fitsTuples(in[0], in[1], getBatchDims()))
    return {};
  return in.make(in[0].isSplat(), [&](ConstantBuilder &to) {
    if (in[0].isSplat())
      return std::memcpy(to.at(0), in[0].at(0), bytes), true;
    forEachTuple(in[0], in[1], getBatchDims(), [&](int64_t at, int64_t from, int64_t count) {
      std::memcpy(to.at(at), in[0].at(from), count * bytes);
    });
    return true;
  });
}

/// A copy of the data, for scattering into.
static void copyData(ConstantBuilder &to, const ConstantReader &data) {
  int64_t bytes = constantElementBytes(to.getElementType());
  for (int64_t i = 0, end = data.size(); i < end; ++i)
    std::memcpy(to.at(i), data.at(i), bytes);
}

/// Combines an element that is there with an update, rounding as memory does.
template <typename T> static T scattered(ScatterReduction reduction, T there, T update) {
  switch (reduction) {
  case ScatterReduction::replace:
    return update;
  case ScatterReduction::add:
    return sumOf(there, update);
  case ScatterReduction::mul:
    return productOf(there, update);
  case ScatterReduction::max:
    return maximumOf(there, update);
  case ScatterReduction::min:
    return minimumOf(there, update);
  }
  return update;
}

ElementsAttr ScatterElementsOp::evaluate(const Evaluation &in) {
  if (!fitsAlongAxis(in[0], in[1], getAxis()) || in[1].getType().getShape() != in[2].getType().getShape() ||
      in[0].getElementType() != in[2].getElementType())
    return {};
  return withComputeType(in[0].getElementType(), [&](auto zero) {
    using T = decltype(zero);
    return in.make(false, [&](ConstantBuilder &to) {
      copyData(to, in[0]);
      forEachAlongAxis(in[0], in[1], getAxis(), [&](int64_t from, int64_t at) {
        store<T>(to, at,
                 scattered<T>(getReduction(), loadFrom<T>(to.at(at), to.getElementType()), load<T>(in[2], from)));
      });
      return true;
    });
  });
}

ElementsAttr ScatterNDOp::evaluate(const Evaluation &in) {
  if (!fitsTuples(in[0], in[1], 0) || in[0].getElementType() != in[2].getElementType())
    return {};
  ArrayRef<int64_t> tuples = in[1].getType().getShape();
  SmallVector<int64_t> expected(tuples.drop_back());
  llvm::append_range(expected, in[0].getType().getShape().drop_front(tuples.back()));
  if (in[2].getType().getShape() != ArrayRef(expected))
    return {};
  return withComputeType(in[0].getElementType(), [&](auto zero) {
    using T = decltype(zero);
    return in.make(false, [&](ConstantBuilder &to) {
      copyData(to, in[0]);
      forEachTuple(in[0], in[1], 0, [&](int64_t from, int64_t at, int64_t count) {
        for (int64_t i = 0; i < count; ++i)
          store<T>(
              to, at + i,
              scattered<T>(getReduction(), loadFrom<T>(to.at(at + i), to.getElementType()), load<T>(in[2], from + i)));
      });
      return true;
    });
  });
}
