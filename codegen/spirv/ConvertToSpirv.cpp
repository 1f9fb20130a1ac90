// gpu.module to spirv.module by upstream's patterns, and the few that they lack; see SpirvPasses.td.
#include "codegen/gpu/GpuPasses.h"
#include "codegen/spirv/SpirvPasses.h"
#include "codegen/spirv/YieldResults.h"
#include "mlir/Conversion/ArithToSPIRV/ArithToSPIRV.h"
#include "mlir/Conversion/FuncToSPIRV/FuncToSPIRV.h"
#include "mlir/Conversion/GPUToSPIRV/GPUToSPIRV.h"
#include "mlir/Conversion/MathToSPIRV/MathToSPIRV.h"
#include "mlir/Conversion/MemRefToSPIRV/MemRefToSPIRV.h"
#include "mlir/Conversion/SCFToSPIRV/SCFToSPIRV.h"
#include "mlir/Conversion/UBToSPIRV/UBToSPIRV.h"
#include "mlir/Conversion/VectorToSPIRV/VectorToSPIRV.h"
#include "mlir/Dialect/SPIRV/IR/TargetAndABI.h"
#include "mlir/Dialect/SPIRV/Transforms/SPIRVConversion.h"
#include "mlir/Dialect/SPIRV/Utils/LayoutUtils.h"
#include "mlir/IR/Matchers.h"
#include "passes/check/Stage.h"
#include "llvm/ADT/SmallSet.h"

using namespace mlir;

namespace nncc {
#define GEN_PASS_DEF_CONVERTTOSPIRV
#include "codegen/spirv/SpirvPasses.h.inc"

namespace {

/// Between the steps of this file: the push constant that a value is, of how many.
constexpr llvm::StringLiteral kPushConstant = "nncc.push_constant";

/// What Vulkan 1.1 guarantees: no features, no extensions beyond what it has taken in.
///
/// storage16  with f16 in buffers; as values they are only converted
spirv::TargetEnvAttr vulkan11(MLIRContext *context, bool storage16) {
  SmallVector<spirv::Capability> capabilities{spirv::Capability::Shader};
  if (storage16)
    capabilities.append({spirv::Capability::StorageBuffer16BitAccess, spirv::Capability::Float16});
  auto triple = spirv::VerCapExtAttr::get(spirv::Version::V_1_3, capabilities,
                                          {spirv::Extension::SPV_KHR_storage_buffer_storage_class}, context);
  return spirv::TargetEnvAttr::get(triple, spirv::getDefaultResourceLimits(context), spirv::ClientAPI::Vulkan,
                                   spirv::Vendor::Unknown, spirv::DeviceType::Unknown,
                                   spirv::TargetEnvAttr::kUnknownDeviceID);
}

//===-- Patterns --------------------------------------------------------===//

struct LowerPushConstant : OpConversionPattern<UnrealizedConversionCastOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(UnrealizedConversionCastOp op, OpAdaptor,
                                ConversionPatternRewriter &rewriter) const override {
    auto numbers = op->getAttrOfType<DenseI64ArrayAttr>(kPushConstant);
    if (!numbers)
      return rewriter.notifyMatchFailure(op, "a cast of another kind");
    Value value = spirv::getPushConstantValue(op, numbers[1], numbers[0], rewriter.getI32Type(), rewriter);
    if (!value)
      return rewriter.notifyMatchFailure(op, "no push constant can be made");
    rewriter.replaceOp(op, value);
    return success();
  }
};

/// Formulas that rely on how an operation rounds leave out `contract`: SPIR-V says that by a decoration.
template <typename From, typename To> struct ExactArithmetic : OpConversionPattern<From> {
  using OpConversionPattern<From>::OpConversionPattern;
  LogicalResult matchAndRewrite(From op, typename From::Adaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    if (bitEnumContainsAny(op.getFastmath(), arith::FastMathFlags::contract | arith::FastMathFlags::reassoc))
      return rewriter.notifyMatchFailure(op, "may be contracted");
    auto exact = To::create(rewriter, op.getLoc(), this->getTypeConverter()->convertType(op.getType()),
                            adaptor.getLhs(), adaptor.getRhs());
    exact->setAttr("no_contraction", rewriter.getUnitAttr());
    rewriter.replaceOp(op, exact.getResult());
    return success();
  }
};

/// The larger (or smaller) of a number and a constant is a comparison, which is false of NaN, and a choice; upstream
/// asks of both whether they are NaN. Of zeros it may be either.
template <typename Op, typename Compare> struct CompareWithConstant : OpConversionPattern<Op> {
  using OpConversionPattern<Op>::OpConversionPattern;
  LogicalResult matchAndRewrite(Op op, typename Op::Adaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    Attribute bound;
    if (!matchPattern(op.getRhs(), m_Constant(&bound)) ||
        !bitEnumContainsAll(op.getFastmath(), arith::FastMathFlags::nsz))
      return rewriter.notifyMatchFailure(op, "no bound that is a constant");
    auto splat = dyn_cast<SplatElementsAttr>(bound);
    auto number = dyn_cast<FloatAttr>(splat ? splat.template getSplatValue<Attribute>() : bound);
    if (!number || number.getValue().isNaN())
      return rewriter.notifyMatchFailure(op, "no bound of all lanes");
    Value isBeyond = Compare::create(rewriter, op.getLoc(), adaptor.getLhs(), adaptor.getRhs());
    rewriter.replaceOpWithNewOp<spirv::SelectOp>(op, isBeyond, adaptor.getRhs(), adaptor.getLhs());
    return success();
  }
};

/// Before SPIR-V 1.4 a choice between vectors needs a vector of conditions.
struct BroadcastCondition : OpConversionPattern<arith::SelectOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(arith::SelectOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    auto vector = dyn_cast<VectorType>(op.getType());
    if (!vector || isa<VectorType>(op.getCondition().getType()))
      return rewriter.notifyMatchFailure(op, "no scalar condition of vectors");
    SmallVector<Value> lanes(vector.getNumElements(), adaptor.getCondition());
    Value condition =
        spirv::CompositeConstructOp::create(rewriter, op.getLoc(), vector.clone(rewriter.getI1Type()), lanes);
    rewriter.replaceOpWithNewOp<spirv::SelectOp>(op, adaptor.getTrueValue().getType(), condition,
                                                 adaptor.getTrueValue(), adaptor.getFalseValue());
    return success();
  }
};

