// The way from L2 to an llvm::Module. The traps are in the order: sets of
// patterns that undo each other's work (transposes, shape casts,
// canonicalization) never share a greedy run.
#include "codegen/LowerToLLVM.h"
#include "codegen/ObjectCode.h"
#include "mlir/Conversion/AffineToStandard/AffineToStandard.h"
#include "mlir/Conversion/ArithToLLVM/ArithToLLVM.h"
#include "mlir/Conversion/ControlFlowToLLVM/ControlFlowToLLVM.h"
#include "mlir/Conversion/FuncToLLVM/ConvertFuncToLLVM.h"
#include "mlir/Conversion/IndexToLLVM/IndexToLLVM.h"
#include "mlir/Conversion/LLVMCommon/ConversionTarget.h"
#include "mlir/Conversion/LLVMCommon/TypeConverter.h"
#include "mlir/Conversion/MathToLLVM/MathToLLVM.h"
#include "mlir/Conversion/MemRefToLLVM/MemRefToLLVM.h"
#include "mlir/Conversion/ReconcileUnrealizedCasts/ReconcileUnrealizedCasts.h"
#include "mlir/Conversion/SCFToControlFlow/SCFToControlFlow.h"
#include "mlir/Conversion/UBToLLVM/UBToLLVM.h"
#include "mlir/Conversion/VectorToLLVM/ConvertVectorToLLVM.h"
#include "mlir/Conversion/VectorToSCF/VectorToSCF.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/MemRef/Transforms/Transforms.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Dialect/Vector/Transforms/LoweringPatterns.h"
#include "mlir/Dialect/Vector/Transforms/VectorRewritePatterns.h"
#include "mlir/Dialect/Vector/Transforms/VectorTransforms.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "mlir/Transforms/Passes.h"
#include "passes/Passes.h"
#include "llvm/IR/Module.h"

using namespace mlir;
using namespace nncc;

/// Runs patterns over a function without touching its blocks; simplification
/// comes with LLVM.
static LogicalResult rewrite(Operation *op, RewritePatternSet &&patterns) {
  GreedyRewriteConfig config;
  config.setRegionSimplificationLevel(GreedySimplifyRegionLevel::Disabled);
  return applyPatternsGreedily(op, std::move(patterns), config);
}

namespace {

/// Lowers vector ops of any rank to ops that the LLVM dialect has a word for,
/// in steps of their own.
struct LowerVectors : PassWrapper<LowerVectors, OperationPass<func::FuncOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(LowerVectors)
  StringRef getArgument() const override { return "nncc-lower-vectors"; }
  StringRef getDescription() const override { return "Lower vectors of any rank to one-dimensional ones"; }
  void getDependentDialects(DialectRegistry &registry) const override {
    registry.insert<affine::AffineDialect, arith::ArithDialect, memref::MemRefDialect, scf::SCFDialect,
                    vector::VectorDialect>();
  }

  void runOnOperation() override {
    bool hasVectors =
        getOperation()
            .walk([](Operation *op) {
              return isa<vector::VectorDialect>(op->getDialect()) ? WalkResult::interrupt() : WalkResult::advance();
            })
            .wasInterrupted();
    if (!hasVectors)
      return;
    if (failed(lowerReductions()) || failed(lowerContractions()) || failed(lowerTransfers()) ||
        failed(lowerTransposes()) || failed(lowerShapes())) {
      getOperation().emitError("the vectors of '") << getOperation().getName() << "' cannot be lowered";
      signalPassFailure();
    }
  }

  /// A reduction keeps the order of its dimensions: one over the innermost
  /// dimension becomes horizontal ones, any other adds whole vectors. The wrong
  /// choice of the two transposes first.
  LogicalResult lowerReductions() {
    SmallVector<Operation *> outer;
    getOperation().walk([&](vector::MultiDimReductionOp op) {
      if (!op.isReducedDim(op.getSourceVectorType().getRank() - 1))
        outer.push_back(op);
    });
    if (!outer.empty()) {
      RewritePatternSet patterns(&getContext());
      vector::populateVectorMultiReductionLoweringPatterns(patterns,
                                                           vector::VectorMultiReductionLowering::InnerParallel);
      GreedyRewriteConfig config;
      config.setStrictness(GreedyRewriteStrictness::ExistingAndNewOps);
      if (failed(applyOpPatternsGreedily(outer, std::move(patterns), config)))
        return failure();
    }
    RewritePatternSet patterns(&getContext());
    vector::populateVectorMultiReductionLoweringPatterns(patterns,
                                                         vector::VectorMultiReductionLowering::InnerReduction);
    return rewrite(getOperation(), std::move(patterns));
  }

