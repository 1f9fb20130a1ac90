// What the kernels of a model cost on a CPU, from the code that was emitted for it: docs/estimating.md.
#ifndef NNCC_LIB_ESTIMATE_ESTIMATECPU_H
#define NNCC_LIB_ESTIMATE_ESTIMATECPU_H
#include "codegen/ObjectCode.h"
#include "codegen/emit/ModelPlan.h"
#include "lib/estimate/CountBlocks.h"
#include "lib/estimate/MachineBlocks.h"
#include <memory>
#include <vector>

namespace nncc {

/// What one kernel does in a run.
struct KernelCost {
  uint64_t instructions = 0; ///< of emitted code; not those of memcpy and memset
  double cycles = 0;         ///< were all data in the first-level cache
  uint64_t ramBytes = 0;     ///< that come from memory or go there
  bool dependsOnData = false;
};

/// Looks on while a model is compiled, then says what its code costs.
class CpuEstimator {
public:
  explicit CpuEstimator(const TargetSpec &target);

  /// For ObjectOptions; lives as long as the estimator.
  const CodeObserver &observer() const { return looking; }

  /// The costs of the plan's kernels, in order.
  ///
  /// object  what was compiled under observation
  /// error   our mistakes only
  llvm::Expected<std::vector<KernelCost>> estimate(const ModelPlan &plan, llvm::StringRef object);

private:
  TargetSpec target;
  CodeObserver looking;
  std::unique_ptr<llvm::Module> module; ///< as the code generator got it
  std::vector<MachineCode> functions;
};

/// A length of time, with what it may be at least and at most.
struct TimeBand {
  double low = 0, us = 0, high = 0;
};

/// What a kernel takes: what bounds it, and the band that docs/estimating.md explains.
///
/// mhz     clock of the core, > 0
/// ramGBs  10^9 bytes per second that it reads from memory, > 0
TimeBand timeOf(const KernelCost &cost, double mhz, double ramGBs);

} // namespace nncc
#endif
