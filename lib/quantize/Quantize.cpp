// See Quantize.h. Every improvement is measured on the outputs, and taken only where their error falls.
#include "lib/quantize/Quantize.h"
#include "lib/quantize/Improve.h"
#include "lib/quantize/RaiseOpset.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/GlobPattern.h"
#include "llvm/Support/raw_ostream.h"
#include <cmath>

using namespace llvm;

namespace nncc::quantize {

namespace {

using Grids = std::map<std::string, ActivationGrid>;
constexpr size_t kAllSamples = SIZE_MAX;

/// A model that computes what the float model does, and how it would be quantized.
struct Candidate {
  onnx::ModelProto model;
  std::vector<Contraction> contractions;
  Observations observations;
  Decision decision;
  std::string method; ///< by which its ranges were found
  double error = 0;   ///< of the outputs

  Grids gridsOf(RangeMethod by) const {
    Grids grids;
    for (auto &[tensor, statistics] : observations.tensors)
      grids[tensor] = findGrid(statistics.values, by);
    return grids;
  }
};

/// A candidate that runs, with grids that can be exchanged.
struct Switchable {
  BuiltModel built;
  std::map<std::string, GridInputs> inputs;

  /// The values of its inputs: the grids of all tensors, and of those in `off` one that changes nothing.
  std::map<std::string, float> values(const Candidate &candidate, const Grids &grids,
                                      const std::set<std::string> &off) const {
    std::map<std::string, float> values;
    for (auto &[tensor, names] : inputs) {
      ActivationGrid grid = grids.at(tensor);
      if (off.count(tensor)) {
        // A power of two, so that products with it are exact, as fine as an f32 of the largest value.
        const Histogram &seen = candidate.observations.tensors.at(tensor).values;
        float largest = std::max({std::fabs(seen.low()), std::fabs(seen.high()), 1e-30f});
        values[names.scale] = std::ldexp(1.0f, std::ilogb(largest) - 23);
        values[names.low] = -std::numeric_limits<float>::infinity();
        values[names.high] = std::numeric_limits<float>::infinity();
        continue;
      }
      values[names.scale] = grid.scale;
      values[names.low] = (float)-grid.zeroPoint;
      values[names.high] = (float)(255 - grid.zeroPoint);
    }
    return values;
  }
};

/// One run of the quantizer over a model.
class Quantizer {
public:
  Quantizer(onnx::ModelProto model, const QuantizeOptions &options, Host &host)
      : original(std::move(model)), options(options), host(host) {}

  std::optional<QuantizeResult> run() {
    Candidate best;
    if (!prepare(best) || !selectContractions(best) || !observeOn(best) || !chooseGrids(best) || !tryEqualized(best) ||
        !tryCorrected(best))
      return std::nullopt;
    report.samples = best.observations.samples;
    report.method = best.method;
    return finish(best);
  }

private:
  //===-- What is quantized -----------------------------------------------===//

  /// Brings the file into the form that is quantized. error: reported, and false
  bool prepare(Candidate &candidate) {
    report.bytesBefore = original.ByteSizeLong();
    ModelEditor editor(std::move(original));
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
    candidate.model = editor.model();
    candidate.decision.isWeightOnly = options.recipe == Recipe::Int8Weights;
    return true;
  }

  /// Finds what can be quantized, without what is to stay as it is. error: reported, and false
  bool selectContractions(Candidate &candidate) {
    ModelEditor editor(candidate.model);
    candidate.contractions = findContractions(editor);
    report.contractions = candidate.contractions.size();
    for (const std::string &text : options.keepFloat) {
      auto pattern = GlobPattern::create(text);
      if (!pattern) {
        host.error("--keep " + text + "=f32: " + toString(pattern.takeError()));
        return false;
      }
      bool isUsed = false;
      for (const Contraction &contraction : candidate.contractions)
        if (pattern->match(contraction.name) || pattern->match(contraction.input) ||
            pattern->match(contraction.weightName))
          isUsed = kept.insert(contraction.name).second || isUsed;
      if (!isUsed)
        host.warn("--keep " + text + "=f32 names no convolution or product with constant weights");
    }
    dropKept(candidate.contractions);
    if (candidate.contractions.empty())
      host.error("there is nothing to quantize: " +
                 std::string(report.contractions ? "--keep leaves all"
                                                 : "the model has no Conv, ConvTranspose, MatMul or Gemm with "
                                                   "constant weights of f32"));
    return !candidate.contractions.empty();
  }

  void dropKept(std::vector<Contraction> &contractions) const {
    erase_if(contractions, [&](const Contraction &contraction) { return kept.count(contraction.name); });
  }

  //===-- Measuring -------------------------------------------------------===//

  /// Runs the candidate in floats. error: reported, and false
  bool observeOn(Candidate &candidate) {
    auto observed = observe(candidate.model, candidate.contractions, host);
    if (observed)
      candidate.observations = std::move(*observed);
    return observed.has_value();
  }

