// See Observe.h.
#include "lib/quantize/Observe.h"
#include "lib/quantize/WidenHalves.h"
#include "lib/quantize/WriteModels.h"
#include "llvm/ADT/STLExtras.h"
#include <cmath>
#include <cstring>
#include <limits>

using namespace llvm;

namespace nncc::quantize {

/// At most this many samples, and bytes of their inputs and outputs, are kept to compare answers on.
static constexpr size_t kComparedSamples = 32, kComparedBytes = 48 << 20;

Histogram TensorStatistics::outside(unsigned fold) const {
  Histogram others;
  for (unsigned other = 0; other < kFolds; ++other)
    if (other != fold)
      others.merge(folds[other]);
  return others.count() ? others : values;
}

namespace {

/// Memory of a model's outputs.
struct OutputBuffers {
  explicit OutputBuffers(ArrayRef<Port> ports) {
    for (const Port &port : ports)
      bytes.emplace_back(port.bytes);
    views.assign(bytes.begin(), bytes.end());
  }
  std::vector<std::vector<char>> bytes;
  std::vector<MutableArrayRef<char>> views;
};

ArrayRef<float> asFloats(ArrayRef<char> bytes) {
  return {reinterpret_cast<const float *>(bytes.data()), bytes.size() / sizeof(float)};
}

/// The numbers of a float port; those of 16 and 64 bits are put into `other`.
ArrayRef<float> floatsOf(const Port &port, ArrayRef<char> bytes, std::vector<float> &other) {
  if (port.sample.type == "f32")
    return asFloats(bytes);
  if (port.isHalf()) {
    other = widened(bytes, port.sample.type == "bf16");
    return other;
  }
  constexpr double most = std::numeric_limits<float>::max();
  other.clear();
  for (double value : ArrayRef(reinterpret_cast<const double *>(bytes.data()), bytes.size() / sizeof(double)))
    other.push_back((float)(std::isfinite(value) ? std::clamp(value, -most, most) : value));
  return other;
}

const Port *findPort(ArrayRef<Port> ports, const std::string &name) {
  const Port *found = find_if(ports, [&](const Port &port) { return port.sample.name == name; });
  return found == ports.end() ? nullptr : found;
}

/// What a tensor holds: it is an output of the model that was built, or an input.
std::pair<const Port *, ArrayRef<char>> findTensor(const std::string &tensor, const BuiltModel &built,
                                                   ArrayRef<std::vector<char>> sample, const OutputBuffers &outputs) {
  if (const Port *port = findPort(built.outputs, tensor))
    return {port, outputs.bytes[port - built.outputs.data()]};
  const Port *port = findPort(built.inputs, tensor);
  return {port, sample[port - built.inputs.data()]};
}

/// Counts what a tensor holds in one sample. returns false where that is NaN or infinite
bool addSample(TensorStatistics &statistics, unsigned fold, ArrayRef<float> values, ArrayRef<int64_t> shape,
               int64_t axis) {
  if (!statistics.folds[fold].add(values))
    return false;
  int64_t rank = shape.size();
  if (axis < 0)
    axis += rank;
  ChannelIndex channel(rank ? shape : ArrayRef<int64_t>(1), rank ? std::clamp<int64_t>(axis, 0, rank - 1) : 0);
  statistics.shape = shape.vec();
  statistics.summed += values.size();
  statistics.sums.resize(channel.channels);
  statistics.low.resize(channel.channels);
  statistics.high.resize(channel.channels);
  int64_t current = 0, left = channel.inner;
  double sum = 0;
  float low = 0, high = 0;
  auto flush = [&] {
    statistics.sums[current] += sum;
    statistics.low[current] = std::min(statistics.low[current], low);
    statistics.high[current] = std::max(statistics.high[current], high);
    sum = 0, low = high = 0, left = channel.inner;
    current = current + 1 == channel.channels ? 0 : current + 1;
  };
  for (float value : values) {
    sum += value;
    low = std::min(low, value);
    high = std::max(high, value);
    if (!--left)
      flush();
  }
  return true;
}

/// The first element of a sample that is no number, and where; but for ports of these names.
std::string findNoNumber(StringRef kind, ArrayRef<Port> ports, ArrayRef<std::vector<char>> sample,
                         ArrayRef<std::string> exempt = {}) {
  std::vector<float> wide;
  for (auto [port, bytes] : zip(ports, sample))
    if (port.isFloat() && !is_contained(exempt, port.sample.name))
      for (auto [i, value] : enumerate(floatsOf(port, bytes, wide)))
        if (!std::isfinite(value))
          return kind.str() + " '" + port.sample.name + "': element " + std::to_string(i) + " is " +
                 (std::isnan(value) ? "NaN"
                  : value > 0       ? "inf"
                                    : "-inf");
  return "";
}

/// Notices inputs that never change.
class ConstantInputs {
public:
  void add(ArrayRef<std::vector<char>> sample) {
    if (isSame.empty()) {
      first.assign(sample.begin(), sample.end());
      isSame.assign(sample.size(), true);
    }
    for (auto [same, before, now] : zip(isSame, first, sample))
      same = same && before == now;
  }
  void warn(ArrayRef<Port> inputs, size_t samples, Host &host) const {
    for (auto [port, same] : zip(inputs, isSame))
      if (same && samples > 1)
        host.warn("input '" + port.sample.name + "' is the same in all " + std::to_string(samples) +
                  " samples: ranges are found for that one value");
  }

private:
  std::vector<std::vector<char>> first;
  std::vector<char> isSame;
};

/// What is observed: the tensor, and the dim of its channels.
std::vector<std::pair<std::string, int64_t>> observedTensors(ArrayRef<Contraction> contractions,
                                                             ArrayRef<std::string> others) {
  std::vector<std::pair<std::string, int64_t>> result;
  std::set<std::string> known;
  for (const Contraction &contraction : contractions)
    if (known.insert(contraction.input).second)
      result.push_back({contraction.input, contraction.inputAxis});
  for (const std::string &tensor : others)
    if (known.insert(tensor).second)
      result.push_back({tensor, 1});
  return result;
}

/// The run of the float model over all samples.
class Observer {
public:
  Observer(BuiltModel &built, Observations &observations, ArrayRef<std::pair<std::string, int64_t>> tensors,
           ArrayRef<std::string> choices, Host &host)
      : built(built), result(observations), tensors(tensors), choices(choices), host(host), outputs(built.outputs) {}

