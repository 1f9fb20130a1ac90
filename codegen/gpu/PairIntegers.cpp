// i64 as two words; see GpuPasses.td.
#include "codegen/gpu/Pairs.h"
#include "passes/check/Stage.h"

using namespace mlir;

namespace nncc {
#define GEN_PASS_DEF_PAIRINTEGERS
#include "codegen/gpu/GpuPasses.h.inc"

namespace {

bool isLong(Type type) { return getElementTypeOrSelf(type).isInteger(64); }

Type wordType(Type type) {
  Type word = IntegerType::get(type.getContext(), 32);
  auto vector = dyn_cast<VectorType>(type);
  return vector ? vector.clone(word) : word;
}

/// A number in every lane of a vector, or a scalar.
Value number(OpBuilder &builder, Location loc, Type type, double value) {
  Type element = getElementTypeOrSelf(type);
  TypedAttr attribute = isa<FloatType>(element)
                            ? TypedAttr(builder.getFloatAttr(element, value))
                            : TypedAttr(builder.getIntegerAttr(element, static_cast<int64_t>(value)));
  if (auto vector = dyn_cast<VectorType>(type))
    attribute = DenseElementsAttr::get(vector, attribute);
  return arith::ConstantOp::create(builder, loc, attribute);
}

/// The upper word of a signed number of 32 bits.
Value signOf(OpBuilder &builder, Location loc, Value low) {
  return arith::ShRSIOp::create(builder, loc, low, number(builder, loc, low.getType(), 31));
}

/// Where the words of element `index` begin.
Value wordIndex(OpBuilder &builder, Location loc, Value index, int64_t word) {
  Value twice = arith::MulIOp::create(builder, loc, index, arith::ConstantIndexOp::create(builder, loc, 2));
  return arith::AddIOp::create(builder, loc, twice, arith::ConstantIndexOp::create(builder, loc, word));
}

template <typename Op> struct LoadWords : OpConversionPattern<Op> {
  using OpConversionPattern<Op>::OpConversionPattern;
  LogicalResult matchAndRewrite(Op op, typename OpConversionPattern<Op>::OneToNOpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    Value memory = adaptor.getOperands()[0][0], index = adaptor.getOperands()[1][0];
    Type type = wordType(op->getResult(0).getType());
    auto vector = dyn_cast<VectorType>(type);
    SmallVector<Value> words;
    for (int64_t word : {0, 1}) {
      SmallVector<Value> lanes;
      for (int64_t lane = 0, end = vector ? vector.getNumElements() : 1; lane < end; ++lane)
        lanes.push_back(
            memref::LoadOp::create(rewriter, loc, memory, wordIndex(rewriter, loc, index, 2 * lane + word)));
      words.push_back(vector ? vector::FromElementsOp::create(rewriter, loc, type, lanes).getResult() : lanes[0]);
    }
    rewriter.replaceOpWithMultiple(op, {words});
    return success();
  }
};

template <typename Op> struct StoreWords : OpConversionPattern<Op> {
  using OpConversionPattern<Op>::OpConversionPattern;
  LogicalResult matchAndRewrite(Op op, typename OpConversionPattern<Op>::OneToNOpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    Value memory = adaptor.getOperands()[1][0], index = adaptor.getOperands()[2][0];
    for (auto [word, value] : llvm::enumerate(adaptor.getOperands()[0])) {
      auto vector = dyn_cast<VectorType>(value.getType());
      for (int64_t lane = 0, end = vector ? vector.getNumElements() : 1; lane < end; ++lane) {
        Value one = vector ? vector::ExtractOp::create(rewriter, loc, value, lane).getResult() : value;
        memref::StoreOp::create(rewriter, loc, one, memory,
                                wordIndex(rewriter, loc, index, 2 * lane + static_cast<int64_t>(word)));
      }
    }
    rewriter.eraseOp(op);
    return success();
  }
};

struct ConstantWords : OpConversionPattern<arith::ConstantOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(arith::ConstantOp op, OneToNOpAdaptor,
                                ConversionPatternRewriter &rewriter) const override {
    SmallVector<Value> words;
    for (unsigned word : {0, 1}) {
      auto part = [&](const APInt &value) { return value.extractBits(32, 32 * word); };
      TypedAttr attribute;
      if (auto dense = dyn_cast<DenseIntElementsAttr>(op.getValue()))
        attribute = dense.mapValues(rewriter.getI32Type(), part);
      else
        attribute = rewriter.getIntegerAttr(rewriter.getI32Type(), part(cast<IntegerAttr>(op.getValue()).getValue()));
      words.push_back(arith::ConstantOp::create(rewriter, op.getLoc(), attribute));
    }
    rewriter.replaceOpWithMultiple(op, {words});
    return success();
  }
};

/// Sign and zero extensions, and indices, which are 32 bits wide.
template <typename Op> struct WidenWords : OpConversionPattern<Op> {
  using OpConversionPattern<Op>::OpConversionPattern;
  LogicalResult matchAndRewrite(Op op, typename OpConversionPattern<Op>::OneToNOpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    Value low = adaptor.getIn()[0];
    Type type = wordType(op.getType());
    if (!isLong(op.getType()))
      return rewriter.notifyMatchFailure(op, "does not become wide");
    if (low.getType() != type)
      low = Op::create(rewriter, loc, type, low);
    Value high = std::is_same_v<Op, arith::ExtUIOp> ? number(rewriter, loc, type, 0) : signOf(rewriter, loc, low);
    rewriter.replaceOpWithMultiple(op, {{low, high}});
    return success();
  }
};

/// What is left of a number is in its low word: truncations, and indices, whose range is less than that.
template <typename Op> struct NarrowWords : OpConversionPattern<Op> {
  using OpConversionPattern<Op>::OpConversionPattern;
  LogicalResult matchAndRewrite(Op op, typename OpConversionPattern<Op>::OneToNOpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    if (isLong(op.getType()))
      return rewriter.notifyMatchFailure(op, "does not become narrow");
    Value low = adaptor.getIn()[0];
    if (low.getType() != op.getType())
      low = Op::create(rewriter, op.getLoc(), op.getType(), low);
    rewriter.replaceOp(op, low);
    return success();
  }
};

/// To f32. A number of 32 bits is converted at once; of a longer one the words are added up, off by at most one place.
struct FloatOfWords : OpConversionPattern<arith::SIToFPOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(arith::SIToFPOp op, OneToNOpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    Value low = adaptor.getIn()[0], high = adaptor.getIn()[1];
    Type type = op.getType();
    Value isShort = arith::CmpIOp::create(rewriter, loc, arith::CmpIPredicate::eq, high, signOf(rewriter, loc, low));
    Value atOnce = arith::SIToFPOp::create(rewriter, loc, type, low);
    Value upper = arith::MulFOp::create(rewriter, loc, arith::SIToFPOp::create(rewriter, loc, type, high),
                                        number(rewriter, loc, type, 4294967296.0));
    Value sum = arith::AddFOp::create(rewriter, loc, upper, arith::UIToFPOp::create(rewriter, loc, type, low));
    rewriter.replaceOpWithNewOp<arith::SelectOp>(op, isShort, atOnce, sum);
    return success();
  }
};

