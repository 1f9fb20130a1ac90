// See EqualizeStreams.h.
#include "lib/quantize/EqualizeStreams.h"
#include "llvm/ADT/EquivalenceClasses.h"
#include "llvm/ADT/STLExtras.h"
#include <cmath>

using namespace llvm;

namespace nncc::quantize {

namespace {

/// No channel is made more than this many times larger: those that are almost 0 stay so.
constexpr float kLargestFactor = 1024;

class StreamEqualizer {
public:
  StreamEqualizer(ModelEditor &editor, ArrayRef<Contraction> contractions,
                  const std::map<std::string, TensorStatistics> &tensors)
      : editor(editor), contractions(contractions), tensors(tensors) {
    for (auto [i, contraction] : enumerate(contractions))
      byNode[contraction.node] = i;
  }

  size_t run(ArrayRef<StoredTensor> stored, float share) {
    for (auto [i, node] : enumerate(editor.graph().node()))
      follow(i, node);
    for (auto &[tensor, channels] : first)
      if (reads[tensor] != editor.readers(tensor) || editor.isOutput(tensor))
        pinAll(tensor);
    findFactors(stored, share);
    size_t changed = 0;
    for (auto &[tensor, at] : first)
      changed += any_of(factorsOf(tensor), [](float factor) { return factor != 1; });
    for (auto [i, node] : enumerate(editor.graph().node()))
      write(i);
    editor.apply();
    return changed;
  }

private:
  /// The channels of a tensor are as many numbers, from the first on; those that have one factor are in one class.
  int64_t channelsOf(const std::string &tensor) const {
    auto known = counts.find(tensor);
    return known == counts.end() ? 0 : known->second;
  }
  /// 0 where it is not known.
  int64_t rankOf(const std::string &tensor) const {
    auto known = ranks.find(tensor);
    return known == ranks.end() ? 0 : known->second;
  }
  void add(const std::string &tensor, int64_t channels, int64_t rank) {
    first[tensor] = next, counts[tensor] = channels, ranks[tensor] = rank;
    for (int64_t i = 0; i < channels; ++i)
      classes.insert(next++);
  }
  void join(const std::string &a, int64_t from, const std::string &b) {
    for (int64_t i = 0; i < std::min(channelsOf(a) - from, channelsOf(b)); ++i)
      classes.unionSets(first.at(a) + from + i, first.at(b) + i);
  }
  void pinAll(const std::string &tensor) {
    for (int64_t i = 0; i < channelsOf(tensor); ++i)
      pinned.insert(first.at(tensor) + i);
  }
  bool isKnown(const std::string &tensor) const { return first.count(tensor); }
  /// Whether each channel of the result of a Resize holds elements of that channel alone, and nothing else.
  bool resizesChannelsAlone(const onnx::NodeProto &node) const {
    auto isText = [&](StringRef name, StringRef text) {
      const onnx::AttributeProto *attribute = attributeOf(node, name);
      return attribute && attribute->s() == text;
    };
    if ((attributeOf(node, "mode") && !isText("mode", "nearest")) ||
        isText("coordinate_transformation_mode", "tf_crop_and_resize")) // there is a value for what lies outside
      return false;
    size_t at = 1; // where scales and sizes have that of dim 1
    if (const onnx::AttributeProto *axes = attributeOf(node, "axes")) {
      if (any_of(axes->ints(), [](int64_t axis) { return axis < 0; }))
        return false;
      at = find(axes->ints(), 1) - axes->ints().begin();
      if (at == (size_t)axes->ints_size())
        return true;
    }
    auto scales = node.input_size() > 2 ? editor.floats(node.input(2)) : std::nullopt;
    if (scales && !scales->values.empty())
      return at < scales->values.size() && scales->values[at] == 1;
    auto sizes = node.input_size() > 3 ? editor.integers(node.input(3)) : std::nullopt;
    bool hasPolicy = attributeOf(node, "keep_aspect_ratio_policy") && !isText("keep_aspect_ratio_policy", "stretch");
    return sizes && at < sizes->size() && (*sizes)[at] == channelsOf(node.input(0)) && !hasPolicy;
  }

