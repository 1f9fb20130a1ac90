// The graph phase, N1 -> N2, as one list.
#include "mlir/Transforms/Passes.h"
#include "passes/Passes.h"
#include "passes/Pipelines.h"

using namespace mlir;

namespace nncc {

void buildGraphPipeline(OpPassManager &manager) {
  OpPassManager &function = manager.nest<func::FuncOp>();
  function.addPass(createDropUnusedOps());
  function.addPass(createFoldConstants());
  // Equal transpositions of one value become one, or only some of its users would lose theirs.
  function.addPass(createCSEPass());
  // NHWC inside: what the importer put around every image op cancels, the rest goes to the edges of the graph.
  function.addPass(createSinkTransposes());
  function.addPass(createHoistTransposes());
  // Weights that were permuted on the way.
  function.addPass(createFoldConstants());
  function.addPass(createDropUnusedOps());
  // From here on an op belongs to the kernel that runs it, and every kernel is a line of the profile.
  function.addPass(createFormKernels());
}

} // namespace nncc
