// The algebra of Winograd's transforms, in double precision: what they make of any input is its convolution.
#include "codegen/cpu/WinogradTransform.h"
#include "gtest/gtest.h"
#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

using namespace nncc::cpu;

namespace {

double dot(llvm::ArrayRef<double> x, llvm::ArrayRef<double> y) {
  double sum = 0;
  for (size_t i = 0; i < x.size(); ++i)
    sum += x[i] * y[i];
  return sum;
}

/// Every size of tiles, whole and cut to so many outputs.
template <typename Body> void forAllTiles(bool ofIntegers, Body body) {
  for (int64_t side : {2, 4})
    for (int64_t outputs = 1; outputs <= side; ++outputs) {
      SCOPED_TRACE(testing::Message() << outputs << " of " << side << " outputs");
      WinogradTransform whole(side, ofIntegers);
      body(whole, whole.cutTo(outputs));
    }
}

void expectConvolution(const WinogradTransform &transform) {
  std::mt19937 random(1);
  std::uniform_real_distribution<double> number(-1, 1);
  std::vector<double> input(transform.points()), taps(transform.taps());
  for (int i = 0; i < 10; ++i) {
    std::generate(input.begin(), input.end(), [&] { return number(random); });
    std::generate(taps.begin(), taps.end(), [&] { return number(random); });
    std::vector<double> products;
    for (int64_t point = 0; point < transform.points(); ++point)
      products.push_back(dot(transform.input[point], input) * dot(transform.weights[point], taps));
    for (int64_t k = 0; k < transform.outputs(); ++k)
      EXPECT_NEAR(dot(transform.output[k], products),
                  transform.divisor * dot(taps, llvm::ArrayRef(input).slice(k, taps.size())), 1e-12);
  }
}

/// The largest and the smallest sum of bytes of which `zero` is subtracted, by these factors.
std::pair<double, double> rangeOf(llvm::ArrayRef<double> factors, double zero) {
  double largest = 0, smallest = 0;
  for (double factor : factors) {
    largest += factor * (factor > 0 ? 255 - zero : -zero);
    smallest += factor * (factor > 0 ? -zero : 255 - zero);
  }
  return {largest, smallest};
}

} // namespace

TEST(WinogradTransform, ConvolvesFloats) {
  forAllTiles(false, [](const WinogradTransform &, const WinogradTransform &cut) { expectConvolution(cut); });
}

TEST(WinogradTransform, ConvolvesIntegers) {
  forAllTiles(true, [](const WinogradTransform &, const WinogradTransform &cut) { expectConvolution(cut); });
}

// What is packed for whole tiles serves the others.
TEST(WinogradTransform, CutTilesReadTheFirstPlanesOfWeights) {
  for (bool ofIntegers : {false, true})
    forAllTiles(ofIntegers, [](const WinogradTransform &whole, const WinogradTransform &cut) {
      EXPECT_EQ(cut.points(), cut.outputs() + 2);
      EXPECT_EQ(cut.divisor, whole.divisor);
      for (int64_t point = 0; point < cut.points(); ++point)
        EXPECT_EQ(cut.weights[point], whole.weights[point]);
    });
}

// What the emitted code relies on: it computes even and odd powers of a pair once.
TEST(WinogradTransform, RowsOfPairsAreSymmetric) {
  for (bool ofIntegers : {false, true})
    forAllTiles(ofIntegers, [](const WinogradTransform &, const WinogradTransform &cut) {
      for (int64_t pair = 0; pair < cut.pairs(); ++pair) {
        for (int64_t power = 0; power < cut.points(); ++power)
          EXPECT_EQ(cut.input[2 * pair][power], (power % 2 ? -1 : 1) * cut.input[2 * pair + 1][power]);
        for (int64_t k = 0; k < cut.outputs(); ++k)
          EXPECT_EQ(cut.output[k][2 * pair], (k % 2 ? -1 : 1) * cut.output[k][2 * pair + 1]);
      }
    });
}

// Bytes less any zero point, by the matrices of any two tiles along both axes; missing pixels are zeros.
TEST(WinogradTransform, TransformedBytesFitWords) {
  forAllTiles(true, [](const WinogradTransform &, const WinogradTransform &h) {
    forAllTiles(true, [&](const WinogradTransform &, const WinogradTransform &w) {
      for (const auto &rowH : h.input)
        for (const auto &rowW : w.input) {
          std::vector<double> factors;
          for (double x : rowH)
            for (double y : rowW)
              factors.push_back(x * y);
          for (int zero = 0; zero < 256; ++zero) {
            auto [largest, smallest] = rangeOf(factors, zero);
            EXPECT_LT(largest, 1 << 15);
            EXPECT_GE(smallest, -(1 << 15));
          }
        }
    });
  });
}
