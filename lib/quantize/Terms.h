// Which elements of a tensor the terms of a contraction's outputs are.
#ifndef NNCC_LIB_QUANTIZE_TERMS_H
#define NNCC_LIB_QUANTIZE_TERMS_H
#include "lib/quantize/Contractions.h"

namespace nncc::quantize {

/// The sums of a contraction: each output of a group adds up as many terms, weights times elements of what is read.
class Terms {
public:
  /// Nothing where which weights meet depends on the place (ConvTranspose), or on more than two dims of them (MatMul).
  static std::optional<Terms> of(const onnx::NodeProto &node, const Contraction &contraction);

  int64_t groups() const { return groupCount; }
  int64_t outputs() const { return outputCount; } ///< of each group
  int64_t count() const { return termCount; }     ///< for each output
  /// The element of the weights that an output multiplies a term with.
  int64_t weight(int64_t group, int64_t output, int64_t term) const {
    int64_t row = group * outputCount + output;
    return isByRow ? row * termCount + term : term * outputCount + row;
  }
  /// The channel of what is read that a term is of.
  int64_t channel(int64_t group, int64_t term) const { return (group * termCount + term) / taps; }

  /// Channels of what is read, of all groups.
  int64_t channels() const { return channel(groupCount, 0); }
  int64_t channelsOfGroup() const { return termCount / taps; }

  /// At how many places sums are taken in a tensor of this shape.
  int64_t places(llvm::ArrayRef<int64_t> shape) const;
  /// How often each tap of a window lies inside of a tensor, of all places.
  ///
  /// shape    of the tensor; empty: unknown, all lie inside
  /// returns  [taps]  in [0, 1]; term i is of tap i modulo so many, a product has one
  std::vector<double> sharesInside(llvm::ArrayRef<int64_t> shape) const;
  /// What an output adds up on average where every element of a channel is 1: the weights of all its taps, by how often
  /// they lie inside of a tensor of this shape.
  ///
  /// weights  in the shape of the contraction's
  /// returns  [groups, outputs, channels of a group]
  std::vector<double> sumsOfTaps(llvm::ArrayRef<float> weights, llvm::ArrayRef<int64_t> shape) const;
  /// Writes the terms of one place; what lies outside of the tensor is 0.
  ///
  /// values  [shape]  what the contraction reads
  /// row     [count]
  void read(llvm::ArrayRef<float> values, llvm::ArrayRef<int64_t> shape, int64_t group, int64_t place,
            float *row) const;

private:
  /// A window along one dim.
  struct Axis {
    int64_t size, stride = 1, dilation = 1, before = 0, after = 0;
    bool isSame = false, isSameLower = false; ///< pads follow from the size of the tensor
    int64_t places(int64_t dim) const;
    int64_t begin(int64_t dim, int64_t place) const; ///< of the window
    double shareInside(int64_t dim, int64_t tap) const;
  };

  bool readAxes(const onnx::NodeProto &node, const Contraction &contraction);

  int64_t groupCount = 1, outputCount = 0, termCount = 0, taps = 1;
  bool isByRow = true;
  std::vector<Axis> axes; ///< of a convolution; empty: rows of a matrix
};

} // namespace nncc::quantize
#endif
