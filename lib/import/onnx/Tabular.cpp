// What scikit-learn's exporter writes around a network, and linear models: operators of ai.onnx.ml, by ONNX's text of
// that domain. All compute in f32, as their results are, whatever numbers come in.
#include "lib/import/onnx/Tabular.h"
#include "dialects/nn/BinaryKind.h"
#include "dialects/nn/UnaryKind.h"
#include "lib/import/onnx/ModelFile.h"
#include "llvm/ADT/StringSwitch.h"
#include <cmath>

using namespace mlir;
using namespace nncc::nn;

namespace nncc::import {

Value floats(Node &node, ArrayRef<double> values, ArrayRef<int64_t> shape) {
  Elements elements;
  elements.type = RankedTensorType::get(shape, node.builder.getF32Type());
  elements.floats.assign(values.begin(), values.end());
  return node.constant(makeElements(elements));
}

Value asFloats(Node &node) {
  return node.requireNumber(0) ? node.cast(node.input(0), node.builder.getF32Type()) : Value();
}

std::optional<Classes> readClasses(Node &node, StringRef integers) {
  SmallVector<int64_t> labels = node.integers(integers);
  int64_t strings = node.texts("classlabels_strings").size();
  if (node.wants(0) && strings > 0) {
    node.error("classes that are strings are not supported",
               "train with classes that are integers, or let the model end with the scores by --end");
    return std::nullopt;
  }
  int64_t count = strings > 0 ? strings : labels.size();
  return Classes{std::move(labels), count};
}

void setClass(Node &node, Value places, const Classes &classes) {
  if (!node.wants(0) || !places)
    return;
  Value flat = node.reshape(node.cast(places, node.builder.getI64Type()), {shapeOf(places)[0]});
  node.set(0, node.make<GatherOp>(node.vector(classes.labels), flat, 0));
}

Value postTransform(Node &node, Value scores) {
  std::string kind = node.text("post_transform", "NONE");
  if (kind == "SOFTMAX")
    return node.make<SoftmaxOp>(scores, 1, /*log=*/false);
  if (kind == "LOGISTIC")
    return node.unary(UnaryKind::sigmoid, scores);
  if (kind != "NONE")
    node.error("post_transform '" + kind + "' is not supported", "nncc supports NONE, SOFTMAX and LOGISTIC");
  return scores;
}

namespace {

/// A number, or one for each column, of an attribute that may be absent: then null.
/// error   another count of numbers
Value perColumn(Node &node, StringRef name, ArrayRef<double> values) {
  if (values.empty() || !node.requireRank(0, 1, 32))
    return {};
  int64_t columns = node.shape(0).back(), count = values.size();
  if (count != 1 && count != columns) {
    node.error("attribute '" + name + "' has " + Twine(count) + " numbers for " + Twine(columns) + " columns");
    return {};
  }
  return floats(node, values, {count});
}

/// (x - offset) * scale
void importScaler(Node &node) {
  Value offset = perColumn(node, "offset", node.numbers("offset"));
  Value scale = perColumn(node, "scale", node.numbers("scale"));
  Value x = asFloats(node);
  if (offset)
    x = node.binary(BinaryKind::sub, x, offset);
  node.set(0, scale ? node.binary(BinaryKind::mul, x, scale) : x);
}

/// Puts numbers in the place of one that says that there is none.
void importImputer(Node &node) {
  if (node.has("imputed_value_int64s"))
    return node.error("imputed_value_int64s is not supported", "nncc imputes floats; make the column one of floats");
  double missing = node.number("replaced_value_float", 0);
  Value imputed = perColumn(node, "imputed_value_floats", node.numbers("imputed_value_floats"));
  if (!node.requireFloat(0) || node.failed())
    return;
  if (!imputed)
    return node.error("attribute 'imputed_value_floats' is missing");
  Value x = node.input(0);
  imputed = node.cast(imputed, elementOf(x));
  Value isMissing = std::isnan(missing) ? node.unary(UnaryKind::is_nan, x)
                                        : node.binary(BinaryKind::equal, x, node.scalar(missing, x));
  node.set(0, node.select(isMissing, node.expand(node.toRank(imputed, rankOf(x)), shapeOf(x)), x));
}

/// 1 above the threshold, else 0.
void importBinarizer(Node &node) {
  double threshold = node.number("threshold", 0);
  if (!node.requireFloat(0))
    return;
  Value x = node.input(0);
  node.set(0, node.cast(node.binary(BinaryKind::greater, x, node.scalar(threshold, x)), elementOf(x)));
}

/// Rows over their largest value, or the norm of their values; a row whose divisor is 0 stays.
void importNormalizer(Node &node) {
  std::string norm = node.text("norm", "MAX");
  auto kind = llvm::StringSwitch<std::optional<ReduceKind>>(norm)
                  .Case("MAX", ReduceKind::max)
                  .Case("L1", ReduceKind::l1)
                  .Case("L2", ReduceKind::l2)
                  .Default(std::nullopt);
  if (!kind)
    return node.error("norm '" + norm + "' is not known", "it is MAX, L1 or L2");
  if (!node.requireRank(0, 1, 2))
    return;
  Value x = asFloats(node);
  Value divisor = x ? node.reduce(*kind, x, {rankOf(x) - 1}) : Value();
  if (!divisor)
    return;
  Value isZero = node.binary(BinaryKind::equal, divisor, node.scalar(0, divisor));
  node.set(0, node.binary(BinaryKind::div, x, node.select(isZero, node.scalar(1, divisor), divisor)));
}

/// Columns by their numbers; of a table of classes also the one that was found to be the best.
void importArrayFeatureExtractor(Node &node) {
  if (!node.requireRank(0, 1, 32) || !node.requireInteger(1))
    return;
  Value x = node.input(0), columns = node.input(1);
  int64_t count = shapeOf(x).back();
  if (count == 0)
    return node.error("input 0 has no columns");
  if (auto known = readElements(getConstantValue(columns)))
    for (int64_t column : known->ints)
      if (column < 0 || column >= count)
        return node.error("column " + Twine(column) + " is out of range for " + Twine(count));
  columns = node.cast(node.reshape(columns, {product(shapeOf(columns))}), node.builder.getI64Type());
  Value result = node.make<GatherOp>(x, columns, rankOf(x) - 1);
  node.set(0, node.toRank(result, std::max<int64_t>(2, rankOf(x))));
}

/// x [N, columns] times the coefficients [targets, columns] and the intercepts; null with an error when they do not
/// fit.
Value linear(Node &node) {
  SmallVector<double> coefficients = node.numbers("coefficients"), intercepts = node.numbers("intercepts");
  Value x = asFloats(node);
  if (!x || !node.requireRank(0, 2, 2))
    return {};
  int64_t columns = shapeOf(x)[1], count = coefficients.size();
  int64_t targets = columns ? count / columns : 0;
  if (targets == 0 || count % columns != 0) {
    node.error(Twine(count) + " coefficients do not fit " + Twine(columns) + " columns");
    return {};
  }
  if (!intercepts.empty() && (int64_t)intercepts.size() != targets) {
    node.error(Twine(intercepts.size()) + " intercepts do not fit " + Twine(targets) + " results");
    return {};
  }
  Value bias = intercepts.empty() ? Value() : floats(node, intercepts, {targets});
  return node.make<MatMulOp>(x, floats(node, coefficients, {targets, columns}), bias, /*transpose=*/true);
}

void importLinearRegressor(Node &node) {
  node.ignore({"targets"}); // how many there are, coefficients say
  node.set(0, postTransform(node, linear(node)));
}

/// The class of the largest score, and the scores.
void importLinearClassifier(Node &node) {
  node.ignore({"multi_class"}); // says how coefficients were found
  auto classes = readClasses(node, "classlabels_ints");
  Value scores = classes ? linear(node) : Value();
  if (!scores)
    return;
  if (classes->count != shapeOf(scores)[1])
    return node.error(Twine(shapeOf(scores)[1]) + " scores for " + Twine(classes->count) + " classes are not supported",
                      "skl2onnx writes a score for each class");
  setClass(node, node.make<ArgReduceOp>(ArgReduceKind::argmax, scores, 1, /*last=*/false), *classes);
  node.set(1, postTransform(node, scores));
}

const char *const kDomain = "ai.onnx.ml";

const OpEntry kOps[] = {
    {"Scaler", 1, 1, importScaler, kDomain},
    {"Imputer", 1, 1, importImputer, kDomain},
    {"Binarizer", 1, 1, importBinarizer, kDomain},
    {"Normalizer", 1, 1, importNormalizer, kDomain},
    {"ArrayFeatureExtractor", 2, 2, importArrayFeatureExtractor, kDomain},
    {"LinearRegressor", 1, 1, importLinearRegressor, kDomain},
    {"LinearClassifier", 1, 1, importLinearClassifier, kDomain},
};
} // namespace

ArrayRef<OpEntry> tabularOps() { return kOps; }

} // namespace nncc::import
