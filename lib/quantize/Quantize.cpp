// See Quantize.h. Every improvement is measured on the outputs, and taken only where their error falls.
#include "lib/quantize/Quantize.h"
#include "lib/quantize/RaiseOpset.h"
#include "lib/quantize/Weights.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/GlobPattern.h"
#include "llvm/Support/raw_ostream.h"
#include <cmath>

using namespace llvm;

namespace nncc::quantize {

namespace {

using Grids = std::map<std::string, ActivationGrid>;

/// One run of the quantizer over a model.
class Quantizer {
public:
  Quantizer(onnx::ModelProto model, const QuantizeOptions &options, Host &host)
      : editor(std::move(model)), options(options), host(host) {}

  std::optional<QuantizeResult> run() {
    report.bytesBefore = editor.model().ByteSizeLong();
    if (!prepare() || !selectContractions())
      return std::nullopt;
    auto observed = observe(editor.model(), contractions, host);
    if (!observed)
      return std::nullopt;
    observations = std::move(*observed);
    report.samples = observations.samples;
    decision.isWeightOnly = options.recipe == Recipe::Int8Weights;
    if (!decision.isWeightOnly && !chooseGrids())
      return std::nullopt;
    return finish();
  }

private:
  /// Brings the file into the form that is quantized. error: reported, and false
  bool prepare() {
    report.opsetBefore = editor.opset();
    if (std::string quantized = findQuantizedNode(editor); !quantized.empty()) {
      host.error("the model is quantized already: it has " + quantized + "\nnote: quantize the float model");
      return false;
    }
    std::string problem;
    if (!raiseOpset(editor, problem)) {
      host.error(problem);
      return false;
    }
    report.opsetAfter = editor.opset();
    report.foldedNorms = foldBatchNorms(editor);
    return true;
  }

  /// Finds what can be quantized, without what is to stay as it is. error: reported, and false
  bool selectContractions() {
    std::vector<GlobPattern> patterns;
    for (const std::string &text : options.keepFloat) {
      auto pattern = GlobPattern::create(text);
      if (!pattern) {
        host.error("--keep " + text + "=f32: " + toString(pattern.takeError()));
        return false;
      }
      patterns.push_back(std::move(*pattern));
    }
    std::vector<bool> isUsed(patterns.size());
    contractions = findContractions(editor);
    report.contractions = contractions.size();
    erase_if(contractions, [&](const Contraction &contraction) {
      bool isKept = false;
      for (auto [i, pattern] : enumerate(patterns))
        if (pattern.match(contraction.name) || pattern.match(contraction.input) ||
            pattern.match(contraction.weightName))
          isKept = isUsed[i] = true;
      if (isKept)
        report.floatNodes.push_back(contraction.name);
      return isKept;
    });
    for (auto [text, used] : zip(options.keepFloat, isUsed))
      if (!used)
        host.warn("--keep " + text + "=f32 names no convolution or product with constant weights");
    if (contractions.empty())
      host.error("there is nothing to quantize: " + std::string(report.contractions
                                                                    ? "--keep leaves all"
                                                                    : "the model has no Conv, ConvTranspose, MatMul "
                                                                      "or Gemm with constant weights of f32"));
    return !contractions.empty();
  }

  Grids gridsOf(RangeMethod method) const {
    Grids grids;
    for (auto &[tensor, statistics] : observations.tensors)
      grids[tensor] = findGrid(statistics.values, method);
    return grids;
  }

  /// Finds the ranges of all tensors. error: reported, and false
  bool chooseGrids() {
    if (options.method) {
      decision.grids = gridsOf(*options.method);
      report.method = nameOf(*options.method);
      return true;
    }
    decision.grids = gridsOf(RangeMethod::MinMax);
    SwitchableModel switchable = writeSwitchable(editor.model(), contractions, decision);
    host.progress("compiling the model with switches");
    auto built = host.build(switchable.model);
    if (!built)
      return false;
    double least = std::numeric_limits<double>::infinity();
    for (RangeMethod method : kRangeMethods) {
      host.progress(std::string("trying ranges by ") + nameOf(method));
      Grids grids = gridsOf(method);
      auto outputs = compare(*built, observations, switchValues(switchable, grids, {}), kAllSamples, host);
      if (!outputs)
        return false;
      double error = errorOf(*outputs);
      note(std::string("ranges by ") + nameOf(method), error);
      if (error < least)
        least = error, decision.grids = grids, report.method = nameOf(method);
    }
    return true;
  }

  /// What a switchable model is told: the grids of all tensors, and of those in `off` one that changes nothing.
  std::map<std::string, float> switchValues(const SwitchableModel &switchable, const Grids &grids,
                                            const std::set<std::string> &off) const {
    std::map<std::string, float> values;
    for (auto &[tensor, inputs] : switchable.inputs) {
      ActivationGrid grid = grids.at(tensor);
      if (off.count(tensor)) {
        // A power of two, so that products with it are exact, as fine as an f32 of the largest value.
        const Histogram &seen = observations.tensors.at(tensor).values;
        float largest = std::max({std::fabs(seen.low()), std::fabs(seen.high()), 1e-30f});
        values[inputs.scale] = std::ldexp(1.0f, std::ilogb(largest) - 23);
        values[inputs.low] = -std::numeric_limits<float>::infinity();
        values[inputs.high] = std::numeric_limits<float>::infinity();
        continue;
      }
      values[inputs.scale] = grid.scale;
      values[inputs.low] = (float)-grid.zeroPoint;
      values[inputs.high] = (float)(255 - grid.zeroPoint);
    }
    return values;
  }

  /// Writes the model, and measures it as it is.
  std::optional<QuantizeResult> finish() {
    QuantizeResult result;
    result.model = writeQuantized(editor.model(), contractions, decision,
                                  [&](const Contraction &contraction, ArrayRef<int64_t> channels) {
                                    report.raisedChannels[contraction.name].assign(channels.begin(), channels.end());
                                  });
    host.progress("compiling the quantized model");
    auto built = host.build(result.model);
    if (!built)
      return std::nullopt;
    auto outputs = compare(*built, observations, {}, kAllSamples, host);
    if (!outputs)
      return std::nullopt;
    report.outputs = std::move(*outputs);
    report.bytesAfter = result.model.ByteSizeLong();
    report.quantized = count_if(contractions, [&](const Contraction &c) { return decision.quantizes(c); });
    for (auto &[tensor, grid] : decision.grids) {
      const Histogram &seen = observations.tensors.at(tensor).values;
      report.tensors.push_back({tensor, grid, seen.low(), seen.high(), qualityOf(seen, grid)});
    }
    result.report = std::move(report);
    return result;
  }

  void note(const std::string &what, double error) {
    std::string text;
    raw_string_ostream(text) << what << format(": error %.3g", error);
    report.steps.push_back(text);
  }

  static constexpr size_t kAllSamples = SIZE_MAX;
  ModelEditor editor;
  const QuantizeOptions &options;
  Host &host;
  std::vector<Contraction> contractions;
  Observations observations;
  Decision decision;
  QuantizeReport report;
};

} // namespace

std::optional<QuantizeResult> quantize(onnx::ModelProto model, const std::string &path, const QuantizeOptions &options,
                                       Host &host) {
  std::string problem;
  if (!inlineWeights(model, path, problem)) {
    host.error(problem);
    return std::nullopt;
  }
  return Quantizer(std::move(model), options, host).run();
}

} // namespace nncc::quantize
