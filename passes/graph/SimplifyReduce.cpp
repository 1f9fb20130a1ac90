// Simplifies reductions, and finds softmax that exporters write out.
#include "dialects/nn/ConstantData.h"
#include "dialects/nn/Kinds.h"
#include "dialects/nn/Origin.h"
#include "passes/graph/Precision.h"
#include "passes/graph/Simplify.h"

using namespace mlir;
using namespace nncc::nn;

namespace nncc {
namespace {

// The reciprocal of a count, rounded to f32.
constexpr double kPrecise = 1e-6;

int64_t countOf(ReduceOp op) {
  int64_t count = 1;
  for (int64_t axis : op.getAxes())
    count *= typeOf(op.getInput()).getDimSize(axis);
  return count;
}

ReduceOp makeReduce(PatternRewriter &rewriter, Location location, ReduceKind kind, Value input, ReduceOp like) {
  return ReduceOp::create(rewriter, location, like.getType(), kind, input, like.getAxesAttr());
}

/// sum(x) / n and, where no rounding shows, sum(x) * 1/n -> mean(x).
struct MeanFromSum : OpRewritePattern<BinaryOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(BinaryOp op, PatternRewriter &rewriter) const override {
    auto sum = op.getLhs().getDefiningOp<ReduceOp>();
    if (!sum || sum.getKind() != ReduceKind::sum || !sum->hasOneUse() || sum.getType() != op.getType() ||
        !isa<FloatType>(typeOf(op).getElementType()) || countOf(sum) == 0)
      return rewriter.notifyMatchFailure(op, "no sum");
    bool divides = op.getKind() == kind::div && isUniform(op.getRhs(), countOf(sum));
    bool multiplies = op.getKind() == kind::mul && isUniform(op.getRhs(), 1.0 / countOf(sum), kPrecise);
    if (!divides && (!multiplies || roundingShows(op)))
      return rewriter.notifyMatchFailure(op, "not over its count, or by a reciprocal whose rounding shows");
    Location location = rewriter.getFusedLoc({sum.getLoc(), op.getLoc()});
    replaceKeepingOrigin(rewriter, op, makeReduce(rewriter, location, ReduceKind::mean, sum.getInput(), sum));
    return success();
  }
};

/// sum(x * x) -> sum_square(x), and mean(x * x) -> sum_square(x) / n: x is read once and its square never stored. A sum
/// that is stored in halves may leave their range where the mean does not.
struct SumOfSquares : OpRewritePattern<ReduceOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ReduceOp op, PatternRewriter &rewriter) const override {
    bool isMean = op.getKind() == ReduceKind::mean;
    auto square = binaryOf(op.getInput(), kind::mul);
    auto type = dyn_cast<FloatType>(typeOf(op).getElementType());
    if ((!isMean && op.getKind() != ReduceKind::sum) || !square || square.getLhs() != square.getRhs() ||
        !square->hasOneUse() || !type || (isMean && type.getWidth() < 32))
      return rewriter.notifyMatchFailure(op, "no sum of squares");
    // A variance over the last dims: layer normalization takes it as it is.
    if (auto centered = Centered::of(square.getLhs()); centered && centered->isOverLastDims())
      return rewriter.notifyMatchFailure(op, "of centered values");
    Location location = rewriter.getFusedLoc({square.getLoc(), op.getLoc()});
    Value sum = makeReduce(rewriter, location, ReduceKind::sum_square, square.getLhs(), op);
    if (isMean) {
      ConstantBuilder count(RankedTensorType::get(SmallVector<int64_t>(typeOf(op).getRank(), 1), type));
      count.setFloat(0, std::max<int64_t>(countOf(op), 1));
      Value constant = ConstantOp::create(rewriter, location, count.finish(""));
      sum = BinaryOp::create(rewriter, location, op.getType(), kind::div, sum, constant);
    }
    replaceKeepingOrigin(rewriter, op, sum);
    return success();
  }
};

