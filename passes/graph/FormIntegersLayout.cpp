// Ops that only move or choose elements work on steps: a quarter of the bytes, and the same elements.
#include "dialects/nn/Origin.h"
#include "passes/graph/FormIntegers.h"
#include "passes/graph/Permute.h"

using namespace mlir;
using namespace nncc::nn;

namespace nncc {
namespace {

bool isSingle(Value value) { return typeOf(value).getNumElements() == 1; }

/// Ops that make every element of their result from one element of operand 0, whatever its type; all are monotone.
bool movesElements(Operation *op) {
  if (auto pool = dyn_cast<Pool2DOp>(op))
    return pool.getKind() == PoolKind::max;
  if (auto resize = dyn_cast<ResizeOp>(op))
    return resize.getMode() == ResizeMode::nearest && resize.getCoordinate() != "tf_crop_and_resize";
  return isa<TransposeOp, ReshapeOp, SliceOp, GatherOp>(op);
}

/// A scale or zero point as it goes with the result of an op; null where it belongs to no dim of that any more.
Value parameterBehind(PatternRewriter &rewriter, Operation *op, Value parameter) {
  RankedTensorType result = typeOf(op->getResult(0));
  if (isSingle(parameter))
    return viewed(rewriter, parameter, SmallVector<int64_t>(result.getRank(), 1));
  if (!getConstantValue(parameter))
    return {};
  if (auto transpose = dyn_cast<TransposeOp>(op))
    return evaluateNew<TransposeOp>(rewriter, parameter.getLoc(), parameter, transpose.getPermAttr());
  auto reshape = dyn_cast<ReshapeOp>(op);
  int64_t dim = llvm::find_if(typeOf(parameter).getShape(), [](int64_t size) { return size != 1; }) -
                typeOf(parameter).getShape().begin();
  if (!reshape || typeOf(parameter).getNumElements() != typeOf(parameter).getDimSize(dim))
    return {};
  auto behind = dimBehindReshape(typeOf(reshape.getInput()), result, dim);
  if (!behind || result.getDimSize(*behind) != typeOf(parameter).getDimSize(dim))
    return {};
  SmallVector<int64_t> shape(result.getRank(), 1);
  shape[*behind] = typeOf(parameter).getDimSize(dim);
  return viewed(rewriter, parameter, shape);
}

/// The op on another operand 0, with elements of its type.
Value rebuilt(PatternRewriter &rewriter, Operation *op, Value operand) {
  SmallVector<Value> operands(op->getOperands());
  operands[0] = operand;
  Type type = typeOf(op->getResult(0)).clone(typeOf(operand).getElementType());
  OperationState state(op->getLoc(), op->getName().getStringRef(), operands, type, op->getAttrs());
  Operation *moved = rewriter.create(state);
  setOrigin(moved->getResult(0), {});
  if (!llvm::all_of(operands, [](Value value) { return getConstantValue(value); }))
    return moved->getResult(0);
  rewriter.setInsertionPointAfter(moved);
  OpBuilder::InsertionGuard guard(rewriter);
  Operation *copy = rewriter.clone(*moved);
  Value folded = foldNew(rewriter, copy);
  if (!folded)
    return moved->getResult(0);
  rewriter.eraseOp(moved);
  return folded;
}

/// move(dequantize(q)) -> dequantize(move(q))
struct MoveSteps : RewritePattern {
  explicit MoveSteps(MLIRContext *context) : RewritePattern(MatchAnyOpTypeTag(), 2, context) {}
  LogicalResult matchAndRewrite(Operation *op, PatternRewriter &rewriter) const override {
    if (!movesElements(op))
      return rewriter.notifyMatchFailure(op, "computes");
    auto dequantize = op->getOperand(0).getDefiningOp<DequantizeOp>();
    if (!dequantize || dequantize.getType().getShape() != typeOf(dequantize.getInput()).getShape())
      return rewriter.notifyMatchFailure(op, "no dequantize above");
    Value scale = parameterBehind(rewriter, op, dequantize.getScale());
    Value zero = scale ? parameterBehind(rewriter, op, dequantize.getZeroPoint()) : Value();
    if (!zero)
      return rewriter.notifyMatchFailure(op, "scales of a dim that is gone");
    Value moved = rebuilt(rewriter, op, dequantize.getInput());
    replaceKeepingOrigin(rewriter, op, DequantizeOp::create(rewriter, dequantize.getLoc(), moved, scale, zero));
    return success();
  }
};

/// pad(dequantize(q)) with 0 -> dequantize(pad(q)) with the zero point
struct PadSteps : OpRewritePattern<PadOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(PadOp op, PatternRewriter &rewriter) const override {
    auto steps = Steps::of(op.getInput());
    auto value = dyn_cast<FloatAttr>(numberAs(op.getValue(), rewriter.getF64Type()));
    if (!steps || (op.getMode() == PadMode::constant && (!value || value.getValueAsDouble() != 0)))
      return rewriter.notifyMatchFailure(op, "no padding of quantized values by zeros");
    auto dequantize = op.getInput().getDefiningOp<DequantizeOp>();
    Value padded = PadOp::create(rewriter, op.getLoc(), op.getMode(), steps->steps, op.getLow(), op.getHigh(),
                                 cast<TypedAttr>(rewriter.getI64IntegerAttr(steps->grid.zero)));
    replaceKeepingOrigin(
        rewriter, op,
        DequantizeOp::create(rewriter, dequantize.getLoc(), padded, dequantize.getScale(), dequantize.getZeroPoint()));
    return success();
  }
};

/// quantize(move(x)) -> move(quantize(x)), so that the quantize meets what makes x.
struct QuantizeBeforeMoving : OpRewritePattern<QuantizeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(QuantizeOp op, PatternRewriter &rewriter) const override {
    Operation *move = op.getInput().getDefiningOp();
    if (!move || !isa<TransposeOp, ReshapeOp, SliceOp, ConcatOp>(move) || !move->hasOneUse() ||
        !isSingle(op.getScale()) || !isSingle(op.getZeroPoint()) ||
        op.getType().getShape() != typeOf(op.getInput()).getShape())
      return rewriter.notifyMatchFailure(op, "nothing to pass");
    SmallVector<Value> operands;
    for (Value operand : move->getOperands()) {
      SmallVector<int64_t> ones(typeOf(operand).getRank(), 1);
      Value scale = viewed(rewriter, op.getScale(), ones), zero = viewed(rewriter, op.getZeroPoint(), ones);
      operands.push_back(QuantizeOp::create(rewriter, op.getLoc(), operand, scale, zero));
    }
    OperationState state(move->getLoc(), move->getName().getStringRef(), operands, op.getType(), move->getAttrs());
    Operation *moved = rewriter.create(state);
    setOrigin(moved->getResult(0), {});
    replaceKeepingOrigin(rewriter, op, moved->getResult(0));
    return success();
  }
};

