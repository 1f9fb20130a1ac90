// See Candidate.h.
#include "lib/quantize/Candidate.h"
#include "lib/quantize/Improve.h"
#include "llvm/ADT/STLExtras.h"
#include <algorithm>
#include <cmath>
#include <limits>

namespace nncc::quantize {

/// Tensors that are so many times smaller than the largest that is stored stay float: gates, and what makes them.
static constexpr uint64_t kSmall = 64;
/// Percentile has to err less by a fifth than other methods: how far it cuts is said by counts alone, and what other
/// data have beyond is seldom seen in few samples. On pictures that were not seen it errs 1.7 times as much as all
/// values on UltraFace, and 1.3 times as much as least squares on BlazeFace, with 5 % more and 14 % less on the folds.
static constexpr double kPercentile = 0.8;
/// Factors of a Mul have to make the error less by a tenth: they are those of all samples, also of the one that is
/// judged. BlazeFace errs a fifth less without, where the folds say that it errs as much.
static constexpr double kFactors = 0.9;

std::vector<std::string> Source::storedNames() const {
  std::vector<std::string> names;
  for (const StoredTensor &tensor : stored)
    names.push_back(tensor.name);
  return names;
}

double Candidate::rank() const {
  return error / (method == RangeMethod::Percentile ? kPercentile : 1) / (hasFactors ? kFactors : 1);
}

std::string Candidate::ranges() const { return isTuned ? "least error of each tensor" : nameOf(method); }

std::string Candidate::way() const {
  std::string text = channels + "ranges by " + ranges();
  if (ofInputs)
    text += std::string(", those of inputs by ") + nameOf(*ofInputs);
  return text;
}

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

Judged Candidate::judgedGridsOf(RangeMethod by) const {
  Judged judged;
  for (unsigned fold = 0; fold < kFolds; ++fold)
    judged[fold].grids = gridsOf(by, [fold](const TensorStatistics &statistics) { return statistics.outside(fold); });
  return judged;
}

void Candidate::dropUnread() {
  std::set<std::string> read;
  for (const Contraction &contraction : source->contractions)
    read.insert(contraction.input);
  for (const StoredTensor &tensor : source->stored)
    read.insert(tensor.name);
  auto &tensors = source->observations.tensors;
  for (auto seen = tensors.begin(); seen != tensors.end();)
    seen = read.count(seen->first) ? std::next(seen) : tensors.erase(seen);
}

Statistics Candidate::statistics(llvm::StringRef model, llvm::StringRef modelHash) const {
  Statistics statistics{"", model.str(), modelHash.str(), source->observations.samples, {}};
  for (auto &[tensor, seen] : source->observations.tensors)
    statistics.tensors[llvm::json::fixUTF8(tensor)] = seen.values;
  return statistics;
}

std::pair<std::set<std::string>, std::set<std::string>>
Candidate::takeCounts(const std::map<std::string, Histogram> &counts) {
  auto &tensors = source->observations.tensors;
  auto take = [&](const std::string &tensor, std::set<std::string> &missing) {
    auto found = counts.find(llvm::json::fixUTF8(tensor));
    if (found == counts.end() || !found->second.count()) {
      tensors.erase(tensor);
      missing.insert(tensor);
      return;
    }
    tensors[tensor].values = found->second;
    for (Histogram &fold : tensors[tensor].folds)
      fold = {}; // files do not say which samples: their ranges are judged as they are
  };
  std::set<std::string> unread, unstored;
  for (const Contraction &contraction : source->contractions)
    take(contraction.input, unread);
  for (const StoredTensor &tensor : source->stored)
    if (!unread.count(tensor.name))
      take(tensor.name, unstored);
  return {std::move(unread), std::move(unstored)};
}

void Candidate::dropLargeValues(const ModelEditor &editor) {
  llvm::erase_if(source->contractions, [&](const Contraction &contraction) {
    return !canBeHalves(contraction.weight.values, decision.weights);
  });
  llvm::erase_if(decision.tables, [&](const Table &table) {
    return !canBeHalves(editor.floats(table.weightName)->values, decision.weights);
  });
}

std::string Candidate::whyNothing(bool isKept) const {
  bool isDynamic = decision.inputs == Decision::Inputs::Dynamic;
  std::string why = isKept      ? "--keep leaves all"
                    : isDynamic ? "the model has no MatMul or Gemm with constant, finite weights of f32"
                                : "the model has no Conv, ConvTranspose, MatMul or Gemm with constant, finite weights "
                                  "of f32";
  if (!isKept && !isDynamic && isOfHalves(decision.weights))
    why += " that 16 bits hold";
  if (!isKept && isDynamic)
    why += "\nnote: --recipe=int8 quantizes convolutions, too";
  if (source->model.functions_size())
    why += "\nnote: functions of the model that are of other opsets than the model are not looked at: write them out "
           "first, with onnx.inliner.inline_local_functions";
  return why;
}

void Candidate::chooseStored() {
  auto countOf = [&](const StoredTensor &tensor) {
    auto seen = source->observations.tensors.find(tensor.name);
    return seen == source->observations.tensors.end() ? 0 : seen->second.values.count();
  };
  uint64_t most = 0;
  for (const StoredTensor &tensor : source->stored)
    most = std::max(most, countOf(tensor));
  llvm::erase_if(source->stored, [&](const StoredTensor &tensor) {
    uint64_t count = countOf(tensor);
    return !count || (!tensor.isNeeded && count < most / kSmall);
  });
  decision.stored.clear();
  for (const StoredTensor &tensor : source->stored)
    decision.stored.insert(tensor.name);
  dropUnread();
}

void Candidate::applySteps() const {
  if (!areWeightsRoundedTogether)
    return;
  for (Contraction &contraction : source->contractions)
    if (auto steps = source->stepsTogether->find(contraction.node); steps != source->stepsTogether->end())
      contraction.steps = steps->second;
}

void Candidate::correctBiases() const {
  quantize::correctBiases(source->model, source->contractions, decision, source->observations.tensors);
}

void Candidate::correct() const {
  applySteps();
  if (isCorrected)
    correctBiases();
}

void Candidate::takeOutOffsets() const {
  quantize::takeOutOffsets(source->model, source->contractions, decision, source->observations.tensors);
}

std::map<std::string, std::vector<float>> Switchable::values(const Candidate &candidate, const Placement &placement,
                                                             const std::set<std::string> &off) const {
  std::map<std::string, std::vector<float>> values;
  for (auto &[tensor, names] : inputs) {
    ActivationGrid grid = placement.grids.at(tensor);
    if (!names.weights.empty())
      values[names.weights] = {off.count(tensor) ? 0.0f : 1.0f};
    if (!names.offsets.empty()) {
      const std::vector<float> &offsets = placement.offsets.at(tensor);
      values[names.offsets] = off.count(tensor) ? std::vector<float>(offsets.size(), 0) : offsets;
    }
    if (off.count(tensor)) {
      // A power of two, so that products with it are exact, as fine as an f32 of the largest value.
      const Histogram &seen = candidate.source->observations.tensors.at(tensor).values;
      float largest = std::max({std::fabs(seen.low()), std::fabs(seen.high()), 1e-30f});
      values[names.scale] = {std::ldexp(1.0f, std::ilogb(largest) - 23)};
      values[names.low] = {-std::numeric_limits<float>::infinity()};
      values[names.high] = {std::numeric_limits<float>::infinity()};
      continue;
    }
    values[names.scale] = {grid.scale};
    values[names.low] = {(float)-grid.zeroPoint};
    values[names.high] = {(float)(255 - grid.zeroPoint)};
  }
  return values;
}

} // namespace nncc::quantize
