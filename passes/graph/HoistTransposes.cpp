// Moves transposes up through ops with one user, where that leaves fewer of them; then turns those that only move
// dims of size 1 into reshapes. Every rewrite lowers the number of transpositions of values of run time, so it ends.
#include "dialects/nn/NN.h"
#include "dialects/nn/Origin.h"
#include "mlir/IR/Remarks.h"
#include "passes/Passes.h"
#include "passes/check/Stage.h"
#include "passes/graph/Permute.h"

using namespace mlir;
using namespace nncc::nn;

namespace nncc {
#define GEN_PASS_DEF_HOISTTRANSPOSES
#include "passes/Passes.h.inc"

namespace {

// Longer ways up have not been seen; the limit bounds the time spent on looking.
constexpr int kMaxDepth = 32;

RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }

/// Transpositions of values of run time that more are run when `value` is needed permuted by `perm` instead of as it
/// is.
int cost(Value value, ArrayRef<int64_t> perm, int depth = 0) {
  if (isIdentityPerm(perm) || getConstantValue(value))
    return 0;
  if (movesOnlyUnitDims(typeOf(value).getShape(), perm))
    return 0;
  Operation *op = value.getDefiningOp();
  if (auto transpose = dyn_cast_or_null<TransposeOp>(op)) {
    if (getConstantValue(transpose.getInput()))
      return 0;
    SmallVector<int64_t> both = composePerms(transpose.getPerm(), perm);
    bool vanishes = movesOnlyUnitDims(typeOf(transpose.getInput()).getShape(), both);
    return (vanishes ? 0 : 1) - (op->hasOneUse() ? 1 : 0);
  }
  if (!op || !op->hasOneUse() || op->getNumResults() != 1 || depth == kMaxDepth)
    return 1;
  SmallVector<OpOperand *> moved = permutedOperands(op, perm);
  if (moved.empty())
    return 1;
  int total = 0;
  for (OpOperand *operand : moved)
    total += cost(operand->get(), perm, depth + 1);
  return std::min(total, 1);
}

/// The permuted value, made the way that `cost` counted.
Value permute(OpBuilder &b, Value value, ArrayRef<int64_t> perm, int depth = 0) {
  if (isIdentityPerm(perm))
    return value;
  Operation *op = value.getDefiningOp();
  auto transposed = [&](Value from, ArrayRef<int64_t> by) -> Value {
    Value made;
    if (isIdentityPerm(by))
      return from;
    if (movesOnlyUnitDims(typeOf(from).getShape(), by))
      made = ReshapeOp::create(b, value.getLoc(), permuteType(typeOf(from), by), from);
    else
      made = TransposeOp::create(b, value.getLoc(), from, b.getDenseI64ArrayAttr(by));
    carryOrigin(value, made, perm);
    return made;
  };
  if (getConstantValue(value))
    return transposed(value, perm);
  if (auto transpose = dyn_cast_or_null<TransposeOp>(op))
    return transposed(transpose.getInput(), composePerms(transpose.getPerm(), perm));
  bool movable = op && op->hasOneUse() && op->getNumResults() == 1 && depth != kMaxDepth &&
                 !movesOnlyUnitDims(typeOf(value).getShape(), perm);
  SmallVector<OpOperand *> moved = movable ? permutedOperands(op, perm) : SmallVector<OpOperand *>();
  int total = 0;
  for (OpOperand *operand : moved)
    total += cost(operand->get(), perm, depth + 1);
  if (moved.empty() || total > 1)
    return transposed(value, perm);
  SmallVector<Value> operands(op->getOperands());
  for (OpOperand *operand : moved)
    operands[operand->getOperandNumber()] = permute(b, operand->get(), perm, depth + 1);
  return buildPermuted(b, op, perm, operands)->getResult(0);
}

struct HoistTransposes : impl::HoistTransposesBase<HoistTransposes> {
  void runOnOperation() override {
    if (failed(requireStage(*this, getOperation(), {"N1"})))
      return signalPassFailure();
    for (Block &block : getOperation().getBody()) {
      while (hoistOne(block))
        ;
      for (TransposeOp op : llvm::make_early_inc_range(block.getOps<TransposeOp>()))
        if (movesOnlyUnitDims(typeOf(op.getInput()).getShape(), op.getPerm()))
          makeReshape(op);
      eraseUnused(block);
    }
  }

  /// Hoists the last transposition that gains by it; false when there is none.
  static bool hoistOne(Block &block) {
    for (Operation &candidate : llvm::reverse(block)) {
      auto op = dyn_cast<TransposeOp>(candidate);
      if (!op || op->use_empty() || !op.getInput().getDefiningOp() || getConstantValue(op.getInput()) ||
          movesOnlyUnitDims(typeOf(op.getInput()).getShape(), op.getPerm()))
        continue;
      // This one goes, `cost` come.
      if (cost(op.getInput(), op.getPerm()) > 0)
        continue;
      OpBuilder b(op);
      Value value = permute(b, op.getInput(), op.getPerm());
      remark::passed(op.getLoc(), remark::RemarkOpts::name("Hoisted").category("nncc-hoist-transposes"))
          << op->getName().getStringRef() << " goes up to where it costs least";
      if (getOrigin(value).tensor.empty())
        carryOrigin(op, value);
      op.replaceAllUsesWith(value);
      eraseUnused(block); // uses by the old way up no longer count
      return true;
    }
    return false;
  }

  static void eraseUnused(Block &block) {
    for (Operation &op : llvm::make_early_inc_range(llvm::reverse(block)))
      if (isOpTriviallyDead(&op))
        op.erase();
  }

  static void makeReshape(TransposeOp op) {
    OpBuilder b(op);
    Value input = op.getInput();
    while (auto inner = input.getDefiningOp<ReshapeOp>())
      input = inner.getInput();
    if (input.getType() != op.getType()) {
      input = ReshapeOp::create(b, op.getLoc(), op.getType(), input);
      carryOrigin(op, input);
    }
    op.replaceAllUsesWith(input);
    op.erase();
  }
};
} // namespace
} // namespace nncc
