// f16 in memory, f32 in registers; see SpirvPasses.td.
#include "codegen/gpu/GpuPasses.h"
#include "codegen/spirv/SpirvPasses.h"
#include "mlir/Dialect/SCF/Transforms/Patterns.h"
#include "mlir/Dialect/SPIRV/IR/SPIRVDialect.h"
#include "mlir/Dialect/SPIRV/IR/SPIRVOps.h"
#include "mlir/Transforms/DialectConversion.h"
#include "passes/check/Stage.h"

using namespace mlir;

namespace nncc {
#define GEN_PASS_DEF_WIDENHALVES
#include "codegen/spirv/SpirvPasses.h.inc"

namespace {

bool isHalf(Type type) { return getElementTypeOrSelf(type).isF16(); }
bool isHalfBuffer(Type type) {
  auto buffer = dyn_cast<MemRefType>(type);
  return buffer && isHalf(buffer.getElementType());
}

Type wideType(Type type) {
  Type f32 = Float32Type::get(type.getContext());
  auto vector = dyn_cast<VectorType>(type);
  return vector ? vector.clone(f32) : f32;
}

bool works(Operation *op) {
  auto isSome = [](Type type) { return isHalfBuffer(type) || (!isa<MemRefType>(type) && isHalf(type)); };
  return llvm::any_of(op->getOperandTypes(), isSome) || llvm::any_of(op->getResultTypes(), isSome);
}

/// Two f32 as the halves of a word, the first in the lower one, and back.
Value packed(OpBuilder &builder, Location loc, Value pair) {
  return spirv::GLPackHalf2x16Op::create(builder, loc, builder.getI32Type(), pair);
}
Value unpacked(OpBuilder &builder, Location loc, Value word) {
  return spirv::GLUnpackHalf2x16Op::create(builder, loc, VectorType::get({2}, builder.getF32Type()), word);
}

/// Where element `index` lies: in which word, and how many bits up.
struct Half {
  Value word, shift;

  static Half of(OpBuilder &builder, Location loc, Value index) {
    auto constant = [&](int64_t number) { return arith::ConstantIndexOp::create(builder, loc, number).getResult(); };
    Value word = arith::ShRUIOp::create(builder, loc, index, constant(1));
    Value isUpper = arith::AndIOp::create(builder, loc, index, constant(1));
    Value bits = arith::ShLIOp::create(builder, loc, isUpper, constant(4));
    return {word, arith::IndexCastOp::create(builder, loc, builder.getI32Type(), bits)};
  }
};

//===-- Words -------------------------------------------------------------===//

struct LoadFromWords : OpConversionPattern<memref::LoadOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(memref::LoadOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    Value memory = adaptor.getMemref();
    if (isa<VectorType>(op.getType())) {
      Value words = memref::LoadOp::create(rewriter, loc, memory, adaptor.getIndices());
      Value low = unpacked(rewriter, loc, vector::ExtractOp::create(rewriter, loc, words, 0));
      Value high = unpacked(rewriter, loc, vector::ExtractOp::create(rewriter, loc, words, 1));
      rewriter.replaceOpWithNewOp<vector::ShuffleOp>(op, low, high, ArrayRef<int64_t>{0, 1, 2, 3});
      return success();
    }
    Half half = Half::of(rewriter, loc, adaptor.getIndices()[0]);
    Value word = memref::LoadOp::create(rewriter, loc, memory, half.word);
    Value pair = unpacked(rewriter, loc, arith::ShRUIOp::create(rewriter, loc, word, half.shift));
    rewriter.replaceOpWithNewOp<vector::ExtractOp>(op, pair, 0);
    return success();
  }
};

struct StoreToWords : OpConversionPattern<memref::StoreOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(memref::StoreOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    Value memory = adaptor.getMemref(), value = adaptor.getValue();
    if (isa<VectorType>(value.getType())) {
      SmallVector<Value> words;
      for (int64_t first : {0, 2})
        words.push_back(
            packed(rewriter, loc,
                   vector::ShuffleOp::create(rewriter, loc, value, value, ArrayRef<int64_t>{first, first + 1})));
      Value both = vector::FromElementsOp::create(rewriter, loc, VectorType::get({2}, rewriter.getI32Type()), words);
      rewriter.replaceOpWithNewOp<memref::StoreOp>(op, both, memory, adaptor.getIndices());
      return success();
    }
    // Another thread may write the other half at the same time: each changes its own bits alone.
    Half half = Half::of(rewriter, loc, adaptor.getIndices()[0]);
    auto constant = [&](int64_t number) {
      return arith::ConstantIntOp::create(rewriter, loc, rewriter.getI32Type(), number).getResult();
    };
    Value zero = arith::ConstantOp::create(rewriter, loc, rewriter.getF32FloatAttr(0));
    Value pair = vector::FromElementsOp::create(rewriter, loc, VectorType::get({2}, rewriter.getF32Type()),
                                                ValueRange{value, zero});
    Value bits = arith::ShLIOp::create(rewriter, loc, packed(rewriter, loc, pair), half.shift);
    Value others = arith::XOrIOp::create(
        rewriter, loc, arith::ShLIOp::create(rewriter, loc, constant(0xffff), half.shift), constant(-1));
    memref::AtomicRMWOp::create(rewriter, loc, arith::AtomicRMWKind::andi, others, memory, half.word);
    memref::AtomicRMWOp::create(rewriter, loc, arith::AtomicRMWKind::ori, bits, memory, half.word);
    rewriter.eraseOp(op);
    return success();
  }
};

