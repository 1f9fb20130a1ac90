// See Quantize.h. Every improvement is measured on the outputs, and taken only where their error falls.
#include "lib/quantize/Quantize.h"
#include "lib/quantize/Candidate.h"
#include "lib/quantize/Choices.h"
#include "lib/quantize/ChooseRanges.h"
#include "lib/quantize/FloatTensors.h"
#include "lib/quantize/RaiseOpset.h"
#include "lib/quantize/Trials.h"
#include "lib/quantize/TunedWay.h"
#include "lib/quantize/Weights.h"
#include "lib/quantize/WidenHalves.h"
#include "lib/quantize/WriteOutFunctions.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/GlobPattern.h"
#include "llvm/Support/Path.h"

using namespace llvm;

namespace nncc::quantize {

namespace {

/// How ranges are found where no outputs can be measured: the best on three of four networks that were tried.
constexpr RangeMethod kUnmeasuredRanges = RangeMethod::Percentile;

/// One run of the quantizer over a model.
class Quantizer {
public:
  Quantizer(onnx::ModelProto model, const QuantizeOptions &options, Host &host)
      : original(std::move(model)), options(options), host(host), trials(options, host) {}

  /// name  of the file, for statistics
  std::optional<QuantizeResult> run(StringRef name) {
    std::optional<Statistics> statistics;
    auto result = quantizeAndGather(name, statistics);
    if (result)
      result->statistics = std::move(statistics);
    return result;
  }

  /// Counts what contractions read. error: reported, and nothing is returned
  std::optional<Statistics> gather(StringRef name) {
    Candidate candidate;
    if (!prepare(candidate) || !selectContractions(candidate))
      return std::nullopt;
    candidate.source->stored = trials.storedOf(candidate.source->model);
    if (!trials.observeOn(candidate))
      return std::nullopt;
    return candidate.statistics(name, modelHash);
  }

private:
  std::optional<QuantizeResult> quantizeAndGather(StringRef name, std::optional<Statistics> &statistics) {
    Candidate best;
    if (!prepare(best))
      return std::nullopt;
    Candidate whole = best;
    whole.source = std::make_shared<Source>(*best.source);
    if (!selectContractions(best))
      return std::nullopt;
    if (options.gathersStatistics) {
      // Statistics are of all contractions, whatever is kept.
      ModelEditor editor(whole.source->model);
      whole.source->contractions = findContractions(editor);
      whole.source->stored = trials.storedOf(whole.source->model);
      whole.decision.inputs = Decision::Inputs::OnGrids;
      if (!trials.observeOn(whole))
        return std::nullopt;
      statistics = whole.statistics(name, modelHash);
      best.source->observations = std::move(whole.source->observations);
      best.dropUnread();
    } else if (options.hasSamples && !trials.observeOn(best)) {
      return std::nullopt;
    }
    report.samples = best.source->observations.samples;
    if (!takeStatistics(best))
      return std::nullopt;
    best.chooseStored();
    if (options.hasRanges() && !isAnySeen(best))
      return std::nullopt;
    warnOfFewSamples();
    if (!options.hasSamples || none_of(best.source->observations.outputs, std::mem_fn(&Port::isFloat)))
      return writeUnmeasured(best);
    if (options.recipe == Recipe::Int8Dynamic || best.decision.weights != WeightForm::Int8)
      return finish(best);
    if (!best.decision.needsGrids() ? !measureWeights(best) : !findGrids(best))
      return std::nullopt;
    best.correct();
    if (tunedWay.untuned)
      tunedWay.untuned->candidate.correct();
    if (options.recipe == Recipe::Mixed && !floatTensors.choose(best))
      return std::nullopt;
    best.takeOutOffsets();
    return finish(best);
  }

  //===-- What is quantized -----------------------------------------------===//

