// Rewrites mathematical functions as arithmetic; the formulas are in MathFunctions.cpp.
#include "passes/lower/ExpandMath.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Math/Transforms/Passes.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/TypeUtilities.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "passes/Passes.h"
#include "passes/check/Stage.h"
#include "passes/lower/MathFunctions.h"
#include "passes/rewrite/PatternRemarks.h"

using namespace mlir;
using namespace nncc;

/// The type in which a float type is computed: f16 and bf16 in f32.
static Type computedType(Type type) {
  Type element = getElementTypeOrSelf(type);
  if (element.isF32() || element.isF64())
    return type;
  Type wide = Float32Type::get(type.getContext());
  if (auto vector = dyn_cast<VectorType>(type))
    return VectorType::get(vector.getShape(), wide);
  return wide;
}

namespace {
/// An op of one or two float operands becomes what a function of MathFunctions.h builds.
template <typename Op, auto function> struct ExpandFunction : OpRewritePattern<Op> {
  using OpRewritePattern<Op>::OpRewritePattern;

  LogicalResult matchAndRewrite(Op op, PatternRewriter &rewriter) const override {
    Type type = op.getType(), wide = computedType(type);
    if (!isa<FloatType>(getElementTypeOrSelf(type)) || getElementTypeOrSelf(type).getIntOrFloatBitWidth() > 64)
      return rewriter.notifyMatchFailure(op, "not a float of at most 64 bits");
    ImplicitLocOpBuilder builder(op.getLoc(), rewriter);
    auto operand = [&](unsigned index) {
      Value value = op->getOperand(index);
      return Real{&builder, wide == type ? value : arith::ExtFOp::create(builder, wide, value)};
    };
    Value result;
    if constexpr (std::is_invocable_v<decltype(function), Real, Real>)
      result = function(operand(0), operand(1)).value;
    else
      result = function(operand(0)).value;
    if (wide != type)
      result = arith::TruncFOp::create(builder, type, result);
    rewriter.replaceOp(op, result);
    return success();
  }
};

/// erf of f32 is MLIR's own (3.7 ulp, a division less); the formula of MathFunctions.h serves f64.
struct ExpandErf : OpRewritePattern<math::ErfOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(math::ErfOp op, PatternRewriter &rewriter) const override {
    Type wide = computedType(op.getType());
    ImplicitLocOpBuilder builder(op.getLoc(), rewriter);
    if (getElementTypeOrSelf(wide).isF64()) {
      rewriter.replaceOp(op, erfOf({&builder, op.getOperand()}).value);
      return success();
    }
    if (wide == op.getType())
      return rewriter.notifyMatchFailure(op, "f32 has a pattern of its own");
    Value erf = math::ErfOp::create(builder, arith::ExtFOp::create(builder, wide, op.getOperand()));
    rewriter.replaceOpWithNewOp<arith::TruncFOp>(op, op.getType(), erf);
    return success();
  }
};

/// f64 to f16 or bf16 has no instruction on x86: goes through f32, rounded to odd there, so that the second rounding
/// does not see the first (Boldo, Melquiond: Emulation of FMA and correctly rounded sums, 2008).
struct TruncateInTwoSteps : OpRewritePattern<arith::TruncFOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(arith::TruncFOp op, PatternRewriter &rewriter) const override {
    Type element = getElementTypeOrSelf(op.getType());
    if (!getElementTypeOrSelf(op.getIn().getType()).isF64() || !(element.isF16() || element.isBF16()))
      return rewriter.notifyMatchFailure(op, "not from f64 to a 16-bit float");
    ImplicitLocOpBuilder builder(op.getLoc(), rewriter);
    auto withElement = [&](Type other) -> Type {
      if (auto vector = dyn_cast<VectorType>(op.getType()))
        return VectorType::get(vector.getShape(), other);
      return other;
    };
    auto number = [&](int64_t value) -> Value {
      TypedAttr attribute = rewriter.getI32IntegerAttr(value);
      if (auto vector = dyn_cast<VectorType>(op.getType()))
        attribute = DenseElementsAttr::get(cast<VectorType>(withElement(rewriter.getI32Type())), attribute);
      return arith::ConstantOp::create(builder, attribute);
    };
    Value nearest = arith::TruncFOp::create(builder, withElement(rewriter.getF32Type()), op.getIn());
    Value back = arith::ExtFOp::create(builder, op.getIn().getType(), nearest);
    Value bits = arith::BitcastOp::create(builder, withElement(rewriter.getI32Type()), nearest);
    auto isInexact = arith::CmpFOp::create(builder, arith::CmpFPredicate::ONE, back, op.getIn());
    auto isTooLarge = arith::CmpFOp::create(builder, arith::CmpFPredicate::OGT, math::AbsFOp::create(builder, back),
                                            math::AbsFOp::create(builder, op.getIn()));
    // Toward zero, then the last bit set. An infinity that came of rounding becomes the greatest number: also odd.
    Value towardZero =
        arith::SelectOp::create(builder, isTooLarge, arith::SubIOp::create(builder, bits, number(1)), bits);
    Value odd = arith::SelectOp::create(builder, isInexact, arith::OrIOp::create(builder, towardZero, number(1)), bits);
    Value single = arith::BitcastOp::create(builder, withElement(rewriter.getF32Type()), odd);
    rewriter.replaceOpWithNewOp<arith::TruncFOp>(op, op.getType(), single);
    return success();
  }
};
/// The larger (or smaller) of a single x and a y of which LLVM does not know that it is no NaN: where code is to be
/// small it calls a function of libm for that. Compared instead: a y that is NaN gives x, as an x gives y.
template <typename Op, arith::CmpFPredicate isFirst> struct ChooseByComparing : OpRewritePattern<Op> {
  using OpRewritePattern<Op>::OpRewritePattern;

  LogicalResult matchAndRewrite(Op op, PatternRewriter &rewriter) const override {
    auto vector = dyn_cast<VectorType>(op.getType());
    Value x = op.getLhs(), y = op.getRhs();
    if ((vector && vector.getNumElements() > 1) || matchPattern(y, m_Constant()))
      return rewriter.notifyMatchFailure(op, "has an instruction everywhere");
    Value first = arith::CmpFOp::create(rewriter, op.getLoc(), isFirst, x, y);
    Value isNaN = arith::CmpFOp::create(rewriter, op.getLoc(), arith::CmpFPredicate::UNO, y, y);
    Value takesX = arith::OrIOp::create(rewriter, op.getLoc(), first, isNaN);
    rewriter.replaceOpWithNewOp<arith::SelectOp>(op, takesX, x, y);
    return success();
  }
};

