// Merges what comes before windows into them (pads, and channels in the other order), and brings windows to forms that
// have fast kernels.
#include "dialects/nn/ConstantData.h"
#include "dialects/nn/Kinds.h"
#include "dialects/nn/Origin.h"
#include "passes/graph/FormIntegers.h"
#include "passes/graph/Precision.h"
#include "passes/graph/Simplify.h"
#include <cmath>
#include <limits>

using namespace mlir;
using namespace nncc::nn;

namespace nncc {
namespace {

/// A constant pad of H and W only, which nothing else reads.
PadOp imagePadOf(Value value) {
  auto pad = value.getDefiningOp<PadOp>();
  if (!pad || pad.getMode() != PadMode::constant || !pad->hasOneUse() || pad.getType().getRank() != 4)
    return {};
  for (int dim : {0, 3})
    if (pad.getLow()[dim] || pad.getHigh()[dim])
      return {};
  return pad;
}

/// What a pad fills with.
double fillOf(PadOp pad) {
  return cast<FloatAttr>(numberAs(pad.getValue(), Float64Type::get(pad.getContext()))).getValueAsDouble();
}

/// The least value of a type; -infinity where a double cannot tell it from its neighbours.
double lowestOf(Type type) {
  if (auto number = dyn_cast<FloatType>(type))
    return llvm::APFloat::getLargest(number.getFloatSemantics(), /*Negative=*/true).convertToDouble();
  auto integer = dyn_cast<IntegerType>(type);
  if (integer && (integer.isUnsigned() || integer.getWidth() == 1))
    return 0;
  return integer && integer.getWidth() <= 53 ? -std::ldexp(1.0, integer.getWidth() - 1)
                                             : -std::numeric_limits<double>::infinity();
}

/// [top, left, bottom, right] of both.
SmallVector<int64_t> addPads(ArrayRef<int64_t> pads, PadOp pad) {
  return {pads[0] + pad.getLow()[1], pads[1] + pad.getLow()[2], pads[2] + pad.getHigh()[1], pads[3] + pad.getHigh()[2]};
}

/// True when `fill` is what a convolution takes its own padding to be.
bool isPaddingOf(Conv2DOp op, double fill) {
  if (!op.getInputZeroPoint())
    return fill == 0;
  auto zero = ConstantReader::get(op.getInputZeroPoint());
  return zero && zero->getInteger(0) == fill;
}

/// conv2d(pad(x)) with zeros -> conv2d(x) with more pads.
struct PadIntoConvolution : OpRewritePattern<Conv2DOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(Conv2DOp op, PatternRewriter &rewriter) const override {
    PadOp pad = imagePadOf(op.getInput());
    if (!pad || !isPaddingOf(op, fillOf(pad)) || readsPaddedLines(op))
      return rewriter.notifyMatchFailure(op, "no padding by zeros of H and W");
    rewriter.modifyOpInPlace(op, [&] {
      op.setPads(addPads(op.getPads(), pad));
      op.getInputMutable().assign(pad.getInput());
      op->setLoc(rewriter.getFusedLoc({pad.getLoc(), op.getLoc()}));
    });
    return success();
  }
};

/// conv2d(x with the channels from last to first, w) -> conv2d(x, w in the same order): cameras give BGR.
struct ReversalIntoFilter : OpRewritePattern<Conv2DOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(Conv2DOp op, PatternRewriter &rewriter) const override {
    auto slice = op.getInput().getDefiningOp<SliceOp>();
    if (!slice || op.getGroups() != 1 || slice.getType() != slice.getInput().getType() ||
        slice.getSteps() != ArrayRef<int64_t>{1, 1, 1, -1})
      return rewriter.notifyMatchFailure(op, "no reversal of channels");
    SmallVector<int64_t> shape(typeOf(op.getFilter()).getShape()), starts{0, 0, 0, shape[3] - 1};
    Value filter =
        evaluateNew<SliceOp>(rewriter, op.getLoc(), op.getFilter(), starts, shape, ArrayRef<int64_t>{1, 1, 1, -1});
    if (!filter)
      return rewriter.notifyMatchFailure(op, "the filter is not constant");
    rewriter.modifyOpInPlace(op, [&] {
      op.getInputMutable().assign(slice.getInput());
      op.getFilterMutable().assign(filter);
    });
    return success();
  }
};

/// pool2d(pad(x)) -> pool2d(x) with more pads, where those mean the same.
struct PadIntoPooling : OpRewritePattern<Pool2DOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(Pool2DOp op, PatternRewriter &rewriter) const override {
    PadOp pad = imagePadOf(op.getInput());
    if (!pad)
      return rewriter.notifyMatchFailure(op, "no padding of H and W");
    SmallVector<int64_t> pads = addPads(op.getPads(), pad);
    double value = fillOf(pad);
    bool hadPads = llvm::any_of(op.getPads(), [](int64_t n) { return n != 0; });
    bool counts = op.getCountIncludePad();
    switch (op.getKind()) {
    case PoolKind::max: {
      // Padding never wins a maximum: neither may the pad's value, and every window has to see the input.
      bool sees = true;
      for (int i : {0, 1})
        sees &= op.getDilations()[i] == 1 && op.getOverhang()[i] == 0 && pads[i] < op.getKernel()[i] &&
                pads[2 + i] < op.getKernel()[i];
      bool loses = value <= lowestOf(typeOf(op).getElementType()) || (value == 0 && isNeverNegative(pad.getInput()));
      if (!sees || !loses)
        return rewriter.notifyMatchFailure(op, "the pad could be the maximum");
      break;
    }
    case PoolKind::average:
      if (value != 0 || (hadPads && !counts))
        return rewriter.notifyMatchFailure(op, "pads do not count alike");
      counts = true;
      break;
    case PoolKind::l2:
      if (value != 0)
        return rewriter.notifyMatchFailure(op, "the pad adds to the sum");
      break;
    }
    rewriter.modifyOpInPlace(op, [&] {
      op.setPads(pads);
      op.setCountIncludePad(counts);
      op.getInputMutable().assign(pad.getInput());
      op->setLoc(rewriter.getFusedLoc({pad.getLoc(), op.getLoc()}));
    });
    return success();
  }
};

