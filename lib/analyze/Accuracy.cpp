// See Accuracy.h.
#include "lib/analyze/Accuracy.h"
#include "lib/support/Assert.h"
#include "llvm/ADT/STLExtras.h"
#include <cmath>
#include <limits>

using namespace llvm;

namespace nncc {

/// How many scores are better than one. Of equals the first is the best; NaN is worse than every number.
static int64_t rankOf(ArrayRef<double> scores, int64_t at) {
  int64_t rank = 0;
  for (auto [i, score] : enumerate(scores))
    rank += score > scores[at] || (std::isnan(scores[at]) && !std::isnan(score)) ||
            (score == scores[at] && int64_t(i) < at);
  return rank;
}

static int64_t bestOf(ArrayRef<double> scores) {
  int64_t best = 0;
  for (auto [i, score] : enumerate(scores))
    if (score > scores[best] || (std::isnan(scores[best]) && !std::isnan(score)))
      best = i;
  return best;
}

void Accuracy::addDecision(ArrayRef<double> scores, int64_t right) {
  int64_t rank = rankOf(scores, right);
  ++decisions;
  rightCount += rank < 1;
  amongFiveCount += rank < 5;
}

void Accuracy::add(ArrayRef<double> actual, ArrayRef<double> expected) {
  NNCC_ASSERT(actual.size() == expected.size(), "a sample and its reference have as many elements");
  double dot = 0, squareA = 0, squareB = 0, sampleError = 0;
  uint64_t sampleWorst = 0;
  for (auto [at, a, b] : enumerate(actual, expected)) {
    if (std::isfinite(b))
      largestValue = std::max(largestValue, std::fabs(b));
    if (a == b || (std::isnan(a) && std::isnan(b))) { // infinities of one sign, too
      if (std::isfinite(a))
        dot += a * b, squareA += a * a, squareB += b * b;
      continue;
    }
    double error = std::fabs(a - b);
    if (std::isnan(error))
      error = INFINITY, ++invalidCount;
    if (error > sampleError)
      sampleError = error, sampleWorst = at;
    sumError += error;
    squareError += error * error;
    dot += a * b, squareA += a * a, squareB += b * b;
  }
  elements += actual.size();
  squareReference += squareB;
  double cosine = squareA > 0 && squareB > 0 ? dot / std::sqrt(squareA) / std::sqrt(squareB) : squareA == squareB;
  if (std::isnan(cosine))
    cosine = 0;
  sumCosine += cosine;
  leastOfCosines = std::min(leastOfCosines, cosine);
  if (sampleError > largestError)
    largestError = sampleError, worst = sampleCount, worstPlace = sampleWorst;
  for (size_t at = 0; classes && at + classes <= actual.size(); at += classes)
    addDecision(actual.slice(at, classes), bestOf(expected.slice(at, classes)));
  ++sampleCount;
}

void Accuracy::addLabel(ArrayRef<double> actual, int64_t label) {
  NNCC_ASSERT(label >= 0 && label < int64_t(actual.size()), "labels are classes");
  addDecision(actual, label);
  ++sampleCount;
}

double Accuracy::sqnr() const {
  if (squareError == 0)
    return INFINITY;
  if (!std::isfinite(squareError))
    return -INFINITY;
  return 10 * std::log10(squareReference / squareError);
}

std::optional<double> Accuracy::share(uint64_t count, int64_t least) const {
  if (!decisions || classes <= least)
    return std::nullopt;
  return double(count) / double(decisions);
}

int64_t classesOf(ArrayRef<int64_t> shape) {
  while (shape.size() > 2 && shape.back() == 1)
    shape = shape.drop_back();
  return !shape.empty() && shape.size() <= 2 && shape.back() > 1 ? shape.back() : 0;
}

} // namespace nncc
