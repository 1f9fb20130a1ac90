// See WriteModels.h.
#include "lib/quantize/WriteModels.h"
#include "lib/quantize/Terms.h"
#include "lib/quantize/Weights.h"
#include "llvm/ADT/STLExtras.h"

using namespace llvm;

namespace nncc::quantize {

namespace {

/// shape  none: not told
void addFloatValue(onnx::ValueInfoProto &value, const std::string &name, std::optional<ArrayRef<int64_t>> shape) {
  value.set_name(name);
  auto &type = *value.mutable_type()->mutable_tensor_type();
  type.set_elem_type(onnx::TensorProto::FLOAT);
  if (!shape)
    return;
  type.mutable_shape();
  for (int64_t dim : *shape)
    type.mutable_shape()->add_dim()->set_dim_value(dim);
}

/// Takes out the factors of a Gemm, which its weights and bias hold from now on.
void dropFactors(onnx::NodeProto &node, const Contraction &contraction) {
  if (contraction.op != "Gemm")
    return;
  removeAttribute(node, "alpha");
  if (contraction.takesBias)
    removeAttribute(node, "beta");
}

/// A scalar by default.
std::string addInput(ModelEditor &editor, const std::string &wanted, ArrayRef<int64_t> shape = {}) {
  std::string name = editor.freshName(wanted);
  addFloatValue(*editor.mutableModel().mutable_graph()->add_input(), name, shape);
  return name;
}

/// Writes a constant, or where there is a switch, plain + (rounded - plain) * switch in front of a node. Returns the
/// result's name.
std::string writeValues(ModelEditor &editor, int node, const std::string &name, ArrayRef<int64_t> shape,
                        ArrayRef<float> plain, ArrayRef<float> rounded, const std::string &onOff) {
  if (onOff.empty())
    return editor.addConstant<float>(name, shape, rounded);
  std::vector<float> difference;
  for (auto [from, to] : zip(plain, rounded))
    difference.push_back(to - from);
  std::string change = editor.freshName(name + "_change"), result = editor.freshName(name + "_switched");
  editor.insertBefore(node,
                      makeNode("Mul", editor.freshName(change + "_node"),
                               {editor.addConstant<float>(name + "_difference", shape, difference), onOff}, change));
  editor.insertBefore(node, makeNode("Add", editor.freshName(result + "_node"),
                                     {editor.addConstant<float>(name, shape, plain), change}, result));
  return result;
}

/// Writes x = round(x / scale), limited, times scale in front of a node. Returns the result's name.
std::string writeSwitch(ModelEditor &editor, int node, const std::string &tensor, GridInputs &inputs) {
  inputs.scale = addInput(editor, tensor + "_scale");
  inputs.low = addInput(editor, tensor + "_low");
  inputs.high = addInput(editor, tensor + "_high");
  std::string current = tensor;
  auto step = [&](const char *op, const char *suffix, const std::string &other) {
    std::string result = editor.freshName(tensor + suffix);
    std::vector<std::string> operands{current};
    if (!other.empty())
      operands.push_back(other);
    editor.insertBefore(node, makeNode(op, editor.freshName(result + "_node"), operands, result));
    current = result;
  };
  step("Div", "_in_steps", inputs.scale);
  step("Round", "_rounded", "");
  step("Max", "_above", inputs.low);
  step("Min", "_within", inputs.high);
  step("Mul", "_on_grid", inputs.scale);
  return current;
}

/// Writes the bias of a convolution without what offsets of the channels that it reads add to each output in front of
/// it. Returns the result's name.
///
/// sums  [groups, outputs, channels of a group]  what channels add to outputs, each times its offset
/// bias  empty: 0
std::string writeWithoutOffsets(ModelEditor &editor, const Contraction &contraction, const Terms &terms,
                                ArrayRef<float> sums, const std::string &offsets, const std::string &bias) {
  auto insert = [&](const char *op, const char *suffix, ArrayRef<std::string> operands) {
    std::string result = editor.freshName(contraction.weightName + suffix);
    editor.insertBefore(contraction.node, makeNode(op, editor.freshName(result + "_node"), operands, result));
    return result;
  };
  auto constant = [&](const char *suffix, ArrayRef<int64_t> values) {
    return editor.addConstant<int64_t>(contraction.weightName + suffix, {(int64_t)values.size()}, values);
  };
  std::string shaped =
      insert("Reshape", "_offsets", {offsets, constant("_groups", {terms.groups(), 1, terms.channelsOfGroup()})});
  std::string factors = editor.addConstant<float>(contraction.weightName + "_sums",
                                                  {terms.groups(), terms.outputs(), terms.channelsOfGroup()}, sums);
  std::string added =
      insert("ReduceSum", "_added", {insert("Mul", "_products", {shaped, factors}), constant("_dim", {2})});
  added = insert("Reshape", "_by_output", {added, constant("_outputs", {contraction.outputChannels()})});
  return bias.empty() ? insert("Neg", "_bias_alone", {added}) : insert("Sub", "_bias_without", {bias, added});
}

/// Writes a QuantizeLinear and a DequantizeLinear in front of a node. Returns the result's name.
std::string writePair(ModelEditor &editor, int node, const std::string &tensor, const ActivationGrid &grid) {
  std::string scale = editor.addConstant<float>(tensor + "_scale", {}, {grid.scale});
  std::string zero = editor.addConstant<uint8_t>(tensor + "_zero_point", {}, {(uint8_t)grid.zeroPoint});
  std::string steps = editor.freshName(tensor + "_quantized"), result = editor.freshName(tensor + "_dequantized");
  editor.insertBefore(
      node, makeNode("QuantizeLinear", editor.freshName(tensor + "_QuantizeLinear"), {tensor, scale, zero}, steps));
  editor.insertBefore(
      node, makeNode("DequantizeLinear", editor.freshName(tensor + "_DequantizeLinear"), {steps, scale, zero}, result));
  return result;
}

/// Writes a DequantizeLinear of a constant with a scale for each channel of a dim. Returns the result's name.
template <typename T>
std::string writeDequantized(ModelEditor &editor, int node, const std::string &name, ArrayRef<int64_t> shape,
                             ArrayRef<T> steps, ArrayRef<float> scales, int64_t axis) {
  int64_t channels = scales.size();
  std::string constant = editor.addConstant<T>(name + "_quantized", shape, steps);
  std::string scale = editor.addConstant<float>(name + "_scale", {channels}, scales);
  std::string zero = editor.addConstant<T>(name + "_zero_point", {channels}, std::vector<T>(channels, 0));
  std::string result = editor.freshName(name + "_dequantized");
  onnx::NodeProto dequantize =
      makeNode("DequantizeLinear", editor.freshName(name + "_DequantizeLinear"), {constant, scale, zero}, result);
  addAttribute(dequantize, "axis", axis);
  editor.insertBefore(node, std::move(dequantize));
  return result;
}

/// Puts each tensor that contractions read on its grid, once, and those that are stored so for all who read them.
class InputGrids {
public:
  using Write = function_ref<std::string(int node, const std::string &tensor, const ActivationGrid &grid)>;
  InputGrids(ModelEditor &editor, const Decision &decision, Write write) : decision(decision), write(write) {
    for (auto [i, node] : enumerate(editor.graph().node()))
      for (auto [number, tensor] : enumerate(node.input()))
        if (auto grid = decision.grids.find(tensor); grid != decision.grids.end() && decision.stored.count(tensor))
          editor.node(i).set_input(number, onGrid(i, tensor, grid->second));
  }

