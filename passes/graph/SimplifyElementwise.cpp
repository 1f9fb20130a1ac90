// Simplifies elementwise ops: identities, constants to one side, clips from comparisons, powers.
#include "dialects/nn/BinaryKind.h"
#include "dialects/nn/ConstantData.h"
#include "dialects/nn/Origin.h"
#include "dialects/nn/UnaryKind.h"
#include "passes/graph/Precision.h"
#include "passes/graph/Simplify.h"
#include <cmath>
#include <limits>

using namespace mlir;
using namespace nncc::nn;

namespace nncc {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

bool isFloat(Value value) { return isa<FloatType>(typeOf(value).getElementType()); }
bool isConstant(Value value) { return static_cast<bool>(getConstantValue(value)); }

Value makeUnary(PatternRewriter &rewriter, Location location, UnaryKind kind, Value x, double alpha = 0,
                double beta = 0) {
  return UnaryOp::create(rewriter, location, x.getType(), kind, x, llvm::APFloat(alpha), llvm::APFloat(beta));
}

/// x + 0, x - 0, x * 1, x / 1, x ^ 1 -> x. The sign of a zero is not promised: -0 + 0 is 0.
struct DropNeutralOperand : OpRewritePattern<BinaryOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(BinaryOp op, PatternRewriter &rewriter) const override {
    double neutral;
    switch (op.getKind()) {
    case BinaryKind::add:
    case BinaryKind::sub:
      neutral = 0;
      break;
    case BinaryKind::mul:
    case BinaryKind::div:
    case BinaryKind::pow:
      neutral = 1;
      break;
    default:
      return rewriter.notifyMatchFailure(op, "has no neutral operand");
    }
    if (op.getLhs().getType() != op.getType() || !isUniform(op.getRhs(), neutral))
      return rewriter.notifyMatchFailure(op, "right operand is not neutral");
    replaceKeepingOrigin(rewriter, op, op.getLhs());
    return success();
  }
};

/// c + x -> x + c, so that other patterns find constants on the right.
struct ConstantToTheRight : OpRewritePattern<BinaryOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(BinaryOp op, PatternRewriter &rewriter) const override {
    bool commutes =
        llvm::is_contained({BinaryKind::add, BinaryKind::mul, BinaryKind::min, BinaryKind::max}, op.getKind());
    if (!commutes || !isConstant(op.getLhs()) || isConstant(op.getRhs()))
      return rewriter.notifyMatchFailure(op, "no constant on the left of a commutative op");
    rewriter.modifyOpInPlace(op, [&] {
      Value constant = op.getLhs();
      op.getLhsMutable().assign(op.getRhs());
      op.getRhsMutable().assign(constant);
    });
    return success();
  }
};

/// The elements that a constant stores: one for a splat.
int64_t storedElements(const ConstantReader &constant) {
  return constant.isSplat() ? std::min<int64_t>(1, constant.size()) : constant.size();
}
template <typename Predicate> bool allElements(const ConstantReader &constant, Predicate holds) {
  return llvm::all_of(llvm::seq<int64_t>(0, storedElements(constant)),
                      [&](int64_t i) { return holds(constant.getFloat(i)); });
}

/// f32 or f64: a rounding is far below the tolerance of results.
bool isWide(Value value) { return isFloat(value) && typeOf(value).getElementType().getIntOrFloatBitWidth() >= 32; }