//===-- 16-bit storage ----------------------------------------------------===//

/// On what may stay f16: loads, stores, and the conversions beside them.
constexpr llvm::StringLiteral kStays = "nncc.stays_half";

template <typename Op> Op stays(Op op) {
  op->setDiscardableAttr(kStays, UnitAttr::get(op->getContext()));
  return op;
}

struct LoadHalves : OpConversionPattern<memref::LoadOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(memref::LoadOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    Value half = stays(memref::LoadOp::create(rewriter, op.getLoc(), adaptor.getMemref(), adaptor.getIndices()));
    rewriter.replaceOp(op, stays(arith::ExtFOp::create(rewriter, op.getLoc(), wideType(half.getType()), half)));
    return success();
  }
};

struct StoreHalves : OpConversionPattern<memref::StoreOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(memref::StoreOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    // No arith.truncf, which folds to a constant of f16: without the capability Float16 there are none.
    auto half =
        spirv::FConvertOp::create(rewriter, op.getLoc(), op.getMemRefType().getElementType(), adaptor.getValue());
    half->setAttr("fp_rounding_mode", spirv::FPRoundingModeAttr::get(op.getContext(), spirv::FPRoundingMode::RTE));
    stays(memref::StoreOp::create(rewriter, op.getLoc(), half, adaptor.getMemref(), adaptor.getIndices()));
    rewriter.eraseOp(op);
    return success();
  }
};

//===-- Values ------------------------------------------------------------===//

struct WidenExtension : OpConversionPattern<arith::ExtFOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(arith::ExtFOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    rewriter.replaceOp(op, adaptor.getIn());
    return success();
  }
};

bool isMove(Operation *op) {
  return isa<arith::SelectOp, vector::ExtractOp, vector::ShuffleOp, vector::BroadcastOp, vector::FromElementsOp>(op);
}

/// True where all that becomes of a value is stored, and so rounded.
bool isOnlyStored(Value value) {
  return llvm::all_of(value.getUsers(), [](Operation *user) {
    return isa<memref::StoreOp>(user) || (isMove(user) && isOnlyStored(user->getResult(0)));
  });
}