  /// Returns the scale; nothing where the input stays float.
  std::optional<float> apply(ModelEditor &editor, const Contraction &contraction) {
    auto grid = decision.grids.find(contraction.input);
    if (!decision.needsGrids() || grid == decision.grids.end())
      return std::nullopt;
    editor.node(contraction.node).set_input(0, onGrid(contraction.node, contraction.input, grid->second));
    return grid->second.scale;
  }

private:
  /// The tensor's name on its grid, where a node is among those that read it so.
  std::string onGrid(int node, const std::string &tensor, const ActivationGrid &grid) {
    std::string &name = written[tensor];
    if (name.empty())
      name = write(node, tensor, grid);
    return name;
  }

  const Decision &decision;
  Write write;
  std::map<std::string, std::string> written;
};

/// Weights as MatMulInteger takes them, K x N: those of a Gemm may lie the other way.
std::vector<int8_t> columnsOf(const Contraction &contraction, ArrayRef<int8_t> steps) {
  if (contraction.weightAxis != 0)
    return steps.vec();
  int64_t rows = contraction.weight.dim(1), columns = contraction.weight.dim(0);
  std::vector<int8_t> result(steps.size());
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t column = 0; column < columns; ++column)
      result[row * columns + column] = steps[column * rows + row];
  return result;
}

/// Writes products of integers whose left sides are quantized as they come.
class DynamicProducts {
public:
  explicit DynamicProducts(ModelEditor &editor) : editor(editor) {}

