// Runs what was built: the emitted objects, in this process or under an emulator, behind one interface.
// For `nncc run`, `nncc bench` and `nncc debug`.
#ifndef NNCC_LIB_ANALYZE_RUNMODEL_H
#define NNCC_LIB_ANALYZE_RUNMODEL_H
#include "codegen/Target.h"
#include "codegen/emit/ModelPlan.h"
#include "nncc/vulkan.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/MemoryBuffer.h"
#include <memory>
#include <string>
#include <vector>

namespace nncc {

/// The objects that make a model, as they ship.
struct ModelObjects {
  std::string name;                            ///< prefix of the symbols: M in M_run
  std::unique_ptr<llvm::MemoryBuffer> code;    ///< defines M_model
  std::unique_ptr<llvm::MemoryBuffer> weights; ///< null for a model without
};

/// A model that can be run, as often as wanted. Not for several threads at once.
///
/// The bytes of inputs and outputs are those of the tensors in the ONNX layout, one buffer for each, in the order
/// of the model; a caller aligns them to their elements.
class RunnableModel {
public:
  using Inputs = llvm::ArrayRef<llvm::ArrayRef<char>>;
  using Outputs = llvm::ArrayRef<llvm::MutableArrayRef<char>>;
  /// Copies a part of the model's memory while it stands between two kernels.
  using Reader = llvm::function_ref<llvm::Expected<llvm::SmallVector<char, 0>>(Memory memory, unsigned index,
                                                                               uint64_t byteOffset, uint64_t bytes)>;

  virtual ~RunnableModel() = default;

  uint64_t arenaBytes() const { return arena; }
  unsigned kernels() const { return kernelCount; }
  llvm::ArrayRef<uint64_t> inputBytes() const { return inputSizes; }
  llvm::ArrayRef<uint64_t> outputBytes() const { return outputSizes; }

  /// Runs the model `runs` times on the same inputs.
  ///
  /// returns  the time of each run in nanoseconds, without the way of the data to an emulator
  /// error    buffers that do not fit the model, a status that M_run returned, an emulator that died
  llvm::Expected<std::vector<uint64_t>> run(Inputs inputs, Outputs outputs, unsigned runs = 1);

  /// Runs the model once, kernel by kernel, and calls back after each; an error from there ends it.
  ///
  /// `afterKernel` reads the arena, and of the outputs what is written so far.
  llvm::Error step(Inputs inputs, Outputs outputs,
                   llvm::function_ref<llvm::Error(unsigned kernel, uint64_t timeNs, Reader read)> afterKernel);

  /// Overwrites the arena with one byte, so that what a kernel reads without having written it shows.
  virtual llvm::Error fillArena(uint8_t value) = 0;

  /// The GPU that runs what was compiled for one, as its driver names it; empty: the CPU runs everything.
  llvm::StringRef gpuName() const { return gpu; }
  /// Where the time of the last run's submissions to it went.
  llvm::ArrayRef<nncc_vulkan_times> gpuTimes() const { return submissions; }

protected:
  struct StepResult {
    bool isLast;
    uint64_t timeNs;
  };
  virtual llvm::Expected<std::vector<uint64_t>> runBound(Inputs inputs, Outputs outputs, unsigned runs) = 0;
  virtual llvm::Error start(Inputs inputs, Outputs outputs) = 0;
  virtual llvm::Expected<StepResult> stepOnce() = 0;
  /// Makes the outputs as they are now visible in the caller's buffers.
  virtual llvm::Error fetchOutputs(Outputs outputs) = 0;
  virtual llvm::Expected<llvm::SmallVector<char, 0>> readArena(uint64_t byteOffset, uint64_t bytes) = 0;

  uint64_t arena = 0;
  std::string gpu;
  std::vector<nncc_vulkan_times> submissions;
  unsigned kernelCount = 0;
  std::vector<uint64_t> inputSizes, outputSizes;

private:
  llvm::Error checkBuffers(Inputs inputs, Outputs outputs) const;
};

/// Makes a model ready to run where its target can be run from here: this machine in process, AArch64 elsewhere
/// under qemu-aarch64.
///
/// error  a target or CPU that cannot be run here; no emulator in PATH, with the package that has it
///
/// threads  how many run its kernels, with the pool of nncc/pool.h; more than one in process only
/// vulkan   the device that runs what was compiled for one: nncc_vulkan_options.device_number; none: the CPU does. The
///          CPU takes over nothing from it: that would be measured as the GPU, and compared with itself
llvm::Expected<std::unique_ptr<RunnableModel>> loadModel(ModelObjects objects, const TargetSpec &target,
                                                         unsigned threads = 1, std::optional<uint32_t> vulkan = {});

/// The two ways of loadModel(), for tests.
llvm::Expected<std::unique_ptr<RunnableModel>> loadInProcess(ModelObjects objects, unsigned threads = 1,
                                                             std::optional<uint32_t> vulkan = {});
llvm::Expected<std::unique_ptr<RunnableModel>> loadUnderEmulator(ModelObjects objects, const TargetSpec &target);

/// A status of the runtime as an error; success for NNCC_OK.
llvm::Error statusError(llvm::StringRef what, uint64_t status);

} // namespace nncc
#endif
