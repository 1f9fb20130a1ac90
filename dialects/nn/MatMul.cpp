// Shapes of matrix products.
#include "dialects/nn/NN.h"

using namespace mlir;
using namespace nncc::nn;

static RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }

/// Zero points come in pairs; each broadcasts to its operand, and is one along the inner dim.
static LogicalResult checkZeroPoints(std::optional<Location> location, MatMulOp::Adaptor op) {
  if (!op.getLhsZeroPoint() && !op.getRhsZeroPoint())
    return success();
  if (!op.getLhsZeroPoint() || !op.getRhsZeroPoint())
    return emitOptionalError(location, "has the zero point of one operand only");
  int64_t rank = typeOf(op.getLhs()).getRank(), inner[] = {rank - 1, op.getTransposeB() ? rank - 1 : rank - 2};
  Value zeros[] = {op.getLhsZeroPoint(), op.getRhsZeroPoint()}, operands[] = {op.getLhs(), op.getRhs()};
  for (int i : {0, 1}) {
    RankedTensorType zero = typeOf(zeros[i]), operand = typeOf(operands[i]);
    bool fits =
        zero.getElementType() == operand.getElementType() && zero.getRank() == rank && zero.getDimSize(inner[i]) == 1;
    for (int64_t dim = 0; fits && dim < rank; ++dim)
      fits = zero.getDimSize(dim) == 1 || zero.getDimSize(dim) == operand.getDimSize(dim);
    if (!fits)
      return emitOptionalError(location, "a zero point of type ", zero, " does not fit an operand of type ", operand);
  }
  return success();
}

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
  // Two tensors of 8 bits may differ in sign.
  Type element = lhs.getElementType(), sum = sumType(element);
  if (rhs.getElementType() != element &&
      (sum == element || sumType(rhs.getElementType()) != sum || rhs.getElementTypeBitWidth() != 8))
    return emitOptionalError(location, "element types differ: ", element, " and ", rhs.getElementType());
  if (op.getBias() && typeOf(op.getBias()).getElementType() != sum)
    return emitOptionalError(location, "element types differ: ", sum, " and ", typeOf(op.getBias()).getElementType());
  if (failed(checkZeroPoints(location, op)))
    return failure();
  batch->push_back(lhs.getDimSize(rank - 2));
  batch->push_back(n);
  types.push_back(RankedTensorType::get(*batch, sum));
  return success();
}