  /// y = (integers of x, times weights) * (scale of x * scales of weights) + bias, under the name of the node's result.
  void write(const Contraction &contraction) {
    const Steps &x = quantized(contraction);
    const Columns &w = columns(contraction);
    node = contraction.node;
    std::string sums = insert("MatMulInteger", contraction.name + "_integers", {x.steps, w.steps, x.zero});
    std::string floats = editor.freshName(contraction.name + "_floats");
    onnx::NodeProto cast = makeNode("Cast", editor.freshName(floats + "_node"), {sums}, floats);
    addAttribute(cast, "to", (int64_t)onnx::TensorProto::FLOAT);
    editor.insertBefore(node, std::move(cast));
    std::string factors = insert("Mul", contraction.name + "_scales", {x.scale, w.scales});
    if (!contraction.bias)
      return replace("Mul", floats, factors);
    std::string product = insert("Mul", contraction.name + "_product", {floats, factors});
    replace("Add", product,
            editor.addConstant<float>(contraction.weightName + "_bias", {(int64_t)contraction.bias->size()},
                                      *contraction.bias));
  }

private:
  struct Steps {
    std::string steps, scale, zero;
  };

  struct Columns {
    std::string steps, scales;
  };

  /// Weights, once for all products that share them.
  const Columns &columns(const Contraction &contraction) {
    Columns &w = matrices[contraction.matrixKey()];
    if (w.steps.empty()) {
      QuantizedWeights weights = quantizeWeights(contraction, std::nullopt);
      std::vector<int64_t> shape = contraction.weight.shape;
      if (contraction.weightAxis == 0)
        std::swap(shape[0], shape[1]);
      w.steps = editor.addConstant<int8_t>(contraction.weightName + "_quantized", shape,
                                           columnsOf(contraction, weights.steps));
      w.scales = editor.addConstant<float>(contraction.weightName + "_scale", {(int64_t)weights.scales.size()},
                                           weights.scales);
    }
    return w;
  }

  /// What a contraction reads, quantized once for all that read it.
  const Steps &quantized(const Contraction &contraction) {
    Steps &x = inputs[contraction.input];
    if (x.steps.empty()) {
      const std::string &tensor = contraction.input;
      x = {editor.freshName(tensor + "_quantized"), editor.freshName(tensor + "_scale"),
           editor.freshName(tensor + "_zero_point")};
      onnx::NodeProto quantize =
          makeNode("DynamicQuantizeLinear", editor.freshName(tensor + "_DynamicQuantizeLinear"), {tensor}, x.steps);
      quantize.add_output(x.scale);
      quantize.add_output(x.zero);
      editor.insertBefore(contraction.node, std::move(quantize));
    }
    return x;
  }

  std::string insert(const char *op, const std::string &wanted, ArrayRef<std::string> operands) {
    std::string result = editor.freshName(wanted);
    editor.insertBefore(node, makeNode(op, editor.freshName(result + "_node"), operands, result));
    return result;
  }

  void replace(const char *op, const std::string &left, const std::string &right) {
    onnx::NodeProto &old = editor.node(node);
    old = makeNode(op, old.name(), {left, right}, old.output(0));
  }

  ModelEditor &editor;
  int node = -1;
  std::map<std::string, Steps> inputs;
  std::map<std::pair<int, std::string>, Columns> matrices;
};

} // namespace

/// With more terms than this, sums of 255 steps times 127 could pass 31 bits.
static constexpr int64_t kMostTerms = INT32_MAX / (255 * 127);

bool canBeDynamic(const onnx::ModelProto &model, const Contraction &contraction) {
  if (contraction.op != "MatMul" && contraction.op != "Gemm")
    return false;
  const onnx::NodeProto &node = model.graph().node(contraction.node);
  bool hasOtherBias = !contraction.takesBias && node.input_size() > 2 && !node.input(2).empty();
  int64_t terms = contraction.weight.dim(contraction.weightAxis == 0 ? 1 : contraction.weight.rank() - 2);
  return !hasOtherBias && terms <= kMostTerms;
}

onnx::ModelProto writeObserved(const onnx::ModelProto &model, ArrayRef<std::string> tensors) {
  onnx::ModelProto result = model;
  for (const std::string &tensor : tensors)
    addFloatValue(*result.mutable_graph()->add_output(), tensor, std::nullopt);
  return result;
}

