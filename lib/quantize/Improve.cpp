// See Improve.h.
#include "lib/quantize/Improve.h"
#include "lib/quantize/Terms.h"
#include "lib/quantize/Weights.h"
#include "llvm/ADT/STLExtras.h"
#include <cmath>
#include <limits>

using namespace llvm;

namespace nncc::quantize {

namespace {

/// No channel is made more than this many times larger: those that are almost 0 stay so.
constexpr float kLargestFactor = 1024;
/// A Mul is for factors of at least this: less saves no bit.
constexpr float kLeastInserted = 1.25f;

/// Into so many parts a range is split to find where 0 suits it.
constexpr int kZeros = 256;

bool isDepthwise(const Contraction &conv) {
  return conv.op == "Conv" && conv.weight.dim(1) == 1 && conv.groups == conv.outputChannels();
}

/// True for a function with f(a * x) = a * f(x) for all a > 0.
bool isRectifier(const onnx::NodeProto &node) {
  return node.op_type() == "Relu" || node.op_type() == "LeakyRelu" || node.op_type() == "PRelu";
}

/// The range that all channels share, with 0 where the steps that are left to each are finest beside its own range, in
/// the mean of squares. Functions such as hard swish have the same least value in every channel: by the range of all
/// values, which has few steps below 0, no channel could grow.
///
/// share  power of the difference between channels that is taken
std::pair<float, float> rangeOfAll(ArrayRef<float> low, ArrayRef<float> high, double share) {
  float lowest = *min_element(low), highest = *max_element(high);
  if (lowest == 0 || highest == 0)
    return {lowest, highest};
  std::pair<float, float> best;
  double least = std::numeric_limits<double>::infinity();
  for (int zero = 1; zero < kZeros; ++zero) {
    double below = (double)zero / kZeros, squares = 0, widest = 0;
    for (auto [from, to] : zip(low, high)) {
      double range = std::max(-from / below, to / (1 - below));
      widest = std::max(widest, range);
      if (to > from)
        squares += std::pow(range / (to - from), 2 * share);
    }
    squares *= std::pow(widest, 2 - 2 * share);
    if (squares < least)
      least = squares, best = {(float)(-widest * below), (float)(widest * (1 - below))};
  }
  return best;
}

class Equalizer {
public:
  Equalizer(ModelEditor &editor, ArrayRef<Contraction> contractions,
            const std::map<std::string, TensorStatistics> &tensors, Equalization how)
      : editor(editor), contractions(contractions), tensors(tensors), how(how) {
    for (auto [i, contraction] : enumerate(contractions)) {
      byNode[contraction.node] = i;
      readers[contraction.input].push_back(i);
    }
  }

