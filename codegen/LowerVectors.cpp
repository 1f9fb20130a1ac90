// Lowers vector ops of any rank to ops that the LLVM dialect has a word for. Sets of patterns that undo each other's
// work (transposes, shape casts) never share a greedy run.
#include "codegen/CodegenPasses.h"
#include "mlir/Conversion/VectorToSCF/VectorToSCF.h"
#include "mlir/Dialect/Vector/Transforms/LoweringPatterns.h"
#include "mlir/Dialect/Vector/Transforms/VectorRewritePatterns.h"
#include "mlir/Dialect/Vector/Transforms/VectorTransforms.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "passes/check/Stage.h"
#include "passes/rewrite/PatternRemarks.h"

using namespace mlir;

namespace nncc {
#define GEN_PASS_DEF_LOWERVECTORS
#include "codegen/CodegenPasses.h.inc"

namespace {

struct LowerVectors : impl::LowerVectorsBase<LowerVectors> {
  void runOnOperation() override {
    if (failed(requireStage(*this, getOperation(), {"L2"})))
      return signalPassFailure();
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

  /// Runs patterns over the function without touching its blocks; simplification comes with LLVM.
  LogicalResult rewrite(RewritePatternSet &&patterns) {
    GreedyRewriteConfig config;
    config.setRegionSimplificationLevel(GreedySimplifyRegionLevel::Disabled);
    PatternRemarks remarks(&getContext(), getArgument());
    config.setListener(remarks.listener());
    return applyPatternsGreedily(getOperation(), std::move(patterns), config);
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
      PatternRemarks remarks(&getContext(), getArgument());
      config.setListener(remarks.listener());
      if (failed(applyOpPatternsGreedily(outer, std::move(patterns), config)))
        return failure();
    }
    RewritePatternSet patterns(&getContext());
    vector::populateVectorMultiReductionLoweringPatterns(patterns,
                                                         vector::VectorMultiReductionLowering::InnerReduction);
    return rewrite(std::move(patterns));
  }

  LogicalResult lowerContractions() {
    RewritePatternSet patterns(&getContext());
    vector::populateVectorContractLoweringPatterns(patterns, vector::VectorContractLowering::OuterProduct);
    vector::populateVectorOuterProductLoweringPatterns(patterns);
    vector::populateVectorMaskOpLoweringPatterns(patterns);
    vector::populateVectorMaskLoweringPatternsForSideEffectingOps(patterns);
    vector::populateVectorStepLoweringPatterns(patterns);
    return rewrite(std::move(patterns));
  }

  /// Transfers become loads and stores of one-dimensional vectors, unrolled:
  /// loops over them would go through buffers on the stack.
  LogicalResult lowerTransfers() {
    RewritePatternSet maps(&getContext());
    vector::populateVectorTransferPermutationMapLoweringPatterns(maps);
    if (failed(rewrite(std::move(maps))))
      return failure();
    RewritePatternSet ranks(&getContext());
    populateVectorToSCFConversionPatterns(ranks, VectorTransferToSCFOptions().enableFullUnroll());
    if (failed(rewrite(std::move(ranks))))
      return failure();
    RewritePatternSet loads(&getContext());
    vector::populateVectorTransferLoweringPatterns(loads,
                                                   /*maxTransferRank=*/1);
    vector::populateVectorMaskMaterializationPatterns(loads, /*force32BitVectorIndices=*/false);
    return rewrite(std::move(loads));
  }

  LogicalResult lowerTransposes() {
    RewritePatternSet patterns(&getContext());
    vector::populateVectorBroadcastLoweringPatterns(patterns);
    vector::populateVectorTransposeLoweringPatterns(patterns, vector::VectorTransposeLowering::Shuffle16x16);
    return rewrite(std::move(patterns));
  }

  LogicalResult lowerShapes() {
    RewritePatternSet patterns(&getContext());
    vector::populateVectorBitCastLoweringPatterns(patterns);
    vector::populateVectorShapeCastLoweringPatterns(patterns);
    vector::populateVectorInterleaveLoweringPatterns(patterns);
    vector::populateVectorInsertExtractStridedSliceTransforms(patterns);
    vector::populateVectorRankReducingFMAPattern(patterns);
    return rewrite(std::move(patterns));
  }
};

} // namespace
} // namespace nncc