  /// Brings the file into the form that is quantized. error: reported, and false
  bool prepare(Candidate &candidate) {
    report.bytesBefore = original.ByteSizeLong();
    modelHash = hashOfModel(original);
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
    widenHalves(editor);
    report.foldedNorms = foldBatchNorms(editor);
    trials.measured = floatsOfChoices(editor);
    candidate.source->model = withOutputs(editor.model(), trials.measured);
    candidate.decision.inputs = options.hasRanges()                     ? Decision::Inputs::OnGrids
                                : options.recipe == Recipe::Int8Dynamic ? Decision::Inputs::Dynamic
                                                                        : Decision::Inputs::Float;
    candidate.decision.weights = options.recipe == Recipe::Int4Weights ? WeightForm::Int4
                                 : options.recipe == Recipe::F16       ? WeightForm::F16
                                 : options.recipe == Recipe::BF16      ? WeightForm::BF16
                                                                       : WeightForm::Int8;
    candidate.decision.block = options.block;
    report.stored = options.recipe == Recipe::Int4Weights ? "in 4 bits (convolutions: 8)"
                    : options.recipe == Recipe::F16       ? "as f16"
                    : options.recipe == Recipe::BF16      ? "as bf16"
                                                          : "in 8 bits";
    return true;
  }

  /// Finds what can be quantized, without what is to stay as it is. error: reported, and false
  bool selectContractions(Candidate &candidate) {
    ModelEditor editor(candidate.source->model);
    candidate.source->contractions = findContractions(editor);
    candidate.source->stored = trials.storedOf(candidate.source->model);
    report.contractions = candidate.source->contractions.size();
    if (candidate.decision.inputs == Decision::Inputs::Dynamic)
      erase_if(candidate.source->contractions,
               [&](const Contraction &contraction) { return !canBeDynamic(candidate.source->model, contraction); });
    auto tables = [&] {
      if (!candidate.decision.needsGrids())
        candidate.decision.tables = findTables(editor, candidate.source->contractions, candidate.decision.weights,
                                               /*isDynamic=*/candidate.decision.inputs == Decision::Inputs::Dynamic);
      if (isOfHalves(candidate.decision.weights))
        candidate.dropLargeValues(editor);
    };
    tables();
    for (const std::string &text : options.keepFloat)
      if (!keep(text, candidate))
        return false;
    trials.dropKept(candidate.source->contractions);
    tables(); // without those that a product shares which stays float
    erase_if(candidate.source->stored, [&](const StoredTensor &tensor) { return trials.kept.count(tensor.name); });
    erase_if(candidate.decision.tables, [&](const Table &table) { return trials.kept.count(table.name); });
    report.tables = candidate.decision.tables.size();
    if (!candidate.source->contractions.empty() || report.tables)
      return true;
    host.error("there is nothing to quantize: " + candidate.whyNothing(!trials.kept.empty()));
    return false;
  }

  /// Leaves what a pattern of --keep names as it is. error: reported, and false
  bool keep(const std::string &text, const Candidate &candidate) {
    auto pattern = GlobPattern::create(text);
    if (!pattern) {
      host.error("--keep " + text + "=f32: " + toString(pattern.takeError()));
      return false;
    }
    bool isUsed = false;
    auto leave = [&](const std::string &name, std::initializer_list<StringRef> others) {
      if (!pattern->match(name) && none_of(others, [&](StringRef other) { return pattern->match(other); }))
        return;
      trials.kept.insert(name);
      isUsed = true;
    };
    for (const Contraction &contraction : candidate.source->contractions)
      leave(contraction.name, {contraction.input, contraction.weightName});
    for (const Table &table : candidate.decision.tables)
      leave(table.name, {table.weightName});
    for (const StoredTensor &tensor : candidate.source->stored)
      leave(tensor.name, {});
    if (!isUsed)
      host.warn("--keep " + text + "=f32 names no convolution or product with constant weights" +
                (!candidate.decision.needsGrids()   ? ", and no table"
                 : candidate.source->stored.empty() ? ""
                                                    : ", and no tensor that is stored"));
    return true;
  }

  //===-- Measuring -------------------------------------------------------===//

