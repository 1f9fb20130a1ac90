// Simplifies slices, concatenations, pads, repeats and gathers: merged, or turned into what can be a view.
#include "dialects/nn/ConstantData.h"
#include "dialects/nn/Origin.h"
#include "passes/graph/Simplify.h"

using namespace mlir;
using namespace nncc::nn;

namespace nncc {
namespace {

/// slice(slice(x)) -> slice(x).
struct MergeSlices : OpRewritePattern<SliceOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(SliceOp op, PatternRewriter &rewriter) const override {
    auto inner = op.getInput().getDefiningOp<SliceOp>();
    if (!inner)
      return rewriter.notifyMatchFailure(op, "no slice of a slice");
    SmallVector<int64_t> starts, steps;
    for (size_t i = 0; i < op.getStarts().size(); ++i) {
      starts.push_back(inner.getStarts()[i] + op.getStarts()[i] * inner.getSteps()[i]);
      steps.push_back(inner.getSteps()[i] * op.getSteps()[i]);
    }
    auto made = SliceOp::create(rewriter, rewriter.getFusedLoc({inner.getLoc(), op.getLoc()}), op.getType(),
                                inner.getInput(), starts, op.getSizes(), steps);
    replaceKeepingOrigin(rewriter, op, made);
    return success();
  }
};

/// concat(a, concat(b, c)) -> concat(a, b, c) along one axis, when nobody else reads the inner one.
struct MergeConcats : OpRewritePattern<ConcatOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ConcatOp op, PatternRewriter &rewriter) const override {
    SmallVector<Value> inputs;
    SmallVector<Location> locations;
    for (Value input : op.getInputs()) {
      auto inner = input.getDefiningOp<ConcatOp>();
      if (inner && inner.getAxis() == op.getAxis() && inner->hasOneUse()) {
        llvm::append_range(inputs, inner.getInputs());
        locations.push_back(inner.getLoc());
      } else {
        inputs.push_back(input);
      }
    }
    if (inputs.size() == op.getInputs().size())
      return rewriter.notifyMatchFailure(op, "no inner concat of its own");
    locations.push_back(op.getLoc());
    auto made = ConcatOp::create(rewriter, rewriter.getFusedLoc(locations), op.getType(), inputs, op.getAxisAttr());
    replaceKeepingOrigin(rewriter, op, made);
    return success();
  }
};

/// concat(x, zeros) -> pad(x): exporters without a Pad operator write it so.
struct PadFromConcat : OpRewritePattern<ConcatOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ConcatOp op, PatternRewriter &rewriter) const override {
    Value source;
    TypedAttr fill;
    int64_t axis = op.getAxis(), rank = op.getType().getRank();
    SmallVector<int64_t> low(rank, 0), high(rank, 0);
    for (Value input : op.getInputs()) {
      TypedAttr number = uniformNumber(input);
      if (number && (!fill || fill == number)) {
        fill = number;
        (source ? high : low)[axis] += typeOf(input).getDimSize(axis);
        continue;
      }
      if (source)
        return rewriter.notifyMatchFailure(op, "more than one input that is not filling");
      source = input;
    }
    if (!source || !fill)
      return rewriter.notifyMatchFailure(op, "nothing is filling");
    auto made = PadOp::create(rewriter, op.getLoc(), op.getType(), PadMode::constant, source, low, high, fill);
    replaceKeepingOrigin(rewriter, op, made);
    return success();
  }
};

/// pad(pad(x)) with one value -> pad(x); a pad of nothing -> x.
struct MergePads : OpRewritePattern<PadOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(PadOp op, PatternRewriter &rewriter) const override {
    if (op.getInput().getType() == op.getType()) {
      replaceKeepingOrigin(rewriter, op, op.getInput());
      return success();
    }
    auto inner = op.getInput().getDefiningOp<PadOp>();
    if (!inner || inner.getMode() != PadMode::constant || op.getMode() != PadMode::constant ||
        inner.getValue() != op.getValue() || !inner->hasOneUse())
      return rewriter.notifyMatchFailure(op, "no two pads with one value");
    SmallVector<int64_t> low(op.getLow()), high(op.getHigh());
    for (size_t i = 0; i < low.size(); ++i) {
      low[i] += inner.getLow()[i];
      high[i] += inner.getHigh()[i];
    }
    auto made = PadOp::create(rewriter, rewriter.getFusedLoc({inner.getLoc(), op.getLoc()}), op.getType(),
                              PadMode::constant, inner.getInput(), low, high, op.getValue());
    replaceKeepingOrigin(rewriter, op, made);
    return success();
  }
};

