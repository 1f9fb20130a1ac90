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

/// What products make of a matrix that tables read, too.
struct Products {
  unsigned count = 0, byRow = 0;
};

static std::map<std::string, Products> findProducts(const ModelEditor &editor, ArrayRef<Contraction> contractions) {
  std::map<std::string, Products> products;
  for (const Contraction &contraction : contractions) {
    auto matrix = contraction.weight.rank() == 2 ? editor.floats(contraction.weightName) : std::nullopt;
    if (!matrix || matrix->values != contraction.weight.values)
      continue; // a Gemm's factor is part of its weights
    ++products[contraction.weightName].count;
    products[contraction.weightName].byRow += contraction.weightAxis == 0;
  }
  return products;
}

std::vector<Table> findTables(const ModelEditor &editor, ArrayRef<Contraction> contractions, WeightForm form,
                              bool isDynamic) {
  std::map<std::string, unsigned> gathers;
  std::vector<Table> found;
  std::map<std::string, Products> products;
  if (form != WeightForm::Int4 && !isDynamic) // those write the weights of products in an order of their own
    products = findProducts(editor, contractions);
  for (auto [i, node] : enumerate(editor.graph().node()))
    if (readsRows(editor, node)) {
      ++gathers[node.input(0)];
      found.push_back({(int)i, editor.nameOf(i), node.input(0)});
    }
  erase_if(found, [&](Table &table) {
    auto matrix = editor.floats(table.weightName);
    const Products &sharing = products[table.weightName];
    table.isShared = sharing.count;
    table.isByRow = sharing.byRow;
    bool isOneForm = isOfHalves(form) || !sharing.byRow || sharing.byRow == sharing.count;
    return !isOneForm || gathers[table.weightName] + sharing.count != editor.readers(table.weightName) || !matrix ||
           (int64_t)matrix->values.size() < kLeastElements || !canHaveSteps(matrix->values);
  });
  return found;
}

/// Writes the rows that a Gather reads as integers times their scales, in its place.
static void widenByRow(ModelEditor &editor, int index, const std::string &rows, const std::string &scales) {
  auto insert = [&](const char *op, const std::string &wanted, ArrayRef<std::string> inputs) -> onnx::NodeProto & {
    std::string result = editor.freshName(wanted);
    return editor.insertBefore(index, makeNode(op, editor.freshName(result + "_node"), inputs, result));
  };
  std::string indices = editor.node(index).input(1);
  onnx::NodeProto &gather = insert("Gather", rows + "_scales", {scales, indices});
  addAttribute(gather, "axis", 0);
  std::string last = editor.addConstant<int64_t>(rows + "_last", {1}, {-1}), one = gather.output(0);
  std::string ofRows = insert("Unsqueeze", rows + "_scale_of_each", {one, last}).output(0);
  onnx::NodeProto &steps = insert("Cast", rows + "_steps", {rows});
  addAttribute(steps, "to", (int64_t)onnx::TensorProto::FLOAT);
  onnx::NodeProto &node = editor.node(index);
  node = makeNode("Mul", node.name(), {steps.output(0), ofRows}, node.output(0));
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
      Contraction columns; // the scales of a product's weights are those of columns or rows, too
      columns.weight = *editor.floats(table.weightName);
      columns.weightAxis = table.isByRow ? 0 : 1;
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
    if (table.isByRow) {
      widenByRow(editor, table.node, rows, names.scale);
      continue;
    }
    onnx::NodeProto dequantize =
        makeNode("DequantizeLinear", node.name(), {rows, names.scale, names.zero}, node.output(0));
    addAttribute(dequantize, "axis", -1);
    node = std::move(dequantize);
  }
}

} // namespace nncc::quantize
