// Matrices from points: products of linear factors, Lagrange's weights, powers (Toom 1963, Cook 1966).
#include "codegen/cpu/WinogradTransform.h"
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
  constexpr size_t taps = 3;
  llvm::SmallVector<double> points{0};
  for (double x : pointsFor(outputs, ofIntegers))
    points.append({x, -x});
  const size_t count = points.size() + 1; // with infinity
  for (size_t i = 0; i < points.size(); ++i) {
    input.push_back(productOf(points, i));
    input.back().resize(count, 0);
    double scale = 1;
    for (size_t j = 0; j < points.size(); ++j)
      scale *= j == i ? 1 : points[i] - points[j];
    weights.emplace_back();
    for (size_t tap = 0; tap < taps; ++tap)
      weights.back().push_back(std::pow(points[i], tap) / scale);
  }
  input.push_back(productOf(points, count));
  weights.push_back({0, 0, 1});
  for (int64_t k = 0; k < outputs; ++k) {
    output.emplace_back();
    for (double point : points)
      output.back().push_back(std::pow(point, k));
    output.back().push_back(k == outputs - 1 ? 1 : 0);
  }
  if (ofIntegers)
    scaleToIntegers();
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
