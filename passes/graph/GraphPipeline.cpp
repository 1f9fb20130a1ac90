// The graph phase, N1 -> N2, as one list.
#include "mlir/Transforms/Passes.h"
#include "passes/Passes.h"
#include "passes/Pipelines.h"

using namespace mlir;

namespace nncc {

void buildGraphPipeline(OpPassManager &manager) {
  OpPassManager &function = manager.nest<func::FuncOp>();
  function.addPass(createDropUnusedOps());
  // From here on an op belongs to the kernel that runs it, and every kernel is a line of the profile.
  function.addPass(createFormKernels());
}

} // namespace nncc
