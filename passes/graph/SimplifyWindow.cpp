// Merges what comes before windows into them: pads, and channels in the other order.
#include "dialects/nn/Origin.h"
#include "passes/graph/Simplify.h"
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

/// [top, left, bottom, right] of both.
SmallVector<int64_t> addPads(ArrayRef<int64_t> pads, PadOp pad) {
  return {pads[0] + pad.getLow()[1], pads[1] + pad.getLow()[2], pads[2] + pad.getHigh()[1], pads[3] + pad.getHigh()[2]};
}

/// conv2d(pad(x)) with zeros -> conv2d(x) with more pads.
struct PadIntoConvolution : OpRewritePattern<Conv2DOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(Conv2DOp op, PatternRewriter &rewriter) const override {
    PadOp pad = imagePadOf(op.getInput());
    if (!pad || !pad.getValue().isZero())
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

/// True when no element of `value` is negative.
bool isNotNegative(Value value) {
  auto unary = value.getDefiningOp<UnaryOp>();
  if (!unary)
    return false;
  UnaryKind kind = unary.getKind();
  return llvm::is_contained({UnaryKind::relu, UnaryKind::sigmoid, UnaryKind::exp, UnaryKind::softplus,
                             UnaryKind::hard_sigmoid, UnaryKind::abs},
                            kind) ||
         (kind == UnaryKind::clip && unary.getAlpha().convertToDouble() >= 0);
}

/// pool2d(pad(x)) -> pool2d(x) with more pads, where those mean the same.
struct PadIntoPooling : OpRewritePattern<Pool2DOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(Pool2DOp op, PatternRewriter &rewriter) const override {
    PadOp pad = imagePadOf(op.getInput());
    if (!pad)
      return rewriter.notifyMatchFailure(op, "no padding of H and W");
    SmallVector<int64_t> pads = addPads(op.getPads(), pad);
    double value = pad.getValue().convertToDouble();
    bool hadPads = llvm::any_of(op.getPads(), [](int64_t n) { return n != 0; });
    bool counts = op.getCountIncludePad();
    switch (op.getKind()) {
    case PoolKind::max: {
      // Padding never wins a maximum: neither may the pad's value, and every window has to see the input.
      bool sees = true;
      for (int i : {0, 1})
        sees &= op.getDilations()[i] == 1 && op.getOverhang()[i] == 0 && pads[i] < op.getKernel()[i] &&
                pads[2 + i] < op.getKernel()[i];
      bool loses = value <= -std::numeric_limits<float>::max() || (value == 0 && isNotNegative(pad.getInput()));
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
} // namespace

void addWindowSimplifications(RewritePatternSet &patterns) {
  patterns.add<PadIntoConvolution, PadIntoPooling, ReversalIntoFilter>(patterns.getContext());
}

} // namespace nncc
