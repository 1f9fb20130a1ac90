// Finds leaky rectifiers that exporters write out: x where it is positive, and a multiple of x where it is negative.
#include "dialects/nn/BinaryKind.h"
#include "dialects/nn/ConstantData.h"
#include "dialects/nn/Origin.h"
#include "dialects/nn/UnaryKind.h"
#include "passes/graph/Precision.h"
#include "passes/graph/Simplify.h"
#include <limits>

using namespace mlir;
using namespace nncc::nn;

namespace nncc {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// -x or x * -1: its x.
Value negated(Value value) {
  if (auto neg = unaryOf(value, UnaryKind::neg))
    return neg.getInput();
  auto product = binaryOf(value, BinaryKind::mul);
  return product && isUniform(product.getRhs(), -1) && product.getLhs().getType() == product.getType()
             ? product.getLhs()
             : Value();
}

/// number * min(x, 0) for this x: the number. 0 for anything else.
double multipleOfNegativePart(Value value, Value x) {
  if (auto clip = unaryOf(value, UnaryKind::clip))
    return clip.getInput() == x && clip.getAlpha().convertToDouble() == -kInfinity &&
           clip.getBeta().convertToDouble() == 0;
  if (auto relu = unaryOf(value, UnaryKind::relu))
    return negated(relu.getInput()) == x ? -1 : 0;
  if (auto difference = binaryOf(value, BinaryKind::sub)) {
    auto abs = unaryOf(difference.getRhs(), UnaryKind::abs);
    return abs && abs.getInput() == x && difference.getLhs() == x ? 2 : 0;
  }
  if (Value other = negated(value))
    return -multipleOfNegativePart(other, x);
  return 0;
}

/// What negative x are multiplied with: a number, or a number times a tensor.
struct Slope {
  double number = 0;
  Value tensor;
  int roundings = 0; ///< of the written form, more than the one of x times the slope
};

/// `value` as a slope times min(x, 0).
std::optional<Slope> slopeOf(Value value, Value x) {
  Product product = Product::of(value);
  if (double whole = multipleOfNegativePart(value, x))
    return Slope{whole, Value(), 0};
  for (Value factor : product.factors)
    if (double multiple = multipleOfNegativePart(factor, x)) {
      if (product.factors.size() > 2)
        return std::nullopt;
      Value other = product.factors.size() == 2 ? product.factors[product.factors[0] == factor] : Value();
      return Slope{product.number * multiple, other, std::max(product.roundings - (other ? 0 : 1), 0)};
    }
  return std::nullopt;
}

/// `value` as a slope times x.
std::optional<Slope> multipleOf(Value value, Value x) {
  auto product = binaryOf(value, BinaryKind::mul);
  if (!product || product.getType() != x.getType())
    return std::nullopt;
  Value other = product.getLhs() == x ? product.getRhs() : product.getRhs() == x ? product.getLhs() : Value();
  if (!other || other == x)
    return std::nullopt;
  if (auto number = uniformValue(other))
    return Slope{*number, Value(), 0};
  return Slope{1, other, 0};
}

/// Replaces an op by x where x >= 0 and `slope` times x elsewhere.
LogicalResult rectify(PatternRewriter &rewriter, Operation *op, Value x, Slope slope, ArrayRef<Location> locations) {
  auto type = dyn_cast<FloatType>(typeOf(x).getElementType());
  if (x.getType() != op->getResult(0).getType() || !type)
    return rewriter.notifyMatchFailure(op, "x is broadcast, or no float");
  if (!keepsDigits(slope.number, type) || (slope.roundings > 0 && roundingShows(op->getResult(0))))
    return rewriter.notifyMatchFailure(op, "the slope is out of range, or a rounding less would show");
  Location location = rewriter.getFusedLoc(locations);
  Value made;
  if (!slope.tensor) {
    made = UnaryOp::create(rewriter, location, x.getType(), UnaryKind::leaky_relu, x, llvm::APFloat(slope.number),
                           llvm::APFloat(0.0));
  } else {
    Value tensor = slope.tensor;
    if (slope.number != 1) {
      auto type = typeOf(tensor);
      ConstantBuilder number(RankedTensorType::get(SmallVector<int64_t>(type.getRank(), 1), type.getElementType()));
      number.setFloat(0, slope.number);
      Value factor = ConstantOp::create(rewriter, location, number.finish(""));
      tensor = BinaryOp::create(rewriter, location, type, BinaryKind::mul, tensor, factor);
    }
    made = BinaryOp::create(rewriter, location, x.getType(), BinaryKind::prelu, x, tensor);
  }
  replaceKeepingOrigin(rewriter, op, made);
  return success();
}

/// relu(x) + slope * min(x, 0), and relu(x) - slope * max(-x, 0) -> prelu or leaky relu.
struct RectifierFromSum : OpRewritePattern<BinaryOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(BinaryOp op, PatternRewriter &rewriter) const override {
    bool isSub = op.getKind() == BinaryKind::sub;
    if (!isSub && op.getKind() != BinaryKind::add)
      return rewriter.notifyMatchFailure(op, "no sum");
    for (bool swapped : {false, true}) {
      auto relu = unaryOf(swapped ? op.getRhs() : op.getLhs(), UnaryKind::relu);
      Value other = swapped ? op.getLhs() : op.getRhs();
      if (!relu || (isSub && swapped))
        continue;
      auto slope = slopeOf(other, relu.getInput());
      if (!slope)
        continue;
      if (isSub)
        slope->number = -slope->number;
      return rectify(rewriter, op, relu.getInput(), *slope, {relu.getLoc(), other.getLoc(), op.getLoc()});
    }
    return rewriter.notifyMatchFailure(op, "no positive and negative part of one value");
  }
};

