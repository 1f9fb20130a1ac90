// N2 -> P: gives every tensor its place. MemoryLayout.h says who shares memory with whom, ArenaPlanner.h where in the
// arena the buffers lie.
#include "mlir/IR/Builders.h"
#include "passes/Passes.h"
#include "passes/memory/ArenaPlanner.h"
#include "passes/memory/MemoryLayout.h"

using namespace mlir;

namespace nncc {
#define GEN_PASS_DEF_PLANMEMORY
#include "passes/Passes.h.inc"

namespace {

/// Finds an offset for every buffer in the arena; returns the arena's size.
int64_t pack(MemoryLayout &layout, bool reuse) {
  computeLifetimes(layout);
  if (reuse)
    mergeInPlace(layout);
  std::vector<ArenaBuffer> live;
  std::vector<unsigned> owner;
  for (auto [index, buffer] : llvm::enumerate(layout.buffers)) {
    if (buffer.kind != BufferKind::Arena || buffer.mergedInto >= 0 || buffer.first == ~0u)
      continue;
    if (!reuse)
      buffer.first = 0, buffer.last = layout.steps.size();
    live.push_back({buffer.bytes, buffer.first, buffer.last});
    owner.push_back(index);
  }
  int64_t bytes = planArena(live, kArenaAlignment);
  for (auto [buffer, index] : llvm::zip(live, owner))
    layout.buffers[index].offset = buffer.offset;
  return bytes;
}

/// What `nncc inspect` says of the tensors that make the peak.
ArrayAttr describe(const MemoryLayout &layout, const TensorLoad &load, Builder b) {
  SmallVector<Attribute> tensors;
  for (unsigned index : load.alive) {
    const Tensor &tensor = layout.tensors[index];
    const Step &step = layout.steps[tensor.step];
    nn::KernelOp kernel = step.kernel;
    std::string name = kernel ? kernel.getName().str() : step.copyName;
    const Place &place = kernel ? layout.places.find(tensor.value)->second : step.copyDestination;
    int64_t offset = layout.buffers[layout.root(place.buffer)].offset + place.byteOffset;
    tensors.push_back(b.getDictionaryAttr({b.getNamedAttr("tensor", b.getStringAttr(tensorName(tensor.value))),
                                           b.getNamedAttr("bytes", b.getI64IntegerAttr(tensor.bytes)),
                                           b.getNamedAttr("offset", b.getI64IntegerAttr(offset)),
                                           b.getNamedAttr("kernel", b.getStringAttr(name))}));
  }
  return b.getArrayAttr(tensors);
}

void planMemory(func::FuncOp function, bool reuse) {
  MemoryLayout layout = layOut(function);
  int64_t arenaBytes = pack(layout, reuse);
  TensorLoad load = fullestStep(layout);
  Builder b(function.getContext());
  ArrayAttr alive = describe(layout, load, b);
  rewriteToPlaces(function, layout, arenaBytes);
  function->setAttr("nn.arena_lower_bound", b.getI64IntegerAttr(load.bytes));
  function->setAttr("nn.peak_kernel", b.getI64IntegerAttr(load.step));
  function->setAttr("nn.peak_tensors", alive);
}

struct PlanMemory : impl::PlanMemoryBase<PlanMemory> {
  using PlanMemoryBase::PlanMemoryBase;

  void runOnOperation() override {
    for (auto function : getOperation().getOps<func::FuncOp>())
      if (function.getName() == "main")
        planMemory(function, reuse);
  }
};
} // namespace
} // namespace nncc
