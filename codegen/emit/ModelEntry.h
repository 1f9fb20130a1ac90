// Makes a model callable: adds the dispatcher, the tables, the public functions
// and the runtime core to the LLVM module that holds its kernels.
#ifndef NNCC_CODEGEN_EMIT_MODELENTRY_H
#define NNCC_CODEGEN_EMIT_MODELENTRY_H
#include "codegen/emit/ModelPlan.h"
#include "llvm/Support/Error.h"
#include <functional>

namespace llvm {
class Module;
}

namespace nncc {

/// Completes the module of a model.
///
/// module   kernels `void NAME(ptr, ptr, ...)`, one pointer for each operand of the plan, and two i64 for the range of
///          its work where the plan says so. Afterwards M_init, M_run,
///          M_start, M_step and M_model are public and all else that it defines is internal
/// plan     names the kernels' functions and says where their operands lie; weightsLayout is set if they lie outside
/// cpuRequired  NNCC_CPU_* bits for nncc_model.cpu_required
/// error    a plan that does not fit the module (our mistake): a missing or
///          differing function, an operand outside of its memory
llvm::Error addModelEntry(llvm::Module &module, ModelPlan &plan, uint64_t cpuRequired);

/// Optimizes a module whose functions run before a CPU is chosen: for the least CPU of the target.
using ModuleOptimizer = std::function<llvm::Error(llvm::Module &)>;

/// The same for the module that mergeVariants() made, which is optimized: kernels keep the CPU that they are for. On
/// AArch64 with Linux or Android the code needs getauxval() of the library of C.
///
/// cpuRequired  the bits that all CPUs have
llvm::Error addVariantsEntry(llvm::Module &module, ModelPlan &plan, uint64_t cpuRequired,
                             const ModuleOptimizer &optimize);

/// Whether code for several CPUs asks the machine which one to run.
bool asksMachine(const ModelPlan &plan);

/// Whether the code asks the library of C which CPU it runs on.
bool asksLibraryOfC(const ModelPlan &plan);

/// Names of the functions and the table that programs call, for one model.
std::vector<std::string> publicSymbols(const ModelPlan &plan);

/// 64-bit words of M_context.
uint64_t contextWords(const ModelPlan &plan);

} // namespace nncc
#endif