/// x > 0 ? x : slope * x, and the like -> prelu or leaky relu.
struct RectifierFromSelect : OpRewritePattern<SelectOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(SelectOp op, PatternRewriter &rewriter) const override {
    auto condition = op.getCondition().getDefiningOp<BinaryOp>();
    if (!condition)
      return rewriter.notifyMatchFailure(op, "no comparison");
    bool isGreater = condition.getKind() == BinaryKind::greater || condition.getKind() == BinaryKind::greater_equal;
    bool isLess = condition.getKind() == BinaryKind::less || condition.getKind() == BinaryKind::less_equal;
    Value x = condition.getLhs(), number = condition.getRhs();
    if (uniformValue(x)) {
      std::swap(x, number);
      std::swap(isGreater, isLess);
    }
    if ((!isGreater && !isLess) || !isUniform(number, 0))
      return rewriter.notifyMatchFailure(op, "no comparison with zero");
    Value positive = isGreater ? op.getIfTrue() : op.getIfFalse(),
          negative = isGreater ? op.getIfFalse() : op.getIfTrue();
    auto slope = positive == x ? multipleOf(negative, x) : std::nullopt;
    if (!slope)
      return rewriter.notifyMatchFailure(op, "not x, and a multiple of it");
    return rectify(rewriter, op, x, *slope, {condition.getLoc(), negative.getLoc(), op.getLoc()});
  }
};

/// max(x, slope * x) with slopes in (0, 1] -> prelu or leaky relu. Zero times infinity is NaN, and so is the maximum.
struct RectifierFromMax : OpRewritePattern<BinaryOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(BinaryOp op, PatternRewriter &rewriter) const override {
    if (op.getKind() != BinaryKind::max)
      return rewriter.notifyMatchFailure(op, "no maximum");
    for (bool swapped : {false, true}) {
      Value x = swapped ? op.getRhs() : op.getLhs(), other = swapped ? op.getLhs() : op.getRhs();
      auto slope = multipleOf(other, x);
      if (slope && isInUnitInterval(*slope))
        return rectify(rewriter, op, x, *slope, {other.getLoc(), op.getLoc()});
    }
    return rewriter.notifyMatchFailure(op, "not x and a part of it");
  }

  static bool isInUnitInterval(const Slope &slope) {
    if (!slope.tensor)
      return slope.number > 0 && slope.number <= 1;
    auto reader = ConstantReader::get(slope.tensor);
    if (!reader || reader->size() > 65536)
      return false;
    for (int64_t i = 0; i < reader->size(); ++i)
      if (!(reader->getFloat(i) > 0 && reader->getFloat(i) <= 1))
        return false;
    return slope.number == 1;
  }
};
} // namespace

void addRectifierSimplifications(RewritePatternSet &patterns) {
  patterns.add<RectifierFromSum, RectifierFromSelect, RectifierFromMax>(patterns.getContext());
}

} // namespace nncc
