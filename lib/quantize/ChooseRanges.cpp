// See ChooseRanges.h.
#include "lib/quantize/ChooseRanges.h"
#include "lib/quantize/EqualizeStreams.h"
#include "lib/quantize/Improve.h"
#include "llvm/ADT/STLExtras.h"

using namespace llvm;

namespace nncc::quantize {

namespace {

/// How much of a difference between channels the weights of a convolution take that reads a sum or concatenation.
constexpr float kStreamShare = 0.5f;

/// Of each way to find ranges, what errs least so far. Each is carried to the end: which is best may turn with the
/// last improvement.
using Finalists = std::map<RangeMethod, Candidate>;

RangeMethod bestOf(const Finalists &finalists) {
  return min_element(finalists, [](const auto &a, const auto &b) { return a.second.rank() < b.second.rank(); })->first;
}

class RangeChooser {
public:
  explicit RangeChooser(Trials &trials) : trials(trials) {}

  bool run(Candidate &best) {
    Finalists finalists;
    if (!findRanges(best, finalists) || !tryEqualized(best, finalists))
      return false;
    double least = finalists.at(bestOf(finalists)).rank();
    for (auto &[method, finalist] : finalists)
      if (finalist.rank() < kHopeless * least && !trials.tryCorrected(finalist))
        return false;
    least = finalists.at(bestOf(finalists)).rank();
    for (auto &[method, finalist] : finalists)
      if (finalist.rank() < kNear * least && !trials.tryRoundedTogether(finalist))
        return false;
    best = std::move(finalists.at(bestOf(finalists)));
    return true;
  }

private:
  /// Tries every way to find ranges. Those that err less than a finalist by the same way take its place.
  ///
  /// error  reported, and false
  bool findRanges(Candidate candidate, Finalists &finalists) {
    candidate.decision.grids = candidate.gridsOf(RangeMethod::MinMax);
    auto switchable = trials.buildSwitchable(candidate);
    if (!switchable)
      return false;
    Finalists own;
    for (RangeMethod method : kRangeMethods) {
      if (trials.options.method && method != *trials.options.method)
        continue;
      trials.host.progress(std::string("trying ranges by ") + nameOf(method));
      candidate.method = method;
      candidate.decision.grids = candidate.gridsOf(method), candidate.judged = candidate.judgedGridsOf(method);
      if (!measure(*switchable, candidate))
        return false;
      if (candidate.channels.empty())
        trials.note(candidate.way(), candidate.error);
      own[method] = candidate;
    }
    if (!trials.options.method && !tryRangesOfInputs(*switchable, own))
      return false;
    const Candidate &best = own.at(bestOf(own));
    if (best.ofInputs || !best.channels.empty())
      trials.note(best.way(), best.error);
    for (auto &[method, found] : own) {
      auto [known, isNew] = finalists.try_emplace(method, found);
      if (!isNew && found.rank() < known->second.rank())
        known->second = std::move(found);
    }
    return true;
  }

  /// The error of a candidate's outputs. error: reported, and false
  bool measure(Switchable &switchable, Candidate &candidate) {
    auto error = trials.errorWith(switchable, candidate, candidate.judged);
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

  /// error: reported, and false
  bool tryEqualized(const Candidate &plain, Finalists &finalists) {
    if (!trials.options.statistics.empty()) {
      trials.steps.push_back("channels made alike: left out, statistics are of the tensors as they are");
      return true;
    }
    Candidate base = plain;
    if (trials.options.storesAll && !tryStreams(base, finalists))
      return false;
    // The most that may help first; less only where it does not.
    size_t before = 0;
    for (Equalization how : {Equalization{0.5f, true}, Equalization{1, true}, Equalization{0.5f, false}}) {
      how.isStored = trials.options.storesAll;
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
    auto equalized = trials.rewritten(plain, editor);
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
    auto alike = changed ? trials.rewritten(base, editor) : std::optional(base);
    if (!alike || !changed)
      return alike.has_value();
    alike->channels = "channels of " + std::to_string(changed) + " tensors made alike through sums, ";
    if (!findRanges(*alike, finalists))
      return false;
    if (finalists.at(bestOf(finalists)).source == alike->source)
      base = std::move(*alike);
    return true;
  }

  Trials &trials;
};

} // namespace

bool chooseRanges(Candidate &best, Trials &trials) { return RangeChooser(trials).run(best); }

} // namespace nncc::quantize
