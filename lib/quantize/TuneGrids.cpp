// See TuneGrids.h.
#include "lib/quantize/TuneGrids.h"
#include "llvm/ADT/STLExtras.h"
#include <cmath>

using namespace llvm;

namespace nncc::quantize {

/// What grids cut off at either end: where a few values are far beyond all others, steps as fine as what lies between
/// them asks for err less, however far those are off.
static constexpr double kCutOff[] = {1e-4, 1e-3};
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
  // What has no place below the binary point any more is rounded, to the even of two neighbours.
  constexpr float whole = 0x1.8p23f;
  float low = (float)-grid.zeroPoint, high = (float)(255 - grid.zeroPoint);
  for (int64_t from = 0; from < (int64_t)values.size(); from += channel.inner) {
    double sum = 0;
    uint64_t count = 0;
    for (float value : values.slice(from, channel.inner)) {
      float step = value / grid.scale + whole - whole;
      bool isInside = step >= low && step <= high;
      sum += isInside ? step * grid.scale - value : 0;
      count += isInside;
    }
    Added &of = added[channel.of(from)];
    of.sum += sum;
    of.count += count;
  }
}

/// What grids of a choice add, by all samples and by those outside of each fold.
struct AddedByChoice {
  explicit AddedByChoice(size_t channels) : ofAll(channels), judged() { judged.fill(ofAll); }
  std::vector<Added> ofAll;
  std::array<std::vector<Added>, kFolds> judged;

  void add(const GridChoice &choice, ArrayRef<float> values, const ChannelIndex &channel, unsigned fold) {
    addSample(ofAll, choice.ofAll.grid, values, channel);
    for (unsigned other = 0; other < kFolds; ++other)
      if (other != fold)
        addSample(judged[other], choice.judged[other].grid, values, channel);
  }
};

void setOffsets(PlacedTensor &placed, ArrayRef<Added> added) {
  for (const Added &channel : added)
    placed.offsets.push_back(channel.count ? (float)(channel.sum / (double)channel.count) : 0);
}

bool hasAny(ArrayRef<Added> added) {
  return any_of(added, [](const Added &channel) { return channel.count > 0; });
}

GridChoice makeChoice(const TensorStatistics &seen, function_ref<ActivationGrid(const Histogram &)> find, double gain) {
  GridChoice choice{{find(seen.values), {}}, {}, gain};
  for (auto [fold, placed] : enumerate(choice.judged))
    placed.grid = find(seen.outside(fold));
  return choice;
}

std::vector<GridChoice> choicesFor(const TensorStatistics &seen) {
  std::vector<GridChoice> choices;
  for (RangeMethod method : {RangeMethod::MinMax, RangeMethod::Wide})
    choices.push_back(makeChoice(seen, [=](const Histogram &values) { return findGrid(values, method); }, 1));
  for (double share : kCutOff)
    choices.push_back(
        makeChoice(seen, [=](const Histogram &values) { return findGridWithin(values, share); }, kCutOffGain));
  return choices;
}

void take(Candidate &candidate, const std::string &tensor, const GridChoice &choice) {
  auto place = [&](Grids &grids, Offsets &offsets, const PlacedTensor &placed) {
    grids[tensor] = placed.grid;
    if (placed.offsets.empty())
      offsets.erase(tensor);
    else
      offsets[tensor] = placed.offsets;
  };
  place(candidate.decision.grids, candidate.decision.offsets, choice.ofAll);
  for (auto [judged, placed] : zip(candidate.judged, choice.judged))
    place(judged.grids, judged.offsets, placed);
}

} // namespace

std::optional<GridChoices> findGridChoices(const Source &source, Host &host) {
  GridChoices choices;
  std::map<std::string, std::vector<AddedByChoice>> added;
  for (auto &[tensor, seen] : source.observations.tensors) {
    choices[tensor] = choicesFor(seen);
    if (canTakeOffsets(source, tensor))
      added[tensor].assign(choices[tensor].size(), AddedByChoice(seen.sums.size()));
  }
  bool isRun = replay(source.model, source.contractions, source.observations, host,
                      [&](const std::string &tensor, ArrayRef<float> values, ArrayRef<int64_t> shape, unsigned fold) {
                        auto wanted = added.find(tensor);
                        if (wanted == added.end())
                          return;
                        for (auto [choice, sums] : zip(choices.at(tensor), wanted->second))
                          sums.add(choice, values, ChannelIndex(shape, 1), fold);
                      });
  if (!isRun)
    return std::nullopt;
  for (auto &[tensor, ofChoices] : added)
    for (auto [choice, sums] : zip(choices.at(tensor), ofChoices)) {
      setOffsets(choice.ofAll, sums.ofAll);
      // Where no sample is of another fold, what all add: as for ranges.
      for (auto [placed, judged] : zip(choice.judged, sums.judged))
        setOffsets(placed, hasAny(judged) ? judged : sums.ofAll);
    }
  return choices;
}

void takeFirst(Candidate &candidate, const GridChoices &choices) {
  for (auto &[tensor, grids] : choices)
    take(candidate, tensor, grids.front());
}

bool chooseGrids(Candidate &candidate, const GridChoices &choices, MeasureGrids measure, Host &host) {
  takeFirst(candidate, choices);
  std::set<std::string> all;
  for (auto &[tensor, grids] : choices)
    all.insert(tensor);
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
      if (choice.ofAll.grid == best->ofAll.grid)
        continue;
      take(candidate, tensor, choice);
      auto error = measureAlone(tensor);
      if (!error)
        return false;
      if (*error >= alone.at(tensor) * choice.gain)
        continue;
      alone[tensor] = *error;
      best = &choice;
    }
    take(candidate, tensor, *best);
  }
  return true;
}

} // namespace nncc::quantize
