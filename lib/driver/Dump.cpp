// See Dump.h. Both files are the two ends of one text as MLIR prints it: what stands behind the module are resources
// and locations, which are as long as the model is large.
#include "lib/driver/Dump.h"
#include "codegen/emit/PortType.h"
#include "dialects/nn/ConstantData.h"
#include "dialects/nn/NN.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "passes/Passes.h"
#include "llvm/Support/MemoryBuffer.h"

using namespace mlir;

namespace nncc {

bool isDump(llvm::StringRef path) { return path.ends_with(".mlir"); }

std::string dumpWeightsPath(llvm::StringRef path) { return (path + ".weights").str(); }

llvm::Error requireOnnx(llvm::StringRef model, const llvm::Twine &what) {
  if (!isDump(model))
    return llvm::Error::success();
  return llvm::createStringError(what + " needs an ONNX model, and '" + model +
                                 "' is IR\nnote: give the model that it was made of; compile, run, bench, tune, "
                                 "estimate and debug read IR");
}

std::pair<std::string, std::string> writeDump(ModuleOp module) {
  OpPrintingFlags flags;
  flags.enableDebugInfo().elideLargeElementsAttrs(INT64_MAX).elideLargeResourceString(INT64_MAX);
  std::string text;
  llvm::raw_string_ostream os(text);
  module->print(os, flags);
  size_t end = text.find("\n}"); // of the module: all else in it is indented
  end = text.find('\n', end == std::string::npos ? 0 : end + 1);
  return {text.substr(0, end) + "\n", end == std::string::npos ? "" : text.substr(end + 1)};
}

/// Whether a type is that of a tensor as the importer makes them: of elements that the ABI knows as well.
static bool isTensorOfModel(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (!tensor || tensor.getEncoding())
    return false;
  Type element = tensor.getElementType();
  return portType(element) && !element.isSignedInteger() && !element.isUnsignedInteger(1);
}

/// A value of a type that no model has; empty: there is none.
static std::string findStrangeType(func::FuncOp main) {
  std::string found;
  auto look = [&](Type type) {
    if (!isTensorOfModel(type) && found.empty())
      llvm::raw_string_ostream(found) << type;
  };
  llvm::for_each(main.getArgumentTypes(), look);
  main.walk([&](Operation *op) { llvm::for_each(op->getResultTypes(), look); });
  return found;
}

/// What is wrong with a module before anything relies on it; empty: nothing.
static std::string whatIsWrong(ModuleOp module) {
  PassManager passes(module.getContext());
  passes.addPass(createCheck({"N1"}));
  std::string said;
  ScopedDiagnosticHandler handler(module.getContext(), [&](Diagnostic &diagnostic) {
    if (said.empty())
      said = diagnostic.str();
    return success();
  });
  if (failed(passes.run(module)))
    return "is no IR of stage N1: " + said;
  auto main = module.lookupSymbol<func::FuncOp>("main");
  if (!main || !main.getBody().hasOneBlock() || !llvm::hasSingleElement(module.getBody()->getOperations()))
    return "has to hold one function, @main, with a body of one block, and nothing else";
  if (main.getNumResults() == 0)
    return "has no outputs";
  if (std::string type = findStrangeType(main); !type.empty())
    return "has a value of type " + type + ", which no model has";
  bool lacksBytes = false;
  module.walk([&](nn::ConstantOp constant) { lacksBytes |= !nn::ConstantReader::get(constant.getResult()); });
  return lacksBytes ? "lacks the bytes of its constants, or has others than their types say" : "";
}

FailureOr<OwningOpRef<ModuleOp>> readDump(llvm::StringRef path, MLIRContext &context) {
  context.loadDialect<func::FuncDialect, nn::NNDialect>(); // passes make ops of them, whatever the text holds
  auto report = [&](const llvm::Twine &what) {
    return emitError(UnknownLoc::get(&context)) << "'" << path.str() << "' " << what.str();
  };
  auto text = llvm::MemoryBuffer::getFile(path);
  if (!text)
    return report("cannot be read: " + text.getError().message()), failure();
  std::string whole = (*text)->getBuffer().str();
  if (auto rest = llvm::MemoryBuffer::getFile(dumpWeightsPath(path)))
    whole += (*rest)->getBuffer();
  std::string said;
  OwningOpRef<ModuleOp> module;
  {
    ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
      if (said.empty())
        said = diagnostic.str();
      return success();
    });
    module = parseSourceString<ModuleOp>(whole, ParserConfig(&context), path);
  }
  if (!module)
    return report("does not parse: " + said), failure();
  if (std::string wrong = whatIsWrong(*module); !wrong.empty()) {
    InFlightDiagnostic error = report(wrong);
    error.attachNote() << "what can be compiled again is written by --emit=mlir --stop-after=N1 -o DIR, with '"
                       << dumpWeightsPath(llvm::StringRef("NAME.mlir")) << "' beside it";
    return error;
  }
  return std::move(module);
}

} // namespace nncc