/// sqrt(sum_square(x)) -> l2(x).
struct L2FromSumOfSquares : OpRewritePattern<UnaryOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(UnaryOp op, PatternRewriter &rewriter) const override {
    auto sum = op.getKind() == kind::sqrt ? op.getInput().getDefiningOp<ReduceOp>() : ReduceOp();
    if (!sum || sum.getKind() != ReduceKind::sum_square || !sum->hasOneUse())
      return rewriter.notifyMatchFailure(op, "no root of a sum of squares");
    Location location = rewriter.getFusedLoc({sum.getLoc(), op.getLoc()});
    replaceKeepingOrigin(rewriter, op, makeReduce(rewriter, location, ReduceKind::l2, sum.getInput(), sum));
    return success();
  }
};

/// e^x / sum(e^x), where x may have its maximum taken out already -> softmax(x).
struct NameSoftmax : OpRewritePattern<BinaryOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(BinaryOp op, PatternRewriter &rewriter) const override {
    Value sumValue;
    if (op.getKind() == kind::div)
      sumValue = op.getRhs();
    else if (auto reciprocal = unaryOf(op.getRhs(), kind::reciprocal); reciprocal && op.getKind() == kind::mul)
      sumValue = reciprocal.getInput();
    auto exponential = unaryOf(op.getLhs(), kind::exp);
    auto sum = sumValue ? lookThroughExpand(sumValue).getDefiningOp<ReduceOp>() : ReduceOp();
    if (!exponential || !sum || sum.getKind() != ReduceKind::sum || sum.getInput() != exponential.getResult() ||
        sum.getAxes().size() != 1 || !isa<FloatType>(typeOf(op).getElementType()))
      return rewriter.notifyMatchFailure(op, "no exponential over its sum");
    if (!llvm::all_of(exponential->getUsers(), [&](Operation *user) { return user == op || user == sum; }))
      return rewriter.notifyMatchFailure(op, "the exponential is needed anyway");
    Value x = exponential.getInput();
    SmallVector<Location> locations{exponential.getLoc(), sum.getLoc(), op.getLoc()};
    if (auto shifted = binaryOf(x, kind::sub)) {
      auto most = lookThroughExpand(shifted.getRhs()).getDefiningOp<ReduceOp>();
      if (most && most.getKind() == ReduceKind::max && most.getInput() == shifted.getLhs() &&
          most.getAxes() == sum.getAxes()) {
        x = shifted.getLhs();
        locations.insert(locations.begin(), {most.getLoc(), shifted.getLoc()});
      }
    }
    if (x.getType() != op.getType())
      return rewriter.notifyMatchFailure(op, "x is broadcast");
    replaceKeepingOrigin(rewriter, op,
                         SoftmaxOp::create(rewriter, rewriter.getFusedLoc(locations), op.getType(), x,
                                           rewriter.getI64IntegerAttr(sum.getAxes()[0]), UnitAttr()));
    return success();
  }
};

/// log(softmax(x)) -> softmax(x) log, which does not underflow.
struct LogOfSoftmax : OpRewritePattern<UnaryOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(UnaryOp op, PatternRewriter &rewriter) const override {
    auto softmax = op.getKind() == kind::log ? op.getInput().getDefiningOp<SoftmaxOp>() : SoftmaxOp();
    if (!softmax || softmax.getLog() || !softmax->hasOneUse())
      return rewriter.notifyMatchFailure(op, "no logarithm of a softmax");
    Location location = rewriter.getFusedLoc({softmax.getLoc(), op.getLoc()});
    replaceKeepingOrigin(rewriter, op,
                         SoftmaxOp::create(rewriter, location, op.getType(), softmax.getInput(), softmax.getAxisAttr(),
                                           rewriter.getUnitAttr()));
    return success();
  }
};
} // namespace

void addReduceSimplifications(RewritePatternSet &patterns) {
  patterns.add<MeanFromSum, SumOfSquares, L2FromSumOfSquares, NameSoftmax, LogOfSoftmax>(patterns.getContext());
}

} // namespace nncc