  bool run(ModelSamples &samples) {
    size_t bytes = 0;
    for (const auto *ports : {&result.inputs, &result.outputs})
      for (const Port &port : *ports)
        bytes += port.bytes;
    size_t kept = std::clamp<size_t>(kComparedBytes / std::max<size_t>(bytes, 1), 1, kComparedSamples);
    kept = std::min<size_t>(kept, samples.count());
    std::vector<std::vector<char>> sample;
    for (size_t i = 0; i < samples.count(); ++i) {
      host.progress("running sample " + std::to_string(i + 1) + " of " + std::to_string(samples.count()));
      if (auto read = samples.next(sample); !read) {
        host.error(toString(read.takeError()));
        return false;
      }
      if (!runSample(sample, i))
        return false;
      if (isKept(i, samples.count(), kept))
        keep(sample, i % kFolds);
    }
    for (auto &[tensor, statistics] : result.tensors)
      for (const Histogram &fold : statistics.folds)
        statistics.values.merge(fold);
    constants.warn(result.inputs, samples.count(), host);
    return true;
  }

private:
  bool runSample(ArrayRef<std::vector<char>> sample, size_t number) {
    std::string where = "sample " + std::to_string(number) + " of the data: ";
    if (std::string problem = findNoNumber("input", result.inputs, sample); !problem.empty()) {
      host.error(where + problem + "\nnote: leave that sample out");
      return false;
    }
    constants.add(sample);
    std::vector<ArrayRef<char>> inputs(sample.begin(), sample.end());
    if (auto times = built.runnable->run(inputs, outputs.views); !times) {
      host.error(toString(times.takeError()));
      return false;
    }
    for (auto &[tensor, axis] : tensors) {
      auto [port, bytes] = findTensor(tensor, built, sample, outputs);
      if (!addSample(result.tensors[tensor], number % kFolds, asFloats(bytes), port->sample.shape, axis)) {
        host.error(where + "tensor '" + tensor + "' becomes NaN or infinite\nnote: leave that sample out");
        return false;
      }
    }
    if (std::string problem = findNoNumber("output", result.outputs, outputs.bytes, choices); !problem.empty()) {
      host.error(where + problem + "\nnote: leave that sample out, or look for such numbers in the weights");
      return false;
    }
    return true;
  }

