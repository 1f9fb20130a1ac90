// Transforms of signals, as products with matrices of cosines and sines that are made here; windows, which are
// constants. ONNX DFT-20, STFT-17, BlackmanWindow-17, HammingWindow-17, HannWindow-17, MelWeightMatrix-17.
#include "dialects/nn/Kinds.h"
#include "lib/import/onnx/Families.h"
#include "lib/import/onnx/ModelFile.h"
#include <cmath>

using namespace mlir;
using namespace nncc::nn;

namespace nncc::import {
namespace {

constexpr double kPi = 3.14159265358979323846;
/// Matrices with more numbers than this are refused: 64 MB of f32.
constexpr int64_t kMaxMatrix = int64_t(1) << 24;

/// A constant of floats, rounded once to its type.
Value realConstant(Node &node, std::vector<double> values, ArrayRef<int64_t> shape, Type type) {
  Elements elements;
  elements.type = RankedTensorType::get(shape, type);
  elements.floats = std::move(values);
  return node.constant(makeElements(elements));
}

/// The float type of `output_datatype`, by default f32.
Type outputType(Node &node) {
  int64_t number = node.integer("output_datatype", onnx::TensorProto::FLOAT);
  Type type = elementTypeOf((int32_t)number, node.context());
  if (type && isa<FloatType>(type))
    return type;
  node.error("output_datatype " + nameOfDataType((int32_t)number) + " is not supported", "nncc supports floats");
  return {};
}

//===-- Windows -----------------------------------------------------------===//

/// a0 - a1 cos(x) + a2 cos(2x) over one period.
void importWindow(Node &node, double a0, double a1, double a2) {
  bool isPeriodic = node.flag("periodic", true);
  auto size = node.integerOf(0, "size");
  Type type = outputType(node);
  if (!size || !type)
    return;
  if (*size < 1 || *size > kMaxFoldedFloats)
    return node.error("size " + Twine(*size) + " is out of range", "nncc supports 1 to " + Twine(kMaxFoldedFloats));
  std::vector<double> values;
  for (int64_t i = 0; i < *size; ++i) {
    double x = 2 * kPi * (double)i / (double)std::max<int64_t>(1, isPeriodic ? *size : *size - 1);
    values.push_back(a0 - a1 * std::cos(x) + a2 * std::cos(2 * x));
  }
  node.set(0, realConstant(node, std::move(values), {*size}, type));
}

void importBlackmanWindow(Node &node) { importWindow(node, 0.42, 0.5, 0.08); }
void importHammingWindow(Node &node) { importWindow(node, 25.0 / 46, 21.0 / 46, 0); }
void importHannWindow(Node &node) { importWindow(node, 0.5, 0.5, 0); }

/// Triangles over the bins of a spectrum, [bins, triangles], with edges at equal distances in mel.
void importMelWeightMatrix(Node &node) {
  auto triangles = node.integerOf(0, "number of mel bins"), length = node.integerOf(1, "DFT length"),
       rate = node.integerOf(2, "sample rate");
  auto low = node.numbersOf(3, "lower edge"), high = node.numbersOf(4, "upper edge");
  Type type = outputType(node);
  if (!triangles || !length || !rate || !low || !high || !type)
    return;
  int64_t bins = *length / 2 + 1;
  if (*triangles < 1 || *triangles > kMaxFoldedFloats || *length < 1 || *length > kMaxFoldedFloats || *rate < 1 ||
      low->size() != 1 || high->size() != 1 || bins * *triangles > kMaxMatrix)
    return node.error("sizes are out of range");
  auto toMel = [](double hertz) { return 2595 * std::log10(1 + hertz / 700); };
  double first = toMel((*low)[0]), step = (toMel((*high)[0]) - first) / (double)(*triangles + 2);
  SmallVector<int64_t> edges;
  for (int64_t i = 0; i < *triangles + 2; ++i) {
    double hertz = 700 * (std::pow(10, (first + (double)i * step) / 2595) - 1);
    double bin = std::floor((double)(*length + 1) * hertz / (double)*rate);
    if (!(bin >= 0 && bin < (double)bins))
      return node.error("an edge lies behind the spectrum, whose last bin is " + Twine(bins - 1));
    edges.push_back((int64_t)bin);
  }
  std::vector<double> values(bins * *triangles, 0);
  for (int64_t i = 0; i < *triangles; ++i) {
    auto at = [&](int64_t bin) -> double & { return values[bin * *triangles + i]; };
    int64_t left = edges[i], center = edges[i + 1], right = edges[i + 2];
    at(center) = 1;
    for (int64_t bin = left; bin < center; ++bin)
      at(bin) = (double)(bin - left) / (double)(center - left);
    for (int64_t bin = center; bin < right; ++bin)
      at(bin) = (double)(right - bin) / (double)(right - center);
  }
  node.set(0, realConstant(node, std::move(values), {bins, *triangles}, type));
}

//===-- Transforms --------------------------------------------------------===//

/// A discrete Fourier transform of `length` points.
struct Transform {
  int64_t length, inputs,
      outputs; ///< how many points there are of what goes in and comes out; others are 0, or left out
  bool isComplexIn, isComplexOut, isInverse;