  bool isNorm(const onnx::NodeProto &node) const {
    return node.op_type() == "BatchNormalization" && node.input_size() == 5 && node.output_size() == 1 &&
           !intAttribute(node, "training_mode", 0) &&
           all_of(drop_begin(node.input()), [&](const std::string &name) { return editor.floats(name).has_value(); });
  }

  /// Takes up what a node does to channels; who is not known here leaves its operands as they are.
  void follow(int index, const onnx::NodeProto &node) {
    StringRef op = node.op_type();
    std::string in = node.input_size() ? node.input(0) : "", out = node.output_size() ? node.output(0) : "";
    auto passes = [&] {
      ++reads[in];
      add(out, channelsOf(in), rankOf(in));
      join(out, 0, in);
    };
    if (auto known = byNode.find(index); known != byNode.end()) {
      const Contraction &contraction = contractions[known->second];
      if (contraction.isTied) // weights of several nodes stay those of all
        return;
      if (isKnown(in) && StringRef(op).starts_with("Conv") && contraction.inputChannels() == channelsOf(in)) {
        ++reads[in];
        for (int64_t i = 0; i < channelsOf(in); ++i)
          multiplied.insert(first.at(in) + i);
      }
      if (op == "Conv" && contraction.takesBias)
        add(out, contraction.outputChannels(), contraction.weight.rank());
    } else if (!isOnnx(node)) {
      return;
    } else if (isNorm(node)) {
      int64_t channels = editor.floats(node.input(1))->values.size();
      if (isKnown(in) && channelsOf(in) == channels)
        ++reads[in];
      add(out, channels, rankOf(in));
    } else if (!isKnown(in)) {
      return;
    } else if (op == "Relu" || op == "LeakyRelu" || op == "MaxPool" || op == "AveragePool" ||
               op == "GlobalAveragePool" || op == "Identity" ||
               (op == "PRelu" && node.input_size() == 2 && editor.constant(node.input(1))) ||
               (op == "Resize" && resizesChannelsAlone(node))) {
      passes();
    } else if (op == "Add" && node.input_size() == 2 && isKnown(node.input(1)) &&
               channelsOf(in) == channelsOf(node.input(1)) && rankOf(in) &&
               rankOf(in) == rankOf(node.input(1))) { // dim 1 meets dim 1
      passes();
      ++reads[node.input(1)];
      join(out, 0, node.input(1));
    } else if (op == "Concat" && intAttribute(node, "axis", 0) == 1 &&
               all_of(node.input(), [&](const std::string &x) { return isKnown(x); })) {
      int64_t sum = 0, at = 0;
      for (const std::string &piece : node.input())
        sum += channelsOf(piece);
      add(out, sum, rankOf(in));
      for (const std::string &piece : node.input()) {
        ++reads[piece];
        join(out, at, piece);
        at += channelsOf(piece);
      }
    }
  }

  /// Of each class, the least of what its channels leave of the ranges of their grids.
  void findFactors(ArrayRef<StoredTensor> stored, float share) {
    std::map<std::string, std::pair<float, float>> ranges;
    std::map<std::string, std::string> grids;
    for (auto &[tensor, seen] : tensors)
      grids[tensor] = tensor;
    for (const StoredTensor &tensor : stored)
      grids[tensor.name] = tensor.shares;
    for (auto &[tensor, seen] : tensors) {
      auto &[low, high] = ranges[grids[tensor]];
      for (auto [least, most] : zip(seen.low, seen.high))
        low = std::min(low, least), high = std::max(high, most);
    }
    std::map<int64_t, float> ratios;
    for (auto &[tensor, seen] : tensors) {
      if (!isKnown(tensor) || (int64_t)seen.low.size() != channelsOf(tensor))
        continue;
      auto [lowest, highest] = ranges[grids[tensor]];
      for (int64_t i = 0; i < channelsOf(tensor); ++i) {
        float ratio = kLargestFactor;
        if (seen.low[i] < 0)
          ratio = std::min(ratio, lowest / seen.low[i]);
        if (seen.high[i] > 0)
          ratio = std::min(ratio, highest / seen.high[i]);
        if (seen.low[i] == seen.high[i])
          ratio = 1;
        auto [known, isNew] = ratios.try_emplace(classes.getLeaderValue(first.at(tensor) + i), ratio);
        known->second = std::min(known->second, ratio);
      }
    }
    std::set<int64_t> fixed, weighed;
    for (int64_t channel : pinned)
      fixed.insert(classes.getLeaderValue(channel));
    for (int64_t channel : multiplied)
      weighed.insert(classes.getLeaderValue(channel));
    for (auto &[leader, ratio] : ratios)
      if (!fixed.count(leader))
        factors[leader] = weighed.count(leader) ? std::pow(ratio, share) : ratio;
  }