/// A tile that only repeats dims of size 1 is an expand, which elementwise users don't need.
struct ExpandFromTile : OpRewritePattern<TileOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(TileOp op, PatternRewriter &rewriter) const override {
    for (auto [dim, repeat] : llvm::zip(typeOf(op.getInput()).getShape(), op.getRepeats()))
      if (dim != 1 && repeat != 1)
        return rewriter.notifyMatchFailure(op, "repeats more than one element");
    replaceKeepingOrigin(rewriter, op, ExpandOp::create(rewriter, op.getLoc(), op.getType(), op.getInput()));
    return success();
  }
};

/// gather with constant indices that step evenly -> slice (and a reshape, for the dims of the indices).
struct SliceFromGather : OpRewritePattern<GatherOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(GatherOp op, PatternRewriter &rewriter) const override {
    auto indices = ConstantReader::get(op.getIndices());
    auto data = typeOf(op.getData());
    if (!indices || indices->size() == 0 || data.getNumElements() == 0)
      return rewriter.notifyMatchFailure(op, "indices are not constant");
    int64_t axis = op.getAxis(), size = data.getDimSize(axis), count = indices->size();
    SmallVector<int64_t> at;
    for (int64_t i = 0; i < count; ++i) {
      int64_t index = indices->getInteger(i);
      at.push_back(std::clamp<int64_t>(index < 0 ? index + size : index, 0, size - 1));
    }
    int64_t step = count > 1 ? at[1] - at[0] : 1;
    for (int64_t i = 1; i < count; ++i)
      if (step == 0 || at[i] - at[i - 1] != step)
        return rewriter.notifyMatchFailure(op, "indices do not step evenly");
    SmallVector<int64_t> starts(data.getRank(), 0), sizes(data.getShape()), steps(data.getRank(), 1);
    starts[axis] = at[0];
    sizes[axis] = count;
    steps[axis] = step;
    auto sliced = SliceOp::create(rewriter, op.getLoc(), RankedTensorType::get(sizes, data.getElementType()),
                                  op.getData(), starts, sizes, steps);
    Value made = sliced;
    if (sliced.getType() != op.getType())
      made = ReshapeOp::create(rewriter, op.getLoc(), op.getType(), sliced);
    replaceKeepingOrigin(rewriter, op, made);
    return success();
  }
};

/// A reduction over dims of size 1 whose result is its operand.
struct DropIdleReduce : OpRewritePattern<ReduceOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ReduceOp op, PatternRewriter &rewriter) const override {
    bool isIdentity = llvm::is_contained(
        {ReduceKind::sum, ReduceKind::mean, ReduceKind::max, ReduceKind::min, ReduceKind::prod}, op.getKind());
    if (!isIdentity || op.getInput().getType() != op.getType())
      return rewriter.notifyMatchFailure(op, "reduces something");
    replaceKeepingOrigin(rewriter, op, op.getInput());
    return success();
  }
};

/// A resize to the size that the input has reads every pixel where it is.
struct DropIdleResize : OpRewritePattern<ResizeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ResizeOp op, PatternRewriter &rewriter) const override {
    bool isIdle = op.getInput().getType() == op.getType() && op.getCoordinate() != "tf_crop_and_resize" &&
                  llvm::all_of(op.getScales(), [](double scale) { return scale == 1; });
    if (!isIdle)
      return rewriter.notifyMatchFailure(op, "changes sizes");
    replaceKeepingOrigin(rewriter, op, op.getInput());
    return success();
  }
};
} // namespace

void addLayoutSimplifications(RewritePatternSet &patterns) {
  patterns.add<MergeSlices, MergeConcats, PadFromConcat, MergePads, ExpandFromTile, SliceFromGather, DropIdleReduce,
               DropIdleResize>(patterns.getContext());
}

} // namespace nncc