/// Bits that are set or cleared in memory that other threads change, too. Nothing else is ordered by it.
template <typename To> struct ChangeBits : OpConversionPattern<memref::AtomicRMWOp> {
  ChangeBits(const TypeConverter &types, MLIRContext *context, arith::AtomicRMWKind kind, PatternBenefit benefit)
      : OpConversionPattern(types, context, benefit), kind(kind) {}
  LogicalResult matchAndRewrite(memref::AtomicRMWOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    if (op.getKind() != kind)
      return rewriter.notifyMatchFailure(op, "another operation");
    Value pointer = spirv::getElementPtr(*getTypeConverter<SPIRVTypeConverter>(), op.getMemRefType(),
                                         adaptor.getMemref(), adaptor.getIndices(), op.getLoc(), rewriter);
    rewriter.replaceOpWithNewOp<To>(op, adaptor.getValue().getType(), pointer, spirv::Scope::Device,
                                    spirv::MemorySemantics::None, adaptor.getValue());
    return success();
  }

  arith::AtomicRMWKind kind;
};

/// A buffer as an array without an end: what is bound may begin before an operand, and the last group of parts need not
/// be whole. Groups and parts are arrays in it; upstream would make one array of them, and an index by arithmetic.
std::optional<Type> convertBuffer(const SPIRVTypeConverter &types, MemRefType buffer) {
  auto space = dyn_cast_or_null<spirv::StorageClassAttr>(buffer.getMemorySpace());
  if (!space || space.getValue() != spirv::StorageClass::StorageBuffer)
    return std::nullopt;
  Type element = buffer.getElementType(), type = types.convertType(element);
  if (!type)
    return Type();
  auto vector = dyn_cast<VectorType>(element);
  unsigned bytes = (vector ? vector.getNumElements() : 1) * getElementTypeOrSelf(element).getIntOrFloatBitWidth() / 8;
  for (int64_t size : llvm::reverse(buffer.getShape().drop_front())) {
    type = spirv::ArrayType::get(type, size, bytes);
    bytes *= size;
  }
  return spirv::PointerType::get(spirv::StructType::get(spirv::RuntimeArrayType::get(type, bytes), 0),
                                 space.getValue());
}

