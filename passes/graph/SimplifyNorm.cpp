// Finds layer normalization that exporters write out: ReduceMean, Sub, Pow, ReduceMean, Add, Sqrt, Div (, Mul, Add).
#include "dialects/nn/Kinds.h"
#include "dialects/nn/Origin.h"
#include "passes/graph/Simplify.h"

using namespace mlir;
using namespace nncc::nn;

namespace nncc {
namespace {

/// sqrt(mean((x - mean(x))^2) + epsilon) of the same x and axes: its epsilon.
std::optional<double> deviationOf(Value value, const Centered &centered, SmallVectorImpl<Location> &locations) {
  auto sum = binaryOf(value, kind::add);
  auto epsilon = sum ? uniformValue(sum.getRhs()) : std::nullopt;
  auto mean = epsilon ? sum.getLhs().getDefiningOp<ReduceOp>() : ReduceOp();
  if (!mean || mean.getKind() != ReduceKind::mean || mean.getAxes() != ArrayRef<int64_t>(centered.axes))
    return std::nullopt;
  // Simplify has already turned x^2 into x * x.
  auto square = binaryOf(mean.getInput(), kind::mul);
  if (!square || square.getLhs() != square.getRhs() || Centered::of(square.getLhs()) != centered)
    return std::nullopt;
  llvm::append_range(locations, std::initializer_list<Location>{square.getLoc(), mean.getLoc(), sum.getLoc()});
  return epsilon;
}

/// (x - mean) / sqrt(variance + epsilon), or times the reciprocal root -> nn.layer_norm without scale and bias.
struct NameLayerNorm : OpRewritePattern<BinaryOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(BinaryOp op, PatternRewriter &rewriter) const override {
    if (!isa<FloatType>(typeOf(op).getElementType()))
      return rewriter.notifyMatchFailure(op, "no floats");
    for (bool swapped : {false, true}) {
      Value x = swapped ? op.getRhs() : op.getLhs(), other = swapped ? op.getLhs() : op.getRhs();
      UnaryOp root;
      if (op.getKind() == kind::div && !swapped)
        root = unaryOf(other, kind::sqrt);
      else if (op.getKind() == kind::mul)
        root = unaryOf(other, kind::rsqrt);
      auto centered = root ? Centered::of(x) : std::nullopt;
      if (!centered || typeOf(x) != typeOf(op))
        continue;
      SmallVector<Location> locations{x.getLoc()};
      auto epsilon = deviationOf(root.getInput(), *centered, locations);
      if (!epsilon || !centered->isOverLastDims())
        continue; // other dims than the last ones stay written out
      llvm::append_range(locations, std::initializer_list<Location>{root.getLoc(), op.getLoc()});
      auto made =
          LayerNormOp::create(rewriter, rewriter.getFusedLoc(locations), op.getType(), centered->x, Value(), Value(),
                              rewriter.getI64IntegerAttr(centered->axes.front()), rewriter.getF64FloatAttr(*epsilon));
      replaceKeepingOrigin(rewriter, op, made);
      return success();
    }
    return rewriter.notifyMatchFailure(op, "not normalized");
  }
};

/// layer_norm(x) * scale and + bias with constants of the normalized dims -> operands of the op.
struct ScaleLayerNorm : OpRewritePattern<BinaryOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(BinaryOp op, PatternRewriter &rewriter) const override {
    auto norm = op.getLhs().getDefiningOp<LayerNormOp>();
    bool isScale = op.getKind() == kind::mul, isBias = op.getKind() == kind::add;
    if (!norm || !norm->hasOneUse() || (!isScale && !isBias) || norm.getBias() || (isScale && norm.getScale()) ||
        op.getType() != norm.getType())
      return rewriter.notifyMatchFailure(op, "no layer normalization to scale or shift");
    ArrayRef<int64_t> dims = norm.getType().getShape().drop_front(norm.getAxis());
    auto other = typeOf(op.getRhs());
    int64_t elements = 1;
    for (int64_t dim : dims)
      elements *= dim;
    if (other.getNumElements() != elements || other.getShape().take_back(dims.size()) != dims)
      return rewriter.notifyMatchFailure(op, "not one value per normalized element");
    Value parameter = reshapedConstant(rewriter, op.getRhs(), dims);
    if (!parameter)
      return rewriter.notifyMatchFailure(op, "not constant");
    Location location = rewriter.getFusedLoc({norm.getLoc(), op.getLoc()});
    auto made =
        LayerNormOp::create(rewriter, location, op.getType(), norm.getInput(), isScale ? parameter : norm.getScale(),
                            isBias ? parameter : Value(), norm.getAxisAttr(), norm.getEpsilonAttr());
    replaceKeepingOrigin(rewriter, op, made);
    return success();
  }
};

