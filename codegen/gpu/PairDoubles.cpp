// f64 as unevaluated sums of two f32; see GpuPasses.td.
#include "codegen/gpu/GpuPasses.h"
#include "codegen/gpu/Pairs.h"
#include "passes/check/Stage.h"

using namespace mlir;

namespace nncc {
#define GEN_PASS_DEF_PAIRDOUBLES
#include "codegen/gpu/GpuPasses.h.inc"

namespace {

bool isDouble(Type type) { return getElementTypeOrSelf(type).isF64(); }

/// The type of either part of an f64, or of a vector of them.
Type partType(Type type) {
  Type part = Float32Type::get(type.getContext());
  auto vector = dyn_cast<VectorType>(type);
  return vector ? vector.clone(part) : part;
}

/// A number as the sum of `high` and `low`, where `high` is the nearest f32 to it.
struct Pair {
  Value high, low;
};

/// Additions of f32 that round exactly as written: without `contract` no later compiler may take them together.
class Parts {
public:
  Parts(OpBuilder &builder, Location loc) : builder(builder), loc(loc) {}

  Value add(Value a, Value b) { return arith::AddFOp::create(builder, loc, a, b); }
  Value sub(Value a, Value b) { return arith::SubFOp::create(builder, loc, a, b); }

  /// The sum of two pairs. Infinite sums have no low part: it would make them NaN.
  Pair add(Pair a, Pair b) {
    // Knuth's two-sum: sum + error is a.high + b.high exactly.
    Value sum = add(a.high, b.high), ofB = sub(sum, a.high);
    Value error = add(sub(a.high, sub(sum, ofB)), sub(b.high, ofB));
    error = add(error, add(a.low, b.low));
    Value zero = number(sum.getType(), 0);
    Value isFinite =
        arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::OLT, math::AbsFOp::create(builder, loc, sum),
                              number(sum.getType(), std::numeric_limits<double>::infinity()));
    error = arith::SelectOp::create(builder, loc, isFinite, error, zero);
    // Dekker's fast two-sum: the error is far smaller than the sum.
    Value high = add(sum, error);
    Value low = arith::SelectOp::create(builder, loc, isFinite, sub(error, sub(high, sum)), zero);
    return {high, low};
  }

  Value number(Type type, double value) {
    TypedAttr attribute = builder.getF32FloatAttr(static_cast<float>(value));
    if (auto vector = dyn_cast<VectorType>(type))
      attribute = DenseElementsAttr::get(vector, attribute);
    return arith::ConstantOp::create(builder, loc, attribute);
  }

private:
  OpBuilder &builder;
  Location loc;
};

struct PairConstant : OpConversionPattern<arith::ConstantOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(arith::ConstantOp op, OneToNOpAdaptor,
                                ConversionPatternRewriter &rewriter) const override {
    auto part = [&](function_ref<float(double)> of) -> Value {
      auto one = [&](const APFloat &value) { return APFloat(of(value.convertToDouble())); };
      TypedAttr attribute;
      if (auto dense = dyn_cast<DenseFPElementsAttr>(op.getValue()))
        attribute = dense.mapValues(rewriter.getF32Type(), [&](const APFloat &v) { return one(v).bitcastToAPInt(); });
      else
        attribute = rewriter.getFloatAttr(rewriter.getF32Type(), one(cast<FloatAttr>(op.getValue()).getValue()));
      return arith::ConstantOp::create(rewriter, op.getLoc(), attribute);
    };
    auto high = [](double value) { return static_cast<float>(value); };
    auto low = [&](double value) { return std::isfinite(value) ? static_cast<float>(value - high(value)) : 0.0f; };
    rewriter.replaceOpWithMultiple(op, {{part(high), part(low)}});
    return success();
  }
};

struct PairWidening : OpConversionPattern<arith::ExtFOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(arith::ExtFOp op, OneToNOpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    Value high = adaptor.getIn().front();
    if (high.getType() != partType(op.getType()))
      high = arith::ExtFOp::create(rewriter, op.getLoc(), partType(op.getType()), high);
    Value low = Parts(rewriter, op.getLoc()).number(high.getType(), 0);
    rewriter.replaceOpWithMultiple(op, {{high, low}});
    return success();
  }
};

struct PairNarrowing : OpConversionPattern<arith::TruncFOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(arith::TruncFOp op, OneToNOpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    Value high = adaptor.getIn().front();
    if (high.getType() != op.getType())
      high = arith::TruncFOp::create(rewriter, op.getLoc(), op.getType(), high);
    rewriter.replaceOp(op, high);
    return success();
  }
};

template <typename Op> struct PairSum : OpConversionPattern<Op> {
  using OpConversionPattern<Op>::OpConversionPattern;
  LogicalResult matchAndRewrite(Op op, typename OpConversionPattern<Op>::OneToNOpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    Pair a{adaptor.getLhs()[0], adaptor.getLhs()[1]}, b{adaptor.getRhs()[0], adaptor.getRhs()[1]};
    if (std::is_same_v<Op, arith::SubFOp>)
      b = {arith::NegFOp::create(rewriter, op.getLoc(), b.high), arith::NegFOp::create(rewriter, op.getLoc(), b.low)};
    Pair sum = Parts(rewriter, op.getLoc()).add(a, b);
    rewriter.replaceOpWithMultiple(op, {{sum.high, sum.low}});
    return success();
  }
};

struct PairDoubles : impl::PairDoublesBase<PairDoubles> {
  void runOnOperation() override {
    func::FuncOp function = getOperation();
    if (failed(requireStage(*this, function, {"L2"})))
      return signalPassFailure();
    auto works = [](Operation *op) {
      return llvm::any_of(op->getOperandTypes(), isDouble) || llvm::any_of(op->getResultTypes(), isDouble);
    };
    auto isKnown = [](Operation *op) {
      return isPairMove(op) || isa<arith::ConstantOp, arith::ExtFOp, arith::TruncFOp, arith::AddFOp, arith::SubFOp>(op);
    };
    // All or nothing: what else works on f64 (memory of it, products) keeps the function from a GPU anyway.
    WalkResult all = function.walk([&](Operation *op) {
      bool isCarried = isa<scf::ForOp, scf::IfOp, scf::YieldOp>(op);
      return works(op) && !isKnown(op) && !isCarried ? WalkResult::interrupt() : WalkResult::advance();
    });
    if (all.wasInterrupted())
      return;

    TypeConverter converter;
    converter.addConversion([](Type type) { return type; });
    converter.addConversion([](Type type, SmallVectorImpl<Type> &parts) -> std::optional<LogicalResult> {
      if (!isDouble(type))
        return std::nullopt;
      parts.append(2, partType(type));
      return success();
    });
    MLIRContext *context = &getContext();
    RewritePatternSet patterns(context);
    ConversionTarget target(*context);
    target.markUnknownOpDynamicallyLegal([&](Operation *op) { return !isKnown(op) || !works(op); });
    scf::populateSCFStructuralTypeConversionsAndLegality(converter, patterns, target);
    patterns.add<PairConstant, PairWidening, PairNarrowing, PairSum<arith::AddFOp>, PairSum<arith::SubFOp>>(converter,
                                                                                                            context);
    populatePairMoves(patterns, converter);
    if (failed(applyPartialConversion(function, target, std::move(patterns))))
      signalPassFailure();
  }
};
} // namespace
} // namespace nncc
