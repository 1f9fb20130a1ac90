// Shapes, folds and values of slices, concatenations, pads and repeats.
#include "dialects/nn/Evaluate.h"
#include "dialects/nn/NN.h"
#include <cstring>

using namespace mlir;
using namespace nncc::nn;

LogicalResult SliceOp::inferReturnTypes(MLIRContext *, std::optional<Location> location, Adaptor op,
                                        SmallVectorImpl<Type> &types) {
  auto input = cast<RankedTensorType>(op.getInput().getType());
  size_t rank = input.getRank();
  if (op.getStarts().size() != rank || op.getSizes().size() != rank || op.getSteps().size() != rank)
    return emitOptionalError(location, "needs a start, a size and a step for each of ", rank, " dims");
  for (size_t i = 0; i < rank; ++i) {
    int64_t start = op.getStarts()[i], size = op.getSizes()[i], step = op.getSteps()[i], dim = input.getDimSize(i);
    int64_t last = start + (size - 1) * step;
    if (size < 0 || step == 0 || (size > 0 && (start < 0 || start >= dim || last < 0 || last >= dim)))
      return emitOptionalError(location, "start ", start, ", size ", size, " and step ", step, " leave dim ", i, " of ",
                               dim, " elements");
  }
  types.push_back(RankedTensorType::get(op.getSizes(), input.getElementType()));
  return success();
}

OpFoldResult SliceOp::fold(FoldAdaptor) {
  bool whole =
      getInput().getType() == getOutput().getType() && llvm::all_of(getSteps(), [](int64_t step) { return step == 1; });
  return whole ? OpFoldResult(getInput()) : OpFoldResult();
}

LogicalResult ConcatOp::inferReturnTypes(MLIRContext *, std::optional<Location> location, Adaptor op,
                                         SmallVectorImpl<Type> &types) {
  if (op.getInputs().empty())
    return emitOptionalError(location, "needs an input");
  auto first = cast<RankedTensorType>(op.getInputs()[0].getType());
  int64_t axis = op.getAxis();
  if (axis < 0 || axis >= first.getRank())
    return emitOptionalError(location, "axis ", axis, " is not a dim of a tensor of rank ", first.getRank());
  SmallVector<int64_t> shape(first.getShape());
  shape[axis] = 0;
  for (Value value : op.getInputs()) {
    auto type = cast<RankedTensorType>(value.getType());
    if (type.getRank() != first.getRank() || type.getElementType() != first.getElementType())
      return emitOptionalError(location, "inputs differ in rank or element type: ", first, " and ", type);
    for (int64_t i = 0; i < first.getRank(); ++i)
      if (i != axis && type.getDimSize(i) != first.getDimSize(i))
        return emitOptionalError(location, "dim ", i, " differs: ", first.getDimSize(i), " and ", type.getDimSize(i));
    shape[axis] += type.getDimSize(axis);
  }
  types.push_back(RankedTensorType::get(shape, first.getElementType()));
  return success();
}

OpFoldResult ConcatOp::fold(FoldAdaptor) {
  return getInputs().size() == 1 ? OpFoldResult(getInputs()[0]) : OpFoldResult();
}

LogicalResult PadOp::inferReturnTypes(MLIRContext *, std::optional<Location> location, Adaptor op,
                                      SmallVectorImpl<Type> &types) {
  auto input = cast<RankedTensorType>(op.getInput().getType());
  size_t rank = input.getRank();
  if (op.getLow().size() != rank || op.getHigh().size() != rank)
    return emitOptionalError(location, "needs a low and a high pad for each of ", rank, " dims");
  SmallVector<int64_t> shape;
  for (size_t i = 0; i < rank; ++i) {
    int64_t low = op.getLow()[i], high = op.getHigh()[i], dim = input.getDimSize(i);
    if (low < 0 || high < 0)
      return emitOptionalError(location, "pads must not be negative");
    if (op.getMode() != PadMode::constant && dim == 0 && (low || high))
      return emitOptionalError(location, "there is nothing to repeat in dim ", i, " of 0 elements");
    if (op.getMode() == PadMode::reflect && (low >= dim || high >= dim) && (low || high))
      return emitOptionalError(location, "reflection needs pads below the ", dim, " elements of dim ", i);
    shape.push_back(low + dim + high);
  }
  types.push_back(RankedTensorType::get(shape, input.getElementType()));
  return success();
}

