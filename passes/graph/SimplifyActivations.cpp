// Finds activations that exporters write out: products of x with a gate made from x.
#include "dialects/nn/Origin.h"
#include "passes/graph/Simplify.h"
#include <cmath>

using namespace mlir;
using namespace nncc::nn;

namespace nncc {
namespace {

// Constants are written as f32 with as many digits as the exporter liked; anything less precise stays as written.
constexpr double kPrecise = 1e-6;

UnaryOp unaryOf(Value value, UnaryKind kind) {
  auto op = value.getDefiningOp<UnaryOp>();
  return op && op.getKind() == kind ? op : UnaryOp();
}
BinaryOp binaryOf(Value value, BinaryKind kind) {
  auto op = value.getDefiningOp<BinaryOp>();
  return op && op.getKind() == kind ? op : BinaryOp();
}

/// A product as one number times other factors, however it is nested.
struct Product {
  double number = 1;
  SmallVector<Value> factors;
  SmallVector<Location> locations;

  void add(Value value, bool isRoot) {
    auto mul = binaryOf(value, BinaryKind::mul), div = binaryOf(value, BinaryKind::div);
    // A value that is read elsewhere has to be computed anyway: it is a factor as it is.
    if ((mul || div) && (isRoot || value.hasOneUse())) {
      BinaryOp op = mul ? mul : div;
      auto number = uniformValue(op.getRhs());
      if (mul || number) {
        locations.push_back(op.getLoc());
        add(op.getLhs(), false);
        if (number)
          this->number *= mul ? *number : 1 / *number;
        else
          add(op.getRhs(), false);
        return;
      }
    }
    if (auto uniform = uniformValue(value)) {
      number *= *uniform;
      return;
    }
    factors.push_back(value);
  }
};

bool isNear(double value, double expected, double tolerance) {
  return std::fabs(value - expected) <= tolerance * std::fabs(expected);
}

/// x and nothing else in a product: its number, or nullopt.
std::optional<double> multipleOf(Value value, Value x) {
  Product product;
  product.add(value, true);
  if (product.factors.size() == 1 && product.factors[0] == x)
    return product.number;
  return std::nullopt;
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
    auto shifted = binaryOf(clip.getInput(), BinaryKind::add);
    if (clip.getAlpha().convertToDouble() == 0 && clip.getBeta().convertToDouble() == 6 && shifted &&
        shifted.getLhs() == x && isUniform(shifted.getRhs(), 3) && isNear(number, 1.0 / 6, kPrecise)) {
      locations.push_back(shifted.getLoc());
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
  auto plusOne = binaryOf(gate, BinaryKind::add);
  if (plusOne && isUniform(plusOne.getRhs(), 1) && isNear(number, 0.5, kPrecise)) {
    auto erf = unaryOf(plusOne.getLhs(), UnaryKind::erf);
    auto scale = erf ? multipleOf(erf.getInput(), x) : std::nullopt;
    if (scale && isNear(*scale, 1 / std::sqrt(2.0), kPrecise)) {
      locations.push_back(erf.getLoc());
      return UnaryKind::gelu;
    }
  }
  return std::nullopt;
}

/// number * x * gate(x) -> the activation by its name.
struct NameActivation : OpRewritePattern<BinaryOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(BinaryOp op, PatternRewriter &rewriter) const override {
    if (op.getKind() != BinaryKind::mul || !isa<FloatType>(typeOf(op).getElementType()))
      return rewriter.notifyMatchFailure(op, "no product of floats");
    Product product;
    product.add(op, true);
    if (product.factors.size() != 2)
      return rewriter.notifyMatchFailure(op, "not two factors");
    for (int i : {0, 1}) {
      Value x = product.factors[i], gate = product.factors[1 - i];
      if (x.getType() != op.getType() || gate.getType() != op.getType())
        continue;
      SmallVector<Location> locations;
      auto kind = activationOf(x, gate, product.number, locations);
      if (!kind)
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
    if (op.getKind() != BinaryKind::mul || !clip || !clip->hasOneUse() || !isUniform(op.getRhs(), 1.0 / 6, kPrecise))
      return rewriter.notifyMatchFailure(op, "no sixth of a clip");
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
} // namespace

void addActivationSimplifications(RewritePatternSet &patterns) {
  patterns.add<NameActivation, NameHardSigmoid>(patterns.getContext());
}

} // namespace nncc