  bool isAnySeen(const Candidate &candidate) {
    if (!candidate.source->observations.tensors.empty())
      return true;
    host.error("there is nothing to quantize: --bind makes constants of all that contractions read");
    return false;
  }

  void warnOfFewSamples() {
    if (options.hasRanges() && report.samples < 10)
      host.warn("only " + std::to_string(report.samples) + (report.samples == 1 ? " sample" : " samples") +
                ": ranges of fewer than 10 are seldom those of real data");
  }

  /// Puts the counts of files in the place of those of the samples. error: reported, and false
  bool takeStatistics(Candidate &candidate) {
    if (options.statistics.empty())
      return true;
    std::map<std::string, Histogram> merged;
    report.samples = 0;
    for (const Statistics &statistics : options.statistics) {
      if (statistics.modelHash != modelHash) {
        host.error("'" + statistics.path + "' has the statistics of another model, '" + statistics.model +
                   "' with the SHA-256 " + statistics.modelHash + "\nnote: this one has " + modelHash +
                   "; gather its own with --data=SET --stats-out=FILE.json");
        return false;
      }
      report.samples += statistics.samples;
      for (auto &[tensor, values] : statistics.tensors)
        merged[tensor].merge(values);
    }
    auto [unread, unstored] = candidate.takeCounts(merged);
    warnOfMissing(unread, "contractions read", "those contractions stay float");
    warnOfMissing(unstored, "are stored", "those stay float; --stats-out counts them with --optimize=size");
    return true;
  }

  void warnOfMissing(const std::set<std::string> &missing, StringRef what, StringRef effect) {
    if (!missing.empty())
      host.warn(("the statistics have no values of " + Twine(missing.size()) + " tensors that " + what + ", such as '" +
                 *missing.begin() + "': " + effect)
                    .str());
  }

  /// The error with rounded weights, and what makes it less. error: reported, and false
  bool measureWeights(Candidate &candidate) {
    auto switchable = trials.buildSwitchable(candidate);
    auto error = switchable ? trials.errorWith(*switchable, candidate, {}) : std::nullopt;
    if (!error)
      return false;
    candidate.error = *error;
    trials.note("rounded weights", *error);
    return trials.tryCorrected(candidate) && trials.tryRoundedTogether(candidate);
  }

  /// The grids of all tensors: found alike, or each by itself. error: reported, and false
  bool findGrids(Candidate &best) {
    tunedWay.beginWith(best);
    return chooseRanges(best, trials) && tunedWay.tryOn(best);
  }

  //===-- The result ------------------------------------------------------===//

  /// Writes the model and measures it as it is, until it is good enough. What was tuned is given up where the file errs
  /// no less than without.
  std::optional<QuantizeResult> finish(Candidate &best) {
    if (options.recipe == Recipe::Int8 && tunedWay.untuned)
      return lessOf(best, tunedWay.untuned->candidate);
    for (; !best.decision.needsGrids() || !best.decision.grids.empty(); floatTensors.chooseMore(best)) {
      auto result = writeAndMeasure(best);
      if (!result || options.recipe != Recipe::Mixed || floatTensors.isGoodEnough(result->report.outputs))
        return result;
    }
    host.error("the bounds of --min-cosine and --min-sqnr hold for nothing but the float model\n"
               "note: ask for less, or for --recipe=int8-weights");
    return std::nullopt;
  }

  std::optional<QuantizeResult> lessOf(const Candidate &best, const Candidate &other) {
    auto result = writeAndMeasure(best), without = result ? writeAndMeasure(other) : std::nullopt;
    if (!without)
      return std::nullopt;
    return errorOf(result->report.outputs) < errorOf(without->report.outputs) ? result : without;
  }