/// x - c -> x + -c, and x / c -> x * 1/c: for powers of two, whose reciprocals are exact, and where a rounding more
/// does not show.
struct SubAndDivByConstant : OpRewritePattern<BinaryOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(BinaryOp op, PatternRewriter &rewriter) const override {
    bool isSub = op.getKind() == BinaryKind::sub, isDiv = op.getKind() == BinaryKind::div && isFloat(op);
    auto constant = ConstantReader::get(op.getRhs());
    if ((!isSub && !isDiv) || !constant || isConstant(op.getLhs()))
      return rewriter.notifyMatchFailure(op, "no subtraction of or division by a constant");
    if (typeOf(op.getRhs()).getElementType().isUnsignedInteger())
      return rewriter.notifyMatchFailure(op, "unsigned");
    if (isDiv && !mayMultiply(op, *constant))
      return rewriter.notifyMatchFailure(op, "the product could be another number");
    Value other = evaluateNew<UnaryOp>(rewriter, op.getRhs().getLoc(), op.getRhs().getType(),
                                       isSub ? UnaryKind::neg : UnaryKind::reciprocal, op.getRhs(), llvm::APFloat(0.0),
                                       llvm::APFloat(0.0));
    if (!other)
      return rewriter.notifyMatchFailure(op, "the constant is not here");
    auto made = BinaryOp::create(rewriter, op.getLoc(), op.getType(), isSub ? BinaryKind::add : BinaryKind::mul,
                                 op.getLhs(), other);
    replaceKeepingOrigin(rewriter, op, made);
    return success();
  }

  static bool mayMultiply(BinaryOp op, const ConstantReader &divisor) {
    auto type = cast<FloatType>(typeOf(op).getElementType());
    if (allElements(divisor, [&](double c) { return hasExactReciprocal(c, type); }))
      return true;
    auto hasReciprocal = [&](double c) { return c != 0 && keepsDigits(c, type) && keepsDigits(1 / c, type); };
    return isWide(op) && allElements(divisor, hasReciprocal) && !roundingShows(op);
  }
};

/// The smallest and the largest magnitude in a constant; NaN counts as both too small and too large.
struct Magnitudes {
  double least = kInfinity, most = 0;
  Magnitudes(double least, double most) : least(least), most(most) {}
  explicit Magnitudes(const ConstantReader &constant) {
    for (int64_t i = 0, e = storedElements(constant); i < e; ++i) {
      double magnitude = std::fabs(constant.getFloat(i));
      least = std::isnan(magnitude) ? -1 : std::min(least, magnitude);
      most = std::isnan(magnitude) ? kInfinity : std::max(most, magnitude);
    }
  }
};

/// (x * a) * b -> x * (a * b) with constants a and b that are all at least 1, or all at most 1: then x * a leaves the
/// range of the type only where the whole product does. Sums are left alone: (x + a) + b rounds x to the digits of a.
struct MergeFactors : OpRewritePattern<BinaryOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(BinaryOp op, PatternRewriter &rewriter) const override {
    auto inner = binaryOf(op.getLhs(), BinaryKind::mul);
    if (op.getKind() != BinaryKind::mul || !inner || !inner->hasOneUse() || !isWide(op))
      return rewriter.notifyMatchFailure(op, "no product of a product");
    auto a = ConstantReader::get(inner.getRhs()), b = ConstantReader::get(op.getRhs());
    if (!a || !b || inner.getLhs().getType() != op.getType())
      return rewriter.notifyMatchFailure(op, "not by constants");
    auto type = cast<FloatType>(typeOf(op).getElementType());
    Magnitudes ofA(*a), ofB(*b), both{ofA.least * ofB.least, ofA.most * ofB.most};
    bool bothGrow = ofA.least >= 1 && ofB.least >= 1, bothShrink = ofA.most <= 1 && ofB.most <= 1;
    if ((!bothGrow && !bothShrink) || both.least == 0 || !keepsDigits(both.least, type) ||
        !keepsDigits(both.most, type))
      return rewriter.notifyMatchFailure(op, "one factor shrinks, the other grows, or both together do it too much");
    if (roundingShows(op))
      return rewriter.notifyMatchFailure(op, "a rounding less would show");
    auto shape = broadcastShapes(typeOf(inner.getRhs()).getShape(), typeOf(op.getRhs()).getShape());
    Value merged = evaluateNew<BinaryOp>(rewriter, op.getRhs().getLoc(), RankedTensorType::get(*shape, type),
                                         BinaryKind::mul, inner.getRhs(), op.getRhs());
    if (!merged)
      return rewriter.notifyMatchFailure(op, "the merged constant would be too big");
    Location location = rewriter.getFusedLoc({inner.getLoc(), op.getLoc()});
    replaceKeepingOrigin(rewriter, op,
                         BinaryOp::create(rewriter, location, op.getType(), BinaryKind::mul, inner.getLhs(), merged));
    return success();
  }
};

