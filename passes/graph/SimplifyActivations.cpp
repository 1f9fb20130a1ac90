// Finds activations that exporters write out: products of x with a gate made from x.
#include "dialects/nn/BinaryKind.h"
#include "dialects/nn/Origin.h"
#include "dialects/nn/UnaryKind.h"
#include "passes/graph/Precision.h"
#include "passes/graph/Simplify.h"
#include <array>
#include <cmath>

using namespace mlir;
using namespace nncc::nn;

namespace nncc {
namespace {

// Constants are written as f32 with as many digits as the exporter liked; anything less precise stays as written.
constexpr double kPrecise = 1e-6;

bool isNear(double value, double expected, double tolerance) {
  return std::fabs(value - expected) <= tolerance * std::fabs(expected);
}

/// A polynomial in one value, up to the third power: the coefficients from the constant upwards.
using Cubic = std::array<double, 4>;

/// `value` as a polynomial in x; nullopt for anything else.
std::optional<Cubic> polynomialOf(Value value, Value x, int depth = 0) {
  // Deeper than any way to write a cubic.
  constexpr int kDeepest = 6;
  if (value == x)
    return Cubic{0, 1, 0, 0};
  if (auto number = uniformValue(value))
    return Cubic{*number, 0, 0, 0};
  if (depth == kDeepest)
    return std::nullopt;
  auto times = [](const std::optional<Cubic> &a, const std::optional<Cubic> &b) -> std::optional<Cubic> {
    if (!a || !b)
      return std::nullopt;
    Cubic product{};
    for (int i = 0; i < 4; ++i)
      for (int j = 0; j < 4; ++j) {
        double term = (*a)[i] * (*b)[j];
        if (i + j < 4)
          product[i + j] += term;
        else if (term != 0)
          return std::nullopt;
      }
    return product;
  };
  if (auto neg = unaryOf(value, UnaryKind::neg))
    return times(polynomialOf(neg.getInput(), x, depth + 1), Cubic{-1, 0, 0, 0});
  auto op = value.getDefiningOp<BinaryOp>();
  if (!op || op.getType() != x.getType())
    return std::nullopt;
  auto left = polynomialOf(op.getLhs(), x, depth + 1), right = polynomialOf(op.getRhs(), x, depth + 1);
  if (!left || !right)
    return std::nullopt;
  auto number = uniformValue(op.getRhs());
  switch (op.getKind()) {
  case BinaryKind::mul:
    return times(left, right);
  case BinaryKind::add:
  case BinaryKind::sub: {
    double sign = op.getKind() == BinaryKind::add ? 1 : -1;
    for (int i = 0; i < 4; ++i)
      (*left)[i] += sign * (*right)[i];
    return left;
  }
  case BinaryKind::div:
    return number ? times(left, Cubic{1 / *number, 0, 0, 0}) : std::nullopt;
  case BinaryKind::pow:
    if (number && *number == 2)
      return times(left, left);
    if (number && *number == 3)
      return times(times(left, left), left);
    return std::nullopt;
  default:
    return std::nullopt;
  }
}

/// True when `value` is a polynomial in x with these coefficients, as exact as constants are written.
bool isPolynomial(Value value, Value x, const Cubic &expected) {
  auto cubic = polynomialOf(value, x);
  return cubic && llvm::all_of(llvm::zip(*cubic, expected),
                               [](auto pair) { return isNear(std::get<0>(pair), std::get<1>(pair), kPrecise); });
}

/// What a gate makes of x: the activation that `number * x * gate` is.
std::optional<UnaryKind> activationOf(Value x, Value gate, double number, SmallVectorImpl<Location> &locations) {
  locations.push_back(gate.getLoc());
  if (auto sigmoid = unaryOf(gate, UnaryKind::sigmoid); sigmoid && sigmoid.getInput() == x && number == 1)
    return UnaryKind::silu;
  if (auto hard = unaryOf(gate, UnaryKind::hard_sigmoid); hard && hard.getInput() == x && number == 1) {
    bool isSwish =
        isNear(hard.getAlpha().convertToDouble(), 1.0 / 6, kPrecise) && hard.getBeta().convertToDouble() == 0.5;
    return isSwish ? std::optional(UnaryKind::hard_swish) : std::nullopt;
  }
  if (auto clip = unaryOf(gate, UnaryKind::clip)) {
    // clip(x + 3, 0, 6) / 6, or the same with any other height: clip(x / 6 + 1/2, 0, 1).
    double height = clip.getBeta().convertToDouble();
    if (clip.getAlpha().convertToDouble() == 0 && isNear(number * height, 1, kPrecise) &&
        isPolynomial(clip.getInput(), x, {height / 2, height / 6, 0, 0})) {
      locations.push_back(clip.getInput().getLoc());
      return UnaryKind::hard_swish;
    }
    return std::nullopt;
  }
  if (auto tanh = unaryOf(gate, UnaryKind::tanh)) {
    auto softplus = unaryOf(tanh.getInput(), UnaryKind::softplus);
    if (softplus && softplus.getInput() == x && number == 1) {
      locations.push_back(softplus.getLoc());
      return UnaryKind::mish;
    }
    return std::nullopt;
  }
  // number * (scale * f + scale), which is 1/2 * (f + 1).
  auto sum = binaryOf(gate, BinaryKind::add);
  auto scale = sum ? uniformValue(sum.getRhs()) : std::nullopt;
  if (!scale || !isNear(number * *scale, 0.5, kPrecise))
    return std::nullopt;
  Product function = Product::of(sum.getLhs());
  if (function.factors.size() != 1 || !isNear(function.number, *scale, kPrecise))
    return std::nullopt;
  locations.push_back(function.factors[0].getLoc());
  auto erf = unaryOf(function.factors[0], UnaryKind::erf), tanh = unaryOf(function.factors[0], UnaryKind::tanh);
  if (erf && isPolynomial(erf.getInput(), x, {0, M_SQRT1_2, 0, 0}))
    return UnaryKind::gelu;
  double slope = M_2_SQRTPI * M_SQRT1_2;
  if (tanh && isPolynomial(tanh.getInput(), x, {0, slope, 0, slope * 0.044715}))
    return UnaryKind::gelu_tanh;
  return std::nullopt;
}

/// number * x * gate(x) -> the activation by its name.
struct NameActivation : OpRewritePattern<BinaryOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(BinaryOp op, PatternRewriter &rewriter) const override {
    if (op.getKind() != BinaryKind::mul || !isa<FloatType>(typeOf(op).getElementType()))
      return rewriter.notifyMatchFailure(op, "no product of floats");
    Product product = Product::of(op);
    if (product.factors.size() != 2)
      return rewriter.notifyMatchFailure(op, "not two factors");
    for (int i : {0, 1}) {
      Value x = product.factors[i], gate = product.factors[1 - i];
      if (x.getType() != op.getType() || gate.getType() != op.getType())
        continue;
      SmallVector<Location> locations;
      auto kind = activationOf(x, gate, product.number, locations);
      // A hard swish is nothing but exact arithmetic; all others go through functions that are not exact either way.
      if (!kind || (*kind == UnaryKind::hard_swish && !unaryOf(gate, UnaryKind::hard_sigmoid) && roundingShows(op)))
        continue;
      llvm::append_range(locations, llvm::reverse(product.locations));
      Location location = rewriter.getFusedLoc(locations);
      auto made = UnaryOp::create(rewriter, location, op.getType(), *kind, x, llvm::APFloat(0.0), llvm::APFloat(0.0));
      replaceKeepingOrigin(rewriter, op, made);
      return success();
    }
    return rewriter.notifyMatchFailure(op, "no known gate");
  }
};

/// clip(x + 3, 0, 6) / 6 -> hard_sigmoid(x).
struct NameHardSigmoid : OpRewritePattern<BinaryOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(BinaryOp op, PatternRewriter &rewriter) const override {
    auto clip = unaryOf(op.getLhs(), UnaryKind::clip);
    bool isSixth = (op.getKind() == BinaryKind::mul && isUniform(op.getRhs(), 1.0 / 6, kPrecise)) ||
                   (op.getKind() == BinaryKind::div && isUniform(op.getRhs(), 6));
    if (!isSixth || !clip || !clip->hasOneUse() || roundingShows(op))
      return rewriter.notifyMatchFailure(op, "no sixth of a clip, or one whose rounding shows");
    auto shifted = binaryOf(clip.getInput(), BinaryKind::add);
    if (clip.getAlpha().convertToDouble() != 0 || clip.getBeta().convertToDouble() != 6 || !shifted ||
        !isUniform(shifted.getRhs(), 3) || shifted.getLhs().getType() != op.getType())
      return rewriter.notifyMatchFailure(op, "no clip of x + 3 to [0, 6]");
    // When the result only multiplies x, NameActivation makes a hard swish of it either way.
    Location location = rewriter.getFusedLoc({shifted.getLoc(), clip.getLoc(), op.getLoc()});
    auto made = UnaryOp::create(rewriter, location, op.getType(), UnaryKind::hard_sigmoid, shifted.getLhs(),
                                llvm::APFloat(1.0 / 6), llvm::APFloat(0.5));
    replaceKeepingOrigin(rewriter, op, made);
    return success();
  }
};

