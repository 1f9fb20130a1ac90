// The last step of a compile: from an LLVM module and a plan to libM.a or libM.so,
// M.h and M.json, and M.weights where they lie outside. The façade of this folder.
#ifndef NNCC_CODEGEN_EMIT_LIBRARY_H
#define NNCC_CODEGEN_EMIT_LIBRARY_H
#include "codegen/emit/Manifest.h"
#include "codegen/emit/ModelEntry.h"
#include "codegen/emit/ModelPlan.h"
#include "codegen/emit/OutputFiles.h"
#include "codegen/emit/WeightsObject.h"
#include "llvm/Support/MemoryBuffer.h"
#include <functional>
#include <memory>

namespace llvm {
class Module;
}

namespace nncc {

/// Optimizes a module and compiles it to an object with .stack_sizes and one
/// section per function: compileToObject() of codegen/ObjectCode.h. What it
/// leaves of the module does not matter.
using ObjectCompiler = std::function<llvm::Expected<llvm::SmallVector<char, 0>>(llvm::Module &)>;

struct EmitOptions {
  ObjectCompiler compileToObject; ///< with ModelPlan::variants: generates code alone, of what is optimized
  ModuleOptimizer optimizeEntry;  ///< with ModelPlan::variants: of the entry points
  WeightWriter packWeight;        ///< carries out packing recipes
  uint64_t cpuRequired = 0;       ///< requiredCpuFeatures() of the target; of several CPUs: those of all
};

/// The code object of a model, stripped (StripObject.h), and what is known about it.
struct EmittedCode {
  std::unique_ptr<llvm::MemoryBuffer> object;
  LibraryFacts facts; ///< of the code; of the weights after emitLibrary
};

/// Completes the module (addModelEntry, addVariantsEntry), compiles it and checks the object: no
/// global symbol without the model's prefix, nothing undefined but memcpy,
/// memset, memmove, the weights and, with several CPUs, getauxval, no static constructors.
///
/// plan    stackBytes is set, to -1 if there is no bound
/// error   our mistakes only
llvm::Expected<EmittedCode> emitCode(llvm::Module &module, ModelPlan &plan, const EmitOptions &options);

/// Writes M.weights of a plan with externWeights, whose code is emitted; the caller commits it.
///
/// plan    weightsHash is set
llvm::Error emitWeightsFile(ModelPlan &plan, const WeightWriter &pack, OutputFiles &files);

/// Emits the files of a library: those of the plan's form, M.h, M.json and, with externWeights, M.weights; the
/// caller commits them.
///
/// module  is destroyed as soon as its code is made
/// error   a failed write ("cannot write 'out/libm.a': No space left on
///         device"); else our mistakes
llvm::Expected<LibraryFacts> emitLibrary(std::unique_ptr<llvm::Module> module, ModelPlan &plan,
                                         const EmitOptions &options, OutputFiles &files);

} // namespace nncc
#endif
