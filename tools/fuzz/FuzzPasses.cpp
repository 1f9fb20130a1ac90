// fuzz-passes: an input is a line with a pipeline of nncc's passes, and IR in text form. Whatever verifies is either
// transformed or refused by the passes.
#include "lib/driver/Compile.h"
#include "lib/driver/Registry.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "tools/fuzz/Fuzzing.h"

extern "C" int LLVMFuzzerInitialize(int *, char ***) {
  nncc::registerPasses();
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  using namespace nncc;
  auto [pipeline, rest] = llvm::StringRef(reinterpret_cast<const char *>(data), size).split('\n');
  std::string text = rest.str(); // the parser reads up to a zero behind it
  auto context = makeContext();
  mlir::ScopedDiagnosticHandler silent(context.get(), [](mlir::Diagnostic &) { return mlir::success(); });
  mlir::PassManager passes(context.get(), mlir::ModuleOp::getOperationName(), mlir::PassManager::Nesting::Implicit);
  if (!pipeline.starts_with("nncc-") || failed(mlir::parsePassPipeline(pipeline, passes, llvm::nulls())))
    return -1; // no seed for others
  auto module = mlir::parseSourceString<mlir::ModuleOp>(text, context.get());
  if (!module)
    return 0;
  if (succeeded(passes.run(*module)) && failed(mlir::verify(*module)))
    fuzz::fail("transformed into IR that does not verify");
  return 0;
}