/// The x of 1 + e^-x.
Value sigmoidArgument(Value value) {
  auto sum = binaryOf(value, BinaryKind::add);
  auto exponential = sum && isUniform(sum.getRhs(), 1) ? unaryOf(sum.getLhs(), UnaryKind::exp) : UnaryOp();
  if (!exponential || exponential.getType() != sum.getType())
    return {};
  if (auto neg = unaryOf(exponential.getInput(), UnaryKind::neg))
    return neg.getInput();
  auto product = binaryOf(exponential.getInput(), BinaryKind::mul);
  return product && isUniform(product.getRhs(), -1) && product.getLhs().getType() == product.getType()
             ? product.getLhs()
             : Value();
}

/// 1 / (1 + e^-x) -> sigmoid(x).
struct NameSigmoid : OpRewritePattern<UnaryOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(UnaryOp op, PatternRewriter &rewriter) const override {
    Value x = op.getKind() == UnaryKind::reciprocal ? sigmoidArgument(op.getInput()) : Value();
    if (!x)
      return rewriter.notifyMatchFailure(op, "no reciprocal of 1 + e^-x");
    Location location = rewriter.getFusedLoc({op.getInput().getLoc(), op.getLoc()});
    replaceKeepingOrigin(rewriter, op,
                         UnaryOp::create(rewriter, location, op.getType(), UnaryKind::sigmoid, x, llvm::APFloat(0.0),
                                         llvm::APFloat(0.0)));
    return success();
  }
};

