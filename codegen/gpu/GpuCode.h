// Code of a GPU as the driver and the writers of files see it: from the functions of a device's module to one SPIR-V
// module each, and how each is to be bound and dispatched.
#ifndef NNCC_CODEGEN_GPU_GPUCODE_H
#define NNCC_CODEGEN_GPU_GPUCODE_H
#include "codegen/gpu/GpuWork.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace nncc {

/// What code of a GPU is made with, beside the numbers in `nn.machines`.
struct GpuNumbers {
  /// Threads of a workgroup. 64 is the baseline of Arm's best practices for Mali GPUs: whole warps on all of them.
  int64_t blockThreads = 64;
  /// Products of f16 may be added up in f16, where a GPU computes with them.
  bool addsHalves = false;
};

/// Which memories the operands of a function lie in. Several may share a binding where they are in one of these; each
/// input and output of the model is a memory of its own.
enum class GpuMemory { Arena, Constants, Input, Output };

/// An operand of one launch.
struct GpuOperand {
  GpuMemory memory = GpuMemory::Arena;
  unsigned index = 0;     ///< which input or output
  int64_t byteOffset = 0; ///< from the start of that memory
};

/// A launch of a function. What all launches of a function have in common decides how it is bound.
struct GpuLaunch {
  std::string function;
  std::vector<GpuOperand> operands; ///< in call order
};

/// A storage buffer of a function: binding number = its place in GpuFunction::bindings, in descriptor set 0.
///
/// A launch binds one range of one memory that covers all of `operands` and `tables`, from a multiple of 256 bytes on
/// (the largest minStorageBufferOffsetAlignment that Vulkan allows). An operand without a push constant begins where
/// the range does.
struct GpuBinding {
  std::vector<unsigned> operands; ///< of the launch
  std::vector<unsigned> tables;   ///< of GpuCode::tables: they lie in the memory of constants
  bool isWritten = false;
};

/// An unsigned 32-bit number that a launch pushes: how far behind the start of its binding's range an operand or table
/// begins, in units of `unitBytes`. The first is at byte 0, the next at byte 4 ...
struct GpuPushConstant {
  bool isTable = false;
  unsigned number = 0; ///< of the operand, or of the table
  unsigned unitBytes = 4;
};

/// One form of a function: a SPIR-V module with one entry point, `main`.
struct GpuVariant {
  uint64_t features = 0; ///< NNCC_GPU_* bits that a GPU needs for it
  std::vector<uint32_t> words;
};

/// One function of a device's module.
struct GpuFunction {
  std::string name;
  /// Why the GPU cannot run it: it stays with the CPU, and everything below is empty.
  std::string reason;
  std::vector<GpuVariant> variants;           ///< the best first, and one that every GPU takes last
  std::array<uint32_t, 3> grid{1, 1, 1};      ///< workgroups
  std::array<uint32_t, 3> block{1, 1, 1};     ///< threads of a workgroup
  std::vector<GpuBinding> bindings;           ///< at most 4
  std::vector<GpuPushConstant> pushConstants; ///< at most 32
  int64_t iterations = 0;                     ///< of all loops of the longest thread
  GpuWork work;                               ///< of one dispatch
};

/// Constants that the code itself brings: positions of resampling and their like. They lie in the memory of constants,
/// behind the weights, from a multiple of 256 bytes on.
struct GpuTable {
  int64_t byteOffset = 0; ///< in GpuCode::tableBytes, a multiple of 256
  int64_t bytes = 0;
};

struct GpuCode {
  std::vector<GpuFunction> functions; ///< in the order of the module
  std::vector<GpuTable> tables;
  std::vector<char> tableBytes;
};

/// The bytes that every legal GPU takes as the start of a storage buffer's range.
inline constexpr int64_t kGpuOffsetAlignment = 256;

/// Compiles the functions of a device's module, which are changed on the way. What a GPU cannot run has a reason.
///
/// module     L1: private functions that hold one planned kernel, linalg or loops each
/// launches   all of them, of all functions
/// configure  sets up each pass manager before it gets its passes; may be null
/// returns    failure where a pass failed, which is our mistake: it has been reported
mlir::FailureOr<GpuCode>
compileForGpu(mlir::ModuleOp module, llvm::ArrayRef<GpuLaunch> launches, const GpuNumbers &numbers,
              llvm::function_ref<mlir::LogicalResult(mlir::PassManager &)> configure = nullptr);

} // namespace nncc
#endif
