// What a library tells the GPU that runs some of its kernels: the tables of nncc/abi.h and the modules that they name.
#ifndef NNCC_CODEGEN_EMIT_DEVICEPROGRAM_H
#define NNCC_CODEGEN_EMIT_DEVICEPROGRAM_H
#include "codegen/emit/ModelPlan.h"
#include "codegen/gpu/GpuCode.h"
#include "nncc/abi.h"

namespace llvm {
class Constant;
class GlobalVariable;
class Module;
} // namespace llvm

namespace nncc {

/// The tables of nncc_device_program, in its order.
struct DeviceProgram {
  std::vector<std::string> functionNames; ///< of `functions`: those of the kernels that they were made of
  uint64_t features = 0;                  ///< of all variants
  std::vector<uint32_t> words;
  std::vector<char> tables;
  uint64_t constantsBytes = 0;
  std::vector<nncc_device_upload> uploads;
  std::vector<nncc_device_function> functions;
  std::vector<nncc_device_variant> variants;
  std::vector<nncc_device_dispatch> dispatches;
  std::vector<nncc_device_range> bindings;
  std::vector<uint32_t> pushConstants;
  std::vector<nncc_device_segment> segments;
  std::vector<nncc_device_range> ranges;
  std::vector<uint32_t> firstDispatch;

  /// Whether a run leaves out a kernel, unless somebody looks at what it makes.
  bool leavesOut(size_t kernel) const {
    return firstDispatch[kernel] < firstDispatch[kernel + 1] &&
           dispatches[firstDispatch[kernel]].flags & NNCC_DISPATCH_UNREAD;
  }
};

/// Makes the tables for the kernels of a plan that have a `deviceFunction`.
///
/// mostDispatchUs  kernels that may take longer than that on a slow GPU are several dispatches, and segments end before
///                 they take several times as long: drivers end what keeps a GPU busy for seconds; 0: never
///
/// Dispatches that read or write what an earlier one of their segment writes, or write what it reads, come behind a
/// barrier, unless there is one already: hazards of places, not of tensors, since tensors share memory.
DeviceProgram makeDeviceProgram(const ModelPlan &plan, const GpuCode &code, int64_t mostDispatchUs = 0);

/// Why no GPU can be counted on to run a kernel by this function: its operands lie farther apart than one binding
/// reaches. Empty: it can.
std::string whyNotBindable(const ModelPlan &plan, const KernelPlan &kernel, const GpuFunction &function,
                           const GpuCode &code);

/// Lets a program take its weights from where they lie now. In the memory of the device they stay where they were, so
/// nothing but what is uploaded changes.
///
/// weights  of the plan that the program was made for
/// offsets  where each of them lies now
void moveWeights(DeviceProgram &program, llvm::ArrayRef<WeightPlan> weights, llvm::ArrayRef<int64_t> offsets);

/// Lets programs of one library share modules: what is the same is there once, and all have the same words. A device is
/// made before it is known which of them it runs, so all name the features of all.
void shareModules(llvm::ArrayRef<DeviceProgram *> programs);

/// The programs of a plan: one, or that of each of its CPUs. Null: all kernels are the CPU's.
std::vector<const DeviceProgram *> devicePrograms(const ModelPlan &plan);

/// Adds the nncc_device_program of each of devicePrograms() to the module of a plan: their modules in the section
/// .rodata.nncc.M.spirv. Tables that are the same are there once.
///
/// weights  where they lie in the library; null: outside
/// returns  a pointer to each, or null
std::vector<llvm::Constant *> addDevicePrograms(llvm::Module &module, const ModelPlan &plan,
                                                llvm::GlobalVariable *weights);

/// 64-bit words that the context of a model has for its device, whichever CPU's program it runs; 0: none of its kernels
/// runs on one.
uint64_t deviceContextWords(const ModelPlan &plan);

} // namespace nncc
#endif
