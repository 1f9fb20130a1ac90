// See TunedWay.h.
#include "lib/quantize/TunedWay.h"
#include "lib/quantize/Improve.h"
#include "lib/quantize/TuneGrids.h"
#include <limits>

namespace nncc::quantize {

/// What errs less than this, noise by signal of the outputs, has no grids of single tensors tried: a cosine of 0.999 is
/// not worth so many runs.
static constexpr double kFine = 2e-3;
/// Grids of single tensors have to make the error less by a fifth: which of them each tensor has is chosen on the
/// samples that judge them. MobileFaceNet errs 4 % less so on the folds, and as much on pictures that were not seen.
static constexpr double kTuned = 0.8;
/// By half where they bring the first Mul in front of a QuantizeLinear: BlazeFace takes 5 % more time by them.
static constexpr double kTunedByFactors = 0.5;

void TunedWay::beginWith(const Candidate &candidate) {
  if (!trials.options.method && !trials.options.storesAll && trials.options.statistics.empty())
    plain = candidate;
}

bool TunedWay::tryOn(Candidate &best) {
  if (!plain || best.error <= kFine)
    return true;
  if (!find(kHopeless * best.error))
    return false;
  if (!tuned)
    return true;
  double most = best.error * (tuned->hasFactors && !best.hasFactors ? kTunedByFactors : kTuned);
  if (tuned->error < kNear * most && !trials.tryRoundedTogether(*tuned))
    return false;
  if (tuned->error < most)
    untuned = {std::exchange(best, *tuned), {}};
  return true;
}

std::optional<Candidate> TunedWay::corrected() {
  if (!tuned && !find(std::numeric_limits<double>::infinity()))
    return std::nullopt;
  tuned->correct();
  return tuned;
}

/// Gives each tensor a grid of its own, channels alike and biases that take out what grids add.
///
/// limit  of the error with the first grid of each tensor, beyond which no others are tried
/// error  reported, and false
bool TunedWay::find(double limit) {
  ModelEditor editor(plain->source->model);
  Equalization how{0.5f, /*insertsFactors=*/true, /*choosesZero=*/true};
  size_t changed = equalize(editor, plain->source->contractions, plain->source->observations.tensors, how).size();
  tuned = trials.rewritten(*plain, editor);
  auto choices = tuned ? findGridChoices(*tuned->source, trials.host) : std::nullopt;
  if (!choices)
    return false;
  if (changed)
    tuned->channels = "channels of " + std::to_string(changed) + " tensors made alike, ";
  tuned->isTuned = tuned->isCorrected = true;
  tuned->hasFactors = changed;
  takeFirst(*tuned, *choices);
  if (!measure())
    return false;
  if (tuned->error > limit) {
    tuned.reset();
    return true;
  }
  // What grids add is an input of the model with switches, whose biases are corrected for weights alone.
  tuned->correctBiases();
  auto switchable = trials.buildSwitchable(*tuned, /*switchWeights=*/true);
  for (Contraction &contraction : tuned->source->contractions)
    contraction.correction.clear();
  auto measureGrids = [&](const Candidate &candidate, const std::set<std::string> &floats, size_t samples) {
    return trials.errorWith(*switchable, candidate, candidate.judged, floats, samples);
  };
  return switchable && chooseGrids(*tuned, *choices, measureGrids, trials.host) && measure();
}

/// error: reported, and false
bool TunedWay::measure() {
  auto error = trials.errorOfCorrected(*tuned);
  if (!error)
    return false;
  tuned->error = *error;
  trials.note("biases corrected, " + tuned->way(), *error);
  return true;
}

} // namespace nncc::quantize
