// The order of steps: known best orders, random graphs against all orders, and the time that large graphs take.
#include "passes/memory/OrderPlanner.h"
#include "llvm/ADT/STLExtras.h"
#include "gtest/gtest.h"
#include <ctime>
#include <numeric>
#include <random>

using namespace nncc;

namespace {

/// A graph where every step writes a buffer of its own: the shape of most networks.
struct Graph {
  OrderProblem problem;

  /// A step that reads the results of other steps. Returns its number, which is its buffer's too.
  unsigned step(int64_t bytes, std::vector<unsigned> inputs, bool inPlace = false) {
    OrderStep step;
    for (unsigned input : inputs)
      step.after.push_back(input), step.touches.push_back(input);
    step.touches.push_back(problem.bufferBytes.size());
    for (unsigned input : inputs)
      if (inPlace && problem.bufferBytes[input] == bytes)
        step.overwrites.push_back(input);
    step.resultBytes = bytes;
    problem.steps.push_back(step);
    problem.bufferBytes.push_back(bytes);
    return problem.steps.size() - 1;
  }
};

/// The lowest peak of all orders, by trying them.
int64_t tryAllOrders(const OrderProblem &problem) {
  std::vector<unsigned> order(problem.steps.size());
  std::iota(order.begin(), order.end(), 0);
  int64_t best = INT64_MAX;
  do {
    std::vector<unsigned> at(order.size());
    for (auto [index, step] : llvm::enumerate(order))
      at[step] = index;
    bool works = true;
    for (auto [index, step] : llvm::enumerate(problem.steps))
      for (unsigned before : step.after)
        works &= at[before] < at[index];
    if (works)
      best = std::min(best, peakOfOrder(problem, order));
  } while (std::next_permutation(order.begin(), order.end()));
  return best;
}

/// Steps that read one to three of the steps before them; some share a buffer (pieces of a concatenation), some may be
/// in place, some have scratch memory.
OrderProblem randomProblem(std::mt19937 &random, unsigned steps, unsigned reach) {
  auto below = [&](unsigned limit) { return unsigned(random() % limit); };
  Graph graph;
  std::vector<unsigned> bufferOf;
  for (unsigned i = 0; i < steps; ++i) {
    std::vector<unsigned> inputs;
    for (unsigned k = below(3) + (i > 3 ? 1 : 0); k-- > 0 && i > 0;) {
      unsigned input = i - 1 - below(std::min(i, reach));
      if (!llvm::is_contained(inputs, input))
        inputs.push_back(input);
    }
    unsigned made = graph.step(64 * (1 + below(20)), inputs, below(3) == 0);
    OrderStep &step = graph.problem.steps[made];
    if (below(5) == 0)
      step.scratchBytes = 64 * below(10);
    if (i > 2 && below(6) == 0 && step.overwrites.empty()) {
      // A piece of the buffer that an earlier step began.
      unsigned shared = below(i);
      if (!llvm::is_contained(step.touches, shared))
        step.touches.back() = shared;
    }
  }
  return graph.problem;
}

} // namespace

// Two branches from one input: each grows to 10, then shrinks to 1. One after the other is best; both growing first is
// what the file says.
TEST(OrderPlanner, runs_one_branch_to_its_end_before_the_next) {
  Graph graph;
  unsigned input = graph.step(2, {});
  unsigned left = graph.step(10, {input}), right = graph.step(10, {input});
  unsigned leftEnd = graph.step(1, {left}), rightEnd = graph.step(1, {right});
  graph.step(2, {leftEnd, rightEnd});
  Order order = planOrder(graph.problem);
  EXPECT_EQ(peakOfOrder(graph.problem, {0, 1, 2, 3, 4, 5}), 22);
  // right (10) beside the end of left (1) and the input (2).
  EXPECT_EQ(order.peak, 13);
  EXPECT_TRUE(order.isBest);
  EXPECT_EQ(order.steps, (std::vector<unsigned>{0, 1, 3, 2, 4, 5}));
}