struct PairIntegers : impl::PairIntegersBase<PairIntegers> {
  void runOnOperation() override {
    if (failed(requireStage(*this, getOperation(), {"G"})))
      return signalPassFailure();
    WalkResult result = getOperation().walk(
        [&](gpu::GPUFuncOp kernel) { return failed(pair(kernel)) ? WalkResult::interrupt() : WalkResult::advance(); });
    if (result.wasInterrupted())
      signalPassFailure();
  }

  static bool works(Operation *op) {
    return llvm::any_of(op->getOperandTypes(), isLong) || llvm::any_of(op->getResultTypes(), isLong);
  }
  static bool isKnown(Operation *op) {
    if (isa<arith::SIToFPOp>(op))
      return getElementTypeOrSelf(op->getResult(0).getType()).isF32();
    return isPairMove(op) || isa<arith::ConstantOp, memref::LoadOp, memref::StoreOp, vector::LoadOp, vector::StoreOp,
                                 arith::ExtSIOp, arith::ExtUIOp, arith::TruncIOp, arith::IndexCastOp>(op);
  }

  /// All or nothing: arithmetic on i64 keeps a kernel from the GPU anyway.
  LogicalResult pair(gpu::GPUFuncOp kernel) {
    WalkResult all = kernel.getBody().walk([&](Operation *op) {
      bool isCarried = isa<scf::ForOp, scf::IfOp, scf::YieldOp>(op);
      return works(op) && !isKnown(op) && !isCarried ? WalkResult::interrupt() : WalkResult::advance();
    });
    if (all.wasInterrupted())
      return success();
    for (BlockArgument argument : kernel.getArguments())
      if (auto type = dyn_cast<MemRefType>(argument.getType()); type && isLong(type))
        argument.setType(MemRefType::get({2 * type.getNumElements()}, wordType(type.getElementType())));
    kernel.setFunctionType(FunctionType::get(&getContext(), kernel.getBody().getArgumentTypes(), {}));

    TypeConverter converter;
    converter.addConversion([](Type type) { return type; });
    converter.addConversion([](Type type, SmallVectorImpl<Type> &words) -> std::optional<LogicalResult> {
      if (isa<MemRefType>(type) || !isLong(type))
        return std::nullopt;
      words.append(2, wordType(type));
      return success();
    });
    RewritePatternSet patterns(&getContext());
    ConversionTarget target(getContext());
    target.markUnknownOpDynamicallyLegal([](Operation *op) { return !isKnown(op) || !works(op); });
    scf::populateSCFStructuralTypeConversionsAndLegality(converter, patterns, target);
    patterns.add<LoadWords<memref::LoadOp>, LoadWords<vector::LoadOp>, StoreWords<memref::StoreOp>,
                 StoreWords<vector::StoreOp>, ConstantWords, WidenWords<arith::ExtSIOp>, WidenWords<arith::ExtUIOp>,
                 WidenWords<arith::IndexCastOp>, NarrowWords<arith::TruncIOp>, NarrowWords<arith::IndexCastOp>,
                 FloatOfWords>(converter, &getContext());
    populatePairMoves(patterns, converter);
    return applyPartialConversion(kernel, target, std::move(patterns));
  }
};
} // namespace
} // namespace nncc