  /// Whether a sample is one of those to keep, which are spread evenly over all samples and, where there are twice as
  /// many, over folds: number k is the first at or behind k / kept of all that is of fold k modulo kFolds, or the last
  /// that leaves enough for the others.
  bool isKept(size_t sample, size_t count, size_t kept) const {
    const size_t number = result.sampleInputs.size();
    if (number == kept || sample < number * count / kept)
      return false;
    bool hasChoice = count >= 2 * kept && count - sample > kept - number;
    return !hasChoice || sample % kFolds == number % kFolds;
  }

  void keep(ArrayRef<std::vector<char>> sample, unsigned fold) {
    result.sampleFolds.push_back(fold);
    result.sampleInputs.emplace_back(sample.begin(), sample.end());
    result.sampleOutputs.emplace_back(outputs.bytes.begin(), outputs.bytes.begin() + result.outputs.size());
  }

  BuiltModel &built;
  Observations &result;
  ArrayRef<std::pair<std::string, int64_t>> tensors;
  ArrayRef<std::string> choices;
  Host &host;
  OutputBuffers outputs;
  ConstantInputs constants;
};

} // namespace

/// The float model with what its contractions read as outputs.
struct ObservedModel {
  BuiltModel built;
  std::vector<std::pair<std::string, int64_t>> tensors; ///< that it reads, and the dims of their channels
  size_t hidden = 0;                                    ///< how many of its last outputs the model itself has not
};

static std::optional<ObservedModel> buildObserved(const onnx::ModelProto &model, ArrayRef<Contraction> contractions,
                                                  ArrayRef<std::string> others, Host &host) {
  auto tensors = observedTensors(contractions, others);
  ModelEditor editor(model);
  std::vector<std::string> inputs = editor.callerInputs(), hidden;
  for (auto &[tensor, axis] : tensors)
    if (!editor.isOutput(tensor) && !is_contained(inputs, tensor))
      hidden.push_back(tensor);
  host.progress("compiling the float model");
  auto built = host.build(writeObserved(model, hidden));
  if (!built)
    return std::nullopt;
  // An input that --bind made a constant is nothing that samples show.
  erase_if(tensors, [&](const auto &entry) {
    return !findPort(built->outputs, entry.first) && !findPort(built->inputs, entry.first);
  });
  return ObservedModel{std::move(*built), std::move(tensors), hidden.size()};
}

std::optional<Observations> observe(const onnx::ModelProto &model, ArrayRef<Contraction> contractions,
                                    ArrayRef<std::string> others, ArrayRef<std::string> choices, Host &host) {
  auto observed = buildObserved(model, contractions, others, host);
  if (!observed)
    return std::nullopt;
  BuiltModel &built = observed->built;
  Observations result;
  result.inputs = built.inputs;
  result.outputs.assign(built.outputs.begin(), built.outputs.end() - observed->hidden);
  std::vector<SamplePort> ports;
  for (const Port &port : result.inputs)
    ports.push_back(port.sample);
  auto samples = host.openSamples(ports);
  if (!samples)
    return std::nullopt;
  result.samples = samples->count();
  if (!Observer(built, result, observed->tensors, choices, host).run(*samples))
    return std::nullopt;
  return result;
}

bool replay(const onnx::ModelProto &model, ArrayRef<Contraction> contractions, const Observations &observations,
            Host &host, function_ref<void(const std::string &, ArrayRef<float>, ArrayRef<int64_t>, unsigned)> visit) {
  auto observed = buildObserved(model, contractions, {}, host);
  if (!observed)
    return false;
  OutputBuffers outputs(observed->built.outputs);
  for (auto [sample, fold] : zip(observations.sampleInputs, observations.sampleFolds)) {
    std::vector<ArrayRef<char>> inputs(sample.begin(), sample.end());
    if (auto times = observed->built.runnable->run(inputs, outputs.views); !times) {
      host.error(toString(times.takeError()));
      return false;
    }
    for (auto &[tensor, axis] : observed->tensors) {
      auto [port, bytes] = findTensor(tensor, observed->built, sample, outputs);
      visit(tensor, asFloats(bytes), port->sample.shape, fold);
    }
  }
  return true;
}

//===-- Comparing ---------------------------------------------------------===//

double OutputError::cosine() const {
  double product = std::sqrt(squareFloat) * std::sqrt(squareOther);
  return product > 0 ? dot / product : squareFloat == squareOther ? 1 : 0;
}

double OutputError::decibels() const {
  return noise > 0 ? 10 * std::log10(std::max(squareFloat, 1e-300) / noise) : std::numeric_limits<double>::infinity();
}

void OutputError::add(ArrayRef<float> right, ArrayRef<float> other) {
  bool isMasked = !all_of(right, [](float value) { return std::isfinite(value); });
  for (auto [a, b] : zip(right, other)) {
    double x = isMasked && !std::isfinite(a) ? 0 : a, y = isMasked && !std::isfinite(b) ? 0 : b;
    noise += (x - y) * (x - y);
    dot += x * y;
    squareFloat += x * x;
    squareOther += y * y;
  }
}

double errorOf(ArrayRef<OutputError> outputs) {
  double sum = 0;
  for (const OutputError &output : outputs)
    sum += output.noise / std::max(output.squareFloat, 1e-300);
  if (std::isnan(sum)) // outputs that are no numbers are the worst that can be
    return std::numeric_limits<double>::infinity();
  return outputs.empty() ? 0 : sum / (double)outputs.size();
}

std::optional<std::vector<OutputError>> compare(BuiltModel &built, const Observations &observations,
                                                const ExtraInputs &extra, size_t limit, Host &host) {
  OutputBuffers outputs(built.outputs);
  std::vector<OutputError> errors;
  std::vector<float> wideRight, wideOther;
  for (const Port &port : observations.outputs)
    errors.push_back({port.sample.name});
  for (size_t i = 0; i < std::min(limit, observations.sampleInputs.size()); ++i) {
    std::vector<ArrayRef<char>> inputs;
    const auto &values = extra[observations.sampleFolds[i]];
    for (const Port &port : built.inputs) {
      if (auto given = values.find(port.sample.name); given != values.end())
        inputs.push_back({reinterpret_cast<const char *>(given->second.data()), given->second.size() * sizeof(float)});
      else if (const Port *own = findPort(observations.inputs, port.sample.name))
        inputs.push_back(observations.sampleInputs[i][own - observations.inputs.data()]);
    }
    if (auto times = built.runnable->run(inputs, outputs.views); !times) {
      host.error(toString(times.takeError()));
      return std::nullopt;
    }
    for (auto [k, port] : enumerate(observations.outputs))
      if (port.isFloat())
        errors[k].add(floatsOf(port, observations.sampleOutputs[i][k], wideRight),
                      floatsOf(port, outputs.bytes[k], wideOther));
  }
  std::vector<OutputError> floats;
  for (auto [port, error] : zip(observations.outputs, errors))
    if (port.isFloat())
      floats.push_back(error);
  return floats;
}

} // namespace nncc::quantize
