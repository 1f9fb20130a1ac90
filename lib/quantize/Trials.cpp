// See Trials.h.
#include "lib/quantize/Trials.h"
#include "lib/quantize/Moments.h"
#include "lib/quantize/Rounding.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;

namespace nncc::quantize {

bool Trials::observeOn(Candidate &candidate) {
  bool areRangesAsked = candidate.decision.inputs != Decision::Inputs::Dynamic;
  auto observed = observe(candidate.source->model,
                          areRangesAsked ? ArrayRef(candidate.source->contractions) : ArrayRef<Contraction>(),
                          candidate.source->storedNames(), measured, host);
  if (observed)
    candidate.source->observations = std::move(*observed);
  return observed.has_value();
}

std::optional<Candidate> Trials::rewritten(const Candidate &plain, ModelEditor &editor) {
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

//===-- Running -------------------------------------------------------------===//

std::optional<Switchable> Trials::buildSwitchable(const Candidate &candidate, bool switchWeights) {
  SwitchableModel switchable =
      writeSwitchable(candidate.source->model, candidate.source->contractions, candidate.decision,
                      candidate.source->observations.tensors, switchWeights);
  host.progress("compiling a model with switches");
  auto built = host.build(switchable.model);
  if (!built)
    return std::nullopt;
  return Switchable{std::move(*built), std::move(switchable.inputs)};
}

std::optional<std::vector<OutputError>> Trials::compareWith(Switchable &model, const Candidate &candidate,
                                                            const Judged &judged, const std::set<std::string> &off,
                                                            size_t samples) {
  ExtraInputs values;
  for (auto [fold, placement] : zip(values, judged))
    fold = model.values(candidate, placement, off);
  return compare(model.built, candidate.source->observations, values, samples, host);
}

std::optional<double> Trials::errorWith(Switchable &model, const Candidate &candidate, const Judged &judged,
                                        const std::set<std::string> &off, size_t samples) {
  auto outputs = compareWith(model, candidate, judged, off, samples);
  if (!outputs)
    return std::nullopt;
  return errorOf(*outputs);
}

std::optional<double> Trials::errorOfCorrected(Candidate &candidate) {
  candidate.applySteps();
  candidate.correctBiases();
  auto switchable = buildSwitchable(candidate);
  // Others share the source: whoever is taken in the end is rounded and corrected again.
  for (Contraction &contraction : candidate.source->contractions) {
    contraction.correction.clear();
    contraction.steps.clear();
  }
  return switchable ? errorWith(*switchable, candidate, candidate.judged) : std::nullopt;
}

//===-- Improving -----------------------------------------------------------===//

bool Trials::tryCorrected(Candidate &candidate) {
  auto error = errorOfCorrected(candidate);
  if (!error)
    return false;
  note("biases corrected" + (candidate.decision.needsGrids() ? ", " + candidate.way() : ""), *error);
  candidate.isCorrected = *error < candidate.error;
  candidate.error = std::min(candidate.error, *error);
  return true;
}

bool Trials::tryRoundedTogether(Candidate &candidate) {
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

bool Trials::findStepsTogether(const Candidate &candidate) {
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

//===-- What all candidates have in common ----------------------------------===//

std::vector<StoredTensor> Trials::storedOf(const onnx::ModelProto &model) const {
  return options.storesAll ? findStored(ModelEditor(model)) : std::vector<StoredTensor>();
}

void Trials::dropKept(std::vector<Contraction> &contractions) const {
  erase_if(contractions, [&](const Contraction &contraction) { return kept.count(contraction.name); });
}

void Trials::note(const std::string &what, double error) {
  std::string text;
  raw_string_ostream(text) << what << format(": error %.3g", error);
  steps.push_back(text);
}

} // namespace nncc::quantize
