// How attributes of nn ops change when all their operands and results are permuted alike.
#include "passes/graph/Permute.h"
#include "dialects/nn/Origin.h"
#include "mlir/IR/Builders.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace nncc::nn;

namespace nncc {

SmallVector<int64_t> inversePerm(ArrayRef<int64_t> perm) {
  SmallVector<int64_t> inverse(perm.size());
  for (auto [to, from] : llvm::enumerate(perm))
    inverse[from] = to;
  return inverse;
}

SmallVector<int64_t> composePerms(ArrayRef<int64_t> first, ArrayRef<int64_t> second) {
  SmallVector<int64_t> both;
  for (int64_t dim : second)
    both.push_back(first[dim]);
  return both;
}

bool isIdentityPerm(ArrayRef<int64_t> perm) { return llvm::equal(perm, llvm::seq<int64_t>(0, perm.size())); }

bool movesOnlyUnitDims(ArrayRef<int64_t> shape, ArrayRef<int64_t> perm) {
  int64_t last = -1;
  for (int64_t dim : perm) {
    if (shape[dim] == 1)
      continue;
    if (dim < last)
      return false;
    last = dim;
  }
  return true;
}

RankedTensorType permuteType(RankedTensorType type, ArrayRef<int64_t> perm) {
  SmallVector<int64_t> shape;
  for (int64_t dim : perm)
    shape.push_back(type.getDimSize(dim));
  return RankedTensorType::get(shape, type.getElementType());
}

SmallVector<OpOperand *> permutedOperands(Operation *op, ArrayRef<int64_t> perm) {
  SmallVector<OpOperand *> operands;
  if (isElementwise(op) || isa<ConcatOp, SliceOp, PadOp, ReduceOp, SoftmaxOp, CumSumOp, ArgReduceOp, ResizeOp, ExpandOp,
                               TileOp, GatherElementsOp, TopKOp>(op)) {
    for (OpOperand &operand : op->getOpOperands())
      operands.push_back(&operand);
  } else if (auto gather = dyn_cast<GatherOp>(op)) {
    // With one dim of indices the ranks of data and output agree.
    if (cast<RankedTensorType>(gather.getIndices().getType()).getRank() == 1)
      operands.push_back(&op->getOpOperand(0));
  } else if (auto norm = dyn_cast<LayerNormOp>(op)) {
    // Scale and bias have the normalized dims, so these may not move.
    for (int64_t dim = norm.getAxis(); dim < (int64_t)perm.size(); ++dim)
      if (perm[dim] != dim)
        return {};
    operands.push_back(&op->getOpOperand(0));
  }
  return operands;
}

Operation *buildPermuted(OpBuilder &b, Operation *op, ArrayRef<int64_t> perm, ArrayRef<Value> operands) {
  SmallVector<int64_t> inverse = inversePerm(perm);
  auto byDim = [&](ArrayRef<int64_t> values) {
    SmallVector<int64_t> permuted;
    for (int64_t dim : perm)
      permuted.push_back(values[dim]);
    return b.getDenseI64ArrayAttr(permuted);
  };
  auto axis = [&](int64_t dim) { return b.getI64IntegerAttr(inverse[dim]); };

  SmallVector<Type> types;
  for (Type type : op->getResultTypes())
    types.push_back(permuteType(cast<RankedTensorType>(type), perm));
  OperationState state(op->getLoc(), op->getName().getStringRef(), operands, types, op->getAttrs());
  // The attributes that name dims; all others are copied.
  TypeSwitch<Operation *>(op)
      .Case([&](SliceOp o) {
        state.attributes.set(o.getStartsAttrName(), byDim(o.getStarts()));
        state.attributes.set(o.getSizesAttrName(), byDim(o.getSizes()));
        state.attributes.set(o.getStepsAttrName(), byDim(o.getSteps()));
      })
      .Case([&](PadOp o) {
        state.attributes.set(o.getLowAttrName(), byDim(o.getLow()));
        state.attributes.set(o.getHighAttrName(), byDim(o.getHigh()));
      })
      .Case([&](TileOp o) { state.attributes.set(o.getRepeatsAttrName(), byDim(o.getRepeats())); })
      .Case([&](ReduceOp o) {
        SmallVector<int64_t> axes;
        for (int64_t dim : o.getAxes())
          axes.push_back(inverse[dim]);
        llvm::sort(axes);
        state.attributes.set(o.getAxesAttrName(), b.getDenseI64ArrayAttr(axes));
      })
      .Case([&](ResizeOp o) {
        // Scales and roi belong to the axes in their order, which therefore stays.
        SmallVector<int64_t> axes;
        for (int64_t dim : o.getAxes())
          axes.push_back(inverse[dim]);
        state.attributes.set(o.getAxesAttrName(), b.getDenseI64ArrayAttr(axes));
      })
      .Case<ConcatOp, SoftmaxOp, CumSumOp, ArgReduceOp, TopKOp, GatherOp, GatherElementsOp>(
          [&](auto o) { state.attributes.set(o.getAxisAttrName(), axis(o.getAxis())); })
      .Default([](Operation *) {});
  Operation *permuted = b.create(state);
  for (auto [from, to] : llvm::zip(op->getResults(), permuted->getResults()))
    carryOrigin(from, to, perm);
  return permuted;
}

} // namespace nncc
