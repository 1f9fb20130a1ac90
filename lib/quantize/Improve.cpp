// See Improve.h.
#include "lib/quantize/Improve.h"
#include "lib/quantize/Weights.h"
#include "llvm/ADT/STLExtras.h"
#include <cmath>

using namespace llvm;

namespace nncc::quantize {

namespace {

/// No channel is made more than this many times larger: those that are almost 0 stay so.
constexpr float kLargestFactor = 1024;

bool isDepthwise(const Contraction &conv) {
  return conv.op == "Conv" && conv.weight.dim(1) == 1 && conv.groups == conv.outputChannels();
}

/// True for a function with f(a * x) = a * f(x) for all a > 0.
bool isRectifier(const onnx::NodeProto &node) {
  return node.op_type() == "Relu" || node.op_type() == "LeakyRelu" || node.op_type() == "PRelu";
}

class Equalizer {
public:
  Equalizer(ModelEditor &editor, ArrayRef<Contraction> contractions,
            const std::map<std::string, TensorStatistics> &tensors)
      : editor(editor), contractions(contractions), tensors(tensors) {
    for (auto [i, contraction] : enumerate(contractions)) {
      byNode[contraction.node] = i;
      readers[contraction.input].push_back(i);
    }
  }

  std::vector<std::string> run() {
    std::vector<std::string> changed;
    for (auto &[tensor, reading] : readers)
      if (auto maker = makerOf(tensor);
          maker && reading.size() == editor.readers(tensor) && canScale(*maker, reading)) {
        std::vector<float> factors = factorsOf(tensor, reading);
        multiplyOutputs(*maker, factors);
        for (size_t reader : reading)
          divideInputs(reader, factors);
        changed.push_back(tensor);
      }
    for (auto &[index, values] : weights)
      write(index, values);
    editor.apply();
    return changed;
  }

private:
  /// The convolution that a tensor is the result of, behind rectifiers that nobody else sees.
  std::optional<size_t> makerOf(std::string tensor) const {
    if (editor.isOutput(tensor))
      return std::nullopt;
    for (;;) {
      int node = editor.producer(tensor);
      if (node < 0)
        return std::nullopt;
      if (auto known = byNode.find(node); known != byNode.end())
        return known->second;
      const onnx::NodeProto &rectifier = editor.graph().node(node);
      if (!isRectifier(rectifier) || editor.readers(rectifier.input(0)) != 1)
        return std::nullopt;
      tensor = rectifier.input(0);
    }
  }

  /// Convolutions, whose channels are dim 1 on both sides, with as many of them as were seen.
  bool canScale(size_t maker, ArrayRef<size_t> reading) const {
    const Contraction &conv = contractions[maker];
    auto seen = tensors.find(contractions[reading.front()].input);
    return conv.op == "Conv" && conv.takesBias && seen != tensors.end() &&
           (int64_t)seen->second.largest.size() == conv.outputChannels() && all_of(reading, [&](size_t reader) {
             return contractions[reader].op == "Conv" &&
                    contractions[reader].weight.dim(1) * contractions[reader].groups == conv.outputChannels();
           });
  }

  std::vector<float> factorsOf(const std::string &tensor, ArrayRef<size_t> reading) const {
    ArrayRef<float> largest = tensors.at(tensor).largest;
    float overall = *max_element(largest);
    bool takesAll = all_of(reading, [&](size_t reader) { return isDepthwise(contractions[reader]); });
    std::vector<float> factors;
    for (float channel : largest) {
      float ratio = channel > 0 ? std::min(overall / channel, kLargestFactor) : 1;
      factors.push_back(takesAll ? ratio : std::sqrt(ratio));
    }
    return factors;
  }

  struct Values {
    std::vector<float> weight;
    std::optional<std::vector<float>> bias;
  };
  Values &valuesOf(size_t index) {
    auto [known, isNew] = weights.try_emplace(index);
    if (isNew)
      known->second = {contractions[index].weight.values, contractions[index].bias};
    return known->second;
  }

