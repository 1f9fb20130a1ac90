// Evaluates ops whose operands are all constants.
#include "dialects/nn/Evaluate.h"
#include "dialects/nn/Origin.h"
#include "mlir/IR/Remarks.h"
#include "passes/Passes.h"
#include "passes/check/Stage.h"
#include "passes/rewrite/PatternRemarks.h"

using namespace mlir;
using namespace nncc::nn;

namespace nncc {
#define GEN_PASS_DEF_FOLDCONSTANTS
#include "passes/Passes.h.inc"

namespace {
struct FoldConstants : impl::FoldConstantsBase<FoldConstants> {
  using FoldConstantsBase::FoldConstantsBase;

  void runOnOperation() override {
    if (failed(requireStage(*this, getOperation(), {"N1"})))
      return signalPassFailure();
    for (Block &block : getOperation().getBody())
      // Operands come before their users: one walk folds whole chains.
      for (Operation &op : llvm::make_early_inc_range(block))
        if (!isa<ConstantOp>(op) &&
            !(keepQuantized && widensWeights(&op) && (isa<DequantizeOp>(op) || isReadAsWeights(op.getResult(0)))))
          fold(&op);
  }

  /// Whether a tensor is read as it lies, or moved, as the weights of a product, or as rows of a table.
  static bool isReadAsWeights(Value value) {
    SmallVector<Value> left{value};
    while (!left.empty())
      for (OpOperand &use : left.pop_back_val().getUses()) {
        Operation *user = use.getOwner();
        if (isa<ReshapeOp, TransposeOp, SliceOp>(user))
          left.push_back(user->getResult(0));
        else if (isa<Conv2DOp, MatMulOp>(user) ? use.getOperandNumber() == 1
                                               : isa<GatherOp>(user) && use.getOperandNumber() == 0)
          return true;
      }
    return false;
  }

  void fold(Operation *op) {
    // `evaluate` asks this again; asking here keeps the common case cheap.
    if (op->getNumOperands() == 0 || op->getNumResults() != 1 ||
        !llvm::all_of(op->getOperands(), [](Value v) { return getConstantValue(v); }))
      return;
    ElementsAttr value = evaluate(op, constantName(op->getResult(0)), {.growth = growthLimit});
    if (!value)
      return;
    OpBuilder b(op);
    auto constant = ConstantOp::create(b, op->getLoc(), value);
    remark::passed(remarkLocation(op), remark::RemarkOpts::name("FoldConstants").category("nncc-fold-constants"))
        << op->getName().getStringRef() << " is computed";
    carryOrigin(op->getResult(0), constant);
    SmallVector<Operation *> producers;
    for (Value operand : op->getOperands())
      producers.push_back(operand.getDefiningOp());
    op->replaceAllUsesWith(constant);
    op->erase();
    llvm::sort(producers);
    producers.erase(llvm::unique(producers), producers.end());
    for (Operation *producer : producers)
      if (producer->use_empty())
        producer->erase();
  }
};
} // namespace
} // namespace nncc
