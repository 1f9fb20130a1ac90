// See EstimateCpu.h.
#include "lib/estimate/EstimateCpu.h"
#include "lib/estimate/BlockTimer.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/MCInst.h"
#include "llvm/Transforms/Utils/Cloning.h"
#include <map>

using namespace llvm;

namespace nncc {

/// The share of all instructions whose blocks are timed; what is left is taken to be like them.
static constexpr double kTimedShare = 0.995;
/// What memcpy and memset move in a cycle: a vector register of 128 bits, loaded and stored.
static constexpr double kMovedPerCycle = 16;

/// How far LLVM's models are off, measured on x86-64 as docs/estimating.md says.
static constexpr double kModelError = 0.2;

CpuEstimator::CpuEstimator(const TargetSpec &target) : target(target) {
  looking.optimized = [this](llvm::Module &optimized) {
    numberBlocks(optimized);
    module = CloneModule(optimized);
  };
  looking.written = [this](const MachineFunction &function) { functions.push_back(readMachineFunction(function)); };
}

namespace {

/// One block of the code and its runs in the calls of all kernel functions.
struct CountedBlock {
  const MachineBlock *block;
  std::vector<MCInst> instructions;
  std::vector<uint64_t> runs; ///< by call
  uint64_t executed = 0;      ///< instructions, in a run of the model
  double cycles = 0;          ///< of one pass
};

/// Kernel functions: each is called by some kernels.
struct Calls {
  std::vector<KernelCall> calls;
  std::vector<unsigned> ofKernel;  ///< which call a kernel makes
  std::vector<uint64_t> timesMade; ///< in a run of the model
};

Calls callsOf(const ModelPlan &plan) {
  Calls result;
  std::map<std::pair<std::string, std::vector<int32_t>>, unsigned> known;
  for (const KernelPlan &kernel : plan.kernels) {
    auto [at, isNew] = known.try_emplace({kernel.function, kernel.numbers}, result.calls.size());
    if (isNew) {
      result.calls.push_back({kernel.function, kernel.work, kernel.numbers});
      result.timesMade.push_back(0);
    }
    ++result.timesMade[at->second];
    result.ofKernel.push_back(at->second);
  }
  return result;
}

/// What a kernel reads and writes beyond the caches. Weights stay in the last cache from run to run where all of the
/// model fits there; activations do while one kernel's fit.
uint64_t ramBytes(const ModelPlan &plan, const KernelPlan &kernel, uint64_t cacheBytes) {
  uint64_t activations = kernel.bytesRead + kernel.bytesWritten;
  bool holdsModel = uint64_t(plan.weightsBytes + plan.arenaBytes) <= cacheBytes;
  return (holdsModel ? 0 : kernel.weightsRead) + (activations <= cacheBytes ? 0 : activations);
}

} // namespace

/// The blocks of all functions that some call runs.
static Expected<std::vector<CountedBlock>> countAll(ArrayRef<MachineCode> functions, const Calls &calls,
                                                    ArrayRef<BlockCounts> counts, BlockTimer &timer) {
  std::vector<CountedBlock> blocks;
  for (const MachineCode &function : functions) {
    size_t first = blocks.size();
    for (const MachineBlock &block : function.blocks)
      blocks.push_back({&block, {}, std::vector<uint64_t>(counts.size())});
    for (auto [call, count] : enumerate(counts))
      for (auto [index, runs] : enumerate(runsOf(function, count)))
        blocks[first + index].runs[call] = runs;
  }
  erase_if(blocks, [](const CountedBlock &block) { return all_of(block.runs, [](uint64_t runs) { return !runs; }); });
  for (CountedBlock &block : blocks) {
    auto instructions = timer.decode(block.block->bytes);
    if (!instructions)
      return instructions.takeError();
    block.instructions = std::move(*instructions);
    for (auto [runs, times] : zip(block.runs, calls.timesMade))
      block.executed += runs * times * block.instructions.size();
  }
  return blocks;
}

/// Times the blocks that make up most of what is executed; the others take as many cycles for an instruction.
static void timeBlocks(std::vector<CountedBlock> &blocks, BlockTimer &timer) {
  std::vector<CountedBlock *> order;
  double total = 0, timed = 0, cycles = 0;
  for (CountedBlock &block : blocks) {
    order.push_back(&block);
    total += block.executed;
  }
  llvm::sort(order, [](auto *a, auto *b) { return std::pair(b->executed, a) < std::pair(a->executed, b); });
  for (CountedBlock *block : order) {
    if (block->instructions.empty())
      continue;
    if (timed < kTimedShare * total) {
      block->cycles = timer.cyclesOf(block->instructions, block->block->isLoop);
      timed += block->executed;
      cycles += block->cycles * block->executed / block->instructions.size();
    } else {
      block->cycles = block->instructions.size() * cycles / timed;
    }
  }
}

Expected<std::vector<KernelCost>> CpuEstimator::estimate(const ModelPlan &plan, StringRef object) {
  Calls calls = callsOf(plan);
  auto counts = countBlocks(*module, calls.calls);
  if (!counts)
    return counts.takeError();
  if (Error error = findCode(object, functions))
    return std::move(error);
  auto timer = BlockTimer::create(target);
  if (!timer)
    return timer.takeError();
  auto blocks = countAll(functions, calls, *counts, **timer);
  if (!blocks)
    return blocks.takeError();
  timeBlocks(*blocks, **timer);
  std::vector<KernelCost> ofCall(calls.calls.size());
  for (const CountedBlock &block : *blocks)
    for (auto [call, runs] : enumerate(block.runs)) {
      ofCall[call].instructions += runs * block.instructions.size();
      ofCall[call].cycles += runs * block.cycles;
    }
  for (auto [cost, count] : zip(ofCall, *counts)) {
    cost.dependsOnData = count.dependsOnData;
    for (uint64_t bytes : count.movedBytes)
      cost.cycles += bytes / kMovedPerCycle;
  }
  std::vector<KernelCost> costs;
  for (auto [kernel, call] : zip(plan.kernels, calls.ofKernel)) {
    costs.push_back(ofCall[call]);
    costs.back().ramBytes = ramBytes(plan, kernel, target.cpu.timing.cacheKiB << 10);
  }
  return costs;
}

TimeBand timeOf(const KernelCost &cost, double mhz, double ramGBs) {
  double compute = cost.cycles / mhz, memory = cost.ramBytes / (ramGBs * 1e3), longer = std::max(compute, memory);
  // Prefetching hides the shorter one, or none of it.
  return {longer * (1 - kModelError), longer, (compute + memory) * (1 + kModelError)};
}

} // namespace nncc
