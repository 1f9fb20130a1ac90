// Shapes, folds and values of layout ops.
#include "dialects/nn/Evaluate.h"
#include "dialects/nn/NN.h"

using namespace mlir;
using namespace nncc::nn;

LogicalResult TransposeOp::inferReturnTypes(MLIRContext *, std::optional<Location> location, Adaptor op,
                                            SmallVectorImpl<Type> &types) {
  auto input = cast<RankedTensorType>(op.getInput().getType());
  SmallVector<int64_t> shape;
  SmallVector<bool> seen(input.getRank(), false);
  for (int64_t dim : op.getPerm()) {
    if (dim < 0 || dim >= input.getRank() || seen[dim])
      return emitOptionalError(location, "perm is no permutation of ", input.getRank(), " dims");
    seen[dim] = true;
    shape.push_back(input.getDimSize(dim));
  }
  if ((int64_t)shape.size() != input.getRank())
    return emitOptionalError(location, "perm has ", shape.size(), " dims, the input ", input.getRank());
  types.push_back(RankedTensorType::get(shape, input.getElementType()));
  return success();
}

OpFoldResult TransposeOp::fold(FoldAdaptor) {
  if (llvm::equal(getPerm(), llvm::seq<int64_t>(0, getPerm().size())))
    return getInput();
  return {};
}

LogicalResult ReshapeOp::verify() {
  auto input = cast<RankedTensorType>(getInput().getType()), output = cast<RankedTensorType>(getOutput().getType());
  if (input.getNumElements() != output.getNumElements() || input.getElementType() != output.getElementType())
    return emitOpError() << "cannot turn " << input << " into " << output;
  return success();
}

OpFoldResult ReshapeOp::fold(FoldAdaptor) {
  if (getInput().getType() == getOutput().getType())
    return getInput();
  if (auto inner = getInput().getDefiningOp<ReshapeOp>()) {
    getInputMutable().assign(inner.getInput());
    return getOutput();
  }
  return {};
}

//===-- Values -----------------------------------------------------------===//

ElementsAttr TransposeOp::evaluate(const Evaluation &in) {
  ArrayRef<int64_t> shape = in[0].getType().getShape(), perm = getPerm();
  // Moving dims of size 1 leaves the bytes as they are.
  SmallVector<int64_t> moved;
  llvm::copy_if(perm, std::back_inserter(moved), [&](int64_t dim) { return shape[dim] != 1; });
  if (llvm::is_sorted(moved))
    return in.view(0);
  SmallVector<int64_t> strides = rowMajorStrides(shape);
  return in.rearrange([&](size_t d, int64_t i) { return i * strides[perm[d]]; });
}

ElementsAttr ReshapeOp::evaluate(const Evaluation &in) { return in.view(0); }
