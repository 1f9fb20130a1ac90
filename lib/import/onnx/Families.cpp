// The list of families, and the lookup over their tables.
#include "lib/import/onnx/Families.h"
#include "lib/import/onnx/Import.h"
#include "llvm/ADT/StringMap.h"
#include <algorithm>
#include <tuple>

namespace nncc::import {

namespace {
struct Family {
  const char *name;
  ArrayRef<OpEntry> (*operators)();
};
} // namespace

static const Family families[] = {
    {"Conv", convOps},     {"Pool", poolOps},         {"MatMul", matMulOps},       {"Elementwise", elementwiseOps},
    {"Reduce", reduceOps}, {"Norm", normOps},         {"Attention", attentionOps}, {"Attention", fusedAttentionOps},
    {"Layout", layoutOps}, {"Shape", shapeOps},       {"Slice", sliceOps},         {"Index", indexOps},
    {"Quant", quantOps},   {"Resample", resampleOps}, {"Recurrent", recurrentOps}, {"Control", controlOps},
    {"Signal", signalOps}, {"Sequence", sequenceOps}, {"Tabular", tabularOps},     {"Trees", treeOps}};

const OpEntry *findOp(StringRef domain, StringRef name) {
  static const llvm::StringMap<const OpEntry *> all = [] {
    llvm::StringMap<const OpEntry *> map;
    for (const Family &family : families)
      for (const OpEntry &entry : family.operators())
        map[(Twine(entry.domain) + ":" + entry.name).str()] = &entry;
    return map;
  }();
  return all.lookup((Twine(domain == "ai.onnx" ? "" : domain) + ":" + name).str());
}

} // namespace nncc::import

std::vector<nncc::OnnxOperator> nncc::onnxOperators() {
  std::vector<OnnxOperator> operators;
  for (const import::Family &family : import::families) {
    size_t begin = operators.size();
    for (const import::OpEntry &entry : family.operators())
      operators.push_back({entry.name, entry.domain, family.name});
    std::sort(operators.begin() + begin, operators.end(), [](const OnnxOperator &a, const OnnxOperator &b) {
      return std::tie(a.name, a.domain) < std::tie(b.name, b.domain);
    });
  }
  return operators;
}
