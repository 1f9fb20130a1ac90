// Brings matrix products to the forms that the kernels know: two-dimensional where the right side is one matrix,
// and an untransposed right side unless that is constant or only few rows are multiplied with it.
#include "dialects/nn/Origin.h"
#include "passes/graph/Simplify.h"

using namespace mlir;
using namespace nncc::nn;

namespace nncc {
namespace {

/// A zero point of the left side, [1...] or one for each row, as it goes with [B * M, K]; null where it is neither.
Value collapsedRows(PatternRewriter &rewriter, Value zero, int64_t rows) {
  int64_t count = typeOf(zero).getNumElements();
  auto type = RankedTensorType::get({count, 1}, typeOf(zero).getElementType());
  return count == 1 || count == rows ? Value(ReshapeOp::create(rewriter, zero.getLoc(), type, zero)) : Value();
}

/// [B..., M, K] x one [K, N] -> [B * M, K] x [K, N] between reshapes: more rows for the tiles, one kernel shape.
struct CollapseBatch : OpRewritePattern<MatMulOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(MatMulOp op, PatternRewriter &rewriter) const override {
    auto lhs = typeOf(op.getLhs()), rhs = typeOf(op.getRhs());
    if (lhs.getRank() == 2 || !llvm::all_of(rhs.getShape().drop_back(2), [](int64_t dim) { return dim == 1; }))
      return rewriter.notifyMatchFailure(op, "the right side is not one matrix");
    int64_t inner = lhs.getShape().back(), rows = 1, columns = op.getType().getShape().back();
    for (int64_t dim : lhs.getShape().drop_back())
      rows *= dim;
    Type element = lhs.getElementType();
    Value lhsZero, rhsZero;
    if (op.getLhsZeroPoint()) {
      lhsZero = collapsedRows(rewriter, op.getLhsZeroPoint(), rows);
      if (!lhsZero)
        return rewriter.notifyMatchFailure(op, "zero points of batches");
      auto zero = typeOf(op.getRhsZeroPoint());
      rhsZero =
          ReshapeOp::create(rewriter, op.getLoc(), zero.clone(zero.getShape().take_back(2)), op.getRhsZeroPoint());
    }
    Value flat = ReshapeOp::create(rewriter, op.getLoc(), RankedTensorType::get({rows, inner}, element), op.getLhs());
    auto matrixType = rhs.clone(rhs.getShape().take_back(2));
    Value matrix = reshapedConstant(rewriter, op.getRhs(), matrixType.getShape());
    if (!matrix)
      matrix = ReshapeOp::create(rewriter, op.getRhs().getLoc(), matrixType, op.getRhs());
    auto product = MatMulOp::create(rewriter, op.getLoc(), op.getType().clone({rows, columns}), flat, matrix,
                                    op.getBias(), lhsZero, rhsZero, op.getTransposeB());
    setOrigin(product, getOrigin(op).perm.empty() ? getOrigin(op) : Origin());
    replaceKeepingOrigin(rewriter, op, ReshapeOp::create(rewriter, op.getLoc(), op.getType(), product));
    return success();
  }
};

SmallVector<int64_t> swapLastTwo(int64_t rank) {
  SmallVector<int64_t> perm;
  llvm::append_range(perm, llvm::seq<int64_t>(0, rank));
  std::swap(perm[rank - 1], perm[rank - 2]);
  return perm;
}

/// True when one zero point, or none, belongs to all of the right side: it may be transposed without it.
bool hasOneRightZero(MatMulOp op) {
  return !op.getRhsZeroPoint() || typeOf(op.getRhsZeroPoint()).getNumElements() == 1;
}

/// So many rows gain nothing from a transposed copy of the right side: dot products read it once for each.
constexpr int64_t kFewRows = 3;

/// transpose_b of a right side that is only known at run time -> an explicit transposition.
struct TransposeDynamicRight : OpRewritePattern<MatMulOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(MatMulOp op, PatternRewriter &rewriter) const override {
    if (!op.getTransposeB() || getConstantValue(op.getRhs()))
      return rewriter.notifyMatchFailure(op, "not transposed, or constant and packed in any order");
    if (!hasOneRightZero(op))
      return rewriter.notifyMatchFailure(op, "zero points of columns");
    if (typeOf(op.getLhs()).getDimSize(typeOf(op.getLhs()).getRank() - 2) <= kFewRows)
      return rewriter.notifyMatchFailure(op, "few rows");
    // A constant that is still behind layout ops becomes one by itself.
    if (Operation *producer = op.getRhs().getDefiningOp())
      if (isa<TransposeOp, ReshapeOp>(producer) && getConstantValue(producer->getOperand(0)))
        return rewriter.notifyMatchFailure(op, "constant after folding");
    auto transposed = TransposeOp::create(rewriter, op.getLoc(), op.getRhs(),
                                          rewriter.getDenseI64ArrayAttr(swapLastTwo(typeOf(op.getRhs()).getRank())));
    rewriter.modifyOpInPlace(op, [&] {
      op.getRhsMutable().assign(transposed);
      op.removeTransposeBAttr();
    });
    return success();
  }
};

