// See Quantize.h. Every improvement is measured on the outputs, and taken only where their error falls.
#include "lib/quantize/Quantize.h"
#include "lib/quantize/Candidate.h"
#include "lib/quantize/Choices.h"
#include "lib/quantize/EqualizeStreams.h"
#include "lib/quantize/Improve.h"
#include "lib/quantize/Raise.h"
#include "lib/quantize/RaiseOpset.h"
#include "lib/quantize/Rounding.h"
#include "lib/quantize/TuneGrids.h"
#include "lib/quantize/Weights.h"
#include "lib/quantize/WidenHalves.h"
#include "lib/quantize/WriteOutFunctions.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/GlobPattern.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;

namespace nncc::quantize {

namespace {

constexpr size_t kAllSamples = SIZE_MAX;
/// Ranges that err so many times more than the best are not improved any further.
constexpr double kHopeless = 3;
/// Only those that err at most so many times more than the best have their weights rounded together.
constexpr double kNear = 1.15;
/// What errs less than this, noise by signal of the outputs, has no grids of single tensors tried: a cosine of 0.999 is
/// not worth so many runs.
constexpr double kFine = 2e-3;
/// Grids of single tensors have to make the error less by a fifth: which of them each tensor has is chosen on the
/// samples that judge them. MobileFaceNet errs 4 % less so on the folds, and as much on pictures that were not seen.
constexpr double kTuned = 0.8;
/// By half where they bring the first Mul in front of a QuantizeLinear: BlazeFace takes 5 % more time by them.
constexpr double kTunedByFactors = 0.5;
/// How much of a difference between channels the weights of a convolution take that reads a sum or concatenation.
constexpr float kStreamShare = 0.5f;

/// How ranges are found where no outputs can be measured: the best on three of four networks that were tried.
constexpr RangeMethod kUnmeasuredRanges = RangeMethod::Percentile;

/// One run of the quantizer over a model.
class Quantizer {
public:
  Quantizer(onnx::ModelProto model, const QuantizeOptions &options, Host &host)
      : original(std::move(model)), options(options), host(host) {}

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
    candidate.source->stored = storedOf(candidate.source->model);
    if (!observeOn(candidate))
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
      whole.source->stored = storedOf(whole.source->model);
      whole.decision.inputs = Decision::Inputs::OnGrids;
      if (!observeOn(whole))
        return std::nullopt;
      statistics = whole.statistics(name, modelHash);
      best.source->observations = std::move(whole.source->observations);
      best.dropUnread();
    } else if (options.hasSamples && !observeOn(best)) {
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
    if (!best.decision.needsGrids() ? !measureWeights(best) : !chooseRanges(best))
      return std::nullopt;
    correct(best);
    if (untuned)
      correct(untuned->first);
    if (options.recipe == Recipe::Mixed && !raise(best))
      return std::nullopt;
    takeOutOffsets(best);
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
    measured = floatsOfChoices(editor);
    candidate.source->model = withOutputs(editor.model(), measured);
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
    candidate.source->stored = storedOf(candidate.source->model);
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
    dropKept(candidate.source->contractions);
    tables(); // without those that a product shares which stays float
    erase_if(candidate.source->stored, [&](const StoredTensor &tensor) { return kept.count(tensor.name); });
    erase_if(candidate.decision.tables, [&](const Table &table) { return kept.count(table.name); });
    report.tables = candidate.decision.tables.size();
    if (!candidate.source->contractions.empty() || report.tables)
      return true;
    host.error("there is nothing to quantize: " + candidate.whyNothing(!kept.empty()));
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
      kept.insert(name);
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

  /// What a model made for size stores in 8 bits; nothing for others.
  std::vector<StoredTensor> storedOf(const onnx::ModelProto &model) const {
    return options.storesAll ? findStored(ModelEditor(model)) : std::vector<StoredTensor>();
  }

  void dropKept(std::vector<Contraction> &contractions) const {
    erase_if(contractions, [&](const Contraction &contraction) { return kept.count(contraction.name); });
  }

  //===-- Measuring -------------------------------------------------------===//

  /// Runs the candidate in floats. error: reported, and false
  bool observeOn(Candidate &candidate) {
    bool areRangesAsked = candidate.decision.inputs != Decision::Inputs::Dynamic;
    auto observed = observe(candidate.source->model,
                            areRangesAsked ? ArrayRef(candidate.source->contractions) : ArrayRef<Contraction>(),
                            candidate.source->storedNames(), measured, host);
    if (observed)
      candidate.source->observations = std::move(*observed);
    return observed.has_value();
  }

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

  std::optional<Switchable> buildSwitchable(const Candidate &candidate, bool switchWeights = false) {
    SwitchableModel switchable =
        writeSwitchable(candidate.source->model, candidate.source->contractions, candidate.decision,
                        candidate.source->observations.tensors, switchWeights);
    host.progress("compiling a model with switches");
    auto built = host.build(switchable.model);
    if (!built)
      return std::nullopt;
    return Switchable{std::move(*built), std::move(switchable.inputs)};
  }

  std::optional<std::vector<OutputError>> compareWith(Switchable &model, const Candidate &candidate,
                                                      const Judged &judged, const std::set<std::string> &off,
                                                      size_t samples) {
    ExtraInputs values;
    for (auto [fold, placement] : zip(values, judged))
      fold = model.values(candidate, placement, off);
    return compare(model.built, candidate.source->observations, values, samples, host);
  }

  /// The error of the outputs. error: reported, and nothing is returned
  std::optional<double> errorWith(Switchable &model, const Candidate &candidate, const Judged &judged,
                                  const std::set<std::string> &off, size_t samples) {
    auto outputs = compareWith(model, candidate, judged, off, samples);
    if (!outputs)
      return std::nullopt;
    return errorOf(*outputs);
  }

  /// The error with rounded weights, and what makes it less. error: reported, and false
  bool measureWeights(Candidate &candidate) {
    auto switchable = buildSwitchable(candidate);
    auto error = switchable ? errorWith(*switchable, candidate, {}, {}, kAllSamples) : std::nullopt;
    if (!error)
      return false;
    candidate.error = *error;
    note("rounded weights", *error);
    return tryCorrected(candidate) && tryRoundedTogether(candidate);
  }

  //===-- Ranges ----------------------------------------------------------===//

  /// Of each way to find ranges, what errs least so far. Each is carried to the end: which is best may turn with the
  /// last improvement.
  using Finalists = std::map<RangeMethod, Candidate>;

  static RangeMethod bestOf(const Finalists &finalists) {
    return min_element(finalists, [](const auto &a, const auto &b) { return a.second.rank() < b.second.rank(); })
        ->first;
  }

  /// Finds the ranges of all tensors, and improves what they are of. error: reported, and false
  bool chooseRanges(Candidate &best) {
    if (canTune())
      plain = best;
    Finalists finalists;
    if (!findRanges(best, finalists) || !tryEqualized(best, finalists))
      return false;
    double least = finalists.at(bestOf(finalists)).rank();
    for (auto &[method, finalist] : finalists)
      if (finalist.rank() < kHopeless * least && !tryCorrected(finalist))
        return false;
    least = finalists.at(bestOf(finalists)).rank();
    for (auto &[method, finalist] : finalists)
      if (finalist.rank() < kNear * least && !tryRoundedTogether(finalist))
        return false;
    best = std::move(finalists.at(bestOf(finalists)));
    if (plain && best.error > kFine && !tryTuned(best))
      return false;
    report.method = best.ranges();
    return true;
  }

  /// Tries every way to find ranges. Those that err less than a finalist by the same way take its place.
  ///
  /// error  reported, and false
  bool findRanges(Candidate candidate, Finalists &finalists) {
    candidate.decision.grids = candidate.gridsOf(RangeMethod::MinMax);
    auto switchable = buildSwitchable(candidate);
    if (!switchable)
      return false;
    Finalists own;
    for (RangeMethod method : kRangeMethods) {
      if (options.method && method != *options.method)
        continue;
      host.progress(std::string("trying ranges by ") + nameOf(method));
      candidate.method = method;
      candidate.decision.grids = candidate.gridsOf(method), candidate.judged = candidate.judgedGridsOf(method);
      if (!measure(*switchable, candidate))
        return false;
      if (candidate.channels.empty())
        note(candidate.way(), candidate.error);
      own[method] = candidate;
    }
    if (!options.method && !tryRangesOfInputs(*switchable, own))
      return false;
    const Candidate &best = own.at(bestOf(own));
    if (best.ofInputs || !best.channels.empty())
      note(best.way(), best.error);
    for (auto &[method, found] : own) {
      auto [known, isNew] = finalists.try_emplace(method, found);
      if (!isNew && found.rank() < known->second.rank())
        known->second = std::move(found);
    }
    return true;
  }

  /// The error of a candidate's outputs. error: reported, and false
  bool measure(Switchable &switchable, Candidate &candidate) {
    auto error = errorWith(switchable, candidate, candidate.judged, {}, kAllSamples);
    candidate.error = error.value_or(0);
    return error.has_value();
  }

  /// Finds the ranges of what a caller gives by themselves: pictures are steps of bytes, which a grid of other steps,
  /// or of the same ones that begins between them, meets by chance. What is best beside the best ranges of the others
  /// is tried beside all. error: reported, and false
  bool tryRangesOfInputs(Switchable &switchable, Finalists &own) {
    RangeMethod best = bestOf(own);
    std::optional<RangeMethod> taken;
    for (RangeMethod method : kRangeMethods) {
      auto isLess = tryRangeOfInputs(switchable, own.at(best), method);
      if (!isLess)
        return false;
      if (*isLess)
        taken = method;
    }
    if (!taken)
      return true;
    for (auto &[method, other] : own)
      if (method != best && !tryRangeOfInputs(switchable, other, *taken))
        return false;
    return true;
  }

  /// Takes ranges by `method` for what a caller gives, where that errs less. error: reported, and nothing is returned
  std::optional<bool> tryRangeOfInputs(Switchable &switchable, Candidate &candidate, RangeMethod method) {
    Candidate other = candidate;
    bool hasAny = false;
    for (const Port &input : candidate.source->observations.inputs) {
      const std::string &name = input.sample.name;
      if (!candidate.decision.grids.count(name))
        continue;
      hasAny = true;
      const TensorStatistics &seen = candidate.source->observations.tensors.at(name);
      other.decision.grids[name] = findGrid(seen.values, method);
      for (unsigned fold = 0; fold < kFolds; ++fold)
        other.judged[fold].grids[name] = findGrid(seen.outside(fold), method);
    }
    if (!hasAny || method == candidate.method)
      return false;
    if (!measure(switchable, other))
      return std::nullopt;
    if (other.error >= candidate.error)
      return false;
    other.ofInputs = method;
    candidate = std::move(other);
    return true;
  }

  //===-- Improving -------------------------------------------------------===//

  /// error: reported, and false
  bool tryEqualized(const Candidate &plain, Finalists &finalists) {
    if (!options.statistics.empty()) {
      report.steps.push_back("channels made alike: left out, statistics are of the tensors as they are");
      return true;
    }
    Candidate base = plain;
    if (options.storesAll && !tryStreams(base, finalists))
      return false;
    // The most that may help first; less only where it does not.
    size_t before = 0;
    for (Equalization how : {Equalization{0.5f, true}, Equalization{1, true}, Equalization{0.5f, false}}) {
      how.isStored = options.storesAll;
      if (!tryEqualized(base, how, finalists, before))
        return false;
    }
    return true;
  }

  /// Equalizes `plain`, and finds the ranges of the result.
  ///
  /// before  how many tensors the last way changed, and then this one; where they are as many, they are the same
  /// error   reported, and false
  bool tryEqualized(const Candidate &plain, Equalization how, Finalists &finalists, size_t &before) {
    const Source &from = *plain.source;
    ModelEditor editor(from.model);
    std::vector<std::string> changed = equalize(editor, from.contractions, from.observations.tensors, how);
    if (changed.empty() || (!how.insertsFactors && changed.size() == before))
      return true;
    before = changed.size();
    auto equalized = rewritten(plain, editor);
    if (!equalized)
      return false;
    equalized->channels += "channels of " + std::to_string(changed.size()) + " tensors made " +
                           (how.share < 1 ? "alike" : "wholly alike") + (how.insertsFactors ? "" : " without a Mul") +
                           ", ";
    equalized->hasFactors = how.insertsFactors;
    return findRanges(*equalized, finalists);
  }

  /// Makes channels alike through sums and concatenations; `base` becomes that where it errs least.
  ///
  /// error  reported, and false
  bool tryStreams(Candidate &base, Finalists &finalists) {
    const Source &from = *base.source;
    ModelEditor editor(from.model);
    size_t changed = equalizeStreams(editor, from.contractions, from.stored, from.observations.tensors, kStreamShare);
    auto alike = changed ? rewritten(base, editor) : std::optional(base);
    if (!alike || !changed)
      return alike.has_value();
    alike->channels = "channels of " + std::to_string(changed) + " tensors made alike through sums, ";
    if (!findRanges(*alike, finalists))
      return false;
    if (finalists.at(bestOf(finalists)).source == alike->source)
      base = std::move(*alike);
    return true;
  }

  /// A candidate of a model that computes the same, and what its contractions read. error: reported, and nothing
  std::optional<Candidate> rewritten(const Candidate &plain, ModelEditor &editor) {
    Candidate other;
    Source &made = *other.source;
    made.model = editor.model();
    made.contractions = findContractions(editor);
    dropKept(made.contractions);
    made.stored = storedOf(made.model);
    erase_if(made.stored, [&](const StoredTensor &tensor) { return kept.count(tensor.name); });
    if (!observeOn(other))
      return std::nullopt;
    other.chooseStored();
    // The answers to compare with stay those of the model as it was given.
    made.observations.sampleOutputs = plain.source->observations.sampleOutputs;
    other.channels = plain.channels;
    return other;
  }

  /// Takes what rounded weights add on average out of the biases, where the candidate errs less so.
  ///
  /// error  reported, and false
  bool tryCorrected(Candidate &candidate) {
    auto error = errorOfCorrected(candidate);
    if (!error)
      return false;
    note("biases corrected" + (candidate.decision.needsGrids() ? ", " + candidate.way() : ""), *error);
    candidate.isCorrected = *error < candidate.error;
    candidate.error = std::min(candidate.error, *error);
    return true;
  }

  /// Its error with corrected biases. error: reported, and nothing is returned
  std::optional<double> errorOfCorrected(Candidate &candidate) {
    candidate.applySteps();
    correctBiases(candidate);
    auto switchable = buildSwitchable(candidate);
    // Others share the source: whoever is taken in the end is rounded and corrected again.
    for (Contraction &contraction : candidate.source->contractions) {
      contraction.correction.clear();
      contraction.steps.clear();
    }
    return switchable ? errorWith(*switchable, candidate, candidate.judged, {}, kAllSamples) : std::nullopt;
  }

  /// Rounds weights together, and takes what that adds on average out of the biases, where the candidate errs less so.
  ///
  /// error  reported, and false
  bool tryRoundedTogether(Candidate &candidate) {
    if (!candidate.source->stepsTogether && !findStepsTogether(candidate))
      return false;
    if (candidate.source->stepsTogether->empty())
      return true;
    Candidate rounded = candidate;
    rounded.areWeightsRoundedTogether = true;
    auto error = errorOfCorrected(rounded);
    if (!error)
      return false;
    note("weights rounded together, biases corrected" + (candidate.decision.needsGrids() ? ", " + candidate.way() : ""),
         *error);
    rounded.isCorrected = true;
    rounded.error = *error;
    if (rounded.error < candidate.error)
      candidate = std::move(rounded);
    return true;
  }

  /// The steps of all weights whose terms are known, for every candidate of the source: scales are those of the weights
  /// alone. error: reported, and false
  bool findStepsTogether(const Candidate &candidate) {
    Source &source = *candidate.source;
    auto moments = findMoments(
        source.model, source.contractions, source.observations,
        [&](const Contraction &contraction) {
          return candidate.decision.quantizes(contraction) && !candidate.decision.sharesTable(contraction);
        },
        host);
    if (!moments)
      return false;
    host.progress("rounding weights together");
    source.stepsTogether = roundTogether(source.model, source.contractions, std::move(*moments));
    return true;
  }

  static void correctBiases(Candidate &candidate) {
    quantize::correctBiases(candidate.source->model, candidate.source->contractions, candidate.decision,
                            candidate.source->observations.tensors);
  }

  static void takeOutOffsets(Candidate &candidate) {
    quantize::takeOutOffsets(candidate.source->model, candidate.source->contractions, candidate.decision,
                             candidate.source->observations.tensors);
  }

  /// Gives contractions the weights and biases that were decided, but for what grids add.
  static void correct(Candidate &candidate) {
    candidate.applySteps();
    if (candidate.isCorrected)
      correctBiases(candidate);
  }

  //===-- Grids of single tensors -----------------------------------------===//

  bool canTune() const { return !options.method && !options.storesAll && options.statistics.empty(); }

  /// Gives each tensor a grid of its own, channels alike and biases that take out what grids add.
  ///
  /// limit  of the error with the first grid of each tensor, beyond which no others are tried
  /// error  reported, and false
  bool tune(double limit) {
    ModelEditor editor(plain->source->model);
    Equalization how{0.5f, /*insertsFactors=*/true, /*choosesZero=*/true};
    size_t changed = equalize(editor, plain->source->contractions, plain->source->observations.tensors, how).size();
    tuned = rewritten(*plain, editor);
    auto choices = tuned ? findGridChoices(*tuned->source, host) : std::nullopt;
    if (!choices)
      return false;
    if (changed)
      tuned->channels = "channels of " + std::to_string(changed) + " tensors made alike, ";
    tuned->isTuned = tuned->isCorrected = true;
    tuned->hasFactors = changed;
    takeFirst(*tuned, *choices);
    if (!measureTuned())
      return false;
    if (tuned->error > limit) {
      tuned.reset();
      return true;
    }
    // What grids add is an input of the model with switches, whose biases are corrected for weights alone.
    correctBiases(*tuned);
    auto switchable = buildSwitchable(*tuned, /*switchWeights=*/true);
    for (Contraction &contraction : tuned->source->contractions)
      contraction.correction.clear();
    auto measureGrids = [&](const Candidate &candidate, const std::set<std::string> &floats, size_t samples) {
      return errorWith(*switchable, candidate, candidate.judged, floats, samples);
    };
    return switchable && chooseGrids(*tuned, *choices, measureGrids, host) && measureTuned();
  }

  bool measureTuned() {
    auto error = errorOfCorrected(*tuned);
    if (!error)
      return false;
    tuned->error = *error;
    note("biases corrected, " + tuned->way(), *error);
    return true;
  }

  /// error: reported, and false
  bool tryTuned(Candidate &best) {
    if (!tune(kHopeless * best.error))
      return false;
    if (!tuned)
      return true;
    double most = best.error * (tuned->hasFactors && !best.hasFactors ? kTunedByFactors : kTuned);
    if (tuned->error < kNear * most && !tryRoundedTogether(*tuned))
      return false;
    if (tuned->error < most)
      untuned = {std::exchange(best, *tuned), {}};
    return true;
  }

  //===-- Tensors that stay float -----------------------------------------===//

  bool isGoodEnough(ArrayRef<OutputError> outputs) const {
    return all_of(outputs, [&](const OutputError &output) {
      return output.cosine() >= options.minCosine && output.decibels() >= options.minDecibels;
    });
  }

  /// Finds which tensors are to stay float, with the weights behind them, and leaves them so: those of the way to
  /// quantize that errs least, or where these are many, of grids of single tensors or none if fewer are float so.
  /// error: reported, and false
  bool raise(Candidate &best) {
    auto found = findRaisedOf(best);
    if (!found)
      return false;
    toRaise = std::move(*found);
    auto other = std::exchange(untuned, std::nullopt);
    if (!toRaise.areFew() && plain && !raiseOther(best, other ? std::optional(std::move(other->first)) : std::nullopt))
      return false;
    setFloat(best, toRaise.tensors);
    return true;
  }

  /// other  without grids of single tensors; nothing: the best has none itself
  /// error  reported, and false
  bool raiseOther(Candidate &best, std::optional<Candidate> other) {
    if (!other) {
      if (!tuned && !tune(std::numeric_limits<double>::infinity()))
        return false;
      correct(*tuned);
      other = tuned;
    }
    auto found = findRaisedOf(*other);
    if (!found)
      return false;
    if (found->tensors.size() < toRaise.tensors.size()) {
      std::swap(best, *other);
      std::swap(toRaise, *found);
      report.method = best.ranges();
    }
    if (best.isTuned)
      untuned = {std::move(*other), std::move(*found)};
    return true;
  }

  /// error: reported, and nothing is returned
  std::optional<Raised> findRaisedOf(const Candidate &candidate) {
    auto switchable = buildSwitchable(candidate, /*switchWeights=*/true);
    if (!switchable)
      return std::nullopt;
    Judged grids;
    grids.fill({candidate.decision.grids, candidate.decision.offsets});
    std::set<std::string> all;
    for (auto &[tensor, names] : switchable->inputs)
      all.insert(tensor);
    // The written model is measured, too: that the bounds hold here only saves compiling it for every tensor.
    auto found = findRaised(
        all,
        [&](const std::set<std::string> &floats, size_t samples) {
          return compareWith(*switchable, candidate, grids, floats, samples);
        },
        [&](ArrayRef<OutputError> outputs) { return isGoodEnough(outputs); }, host);
    if (found)
      report.steps.push_back(std::to_string(found->tensors.size()) + " of " + std::to_string(all.size()) +
                             " tensors float, " + candidate.way());
    return found;
  }

  void setFloat(Candidate &candidate, const std::set<std::string> &tensors) {
    for (const std::string &tensor : tensors)
      if (auto grid = candidate.decision.grids.extract(tensor))
        raised.insert(std::move(grid));
  }

  /// Leaves another twentieth of the tensors float. What was tuned is given up where no fewer are float than without.
  void raiseMore(Candidate &best) {
    for (size_t left = std::max<size_t>(toRaise.alone.size() / 20, 1); left; --left)
      if (std::string worst = toRaise.worstBeside(toRaise.tensors); !worst.empty())
        toRaise.tensors.insert(worst);
    if (untuned && toRaise.tensors.size() >= untuned->second.tensors.size()) {
      std::tie(best, toRaise) = *std::exchange(untuned, std::nullopt);
      report.method = best.ranges();
      raised.clear();
    }
    setFloat(best, toRaise.tensors);
  }

  //===-- The result ------------------------------------------------------===//

  /// Writes the model and measures it as it is, until it is good enough. What was tuned is given up where the file errs
  /// no less than without.
  std::optional<QuantizeResult> finish(Candidate &best) {
    if (options.recipe == Recipe::Int8 && untuned)
      return lessOf(best, untuned->first);
    for (; !best.decision.needsGrids() || !best.decision.grids.empty(); raiseMore(best)) {
      auto result = writeAndMeasure(best);
      if (!result || options.recipe != Recipe::Mixed || isGoodEnough(result->report.outputs))
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
    if (errorOf(result->report.outputs) < errorOf(without->report.outputs))
      return result;
    without->report.method = other.ranges();
    return without;
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
      RangeMethod method = options.method.value_or(kUnmeasuredRanges);
      best.decision.grids = best.gridsOf(method);
      report.method = nameOf(method);
      report.steps.push_back(options.hasSamples ? "nothing: no output is a float"
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
    dropOutputs(result.model, measured);
    result.report = report;
    describe(best, result);
    return result;
  }

  std::optional<QuantizeResult> writeAndMeasure(const Candidate &best) {
    QuantizeResult result = write(best);
    host.progress("compiling the quantized model");
    auto built = host.build(withOutputs(result.model, measured));
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
    report.bytesAfter = result.model.ByteSizeLong();
    report.quantized =
        count_if(best.source->contractions, [&](const Contraction &c) { return best.decision.quantizes(c); });
    report.toStore = best.source->stored.size();
    report.inBytes =
        count_if(best.source->stored, [&](const StoredTensor &t) { return best.decision.grids.count(t.name); });
    report.floatNodes.assign(kept.begin(), kept.end());
    double total = 0;
    for (auto &[tensor, error] : toRaise.alone)
      total += error;
    for (const Grids *grids : {&best.decision.grids, &raised})
      for (auto &[tensor, grid] : *grids) {
        const Histogram &seen = best.source->observations.tensors.at(tensor).values;
        auto alone = toRaise.alone.find(tensor);
        report.tensors.push_back(
            {tensor, grid, seen.low(), seen.high(), qualityOf(seen, grid), grids == &raised,
             alone == toRaise.alone.end() ? std::nullopt : std::optional(alone->second / std::max(total, 1e-300))});
      }
  }

  void note(const std::string &what, double error) {
    std::string text;
    raw_string_ostream(text) << what << format(": error %.3g", error);
    report.steps.push_back(text);
  }

  onnx::ModelProto original;
  std::string modelHash;
  const QuantizeOptions &options;
  Host &host;
  std::vector<std::string> measured; ///< what a model that gives indices alone chooses by: outputs, but of the result
  std::set<std::string> kept;        ///< contractions that stay float, by name
  Raised toRaise;                    ///< of Mixed
  std::optional<Candidate> plain;    ///< what grids of single tensors are found for, where they may be
  std::optional<Candidate> tuned;    ///< with these
  std::optional<std::pair<Candidate, Raised>> untuned; ///< what is best without, where they are taken
  Grids raised;                                        ///< of tensors that stay float since they do most
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
