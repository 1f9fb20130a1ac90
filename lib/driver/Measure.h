// How long a loaded model takes on this machine: what bench prints, and report shows.
#ifndef NNCC_LIB_DRIVER_MEASURE_H
#define NNCC_LIB_DRIVER_MEASURE_H
#include "lib/driver/BuildAndLoad.h"
#include "llvm/Support/JSON.h"

namespace nncc {

struct Spread {
  double low, median, high; ///< quartiles around the median
};

/// values  at least one
Spread spreadOf(std::vector<double> values);

/// Where the time of a run goes: kernels that the GPU runs as one, in microseconds.
struct SegmentTimes {
  unsigned firstKernel, kernels;
  std::vector<double> give, gpu, submit, take;

  /// The GPU's own time stamps, or what the CPU sees of it.
  bool hasStamps() const;
};

struct MeasureSettings {
  unsigned rounds = 50, warmup = 5, threads = 1;
  unsigned vectorBits; ///< of the registers that the measured code uses
  bool perKernel = false;
};

/// Reads `--rounds` and `--warmup`. error: printed, nothing is returned
std::optional<MeasureSettings> measureSettings(const CompileOptions &options);
/// True where `--rounds` or `--warmup` is given.
bool isMeasuringAsked();

struct Measurement {
  MeasureSettings settings;
  std::string gpu; ///< that ran kernels; empty: none
  double macs = 0;
  Spread time, busy;  ///< milliseconds of the clock, of the processor
  Spread share, peak; ///< of this core's peak; the peak in GFLOP/s
  std::vector<SegmentTimes> segments;
  std::vector<std::vector<double>> kernels; ///< [kernels][rounds] microseconds; empty: not asked for

  double gflops() const { return 2 * macs / (busy.median * 1e6); }
};

/// Runs a model, the peak of the core in turn with it.
///
/// inputs  [inputs] as makeInputs() makes them
llvm::Expected<Measurement> measure(LoadedModel &loaded, llvm::ArrayRef<std::vector<char>> inputs,
                                    const MeasureSettings &settings);

/// The document of `bench --json`.
llvm::json::Object measurementJson(const ModelPlan &plan, const Measurement &measured);

} // namespace nncc
#endif
