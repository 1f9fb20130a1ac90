// Beam search over the sets of steps that have run; see OrderPlanner.h.
#include "passes/memory/OrderPlanner.h"
#include "lib/support/Assert.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/STLExtras.h"
#include <algorithm>
#include <numeric>

namespace nncc {

namespace {

/// Moves looked at and memory copied in one search, in units of some 20 ns: 0.1 s.
constexpr int64_t kMostWork = 4'000'000;
constexpr size_t kWidest = 512;

/// Memory when some of the steps have run. All of it follows from the set of these steps, but for the peak.
struct State {
  std::vector<uint32_t> openTouches; ///< of each buffer: steps to come that touch it
  std::vector<uint32_t> openBefore;  ///< of each step: steps to come that have to run before it
  std::vector<unsigned> ready;       ///< steps that may run next, ascending
  int64_t live = 0;                  ///< bytes
  int64_t peak = 0;
  uint64_t hash = 0; ///< of the set of steps that have run
  int trail = -1;    ///< how this state was reached
};

/// What running a step means for the memory.
struct Effect {
  int64_t during = 0, after = 0;
};

/// The last move on the way to a state.
struct Move {
  unsigned step;
  int before;
};

struct Candidate {
  unsigned parent, step;
  int64_t peak, live;
  uint64_t hash;
};

/// Numbers that say nothing: equal sets get equal sums, different sets different ones (with near certainty; a clash
/// would lose an order, never make a wrong one).
uint64_t mix(uint64_t x) {
  x += 0x9E3779B97F4A7C15ull;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ull;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBull;
  return x ^ (x >> 31);
}

class OrderSearch {
public:
  explicit OrderSearch(const OrderProblem &problem) : problem(problem), totalTouches(problem.bufferBytes.size(), 0) {
    users.resize(problem.steps.size());
    for (auto [index, step] : llvm::enumerate(problem.steps)) {
      for (unsigned buffer : step.touches)
        ++totalTouches[buffer];
      for (unsigned before : step.after)
        users[before].push_back(index);
    }
  }

  State start() const {
    State state;
    state.openTouches = totalTouches;
    for (auto [index, step] : llvm::enumerate(problem.steps)) {
      state.openBefore.push_back(step.after.size());
      if (step.after.empty())
        state.ready.push_back(index);
    }
    return state;
  }

  Effect effectOf(const State &state, unsigned index) const {
    const OrderStep &step = problem.steps[index];
    Effect effect{state.live + step.scratchBytes, state.live};
    for (unsigned buffer : step.touches) {
      if (state.openTouches[buffer] == totalTouches[buffer]) {
        effect.during += problem.bufferBytes[buffer];
        effect.after += problem.bufferBytes[buffer];
      }
      if (state.openTouches[buffer] == 1)
        effect.after -= problem.bufferBytes[buffer];
    }
    if (llvm::any_of(step.overwrites, [&](unsigned buffer) { return state.openTouches[buffer] == 1; }))
      effect.during -= step.resultBytes;
    return effect;
  }

  void run(State &state, unsigned index, const Effect &effect) const {
    for (unsigned buffer : problem.steps[index].touches)
      --state.openTouches[buffer];
    state.ready.erase(llvm::lower_bound(state.ready, index));
    for (unsigned user : users[index])
      if (--state.openBefore[user] == 0)
        state.ready.insert(llvm::lower_bound(state.ready, user), user);
    state.live = effect.after;
    state.peak = std::max(state.peak, effect.during);
    state.hash += mix(index);
  }

  /// What the hungriest step alone needs: no order has a lower peak.
  int64_t floorOfPeak() const {
    int64_t floor = 0;
    for (const OrderStep &step : problem.steps) {
      int64_t bytes = step.scratchBytes - (step.overwrites.empty() ? 0 : step.resultBytes);
      for (unsigned buffer : step.touches)
        bytes += problem.bufferBytes[buffer];
      floor = std::max(floor, bytes);
    }
    return floor;
  }

