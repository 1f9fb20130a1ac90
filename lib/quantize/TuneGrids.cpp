// See TuneGrids.h.
#include "lib/quantize/TuneGrids.h"
#include "llvm/ADT/STLExtras.h"
#include <cmath>

using namespace llvm;

namespace nncc::quantize {

/// What grids cut off at either end: where a few values are far beyond all others, steps as fine as what lies between
/// them asks for err less, however far those are off.
static constexpr double kCutOff[] = {0, 1e-4, 1e-3};
/// What is cut off has to make the error less by a fifth: other data have more beyond than the samples show
/// (Candidate.cpp).
static constexpr double kCutOffGain = 0.8;
/// On so many samples: of fewer, one that turns by chance decides.
static constexpr size_t kTuneSamples = 8;
/// A tensor that has less than this share of what all do alone is left as it is.
static constexpr double kLeastShare = 0.02;

namespace {

/// Whether biases can take what is added to a channel of what contractions read: every reader is a convolution.
bool canTakeOffsets(const Source &source, const std::string &tensor) {
  auto channels = (int64_t)source.observations.tensors.at(tensor).sums.size();
  auto reads = [&](const Contraction &contraction) { return contraction.input == tensor; };
  return any_of(source.contractions, reads) && all_of(source.contractions, [&](const Contraction &contraction) {
           return !reads(contraction) ||
                  (contraction.op == "Conv" && contraction.takesBias && contraction.inputChannels() == channels);
         });
}

/// What rounding to a grid adds to a channel, over all values that the grid does not cut off.
struct Added {
  double sum = 0;
  uint64_t count = 0;
};

/// Counts what one sample adds.
void addSample(std::vector<Added> &added, const ActivationGrid &grid, ArrayRef<float> values,
               const ChannelIndex &channel) {
  float low = (float)-grid.zeroPoint, high = (float)(255 - grid.zeroPoint);
  for (int64_t from = 0; from < (int64_t)values.size(); from += channel.inner) {
    Added &of = added[channel.of(from)];
    for (float value : values.slice(from, channel.inner)) {
      float step = std::nearbyint(value / grid.scale);
      if (step < low || step > high)
        continue;
      of.sum += (double)(step * grid.scale) - value;
      ++of.count;
    }
  }
}

} // namespace

std::optional<GridChoices> findGridChoices(const Source &source, Host &host) {
  GridChoices choices;
  std::map<std::string, std::vector<std::vector<Added>>> added;
  for (auto &[tensor, seen] : source.observations.tensors) {
    std::vector<GridChoice> &grids = choices[tensor];
    for (double share : kCutOff)
      if (ActivationGrid grid = findGridWithin(seen.values, share);
          none_of(grids, [&](const GridChoice &other) { return other.grid == grid; }))
        grids.push_back({grid, {}});
    if (canTakeOffsets(source, tensor))
      added[tensor].assign(grids.size(), std::vector<Added>(seen.sums.size()));
  }
  bool isRun = replay(source.model, source.contractions, source.observations, host,
                      [&](const std::string &tensor, ArrayRef<float> values, ArrayRef<int64_t> shape) {
                        auto wanted = added.find(tensor);
                        if (wanted == added.end())
                          return;
                        for (auto [choice, sums] : zip(choices.at(tensor), wanted->second))
                          addSample(sums, choice.grid, values, ChannelIndex(shape, 1));
                      });
  if (!isRun)
    return std::nullopt;
  for (auto &[tensor, ofChoices] : added)
    for (auto [choice, sums] : zip(choices.at(tensor), ofChoices))
      for (const Added &channel : sums)
        choice.offsets.push_back(channel.count ? (float)(channel.sum / (double)channel.count) : 0);
  return choices;
}

bool chooseGrids(Candidate &candidate, const GridChoices &choices, MeasureGrids measure, Host &host) {
  std::set<std::string> all;
  for (auto &[tensor, grids] : choices) {
    all.insert(tensor);
    candidate.take(tensor, grids.front().grid, grids.front().offsets);
  }
  auto measureAlone = [&](const std::string &tensor) {
    std::set<std::string> others = all;
    others.erase(tensor);
    return measure(candidate, others, kTuneSamples);
  };
  std::map<std::string, double> alone;
  double total = 0;
  for (const std::string &tensor : all) {
    host.progress("quantizing '" + tensor + "' alone");
    auto error = measureAlone(tensor);
    if (!error)
      return false;
    alone[tensor] = *error;
    if (std::isfinite(*error))
      total += *error;
  }
  for (auto &[tensor, grids] : choices) {
    if (alone.at(tensor) < kLeastShare * total)
      continue;
    host.progress("trying ranges of '" + tensor + "'");
    const GridChoice *best = &grids.front();
    for (const GridChoice &choice : drop_begin(grids)) {
      candidate.take(tensor, choice.grid, choice.offsets);
      auto error = measureAlone(tensor);
      if (!error)
        return false;
      if (*error >= alone.at(tensor) * kCutOffGain)
        continue;
      alone[tensor] = *error;
      best = &choice;
    }
    candidate.take(tensor, best->grid, best->offsets);
  }
  return true;
}

} // namespace nncc::quantize
