// Normalizations, in f32 at least: squares and sums of halves leave their range. Those over a batch's statistics are
// written out; layer normalization is an op of its own.
#include "dialects/nn/Kinds.h"
#include "lib/import/onnx/Families.h"
#include "lib/import/onnx/ModelFile.h"
#include "lib/import/onnx/Quantize.h"
#include <cmath>
#include <limits>

using namespace mlir;
using namespace nncc::nn;

namespace nncc::import {
namespace {

// Attributes are floats, and so are their defaults.
constexpr double kEpsilon = 1e-5f;

/// A parameter [C] as [1, C, 1, ...] for a tensor of this rank.
Value perChannel(Node &node, Value parameter, int64_t rank) {
  if (!parameter)
    return {};
  SmallVector<int64_t> shape(std::max<int64_t>(rank, 2), 1);
  shape[1] = product(shapeOf(parameter));
  return node.reshape(parameter, ArrayRef(shape).take_front(std::max<int64_t>(rank, 2)));
}

/// Requires scale and bias (inputs 1 and 2) of one value per channel, or per group.
bool checkParameters(Node &node, int64_t groups = 0) {
  int64_t channels = node.shape(0)[1];
  for (size_t i : {1, 2})
    if (node.requireFloat(i) && node.shape(i) != ArrayRef<int64_t>{channels} &&
        (groups == 0 || node.shape(i) != ArrayRef<int64_t>{groups}))
      node.error("input " + Twine(i) + " has the shape " + describeShape(node.shape(i)) + ", must be [" +
                 Twine(channels) + "]");
  return !node.failed();
}

/// sqrt(variance + epsilon)
Value deviation(Node &node, Value variance, double epsilon) {
  Value shifted = node.binary(kind::add, variance, variance ? node.scalar(epsilon, variance) : Value());
  return node.unary(kind::sqrt, shifted);
}

/// A tensor less its mean over some axes, and its variance.
struct Statistics {
  Value mean, centered, variance;