/// a x p^T -> (p x a^T)^T where p is a softmax and larger than what is transposed instead: attention that is written
/// with channels ahead. Other products keep their rows, which fill vectors better than few columns do.
struct TransposeValues : OpRewritePattern<MatMulOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(MatMulOp op, PatternRewriter &rewriter) const override {
    int64_t rank = typeOf(op.getLhs()).getRank();
    auto perm = rewriter.getDenseI64ArrayAttr(swapLastTwo(rank));
    auto transpose = op.getRhs().getDefiningOp<TransposeOp>();
    if (op->getNumOperands() != 2 || op.getTransposeB() || !transpose || transpose.getPermAttr() != perm ||
        !transpose.getInput().getDefiningOp<SoftmaxOp>())
      return rewriter.notifyMatchFailure(op, "no softmax is transposed, or more operands");
    if (typeOf(op.getLhs()).getDimSize(rank - 2) <= kFewRows)
      return rewriter.notifyMatchFailure(op, "few rows");
    int64_t here = typeOf(transpose).getNumElements();
    if (here <= typeOf(op.getLhs()).getNumElements() + op.getType().getNumElements())
      return rewriter.notifyMatchFailure(op, "the other side and the result are as large");
    Value left = TransposeOp::create(rewriter, op.getLoc(), op.getLhs(), perm);
    SmallVector<int64_t> shape(op.getType().getShape());
    std::swap(shape[rank - 1], shape[rank - 2]);
    Value product = MatMulOp::create(rewriter, op.getLoc(), op.getType().clone(shape), transpose.getInput(), left,
                                     Value(), Value(), Value(), /*transposeB=*/false);
    replaceKeepingOrigin(rewriter, op, TransposeOp::create(rewriter, op.getLoc(), product, perm));
    return success();
  }
};

/// A right side that was transposed for a few rows -> transpose_b.
struct KeepTransposedRight : OpRewritePattern<MatMulOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(MatMulOp op, PatternRewriter &rewriter) const override {
    auto transpose = op.getRhs().getDefiningOp<TransposeOp>();
    int64_t rank = typeOf(op.getLhs()).getRank();
    if (!transpose || op.getTransposeB() || typeOf(op.getLhs()).getDimSize(rank - 2) > kFewRows)
      return rewriter.notifyMatchFailure(op, "no transposed right side of a few rows");
    if (!hasOneRightZero(op))
      return rewriter.notifyMatchFailure(op, "zero points of columns");
    if (getConstantValue(transpose.getInput()) || transpose.getPerm() != ArrayRef<int64_t>(swapLastTwo(rank)))
      return rewriter.notifyMatchFailure(op, "constant after folding, or other dims are swapped");
    rewriter.modifyOpInPlace(op, [&] {
      op.getRhsMutable().assign(transpose.getInput());
      op.setTransposeB(true);
    });
    return success();
  }
};
} // namespace

void addMatMulSimplifications(RewritePatternSet &patterns) {
  patterns.add<CollapseBatch, TransposeDynamicRight, TransposeValues, KeepTransposedRight>(patterns.getContext());
}

} // namespace nncc