  std::vector<float> factorsOf(const std::string &tensor) const {
    std::vector<float> result;
    for (int64_t i = 0; i < channelsOf(tensor); ++i) {
      auto known = factors.find(classes.getLeaderValue(first.at(tensor) + i));
      result.push_back(known == factors.end() ? 1 : known->second);
    }
    return result;
  }

  void write(int index) {
    const onnx::NodeProto &node = editor.graph().node(index);
    if (auto known = byNode.find(index); known != byNode.end())
      writeContraction(contractions[known->second]);
    else if (isOnnx(node) && isNorm(node))
      writeNorm(index);
  }

  void writeContraction(const Contraction &contraction) {
    onnx::NodeProto &node = editor.node(contraction.node);
    std::vector<float> weight = contraction.weight.values;
    std::vector<float> read = factorsOf(node.input(0)), made = factorsOf(node.output(0));
    bool isReader =
        (int64_t)read.size() == contraction.inputChannels() && StringRef(contraction.op).starts_with("Conv");
    ChannelIndex output(contraction.weight.shape, contraction.weightAxis);
    for (auto [i, value] : enumerate(weight)) {
      if (isReader)
        value /= read[contraction.inputChannelOf(i)];
      if (!made.empty())
        value *= made[output.of(i)];
    }
    // A depthwise convolution that is added to what it reads has the same weights, and another bias.
    if (weight != contraction.weight.values)
      node.set_input(1, editor.addConstant<float>(contraction.weightName + "_alike", contraction.weight.shape, weight));
    if (!contraction.bias)
      return;
    std::vector<float> bias = *contraction.bias;
    for (auto [value, factor] : zip(bias, made))
      value *= factor;
    if (bias != *contraction.bias)
      node.set_input(2,
                     editor.addConstant<float>(contraction.weightName + "_alike_bias", {(int64_t)bias.size()}, bias));
  }

  /// (x - mean) / deviation * scale + shift, of x that is `read` times as large, becomes `made` times as large.
  void writeNorm(int index) {
    onnx::NodeProto &node = editor.node(index);
    std::vector<float> scale = editor.floats(node.input(1))->values, shift = editor.floats(node.input(2))->values,
                       mean = editor.floats(node.input(3))->values;
    std::vector<float> read = factorsOf(node.input(0)), made = factorsOf(node.output(0));
    for (size_t i = 0; i < scale.size(); ++i) {
      float before = read.size() == scale.size() ? read[i] : 1, behind = made.size() == scale.size() ? made[i] : 1;
      scale[i] = scale[i] / before * behind;
      shift[i] *= behind;
      mean[i] *= before;
    }
    int64_t channels = scale.size();
    for (auto [number, values] : {std::pair(1, &scale), {2, &shift}, {3, &mean}})
      node.set_input(number, editor.addConstant<float>(node.input(number) + "_alike", {channels}, *values));
  }

  ModelEditor &editor;
  ArrayRef<Contraction> contractions;
  const std::map<std::string, TensorStatistics> &tensors;
  std::map<int, size_t> byNode;
  std::map<std::string, int64_t> first, counts; ///< of the channels of each tensor
  std::map<std::string, int64_t> ranks;         ///< of these tensors
  std::map<std::string, unsigned> reads;        ///< by those that can divide by factors, or pass them on
  int64_t next = 0;
  mutable EquivalenceClasses<int64_t> classes;
  std::set<int64_t> pinned, multiplied; ///< channels that have no factor; that weights of 8 bits are multiplied with
  std::map<int64_t, float> factors;     ///< by leader of the class
};

} // namespace

size_t equalizeStreams(ModelEditor &editor, ArrayRef<Contraction> contractions, ArrayRef<StoredTensor> stored,
                       const std::map<std::string, TensorStatistics> &tensors, float share) {
  return StreamEqualizer(editor, contractions, tensors).run(stored, share);
}

} // namespace nncc::quantize