/// The f16 that is nearest to an f32, or the even one of two, as an f32. By integers: drivers may cut off what
/// PackHalf2x16 has no room for.
Value roundedToHalf(OpBuilder &builder, Location loc, Value wide) {
  Type floats = wide.getType(), element = builder.getI32Type();
  auto vector = dyn_cast<VectorType>(floats);
  Type integers = vector ? Type(vector.clone(element)) : element;
  auto constant = [&](Type type, TypedAttr value) -> Value {
    if (vector)
      value = DenseElementsAttr::get(cast<VectorType>(type), Attribute(value));
    return arith::ConstantOp::create(builder, loc, value);
  };
  auto word = [&](uint32_t value) { return constant(integers, builder.getI32IntegerAttr(value)); };
  auto number = [&](float value) { return constant(floats, builder.getF32FloatAttr(value)); };
  Value bits = arith::BitcastOp::create(builder, loc, integers, wide);
  Value magnitude = arith::AndIOp::create(builder, loc, bits, word(0x7fffffff));
  auto isBelow = [&](float limit) -> Value {
    return arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::ult, magnitude,
                                 word(llvm::bit_cast<uint32_t>(limit)));
  };
  // 13 bits fewer: half of the last one is added, or a little less where the one that stays is even.
  Value odd = arith::AndIOp::create(builder, loc, arith::ShRUIOp::create(builder, loc, bits, word(13)), word(1));
  Value half = arith::AddIOp::create(builder, loc, arith::AddIOp::create(builder, loc, bits, word(0x0fff)), odd);
  Value normal = arith::AndIOp::create(builder, loc, half, word(~uint32_t(0x1fff)));
  // Small ones are multiples of 2^-24.
  Value multiple = math::RoundEvenOp::create(builder, loc, arith::MulFOp::create(builder, loc, wide, number(0x1p24f)));
  Value small =
      arith::BitcastOp::create(builder, loc, integers, arith::MulFOp::create(builder, loc, multiple, number(0x1p-24f)));
  Value sign = arith::AndIOp::create(builder, loc, bits, word(0x80000000));
  Value infinity = arith::OrIOp::create(builder, loc, sign, word(0x7f800000));
  Value isNumber = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::ule, magnitude, word(0x7f800000));
  Value large = arith::SelectOp::create(builder, loc, isNumber, infinity, bits);
  Value finite = arith::SelectOp::create(builder, loc, isBelow(0x1p-14f), small, normal);
  // From the middle between the largest f16 and what would come behind it.
  Value rounded = arith::SelectOp::create(builder, loc, isBelow(65520), finite, large);
  return arith::BitcastOp::create(builder, loc, floats, rounded);
}

/// Rounds, where nothing does later: conversions to f16 in memory do, packing two into a word need not.
struct WidenTruncation : OpConversionPattern<arith::TruncFOp> {
  WidenTruncation(const TypeConverter &types, MLIRContext *context, bool inWords)
      : OpConversionPattern(types, context), inWords(inWords) {}
  LogicalResult matchAndRewrite(arith::TruncFOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    Value wide = adaptor.getIn();
    if (inWords || !isOnlyStored(op.getResult()))
      wide = roundedToHalf(rewriter, op.getLoc(), wide);
    rewriter.replaceOp(op, wide);
    return success();
  }

  bool inWords;
};

struct WidenConstant : OpConversionPattern<arith::ConstantOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(arith::ConstantOp op, OpAdaptor, ConversionPatternRewriter &rewriter) const override {
    auto widen = [](APFloat value) {
      bool losesInfo;
      value.convert(APFloat::IEEEsingle(), APFloat::rmNearestTiesToEven, &losesInfo);
      return value;
    };
    TypedAttr attribute;
    if (auto dense = dyn_cast<DenseFPElementsAttr>(op.getValue()))
      attribute = cast<TypedAttr>(
          dense.mapValues(rewriter.getF32Type(), [&](const APFloat &value) { return widen(value).bitcastToAPInt(); }));
    else
      attribute = rewriter.getFloatAttr(rewriter.getF32Type(), widen(cast<FloatAttr>(op.getValue()).getValue()));
    rewriter.replaceOpWithNewOp<arith::ConstantOp>(op, attribute);
    return success();
  }
};