  void multiplyOutputs(size_t index, ArrayRef<float> factors) {
    Values &values = valuesOf(index);
    ChannelIndex channel(contractions[index].weight.shape, 0);
    for (auto [i, value] : enumerate(values.weight))
      value *= factors[channel.of(i)];
    if (values.bias)
      for (auto [value, factor] : zip(*values.bias, factors))
        value *= factor;
  }

  void divideInputs(size_t index, ArrayRef<float> factors) {
    const Contraction &conv = contractions[index];
    ChannelIndex output(conv.weight.shape, 0), input(conv.weight.shape, 1);
    int64_t outputsPerGroup = output.channels / conv.groups;
    for (auto [i, value] : enumerate(valuesOf(index).weight))
      value /= factors[output.of(i) / outputsPerGroup * input.channels + input.of(i)];
  }

  void write(size_t index, const Values &values) {
    const Contraction &conv = contractions[index];
    onnx::NodeProto &node = editor.node(conv.node);
    node.set_input(1, editor.addConstant<float>(conv.weightName + "_equalized", conv.weight.shape, values.weight));
    if (values.bias)
      node.set_input(2, editor.addConstant<float>(conv.weightName + "_equalized_bias", {(int64_t)values.bias->size()},
                                                  *values.bias));
  }

  ModelEditor &editor;
  ArrayRef<Contraction> contractions;
  const std::map<std::string, TensorStatistics> &tensors;
  std::map<int, size_t> byNode;
  std::map<std::string, std::vector<size_t>> readers;
  std::map<size_t, Values> weights;
};

/// The output and input channel that a weight joins, where that is one each for every place of the output.
std::optional<std::pair<int64_t, int64_t>> channelsOf(const Contraction &contraction, int64_t element) {
  ArrayRef<int64_t> shape = contraction.weight.shape;
  if (contraction.op == "Conv") {
    ChannelIndex output(shape, 0), input(shape, 1);
    int64_t group = output.of(element) / (output.channels / contraction.groups);
    return std::pair(output.of(element), group * input.channels + input.of(element));
  }
  if (contraction.op == "Gemm") {
    ChannelIndex output(shape, contraction.weightAxis), input(shape, 1 - contraction.weightAxis);
    return std::pair(output.of(element), input.of(element));
  }
  return std::nullopt; // which taps of a ConvTranspose meet an output depends on its place; a MatMul has no bias
}

int64_t inputChannels(const Contraction &contraction) {
  return contraction.op == "Conv" ? contraction.weight.dim(1) * contraction.groups
                                  : contraction.weight.dim(1 - contraction.weightAxis);
}

} // namespace

std::vector<std::string> equalize(ModelEditor &editor, ArrayRef<Contraction> contractions,
                                  const std::map<std::string, TensorStatistics> &tensors) {
  return Equalizer(editor, contractions, tensors).run();
}

void correctBiases(std::vector<Contraction> &contractions, const Decision &decision,
                   const std::map<std::string, TensorStatistics> &tensors) {
  for (Contraction &contraction : contractions) {
    auto seen = tensors.find(contraction.input);
    if (!contraction.takesBias || !decision.quantizes(contraction) || seen == tensors.end() ||
        !channelsOf(contraction, 0) || (int64_t)seen->second.sums.size() != inputChannels(contraction))
      continue;
    auto grid = decision.grids.find(contraction.input);
    std::vector<float> rounded =
        quantizeWeights(contraction, grid == decision.grids.end() ? std::nullopt : std::optional(grid->second.scale))
            .values(contraction);
    std::vector<double> shift(contraction.outputChannels(), 0);
    for (auto [i, value] : enumerate(contraction.weight.values)) {
      auto [output, input] = *channelsOf(contraction, i);
      shift[output] += ((double)rounded[i] - value) * seen->second.mean(input);
    }
    for (double added : shift)
      contraction.correction.push_back((float)-added);
  }
}

} // namespace nncc::quantize