Value pointerInto(Value memory, ValueRange indices, Location loc, OpBuilder &builder) {
  SmallVector<Value> path{spirv::ConstantOp::getZero(builder.getI32Type(), loc, builder)};
  llvm::append_range(path, indices);
  return spirv::AccessChainOp::create(builder, loc, memory, path);
}

struct LoadNested : OpConversionPattern<memref::LoadOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(memref::LoadOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    if (op.getMemRefType().getRank() < 2)
      return rewriter.notifyMatchFailure(op, "a flat buffer");
    rewriter.replaceOpWithNewOp<spirv::LoadOp>(
        op, pointerInto(adaptor.getMemref(), adaptor.getIndices(), op.getLoc(), rewriter));
    return success();
  }
};

struct StoreNested : OpConversionPattern<memref::StoreOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(memref::StoreOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    if (op.getMemRefType().getRank() < 2)
      return rewriter.notifyMatchFailure(op, "a flat buffer");
    rewriter.replaceOpWithNewOp<spirv::StoreOp>(
        op, pointerInto(adaptor.getMemref(), adaptor.getIndices(), op.getLoc(), rewriter), adaptor.getValue());
    return success();
  }
};

/// Toward zero: down without the sign, and the sign back, which keeps -0.
struct Truncate : OpConversionPattern<math::TruncOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(math::TruncOp op, OpAdaptor, ConversionPatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    Value down = math::FloorOp::create(rewriter, loc, math::AbsFOp::create(rewriter, loc, op.getOperand()));
    rewriter.replaceOpWithNewOp<math::CopySignOp>(op, down, op.getOperand());
    return success();
  }
};

//===-- Functions -------------------------------------------------------===//

/// The one kernel of a module; an error where stage G has another, or its threads are not said.
FailureOr<gpu::GPUFuncOp> kernelOf(gpu::GPUModuleOp module) {
  auto kernels = module.getOps<gpu::GPUFuncOp>();
  if (!llvm::hasSingleElement(kernels))
    return module.emitOpError() << "must have one kernel";
  gpu::GPUFuncOp kernel = *kernels.begin();
  auto block = kernel->getAttrOfType<IntegerAttr>(nn::kBlockAttr);
  if (!block || block.getInt() < 1 || block.getInt() > nn::kMostBlockThreads)
    return kernel.emitOpError() << "must say " << nn::kBlockAttr << ", the threads of a workgroup: 1 to "
                                << nn::kMostBlockThreads;
  return kernel;
}

/// Says how the arguments of a kernel are bound, and makes its offsets push constants.
void setInterface(gpu::GPUFuncOp kernel) {
  MLIRContext *context = kernel.getContext();
  int64_t block = kernel->getAttrOfType<IntegerAttr>(nn::kBlockAttr).getInt();
  kernel->setAttr(spirv::getEntryPointABIAttrName(), spirv::getEntryPointABIAttr(context, {(int)block, 1, 1}));
  SmallVector<BlockArgument> offsets;
  for (BlockArgument argument : kernel.getArguments()) {
    if (!isa<MemRefType>(argument.getType())) {
      offsets.push_back(argument);
      continue;
    }
    auto binding = kernel.getArgAttrOfType<IntegerAttr>(argument.getArgNumber(), nn::kBindingAttr);
    kernel.setArgAttr(
        argument.getArgNumber(), spirv::getInterfaceVarABIAttrName(),
        spirv::getInterfaceVarABIAttr(0, binding ? binding.getInt() : argument.getArgNumber(), {}, context));
  }
  OpBuilder builder = OpBuilder::atBlockBegin(&kernel.getBody().front());
  for (auto [number, argument] : llvm::enumerate(offsets)) {
    auto value =
        UnrealizedConversionCastOp::create(builder, kernel.getLoc(), TypeRange{builder.getIndexType()}, ValueRange());
    value->setAttr(kPushConstant, builder.getDenseI64ArrayAttr({(int64_t)number, (int64_t)offsets.size()}));
    argument.replaceAllUsesWith(value.getResult(0));
  }
  for (BlockArgument argument : llvm::reverse(offsets))
    (void)kernel.eraseArgument(argument.getArgNumber());
}

