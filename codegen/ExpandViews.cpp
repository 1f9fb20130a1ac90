// Says addresses of views (subview, collapse_shape, ...) as arithmetic.
#include "codegen/CodegenPasses.h"
#include "mlir/Conversion/AffineToStandard/AffineToStandard.h"
#include "mlir/Dialect/MemRef/Transforms/Transforms.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "passes/check/Stage.h"
#include "passes/rewrite/PatternRemarks.h"

using namespace mlir;

namespace nncc {
#define GEN_PASS_DEF_EXPANDVIEWS
#include "codegen/CodegenPasses.h.inc"

namespace {

struct ExpandViews : impl::ExpandViewsBase<ExpandViews> {
  void runOnOperation() override {
    if (failed(requireStage(*this, getOperation(), {"L2"})))
      return signalPassFailure();
    // Blocks stay as they are: simplification comes with LLVM.
    GreedyRewriteConfig config;
    config.setRegionSimplificationLevel(GreedySimplifyRegionLevel::Disabled);
    PatternRemarks remarks(&getContext(), getArgument());
    config.setListener(remarks.listener());
    RewritePatternSet patterns(&getContext());
    memref::populateExpandOpsPatterns(patterns);
    memref::populateExpandStridedMetadataPatterns(patterns);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns), config)))
      return signalPassFailure();
    RewritePatternSet indices(&getContext());
    populateAffineToStdConversionPatterns(indices);
    if (failed(applyPatternsGreedily(getOperation(), std::move(indices), config)))
      return signalPassFailure();
  }
};

} // namespace
} // namespace nncc