// Sethi and Ullman: the branch with the greater need goes first, since only its small result is held beside the other.
TEST(OrderPlanner, runs_the_hungrier_branch_first) {
  Graph graph;
  unsigned small = graph.step(6, {});
  unsigned smallEnd = graph.step(5, {small});
  unsigned large = graph.step(20, {});
  unsigned largeEnd = graph.step(1, {large});
  graph.step(1, {smallEnd, largeEnd});
  Order order = planOrder(graph.problem);
  EXPECT_EQ(order.peak, 21);
  EXPECT_EQ(order.steps, (std::vector<unsigned>{2, 3, 0, 1, 4}));
}

TEST(OrderPlanner, keeps_the_order_when_none_is_better) {
  Graph graph;
  unsigned a = graph.step(8, {}), b = graph.step(8, {a}), c = graph.step(8, {a});
  graph.step(8, {b, c});
  Order order = planOrder(graph.problem);
  EXPECT_EQ(order.steps, (std::vector<unsigned>{0, 1, 2, 3}));
  EXPECT_EQ(order.peak, 24);
  EXPECT_TRUE(order.isBest);
}

// The sum can take the memory of `a` only when nothing reads `a` later.
TEST(OrderPlanner, lets_the_last_reader_be_the_one_in_place) {
  Graph graph;
  unsigned a = graph.step(10, {});
  graph.step(10, {a}, /*inPlace=*/true);
  unsigned c = graph.step(1, {a});
  graph.step(1, {c});
  Order order = planOrder(graph.problem);
  EXPECT_EQ(peakOfOrder(graph.problem, {0, 1, 2, 3}), 20);
  EXPECT_EQ(order.peak, 11);
  EXPECT_EQ(order.steps, (std::vector<unsigned>{0, 2, 1, 3}));
}

// A concatenation is held whole from its first piece on: what makes the other piece should run before it.
TEST(OrderPlanner, begins_a_shared_buffer_late) {
  Graph graph;
  unsigned piece = graph.step(100, {}), large = graph.step(50, {}), small = graph.step(2, {large});
  unsigned second = graph.step(0, {small});
  graph.problem.steps[second].touches.back() = piece; // writes into the same buffer
  graph.step(1, {piece, second});
  Order order = planOrder(graph.problem);
  EXPECT_EQ(peakOfOrder(graph.problem, {0, 1, 2, 3, 4}), 152);
  EXPECT_EQ(order.peak, 102);
}

TEST(OrderPlanner, finds_the_best_of_all_orders) {
  std::mt19937 random(1);
  unsigned better = 0;
  for (unsigned round = 0; round < 300; ++round) {
    OrderProblem problem = randomProblem(random, 4 + round % 5, 6);
    Order order = planOrder(problem);
    EXPECT_EQ(order.peak, tryAllOrders(problem)) << "round " << round;
    EXPECT_EQ(order.peak, peakOfOrder(problem, order.steps));
    EXPECT_TRUE(order.isBest);
    std::vector<unsigned> given(problem.steps.size());
    std::iota(given.begin(), given.end(), 0);
    better += order.peak < peakOfOrder(problem, given);
  }
  EXPECT_GT(better, 30u) << "the random graphs leave nothing to gain: they test nothing";
}

TEST(OrderPlanner, gives_the_same_order_every_time) {
  std::mt19937 random(2);
  OrderProblem problem = randomProblem(random, 200, 20);
  EXPECT_EQ(planOrder(problem).steps, planOrder(problem).steps);
}

// What bounds the time is the number of states, not the clock: the limit here has room for sanitizers.
TEST(OrderPlanner, orders_two_thousand_steps_in_time) {
  for (unsigned reach : {4u, 30u, 300u}) {
    std::mt19937 random(3);
    OrderProblem problem = randomProblem(random, 2000, reach);
    std::clock_t start = std::clock();
    Order order = planOrder(problem);
    double seconds = double(std::clock() - start) / CLOCKS_PER_SEC;
    std::vector<unsigned> given(problem.steps.size());
    std::iota(given.begin(), given.end(), 0);
    std::printf("reach %u: %.3f s, peak %lld of %lld\n", reach, seconds, (long long)order.peak,
                (long long)peakOfOrder(problem, given));
    EXPECT_LT(seconds, 5);
  }
}

TEST(OrderPlanner, takes_a_graph_without_steps) { EXPECT_TRUE(planOrder({}).steps.empty()); }
