// The list of passes from P to L1.
#include "passes/Passes.h"
#include "passes/Pipelines.h"

using namespace mlir;

void nncc::buildLowerPipeline(OpPassManager &manager) {
  manager.addPass(createOutlineKernels());
  manager.addPass(createLowerToLinalg());
}
