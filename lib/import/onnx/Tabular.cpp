// What scikit-learn's exporter writes around a network, and linear models: operators of ai.onnx.ml, by ONNX's text of
// that domain. All compute in f32, as their results are, whatever numbers come in.
#include "lib/import/onnx/Tabular.h"
#include "dialects/nn/BinaryKind.h"
#include "dialects/nn/UnaryKind.h"
#include "lib/import/onnx/Graph.h"
#include "lib/import/onnx/ModelFile.h"
#include "llvm/ADT/StringSwitch.h"
#include <cmath>
#include <set>

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

Value postTransform(Node &node, Value scores, StringRef kind) {
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

/// In a last dim of their own, 1 where an element of `x` is that one of the keys [count], else 0. NaN equals nothing,
/// until opset 4 makes it a key.
Value matches(Node &node, Value x, Value keys, Type result) {
  SmallVector<int64_t> shape(shapeOf(x));
  shape.push_back(1);
  x = node.reshape(node.cast(x, elementOf(keys)), shape);
  Value isKey = node.binary(BinaryKind::equal, x, keys);
  if (node.opset() >= 4 && isa<FloatType>(elementOf(keys))) {
    Value isNaN = node.unary(UnaryKind::is_nan, x);
    isKey = node.binary(BinaryKind::logical_or, isKey,
                        node.binary(BinaryKind::logical_and, isNaN, node.unary(UnaryKind::is_nan, keys)));
  }
  return node.cast(isKey, result);
}

/// A dim of categories: 1 at the one that an element is, cast to an integer. What is none of them is undefined where
/// `zeros` is 0, and all 0 here too.
void importOneHotEncoder(Node &node) {
  SmallVector<int64_t> categories = node.integers("cats_int64s");
  node.ignore({"zeros"});
  if (node.has("cats_strings"))
    return node.error("categories that are strings are not supported", "train with categories that are integers");
  if (categories.empty())
    return node.error("there are no categories");
  if (node.requireNumber(0) && node.requireRank(0, 0, 8))
    node.set(0, matches(node, node.input(0), node.vector(categories), node.builder.getF32Type()));
}

/// The attribute PREFIX_int64s, or else PREFIX_floats, from its last element to its first, as a tensor [count + first],
/// which begins with `first` if there is one; null with an error when there is neither.
Value listOf(Node &node, StringRef prefix, std::optional<std::pair<int64_t, double>> first = std::nullopt) {
  SmallVector<int64_t> integers = node.integers((prefix + "_int64s").str());
  SmallVector<double> numbers = node.numbers((prefix + "_floats").str());
  if (integers.empty() == numbers.empty()) {
    node.error("there are no " + prefix + " that are integers or floats",
               "nncc maps numbers: let the model begin behind those that are strings by --begin");
    return {};
  }
  std::reverse(integers.begin(), integers.end());
  std::reverse(numbers.begin(), numbers.end());
  if (first && integers.empty())
    numbers.insert(numbers.begin(), first->second);
  else if (first)
    integers.insert(integers.begin(), first->first);
  return integers.empty() ? floats(node, numbers, {(int64_t)numbers.size()}) : node.vector(integers);
}

/// The value of the key that an element is, the first of equal ones, or a value of its own. The largest place is found,
/// so the first comes last.
void importLabelEncoder(Node &node) {
  for (StringRef name : {"keys_tensor", "values_tensor"})
    if (node.has(name))
      return node.error("attribute '" + name + "' is not supported",
                        "nncc reads keys and values as lists: keys_int64s, keys_floats, values_int64s, values_floats");
  int64_t integer = node.integer("default_int64", -1);
  double number = node.number("default_float", -0.0);
  node.ignore({"default_string"});
  Value keys = listOf(node, "keys"), values = listOf(node, "values", {{integer, number}});
  if (node.failed() || !node.requireRank(0, 0, 8))
    return;
  int64_t count = shapeOf(keys)[0];
  if (shapeOf(values)[0] != count + 1)
    return node.error(Twine(shapeOf(values)[0] - 1) + " values do not fit " + Twine(count) + " keys");
  if (isa<FloatType>(elementOf(keys)) ? !node.requireFloat(0) : !node.requireInteger(0))
    return;
  Type i64 = node.builder.getI64Type();
  Value numbers = node.vector(llvm::to_vector(llvm::seq<int64_t>(1, count + 1)));
  Value found = node.binary(BinaryKind::mul, matches(node, node.input(0), keys, i64), numbers);
  Value place = node.reshape(node.reduce(ReduceKind::max, found, {node.rank(0)}), node.shape(0));
  node.set(0, node.make<GatherOp>(values, place, 0));
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
  node.set(0, postTransform(node, linear(node), node.text("post_transform", "NONE")));
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
  node.set(1, postTransform(node, scores, node.text("post_transform", "NONE")));
}

/// What a kernel makes of rows [N, columns] and support vectors [count, columns]: [N, count]; null with an error when
/// it is not known.
Value kernelOf(Node &node, Value x, Value vectors) {
  std::string kind = node.text("kernel_type", "LINEAR");
  SmallVector<double> parameters = node.numbers("kernel_params", {0, 0, 0});
  if (parameters.size() != 3) {
    node.error("attribute 'kernel_params' has " + Twine(parameters.size()) + " numbers, must be 3");
    return {};
  }
  double gamma = parameters[0], offset = parameters[1], degree = parameters[2];
  if (kind == "RBF") {
    int64_t rows = shapeOf(x)[0], columns = shapeOf(x)[1];
    Value apart = node.binary(BinaryKind::sub, node.reshape(x, {rows, 1, columns}), vectors);
    Value distance = node.reshape(node.reduce(ReduceKind::sum_square, apart, {2}), {rows, shapeOf(vectors)[0]});
    return node.unary(UnaryKind::exp, node.binary(BinaryKind::mul, distance, node.scalar(-gamma, distance)));
  }
  Value product = node.make<MatMulOp>(x, vectors, Value(), /*transpose=*/true);
  if (kind == "LINEAR")
    return product;
  product = node.binary(BinaryKind::mul, product, node.scalar(gamma, product));
  product = node.binary(BinaryKind::add, product, node.scalar(offset, product));
  if (kind == "POLY")
    return node.binary(BinaryKind::pow, product, node.scalar(degree, product));
  if (kind == "SIGMOID")
    return node.unary(UnaryKind::tanh, product);
  node.error("kernel_type '" + kind + "' is not known", "it is LINEAR, POLY, RBF or SIGMOID");
  return {};
}

// Classes of which probabilities are found pair by pair: their steps are a hundred ops for each.
constexpr int64_t kMostCoupled = 16;

/// The kernel of each support vector times its coefficient, or where there are none, a linear model; of one class, 1
/// for what belongs to it, else -1.
void importSVMRegressor(Node &node) {
  SmallVector<double> coefficients = node.numbers("coefficients"), supports = node.numbers("support_vectors"),
                      rho = node.numbers("rho");
  int64_t count = node.integer("n_supports", 0);
  bool isOneClass = node.flag("one_class", false);
  node.ignore({"kernel_type", "kernel_params"}); // of no use to a linear model
  std::string transform = node.text("post_transform", "NONE");
  Value x = asFloats(node);
  if (!x || !node.requireRank(0, 2, 2))
    return;
  if (transform != "NONE")
    return node.error("post_transform '" + transform + "' is not supported", "nncc supports NONE");
  int64_t columns = shapeOf(x)[1], factors = count > 0 ? count : columns;
  if ((int64_t)coefficients.size() != factors || (count > 0 && (int64_t)supports.size() != count * columns) ||
      rho.empty())
    return node.error(Twine(coefficients.size()) + " coefficients, " + Twine(supports.size()) +
                      " numbers of support vectors and " + Twine(rho.size()) + " in rho do not fit " + Twine(count) +
                      " support vectors of " + Twine(columns) + " columns");
  Value seen = count > 0 ? kernelOf(node, x, floats(node, supports, {count, columns})) : x;
  if (!seen)
    return;
  Value weights = floats(node, coefficients, {1, factors}), bias = floats(node, {rho.front()}, {1});
  Value score = node.make<MatMulOp>(seen, weights, bias, /*transpose=*/true);
  if (isOneClass) {
    Value isInside = node.binary(BinaryKind::greater, score, node.scalar(0, score));
    score = node.select(isInside, node.scalar(1, score), node.scalar(-1, score));
  }
  node.set(0, score);
}

/// The pairs of classes i < j, in order.
struct Pairs {
  SmallVector<int64_t> ofFirst, ofSecond; ///< [pairs]: where `sumsOfClasses` has what i and j add to their score
  /// [classes * (classes - 1)]: for each class, where its votes are of all wins of firsts and then of seconds.
  SmallVector<int64_t> votes;

  explicit Pairs(int64_t classes) {
    SmallVector<SmallVector<int64_t>> ofClass(classes);
    int64_t count = classes * (classes - 1) / 2;
    for (int64_t i = 0; i < classes; ++i)
      for (int64_t j = i + 1; j < classes; ++j) {
        ofClass[i].push_back(ofFirst.size());
        ofClass[j].push_back(count + ofFirst.size());
        ofFirst.push_back(i * (classes - 1) + j - 1);
        ofSecond.push_back(j * (classes - 1) + i);
      }
    for (ArrayRef<int64_t> places : ofClass)
      llvm::append_range(votes, places);
  }
};

/// What the vectors of each class say against each other class, [N, classes * (classes - 1)].
///
/// seen          [N, count]             what the kernel makes of them
/// coefficients  [classes - 1, count]
/// vectors       how many are of each class, one class after the other
Value sumsOfClasses(Node &node, Value seen, ArrayRef<double> coefficients, ArrayRef<int64_t> vectors) {
  int64_t rows = shapeOf(seen)[0], all = shapeOf(seen)[1], others = vectors.size() - 1, start = 0;
  SmallVector<Value> sums;
  for (int64_t count : vectors) {
    std::vector<double> weights;
    for (int64_t other = 0; other < others; ++other)
      llvm::append_range(weights, coefficients.slice(other * all + start, count));
    sums.push_back(count == 0 ? node.splat(0, {rows, others}, elementOf(seen))
                              : node.make<MatMulOp>(node.slice(seen, 1, start, count),
                                                    floats(node, weights, {others, count}), Value(),
                                                    /*transpose=*/true));
    start += count;
  }
  return node.concat(sums, 1);
}

/// The probabilities of classes by the scores of pairs: by Platt's sigmoid those of the first of each pair, by which
/// pairwise coupling finds all, class by class and step by step until no error is left that is worth one more. As
/// libsvm does, and onnxruntime.
///
/// scores  [N, pairs]     f32
/// a, b    [pairs]        slopes and offsets of the sigmoids
/// returns [N, classes]
/// source  Wu, Lin, Weng 2004, Probability Estimates for Multi-class Classification by Pairwise Coupling, algorithm 2
Value coupledProbabilities(Node &node, Value scores, ArrayRef<double> a, ArrayRef<double> b, int64_t classes) {
  // Both from libsvm, svm.cpp: min_prob of svm_predict_probability, eps of multiclass_probability. That takes up to 100
  // steps; 4 were the most in 12,000 random cases of 2 to 10 classes.
  constexpr double least = 1e-7, worthOneMore = 0.005;
  constexpr int64_t most = 8;
  auto binary = [&](BinaryKind kind, Value x, Value y) { return node.binary(kind, x, y); };
  auto add = [&](Value x, Value y) { return binary(BinaryKind::add, x, y); };
  auto sub = [&](Value x, Value y) { return binary(BinaryKind::sub, x, y); };
  auto mul = [&](Value x, Value y) { return binary(BinaryKind::mul, x, y); };
  auto div = [&](Value x, Value y) { return binary(BinaryKind::div, x, y); };

  int64_t rows = shapeOf(scores)[0], pairs = a.size();
  Value slopes = floats(node, a, {pairs}), offsets = floats(node, b, {pairs});
  Value first = node.unary(UnaryKind::sigmoid, node.unary(UnaryKind::neg, add(mul(scores, slopes), offsets)));
  first = node.unary(UnaryKind::clip, first, least, 1 - least);
  if (!first)
    return {};
  // r[i][j]: that it is i, of i and j.
  SmallVector<int64_t> places(classes * classes, 2 * pairs);
  for (int64_t i = 0, pair = 0; i < classes; ++i)
    for (int64_t j = i + 1; j < classes; ++j, ++pair) {
      places[i * classes + j] = pair;
      places[j * classes + i] = pairs + pair;
    }
  Value known = node.concat({first, sub(node.scalar(1, first), first), node.splat(0, {rows, 1}, elementOf(first))}, 1);
  Value r = node.reshape(node.make<GatherOp>(known, node.vector(places), 1), {rows, classes, classes});
  // Q: of each class the squares of what is against it, beside it what two have in common.
  std::vector<double> identity(classes * classes, 0);
  for (int64_t i = 0; i < classes; ++i)
    identity[i * (classes + 1)] = 1;
  Value diagonal = mul(node.reduce(ReduceKind::sum_square, r, {1}), floats(node, identity, {1, classes, classes}));
  Value q = sub(diagonal, mul(r, node.transpose(r, {0, 2, 1})));

  Value p = node.splat(1.0 / classes, {rows, classes}, elementOf(r)), isDone;
  for (int64_t step = 0; step < most && q; ++step) {
    Value qp = node.reduce(ReduceKind::sum, mul(q, node.reshape(p, {rows, 1, classes})), {2});
    qp = node.reshape(qp, {rows, classes});
    Value pqp = node.reduce(ReduceKind::sum, mul(p, qp), {1});
    Value error = node.reduce(ReduceKind::max, node.unary(UnaryKind::abs, sub(qp, pqp)), {1});
    Value isSmall = binary(BinaryKind::less, error, node.scalar(worthOneMore / classes, error));
    isDone = isDone ? binary(BinaryKind::logical_or, isDone, isSmall) : isSmall;
    Value next = p;
    for (int64_t i = 0; i < classes; ++i) {
      Value ofClass = node.reshape(node.slice(q, 1, i, 1), {rows, classes});
      Value own = node.slice(ofClass, 1, i, 1), ownQp = node.slice(qp, 1, i, 1);
      Value change = div(sub(pqp, ownQp), own), all = add(change, node.scalar(1, change));
      Value isClass = floats(node, ArrayRef(identity).slice(i * classes, classes), {1, classes});
      next = div(add(next, mul(change, isClass)), all);
      pqp = add(pqp, mul(change, add(mul(change, own), mul(ownQp, node.scalar(2, ownQp)))));
      pqp = div(div(pqp, all), all);
      qp = div(add(qp, mul(change, ofClass)), all);
    }
    p = node.select(node.expand(isDone, shapeOf(p)), p, next);
  }
  return p;
}

/// A score for each pair of classes, which votes for the first where it is above 0; the class with the most votes. Two
/// classes have one score, and it is given with both signs; where probabilities are known, they are given.
void importSVMClassifier(Node &node) {
  SmallVector<double> coefficients = node.numbers("coefficients"), supports = node.numbers("support_vectors"),
                      rho = node.numbers("rho");
  SmallVector<int64_t> vectors = node.integers("vectors_per_class");
  std::string transform = node.text("post_transform", "NONE");
  SmallVector<double> slopes = node.numbers("prob_a"), offsets = node.numbers("prob_b");
  node.ignore({"kernel_type", "kernel_params"});
  auto classes = readClasses(node, "classlabels_ints");
  Value x = classes ? asFloats(node) : Value();
  if (!x || !node.requireRank(0, 2, 2))
    return;
  // Steps are written out, class by class.
  if (!slopes.empty() && node.wants(1) && classes->count > kMostCoupled)
    return node.error("probabilities of " + Twine(classes->count) + " classes are not supported",
                      "nncc supports those of up to " + Twine(kMostCoupled) +
                          "; train with probability=False, or let the model end with the classes by --end");
  if (llvm::all_of(vectors, [](int64_t ofClass) { return ofClass == 0; }))
    return node.error("models without support vectors are not supported", "write them as LinearClassifier");
  int64_t columns = shapeOf(x)[1], limit = coefficients.size(), count = 0;
  for (int64_t ofClass : vectors)
    count = ofClass < 0 || ofClass > limit ? limit + 1 : count + ofClass;
  int64_t among = vectors.size(), pairs = among * (among - 1) / 2;
  if (among < 2 || classes->count != among || limit != (among - 1) * count || (int64_t)rho.size() != pairs ||
      (int64_t)supports.size() != count * columns)
    return node.error(Twine(limit) + " coefficients, " + Twine(supports.size()) + " numbers of support vectors and " +
                      Twine(rho.size()) + " in rho do not fit " + Twine(among) + " lists of vectors of " +
                      Twine(columns) + " columns and " + Twine(classes->count) + " classes");
  if (slopes.size() != offsets.size() || (!slopes.empty() && (int64_t)slopes.size() != pairs))
    return node.error(Twine(slopes.size()) + " numbers in prob_a and " + Twine(offsets.size()) +
                      " in prob_b do not fit " + Twine(pairs) + " pairs of classes");
  if (among == 2 && slopes.empty() && transform != "NONE" && transform != "LOGISTIC")
    return node.error("post_transform '" + transform + "' of two classes with one score is not supported",
                      "nncc supports NONE and LOGISTIC");
  Value seen = kernelOf(node, x, floats(node, supports, {count, columns}));
  if (!seen)
    return;
  Pairs of(among);
  Value sums = sumsOfClasses(node, seen, coefficients, vectors);
  auto columnsOf = [&](Value x, ArrayRef<int64_t> places) { return node.make<GatherOp>(x, node.vector(places), 1); };
  Value scores = node.binary(BinaryKind::add, columnsOf(sums, of.ofFirst), columnsOf(sums, of.ofSecond));
  scores = node.binary(BinaryKind::add, scores, floats(node, rho, {pairs}));
  if (!scores)
    return;
  Value wins = node.cast(node.binary(BinaryKind::greater, scores, node.scalar(0, scores)), elementOf(scores));
  Value losses = node.binary(BinaryKind::sub, node.scalar(1, wins), wins);
  Value votes = columnsOf(node.concat({wins, losses}, 1), of.votes);
  votes = node.reduce(ReduceKind::sum, node.reshape(votes, {shapeOf(x)[0], among, among - 1}), {2});
  votes = node.reshape(votes, {shapeOf(x)[0], among});
  setClass(node, node.make<ArgReduceOp>(ArgReduceKind::argmax, votes, 1, /*last=*/false), *classes);
  if (!slopes.empty() && node.wants(1))
    scores = coupledProbabilities(node, scores, slopes, offsets, among);
  else if (among == 2)
    scores = node.concat({node.unary(UnaryKind::neg, scores), scores}, 1);
  node.set(1, postTransform(node, scores, transform));
}

/// A map from classes to scores for each row, which no tensor is: the scores stay the tensor that they are, one row
/// where they have no dim of rows.
void importZipMap(Node &node) {
  SmallVector<int64_t> numbers = node.integers("classlabels_int64s");
  SmallVector<std::string> names = node.texts("classlabels_strings");
  if (numbers.empty() == names.empty())
    return node.error("needs one of classlabels_int64s and classlabels_strings, and has " +
                      Twine(names.empty() ? "none" : "both"));
  if (std::set<int64_t>(numbers.begin(), numbers.end()).size() != numbers.size() ||
      std::set<std::string>(names.begin(), names.end()).size() != names.size())
    return node.error("has a class twice: a map has one score for it");
  if (!node.requireRank(0, 1, 2))
    return;
  int64_t count = numbers.size() + names.size();
  if (node.shape(0).back() != count)
    return node.error(Twine(count) + " classes do not fit scores of shape " + describeShape(node.shape(0)));
  node.importer().warning(node.describe() + ": no tensor is a map for each row; the library gives the scores alone",
                          "they are in the order of the model's " + Twine(count) + " classes" +
                              (names.empty() && count <= 16 ? ", " + describeShape(numbers) : ""));
  bool isRow = node.shape(0).size() == 1;
  node.set(0, isRow ? node.reshape(node.input(0), {1, count}) : node.input(0));
}

const char *const kDomain = "ai.onnx.ml";

const OpEntry kOps[] = {
    {"Scaler", 1, 1, importScaler, kDomain},
    {"Imputer", 1, 1, importImputer, kDomain},
    {"Binarizer", 1, 1, importBinarizer, kDomain},
    {"Normalizer", 1, 1, importNormalizer, kDomain},
    {"ArrayFeatureExtractor", 2, 2, importArrayFeatureExtractor, kDomain},
    {"OneHotEncoder", 1, 1, importOneHotEncoder, kDomain},
    {"LabelEncoder", 1, 1, importLabelEncoder, kDomain},
    {"SVMClassifier", 1, 1, importSVMClassifier, kDomain},
    {"SVMRegressor", 1, 1, importSVMRegressor, kDomain},
    {"LinearRegressor", 1, 1, importLinearRegressor, kDomain},
    {"LinearClassifier", 1, 1, importLinearClassifier, kDomain},
    {"ZipMap", 1, 1, importZipMap, kDomain},
};
} // namespace

ArrayRef<OpEntry> tabularOps() { return kOps; }

} // namespace nncc::import
