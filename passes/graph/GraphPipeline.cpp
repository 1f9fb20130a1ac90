// The graph phase, N1 -> N2, as one list.
#include "mlir/Transforms/Passes.h"
#include "passes/Passes.h"
#include "passes/Pipelines.h"

using namespace mlir;

namespace nncc {

void buildGraphPipeline(OpPassManager &manager, bool halvesFloats, bool keepsSmallWeights,
                        llvm::ArrayRef<std::string> keepsWide) {
  OpPassManager &function = manager.nest<func::FuncOp>();
  // No pass behind this one meets an op that reads or makes a tensor without elements.
  function.addPass(createDropEmptyTensors());
  function.addPass(createDropUnusedOps());
  function.addPass(createFoldConstants({.keepQuantized = true}));
  // Before the layout is chosen: what is moved from here on is bytes. What stays float gets its constants as floats,
  // but for the weights of products.
  function.addPass(createFormIntegers());
  if (keepsSmallWeights)
    function.addPass(createKeepSmallWeights());
  function.addPass(createFoldConstants());
  // Before the layout is chosen: fewer ops to carry transpositions through, products two-dimensional.
  function.addPass(createSimplify());
  // Equal transpositions of one value become one, or only some of its users would lose theirs.
  function.addPass(createCSEPass());
  // NHWC inside: what the importer put around every image op cancels, the rest goes to the edges of the graph.
  function.addPass(createSinkTransposes());
  function.addPass(createHoistTransposes());
  // Weights that were permuted on the way; pads that now touch their convolutions.
  function.addPass(createSimplify());
  // Batch normalization and every other affine map per channel, now that channels come last.
  function.addPass(createFoldScale());
  function.addPass(createCSEPass());
  function.addPass(createDropUnusedOps());
  if (halvesFloats) {
    HalveFloatsOptions halves;
    halves.keep.assign(keepsWide.begin(), keepsWide.end());
    function.addPass(createHalveFloats(halves));
    function.addPass(createFoldConstants());
    function.addPass(createDropUnusedOps());
  }
  // From here on an op belongs to the kernel that runs it, and every kernel is a line of the profile.
  function.addPass(createFormKernels());
}

} // namespace nncc