  /// An order with a peak below `limit`, if the search finds one. `isComplete` says that no state was left out, so that
  /// the order is the best, or there is none. Adds to `work` what it took.
  std::optional<Order> search(int64_t limit, size_t width, bool &isComplete, int64_t &work) const {
    isComplete = true;
    const int64_t copyWork = (problem.steps.size() + problem.bufferBytes.size()) / 64;
    std::vector<Move> trails;
    std::vector<State> states{start()};
    states.front().peak = floorOfPeak();
    std::vector<Candidate> candidates;
    for (size_t count = 0; count < problem.steps.size(); ++count) {
      candidates.clear();
      for (auto [parent, state] : llvm::enumerate(states))
        expand(state, parent, limit, candidates), work += state.ready.size();
      work += 4 * candidates.size(); // sorting
      if (!select(candidates, width))
        isComplete = false;
      if (candidates.empty())
        return std::nullopt;
      std::vector<State> next;
      next.reserve(candidates.size());
      std::vector<unsigned> children(states.size(), 0);
      for (const Candidate &candidate : candidates)
        ++children[candidate.parent];
      for (const Candidate &candidate : candidates) {
        State &parent = states[candidate.parent];
        Effect effect = effectOf(parent, candidate.step);
        // The last child takes its parent's memory.
        work += children[candidate.parent] > 1 ? copyWork : 1;
        next.push_back(--children[candidate.parent] == 0 ? std::move(parent) : parent);
        trails.push_back({candidate.step, next.back().trail});
        next.back().trail = trails.size() - 1;
        run(next.back(), candidate.step, effect);
      }
      states = std::move(next);
    }
    const State &best = *llvm::min_element(states, [](const State &a, const State &b) { return a.peak < b.peak; });
    Order order;
    for (int at = best.trail; at >= 0; at = trails[at].before)
      order.steps.push_back(trails[at].step);
    std::reverse(order.steps.begin(), order.steps.end());
    return order;
  }

private:
  /// The moves from one state: a single one where that can be no mistake.
  void expand(const State &state, unsigned parent, int64_t limit, std::vector<Candidate> &candidates) const {
    size_t begin = candidates.size();
    for (unsigned step : state.ready) {
      Effect effect = effectOf(state, step);
      int64_t peak = std::max(state.peak, effect.during);
      bool isFree = effect.after <= state.live && effect.during <= state.peak;
      if (isFree)
        candidates.resize(begin);
      if (peak < limit)
        candidates.push_back({parent, step, peak, effect.after, state.hash + mix(step)});
      if (isFree)
        return;
    }
  }

  /// Keeps the `width` best, of equal sets one. Returns false when any were dropped.
  static bool select(std::vector<Candidate> &candidates, size_t width) {
    llvm::sort(candidates, [](const Candidate &a, const Candidate &b) {
      return std::tie(a.peak, a.live, a.parent, a.step) < std::tie(b.peak, b.live, b.parent, b.step);
    });
    llvm::DenseSet<uint64_t> seen;
    llvm::erase_if(candidates, [&](const Candidate &candidate) { return !seen.insert(candidate.hash >> 2).second; });
    if (candidates.size() <= width)
      return true;
    candidates.resize(width);
    return false;
  }

  const OrderProblem &problem;
  std::vector<uint32_t> totalTouches;
  std::vector<llvm::SmallVector<unsigned>> users;
};

} // namespace

int64_t peakOfOrder(const OrderProblem &problem, llvm::ArrayRef<unsigned> order) {
  OrderSearch search(problem);
  State state = search.start();
  for (unsigned step : order) {
    NNCC_ASSERT(llvm::is_contained(state.ready, step), "a step runs before one that it needs");
    search.run(state, step, search.effectOf(state, step));
  }
  return state.peak;
}

Order planOrder(const OrderProblem &problem) {
  OrderSearch search(problem);
  Order best;
  best.steps.resize(problem.steps.size());
  std::iota(best.steps.begin(), best.steps.end(), 0);
  best.peak = peakOfOrder(problem, best.steps);
  int64_t floor = search.floorOfPeak();
  best.isBest = best.peak <= floor;
  // Narrow first: most networks are chains with few branches, where a handful of states is all there is. Then as wide
  // as the work allows that is left, told by what the search before took.
  for (size_t width = 8; !best.isBest;) {
    bool isComplete = false;
    int64_t work = 0;
    if (auto found = search.search(best.peak, width, isComplete, work)) {
      best.steps = std::move(found->steps);
      best.peak = peakOfOrder(problem, best.steps);
    }
    best.isBest = isComplete || best.peak <= floor;
    size_t wider = std::min<size_t>(width * std::min<int64_t>(kMostWork / std::max<int64_t>(work, 1), 8), kWidest);
    if (wider <= width)
      break;
    width = wider;
  }
  return best;
}

} // namespace nncc
