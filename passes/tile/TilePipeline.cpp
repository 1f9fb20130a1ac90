// The list of passes from L1 to L2.
#include "mlir/Transforms/Passes.h"
#include "passes/Passes.h"
#include "passes/Pipelines.h"

using namespace mlir;

void nncc::buildTilePipeline(OpPassManager &manager, std::optional<int64_t> partWork) {
  CutKernelsOptions cut;
  if (partWork)
    cut.partWork = *partWork;
  manager.addPass(createLowerToLoops());
  manager.nest<func::FuncOp>().addPass(createVectorizeLoops());
  manager.addPass(createCutKernels(cut));
  OpPassManager &functions = manager.nest<func::FuncOp>();
  functions.addPass(createCanonicalizerPass());
  functions.addPass(createCSEPass());
}