LogicalResult ExpandOp::verify() {
  auto input = cast<RankedTensorType>(getInput().getType()), output = cast<RankedTensorType>(getOutput().getType());
  auto shape = broadcastShapes(input.getShape(), output.getShape());
  if (failed(shape) || ArrayRef<int64_t>(*shape) != output.getShape())
    return emitOpError() << "cannot expand " << input << " to " << output;
  return success();
}

OpFoldResult ExpandOp::fold(FoldAdaptor) {
  return getInput().getType() == getOutput().getType() ? OpFoldResult(getInput()) : OpFoldResult();
}

LogicalResult TileOp::inferReturnTypes(MLIRContext *, std::optional<Location> location, Adaptor op,
                                       SmallVectorImpl<Type> &types) {
  auto input = cast<RankedTensorType>(op.getInput().getType());
  if ((int64_t)op.getRepeats().size() != input.getRank())
    return emitOptionalError(location, "needs ", input.getRank(), " repeats");
  SmallVector<int64_t> shape;
  for (auto [dim, repeat] : llvm::zip(input.getShape(), op.getRepeats())) {
    if (repeat < 0)
      return emitOptionalError(location, "repeats must not be negative");
    shape.push_back(dim * repeat);
  }
  types.push_back(RankedTensorType::get(shape, input.getElementType()));
  return success();
}

int64_t PadOp::sourceOf(int64_t dim, int64_t i) {
  int64_t size = cast<RankedTensorType>(getInput().getType()).getDimSize(dim);
  i -= getLow()[dim];
  if (i >= 0 && i < size)
    return i;
  switch (getMode()) {
  case PadMode::constant:
    return -1;
  case PadMode::edge:
    return i < 0 ? 0 : size - 1;
  case PadMode::wrap:
    return ((i % size) + size) % size;
  case PadMode::reflect: {
    if (size == 1)
      return 0;
    int64_t period = 2 * (size - 1), rest = ((i % period) + period) % period;
    return rest < size ? rest : period - rest;
  }
  }
  return -1;
}

//===-- Values -----------------------------------------------------------===//

ElementsAttr SliceOp::evaluate(const Evaluation &in) {
  SmallVector<int64_t> strides = rowMajorStrides(in[0].getType().getShape());
  return in.rearrange([&](size_t d, int64_t i) { return (getStarts()[d] + i * getSteps()[d]) * strides[d]; });
}

ElementsAttr ExpandOp::evaluate(const Evaluation &in) {
  SmallVector<int64_t> strides = broadcastStrides(in[0].getType().getShape());
  return in.rearrange([&](size_t d, int64_t i) { return i * strides[d]; });
}

ElementsAttr TileOp::evaluate(const Evaluation &in) {
  ArrayRef<int64_t> shape = in[0].getType().getShape();
  SmallVector<int64_t> strides = rowMajorStrides(shape);
  return in.rearrange([&](size_t d, int64_t i) { return i % shape[d] * strides[d]; });
}

ElementsAttr PadOp::evaluate(const Evaluation &in) {
  if (getMode() != PadMode::constant && in[0].size() == 0)
    return {}; // nothing to repeat
  SmallVector<int64_t> strides = rowMajorStrides(in[0].getType().getShape());
  auto source = [&](size_t d, int64_t i) {
    int64_t position = sourceOf(d, i);
    return position < 0 ? -1 : position * strides[d];
  };
  return in.rearrange(source, getMode() == PadMode::constant ? numberAs(getValue(), in[0].getElementType()) : nullptr);
}

ElementsAttr ConcatOp::evaluate(const Evaluation &in) {
  int64_t bytes = constantElementBytes(in[0].getElementType()), axis = getAxis();
  bool isSplat = in.areAllSplats();
  for (size_t i = 1; isSplat && i < in.size(); ++i)
    isSplat = std::memcmp(in[i].at(0), in[0].at(0), bytes) == 0;
  return in.make(isSplat, [&](ConstantBuilder &to) {
    if (isSplat)
      return std::memcpy(to.at(0), in[0].at(0), bytes), true;
    ArrayRef<int64_t> shape = getType().getShape();
    int64_t at = 0, outer = ShapedType::getNumElements(shape.take_front(axis));
    for (int64_t o = 0; o < outer; ++o)
      for (size_t i = 0; i < in.size(); ++i) {
        // The operands' pieces of this row, one behind the other.
        int64_t count = ShapedType::getNumElements(in[i].getType().getShape().drop_front(axis));
        if (!in[i].isSplat())
          std::memcpy(to.at(at), in[i].at(o * count), count * bytes);
        else
          for (int64_t k = 0; k < count; ++k)
            std::memcpy(to.at(at + k), in[i].at(0), bytes);
        at += count;
      }
    return true;
  });
}
