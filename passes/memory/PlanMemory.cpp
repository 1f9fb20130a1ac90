// N2 -> P: gives every tensor its place. MemoryLayout.h says who shares memory with whom, OrderPlanner.h in which order
// the kernels run, ArenaPlanner.h where in the arena the buffers lie.
#include "mlir/IR/Builders.h"
#include "mlir/IR/Remarks.h"
#include "passes/Passes.h"
#include "passes/memory/ArenaPlanner.h"
#include "passes/memory/MemoryLayout.h"
#include "passes/memory/OrderPlanner.h"

using namespace mlir;

namespace nncc {
#define GEN_PASS_DEF_PLANMEMORY
#include "passes/Passes.h.inc"

namespace {

/// The steps of a layout as the order planner sees them: only memory in the arena counts.
OrderProblem orderProblem(const MemoryLayout &layout) {
  OrderProblem problem;
  for (const Buffer &buffer : layout.buffers)
    problem.bufferBytes.push_back(
        buffer.kind == BufferKind::Arena ? (int64_t)llvm::alignTo(buffer.bytes, kArenaAlignment) : 0);
  for (const Step &step : layout.steps) {
    OrderStep abstract;
    auto touch = [&](int buffer) {
      if (problem.bufferBytes[buffer] > 0 && !llvm::is_contained(abstract.touches, buffer))
        abstract.touches.push_back(buffer);
    };
    for (unsigned tensor : step.reads) {
      if (!llvm::is_contained(abstract.after, layout.tensors[tensor].step))
        abstract.after.push_back(layout.tensors[tensor].step);
      touch(layout.tensors[tensor].buffer);
    }
    for (unsigned tensor : step.writes)
      touch(layout.tensors[tensor].buffer);
    if (step.scratch >= 0)
      abstract.scratchBytes = llvm::alignTo(layout.buffers[step.scratch].bytes, kArenaAlignment);
    for (unsigned input : inputsToOverwrite(layout, step)) {
      nn::KernelOp kernel = step.kernel;
      abstract.overwrites.push_back(layout.places.find(kernel.getInputs()[input])->second.buffer);
      abstract.resultBytes = problem.bufferBytes[layout.tensors[step.writes.front()].buffer];
    }
    problem.steps.push_back(std::move(abstract));
  }
  return problem;
}

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
  MemoryLayout other = layout;
  int64_t arenaBytes = pack(layout, reuse);
  if (reuse) {
    Order order = planOrder(orderProblem(other));
    reorder(other, order.steps);
    int64_t otherBytes = pack(other, reuse);
    if (otherBytes < arenaBytes) {
      remark::passed(function.getLoc(), remark::RemarkOpts::name("Order").category("nncc-plan-memory"))
          << "kernels run in another order: " << remark::metric("ArenaBytes", otherBytes) << " instead of "
          << remark::metric("ArenaBytesBefore", arenaBytes) << " bytes of arena";
      layout = std::move(other);
      arenaBytes = otherBytes;
    }
  }
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
