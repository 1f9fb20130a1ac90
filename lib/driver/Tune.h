// Measures what can be chosen for the kernels of a model on this machine: `nncc tune`.
#ifndef NNCC_LIB_DRIVER_TUNE_H
#define NNCC_LIB_DRIVER_TUNE_H
#include "lib/driver/BuildAndLoad.h"

namespace nncc {

struct TuneSettings {
  double seconds = 60; ///< that measuring may take, but for the compile that is under way
  unsigned threads = 1;
  /// Whether whoever asked wants no more: what is known by then is the result.
  std::function<bool()> isInterrupted;
  /// Hears how many of the seconds are gone.
  std::function<void(double)> progress;
};

/// Kernels of a model that are one kind, and what was measured of them, all together.
struct TunedKernel {
  std::string text; ///< as cpu::describeKernel()
  std::vector<std::string> names;
  size_t candidates = 0;             ///< that were measured
  double usDefault = 0, us = 0;      ///< without tuning, and as chosen
  std::optional<cpu::Tuning> tuning; ///< none: nothing is faster than what is chosen without
};

struct TuneResult {
  std::string cpu;
  std::vector<TunedKernel> kernels;
  size_t allKernels = 0;        ///< of the model, also those that have nothing to choose
  double usDefault = 0, us = 0; ///< all of these, one by one
  bool isWhole = true;          ///< false: time or patience ended before the last candidate

  size_t candidates() const;
  std::vector<TuningEntry> entries() const;
};

/// Compiles the model with one candidate for each kernel at a time, measures some of these and what is chosen without
/// tuning in turns, kernel by kernel, and takes what is surely faster. At the end the best three of each kernel and
/// what was chosen of them are measured again.
///
/// error  what a compile or run reports; `printer` has said what diagnostics say
llvm::Expected<TuneResult> tune(const CompileOptions &options, mlir::OwningOpRef<mlir::ModuleOp> imported,
                                const GivenInputs &given, const TuneSettings &settings);

} // namespace nncc
#endif
