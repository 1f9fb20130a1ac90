// See Candidate.h.
#include "lib/quantize/Candidate.h"
#include <algorithm>
#include <cmath>
#include <limits>

namespace nncc::quantize {

Grids Candidate::gridsOf(RangeMethod by, llvm::function_ref<Histogram(const TensorStatistics &)> seen) const {
  std::map<std::string, std::string> shares;
  for (const StoredTensor &tensor : source->stored)
    shares[tensor.name] = tensor.shares;
  std::map<std::string, Histogram> together;
  for (auto &[tensor, statistics] : source->observations.tensors)
    if (auto other = shares.find(tensor); other != shares.end())
      together[other->second].merge(seen(statistics));
  Grids grids, shared;
  for (auto &[tensor, values] : together)
    shared[tensor] = findGrid(values, by);
  for (auto &[tensor, statistics] : source->observations.tensors) {
    auto other = shares.find(tensor);
    grids[tensor] = other != shares.end() ? shared.at(other->second) : findGrid(seen(statistics), by);
  }
  return grids;
}

Grids Candidate::gridsOf(RangeMethod by) const {
  return gridsOf(by, [](const TensorStatistics &statistics) { return statistics.values; });
}

JudgedGrids Candidate::judgedGridsOf(RangeMethod by) const {
  JudgedGrids grids;
  for (unsigned fold = 0; fold < kFolds; ++fold)
    grids[fold] = gridsOf(by, [fold](const TensorStatistics &statistics) { return statistics.outside(fold); });
  return grids;
}

void Candidate::applySteps() const {
  if (!areWeightsRoundedTogether)
    return;
  for (Contraction &contraction : source->contractions)
    if (auto steps = source->stepsTogether->find(contraction.node); steps != source->stepsTogether->end())
      contraction.steps = steps->second;
}

std::map<std::string, float> Switchable::values(const Candidate &candidate, const Grids &grids,
                                                const std::set<std::string> &off) const {
  std::map<std::string, float> values;
  for (auto &[tensor, names] : inputs) {
    ActivationGrid grid = grids.at(tensor);
    if (!names.weights.empty())
      values[names.weights] = off.count(tensor) ? 0 : 1;
    if (off.count(tensor)) {
      // A power of two, so that products with it are exact, as fine as an f32 of the largest value.
      const Histogram &seen = candidate.source->observations.tensors.at(tensor).values;
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

} // namespace nncc::quantize