  int64_t rows() const { return inputs * (isComplexIn ? 2 : 1); }
  int64_t columns() const { return outputs * (isComplexOut ? 2 : 1); }

  /// The matrix [inputs, parts, outputs, parts] that a signal is multiplied with.
  std::vector<double> matrix() const {
    std::vector<double> values;
    values.reserve(rows() * columns());
    for (int64_t t = 0; t < inputs; ++t)
      for (int64_t part = 0; part < (isComplexIn ? 2 : 1); ++part)
        for (int64_t k = 0; k < outputs; ++k) {
          double angle = (isInverse ? 2 : -2) * kPi * (double)(t * k % length) / (double)length;
          double real = std::cos(angle) * weight(t), imaginary = std::sin(angle) * weight(t);
          // (re + i im) (cos + i sin)
          values.push_back(part == 0 ? real : -imaginary);
          if (isComplexOut)
            values.push_back(part == 0 ? imaginary : real);
        }
    return values;
  }

private:
  /// Of a real result only half of the spectrum is given: each bin stands for its mirror image, too.
  double weight(int64_t bin) const {
    bool isMirrored = !isComplexOut && bin != 0 && 2 * bin != length;
    return (isMirrored ? 2.0 : 1.0) / (isInverse ? (double)length : 1.0);
  }
};

bool checkTransform(Node &node, const Transform &of) {
  if (of.length < 1 || of.length > kMaxFoldedInts || of.inputs < 1 || of.rows() * of.columns() > kMaxMatrix)
    node.error("a transform of " + Twine(of.length) + " points is not supported",
               "nncc makes a matrix of it, of at most " + Twine(kMaxMatrix) + " numbers");
  return !node.failed();
}

/// x  [..., points, ..., 1 or 2], transformed along an axis
void importDFT(Node &node) {
  bool isInverse = node.flag("inverse", false), isOneSided = node.flag("onesided", false);
  if (!node.requireFloat(0) || !node.requireRank(0, 2, kMaxRank))
    return;
  int64_t rank = node.rank(0), raw = node.opset() < 20 ? node.integer("axis", 1) : -2;
  if (node.hasInput(2)) {
    auto given = node.integerOf(2, "axis");
    if (!given)
      return;
    raw = *given;
  }
  int64_t axis = node.axis(raw, rank), parts = node.shape(0)[rank - 1];
  if (node.failed())
    return;
  if (axis == rank - 1 || (parts != 1 && parts != 2))
    return node.error("axis " + Twine(raw) + " of " + describeShape(node.shape(0)) +
                      " does not fit: the last dim holds real and imaginary parts");
  Value x = node.input(0);
  int64_t points = shapeOf(x)[axis];
  bool toReal = isInverse && isOneSided;
  int64_t length = toReal ? 2 * (points - 1) : points;
  if (node.hasInput(1)) {
    auto given = node.integerOf(1, "DFT length");
    if (!given)
      return;
    length = *given;
  }
  Transform of{length,
               std::min(points, toReal ? length / 2 + 1 : length),
               isOneSided && !isInverse ? length / 2 + 1 : length,
               parts == 2,
               !toReal,
               isInverse};
  if (!checkTransform(node, of))
    return;
  x = node.slice(x, axis, 0, of.inputs);
  // The axis goes beside the parts, and both are one.
  SmallVector<int64_t> perm, shape, back;
  for (int64_t i = 0; i < rank - 1; ++i)
    if (i != axis)
      perm.push_back(i);
  for (int64_t i : perm)
    shape.push_back(shapeOf(x)[i]);
  perm.append({axis, rank - 1});
  int64_t others = product(shape);
  x = node.reshape(node.transpose(x, perm), {others, of.rows()});
  Value matrix = realConstant(node, of.matrix(), {of.rows(), of.columns()}, x ? elementOf(x) : Type());
  Value result = node.make<MatMulOp>(x, matrix, Value(), false);
  shape.append({of.outputs, toReal ? 1 : 2});
  for (int64_t i = 0; i < rank; ++i)
    back.push_back(llvm::find(perm, i) - perm.begin());
  node.set(0, node.transpose(node.reshape(result, shape), back));
}

/// Transforms of windows at equal distances: a convolution of the signal [B, points, 1 or 2].
void importSTFT(Node &node) {
  bool isOneSided = node.flag("onesided", true);
  auto step = node.integerOf(1, "frame step");
  if (!step || !node.requireFloat(0) || !node.requireRank(0, 2, 3))
    return;
  Value x = node.input(0);
  int64_t batch = shapeOf(x)[0], points = shapeOf(x)[1], parts = rankOf(x) == 3 ? shapeOf(x)[2] : 1, length = points;
  if (node.hasInput(2) && (!node.requireFloat(2) || !node.requireRank(2, 1, 1)))
    return;
  if (node.hasInput(3)) {
    auto given = node.integerOf(3, "frame length");
    if (!given)
      return;
    length = *given;
  } else if (node.hasInput(2)) {
    length = node.shape(2)[0];
  }
  if (*step < 1 || *step > kMaxWindow || length < 1 || length > points || (parts != 1 && parts != 2) ||
      (node.hasInput(2) && node.shape(2)[0] != length))
    return node.error("frames of " + Twine(length) + " points, " + Twine(*step) + " apart, do not fit a signal " +
                      describeShape(shapeOf(x)) + " and the window");
  Transform of{length, length, isOneSided ? length / 2 + 1 : length, parts == 2, true, false};
  if (!checkTransform(node, of))
    return;
  // A filter is a column of the matrix: [columns, 1, points, parts].
  Value matrix = realConstant(node, of.matrix(), {of.rows(), of.columns()}, elementOf(x));
  Value filter = node.reshape(node.transpose(matrix, {1, 0}), {of.columns(), 1, length, parts});
  if (node.hasInput(2))
    filter = node.binary(kind::mul, filter, node.reshape(node.input(2), {1, 1, length, 1}));
  Value result =
      node.make<Conv2DOp>(node.reshape(x, {batch, 1, points, parts}), filter, Value(), ArrayRef<int64_t>{1, *step},
                          ArrayRef<int64_t>{0, 0, 0, 0}, ArrayRef<int64_t>{1, 1}, 1);
  if (result)
    node.set(0, node.reshape(result, {batch, shapeOf(result)[2], of.outputs, 2}));
}

const OpEntry kOps[] = {
    {"BlackmanWindow", 1, 1, importBlackmanWindow},
    {"HammingWindow", 1, 1, importHammingWindow},
    {"HannWindow", 1, 1, importHannWindow},
    {"MelWeightMatrix", 5, 5, importMelWeightMatrix},
    {"DFT", 1, 3, importDFT},
    {"STFT", 2, 4, importSTFT},
};
} // namespace

ArrayRef<OpEntry> signalOps() { return kOps; }

} // namespace nncc::import
