// See KernelOptions.h.
#include "passes/check/KernelOptions.h"
#include "dialects/nn/NN.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;

LogicalResult nncc::readKernelOptions(Operation *module, ArrayRef<std::string> options, StringRef before,
                                      StringRef after, function_ref<LogicalResult(StringRef, StringRef)> read) {
  SmallVector<StringRef> names;
  module->walk([&](nn::KernelOp kernel) { names.push_back(kernel.getName()); });
  for (StringRef text : options) {
    auto [name, word] = text.rsplit(':');
    if (!llvm::is_contained(names, name)) {
      InFlightDiagnostic diagnostic = emitError(module->getLoc()) << before << " '" << name << "'" << after;
      diagnostic.attachNote() << "the kernels are " << llvm::join(names, ", ");
      return failure();
    }
    if (failed(read(name, word)))
      return failure();
  }
  return success();
}
