// What `nncc estimate` prints, and `nncc report` shows.
#ifndef NNCC_LIB_DRIVER_ESTIMATEREPORT_H
#define NNCC_LIB_DRIVER_ESTIMATEREPORT_H
#include "codegen/mali/GpuTime.h"
#include "lib/driver/EstimateCode.h"
#include "lib/driver/Table.h"
#include "llvm/Support/JSON.h"
#include <optional>
#include <vector>

namespace nncc {

/// What the user says of the device.
struct EstimateSettings {
  double mhz = 0, ramGBs = 0; ///< 0: as a common chip with the core
  std::optional<uint64_t> flash, ram;
};

/// Reads the options that say it. error: printed, nothing is returned
std::optional<EstimateSettings> estimateSettings();

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
  std::optional<GpuTime> onGpu; ///< none: the GPU has no code for it, or leaves it out
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

/// Times and memory of a compiled model.
///
/// plan  outlives the report, as the target of the options does
EstimateReport makeEstimate(const ModelPlan &plan, const EstimatedCode &estimated, const CompileOptions &options,
                            const EstimateSettings &settings);

/// What `--sort` of the tables may name.
inline constexpr llvm::StringLiteral kEstimateSortKeys[] = {"time", "memory"};

void printEstimate(const EstimateReport &report, const RowOrder &order);
llvm::json::Object estimateJson(const EstimateReport &report);

} // namespace nncc
#endif
