// What `nncc estimate` prints.
#ifndef NNCC_LIB_DRIVER_ESTIMATEREPORT_H
#define NNCC_LIB_DRIVER_ESTIMATEREPORT_H
#include "codegen/mali/GpuTime.h"
#include "lib/estimate/EstimateCpu.h"
#include <optional>
#include <vector>

namespace nncc {

/// A memory of the device and what the model needs of it.
struct Budget {
  const char *name;
  std::optional<uint64_t> bytes; ///< none: not said
  uint64_t needed;
  bool fits() const { return !bytes || needed <= *bytes; }
};

/// What one kernel costs where it may run.
struct KernelEstimate {
  KernelCost cost;
  TimeBand onCpu;
  std::optional<GpuTime> onGpu; ///< none: it has no code for the GPU
};

/// Everything that is printed.
struct EstimateReport {
  const ModelPlan &plan;
  const TargetSpec &target;
  double mhz, ramGBs;
  bool isAssumed; ///< the user said no clock
  std::vector<KernelEstimate> kernels;
  Budget flash, ram;
  std::optional<GpuSpec> gpu;
};

void printEstimate(const EstimateReport &report);
void printEstimateJson(const EstimateReport &report);

} // namespace nncc
#endif
