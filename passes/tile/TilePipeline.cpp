// The list of passes from L1 to L2.
#include "mlir/Transforms/Passes.h"
#include "passes/Passes.h"
#include "passes/Pipelines.h"

using namespace mlir;

void nncc::buildTilePipeline(OpPassManager &manager) {
  manager.addPass(createLowerToLoops());
  OpPassManager &functions = manager.nest<func::FuncOp>();
  functions.addPass(createVectorizeLoops());
  functions.addPass(createCanonicalizerPass());
  functions.addPass(createCSEPass());
}
