// See Rounding.h.
#include "lib/quantize/Rounding.h"
#include "lib/quantize/Weights.h"
#include "llvm/ADT/STLExtras.h"
#include <cmath>

using namespace llvm;

namespace nncc::quantize {

namespace {

/// Added to the diagonal, of its mean: terms that are never seen are rounded by themselves.
constexpr float kDamping = 0.01f;

/// The product of two rows, in sums that a processor adds up side by side.
float product(const float *a, const float *b, int64_t count) {
  constexpr int64_t kLanes = 8;
  float lanes[kLanes] = {}, sum = 0;
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes)
    for (int64_t lane = 0; lane < kLanes; ++lane)
      lanes[lane] += a[i + lane] * b[i + lane];
  for (; i < count; ++i)
    sum += a[i] * b[i];
  for (float lane : lanes)
    sum += lane;
  return sum;
}

/// Factors a matrix in place: M = L * transposed L. What is not positive becomes almost 0.
void factor(LowerTriangle &matrix) {
  for (int64_t i = 0; i < matrix.size; ++i) {
    float *row = matrix.row(i);
    for (int64_t j = 0; j <= i; ++j) {
      const float *other = matrix.row(j);
      float left = row[j] - product(row, other, j);
      row[j] = j < i ? left / other[j] : std::sqrt(std::max(left, std::numeric_limits<float>::min()));
    }
  }
}

/// The terms, the one that varies most at the end: it is rounded first, and all others can make up for it.
std::vector<int64_t> orderOf(const LowerTriangle &moments) {
  std::vector<std::pair<float, int64_t>> order;
  for (int64_t term = 0; term < moments.size; ++term)
    order.push_back({moments.row(term)[term], term});
  sort(order);
  auto terms = make_second_range(order);
  return {terms.begin(), terms.end()};
}

/// The moments in another order, factored.
LowerTriangle factorsOf(const LowerTriangle &moments, ArrayRef<int64_t> order) {
  LowerTriangle result(moments.size);
  double trace = 0;
  for (int64_t i = 0; i < moments.size; ++i)
    trace += moments.row(i)[i];
  for (int64_t i = 0; i < moments.size; ++i) {
    for (int64_t j = 0; j <= i; ++j)
      result.row(i)[j] = moments.row(std::max(order[i], order[j]))[std::min(order[i], order[j])];
    result.row(i)[i] += kDamping * (float)trace / (float)moments.size;
  }
  factor(result);
  return result;
}

} // namespace

std::vector<int8_t> roundTogether(const Contraction &contraction, const Terms &terms, ArrayRef<float> scales,
                                  const GroupMoments &moments) {
  std::vector<int8_t> steps(contraction.weight.values.size());
  std::vector<float> added(terms.count());
  for (int64_t group = 0; group < terms.groups(); ++group) {
    LowerTriangle seen = moments[group].shrunk();
    std::vector<int64_t> order = orderOf(seen);
    LowerTriangle factors = factorsOf(seen, order);
    for (int64_t output = 0; output < terms.outputs(); ++output) {
      float scale = scales[group * terms.outputs() + output];
      std::fill(added.begin(), added.end(), 0);
      for (int64_t i = terms.count() - 1; i >= 0; --i) {
        const float *row = factors.row(i);
        int64_t at = terms.weight(group, output, order[i]);
        float wanted = contraction.weight.values[at];
        float step = std::clamp(std::nearbyint((wanted - added[i] / row[i]) / scale), -127.0f, 127.0f);
        float error = step * scale - wanted;
        for (int64_t j = 0; j < i; ++j)
          added[j] += row[j] * error;
        steps[at] = (int8_t)step;
      }
    }
  }
  return steps;
}

std::map<int, std::vector<int8_t>> roundTogether(const onnx::ModelProto &model, ArrayRef<Contraction> contractions,
                                                 std::map<int, GroupMoments> moments) {
  auto momentsOf = [&](int node) {
    auto seen = moments.find(node);
    return seen == moments.end() ? nullptr : &seen->second;
  };
  // The first of those with the same weights that has moments, as others may stay floats, rounds for all.
  std::map<int, int> leaders;
  for (const Contraction &contraction : contractions)
    if (GroupMoments *own = momentsOf(contraction.node))
      if (auto [leader, isFirst] = leaders.insert({contraction.tiedTo, contraction.node}); !isFirst)
        for (auto [all, more] : zip(*momentsOf(leader->second), *own))
          all.add(more);
  std::map<int, std::vector<int8_t>> rounded, steps;
  for (const Contraction &contraction : contractions)
    if (auto leader = leaders.find(contraction.tiedTo); leader != leaders.end() && leader->second == contraction.node)
      rounded[contraction.tiedTo] =
          roundTogether(contraction, *Terms::of(model.graph().node(contraction.node), contraction),
                        quantizeWeights(contraction, std::nullopt).scales, *momentsOf(contraction.node));
  for (const Contraction &contraction : contractions)
    if (auto tied = rounded.find(contraction.tiedTo); tied != rounded.end())
      steps[contraction.node] = tied->second;
  return steps;
}

} // namespace nncc::quantize
