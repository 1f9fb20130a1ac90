// nncc ops: the operators that models may have.
#include "lib/driver/CommandLine.h"
#include "lib/import/onnx/Import.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/JSON.h"

using namespace llvm;

namespace nncc {

static int listOperators() {
  std::vector<OnnxOperator> operators = onnxOperators();
  if (wantsJson()) {
    json::Array list;
    for (const OnnxOperator &op : operators)
      list.push_back(json::Object{{"name", op.name}, {"domain", op.domain}, {"family", op.family}});
    outs() << formatv("{0:2}\n", json::Value(json::Object{{"schema", "nncc-ops"},
                                                          {"version", 1},
                                                          {"oldest_opset", kOldestOpset},
                                                          {"newest_opset", kNewestOpset},
                                                          {"operators", std::move(list)}}));
    return 0;
  }
  outs() << operators.size() << " operators, opsets " << kOldestOpset << " to " << kNewestOpset
         << "; docs/operators.md says what of them is read\n\n";
  for (const OnnxOperator &op : operators)
    outs() << left_justify(op.family, 12) << " " << op.name << (op.domain.empty() ? "" : " (" + op.domain + ")")
           << "\n";
  return 0;
}

const Command opsCommand = {
    .name = "ops",
    .summary = "the ONNX operators that are read",
    .overview = "Lists the operators of ONNX, and those that onnxruntime's tools write into files, a line each.",
    .run = listOperators,
    .category = opsCategory,
    .isCompiler = false,
    .examples = "  nncc ops | grep Conv\n  nncc ops --json\n",
    .printsReport = true,
    .argument = ""};

} // namespace nncc