/// y / (1 + e^-x) -> y * sigmoid(x).
struct NameSigmoidOfQuotient : OpRewritePattern<BinaryOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(BinaryOp op, PatternRewriter &rewriter) const override {
    Value x = op.getKind() == BinaryKind::div ? sigmoidArgument(op.getRhs()) : Value();
    if (!x || !isa<FloatType>(typeOf(op).getElementType()))
      return rewriter.notifyMatchFailure(op, "no division by 1 + e^-x");
    Location location = rewriter.getFusedLoc({op.getRhs().getLoc(), op.getLoc()});
    Value sigmoid = UnaryOp::create(rewriter, location, op.getRhs().getType(), UnaryKind::sigmoid, x,
                                    llvm::APFloat(0.0), llvm::APFloat(0.0));
    replaceKeepingOrigin(rewriter, op,
                         BinaryOp::create(rewriter, location, op.getType(), BinaryKind::mul, op.getLhs(), sigmoid));
    return success();
  }
};

/// ln(1 + e^x) -> softplus(x), which does not overflow.
struct NameSoftplus : OpRewritePattern<UnaryOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(UnaryOp op, PatternRewriter &rewriter) const override {
    auto sum = op.getKind() == UnaryKind::log ? binaryOf(op.getInput(), BinaryKind::add) : BinaryOp();
    auto exponential = sum && isUniform(sum.getRhs(), 1) ? unaryOf(sum.getLhs(), UnaryKind::exp) : UnaryOp();
    if (!exponential || exponential.getType() != op.getType())
      return rewriter.notifyMatchFailure(op, "no logarithm of 1 + e^x");
    Location location = rewriter.getFusedLoc({exponential.getLoc(), sum.getLoc(), op.getLoc()});
    replaceKeepingOrigin(rewriter, op,
                         UnaryOp::create(rewriter, location, op.getType(), UnaryKind::softplus, exponential.getInput(),
                                         llvm::APFloat(0.0), llvm::APFloat(0.0)));
    return success();
  }
};
} // namespace

Product Product::of(Value value) {
  Product product;
  product.add(value, true);
  return product;
}

void Product::add(Value value, bool isRoot) {
  auto mul = binaryOf(value, BinaryKind::mul), div = binaryOf(value, BinaryKind::div);
  if ((mul || div) && (isRoot || value.hasOneUse())) {
    BinaryOp op = mul ? mul : div;
    auto divisor = uniformValue(op.getRhs());
    if (mul || divisor) {
      locations.push_back(op.getLoc());
      add(op.getLhs(), false);
      if (divisor)
        multiply(mul ? *divisor : 1 / *divisor, op, mul ? 1 : 2);
      else
        add(op.getRhs(), false);
      return;
    }
  }
  if (auto uniform = uniformValue(value))
    return multiply(*uniform, value, 1);
  factors.push_back(value);
}

void Product::multiply(double by, Value like, int rounds) {
  auto type = dyn_cast<FloatType>(typeOf(like).getElementType());
  number *= by;
  roundings += type && hasExactReciprocal(by, type) ? 0 : rounds;
}

void addActivationSimplifications(RewritePatternSet &patterns) {
  patterns.add<NameActivation, NameHardSigmoid, NameSigmoid, NameSigmoidOfQuotient, NameSoftplus>(
      patterns.getContext());
}

} // namespace nncc
