// The transforms of Winograd's convolution along one axis, F(outputs, taps): so many outputs of a filter from
// outputs + taps - 1 products. Lavin and Gray 2015, "Fast Algorithms for Convolutional Neural Networks".
#ifndef NNCC_CODEGEN_CPU_WINOGRADTRANSFORM_H
#define NNCC_CODEGEN_CPU_WINOGRADTRANSFORM_H
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"
#include <cstdint>

namespace nncc::cpu {

/// The three matrices, by the values at which the polynomials are compared: 0, +-x for each of a few x, and infinity.
/// Row 2i + 1 of those of input and weights is that of the i-th +x, row 2i + 2 that of -x.
///
/// Those of integers are integers, and what they give is `divisor` times the output. Along two axes, differences of two
/// bytes become less than 2^15, and so do weights of 8 bits: rows of the input's matrix have absolute sums of at most
/// 10, those of the weights' of at most 12 (10 * 10 * 255 and 12 * 12 * 128).
class WinogradTransform {
public:
  /// outputs  1: there is one tap, and nothing is transformed; else 2 or 4, of three taps
  explicit WinogradTransform(int64_t outputs, bool ofIntegers = false);

  int64_t outputs() const { return output.size(); }
  int64_t taps() const { return weights.front().size(); }
  int64_t points() const { return input.size(); }
  int64_t pairs() const { return points() > 1 ? (points() - 2) / 2 : 0; }

  using Matrix = llvm::SmallVector<llvm::SmallVector<double>>;
  Matrix input;   ///< [points][points], B^T of the paper
  Matrix weights; ///< [points][taps], G
  Matrix output;  ///< [outputs][points], A^T
  int64_t divisor = 1;

private:
  void scaleToIntegers();
};

/// Outputs that are computed together along both axes, from as many planes of products as there are pairs of points.
struct WinogradTile {
  int64_t h, w;

  int64_t planes() const { return WinogradTransform(h).points() * WinogradTransform(w).points(); }
  bool operator==(const WinogradTile &) const = default;
};

} // namespace nncc::cpu
#endif