  std::vector<std::string> run() {
    std::vector<std::string> changed;
    std::vector<std::string> given = editor.callerInputs();
    for (auto &[tensor, reading] : readers) {
      if (!areChannelsKnown(tensor, reading) || is_contained(given, tensor) ||
          any_of(reading, [&](size_t reader) { return contractions[reader].isTied; }))
        continue;
      auto maker = makerOf(tensor);
      bool isFolded = maker && !contractions[*maker].isTied && reading.size() == editor.readers(tensor) &&
                      canScale(*maker, reading);
      std::vector<float> factors = factorsOf(tensor, reading);
      if (isFolded)
        multiplyOutputs(*maker, factors);
      else if (how.insertsFactors && (!how.isStored || isOfOneContraction(tensor, reading.size())) &&
               *max_element(factors) >= kLeastInserted)
        multiplyInputs(tensor, reading, factors);
      else
        continue;
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

  /// Whether nobody else reads a tensor, and one contraction alone is behind it: sums of bytes are none any more where
  /// factors lie between them and their result.
  bool isOfOneContraction(const std::string &tensor, size_t reading) const {
    std::set<std::string> seen{tensor};
    std::vector<std::string> left{tensor};
    std::set<int> makers;
    while (!left.empty()) {
      int node = editor.producer(left.back());
      left.pop_back();
      if (node < 0 || byNode.count(node)) {
        makers.insert(node);
        continue;
      }
      for (const std::string &input : editor.graph().node(node).input())
        if (!input.empty() && !editor.constant(input) && seen.insert(input).second)
          left.push_back(input);
    }
    return reading == editor.readers(tensor) && makers.size() == 1 && *makers.begin() >= 0;
  }

  /// All readers have the channels that were seen, in the same dim.
  bool areChannelsKnown(const std::string &tensor, ArrayRef<size_t> reading) const {
    auto seen = tensors.find(tensor);
    return seen != tensors.end() && all_of(reading, [&](size_t reader) {
             const Contraction &contraction = contractions[reader];
             return contraction.inputAxis == contractions[reading.front()].inputAxis &&
                    contraction.inputChannels() == (int64_t)seen->second.low.size();
           });
  }

  /// Convolutions, whose channels are dim 1 on both sides, with as many of them as were seen.
  bool canScale(size_t maker, ArrayRef<size_t> reading) const {
    const Contraction &conv = contractions[maker];
    return conv.op == "Conv" && conv.takesBias && all_of(reading, [&](size_t reader) {
             return contractions[reader].op == "Conv" && contractions[reader].inputChannels() == conv.outputChannels();
           });
  }

  /// How often a channel fits into the range of all, below and above 0.
  std::vector<float> factorsOf(const std::string &tensor, ArrayRef<size_t> reading) const {
    ArrayRef<float> low = tensors.at(tensor).low, high = tensors.at(tensor).high;
    bool takesAll = all_of(reading, [&](size_t reader) { return isDepthwise(contractions[reader]); });
    auto [lowest, highest] = how.choosesZero ? rangeOfAll(low, high, takesAll ? 1 : how.share)
                                             : std::pair(*min_element(low), *max_element(high));
    std::vector<float> factors;
    for (auto [least, most] : zip(low, high)) {
      float ratio = kLargestFactor;
      if (least < 0)
        ratio = std::min(ratio, lowest / least);
      if (most > 0)
        ratio = std::min(ratio, highest / most);
      factors.push_back(least == most ? 1 : takesAll ? ratio : std::pow(ratio, how.share));
    }
    return factors;
  }

  /// Puts a Mul between a tensor and those that read it.
  void multiplyInputs(const std::string &tensor, ArrayRef<size_t> reading, ArrayRef<float> factors) {
    const Contraction &first = contractions[reading.front()];
    std::vector<int64_t> shape{(int64_t)factors.size()};
    if (StringRef(first.op).starts_with("Conv"))
      shape.resize(first.weight.rank() - 1, 1);
    std::string result = editor.freshName(tensor + "_alike");
    editor.insertBefore(first.node,
                        makeNode("Mul", editor.freshName(result + "_node"),
                                 {tensor, editor.addConstant<float>(tensor + "_factors", shape, factors)}, result));
    for (size_t reader : reading)
      editor.node(contractions[reader].node).set_input(0, result);
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
    for (auto [i, value] : enumerate(valuesOf(index).weight))
      value /= factors[contractions[index].inputChannelOf(i)];
  }

  void write(size_t index, const Values &values) {
    const Contraction &conv = contractions[index];
    onnx::NodeProto &node = editor.node(conv.node);
    node.set_input(1, editor.addConstant<float>(conv.weightName + "_equalized", conv.weight.shape, values.weight));
    if (conv.op == "Gemm")
      removeAttribute(node, "alpha"); // the weights have it
    else if (values.bias)
      node.set_input(2, editor.addConstant<float>(conv.weightName + "_equalized_bias", {(int64_t)values.bias->size()},
                                                  *values.bias));
  }

  ModelEditor &editor;
  ArrayRef<Contraction> contractions;
  const std::map<std::string, TensorStatistics> &tensors;
  std::map<int, size_t> byNode;
  std::map<std::string, std::vector<size_t>> readers;
  std::map<size_t, Values> weights;
  Equalization how;
};

/// What of its means a contraction adds to each output, by weights that it has or that are added to those.
std::vector<double> addedTo(const Terms &terms, ArrayRef<float> weights, ArrayRef<int64_t> shape,
                            function_ref<double(int64_t channel)> mean) {
  std::vector<double> sums = terms.sumsOfTaps(weights, shape), added;
  const double *sum = sums.data();
  for (int64_t group = 0; group < terms.groups(); ++group)
    for (int64_t output = 0; output < terms.outputs(); ++output) {
      double &of = added.emplace_back(0);
      for (int64_t channel = 0; channel < terms.channelsOfGroup(); ++channel)
        of += *sum++ * mean(group * terms.channelsOfGroup() + channel);
    }
  return added;
}

/// Adds to the corrections of biases what each contraction is found to add to its outputs, given the values that its
/// rounded weights stand for.
void correct(const onnx::ModelProto &model, std::vector<Contraction> &contractions, const Decision &decision,
             const std::map<std::string, TensorStatistics> &tensors,
             function_ref<std::vector<double>(const Contraction &, const Terms &, const TensorStatistics &,
                                              ArrayRef<float> rounded)>
                 added) {
  for (Contraction &contraction : contractions) {
    auto seen = tensors.find(contraction.input);
    // Which taps of a ConvTranspose meet an output depends on its place; a MatMul has no bias.
    auto terms = Terms::of(model.graph().node(contraction.node), contraction);
    if (!contraction.takesBias || !decision.quantizes(contraction) || seen == tensors.end() || !terms ||
        (int64_t)seen->second.sums.size() != contraction.inputChannels())
      continue;
    auto grid = decision.grids.find(contraction.input);
    std::vector<float> rounded =
        quantizeWeights(contraction, grid == decision.grids.end() ? std::nullopt : std::optional(grid->second.scale))
            .values(contraction);
    std::vector<double> sums = added(contraction, *terms, seen->second, rounded);
    if (sums.empty())
      continue;
    contraction.correction.resize(sums.size(), 0);
    for (auto [correction, sum] : zip(contraction.correction, sums))
      correction -= (float)sum;
  }
}

} // namespace

std::vector<std::string> equalize(ModelEditor &editor, ArrayRef<Contraction> contractions,
                                  const std::map<std::string, TensorStatistics> &tensors, Equalization how) {
  return Equalizer(editor, contractions, tensors, how).run();
}

void correctBiases(const onnx::ModelProto &model, std::vector<Contraction> &contractions, const Decision &decision,
                   const std::map<std::string, TensorStatistics> &tensors) {
  correct(
      model, contractions, decision, tensors,
      [](const Contraction &contraction, const Terms &terms, const TensorStatistics &seen, ArrayRef<float> rounded) {
        std::vector<float> change;
        for (auto [to, from] : zip(rounded, contraction.weight.values))
          change.push_back(to - from);
        return addedTo(terms, change, seen.shape, [&](int64_t channel) { return seen.mean(channel); });
      });
}

void takeOutOffsets(const onnx::ModelProto &model, std::vector<Contraction> &contractions, const Decision &decision,
                    const std::map<std::string, TensorStatistics> &tensors) {
  correct(model, contractions, decision, tensors,
          [&](const Contraction &contraction, const Terms &terms, const TensorStatistics &seen,
              ArrayRef<float> rounded) -> std::vector<double> {
            auto offsets = decision.offsets.find(contraction.input);
            if (offsets == decision.offsets.end())
              return {};
            return addedTo(terms, rounded, seen.shape, [&](int64_t channel) { return offsets->second[channel]; });
          });
}

} // namespace nncc::quantize
