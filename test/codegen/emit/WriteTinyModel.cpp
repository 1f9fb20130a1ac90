// Writes the library of the made-up model, for tests that link and run it.
// Usage: tiny-model [--shared] FOLDER TARGET [NAME] [EXTRA-WEIGHT-BYTES] [CPU]
#include "codegen/CpuFeatures.h"
#include "codegen/emit/Identifiers.h"
#include "codegen/emit/Library.h"
#include "test/codegen/emit/TinyModel.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;

int main(int argc, char **argv) {
  std::vector<std::string> args(argv + 1, argv + argc);
  bool isShared = !args.empty() && args[0] == "--shared";
  if (isShared)
    args.erase(args.begin());
  if (args.size() < 2) {
    errs() << "usage: tiny-model [--shared] FOLDER TARGET [NAME] [EXTRA-WEIGHT-BYTES] [CPU]\n";
    return 2;
  }
  std::string name = args.size() > 2 ? args[2] : "tiny";
  int64_t extra = args.size() > 3 ? std::stoll(args[3]) : 0;
  mlir::MLIRContext mlirContext;
  LLVMContext llvmContext;
  nncc::ModelPlan plan = nncc::test::tinyPlan(mlirContext, nncc::modelIdentifier(name), args[1], extra);
  plan.form = isShared ? nncc::LibraryForm::Shared : nncc::LibraryForm::Archive;
  if (args.size() > 4)
    plan.cpu = args[4];
  auto fail = [](Error error) {
    errs() << "error: " << toString(std::move(error)) << '\n';
    return 1;
  };
  auto target = nncc::parseTarget(plan.target, plan.cpu);
  if (!target)
    return fail(target.takeError());
  nncc::EmitOptions options;
  options.compileToObject = nncc::test::tinyCompiler(plan);
  options.cpuRequired = nncc::requiredCpuFeatures(*target);
  auto files = nncc::OutputFiles::create(args[0]);
  if (!files)
    return fail(files.takeError());
  auto facts = nncc::emitLibrary(nncc::test::tinyModule(llvmContext, plan), plan, options, **files);
  if (!facts)
    return fail(facts.takeError());
  if (Error error = (*files)->commit())
    return fail(std::move(error));
  return 0;
}