  Statistics(Node &node, Value x, ArrayRef<int64_t> axes) {
    mean = node.reduce(ReduceKind::mean, x, axes);
    centered = node.binary(kind::sub, x, mean);
    variance = node.reduce(ReduceKind::mean, node.binary(kind::mul, centered, centered), axes);
  }
};

/// Until opset 6 an attribute says whether a batch normalization trains, then running statistics among the outputs do,
/// and since opset 14 an attribute again.
bool isTraining(Node &node) {
  bool isTest = node.flag("is_test", false), isAsked = node.flag("training_mode", false);
  if (node.opset() >= 14)
    return isAsked;
  bool hasStatistics = llvm::any_of(llvm::seq<size_t>(1, 5), [&](size_t i) { return node.hasOutput(i); });
  return hasStatistics && !(node.opset() < 7 && isTest);
}

/// The outputs of a batch normalization in training: running statistics and, until opset 13, those of the batch.
void setStatistics(Node &node, const Statistics &batch, Value runningMean, Value runningVariance, double momentum) {
  std::pair<Value, Value> pairs[] = {{batch.mean, runningMean}, {batch.variance, runningVariance}};
  for (auto [i, pair] : llvm::enumerate(pairs)) {
    auto [ofBatch, running] = pair;
    if (!ofBatch || !running)
      return;
    Value kept = node.binary(kind::mul, running, node.scalar(momentum, running));
    Value fresh = node.binary(kind::mul, ofBatch, node.scalar(1 - momentum, ofBatch));
    Value next = node.binary(kind::add, kept, fresh);
    for (auto [output, value] : {std::pair<size_t, Value>(1 + i, next), {3 + i, ofBatch}})
      node.set(output, node.cast(node.reshape(value, node.shape(3)), node.type(3 + i).getElementType()));
  }
}

/// A multiplication and an addition per channel; with constant parameters both are computed here.
void importBatchNormalization(Node &node) {
  double epsilon = node.number("epsilon", kEpsilon), momentum = node.number("momentum", 0.9f);
  node.ignore({"consumed_inputs"});
  bool trains = isTraining(node);
  if (!node.flag("spatial", true))
    return node.error("spatial = 0 is not supported");
  for (size_t i = 0; i < 5; ++i)
    if (!node.requireFloat(i))
      return;
  if (!node.requireRank(0, 2, 32))
    return;
  Value x = node.cast(node.input(0), wideType(node.type(0).getElementType()));
  int64_t rank = rankOf(x), channels = shapeOf(x)[1];
  Value parameters[4];
  for (size_t i = 0; i < 4; ++i) {
    if (node.shape(i + 1) != ArrayRef<int64_t>{channels})
      return node.error("input " + Twine(i + 1) + " has the shape " + describeShape(node.shape(i + 1)) + ", must be [" +
                        Twine(channels) + "]");
    parameters[i] = node.cast(perChannel(node, node.input(i + 1), rank), elementOf(x));
  }
  auto [scale, bias, mean, variance] = parameters;
  Value result;
  if (trains) {
    SmallVector<int64_t> axes = llvm::to_vector(llvm::seq<int64_t>(0, rank));
    axes.erase(axes.begin() + 1);
    Statistics batch(node, x, axes);
    setStatistics(node, batch, mean, variance, momentum);
    Value factor = node.binary(kind::div, scale, deviation(node, batch.variance, epsilon));
    result = node.binary(kind::add, node.binary(kind::mul, batch.centered, factor), bias);
  } else {
    Value factor = node.binary(kind::div, scale, deviation(node, variance, epsilon));
    Value offset = node.binary(kind::sub, bias, node.binary(kind::mul, mean, factor));
    result = node.binary(kind::add, node.binary(kind::mul, x, factor), offset);
  }
  node.set(0, node.cast(result, node.type(0).getElementType()));
}

/// (x - mean) / sqrt(variance + epsilon) over some axes.
Value normalize(Node &node, Value x, ArrayRef<int64_t> axes, double epsilon) {
  Statistics of(node, x, axes);
  return node.binary(kind::div, of.centered, deviation(node, of.variance, epsilon));
}

void importInstanceNormalization(Node &node) {
  double epsilon = node.number("epsilon", kEpsilon);
  node.ignore({"consumed_inputs"});
  if (!node.requireFloat(0) || !node.requireRank(0, 2, 8) || !checkParameters(node))
    return;
  Value x = node.cast(node.input(0), wideType(node.type(0).getElementType()));
  int64_t rank = rankOf(x);
  SmallVector<int64_t> axes = llvm::to_vector(llvm::seq<int64_t>(2, rank));
  auto parameter = [&](size_t i) { return node.cast(perChannel(node, node.input(i), rank), elementOf(x)); };
  Value scaled = node.binary(kind::mul, normalize(node, x, axes, epsilon), parameter(1));
  node.set(0, node.cast(node.binary(kind::add, scaled, parameter(2)), node.type(0).getElementType()));
}

/// Scale and bias have one value per group until opset 20, one per channel since.
void importGroupNormalization(Node &node) {
  double epsilon = node.number("epsilon", kEpsilon);
  int64_t groups = node.requiredInteger("num_groups");
  node.ignore({"stash_type"});
  if (!node.requireFloat(0) || !node.requireRank(0, 2, 8))
    return;
  Value x = node.cast(node.input(0), wideType(node.type(0).getElementType()));
  SmallVector<int64_t> shape(shapeOf(x));
  int64_t channels = shape[1];
  if (groups < 1 || channels % groups)
    return node.error("num_groups " + Twine(groups) + " does not divide " + Twine(channels) + " channels");
  if (!checkParameters(node, groups))
    return;
  Value split = node.reshape(x, {shape[0], groups, product(shape) / std::max<int64_t>(1, shape[0] * groups)});
  Value result = node.reshape(normalize(node, split, {2}, epsilon), shape);
  for (size_t i : {1, 2}) {
    Value parameter = node.cast(node.input(i), elementOf(x));
    if (parameter && product(shapeOf(parameter)) == groups && groups != channels) {
      parameter = node.expand(node.reshape(parameter, {groups, 1}), {groups, channels / groups});
      parameter = node.reshape(parameter, {channels});
    }
    result = node.binary(i == 1 ? kind::mul : kind::add, result, perChannel(node, parameter, shape.size()));
  }
  node.set(0, node.cast(result, node.type(0).getElementType()));
}

void importLayerNormalization(Node &node) {
  double epsilon = node.number("epsilon", kEpsilon);
  int64_t raw = node.integer("axis", -1), stash = node.integer("stash_type", 1);
  if (!node.requireFloat(0) || !node.requireFloat(1) || !node.requireRank(0, 1, 32))
    return;
  // The type of the statistics that are outputs; stage one itself is computed in f32 at least.
  Type stashType = elementTypeOf((int32_t)stash, node.context());
  if (!stashType || !isa<FloatType>(stashType))
    return node.error("stash_type " + Twine(stash) + " is not supported", "it is 1 for f32 or 16 for bf16");
  Value x = node.input(0);
  int64_t axis = node.axis(raw, rankOf(x));
  ArrayRef<int64_t> normalized = shapeOf(x).drop_front(axis);
  auto parameter = [&](size_t i) -> Value {
    Value value = node.input(i);
    return value && rankOf(value) <= (int64_t)normalized.size() ? node.expand(value, normalized) : value;
  };
  Value scale = parameter(1), bias = parameter(2);
  node.set(0, node.make<LayerNormOp>(x, scale, bias, axis, llvm::APFloat(epsilon)));
  if (!node.wants(1) && !node.wants(2))
    return;
  SmallVector<int64_t> axes = llvm::to_vector(llvm::seq<int64_t>(axis, rankOf(x)));
  Statistics of(node, node.cast(x, wideType(elementOf(x))), axes);
  node.set(1, node.cast(of.mean, stashType));
  node.set(2, node.cast(node.unary(kind::reciprocal, deviation(node, of.variance, epsilon)), stashType));
}

/// x / sqrt(mean of squares over the dims from `axis` on + epsilon) * scale
Value normalizeByRoot(Node &node, Value x, Value scale, int64_t axis, double epsilon) {
  if (!x)
    return {};
  Type type = elementOf(x);
  x = node.cast(x, wideType(type));
  if (!x)
    return {}; // an axis that is wrong was said before
  SmallVector<int64_t> axes = llvm::to_vector(llvm::seq<int64_t>(axis, rankOf(x)));
  Value square = node.reduce(ReduceKind::mean, node.binary(kind::mul, x, x), axes);
  Value normalized = node.binary(kind::div, x, deviation(node, square, epsilon));
  return node.cast(node.binary(kind::mul, normalized, node.cast(scale, elementOf(x))), type);
}

/// Also SimplifiedLayerNormalization, the name that onnxruntime gave it before it was ONNX's.
void importRMSNormalization(Node &node) {
  double epsilon = node.number("epsilon", kEpsilon);
  int64_t raw = node.integer("axis", -1);
  node.ignore({"stash_type"});
  if (!node.requireFloat(0) || !node.requireFloat(1) || !node.requireRank(0, 1, 32))
    return;
  node.set(0, normalizeByRoot(node, node.input(0), node.input(1), node.axis(raw, node.rank(0)), epsilon));
}

/// Layer normalization, or its kind without a mean, of a sum of activations, skipped ones and a bias. com.microsoft
void importSkipNormalization(Node &node, bool isSimple) {
  double epsilon = node.number("epsilon", 1e-12);
  for (size_t i : {0, 1, 2})
    if (!node.requireFloat(i) || !node.requireRank(i, 1, 3))
      return;
  Value beta = isSimple ? Value() : node.input(3), bias = node.input(isSimple ? 3 : 4);
  Value sum = node.binary(kind::add, node.input(0), node.input(1));
  if (bias)
    sum = node.binary(kind::add, sum, bias);
  if (!sum)
    return;
  if (shapeOf(sum) != node.shape(0))
    return node.error("what is skipped is " + describeShape(node.shape(1)) + ", the input " +
                      describeShape(node.shape(0)));
  int64_t axis = rankOf(sum) - 1;
  node.set(3, sum);
  node.set(0, isSimple ? normalizeByRoot(node, sum, node.input(2), axis, epsilon)
                       : node.make<LayerNormOp>(sum, node.input(2), beta, axis, llvm::APFloat(epsilon)));
}

void importSkipLayerNormalization(Node &node) { importSkipNormalization(node, false); }
void importSkipSimplifiedLayerNormalization(Node &node) { importSkipNormalization(node, true); }

/// Rows of tables of words, positions and segments, added up and normalized; how many words of each row a mask has
/// there. In QEmbedLayerNormalization tables and parameters are bytes, with a scale and a zero point each.
/// com.microsoft
///
/// Inputs: input_ids, segment_ids, word_embedding, position_embedding, segment_embedding, gamma, beta, mask;
/// position_ids, or five scales and five zero points.
void importEmbedding(Node &node, bool isQuantized) {
  double epsilon = node.number("epsilon", 1e-12);
  node.ignore({"mask_index_type"});
  bool hasSegments = node.hasInput(1);
  if (!node.requireInteger(0) || !node.requireRank(0, 2, 2))
    return;
  if (hasSegments != node.hasInput(4))
    return node.error("segment_ids and segment_embedding go together, one of them is missing");
  for (size_t i : {2, 3, 4, 5, 6})
    for (size_t part : {i, i + 6, i + 11})
      if ((i != 4 || hasSegments) && (part == i || isQuantized) && !node.hasInput(part))
        return node.error("input " + Twine(part) + " is missing");
  SmallVector<int64_t> shape(node.shape(0));
  Type i32 = node.builder.getI32Type();
  // An input of bytes, in steps of its scale: tables are read first and widened after.
  auto real = [&](Value bytes, size_t i) -> Value {
    size_t scale = i + 6, zero = i + 11;
    if (!isQuantized || !bytes)
      return bytes;
    if (!requireScale(node, scale) || !node.requireTypeOf(zero, i) || !requireOne(node, scale) ||
        !requireOne(node, zero))
      return {};
    return dequantize(node, bytes, alongAxis(node, node.input(scale), 0, bytes),
                      alongAxis(node, node.input(zero), 0, bytes));
  };
  for (size_t i : {2, 3, 4, 5, 6})
    if ((isQuantized ? !requireByte(node, i) : !node.requireFloat(i)) ||
        !node.requireRank(i, i < 5 ? 2 : 1, i < 5 ? 2 : 1))
      return;
  // What goes with words: segments, positions (of all rows at once, too) and a mask.
  auto fitsWords = [&](size_t i, bool mayBeOneRow = false) {
    ArrayRef<int64_t> given = node.shape(i);
    if (given == ArrayRef(shape) || (mayBeOneRow && given == ArrayRef<int64_t>{1, shape[1]}))
      return true;
    node.error("input " + Twine(i) + " has the shape " + describeShape(given) + ", must be that of input_ids, " +
               describeShape(shape));
    return false;
  };
  for (size_t i : {3, 4})
    if ((i != 4 || hasSegments) && node.shape(i)[1] != node.shape(2)[1])
      return node.error("embeddings of " + describeShape(node.shape(2)) + " and " + describeShape(node.shape(i)) +
                        " have different sizes");
  auto rows = [&](size_t table, Value ids) -> Value {
    if (ids && node.shape(table)[0] == 0)
      node.error("input " + Twine(table) + " of shape " + describeShape(node.shape(table)) + " has no rows");
    return ids && !node.failed() ? real(node.make<GatherOp>(node.input(table), node.cast(ids, i32), 0), table)
                                 : Value();
  };
  Value positions;
  if (size_t i = 8; !isQuantized && node.hasInput(i)) {
    if (!node.requireInteger(i) || !fitsWords(i, /*mayBeOneRow=*/true))
      return;
    positions = rows(3, node.input(i));
  } else if (node.shape(3)[0] < shape[1]) {
    return node.error("there are " + Twine(node.shape(3)[0]) + " positions for " + Twine(shape[1]) + " words");
  } else {
    positions = real(node.slice(node.input(3), 0, 0, shape[1]), 3);
    positions = positions ? node.toRank(positions, 3) : Value();
  }
  Value sum = node.binary(kind::add, rows(2, node.input(0)), positions);
  if (hasSegments && node.requireInteger(1) && fitsWords(1))
    sum = node.binary(kind::add, sum, rows(4, node.input(1)));
  if (!sum || node.failed())
    return;
  if (shapeOf(sum).drop_back() != ArrayRef(shape))
    return node.error("input_ids are " + describeShape(shape) + ", with positions and segments they would be " +
                      describeShape(shapeOf(sum).drop_back()));
  node.set(0, node.make<LayerNormOp>(sum, real(node.input(5), 5), real(node.input(6), 6), 2, llvm::APFloat(epsilon)));
  node.set(2, sum);
  if (!node.wants(1))
    return;
  Value count = node.splat(0, {shape[0]}, i32);
  if (node.hasInput(7) && node.requireInteger(7) && fitsWords(7)) {
    Value mask = node.input(7);
    count = node.reduce(ReduceKind::sum, node.cast(node.binary(kind::equal, mask, node.scalar(1, mask)), i32), {1});
    count = node.reshape(count, {shape[0]});
  }
  node.set(1, count);
}

void importEmbedLayerNormalization(Node &node) { importEmbedding(node, false); }
void importQEmbedLayerNormalization(Node &node) { importEmbedding(node, true); }

void importMeanVarianceNormalization(Node &node) {
  SmallVector<int64_t> raw = node.integers("axes", {0, 2, 3});
  if (!node.requireFloat(0))
    return;
  Value x = node.cast(node.input(0), wideType(node.type(0).getElementType()));
  Statistics of(node, x, node.axes(raw, rankOf(x)));
  Value root = node.unary(kind::sqrt, of.variance);
  // The epsilon of the function body in ONNX's definition.
  Value divisor = node.binary(kind::add, root, node.scalar(1e-9f, root));
  node.set(0, node.cast(node.binary(kind::div, of.centered, divisor), node.type(0).getElementType()));
}

/// x / (bias + alpha / size * (sum of squares over neighbouring channels)) ^ beta.
///
/// The sum is an average pool along the channels, which lie in the H of an image [N, C, 1, pixels]. A window that
/// reaches beyond all channels is cut there: more zeros add nothing.
void importLRN(Node &node) {
  double alpha = node.number("alpha", 1e-4f), beta = node.number("beta", 0.75f), bias = node.number("bias", 1);
  int64_t size = node.requiredInteger("size");
  if (!node.requireFloat(0) || !node.requireRank(0, 2, 8))
    return;
  if (size < 1 || size > INT32_MAX)
    return node.error("size " + Twine(size) + " must be positive");
  Value x = node.cast(node.input(0), wideType(node.type(0).getElementType()));
  SmallVector<int64_t> shape(shapeOf(x));
  Value square =
      node.reshape(node.binary(kind::mul, x, x), {shape[0], shape[1], 1, product(ArrayRef(shape).drop_front(2))});
  int64_t before = (size - 1) / 2, after = size - 1 - before, most = std::max<int64_t>(0, shape[1] - 1);
  SmallVector<int64_t> pads{std::min(before, most), 0, std::min(after, most), 0};
  SmallVector<int64_t> kernel{pads[0] + 1 + pads[2], 1}, ones{1, 1}, none{0, 0};
  Value mean = node.make<Pool2DOp>(PoolKind::average, square, kernel, ones, pads, ones, none, true);
  if (!mean)
    return;
  Value scaled = node.binary(kind::mul, mean, node.scalar(alpha * kernel[0] / size, mean));
  Value base = node.binary(kind::add, scaled, node.scalar(bias, mean));
  Value divisor = node.reshape(node.binary(kind::pow, base, node.scalar(beta, mean)), shape);
  node.set(0, node.cast(node.binary(kind::div, x, divisor), node.type(0).getElementType()));
}

/// x / norm, and 0 where the norm is 0.
void importLpNormalization(Node &node) {
  int64_t raw = node.integer("axis", -1), p = node.integer("p", 2);
  if (p != 1 && p != 2)
    return node.error("p " + Twine(p) + " is not supported", "nncc supports p = 1 and p = 2");
  if (!node.requireFloat(0) || !node.requireRank(0, 1, 32))
    return;
  Value x = node.cast(node.input(0), wideType(node.type(0).getElementType()));
  Value norm = node.reduce(p == 1 ? ReduceKind::l1 : ReduceKind::l2, x, {node.axis(raw, rankOf(x))});
  if (!norm)
    return;
  // Zero over infinity is zero.
  Value isZero = node.binary(kind::equal, norm, node.scalar(0, norm));
  Value divisor = node.select(isZero, node.scalar(std::numeric_limits<double>::infinity(), norm), norm);
  node.set(0, node.cast(node.binary(kind::div, x, divisor), node.type(0).getElementType()));
}

const OpEntry kOps[] = {
    {"BatchNormalization", 5, 5, importBatchNormalization},
    {"InstanceNormalization", 3, 3, importInstanceNormalization},
    {"GroupNormalization", 3, 3, importGroupNormalization},
    {"LayerNormalization", 2, 3, importLayerNormalization},
    {"RMSNormalization", 2, 2, importRMSNormalization},
    {"SimplifiedLayerNormalization", 2, 2, importRMSNormalization},
    {"SimplifiedLayerNormalization", 2, 2, importRMSNormalization, "com.microsoft"},
    {"SkipLayerNormalization", 3, 5, importSkipLayerNormalization, "com.microsoft"},
    {"SkipSimplifiedLayerNormalization", 3, 4, importSkipSimplifiedLayerNormalization, "com.microsoft"},
    {"EmbedLayerNormalization", 1, 9, importEmbedLayerNormalization, "com.microsoft"},
    {"QEmbedLayerNormalization", 1, 18, importQEmbedLayerNormalization, "com.microsoft"},
    {"MeanVarianceNormalization", 1, 1, importMeanVarianceNormalization},
    {"LRN", 1, 1, importLRN},
    {"LpNormalization", 1, 1, importLpNormalization},
};
} // namespace

ArrayRef<OpEntry> normOps() { return kOps; }

} // namespace nncc::import
