// What the rewrites of nncc-form-integers share: quantized tensors as the pass sees them.
#ifndef NNCC_PASSES_GRAPH_FORMINTEGERS_H
#define NNCC_PASSES_GRAPH_FORMINTEGERS_H
#include "dialects/nn/ConstantData.h"
#include "passes/graph/Simplify.h"
#include <limits>

namespace nncc {

void addIntegerLayout(mlir::RewritePatternSet &patterns);       ///< what moves bytes instead of floats
void addIntegerElementwise(mlir::RewritePatternSet &patterns);  ///< tables, sums, products, means
void addIntegerContractions(mlir::RewritePatternSet &patterns); ///< contractions between dequantize and quantize
/// What is left when those match nothing more: contractions whose results stay floats, signs of weights.
void addIntegerRemains(mlir::RewritePatternSet &patterns);

/// The bytes that no machine's instruction takes as left operand, and those of the other sign, which are taken; nothing
/// when both are, or none.
std::optional<std::pair<mlir::Type, mlir::Type>> signToChange(mlir::func::FuncOp function);

/// Takes zero points of constant weights that do not fit 8 bits without them out of contractions: their weights become
/// `i8`, and the sums of what is multiplied by them, less the zero point of the left side, times the zero points are
/// subtracted.
void subtractZeroPoints(mlir::func::FuncOp function);

/// Gives what contractions of bytes read the sign that the machine's instructions take, by `nn.machines`.
void chooseSigns(mlir::func::FuncOp function);

/// Gives images of three channels that convolutions of bytes read a fourth, which adds nothing: a tap is then a whole
/// group for every instruction that sums products of two or four bytes, and taps of a row are one run.
/// Others get their padding (readsPaddedLines).
void fillUpChannels(mlir::func::FuncOp function);

/// True for a convolution of an image of three channels of bytes that does not pad it by itself: the taps of a line
/// are so many that they fill blocks of 16 bytes, and a machine multiplies those in an order of each line of taps,
/// which takes all of them everywhere. With a fourth channel a quarter of all products would be for nothing. False,
/// too, where the filter has too many spares for an order, or another convolution reads the image.
bool readsPaddedLines(nn::Conv2DOp op);

/// Says of nn.requantize what the weights, biases and multipliers of a contraction in front of it prove: `fits`,
/// `small_sums`.
void stateBounds(mlir::func::FuncOp function);

/// Takes zero points of what products, and convolutions of single pixels, read into their biases: those are wider than
/// the sums that `stateBounds` speaks of.
void foldZeroPoints(mlir::func::FuncOp function);

/// A scale and a zero point of a whole tensor, both known.
struct Grid {
  float scale;
  int64_t zero;
  mlir::Type element;

  /// error   more than one of either, or one that is not known: nullopt
  static std::optional<Grid> of(mlir::Value scale, mlir::Value zeroPoint);

  int64_t low() const { return element.isUnsignedInteger() ? 0 : -(int64_t(1) << (bits() - 1)); }
  int64_t high() const { return (int64_t(1) << (element.isUnsignedInteger() ? bits() : bits() - 1)) - 1; }
  unsigned bits() const { return element.getIntOrFloatBitWidth(); }
  bool isByte() const { return bits() == 8; }
  /// The step of a number, as nn.quantize finds it.
  int64_t stepOf(float real) const;
  /// The farthest that a step is from the zero point.
  int64_t reach() const { return std::max(high() - zero, zero - low()); }
};

/// A tensor of floats that stands for steps of 8 bits.
struct Steps {
  mlir::Value steps;
  Grid grid;

  /// `real` as made by an nn.dequantize.
  static std::optional<Steps> of(mlir::Value real);
};

/// An nn.quantize, and what lies between it and the op that gives it something to round: limits, which are taken in
/// steps, and ops that only move elements.
struct Rounding {
  nn::QuantizeOp quantize;
  Grid grid;
  mlir::Value source; ///< what is limited and rounded
  double low = -std::numeric_limits<double>::infinity(), high = std::numeric_limits<double>::infinity();

  /// error   16 bits, unknown parameters: nullopt
  static std::optional<Rounding> of(nn::QuantizeOp quantize);
  /// Takes another limit in front of those known.
  void limit(mlir::Operation *op);
  static bool isLimit(mlir::Operation *op);
  /// The steps within the limits; saturation has done what no limit is narrower than.
  mlir::Value limited(mlir::PatternRewriter &rewriter, mlir::Value steps) const;
};

bool isContraction(mlir::Operation *op);
mlir::Value biasOf(mlir::Operation *contraction); ///< null where it has none
/// The zero points of a contraction's operands; null where it has none.
std::pair<mlir::Value, mlir::Value> zeroPointsOf(mlir::Operation *contraction);
/// The dim of the right operand that numbers output channels.
int64_t channelDim(mlir::Operation *contraction);
/// The operands of a contraction: a bias, and both zero points, may be null.
struct ContractionOf {
  mlir::Value left, right, bias, leftZero, rightZero;
};
/// A contraction with the window of another one.
mlir::Value contractLike(mlir::OpBuilder &builder, mlir::Location loc, mlir::Operation *op, mlir::RankedTensorType type,
                         const ContractionOf &of);
/// True when a parameter is one number, or one for each index of a dim.
bool isAlong(mlir::Value parameter, int64_t dim);
/// Of each output channel, along `dim`: the sum of magnitudes of the weights less their zero points (null: 0).
std::vector<double> magnitudesOf(const nn::ConstantReader &weights, const nn::ConstantReader *zeros, int64_t dim);

/// A constant [1, 1, ...] of a rank.
mlir::Value oneNumber(mlir::PatternRewriter &rewriter, mlir::Location location, mlir::Type element, int64_t rank,
                      double number);
mlir::Value oneStep(mlir::PatternRewriter &rewriter, mlir::Location location, mlir::Type element, int64_t rank,
                    int64_t number);

/// The value in another shape of as many elements.
mlir::Value viewed(mlir::PatternRewriter &rewriter, mlir::Value value, llvm::ArrayRef<int64_t> shape);

/// The dim of a reshape's result that dim `dim` of its input became; nullopt when it was split or joined.
std::optional<int64_t> dimBehindReshape(mlir::RankedTensorType from, mlir::RankedTensorType to, int64_t dim);

} // namespace nncc
#endif