/// lookup(resize(x)) -> resize(lookup(x)) where x has fewer elements, also with transposes between: what a
/// concatenation of several scales reads has tables behind resizes.
struct LookUpFewer : OpRewritePattern<LookupOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(LookupOp op, PatternRewriter &rewriter) const override {
    SmallVector<Operation *> moves; // from the lookup up
    Value source = op.getInput();
    for (Operation *move = source.getDefiningOp();
         isa_and_nonnull<TransposeOp, ResizeOp>(move) && movesElements(move) && move->hasOneUse();
         move = source.getDefiningOp()) {
      moves.push_back(move);
      source = move->getOperand(0);
    }
    while (!moves.empty() && !isa<ResizeOp>(moves.back()))
      source = moves.pop_back_val()->getResult(0);
    if (moves.empty() || typeOf(source).getNumElements() >= op.getType().getNumElements())
      return rewriter.notifyMatchFailure(op, "nothing that gives elements several times");
    auto type = typeOf(source).clone(op.getType().getElementType());
    Value found = LookupOp::create(rewriter, op.getLoc(), type, source, op.getTable());
    for (Operation *move : llvm::reverse(moves))
      found = rebuilt(rewriter, move, found);
    replaceKeepingOrigin(rewriter, op, found);
    return success();
  }
};

/// Constants that are quantized: the weights of networks that were trained so.
struct QuantizeConstants : OpRewritePattern<QuantizeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(QuantizeOp op, PatternRewriter &rewriter) const override {
    if (!llvm::all_of(op->getOperands(), [](Value value) { return getConstantValue(value); }))
      return rewriter.notifyMatchFailure(op, "not constant");
    OpBuilder::InsertionGuard guard(rewriter);
    Value folded = foldNew(rewriter, rewriter.clone(*op));
    if (!folded)
      return rewriter.notifyMatchFailure(op, "not evaluated");
    replaceKeepingOrigin(rewriter, op, folded);
    return success();
  }
};
} // namespace

void addIntegerLayout(RewritePatternSet &patterns) {
  patterns.add<MoveSteps, PadSteps, QuantizeBeforeMoving, LookUpFewer, QuantizeConstants>(patterns.getContext());
}

} // namespace nncc