/// max(x, c) and min(x, c) with one number c -> clip.
struct ClipFromMinMax : OpRewritePattern<BinaryOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(BinaryOp op, PatternRewriter &rewriter) const override {
    bool isMax = op.getKind() == BinaryKind::max;
    if ((!isMax && op.getKind() != BinaryKind::min) || !isFloat(op) || op.getLhs().getType() != op.getType())
      return rewriter.notifyMatchFailure(op, "no float min or max");
    auto bound = uniformValue(op.getRhs());
    if (!bound || std::isnan(*bound))
      return rewriter.notifyMatchFailure(op, "the bound is not one number");
    replaceKeepingOrigin(rewriter, op,
                         makeUnary(rewriter, op.getLoc(), UnaryKind::clip, op.getLhs(), isMax ? *bound : -kInfinity,
                                   isMax ? kInfinity : *bound));
    return success();
  }
};

/// The bounds of a clip or relu.
std::optional<std::pair<double, double>> boundsOf(UnaryOp op) {
  if (op && op.getKind() == UnaryKind::relu)
    return std::pair(0.0, kInfinity);
  if (op && op.getKind() == UnaryKind::clip)
    return std::pair(op.getAlpha().convertToDouble(), op.getBeta().convertToDouble());
  return std::nullopt;
}

/// clip(clip(x)) -> clip(x), clip(x, 0, inf) -> relu(x), clip(x, -inf, inf) -> x.
struct MergeClips : OpRewritePattern<UnaryOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(UnaryOp op, PatternRewriter &rewriter) const override {
    auto outer = boundsOf(op);
    if (!outer || !isFloat(op))
      return rewriter.notifyMatchFailure(op, "no clip of floats");
    auto innerOp = op.getInput().getDefiningOp<UnaryOp>();
    auto inner = boundsOf(innerOp);
    Value x = op.getInput();
    auto bounds = *outer;
    Location location = op.getLoc();
    auto clamp = [&](double v) { return std::fmin(std::fmax(v, outer->first), outer->second); };
    if (inner && outer->first <= outer->second) {
      bounds = {clamp(inner->first), clamp(inner->second)};
      x = innerOp.getInput();
      location = rewriter.getFusedLoc({innerOp.getLoc(), location});
    }
    if (bounds.first == -kInfinity && bounds.second == kInfinity) {
      replaceKeepingOrigin(rewriter, op, x);
      return success();
    }
    bool isRelu = bounds.first == 0 && bounds.second == kInfinity;
    if (x == op.getInput() && isRelu == (op.getKind() == UnaryKind::relu))
      return rewriter.notifyMatchFailure(op, "already simple");
    Value made = isRelu ? makeUnary(rewriter, location, UnaryKind::relu, x)
                        : makeUnary(rewriter, location, UnaryKind::clip, x, bounds.first, bounds.second);
    replaceKeepingOrigin(rewriter, op, made);
    return success();
  }
};

/// prelu with one slope -> leaky_relu.
struct LeakyReluFromPRelu : OpRewritePattern<BinaryOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(BinaryOp op, PatternRewriter &rewriter) const override {
    auto slope = op.getKind() == BinaryKind::prelu ? uniformValue(op.getRhs()) : std::nullopt;
    if (!slope || !isFloat(op) || op.getLhs().getType() != op.getType())
      return rewriter.notifyMatchFailure(op, "no prelu with one slope");
    replaceKeepingOrigin(rewriter, op, makeUnary(rewriter, op.getLoc(), UnaryKind::leaky_relu, op.getLhs(), *slope));
    return success();
  }
};

/// x^2 -> x * x, x^3 -> x * x * x, x^0.5 -> sqrt(x), x^0.75 (local response normalization) -> sqrt(x) * sqrt(sqrt(x)),
/// x^1.5 -> x * sqrt(x), x^-0.5 -> rsqrt(x), x^-1 -> reciprocal(x). Roots only of what is never negative: a root of
/// -infinity is NaN, its power is not.
struct SimplePowers : OpRewritePattern<BinaryOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(BinaryOp op, PatternRewriter &rewriter) const override {
    auto exponent = op.getKind() == BinaryKind::pow ? uniformValue(op.getRhs()) : std::nullopt;
    Value x = op.getLhs();
    if (!exponent || !isFloat(op) || x.getType() != op.getType())
      return rewriter.notifyMatchFailure(op, "no power by one number");
    Value made;
    auto mul = [&](Value a, Value b) -> Value {
      return BinaryOp::create(rewriter, op.getLoc(), op.getType(), BinaryKind::mul, a, b);
    };
    auto root = [&](Value a) { return makeUnary(rewriter, op.getLoc(), UnaryKind::sqrt, a); };
    if (*exponent == 2)
      made = mul(x, x);
    else if (*exponent == 3)
      made = mul(mul(x, x), x);
    else if (*exponent == -1)
      made = makeUnary(rewriter, op.getLoc(), UnaryKind::reciprocal, x);
    else if (!isNeverNegative(x))
      return rewriter.notifyMatchFailure(op, "no simple exponent, or a base that may be negative");
    else if (*exponent == 0.5)
      made = root(x);
    else if (*exponent == 0.75)
      made = mul(root(x), root(root(x)));
    else if (*exponent == 1.5)
      made = mul(x, root(x));
    else if (*exponent == -0.5)
      made = makeUnary(rewriter, op.getLoc(), UnaryKind::rsqrt, x);
    else
      return rewriter.notifyMatchFailure(op, "no simple exponent");
    replaceKeepingOrigin(rewriter, op, made);
    return success();
  }
};

