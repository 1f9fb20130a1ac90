// Costs and needs of kernels; see KernelCost.h.
#include "passes/lower/KernelCost.h"
#include "passes/lower/ScalarMath.h"

using namespace mlir;

namespace nncc {

static RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }

int64_t multiplyAccumulates(nn::KernelOp kernel) {
  int64_t sum = 0;
  for (Operation &op : kernel.getBody().front()) {
    if (auto conv = dyn_cast<nn::Conv2DOp>(op)) {
      ArrayRef<int64_t> filter = typeOf(conv.getFilter()).getShape();
      sum += typeOf(conv.getOutput()).getNumElements() * filter[1] * filter[2] * filter[3];
    } else if (auto conv = dyn_cast<nn::ConvTranspose2DOp>(op)) {
      // Every input element goes once through the filters of its group.
      ArrayRef<int64_t> filter = typeOf(conv.getFilter()).getShape();
      sum += typeOf(conv.getInput()).getNumElements() * filter[1] * filter[2] * (filter[0] / conv.getGroups());
    } else if (isa<nn::MatMulOp, nn::MatMulWidenedOp>(op)) {
      sum += typeOf(op.getResult(0)).getNumElements() * typeOf(op.getOperand(0)).getShape().back();
    }
  }
  return sum;
}

std::optional<uint64_t> bytesGathered(nn::KernelOp kernel, unsigned input) {
  uint64_t bytes = 0;
  for (OpOperand &use : kernel.getBody().getArgument(input).getUses()) {
    if (!isa<nn::GatherOp, nn::GatherElementsOp, nn::GatherNDOp, nn::SliceOp>(use.getOwner()) ||
        use.getOperandNumber() != 0)
      return std::nullopt;
    RankedTensorType taken = typeOf(use.getOwner()->getResult(0));
    bytes += taken.getNumElements() * llvm::divideCeil(memoryType(taken.getElementType()).getIntOrFloatBitWidth(), 8);
  }
  return bytes;
}

bool mayBeInPlace(nn::KernelOp kernel, unsigned input) {
  if (kernel.getYielded().size() != 1)
    return false;
  // A root that reads what an elementwise op made would read elements that are already overwritten.
  Operation *root = kernel.getRoot();
  Value argument = kernel.getBody().getArgument(input);
  Operation *last = kernel.getYielded().front().getDefiningOp();
  if (last && last != root && !nn::isElementwise(last))
    return false; // elements move behind the root
  auto isBeforeRoot = [&](Operation *user) { return user->isBeforeInBlock(root); };
  if (root && !nn::isElementwise(root) && llvm::any_of(argument.getUsers(), isBeforeRoot))
    return false;
  RankedTensorType type = typeOf(argument), result = typeOf(kernel.getYielded().front());
  auto bits = [](Type element) { return memoryType(element).getIntOrFloatBitWidth(); };
  if (type.getShape() != result.getShape() || bits(type.getElementType()) != bits(result.getElementType()))
    return false;
  return llvm::all_of(argument.getUses(), [&](OpOperand &use) {
    Operation *user = use.getOwner();
    if (nn::isElementwise(user))
      return true; // also in an epilogue: it runs element by element when the root's element is done
    if (isa<nn::SoftmaxOp, nn::LayerNormOp>(user))
      return use.getOperandNumber() == 0 && type.getElementType() == result.getElementType();
    return isa<nn::CumSumOp>(user);
  });
}

} // namespace nncc