  std::optional<Switchable> buildSwitchable(const Candidate &candidate) {
    SwitchableModel switchable = writeSwitchable(candidate.model, candidate.contractions, candidate.decision);
    host.progress("compiling a model with switches");
    auto built = host.build(switchable.model);
    if (!built)
      return std::nullopt;
    return Switchable{std::move(*built), std::move(switchable.inputs)};
  }

  /// The error of the outputs. error: reported, and nothing is returned
  std::optional<double> errorWith(Switchable &model, const Candidate &candidate, const Grids &grids,
                                  const std::set<std::string> &off, size_t samples) {
    auto outputs = compare(model.built, candidate.observations, model.values(candidate, grids, off), samples, host);
    if (!outputs)
      return std::nullopt;
    return errorOf(*outputs);
  }

  /// Finds the ranges of all tensors, and the error with them. error: reported, and false
  bool chooseGrids(Candidate &candidate) {
    if (!candidate.decision.isWeightOnly)
      candidate.decision.grids = candidate.gridsOf(RangeMethod::MinMax);
    auto switchable = buildSwitchable(candidate);
    if (!switchable)
      return false;
    candidate.error = std::numeric_limits<double>::infinity();
    for (RangeMethod method : kRangeMethods) {
      if (options.method && method != *options.method)
        continue;
      host.progress(std::string("trying ranges by ") + nameOf(method));
      Grids grids = candidate.gridsOf(method);
      auto error = errorWith(*switchable, candidate, grids, {}, kAllSamples);
      if (!error)
        return false;
      if (candidate.decision.isWeightOnly) {
        candidate.error = *error;
        note("rounded weights", *error);
        return true;
      }
      note(std::string("ranges by ") + nameOf(method), *error);
      if (*error < candidate.error)
        candidate.error = *error, candidate.decision.grids = grids, candidate.method = nameOf(method);
    }
    return true;
  }

  //===-- Improving -------------------------------------------------------===//

  /// error: reported, and false
  bool tryEqualized(Candidate &best) {
    if (best.decision.isWeightOnly)
      return true;
    ModelEditor editor(best.model);
    std::vector<std::string> changed = equalize(editor, best.contractions, best.observations.tensors);
    if (changed.empty())
      return true;
    Candidate equalized;
    equalized.model = editor.model();
    ModelEditor again(equalized.model);
    equalized.contractions = findContractions(again);
    dropKept(equalized.contractions);
    size_t notes = report.steps.size();
    if (!observeOn(equalized) || !chooseGrids(equalized))
      return false;
    report.steps.resize(notes);
    note("channels of " + std::to_string(changed.size()) + " tensors made alike, ranges by " + equalized.method,
         equalized.error);
    if (equalized.error < best.error) {
      // The answers to compare with stay those of the model as it was given.
      equalized.observations.sampleOutputs = best.observations.sampleOutputs;
      best = std::move(equalized);
    }
    return true;
  }

  /// error: reported, and false
  bool tryCorrected(Candidate &best) {
    std::vector<Contraction> plain = best.contractions;
    correctBiases(best.contractions, best.decision, best.observations.tensors);
    auto switchable = buildSwitchable(best);
    if (!switchable)
      return false;
    auto error = errorWith(*switchable, best, best.decision.grids, {}, kAllSamples);
    if (!error)
      return false;
    note("biases corrected", *error);
    if (*error < best.error)
      best.error = *error;
    else
      best.contractions = std::move(plain);
    return true;
  }

  //===-- The result ------------------------------------------------------===//

  /// Writes the model, and measures it as it is.
  std::optional<QuantizeResult> finish(const Candidate &best) {
    QuantizeResult result;
    result.model = writeQuantized(best.model, best.contractions, best.decision,
                                  [&](const Contraction &contraction, ArrayRef<int64_t> channels) {
                                    report.raisedChannels[contraction.name].assign(channels.begin(), channels.end());
                                  });
    host.progress("compiling the quantized model");
    auto built = host.build(result.model);
    if (!built)
      return std::nullopt;
    auto outputs = compare(*built, best.observations, {}, kAllSamples, host);
    if (!outputs)
      return std::nullopt;
    report.outputs = std::move(*outputs);
    report.bytesAfter = result.model.ByteSizeLong();
    report.quantized = count_if(best.contractions, [&](const Contraction &c) { return best.decision.quantizes(c); });
    report.floatNodes.assign(kept.begin(), kept.end());
    for (auto &[tensor, grid] : best.decision.grids) {
      const Histogram &seen = best.observations.tensors.at(tensor).values;
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

  onnx::ModelProto original;
  const QuantizeOptions &options;
  Host &host;
  std::set<std::string> kept; ///< contractions that stay float, by name
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