SwitchableModel writeSwitchable(const onnx::ModelProto &model, ArrayRef<Contraction> contractions,
                                const Decision &decision, const std::map<std::string, TensorStatistics> &tensors,
                                bool switchWeights) {
  SwitchableModel result;
  ModelEditor editor(model);
  std::set<std::string> read;
  for (const Contraction &contraction : contractions)
    read.insert(contraction.input);
  auto write = [&](int node, const std::string &tensor, const ActivationGrid &) {
    GridInputs &inputs = result.inputs[tensor];
    if (switchWeights && read.count(tensor))
      inputs.weights = addInput(editor, tensor + "_weights");
    if (auto offsets = decision.offsets.find(tensor); offsets != decision.offsets.end())
      inputs.offsets = addInput(editor, tensor + "_offsets", {(int64_t)offsets->second.size()});
    return writeSwitch(editor, node, tensor, inputs);
  };
  InputGrids grids(editor, decision, write);
  for (const Contraction &contraction : contractions) {
    if (!decision.quantizes(contraction))
      continue;
    std::optional<float> scale = grids.apply(editor, contraction);
    std::string onOff = switchWeights && scale ? result.inputs[contraction.input].weights : "";
    QuantizedWeights weights = quantizeWeights(contraction, scale);
    auto add = [&](const char *kind, ArrayRef<int64_t> shape, ArrayRef<float> plain, ArrayRef<float> rounded) {
      return writeValues(editor, contraction.node, contraction.weightName + kind, shape, plain, rounded, onOff);
    };
    onnx::NodeProto &node = editor.node(contraction.node);
    std::vector<float> values = weights.values(contraction);
    node.set_input(1, add("_values", contraction.weight.shape, contraction.weight.values, values));
    std::vector<float> rounded =
        scale ? weights.biasValues() : contraction.correctedBias().value_or(std::vector<float>());
    std::vector<float> plain = contraction.bias.value_or(std::vector<float>(rounded.size(), 0));
    std::string bias = rounded.empty() ? "" : add("_bias_values", {(int64_t)rounded.size()}, plain, rounded);
    if (decision.offsets.count(contraction.input)) {
      Terms terms = *Terms::of(model.graph().node(contraction.node), contraction);
      std::vector<double> sums = terms.sumsOfTaps(values, tensors.at(contraction.input).shape);
      bias = writeWithoutOffsets(editor, contraction, terms, std::vector<float>(sums.begin(), sums.end()),
                                 result.inputs[contraction.input].offsets, bias);
    }
    if (!bias.empty())
      setInput(node, 2, bias);
    dropFactors(node, contraction);
  }
  editor.apply();
  result.model = editor.model();
  return result;
}

onnx::ModelProto writeQuantized(const onnx::ModelProto &model, ArrayRef<Contraction> contractions,
                                const Decision &decision,
                                function_ref<void(const Contraction &, ArrayRef<int64_t>)> raised) {
  ModelEditor editor(model);
  auto write = [&](int node, const std::string &tensor, const ActivationGrid &grid) {
    return writePair(editor, node, tensor, grid);
  };
  InputGrids grids(editor, decision, write);
  DynamicProducts products(editor);
  BlockedProducts blocked(editor, decision.block);
  writeTables(editor, decision.tables, decision.weights);
  for (const Contraction &contraction : contractions) {
    if (!decision.quantizes(contraction))
      continue;
    if (decision.inputs == Decision::Inputs::Dynamic) {
      products.write(contraction);
      continue;
    }
    if (decision.weights == WeightForm::Int4 && canHaveBlocks(model, contraction)) {
      editor.useDomain("com.microsoft", 1);
      blocked.write(contraction);
      continue;
    }
    if (isOfHalves(decision.weights)) {
      std::string halves = addHalves(editor, contraction.weightName, contraction.weight, decision.weights);
      std::string floats = editor.freshName(contraction.weightName + "_floats");
      editor.insertBefore(contraction.node, makeWidening(editor, halves, floats));
      editor.node(contraction.node).set_input(1, floats);
      if (auto bias = contraction.correctedBias())
        setInput(editor.node(contraction.node), 2,
                 editor.addConstant<float>(contraction.weightName + "_bias", {(int64_t)bias->size()}, *bias));
      dropFactors(editor.node(contraction.node), contraction);
      continue;
    }
    QuantizedWeights weights = quantizeWeights(contraction, grids.apply(editor, contraction));
    if (!weights.raised.empty())
      raised(contraction, weights.raised);
    onnx::NodeProto &node = editor.node(contraction.node);
    node.set_input(1,
                   writeDequantized<int8_t>(editor, contraction.node, contraction.weightName, contraction.weight.shape,
                                            weights.steps, weights.scales, contraction.weightAxis));
    if (!weights.bias.empty())
      setInput(node, 2,
               writeDequantized<int32_t>(editor, contraction.node, contraction.weightName + "_bias",
                                         {(int64_t)weights.bias.size()}, weights.bias, weights.biasScales, 0));
    else if (auto bias = contraction.correctedBias())
      setInput(node, 2, editor.addConstant<float>(contraction.weightName + "_bias", {(int64_t)bias->size()}, *bias));
    dropFactors(node, contraction);
  }
  editor.apply();
  onnx::ModelProto result = editor.model();
  result.set_ir_version(std::max<int64_t>(result.ir_version(), 7)); // the first that has opset 13
  return result;
}

} // namespace nncc::quantize
