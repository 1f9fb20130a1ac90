// When buffers and tensors are alive, and how much memory that takes at least.
#include "passes/memory/ArenaPlanner.h"
#include "passes/memory/MemoryLayout.h"

using namespace mlir;

namespace nncc {

void reorder(MemoryLayout &layout, ArrayRef<unsigned> order) {
  std::vector<Step> steps;
  for (unsigned index : order)
    steps.push_back(std::move(layout.steps[index]));
  layout.steps = std::move(steps);
  for (auto [index, step] : llvm::enumerate(layout.steps))
    for (unsigned tensor : step.writes)
      layout.tensors[tensor].step = index;
}

void computeLifetimes(MemoryLayout &layout) {
  for (Buffer &buffer : layout.buffers)
    buffer.first = ~0u, buffer.last = 0;
  for (auto [number, step] : llvm::enumerate(layout.steps)) {
    unsigned index = number;
    auto touch = [&](int buffer) {
      layout.buffers[buffer].first = std::min(layout.buffers[buffer].first, index);
      layout.buffers[buffer].last = index;
    };
    for (unsigned tensor : step.reads)
      touch(layout.tensors[tensor].buffer);
    for (unsigned tensor : step.writes)
      touch(layout.tensors[tensor].buffer);
    if (step.scratch >= 0)
      touch(step.scratch);
  }
}

std::vector<int64_t> loadsOfSteps(const MemoryLayout &layout) {
  std::vector<int64_t> loads(layout.steps.size(), 0);
  for (const Buffer &buffer : layout.buffers)
    if (buffer.kind == BufferKind::Arena && buffer.mergedInto < 0 && buffer.first != ~0u)
      for (unsigned step = buffer.first; step <= buffer.last; ++step)
        loads[step] += llvm::alignTo(buffer.bytes, kArenaAlignment);
  return loads;
}

StepLoad fullestStep(const MemoryLayout &layout) {
  std::vector<unsigned> first(layout.tensors.size()), last(layout.tensors.size());
  for (auto [index, tensor] : llvm::enumerate(layout.tensors)) {
    // What overwrites an operand needs nothing in the step that writes it.
    first[index] = tensor.step + (layout.steps[tensor.step].overwrites >= 0 ? 1 : 0);
    last[index] = tensor.step;
  }
  for (auto [index, step] : llvm::enumerate(layout.steps))
    for (unsigned tensor : step.reads)
      last[tensor] = index;
  auto isInArena = [&](const Tensor &tensor) {
    return layout.buffers[layout.root(tensor.buffer)].kind == BufferKind::Arena;
  };
  std::vector<int64_t> change(layout.steps.size() + 1, 0);
  for (auto [index, tensor] : llvm::enumerate(layout.tensors))
    if (isInArena(tensor)) {
      change[first[index]] += tensor.bytes;
      change[last[index] + 1] -= tensor.bytes;
    }
  for (auto [index, step] : llvm::enumerate(layout.steps))
    if (step.scratch >= 0) {
      change[index] += layout.buffers[step.scratch].bytes;
      change[index + 1] -= layout.buffers[step.scratch].bytes;
    }
  StepLoad fullest;
  int64_t load = 0;
  for (unsigned step = 0; step < layout.steps.size(); ++step) {
    load += change[step];
    if (load > fullest.bytes)
      fullest.bytes = load, fullest.step = step;
  }
  for (auto [index, tensor] : llvm::enumerate(layout.tensors))
    if (isInArena(tensor) && first[index] <= fullest.step && fullest.step <= last[index])
      fullest.alive.push_back(index);
  llvm::sort(fullest.alive, [&](unsigned a, unsigned b) {
    return std::pair(layout.tensors[a].step, a) < std::pair(layout.tensors[b].step, b);
  });
  return fullest;
}

} // namespace nncc