/// The bindings whose memory another argument may touch, too.
SmallVector<int64_t> aliasedBindings(gpu::GPUFuncOp kernel) {
  llvm::SmallSet<unsigned, 4> seen;
  SmallVector<int64_t> aliased;
  for (unsigned number = 0; number < kernel.getNumArguments(); ++number) {
    auto abi = kernel.getArgAttrOfType<spirv::InterfaceVarABIAttr>(number, spirv::getInterfaceVarABIAttrName());
    bool isAlone = kernel.getArgAttr(number, "llvm.noalias") || kernel.getArgAttr(number, nn::kTableAttr);
    if (!seen.insert(abi.getBinding()).second || !isAlone)
      aliased.push_back(abi.getBinding());
  }
  return aliased;
}

struct ConvertToSpirv : impl::ConvertToSpirvBase<ConvertToSpirv> {
  using ConvertToSpirvBase::ConvertToSpirvBase;

  void runOnOperation() override {
    if (failed(requireStage(*this, getOperation(), {"G"})))
      return signalPassFailure();
    getOperation()->setAttr(spirv::getTargetEnvAttrName(), vulkan11(&getContext(), storage16));
    for (auto module : llvm::make_early_inc_range(getOperation().getOps<gpu::GPUModuleOp>()))
      if (failed(convert(module)))
        return signalPassFailure();
  }

  LogicalResult convert(gpu::GPUModuleOp module) {
    MLIRContext *context = &getContext();
    FailureOr<gpu::GPUFuncOp> kernel = kernelOf(module);
    if (failed(kernel))
      return failure();
    setInterface(*kernel);
    SmallVector<int64_t> aliased = aliasedBindings(*kernel);
    std::string name = module.getName().str();
    spirv::MemorySpaceToStorageClassConverter spaces(spirv::mapMemorySpaceToVulkanStorageClass);
    spirv::convertMemRefTypesAndAttrs(module, spaces);

    spirv::TargetEnvAttr environment = vulkan11(context, storage16);
    SPIRVConversionOptions options;
    options.use64bitIndex = false;
    // Memory of other widths than 32 bits must not become wider in silence.
    options.emulateLT32BitScalarTypes = false;
    options.emulateUnsupportedFloatTypes = false;
    SPIRVTypeConverter types(environment, options);
    types.addConversion([&](MemRefType buffer) { return convertBuffer(types, buffer); });
    auto target = SPIRVConversionTarget::get(environment);
    target->addDynamicallyLegalOp<UnrealizedConversionCastOp>(
        [](Operation *op) { return !op->hasAttr(kPushConstant); });
    ScfToSPIRVContext loops;
    RewritePatternSet patterns(context);
    populateGPUToSPIRVPatterns(types, patterns);
    arith::populateArithToSPIRVPatterns(types, patterns);
    populateMathToSPIRVPatterns(types, patterns);
    populateMemRefToSPIRVPatterns(types, patterns);
    populateVectorToSPIRVPatterns(types, patterns);
    populateSCFToSPIRVPatterns(types, loops, patterns);
    populateBuiltinFuncToSPIRVPatterns(types, patterns);
    ub::populateUBToSPIRVConversionPatterns(types, patterns);
    patterns.add<LoadNested, StoreNested, LowerPushConstant, BroadcastCondition, Truncate,
                 CompareWithConstant<arith::MaximumFOp, spirv::FOrdLessThanOp>,
                 CompareWithConstant<arith::MinimumFOp, spirv::FOrdGreaterThanOp>,
                 ExactArithmetic<arith::AddFOp, spirv::FAddOp>, ExactArithmetic<arith::SubFOp, spirv::FSubOp>,
                 ExactArithmetic<arith::MulFOp, spirv::FMulOp>>(types, context, PatternBenefit(10));
    patterns.add<ChangeBits<spirv::AtomicAndOp>>(types, context, arith::AtomicRMWKind::andi, PatternBenefit(10));
    patterns.add<ChangeBits<spirv::AtomicOrOp>>(types, context, arith::AtomicRMWKind::ori, PatternBenefit(10));
    if (failed(applyFullConversion(module, *target, std::move(patterns))))
      return failure();
    // Upstream's pattern gives the new module a name of its own making.
    auto converted = SymbolTable(getOperation()).lookup<spirv::ModuleOp>(("__spv__" + name));
    converted.setName(name);
    converted->setAttr(kAliasedAttr, Builder(context).getDenseI64ArrayAttr(aliased));
    yieldResults(converted);
    return success();
  }
};
} // namespace
} // namespace nncc