  LogicalResult lowerContractions() {
    RewritePatternSet patterns(&getContext());
    vector::populateVectorContractLoweringPatterns(patterns, vector::VectorContractLowering::OuterProduct);
    vector::populateVectorOuterProductLoweringPatterns(patterns);
    vector::populateVectorGatherLoweringPatterns(patterns);
    vector::populateVectorMaskOpLoweringPatterns(patterns);
    vector::populateVectorMaskLoweringPatternsForSideEffectingOps(patterns);
    vector::populateVectorStepLoweringPatterns(patterns);
    return rewrite(getOperation(), std::move(patterns));
  }

  /// Transfers become loads and stores of one-dimensional vectors, unrolled:
  /// loops over them would go through buffers on the stack.
  LogicalResult lowerTransfers() {
    RewritePatternSet maps(&getContext());
    vector::populateVectorTransferPermutationMapLoweringPatterns(maps);
    if (failed(rewrite(getOperation(), std::move(maps))))
      return failure();
    RewritePatternSet ranks(&getContext());
    populateVectorToSCFConversionPatterns(ranks, VectorTransferToSCFOptions().enableFullUnroll());
    if (failed(rewrite(getOperation(), std::move(ranks))))
      return failure();
    RewritePatternSet loads(&getContext());
    vector::populateVectorTransferLoweringPatterns(loads,
                                                   /*maxTransferRank=*/1);
    vector::populateVectorMaskMaterializationPatterns(loads, /*force32BitVectorIndices=*/false);
    return rewrite(getOperation(), std::move(loads));
  }

  LogicalResult lowerTransposes() {
    RewritePatternSet patterns(&getContext());
    vector::populateVectorBroadcastLoweringPatterns(patterns);
    vector::populateVectorTransposeLoweringPatterns(patterns, vector::VectorTransposeLowering::Shuffle16x16);
    return rewrite(getOperation(), std::move(patterns));
  }

  LogicalResult lowerShapes() {
    RewritePatternSet patterns(&getContext());
    vector::populateVectorBitCastLoweringPatterns(patterns);
    vector::populateVectorShapeCastLoweringPatterns(patterns);
    vector::populateVectorInterleaveLoweringPatterns(patterns);
    vector::populateVectorInsertExtractStridedSliceTransforms(patterns);
    vector::populateVectorRankReducingFMAPattern(patterns);
    return rewrite(getOperation(), std::move(patterns));
  }
};

/// Says addresses of views (subview, collapse_shape, ...) as arithmetic.
struct ExpandViews : PassWrapper<ExpandViews, OperationPass<func::FuncOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(ExpandViews)
  StringRef getArgument() const override { return "nncc-expand-views"; }
  StringRef getDescription() const override { return "Say the addresses of views as arithmetic"; }
  void getDependentDialects(DialectRegistry &registry) const override {
    registry.insert<affine::AffineDialect, arith::ArithDialect, memref::MemRefDialect>();
  }
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    memref::populateExpandOpsPatterns(patterns);
    memref::populateExpandStridedMetadataPatterns(patterns);
    if (failed(rewrite(getOperation(), std::move(patterns))))
      return signalPassFailure();
    RewritePatternSet indices(&getContext());
    populateAffineToStdConversionPatterns(indices);
    if (failed(rewrite(getOperation(), std::move(indices))))
      return signalPassFailure();
  }
};