/// 1 / x -> reciprocal(x); reciprocal(sqrt(x)) -> rsqrt(x).
struct Reciprocals : OpRewritePattern<BinaryOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(BinaryOp op, PatternRewriter &rewriter) const override {
    if (op.getKind() != BinaryKind::div || !isFloat(op) || op.getRhs().getType() != op.getType() ||
        !isUniform(op.getLhs(), 1))
      return rewriter.notifyMatchFailure(op, "no reciprocal");
    replaceKeepingOrigin(rewriter, op, makeUnary(rewriter, op.getLoc(), UnaryKind::reciprocal, op.getRhs()));
    return success();
  }
};
struct ReciprocalOfSqrt : OpRewritePattern<UnaryOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(UnaryOp op, PatternRewriter &rewriter) const override {
    auto root = op.getInput().getDefiningOp<UnaryOp>();
    if (op.getKind() != UnaryKind::reciprocal || !root || root.getKind() != UnaryKind::sqrt || !root->hasOneUse())
      return rewriter.notifyMatchFailure(op, "no reciprocal of a square root");
    Location location = rewriter.getFusedLoc({root.getLoc(), op.getLoc()});
    replaceKeepingOrigin(rewriter, op, makeUnary(rewriter, location, UnaryKind::rsqrt, root.getInput()));
    return success();
  }
};

/// A cast to the type that the value has.
struct DropIdentityCast : OpRewritePattern<CastOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(CastOp op, PatternRewriter &rewriter) const override {
    if (op.getInput().getType() != op.getType())
      return rewriter.notifyMatchFailure(op, "changes the type");
    replaceKeepingOrigin(rewriter, op, op.getInput());
    return success();
  }
};

/// binary(expand(x), y) -> binary(x, y) where broadcasting does the same.
struct DropExpandOfOperand : RewritePattern {
  explicit DropExpandOfOperand(MLIRContext *context) : RewritePattern(MatchAnyOpTypeTag(), 1, context) {}
  LogicalResult matchAndRewrite(Operation *op, PatternRewriter &rewriter) const override {
    if (!isa<BinaryOp, SelectOp>(op))
      return rewriter.notifyMatchFailure(op, "does not broadcast");
    for (OpOperand &operand : op->getOpOperands()) {
      Value source = lookThroughExpand(operand.get());
      if (source == operand.get())
        continue;
      FailureOr<SmallVector<int64_t>> shape = SmallVector<int64_t>(typeOf(source).getShape());
      for (OpOperand &other : op->getOpOperands())
        if (&other != &operand)
          shape = broadcastShapes(*shape, typeOf(other.get()).getShape());
      if (ArrayRef<int64_t>(*shape) != typeOf(op->getResult(0)).getShape())
        continue;
      rewriter.modifyOpInPlace(op, [&] { operand.set(source); });
      return success();
    }
    return rewriter.notifyMatchFailure(op, "no operand is expanded in vain");
  }
};
} // namespace

void addElementwiseSimplifications(RewritePatternSet &patterns) {
  patterns.add<DropNeutralOperand, ConstantToTheRight, SubAndDivByConstant, MergeFactors, ClipFromMinMax, MergeClips,
               LeakyReluFromPRelu, SimplePowers, Reciprocals, ReciprocalOfSqrt, DropIdentityCast, DropExpandOfOperand>(
      patterns.getContext());
}

} // namespace nncc
