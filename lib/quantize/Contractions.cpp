// See Contractions.h.
#include "lib/quantize/Contractions.h"
#include "lib/quantize/Weights.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringSwitch.h"
#include <cmath>

using namespace llvm;

namespace nncc::quantize {

namespace {

std::string inputOf(const onnx::NodeProto &node, int index) {
  return index < node.input_size() ? node.input(index) : "";
}

/// Reads a bias of one number per channel, times `factor`. returns false where there is another one
bool readBias(const ModelEditor &editor, const std::string &name, float factor, Contraction &contraction) {
  if (name.empty())
    return true;
  auto bias = editor.floats(name);
  int64_t channels = contraction.outputChannels();
  if (!bias || (int64_t)bias->values.size() != channels || (bias->rank() && bias->shape.back() != channels))
    return false;
  for (float &value : bias->values)
    value *= factor;
  contraction.bias = std::move(bias->values);
  return true;
}

bool readConv(const ModelEditor &editor, const onnx::NodeProto &node, Contraction &contraction) {
  bool isTransposed = node.op_type() == "ConvTranspose";
  if (contraction.weight.rank() < 3)
    return false;
  contraction.inputAxis = 1;
  contraction.weightAxis = isTransposed ? 1 : 0;
  contraction.groups = intAttribute(node, "group", 1);
  contraction.takesBias = readBias(editor, inputOf(node, 2), 1, contraction);
  return contraction.groups >= 1 && contraction.weight.dim(0) % contraction.groups == 0;
}

bool readGemm(const ModelEditor &editor, const onnx::NodeProto &node, Contraction &contraction) {
  if (contraction.weight.rank() != 2 || intAttribute(node, "transA", 0))
    return false;
  contraction.inputAxis = 1;
  contraction.weightAxis = intAttribute(node, "transB", 0) ? 0 : 1;
  for (float &value : contraction.weight.values)
    value *= floatAttribute(node, "alpha", 1);
  contraction.takesBias = readBias(editor, inputOf(node, 2), floatAttribute(node, "beta", 1), contraction);
  return true;
}

bool readMatMul(Contraction &contraction) {
  if (contraction.weight.rank() < 2)
    return false;
  contraction.inputAxis = -1;
  contraction.weightAxis = contraction.weight.rank() - 1;
  return true;
}

std::optional<Contraction> readContraction(const ModelEditor &editor, int index) {
  const onnx::NodeProto &node = editor.graph().node(index);
  if (!isOnnx(node) || node.input_size() < 2 || editor.constant(node.input(0)))
    return std::nullopt;
  Contraction contraction;
  contraction.op = node.op_type();
  bool isConv = contraction.op == "Conv" || contraction.op == "ConvTranspose";
  if (!isConv && contraction.op != "MatMul" && contraction.op != "Gemm")
    return std::nullopt;
  auto weight = editor.floats(node.input(1));
  if (!weight || weight->values.empty())
    return std::nullopt;
  contraction.node = index;
  contraction.name = editor.nameOf(index);
  contraction.input = node.input(0);
  contraction.weightName = node.input(1);
  contraction.weight = std::move(*weight);
  bool isRead = isConv                     ? readConv(editor, node, contraction)
                : contraction.op == "Gemm" ? readGemm(editor, node, contraction)
                                           : readMatMul(contraction);
  bool canBeQuantized = isRead && canHaveSteps(contraction.weight.values);
  return canBeQuantized ? std::optional(std::move(contraction)) : std::nullopt;
}

/// Whether two contractions mean the same by a tensor that both read: a Gemm multiplies it by a factor of its own.
bool areWeightsAlike(const Contraction &a, const Contraction &b) {
  return a.op == b.op && a.weightAxis == b.weightAxis && a.groups == b.groups && a.weight.values == b.weight.values;
}

/// What a batch norm does to each channel: x * factor + offset.
struct ChannelAffine {
  std::vector<float> factors, offsets;
};

std::optional<ChannelAffine> readBatchNorm(const ModelEditor &editor, const onnx::NodeProto &node, int64_t channels) {
  if (node.op_type() != "BatchNormalization" || !isOnnx(node) || node.input_size() != 5 ||
      intAttribute(node, "training_mode", 0) ||
      any_of(drop_begin(node.output()), [](const std::string &name) { return !name.empty(); }))
    return std::nullopt;
  std::vector<float> parameters[4];
  for (int i = 0; i < 4; ++i) {
    auto values = editor.floats(node.input(i + 1));
    if (!values || (int64_t)values->values.size() != channels)
      return std::nullopt;
    parameters[i] = std::move(values->values);
  }
  auto &[scale, shift, mean, variance] = parameters;
  double epsilon = floatAttribute(node, "epsilon", 1e-5f);
  ChannelAffine affine;
  for (int64_t c = 0; c < channels; ++c) {
    double factor = scale[c] / std::sqrt(variance[c] + epsilon);
    affine.factors.push_back((float)factor);
    affine.offsets.push_back((float)(shift[c] - mean[c] * factor));
  }
  return affine;
}

/// Writes a convolution with its norm folded in, under the name of the norm's result.
void foldInto(ModelEditor &editor, Contraction &conv, const ChannelAffine &affine, const std::string &result) {
  ChannelIndex channel(conv.weight.shape, conv.weightAxis);
  for (auto [i, value] : enumerate(conv.weight.values))
    value *= affine.factors[channel.of(i)];
  std::vector<float> bias = affine.offsets;
  if (conv.bias)
    for (auto [value, own, factor] : zip(bias, *conv.bias, affine.factors))
      value += own * factor;
  std::string weight = editor.addConstant<float>(conv.weightName + "_folded", conv.weight.shape, conv.weight.values);
  std::string biasName = editor.addConstant<float>(conv.weightName + "_folded_bias", {(int64_t)bias.size()}, bias);
  onnx::NodeProto &node = editor.node(conv.node);
  node.set_input(1, weight);
  setInput(node, 2, biasName);
  node.set_output(0, result);
}

} // namespace

std::optional<std::vector<float>> Contraction::correctedBias() const {
  if (correction.empty())
    return bias;
  std::vector<float> result = correction;
  if (bias)
    for (auto [value, own] : zip(result, *bias))
      value += own;
  return result;
}

int64_t Contraction::inputChannels() const {
  return op == "Conv"            ? weight.dim(1) * groups
         : op == "ConvTranspose" ? weight.dim(0)
                                 : weight.dim(weightAxis == 0 ? 1 : weight.rank() - 2);
}

int64_t Contraction::inputChannelOf(int64_t element) const {
  llvm::ArrayRef<int64_t> shape = weight.shape;
  if (op == "ConvTranspose")
    return ChannelIndex(shape, 0).of(element);
  if (op != "Conv")
    return ChannelIndex(shape, weightAxis == 0 ? 1 : weight.rank() - 2).of(element);
  ChannelIndex output(shape, 0), input(shape, 1);
  return output.of(element) / (output.channels / groups) * input.channels + input.of(element);
}

std::vector<Contraction> findContractions(ModelEditor &editor) {
  std::vector<Contraction> result;
  std::map<const onnx::TensorProto *, std::vector<size_t>> readers;
  for (int i = 0; i < editor.graph().node_size(); ++i)
    if (auto contraction = readContraction(editor, i)) {
      readers[editor.constant(contraction->weightName)].push_back(result.size());
      result.push_back(std::move(*contraction));
    }
  for (const auto &[weight, reading] : readers)
    for (size_t reader : reading) {
      result[reader].isTied = reading.size() > 1;
      size_t first = *find_if(reading, [&](size_t other) { return areWeightsAlike(result[other], result[reader]); });
      result[reader].tiedTo = result[first].node;
    }
  return result;
}

unsigned foldBatchNorms(ModelEditor &editor) {
  unsigned count = 0;
  for (int i = 0; i < editor.graph().node_size(); ++i) {
    const onnx::NodeProto &norm = editor.graph().node(i);
    if (norm.op_type() != "BatchNormalization" || !norm.input_size() || !norm.output_size())
      continue;
    std::string between = norm.input(0);
    int maker = editor.producer(between);
    if (maker < 0 || editor.readers(between) != 1)
      continue;
    auto conv = readContraction(editor, maker);
    if (!conv || (conv->op != "Conv" && conv->op != "ConvTranspose") || !conv->takesBias ||
        conv->outputChannels() != conv->weightChannels())
      continue;
    auto affine = readBatchNorm(editor, norm, conv->outputChannels());
    if (!affine)
      continue;
    foldInto(editor, *conv, *affine, norm.output(0));
    editor.removeNode(i);
    ++count;
  }
  editor.apply();
  return count;
}

std::string findQuantizedNode(const ModelEditor &editor) {
  for (auto [i, node] : enumerate(editor.graph().node())) {
    StringRef op = node.op_type();
    if (op.starts_with("QLinear") || op.starts_with("DynamicQuantize") ||
        StringSwitch<bool>(op)
            .Cases({"QuantizeLinear", "DequantizeLinear", "QGemm", "ConvInteger", "MatMulInteger",
                    "MatMulIntegerToFloat", "MatMulNBits"},
                   true)
            .Default(false))
      return op.str() + " '" + editor.nameOf(i) + "'";
  }
  return "";
}

} // namespace nncc::quantize
