// The whole compiler as one call: from an ONNX file to an LLVM module and the plan of the library.
#ifndef NNCC_LIB_DRIVER_COMPILE_H
#define NNCC_LIB_DRIVER_COMPILE_H
#include "codegen/LineInfo.h"
#include "codegen/Target.h"
#include "codegen/emit/Library.h"
#include "codegen/emit/ModelPlan.h"
#include "codegen/mali/Gpus.h"
#include "lib/driver/Placement.h"
#include "lib/driver/TuningFile.h"
#include "lib/import/onnx/Import.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include <functional>
#include <map>
#include <memory>
#include <string>

namespace llvm {
class LLVMContext;
class Module;
} // namespace llvm

namespace mlir {
class PassManager;
}

namespace nncc {

/// The stages of IR, as docs/architecture.md names them.
enum class Stage { N1, N2, P, L1, L2, LLVM };

/// What code is made for, where both cannot be had.
enum class Optimize { Speed, Size };

/// How floats lie in memory, and whether products may be added up in f16.
enum class FloatFormat { F32, F16, F16Arithmetic };

/// By how much the arena may grow for faster forms of kernels: by the larger of the two.
struct ArenaSlack {
  int64_t bytes = 0, percent = 0;
};

struct CompileOptions {
  std::string model; ///< path of the ONNX file
  std::string name;  ///< prefix of every symbol; empty: made from the file name
  TargetSpec target;
  std::vector<CpuSpec> cpus; ///< several of `--cpu`, all of `target`; empty: its own
  ImportOptions import;
  std::map<std::string, std::string> renames; ///< `--rename`: inputs and outputs by their names in the file
  Stage stopAfter = Stage::LLVM;
  bool lineInfo = false;      ///< `-g`
  std::string nodesSuffix;    ///< of the file of node names: NAME.cortex_a53.nodes, where there are several
  bool externWeights = false; ///< `--weights=extern`
  LibraryForm form = LibraryForm::Archive; ///< `--emit`
  std::optional<GpuSpec> gpu;              ///< `--device`: kernels may run on it
  Placement placement;                     ///< `--place`
  FloatFormat cpuFloat = FloatFormat::F32; ///< `--float`; both store f16, or neither
  FloatFormat gpuFloat = FloatFormat::F32; ///< `--float`, `--gpu-float`
  std::vector<std::string> keepsWide;      ///< `--keep`: patterns of what stays f32 where others are f16
  static constexpr int64_t kMaxDispatchUs = 2000000;
  int64_t maxDispatchUs = kMaxDispatchUs; ///< `--max-dispatch-us`; 0: dispatches may take any time
  /// `--device=vulkan:N`: where what is run runs, as nncc_vulkan_options.device_number says; none: on the CPU.
  std::optional<uint32_t> vulkanDevice;
  std::string kernelForm = "auto";      ///< `--form` of all kernels: auto, winograd, direct
  std::vector<std::string> kernelForms; ///< of single ones, as nncc-choose-forms takes it: KERNEL:winograd
  bool makesChains = true;              ///< not with `--no-chains`
  Optimize optimize = Optimize::Speed;  ///< `--optimize`
  std::string tuningFile;               ///< `--tuning`
  std::vector<TuningEntry> tuning;      ///< what it says was measured of kernels
  ArenaSlack arenaSlack;                ///< `--arena-slack`
  bool reuseArena = true;               ///< off: every tensor keeps its memory, for the numeric debugger
  std::optional<int64_t> partWork;      ///< the least work of a part of a kernel; none: the default of nncc-cut-kernels
  /// Sets up every pass manager: printing, timing, filters of the command line.
  std::function<mlir::LogicalResult(mlir::PassManager &)> configure;
  /// Sees the module at every stage that it reaches, but Stage::LLVM.
  std::function<void(Stage, mlir::ModuleOp)> onStage;
  /// Hears what is being done: "planning memory".
  std::function<void(llvm::StringRef)> progress;
};

/// Reads `--arena-slack`, `256kB` or `10%`, and `--tuning`, a file; nothing where they are empty.
llvm::Error setArenaSlack(llvm::StringRef text, CompileOptions &options);
llvm::Error setTuning(llvm::StringRef path, CompileOptions &options);
/// Sets the format of floats on CPU and GPU.
///
/// error  f16 arithmetic, where there is no GPU and no CPU of the options has it: lists those of the target that do
llvm::Error setFloats(FloatFormat format, CompileOptions &options);

/// The options of one more compile of the same model, of which nobody is to hear: without hooks, but for `progress`.
CompileOptions asideOf(const CompileOptions &options);

/// A model on its way. The module is what `stopAfter` asked for; with Stage::LLVM `llvmModule` holds the code instead.
struct Compilation {
  mlir::OwningOpRef<mlir::ModuleOp> module;
  ModelPlan plan;                   ///< from P on
  std::vector<NodeLines> nodeLines; ///< with `lineInfo`: the files NAME.nodes that debug information refers to
  std::unique_ptr<llvm::LLVMContext> llvmContext;
  std::unique_ptr<llvm::Module> llvmModule;
};

/// Compiles a model up to a stage. What is wrong is reported as diagnostics of `context`.
///
/// With several CPUs, whose code is Stage::LLVM alone, the module holds the optimized code of all.
mlir::FailureOr<Compilation> compile(const CompileOptions &options, mlir::MLIRContext &context);

/// The two halves of it, for one CPU: ONNX -> N1, which knows no CPU, and all that follows.
mlir::FailureOr<mlir::OwningOpRef<mlir::ModuleOp>> importModel(const CompileOptions &options,
                                                               mlir::MLIRContext &context);
mlir::FailureOr<Compilation> compileImported(mlir::OwningOpRef<mlir::ModuleOp> imported, const CompileOptions &options);

/// The SHA-256 of a file in hex, for ModelPlan::sourceHash. error: it cannot be read
llvm::Expected<std::string> hashOfFile(llvm::StringRef path);

/// That of the model which is compiled: of its file, or of the one that a model in memory would be.
llvm::Expected<std::string> hashOfModel(const CompileOptions &options);

/// That of the file whose model was quantized before it is compiled; empty where none was.
llvm::Expected<std::string> hashOfQuantizedFile(const CompileOptions &options);

/// Carries out the packing recipe of a weight.
llvm::Error packWeight(const WeightPlan &weight, llvm::raw_ostream &os);

/// How codegen/emit makes objects for this compilation.
EmitOptions emitOptions(const CompileOptions &options);

/// A context with every dialect, without threads: a compile is short, and its results never depend on a schedule.
std::unique_ptr<mlir::MLIRContext> makeContext();

} // namespace nncc
#endif
