// Computes with f16 what f32 is only a detour for: same numbers, half the registers.
#include "codegen/CodegenPasses.h"
#include "dialects/nn/Origin.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "passes/check/Stage.h"
#include "passes/lower/Machine.h"
#include "passes/rewrite/PatternRemarks.h"

using namespace mlir;

namespace nncc {
#define GEN_PASS_DEF_NARROWHALVES
#include "codegen/CodegenPasses.h.inc"

namespace {

Type halfType(Type type) {
  Type half = Float16Type::get(type.getContext());
  auto shaped = dyn_cast<ShapedType>(type);
  return shaped ? Type(shaped.clone(half)) : half;
}

/// True for f32 numbers that are f16: widened ones, and constants that lose nothing.
bool isHalf(Value value) {
  if (auto wide = value.getDefiningOp<arith::ExtFOp>())
    return getElementTypeOrSelf(wide.getIn()).isF16();
  if (auto broadcast = value.getDefiningOp<vector::BroadcastOp>())
    return isHalf(broadcast.getSource());
  FloatAttr number;
  DenseElementsAttr numbers;
  if (matchPattern(value, m_Constant(&numbers)) && numbers.isSplat() && isa<FloatType>(numbers.getElementType()))
    number = numbers.getSplatValue<FloatAttr>();
  else if (!matchPattern(value, m_Constant(&number)))
    return false;
  APFloat half = number.getValue();
  bool isRounded = false;
  half.convert(APFloat::IEEEhalf(), APFloat::rmNearestTiesToEven, &isRounded);
  return !isRounded;
}

Value narrow(PatternRewriter &rewriter, Location loc, Value wide) {
  return rewriter.createOrFold<arith::TruncFOp>(loc, halfType(wide.getType()), wide);
}

/// Rounding goes through an op whose result on rounded operands is the rounded result:
/// - maxima, minima, signs and choices, since rounding keeps the order;
/// - sums, differences, products and quotients of f16, since f32 has more than twice its digits and two: rounding
///   twice is rounding once (Figueroa 1995, When is double rounding innocuous?).
struct RoundFirst : OpRewritePattern<arith::TruncFOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(arith::TruncFOp rounding, PatternRewriter &rewriter) const override {
    Operation *op = rounding.getIn().getDefiningOp();
    if (!op || !op->hasOneUse() || !getElementTypeOrSelf(rounding.getIn()).isF32() ||
        !getElementTypeOrSelf(rounding.getOut()).isF16())
      return failure();
    ValueRange floats = op->getOperands();
    if (isa<arith::SelectOp>(op))
      floats = floats.drop_front();
    if (isa<arith::AddFOp, arith::SubFOp, arith::MulFOp, arith::DivFOp>(op)) {
      if (!llvm::all_of(floats, isHalf))
        return failure();
    } else if (isa<arith::MaximumFOp, arith::MinimumFOp, arith::MaxNumFOp, arith::MinNumFOp, arith::SelectOp>(op)) {
      // One rounding is not to become two.
      if (llvm::none_of(floats, isHalf))
        return failure();
    } else if (!isa<arith::NegFOp>(op)) {
      return failure();
    }
    SmallVector<Value> operands = llvm::to_vector(op->getOperands().drop_back(floats.size()));
    for (Value value : floats)
      operands.push_back(narrow(rewriter, rounding.getLoc(), value));
    Operation *narrowed = rewriter.create(op->getLoc(), op->getName().getIdentifier(), operands,
                                          rounding.getOut().getType(), op->getAttrs());
    rewriter.replaceOp(rounding, narrowed);
    return success();
  }
};

/// Numbers that are f16 are compared as such.
struct CompareHalves : OpRewritePattern<arith::CmpFOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(arith::CmpFOp compare, PatternRewriter &rewriter) const override {
    if (!getElementTypeOrSelf(compare.getLhs()).isF32() || !isHalf(compare.getLhs()) || !isHalf(compare.getRhs()))
      return failure();
    rewriter.modifyOpInPlace(compare, [&] {
      for (OpOperand &operand : compare->getOpOperands())
        operand.set(narrow(rewriter, compare.getLoc(), operand.get()));
    });
    return success();
  }
};

/// What is broadcast is rounded before.
struct RoundBeforeBroadcast : OpRewritePattern<arith::TruncFOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(arith::TruncFOp rounding, PatternRewriter &rewriter) const override {
    auto broadcast = rounding.getIn().getDefiningOp<vector::BroadcastOp>();
    if (!broadcast || !getElementTypeOrSelf(rounding.getIn()).isF32() ||
        !getElementTypeOrSelf(rounding.getOut()).isF16())
      return failure();
    Value scalar = narrow(rewriter, rounding.getLoc(), broadcast.getSource());
    rewriter.replaceOpWithNewOp<vector::BroadcastOp>(rounding, rounding.getOut().getType(), scalar);
    return success();
  }
};

struct NarrowHalves : impl::NarrowHalvesBase<NarrowHalves> {
  void runOnOperation() override {
    if (failed(requireStage(*this, getOperation(), {"L2"})))
      return signalPassFailure();
    if (!getOperation()->getParentOfType<ModuleOp>()->hasAttr(nn::kMachinesAttr))
      return;
    auto machine = machineOf(getOperation());
    if (failed(machine))
      return signalPassFailure();
    if (!machine->getHalfArithmetic())
      return;
    RewritePatternSet patterns(&getContext());
    patterns.add<RoundFirst, CompareHalves, RoundBeforeBroadcast>(&getContext());
    GreedyRewriteConfig config;
    config.setRegionSimplificationLevel(GreedySimplifyRegionLevel::Disabled);
    PatternRemarks remarks(&getContext(), getArgument());
    config.setListener(remarks.listener());
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns), config)))
      signalPassFailure();
  }
};

} // namespace
} // namespace nncc
