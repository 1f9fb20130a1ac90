// Tuning files: which form, tile and blocks were measured to be best for a kernel on a CPU. docs/schemas/tuning.json.
#ifndef NNCC_LIB_DRIVER_TUNINGFILE_H
#define NNCC_LIB_DRIVER_TUNINGFILE_H
#include "codegen/cpu/Tuning.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/JSON.h"
#include <string>
#include <vector>

namespace nncc {

/// What a file says of one kernel on one CPU.
struct TuningEntry {
  std::string cpu;    ///< as --cpu names it
  std::string kernel; ///< as cpu::describeKernel() does
  cpu::Tuning tuning;
  double us = 0, usDefault = 0; ///< microseconds with it and without, when it was measured
};

/// error  a file that cannot be read or is no tuning file: the first place that is wrong
llvm::Expected<std::vector<TuningEntry>> readTuning(llvm::StringRef path);

/// What the file says, and of how many kernels and candidates it is the best.
llvm::json::Object tuningJson(llvm::ArrayRef<TuningEntry> entries, size_t kernels, size_t candidates);

/// Hands the entries for a CPU to nncc-apply-tuning. A file that has none for this CPU is a warning.
void attachTuning(mlir::ModuleOp module, llvm::ArrayRef<TuningEntry> entries, llvm::StringRef cpu);

} // namespace nncc
#endif