/// Integers to f16 or bf16 have no instruction everywhere: they go through a float that holds them, and round once.
template <typename Op> struct ConvertInTwoSteps : OpRewritePattern<Op> {
  using OpRewritePattern<Op>::OpRewritePattern;

  LogicalResult matchAndRewrite(Op op, PatternRewriter &rewriter) const override {
    Type element = getElementTypeOrSelf(op.getType());
    if (!element.isF16() && !element.isBF16())
      return rewriter.notifyMatchFailure(op, "not to a 16-bit float");
    ImplicitLocOpBuilder builder(op.getLoc(), rewriter);
    Value x = op.getIn();
    unsigned width = getElementTypeOrSelf(x.getType()).getIntOrFloatBitWidth();
    // f32 holds 24 bits, and what has more is infinite as f16; f64 holds 53.
    Type wide = width <= 24 || element.isF16() ? rewriter.getF32Type() : rewriter.getF64Type();
    if (width > 53 && wide.isF64())
      x = roundToOdd(builder, x);
    Type type = wide;
    if (auto vector = dyn_cast<VectorType>(op.getType()))
      type = VectorType::get(vector.getShape(), wide);
    rewriter.replaceOpWithNewOp<arith::TruncFOp>(op, op.getType(), Op::create(builder, type, x));
    return success();
  }

  /// An integer of 64 bits with at most 53 significant ones, which rounds to 8 or 11 bits as `x` does: where `x` has
  /// more, the last bit that is kept says whether there were any below it.
  static Value roundToOdd(ImplicitLocOpBuilder &builder, Value x) {
    auto number = [&](int64_t value) -> Value {
      TypedAttr attribute = IntegerAttr::get(getElementTypeOrSelf(x.getType()), value);
      if (auto vector = dyn_cast<VectorType>(x.getType()))
        attribute = DenseElementsAttr::get(vector, attribute);
      return arith::ConstantOp::create(builder, attribute);
    };
    constexpr int64_t kept = int64_t(1) << 11, below = kept - 1;
    auto isAny = arith::CmpIOp::create(builder, arith::CmpIPredicate::ne,
                                       arith::AndIOp::create(builder, x, number(below)), number(0));
    Value sticky = arith::SelectOp::create(builder, isAny, number(kept), number(0));
    Value odd = arith::OrIOp::create(builder, arith::AndIOp::create(builder, x, number(~below)), sticky);
    // Signed: x + 2^53 < 2^54 as unsigned numbers is |x| < 2^53.
    constexpr bool isSigned = std::is_same_v<Op, arith::SIToFPOp>;
    Value shifted = isSigned ? arith::AddIOp::create(builder, x, number(int64_t(1) << 53)).getResult() : x;
    auto isShort =
        arith::CmpIOp::create(builder, arith::CmpIPredicate::ult, shifted, number(int64_t(1) << (isSigned ? 54 : 53)));
    return arith::SelectOp::create(builder, isShort, x, odd);
  }
};

