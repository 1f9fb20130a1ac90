// The transforms of Winograd's convolution along one axis, F(outputs, taps): so many outputs of a filter from
// outputs + taps - 1 products. Lavin and Gray 2015, "Fast Algorithms for Convolutional Neural Networks".
#ifndef NNCC_CODEGEN_CPU_WINOGRADTRANSFORM_H
#define NNCC_CODEGEN_CPU_WINOGRADTRANSFORM_H
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"
#include <cstdint>

namespace nncc::cpu {

/// The three matrices, by the values at which the polynomials are compared: +-x for each of a few x, 0, and infinity.
/// Row 2i of those of input and weights is that of the i-th +x, row 2i + 1 that of -x.
///
/// Those of integers are integers, and what they give is `divisor` times the output. Along two axes, bytes less a zero
/// point, which is a byte, become less than 2^15, and so do weights of 8 bits. The values of an input are 255 apart,
/// and 0 is among them, so a sum is at most 255 times the sum of the positive factors, or of the negative ones: those
/// of a row are 16 together at most (8 and 8 in a tile cut to one output), those of two rows multiplied 128 of either
/// sign (128 * 255; a test tries all). Rows of the weights' have absolute sums of at most 12 (12 * 12 * 128).
class WinogradTransform {
public:
  /// outputs  1: there is one tap, and nothing is transformed; else 2 or 4, of three taps
  explicit WinogradTransform(int64_t outputs, bool ofIntegers = false);

  /// The same for a tile at the edge of an image, of which the first outputs alone exist: they take the products of its
  /// first points, one less for each output less, with the weights that other tiles have. What the input would be
  /// behind them is free, and thought to be what makes the products of the other points 0.
  WinogradTransform cutTo(int64_t outputs) const;

  int64_t outputs() const { return output.size(); }
  int64_t taps() const { return weights.front().size(); }
  int64_t points() const { return input.size(); }
  /// Points that are +x and -x, of which the rows of the input's matrix have equal even and opposite odd parts.
  int64_t pairs() const { return pairCount; }

  using Matrix = llvm::SmallVector<llvm::SmallVector<double>>;
  Matrix input;   ///< [points][points], B^T of the paper
  Matrix weights; ///< [points][taps], G
  Matrix output;  ///< [outputs][points], A^T
  int64_t divisor = 1;

private:
  llvm::SmallVector<double> finite; ///< the points before infinity
  int64_t pairCount = 0;

  void scaleToIntegers();
};

/// Outputs that are computed together along both axes, from as many planes of products as there are pairs of points.
struct WinogradTile {
  int64_t h, w;

  int64_t planes() const { return WinogradTransform(h).points() * WinogradTransform(w).points(); }
  bool operator==(const WinogradTile &) const = default;
};

/// What of a tile is computed: all of it, or the outputs in the image, where it is at an edge.
struct WinogradPiece {
  WinogradTile tile, outputs;

  WinogradTransform alongH(bool ofIntegers) const { return WinogradTransform(tile.h, ofIntegers).cutTo(outputs.h); }
  WinogradTransform alongW(bool ofIntegers) const { return WinogradTransform(tile.w, ofIntegers).cutTo(outputs.w); }
  /// Those in which it has points.
  int64_t planes() const { return alongH(false).points() * alongW(false).points(); }
  bool isCut() const { return outputs != tile; }
  /// Planes from one line of points to the next.
  int64_t planesOfLine() const { return WinogradTransform(tile.w).points(); }
  bool operator==(const WinogradPiece &) const = default;
};

} // namespace nncc::cpu
#endif