/// What moves values does so with wide ones.
template <typename Op> struct MoveWide : OpConversionPattern<Op> {
  using OpConversionPattern<Op>::OpConversionPattern;
  LogicalResult matchAndRewrite(Op op, typename Op::Adaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    OperationState state(op.getLoc(), op->getName(), adaptor.getOperands(), wideType(op->getResult(0).getType()),
                         op->getAttrs());
    state.propertiesAttr = op->getPropertiesAsAttribute();
    rewriter.replaceOp(op, rewriter.create(state));
    return success();
  }
};

struct WidenHalves : impl::WidenHalvesBase<WidenHalves> {
  using WidenHalvesBase::WidenHalvesBase;

  void runOnOperation() override {
    if (failed(requireStage(*this, getOperation(), {"G"})))
      return signalPassFailure();
    WalkResult result = getOperation().walk(
        [&](gpu::GPUFuncOp kernel) { return failed(widen(kernel)) ? WalkResult::interrupt() : WalkResult::advance(); });
    if (result.wasInterrupted())
      signalPassFailure();
  }

  /// Buffers of f16 become ones of words, those of four f16 of two words.
  void retypeAsWords(gpu::GPUFuncOp kernel) {
    Type word = IntegerType::get(&getContext(), 32);
    for (BlockArgument argument : kernel.getArguments()) {
      if (!isHalfBuffer(argument.getType()))
        continue;
      auto type = cast<MemRefType>(argument.getType());
      bool isOfVectors = isa<VectorType>(type.getElementType());
      argument.setType(isOfVectors ? MemRefType::get(type.getShape(), VectorType::get({2}, word))
                                   : MemRefType::get({llvm::divideCeilSigned(type.getNumElements(), 2)}, word));
    }
    kernel.setFunctionType(FunctionType::get(&getContext(), kernel.getBody().getArgumentTypes(), {}));
  }

  LogicalResult widen(gpu::GPUFuncOp kernel) {
    if (inWords)
      retypeAsWords(kernel);
    TypeConverter converter;
    converter.addConversion([](Type type) { return type; });
    converter.addConversion([](Type type) -> std::optional<Type> {
      if (isa<MemRefType>(type) || !isHalf(type))
        return std::nullopt;
      return wideType(type);
    });
    RewritePatternSet patterns(&getContext());
    ConversionTarget target(getContext());
    target.markUnknownOpDynamicallyLegal(
        [](Operation *op) { return !works(op) || isa<spirv::FConvertOp>(op) || op->hasAttr(kStays); });
    scf::populateSCFStructuralTypeConversionsAndLegality(converter, patterns, target);
    if (inWords)
      patterns.add<LoadFromWords, StoreToWords>(converter, &getContext());
    else
      patterns.add<LoadHalves, StoreHalves>(converter, &getContext());
    patterns.add<WidenTruncation>(converter, &getContext(), inWords);
    patterns.add<WidenExtension, WidenConstant, MoveWide<arith::SelectOp>, MoveWide<vector::ExtractOp>,
                 MoveWide<vector::ShuffleOp>, MoveWide<vector::BroadcastOp>, MoveWide<vector::FromElementsOp>>(
        converter, &getContext());
    return applyPartialConversion(kernel, target, std::move(patterns));
  }
};
} // namespace

bool mayWiden(Operation *op) {
  auto isF32 = [](Type type) { return getElementTypeOrSelf(type).isF32(); };
  if (isa<arith::ExtFOp>(op))
    return isF32(op->getResult(0).getType());
  if (isa<arith::TruncFOp>(op))
    return isF32(op->getOperand(0).getType());
  return isMove(op) || isa<arith::ConstantOp, memref::LoadOp, memref::StoreOp, scf::ForOp, scf::IfOp, scf::YieldOp>(op);
}
} // namespace nncc