  /// Writes the model where no sample says which of several ways is best: integers, such as classes, do not say how
  /// much they err. error: reported, that bounds need floats
  std::optional<QuantizeResult> writeUnmeasured(Candidate &best) {
    if (options.hasSamples) {
      std::string text = "no output of the model is a float: what it errs is not measured\nnote: --end=TENSOR lets it "
                         "end in front of what makes integers of floats";
      if (options.recipe == Recipe::Mixed)
        return host.error(text), std::nullopt;
      host.warn(text);
    }
    if (best.decision.needsGrids()) {
      best.method = options.method.value_or(kUnmeasuredRanges);
      best.decision.grids = best.gridsOf(best.method);
      trials.steps.push_back(options.hasSamples ? "nothing: no output is a float"
                                                : "nothing: what the outputs decide needs --data beside --stats");
    }
    return write(best);
  }

  QuantizeResult write(const Candidate &best) {
    report.raisedChannels.clear();
    QuantizeResult result;
    result.model = writeQuantized(best.source->model, best.source->contractions, best.decision,
                                  [&](const Contraction &contraction, ArrayRef<int64_t> channels) {
                                    report.raisedChannels[contraction.name].assign(channels.begin(), channels.end());
                                  });
    dropOutputs(result.model, trials.measured);
    result.report = report;
    describe(best, result);
    return result;
  }

  std::optional<QuantizeResult> writeAndMeasure(const Candidate &best) {
    QuantizeResult result = write(best);
    host.progress("compiling the quantized model");
    auto built = host.build(withOutputs(result.model, trials.measured));
    if (!built)
      return std::nullopt;
    auto outputs = compare(*built, best.source->observations, {}, kAllSamples, host);
    if (!outputs)
      return std::nullopt;
    result.report.outputs = std::move(*outputs);
    return result;
  }

  void describe(const Candidate &best, QuantizeResult &result) const {
    QuantizeReport &report = result.report;
    if (best.decision.needsGrids())
      report.method = best.ranges();
    report.steps = trials.steps;
    report.bytesAfter = result.model.ByteSizeLong();
    report.quantized =
        count_if(best.source->contractions, [&](const Contraction &c) { return best.decision.quantizes(c); });
    report.toStore = best.source->stored.size();
    report.inBytes =
        count_if(best.source->stored, [&](const StoredTensor &t) { return best.decision.grids.count(t.name); });
    report.floatNodes.assign(trials.kept.begin(), trials.kept.end());
    const std::map<std::string, double> &errors = floatTensors.errorsAlone();
    double total = 0;
    for (auto &[tensor, error] : errors)
      total += error;
    for (const Grids *grids : {&best.decision.grids, &floatTensors.grids()})
      for (auto &[tensor, grid] : *grids) {
        const Histogram &seen = best.source->observations.tensors.at(tensor).values;
        auto alone = errors.find(tensor);
        report.tensors.push_back(
            {tensor, grid, seen.low(), seen.high(), qualityOf(seen, grid), grids == &floatTensors.grids(),
             alone == errors.end() ? std::nullopt : std::optional(alone->second / std::max(total, 1e-300))});
      }
  }

  onnx::ModelProto original;
  std::string modelHash;
  const QuantizeOptions &options;
  Host &host;
  Trials trials;
  TunedWay tunedWay{trials};
  FloatTensors floatTensors{trials, tunedWay};
  QuantizeReport report;
};

} // namespace

std::optional<QuantizeResult> quantize(onnx::ModelProto model, const std::string &path, const QuantizeOptions &options,
                                       Host &host) {
  std::string problem;
  if (!writeOutFunctions(model, problem) || !inlineWeights(model, path, problem)) {
    host.error(problem);
    return std::nullopt;
  }
  return Quantizer(std::move(model), options, host).run(sys::path::filename(path));
}

std::optional<Statistics> gatherStatistics(onnx::ModelProto model, const std::string &path,
                                           const QuantizeOptions &options, Host &host) {
  std::string problem;
  if (!writeOutFunctions(model, problem) || !inlineWeights(model, path, problem)) {
    host.error(problem);
    return std::nullopt;
  }
  QuantizeOptions ofAll;
  ofAll.storesAll = options.storesAll;
  return Quantizer(std::move(model), ofAll, host).gather(sys::path::filename(path));
}

} // namespace nncc::quantize
