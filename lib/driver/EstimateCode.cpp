// See EstimateCode.h.
#include "lib/driver/EstimateCode.h"
#include "codegen/ObjectCode.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"

using namespace llvm;

namespace nncc {

Expected<EstimatedCode> estimateCode(Compilation &compilation, const CompileOptions &options) {
  CpuEstimator estimator(options.target);
  EmitOptions emit = emitOptions(options);
  emit.compileToObject = [&](llvm::Module &module) {
    ObjectOptions object;
    object.observer = &estimator.observer();
    return compileToObject(module, options.target, object);
  };
  auto code = emitCode(*compilation.llvmModule, compilation.plan, emit);
  if (!code)
    return code.takeError();
  if (options.progress)
    options.progress("timing the code");
  auto costs = estimator.estimate(compilation.plan, code->object->getBuffer());
  if (!costs)
    return costs.takeError();
  return EstimatedCode{std::move(*code), std::move(*costs)};
}

} // namespace nncc