/// x * s + (b - mean(x) * s), with s = scale / sqrt(variance + epsilon) -> nn.layer_norm, * scale, + b. The form of
/// TensorFlow's batch_normalization.
struct NameScaledLayerNorm : OpRewritePattern<BinaryOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(BinaryOp op, PatternRewriter &rewriter) const override {
    auto product = binaryOf(op.getLhs(), kind::mul);
    auto shift = binaryOf(op.getRhs(), kind::sub);
    if (op.getKind() != kind::add || !product || !shift || !isa<FloatType>(typeOf(op).getElementType()))
      return rewriter.notifyMatchFailure(op, "no scaled value with a shift");
    auto shiftProduct = binaryOf(shift.getRhs(), kind::mul);
    if (!shiftProduct)
      return rewriter.notifyMatchFailure(op, "no scaled mean");
    for (bool swapped : {false, true}) {
      Value x = swapped ? product.getRhs() : product.getLhs(), s = swapped ? product.getLhs() : product.getRhs();
      Value meanValue = shiftProduct.getLhs() == s   ? shiftProduct.getRhs()
                        : shiftProduct.getRhs() == s ? shiftProduct.getLhs()
                                                     : Value();
      auto mean = meanValue ? meanValue.getDefiningOp<ReduceOp>() : ReduceOp();
      if (!mean || mean.getKind() != ReduceKind::mean || mean.getInput() != x || x.getType() != op.getType())
        continue;
      Centered centered{x, SmallVector<int64_t>(mean.getAxes())};
      if (!centered.isOverLastDims())
        continue;
      // s is the reciprocal root, maybe times a scale.
      UnaryOp root = unaryOf(s, kind::rsqrt);
      Value scale;
      if (auto scaled = root ? BinaryOp() : binaryOf(s, kind::mul)) {
        root = unaryOf(scaled.getLhs(), kind::rsqrt);
        scale = scaled.getRhs();
      }
      SmallVector<Location> locations{mean.getLoc()};
      auto epsilon = root ? deviationOf(root.getInput(), centered, locations) : std::nullopt;
      if (!epsilon)
        continue;
      llvm::append_range(locations, std::initializer_list<Location>{root.getLoc(), product.getLoc(), op.getLoc()});
      Location location = rewriter.getFusedLoc(locations);
      Value made =
          LayerNormOp::create(rewriter, location, op.getType(), x, Value(), Value(),
                              rewriter.getI64IntegerAttr(centered.axes.front()), rewriter.getF64FloatAttr(*epsilon));
      if (scale)
        made = BinaryOp::create(rewriter, location, op.getType(), kind::mul, made, scale);
      made = BinaryOp::create(rewriter, location, op.getType(), kind::add, made, shift.getLhs());
      replaceKeepingOrigin(rewriter, op, made);
      return success();
    }
    return rewriter.notifyMatchFailure(op, "not normalized");
  }
};
} // namespace

std::optional<Centered> Centered::of(Value value) {
  auto sub = binaryOf(value, kind::sub);
  auto mean = sub ? lookThroughExpand(sub.getRhs()).getDefiningOp<ReduceOp>() : ReduceOp();
  if (!mean || mean.getKind() != ReduceKind::mean || mean.getInput() != sub.getLhs() ||
      sub.getType() != sub.getLhs().getType())
    return std::nullopt;
  return Centered{sub.getLhs(), SmallVector<int64_t>(mean.getAxes())};
}

bool Centered::isOverLastDims() const {
  int64_t rank = typeOf(x).getRank();
  return !axes.empty() && llvm::equal(axes, llvm::seq<int64_t>(rank - (int64_t)axes.size(), rank));
}

void addNormSimplifications(RewritePatternSet &patterns) {
  patterns.add<NameLayerNorm, NameScaledLayerNorm, ScaleLayerNorm>(patterns.getContext());
}

} // namespace nncc
