// See Tables.h.
#include "lib/quantize/Tables.h"
#include "lib/quantize/Contractions.h"
#include "lib/quantize/Weights.h"
#include "llvm/ADT/STLExtras.h"

using namespace llvm;

namespace nncc::quantize {

/// Smaller ones save less than their nodes cost.
static constexpr int64_t kLeastElements = 4096;

static bool readsRows(const ModelEditor &editor, const onnx::NodeProto &node) {
  if (node.op_type() != "Gather" || !isOnnx(node) || node.input_size() != 2 || node.output_size() != 1 ||
      intAttribute(node, "axis", 0) != 0 || editor.constant(node.input(1)))
    return false;
  const onnx::TensorProto *matrix = editor.constant(node.input(0));
  return matrix && matrix->data_type() == onnx::TensorProto::FLOAT && matrix->dims_size() == 2;
}

std::vector<Table> findTables(const ModelEditor &editor) {
  std::map<std::string, unsigned> gathers;
  std::vector<Table> found;
  for (auto [i, node] : enumerate(editor.graph().node()))
    if (readsRows(editor, node)) {
      ++gathers[node.input(0)];
      found.push_back({(int)i, editor.nameOf(i), node.input(0)});
    }
  erase_if(found, [&](const Table &table) {
    auto matrix = editor.floats(table.weightName);
    return gathers[table.weightName] != editor.readers(table.weightName) || !matrix ||
           (int64_t)matrix->values.size() < kLeastElements || !canHaveSteps(matrix->values);
  });
  return found;
}

void writeTables(ModelEditor &editor, ArrayRef<Table> tables, WeightForm form) {
  struct Written {
    std::string steps, scale, zero;
  };
  std::map<std::string, Written> written;
  for (const Table &table : tables) {
    Written &names = written[table.weightName];
    if (names.steps.empty() && isOfHalves(form)) {
      names.steps = addHalves(editor, table.weightName, *editor.floats(table.weightName), form);
    } else if (names.steps.empty()) {
      Contraction columns; // the scales of a product's weights are those of columns, too
      columns.weight = *editor.floats(table.weightName);
      columns.weightAxis = 1;
      QuantizedWeights weights = quantizeWeights(columns, std::nullopt);
      int64_t count = weights.scales.size();
      names = {editor.addConstant<int8_t>(table.weightName + "_quantized", columns.weight.shape, weights.steps),
               editor.addConstant<float>(table.weightName + "_scale", {count}, weights.scales),
               editor.addConstant<int8_t>(table.weightName + "_zero_point", {count}, std::vector<int8_t>(count, 0))};
    }
    // The node that was the Gather widens its rows now, so that they keep their name.
    onnx::NodeProto &node = editor.node(table.node);
    std::string rows = editor.freshName(node.output(0) + "_quantized");
    onnx::NodeProto gather =
        makeNode("Gather", editor.freshName(table.name + "_quantized"), {names.steps, node.input(1)}, rows);
    addAttribute(gather, "axis", 0);
    editor.insertBefore(table.node, std::move(gather));
    if (isOfHalves(form)) {
      onnx::NodeProto widening = makeWidening(editor, rows, node.output(0));
      widening.set_name(node.name());
      node = std::move(widening);
      continue;
    }
    onnx::NodeProto dequantize =
        makeNode("DequantizeLinear", node.name(), {rows, names.scale, names.zero}, node.output(0));
    addAttribute(dequantize, "axis", -1);
    node = std::move(dequantize);
  }
}

} // namespace nncc::quantize
