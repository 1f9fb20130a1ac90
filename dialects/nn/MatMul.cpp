// Shapes of matrix products.
#include "dialects/nn/NN.h"

using namespace mlir;
using namespace nncc::nn;

LogicalResult MatMulOp::inferReturnTypes(MLIRContext *, std::optional<Location> location, Adaptor op,
                                         SmallVectorImpl<Type> &types) {
  auto lhs = cast<RankedTensorType>(op.getLhs().getType()), rhs = cast<RankedTensorType>(op.getRhs().getType());
  int64_t rank = lhs.getRank();
  if (rank < 2 || rhs.getRank() != rank)
    return emitOptionalError(location, "operands must have one rank >= 2, got ", rank, " and ", rhs.getRank());
  bool transposed = op.getTransposeB();
  int64_t k = lhs.getDimSize(rank - 1), rhsK = rhs.getDimSize(transposed ? rank - 1 : rank - 2);
  int64_t n = rhs.getDimSize(transposed ? rank - 2 : rank - 1);
  if (k != rhsK)
    return emitOptionalError(location, "inner dims differ: ", k, " and ", rhsK);
  auto batch = broadcastShapes(lhs.getShape().drop_back(2), rhs.getShape().drop_back(2));
  if (failed(batch))
    return emitOptionalError(location, "batch dims do not broadcast");
  if (op.getBias() && cast<RankedTensorType>(op.getBias().getType()).getShape() != ArrayRef<int64_t>{n})
    return emitOptionalError(location, "bias must have one value per column (", n, ")");
  for (Value other : {op.getRhs(), op.getBias()})
    if (other && cast<RankedTensorType>(other.getType()).getElementType() != lhs.getElementType())
      return emitOptionalError(location, "element types differ: ", lhs.getElementType(), " and ",
                               cast<RankedTensorType>(other.getType()).getElementType());
  batch->push_back(lhs.getDimSize(rank - 2));
  batch->push_back(n);
  types.push_back(RankedTensorType::get(*batch, lhs.getElementType()));
  return success();
}
