// Rewrites ops as fewer or cheaper ones. The patterns are in Simplify*.cpp, one file per op family.
#include "passes/graph/Simplify.h"
#include "dialects/nn/Evaluate.h"
#include "dialects/nn/Origin.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "passes/Passes.h"
#include "passes/check/Stage.h"
#include "passes/rewrite/PatternRemarks.h"
#include <cmath>

using namespace mlir;
using namespace nncc::nn;

namespace nncc {
#define GEN_PASS_DEF_SIMPLIFY
#include "passes/Passes.h.inc"

std::optional<double> uniformValue(Value value) {
  auto reader = ConstantReader::get(lookThroughExpand(value));
  if (!reader || reader->size() == 0 || reader->getBytes().size() > 65536 || !reader->isUniform())
    return std::nullopt;
  return reader->getFloat(0);
}

TypedAttr uniformNumber(Value value) {
  return uniformValue(value) ? ConstantReader::get(lookThroughExpand(value))->getNumber(0) : TypedAttr();
}

bool isUniform(Value value, double expected, double tolerance) {
  auto number = uniformValue(value);
  return number && std::fabs(*number - expected) <= tolerance * std::fabs(expected);
}

void replaceKeepingOrigin(PatternRewriter &rewriter, Operation *op, Value value) {
  // An origin is a property of values: only ops whose result has the same type can take it over.
  if (getOrigin(value).tensor.empty() && value.getType() == op->getResult(0).getType())
    carryOrigin(op->getResult(0), value);
  rewriter.replaceOp(op, value);
}

/// What a rewrite may make bigger.
static constexpr EvaluationLimits kLimits = {.growth = 1 << 20};

Value foldNew(PatternRewriter &rewriter, Operation *op) {
  ElementsAttr attr = evaluate(op, constantName(op->getResult(0)), kLimits);
  Value constant = attr ? Value(ConstantOp::create(rewriter, op->getLoc(), attr)) : Value();
  rewriter.eraseOp(op);
  return constant;
}

Value lookThroughExpand(Value value) {
  while (auto expand = value.getDefiningOp<ExpandOp>())
    value = expand.getInput();
  return value;
}

Value reshapedConstant(PatternRewriter &rewriter, Value value, ArrayRef<int64_t> shape) {
  ElementsAttr attr = getConstantValue(value);
  attr = attr ? reshapeConstant(attr, RankedTensorType::get(shape, typeOf(value).getElementType())) : attr;
  return attr ? Value(ConstantOp::create(rewriter, value.getLoc(), attr)) : Value();
}

namespace {

/// Evaluates what other patterns made constant.
struct FoldConstantOperands : RewritePattern {
  explicit FoldConstantOperands(MLIRContext *context) : RewritePattern(MatchAnyOpTypeTag(), 2, context) {}

  LogicalResult matchAndRewrite(Operation *op, PatternRewriter &rewriter) const override {
    if (op->getNumResults() != 1 || op->getNumOperands() == 0 ||
        !llvm::all_of(op->getOperands(), [](Value v) { return getConstantValue(v); }))
      return rewriter.notifyMatchFailure(op, "an operand is not constant");
    ElementsAttr attr = evaluate(op, constantName(op->getResult(0)), kLimits);
    if (!attr)
      return rewriter.notifyMatchFailure(op, "not evaluated at compile time");
    replaceKeepingOrigin(rewriter, op, ConstantOp::create(rewriter, op->getLoc(), attr));
    return success();
  }
};

struct Simplify : impl::SimplifyBase<Simplify> {
  void runOnOperation() override {
    if (failed(requireStage(*this, getOperation(), {"N1"})))
      return signalPassFailure();
    RewritePatternSet patterns(&getContext());
    patterns.add<FoldConstantOperands>(&getContext());
    addElementwiseSimplifications(patterns);
    addActivationSimplifications(patterns);
    addRectifierSimplifications(patterns);
    addChannelSimplifications(patterns);
    addLayoutSimplifications(patterns);
    addMatMulSimplifications(patterns);
    addNormSimplifications(patterns);
    addReduceSimplifications(patterns);
    addWindowSimplifications(patterns);
    GreedyRewriteConfig config;
    // Every pattern makes the graph smaller or moves it to a form that none of them matches again; ten rounds over
    // it are far more than any model needs.
    config.setMaxIterations(10);
    config.setUseTopDownTraversal(true);
    PatternRemarks remarks(&getContext(), getArgument());
    config.setListener(remarks.listener());
    (void)applyPatternsGreedily(getOperation(), std::move(patterns), config);
  }
};
} // namespace
} // namespace nncc
