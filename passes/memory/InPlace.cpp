// An elementwise kernel takes over the memory of an operand that dies in it.
#include "passes/lower/KernelCost.h"
#include "passes/memory/MemoryLayout.h"

using namespace mlir;

namespace nncc {

SmallVector<unsigned> inputsToOverwrite(const MemoryLayout &layout, const Step &step) {
  SmallVector<unsigned> candidates;
  nn::KernelOp kernel = step.kernel;
  if (!kernel || kernel.getNumResults() != 1)
    return candidates;
  Value result = kernel.getResult(0);
  const Place &to = layout.places.find(result)->second;
  const Buffer &target = layout.buffers[to.buffer];
  // The result has to be all of its buffer: a piece of a concatenation stays with the others.
  if (to.byteOffset != 0 || target.bytes != byteSize(tensorOf(result)))
    return candidates;
  for (auto [number, input] : llvm::enumerate(kernel.getInputs())) {
    auto from = layout.places.find(input);
    if (from == layout.places.end() || !mayBeInPlace(kernel, number))
      continue;
    int buffer = from->second.buffer;
    const Buffer &source = layout.buffers[buffer];
    bool isReadOnce = llvm::count_if(kernel.getInputs(), [&](Value other) {
                        auto at = layout.places.find(other);
                        return at != layout.places.end() && at->second.buffer == buffer;
                      }) == 1;
    if (isReadOnce && source.kind == BufferKind::Arena && buffer != to.buffer && from->second.byteOffset == 0 &&
        source.bytes == target.bytes && from->second.strides == to.strides)
      candidates.push_back(number);
  }
  return candidates;
}

void mergeInPlace(MemoryLayout &layout) {
  for (auto [index, step] : llvm::enumerate(layout.steps)) {
    for (unsigned input : inputsToOverwrite(layout, step)) {
      Buffer &target = layout.buffers[layout.places[step.kernel.getResult(0)].buffer];
      int from = layout.places[step.kernel.getInputs()[input]].buffer, root = layout.root(from);
      Buffer &source = layout.buffers[root];
      // A buffer that something took over already lives on as that; of outputs useOutputs() says what lies there.
      if (target.kind != BufferKind::Arena || layout.buffers[from].last != index || source.last != index ||
          source.first >= index || target.first != index || target.mergedInto >= 0)
        continue;
      target.mergedInto = root;
      source.last = std::max(source.last, target.last);
      step.overwrites = input;
      step.overwritten = tensorName(step.kernel.getInputs()[input]);
      break;
    }
  }
}

} // namespace nncc
