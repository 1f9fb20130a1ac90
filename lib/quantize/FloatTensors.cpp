// See FloatTensors.h.
#include "lib/quantize/FloatTensors.h"
#include "llvm/ADT/STLExtras.h"

using namespace llvm;

namespace nncc::quantize {

bool FloatTensors::isGoodEnough(ArrayRef<OutputError> outputs) const {
  return all_of(outputs, [&](const OutputError &output) {
    return output.cosine() >= trials.options.minCosine && output.decibels() >= trials.options.minDecibels;
  });
}

bool FloatTensors::choose(Candidate &best) {
  auto found = findOf(best);
  if (!found)
    return false;
  floats = std::move(*found);
  auto other = std::exchange(tunedWay.untuned, std::nullopt);
  if (!floats.areFew() && tunedWay.canBeFound() &&
      !chooseOther(best, other ? std::optional(std::move(other->candidate)) : std::nullopt))
    return false;
  setFloat(best);
  return true;
}

/// other  without grids of single tensors; nothing: the best has none itself
/// error  reported, and false
bool FloatTensors::chooseOther(Candidate &best, std::optional<Candidate> other) {
  if (!other)
    other = tunedWay.corrected();
  auto found = other ? findOf(*other) : std::nullopt;
  if (!found)
    return false;
  if (found->tensors.size() < floats.tensors.size()) {
    std::swap(best, *other);
    std::swap(floats, *found);
  }
  if (best.isTuned)
    tunedWay.untuned = {std::move(*other), std::move(*found)};
  return true;
}

/// error: reported, and nothing is returned
std::optional<Raised> FloatTensors::findOf(const Candidate &candidate) {
  auto switchable = trials.buildSwitchable(candidate, /*switchWeights=*/true);
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
      [&](const std::set<std::string> &off, size_t samples) {
        return trials.compareWith(*switchable, candidate, grids, off, samples);
      },
      [&](ArrayRef<OutputError> outputs) { return isGoodEnough(outputs); }, trials.host);
  if (found)
    trials.steps.push_back(std::to_string(found->tensors.size()) + " of " + std::to_string(all.size()) +
                           " tensors float, " + candidate.way());
  return found;
}

void FloatTensors::chooseMore(Candidate &best) {
  for (size_t left = std::max<size_t>(floats.alone.size() / 20, 1); left; --left)
    if (std::string worst = floats.worstBeside(floats.tensors); !worst.empty())
      floats.tensors.insert(worst);
  if (tunedWay.untuned && floats.tensors.size() >= tunedWay.untuned->floats.tensors.size()) {
    WayWithFloats other = *std::exchange(tunedWay.untuned, std::nullopt);
    best = std::move(other.candidate);
    floats = std::move(other.floats);
    raised.clear();
  }
  setFloat(best);
}

void FloatTensors::setFloat(Candidate &candidate) {
  for (const std::string &tensor : floats.tensors)
    if (auto grid = candidate.decision.grids.extract(tensor))
      raised.insert(std::move(grid));
}

} // namespace nncc::quantize