/// f32 to bf16 by its bits, to the nearest and ties to even. NaN stays NaN by setting bits and not by a choice of bf16,
/// for which LLVM calls a library on x86, where vectors are short.
struct TruncateToBFloat : OpRewritePattern<arith::TruncFOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(arith::TruncFOp op, PatternRewriter &rewriter) const override {
    if (!getElementTypeOrSelf(op.getIn().getType()).isF32() || !getElementTypeOrSelf(op.getType()).isBF16())
      return rewriter.notifyMatchFailure(op, "not from f32 to bf16");
    ImplicitLocOpBuilder builder(op.getLoc(), rewriter);
    auto withElement = [&](Type element) -> Type {
      auto vector = dyn_cast<VectorType>(op.getType());
      return vector ? vector.clone(element) : element;
    };
    Type word = withElement(rewriter.getI32Type());
    auto number = [&](int32_t value) -> Value {
      TypedAttr attribute = rewriter.getI32IntegerAttr(value);
      if (auto vector = dyn_cast<VectorType>(word))
        attribute = DenseElementsAttr::get(vector, attribute);
      return arith::ConstantOp::create(builder, attribute);
    };
    Value bits = arith::BitcastOp::create(builder, word, op.getIn()), sixteen = number(16);
    Value isOdd = arith::AndIOp::create(builder, arith::ShRUIOp::create(builder, bits, sixteen), number(1));
    Value rounded = arith::AddIOp::create(builder, bits, arith::AddIOp::create(builder, isOdd, number((1 << 15) - 1)));
    auto isNaN = arith::CmpFOp::create(builder, arith::CmpFPredicate::UNO, op.getIn(), op.getIn());
    Value quiet = arith::SelectOp::create(builder, isNaN, number(0x7FC0), number(0));
    Value upper = arith::OrIOp::create(builder, arith::ShRUIOp::create(builder, rounded, sixteen), quiet);
    Value half = arith::TruncIOp::create(builder, withElement(rewriter.getI16Type()), upper);
    rewriter.replaceOpWithNewOp<arith::BitcastOp>(op, op.getType(), half);
    return success();
  }
};
} // namespace

void nncc::populateExpandMathPatterns(RewritePatternSet &patterns) {
  patterns.add<
      ExpandFunction<math::ExpOp, expOf>, ExpandFunction<math::Exp2Op, exp2Of>, ExpandFunction<math::ExpM1Op, expm1Of>,
      ExpandFunction<math::LogOp, logOf>, ExpandFunction<math::Log2Op, log2Of>, ExpandFunction<math::Log10Op, log10Of>,
      ExpandFunction<math::Log1pOp, log1pOf>, ExpandFunction<math::SinOp, sinOf>, ExpandFunction<math::CosOp, cosOf>,
      ExpandFunction<math::TanOp, tanOf>, ExpandFunction<math::AsinOp, asinOf>, ExpandFunction<math::AcosOp, acosOf>,
      ExpandFunction<math::AtanOp, atanOf>, ExpandFunction<math::SinhOp, sinhOf>, ExpandFunction<math::CoshOp, coshOf>,
      ExpandFunction<math::TanhOp, tanhOf>, ExpandFunction<math::AsinhOp, asinhOf>,
      ExpandFunction<math::AcoshOp, acoshOf>, ExpandFunction<math::AtanhOp, atanhOf>,
      ExpandFunction<math::PowFOp, powOf>, ExpandFunction<arith::RemFOp, fmodOf>, ExpandErf, TruncateInTwoSteps,
      ConvertInTwoSteps<arith::SIToFPOp>, ConvertInTwoSteps<arith::UIToFPOp>>(patterns.getContext());
  patterns.add<TruncateToBFloat>(patterns.getContext(), /*benefit=*/2); // before upstream's
  populatePolynomialApproximateErfPattern(patterns);
  arith::populateExpandBFloat16Patterns(patterns);
}

namespace nncc {
#define GEN_PASS_DEF_EXPANDMATH
#include "passes/Passes.h.inc"

namespace {
struct ExpandMath : impl::ExpandMathBase<ExpandMath> {
  void runOnOperation() override {
    if (failed(requireStage(*this, getOperation(), {"L2"})))
      return signalPassFailure();
    RewritePatternSet patterns(&getContext());
    populateExpandMathPatterns(patterns);
    patterns.add<ChooseByComparing<arith::MaxNumFOp, arith::CmpFPredicate::OGT>,
                 ChooseByComparing<arith::MinNumFOp, arith::CmpFPredicate::OLT>>(&getContext());
    GreedyRewriteConfig config;
    config.setRegionSimplificationLevel(GreedySimplifyRegionLevel::Disabled);
    PatternRemarks remarks(&getContext(), getArgument());
    config.setListener(remarks.listener());
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns), config)))
      signalPassFailure();
  }
};
} // namespace
} // namespace nncc
