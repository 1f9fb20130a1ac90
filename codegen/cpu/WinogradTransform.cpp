// Matrices from points: products of linear factors, Lagrange's weights, powers (Toom 1963, Cook 1966).
#include "codegen/cpu/WinogradTransform.h"
#include "llvm/ADT/STLExtras.h"
#include <cmath>

using namespace nncc::cpu;
using Polynomial = llvm::SmallVector<double>; // lowest power first

/// The x > 0 among the points. With 5/8 and 3/2 the errors of F(4, 3) are a third of those with 1 and 2, two to three
/// times those of direct sums; the products of these that the matrices hold are exact in f32. Integers have no errors,
/// and are smallest with 1 and 2.
static llvm::SmallVector<double> pointsFor(int64_t outputs, bool ofIntegers) {
  if (outputs == 2)
    return {1};
  return ofIntegers ? llvm::SmallVector<double>{1, 2} : llvm::SmallVector<double>{0.625, 1.5};
}

static constexpr int64_t kTaps = 3;

/// The product of (x - points[i]) over all i but `without`.
static Polynomial productOf(llvm::ArrayRef<double> points, size_t without) {
  Polynomial product{1};
  for (size_t i = 0; i < points.size(); ++i) {
    if (i == without)
      continue;
    product.insert(product.begin(), 0);
    for (size_t power = 0; power + 1 < product.size(); ++power)
      product[power] -= points[i] * product[power + 1];
  }
  return product;
}

WinogradTransform::WinogradTransform(int64_t outputs, bool ofIntegers) {
  if (outputs == 1) {
    input = weights = output = {{1}};
    return;
  }
  for (double x : pointsFor(outputs, ofIntegers)) {
    finite.append({x, -x});
    ++pairCount;
  }
  finite.push_back(0);
  const size_t count = finite.size() + 1; // with infinity
  for (size_t i = 0; i < finite.size(); ++i) {
    input.push_back(productOf(finite, i));
    input.back().resize(count, 0);
    double scale = 1;
    for (size_t j = 0; j < finite.size(); ++j)
      scale *= j == i ? 1 : finite[i] - finite[j];
    weights.emplace_back();
    for (int64_t tap = 0; tap < kTaps; ++tap)
      weights.back().push_back(std::pow(finite[i], tap) / scale);
  }
  input.push_back(productOf(finite, count));
  weights.push_back({0, 0, 1});
  for (int64_t k = 0; k < outputs; ++k) {
    output.emplace_back();
    for (double point : finite)
      output.back().push_back(std::pow(point, k));
    output.back().push_back(k == outputs - 1 ? 1 : 0);
  }
  if (ofIntegers)
    scaleToIntegers();
}

WinogradTransform WinogradTransform::cutTo(int64_t outputs) const {
  WinogradTransform cut(*this);
  if (outputs == this->outputs())
    return cut;
  // Infinity is of the last output alone, so it is never among them.
  const size_t count = outputs + kTaps - 1;
  cut.finite.resize(count);
  cut.input.clear();
  for (size_t i = 0; i < count; ++i) {
    cut.input.push_back(productOf(cut.finite, i));
    // The factors that are left out, at this point: then weights and outputs stay as they are.
    for (double without : llvm::drop_begin(finite, count))
      for (double &factor : cut.input.back())
        factor *= finite[i] - without;
  }
  cut.weights.resize(count);
  cut.output.resize(outputs);
  for (auto &row : cut.output)
    row.resize(count);
  // Without 0 as without infinity, +x and -x are symmetric; with half of a pair they are not.
  if (count < 2 * static_cast<size_t>(pairCount))
    cut.pairCount = 0;
  return cut;
}

/// Lagrange's weights are fractions whose denominators divide those of two: 2 for 0, +-1; 24 with +-2.
void WinogradTransform::scaleToIntegers() {
  divisor = outputs() == 2 ? 2 : 24;
  for (auto &row : weights)
    for (double &weight : row)
      weight *= static_cast<double>(divisor);
  // The last row would be the largest: half of it, twice.
  if (outputs() == 4) {
    weights.back().back() /= 2;
    output.back().back() *= 2;
  }
}