/// A transposed convolution whose windows do not overlap, with so few output channels that they fill no vector -> a
/// matrix product for all taps at once, whose columns are put to their pixels.
struct FewChannelsFromProduct : OpRewritePattern<ConvTranspose2DOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ConvTranspose2DOp op, PatternRewriter &rewriter) const override {
    constexpr int64_t kFewChannels = 4;
    auto filter = typeOf(op.getFilter()), input = typeOf(op.getInput());
    int64_t outputs = filter.getDimSize(0), kh = filter.getDimSize(1), kw = filter.getDimSize(2),
            depth = filter.getDimSize(3);
    if (outputs > kFewChannels || op.getGroups() != 1 || !getConstantValue(op.getFilter()))
      return rewriter.notifyMatchFailure(op, "many channels, groups, or a filter that is not constant");
    if (Value zero = op.getFilterZeroPoint(); zero && typeOf(zero).getNumElements() != 1)
      return rewriter.notifyMatchFailure(op, "a zero point for each channel");
    if (op.getStrides() != ArrayRef<int64_t>{kh, kw} || kh * kw == 1 || !llvm::all_equal(op.getDilations()) ||
        op.getDilations()[0] != 1 || llvm::any_of(op.getPads(), [](int64_t n) { return n != 0; }) ||
        llvm::any_of(op.getOutputPadding(), [](int64_t n) { return n != 0; }))
      return rewriter.notifyMatchFailure(op, "windows overlap, or leave gaps");
    // Before the layout is chosen the importer's transpositions are still around it, and could not pass a product.
    if (op.getInput().getDefiningOp<TransposeOp>())
      return rewriter.notifyMatchFailure(op, "the layout is not chosen yet");

    int64_t n = input.getDimSize(0), h = input.getDimSize(1), w = input.getDimSize(2), columns = kh * kw * outputs;
    Type sum = op.getType().getElementType();
    Location loc = op.getLoc();
    auto type = [&](ArrayRef<int64_t> shape) { return RankedTensorType::get(shape, sum); };
    // [outputs, kh, kw, depth] -> [kh * kw * outputs, depth]
    Value weights = evaluateNew<TransposeOp>(rewriter, op.getFilter().getLoc(), op.getFilter(),
                                             rewriter.getDenseI64ArrayAttr({1, 2, 0, 3}));
    if (weights)
      weights = reshapedConstant(rewriter, weights, {columns, depth});
    if (!weights)
      return rewriter.notifyMatchFailure(op, "the filter is not here");
    Value pixels = ReshapeOp::create(rewriter, loc, input.clone({n * h * w, depth}), op.getInput());
    Value product =
        MatMulOp::create(rewriter, loc, type({n * h * w, columns}), pixels, weights, /*bias=*/Value(),
                         ofMatrix(rewriter, op.getInputZeroPoint()), ofMatrix(rewriter, op.getFilterZeroPoint()),
                         /*transpose_b=*/true);
    Value taps = ReshapeOp::create(rewriter, loc, type({n, h, w, kh, kw, outputs}), product);
    Value placed = TransposeOp::create(rewriter, loc, taps, rewriter.getDenseI64ArrayAttr({0, 1, 3, 2, 4, 5}));
    Value result = ReshapeOp::create(rewriter, loc, op.getType(), placed);
    if (op.getBias()) {
      Value bias = reshapedConstant(rewriter, op.getBias(), {1, 1, 1, outputs});
      if (!bias)
        bias = ReshapeOp::create(rewriter, loc, type({1, 1, 1, outputs}), op.getBias());
      result = BinaryOp::create(rewriter, loc, op.getType(), kind::add, result, bias);
    }
    replaceKeepingOrigin(rewriter, op, result);
    return success();
  }

  /// The one zero point of bytes as that of a matrix; null where there is none.
  static Value ofMatrix(PatternRewriter &rewriter, Value zero) {
    if (!zero)
      return {};
    if (Value constant = reshapedConstant(rewriter, zero, {1, 1}))
      return constant;
    return ReshapeOp::create(rewriter, zero.getLoc(), typeOf(zero).clone({1, 1}), zero);
  }
};
} // namespace

void addWindowSimplifications(RewritePatternSet &patterns) {
  patterns.add<PadIntoConvolution, PadIntoPooling, ReversalIntoFilter, FewChannelsFromProduct>(patterns.getContext());
}

} // namespace nncc
