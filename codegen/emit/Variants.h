// Code for several CPUs in one library: what was compiled for each of them becomes one module and one plan, whose
// weights are there once. M_init chooses (runtime/model/core.c).
#ifndef NNCC_CODEGEN_EMIT_VARIANTS_H
#define NNCC_CODEGEN_EMIT_VARIANTS_H
#include "codegen/emit/ModelPlan.h"
#include "codegen/emit/WeightsObject.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/Error.h"
#include <memory>

namespace llvm {
class LLVMContext;
class Module;
} // namespace llvm

namespace nncc {

/// A model that is compiled for one of the CPUs.
struct VariantCode {
  ModelPlan plan;
  uint64_t cpuRequired = 0;           ///< NNCC_CPU_* bits
  llvm::SmallVector<char, 0> bitcode; ///< the kernels, optimized: modules of LLVM belong to a context
};

struct MergedVariants {
  std::unique_ptr<llvm::Module> module; ///< the kernels of all
  ModelPlan plan;                       ///< ModelPlan::variants are filled
};

/// What the symbols of a CPU's code end in: `.cortex_a76`.
std::string symbolSuffix(llvm::StringRef cpu);

/// Gives every symbol of a module the suffix of its CPU, and lets the kernels of the plan survive optimization, as
/// nothing calls them yet.
///
/// plan  names them, with the suffix afterwards
void separateSymbols(llvm::Module &module, ModelPlan &plan);

/// Makes one of all.
///
/// variants  of the same model and target, the one that is preferred first; their symbols are separated
/// pack      writes weights with a packing recipe
/// error     our mistakes only
llvm::Expected<MergedVariants> mergeVariants(std::vector<VariantCode> variants, const WeightWriter &pack,
                                             llvm::LLVMContext &context);

} // namespace nncc
#endif