/// Converts what is left to the LLVM dialect in one conversion, memref
/// arguments as bare pointers.
struct ConvertToLLVMDialect : PassWrapper<ConvertToLLVMDialect, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(ConvertToLLVMDialect)
  StringRef getArgument() const override { return "nncc-convert-to-llvm"; }
  StringRef getDescription() const override { return "Convert to the LLVM dialect, memrefs as bare pointers"; }
  void getDependentDialects(DialectRegistry &registry) const override { registry.insert<LLVM::LLVMDialect>(); }

  void runOnOperation() override {
    LowerToLLVMOptions options(&getContext());
    options.useBarePtrCallConv = true;
    options.allocLowering = LowerToLLVMOptions::AllocLowering::None; // L2 has no allocation
    LLVMTypeConverter converter(&getContext(), options);
    LLVMConversionTarget target(getContext());
    target.addLegalOp<ModuleOp>();
    RewritePatternSet patterns(&getContext());
    arith::populateCeilFloorDivExpandOpsPatterns(patterns);
    arith::populateArithToLLVMConversionPatterns(converter, patterns);
    cf::populateControlFlowToLLVMConversionPatterns(converter, patterns);
    index::populateIndexToLLVMConversionPatterns(converter, patterns);
    populateFinalizeMemRefToLLVMConversionPatterns(converter, patterns);
    populateFuncToLLVMConversionPatterns(converter, patterns);
    populateMathToLLVMConversionPatterns(converter, patterns,
                                         /*approximateLog1p=*/false);
    // Reductions may be summed in any order: the kernels fix an order by their
    // own vectors, not by lanes.
    populateVectorToLLVMConversionPatterns(converter, patterns,
                                           /*reassociateFPReductions=*/true);
    ub::populateUBToLLVMConversionPatterns(converter, patterns);
    if (failed(applyFullConversion(getOperation(), target, std::move(patterns))))
      signalPassFailure();
  }
};
} // namespace

void nncc::buildLowerToLLVM(OpPassManager &passes) {
  OpPassManager &functions = passes.nest<func::FuncOp>();
  functions.addPass(createExpandMath());
  functions.addPass(std::make_unique<LowerVectors>());
  functions.addPass(createSCFToControlFlowPass());
  functions.addPass(std::make_unique<ExpandViews>());
  functions.addPass(createCSEPass());
  passes.addPass(std::make_unique<ConvertToLLVMDialect>());
  passes.addPass(createReconcileUnrealizedCastsPass());
}

void nncc::registerLLVMTranslation(DialectRegistry &registry) {
  registerBuiltinDialectTranslation(registry);
  registerLLVMDialectTranslation(registry);
}

void nncc::registerLowerToLLVMPasses() {
  PassRegistration<LowerVectors>();
  PassRegistration<ExpandViews>();
  PassRegistration<ConvertToLLVMDialect>();
  PassPipelineRegistration<>("nncc-lower-to-llvm", "Lower L2 to the LLVM dialect", buildLowerToLLVM);
}

/// The plan of the model (nn.place, nn.launch) is no code: codegen/emit says it
/// as tables.
static void dropPlan(ModuleOp module) {
  for (func::FuncOp function : llvm::make_early_inc_range(module.getOps<func::FuncOp>()))
    if (function
            .walk([](Operation *op) {
              return op->getName().getDialectNamespace() == "nn" ? WalkResult::interrupt() : WalkResult::advance();
            })
            .wasInterrupted())
      function.erase();
}

FailureOr<std::unique_ptr<llvm::Module>> nncc::lowerToLLVM(ModuleOp module, const TargetSpec &target,
                                                           llvm::LLVMContext &context, NodeLines *lines) {
  dropPlan(module);
  PassManager passes(module.getContext());
  buildLowerToLLVM(passes);
  if (failed(passes.run(module)))
    return failure();

  // What the module says about machines and the model is for passes; LLVM has
  // no word for it.
  for (NamedAttribute attribute : llvm::to_vector(module->getDiscardableAttrs()))
    module->removeDiscardableAttr(attribute.getName());
  if (lines)
    attachLineInfo(module, *lines);
  std::unique_ptr<llvm::Module> code = translateModuleToLLVMIR(module, context, "nncc");
  if (!code)
    return failure();
  code->setSourceFileName("nncc");
  prepareModule(*code, target);
  for (llvm::Function &function : *code) {
    if (function.isDeclaration())
      continue;
    function.setLinkage(llvm::GlobalValue::InternalLinkage);
    function.setDSOLocal(true);
    if (!function.hasFnAttribute(llvm::Attribute::AlwaysInline))
      function.addFnAttr(llvm::Attribute::NoInline);
  }
  for (llvm::GlobalVariable &global : code->globals())
    if (!global.isDeclaration())
      global.setLinkage(llvm::GlobalValue::InternalLinkage);
  return code;
}
