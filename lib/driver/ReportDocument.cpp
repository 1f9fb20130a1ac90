// See ReportDocument.h.
#include "lib/driver/ReportDocument.h"
#include "codegen/emit/Manifest.h"
#include "dialects/nn/BinaryKind.h"
#include "dialects/nn/UnaryKind.h"
#include "lib/driver/BuildAndLoad.h"
#include "lib/driver/KernelSources.h"
#include "lib/driver/ModelInfo.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/AsmState.h"

using namespace llvm;

namespace nncc {

namespace {

/// Lines of a function that are shown: a page of all unrolled loops of a network would be too large to be sent around.
constexpr size_t kMostLines = 250;

mlir::OpPrintingFlags printingFlags() {
  return mlir::OpPrintingFlags().useLocalScope().elideLargeElementsAttrs(16).elideLargeResourceString(16);
}

/// A kernel at stage P, behind the places of its operands.
std::string kernelText(nn::KernelOp kernel, mlir::AsmState &state) {
  std::string text;
  raw_string_ostream os(text);
  for (mlir::Value operand : kernel->getOperands())
    if (mlir::Operation *place = operand.getDefiningOp()) {
      place->print(os, state);
      os << "\n";
    }
  kernel->print(os, state);
  return json::fixUTF8(text);
}

std::string functionText(mlir::func::FuncOp function) {
  std::string text;
  raw_string_ostream os(text);
  function->print(os, printingFlags());
  return json::fixUTF8(text);
}

std::string cutLines(StringRef text) {
  size_t at = 0;
  for (size_t line = 0; line < kMostLines; ++line) {
    at = text.find('\n', at);
    if (at == StringRef::npos)
      return text.str();
    ++at;
  }
  return (text.take_front(at) + "... and " + Twine(text.drop_front(at).count('\n') + 1) +
          " lines more; `nncc compile --emit=mlir --stop-after=L2` shows them all\n")
      .str();
}

/// What an op of a kernel's body computes: elementwise ops are called by their functions.
std::string functionName(mlir::Operation &op) {
  if (auto unary = dyn_cast<nn::UnaryOp>(op))
    return nn::stringifyUnaryKind(unary.getKind()).str();
  if (auto binary = dyn_cast<nn::BinaryOp>(op))
    return nn::stringifyBinaryKind(binary.getKind()).str();
  return op.getName().stripDialect().str();
}

json::Value inputsJson(const KernelPlan &kernel) {
  json::Array inputs;
  for (const OperandPlan &operand : kernel.operands)
    if (!operand.isOutput)
      inputs.push_back(json::Object{{"type", typeName(operand.elementType)},
                                    {"shape", json::Array(operand.shape)},
                                    {"is_weight", operand.memory == Memory::Weights}});
  return inputs;
}

json::Value kernelJson(const KernelPlan &kernel, const SeenCode::Kernel &seen, ArrayRef<unsigned> sources) {
  return json::Object{{"sources", json::Array(sources)},
                      {"inputs", inputsJson(kernel)},
                      {"ops", json::Array(seen.ops)},
                      {"body", seen.body}};
}

} // namespace

void SeenCode::operator()(Stage stage, mlir::ModuleOp module) {
  if (stage == Stage::P) {
    mlir::AsmState state(module, printingFlags());
    module.walk([&](nn::KernelOp kernel) {
      Kernel &seen = kernels[kernel.getName().str()] = {};
      for (mlir::Operation &op : kernel.getBody().front().without_terminator())
        seen.ops.push_back(functionName(op));
      seen.body = kernelText(kernel, state);
    });
  }
  if (stage == Stage::L2)
    for (auto function : module.getOps<mlir::func::FuncOp>())
      if (function.getName() != "main")
        texts[function.getName().str()] = cutLines(functionText(function));
}

const SeenCode::Kernel &SeenCode::kernel(const std::string &name) const {
  static const Kernel none;
  auto found = kernels.find(name);
  return found == kernels.end() ? none : found->second;
}

json::Value reportDocument(ReportParts parts) {
  json::Array kernels;
  for (auto [kernel, sources] : zip(parts.plan.kernels, kernelSources(parts.plan)))
    kernels.push_back(kernelJson(kernel, parts.seen.kernel(kernel.name), sources));
  json::Object functions;
  for (const auto &[symbol, text] : parts.seen.functions())
    functions[symbol] = text;
  std::string manifest;
  raw_string_ostream os(manifest);
  writeManifest(parts.plan, parts.facts, os);
  json::Object top{{"schema", "nncc-report"},
                   {"version", 1},
                   {"nncc", NNCC_VERSION},
                   {"file", json::fixUTF8(parts.file)},
                   {"model", infoJson(parts.info)},
                   {"manifest", cantFail(json::parse(manifest), "it was written here")},
                   {"estimate", estimateJson(parts.estimate)},
                   {"kernels", std::move(kernels)},
                   {"functions", std::move(functions)}};
  if (parts.bench)
    top["bench"] = std::move(*parts.bench);
  if (parts.debug)
    top["debug"] = std::move(*parts.debug);
  if (parts.outputs)
    top["outputs"] = std::move(*parts.outputs);
  return top;
}

} // namespace nncc
