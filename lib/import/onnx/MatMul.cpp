// Matrix products: MatMul, Gemm, Einsum of two operands, integer products.
#include "dialects/nn/Kinds.h"
#include "lib/import/onnx/Activation.h"
#include "lib/import/onnx/Families.h"
#include "lib/import/onnx/ModelFile.h"
#include "lib/import/onnx/Quantize.h"
#include "llvm/Support/Format.h"
#include <cmath>

using namespace mlir;
using namespace nncc::nn;

namespace nncc::import {

/// A zero point of the rank of its operand, as it goes with the operand promoted to `rank` dims.
static Value promotedZero(Node &node, Value zero, int64_t rank, Type element) {
  if (!zero)
    return node.splat(0, SmallVector<int64_t>(rank, 1), element);
  if (product(shapeOf(zero)) == 1)
    return node.reshape(zero, SmallVector<int64_t>(rank, 1));
  return node.toRank(zero, rank);
}

Value multiplyMatrices(Node &node, Value lhs, Value rhs, Value lhsZero, Value rhsZero) {
  if (!lhs || !rhs)
    return {};
  bool areBytes = isByte(elementOf(lhs)) && isByte(elementOf(rhs));
  if (elementOf(lhs) != elementOf(rhs) && !areBytes) {
    node.error("element types differ: " + nameOf(elementOf(lhs)) + " and " + nameOf(elementOf(rhs)));
    return {};
  }
  SmallVector<int64_t> a(shapeOf(lhs)), b(shapeOf(rhs));
  if (a.empty() || b.empty()) {
    node.error("a scalar is no matrix");
    return {};
  }
  // A vector is a row on the left, a column on the right; its dim is not in the result.
  if (a.size() == 1)
    lhs = node.reshape(lhs, {1, a[0]});
  if (b.size() == 1)
    rhs = node.reshape(rhs, {b[0], 1});
  if (!lhs || !rhs)
    return {}; // a zero point that is wrong was said before
  int64_t rank = std::max(rankOf(lhs), rankOf(rhs));
  lhs = node.toRank(lhs, rank);
  rhs = node.toRank(rhs, rank);
  if (lhs && rhs && shapeOf(lhs).back() != shapeOf(rhs)[rank - 2]) {
    node.error("shapes " + describeShape(a) + " and " + describeShape(b) + " do not multiply");
    return {};
  }
  Value product;
  if (lhs && rhs && (lhsZero || rhsZero))
    product = node.make<MatMulOp>(lhs, rhs, Value(), promotedZero(node, lhsZero, rank, elementOf(lhs)),
                                  promotedZero(node, rhsZero, rank, elementOf(rhs)), false);
  else
    product = node.make<MatMulOp>(lhs, rhs, Value(), false);
  if (!product || (a.size() > 1 && b.size() > 1))
    return product;
  SmallVector<int64_t> shape(shapeOf(product));
  if (b.size() == 1)
    shape.pop_back();
  if (a.size() == 1)
    shape.erase(shape.end() - (b.size() == 1 ? 1 : 2));
  return node.reshape(product, shape);
}

namespace {

void importMatMul(Node &node) {
  if (node.requireNumber(0) && node.requireNumber(1))
    node.set(0, multiplyMatrices(node, node.input(0), node.input(1)));
}

/// alpha * A * B + beta * C; null with an error when they do not fit.
Value gemm(Node &node) {
  double alpha = node.number("alpha", 1), beta = node.number("beta", 1);
  bool transA = node.flag("transA", false), transB = node.flag("transB", false);
  node.ignore({"broadcast"}); // opset 6 and older: C broadcasts as it does now
  if (!node.requireNumber(0) || !node.requireNumber(1) || !node.requireRank(0, 2, 2) || !node.requireRank(1, 2, 2))
    return {};
  Value a = node.input(0), b = node.input(1), c = node.input(2);
  if (elementOf(a) != elementOf(b)) {
    node.error("element types differ: " + nameOf(elementOf(a)) + " and " + nameOf(elementOf(b)));
    return {};
  }
  if (transA)
    a = node.transpose(a, {1, 0});
  int64_t inner = shapeOf(b)[transB ? 1 : 0], columns = shapeOf(b)[transB ? 0 : 1];
  if (!a || shapeOf(a)[1] != inner) {
    node.error("inner dims differ: " + Twine(a ? shapeOf(a)[1] : 0) + " and " + Twine(inner));
    return {};
  }
  if (c && beta == 0)
    c = {};
  if (c && elementOf(c) != elementOf(a)) {
    node.error("element types differ: " + nameOf(elementOf(a)) + " and " + nameOf(elementOf(c)));
    return {};
  }
  for (auto [name, factor] : {std::pair("alpha", alpha), std::pair("beta", beta)})
    if (isa<IntegerType>(elementOf(a)) && factor != std::trunc(factor)) {
      std::string text;
      llvm::raw_string_ostream(text) << llvm::format("%g", factor);
      node.error(Twine(name) + " " + text + " of integers is not supported",
                 "nncc supports whole factors of integers; cast them to floats first");
      return {};
    }
  // Factors are floats of 32 bits, and so is what they make of halves.
  Type type = elementOf(a), wide = alpha == 1 && beta == 1 ? type : wideType(type);
  if (c && beta != 1) {
    c = node.cast(c, wide);
    c = node.binary(kind::mul, c, node.scalar(beta, c));
  }
  // A bias per column belongs to the product; anything else is added behind it.
  Value bias;
  if (c && alpha == 1 && elementOf(c) == type && product(shapeOf(c)) == columns &&
      (rankOf(c) <= 1 || shapeOf(c).back() == columns)) {
    bias = node.reshape(c, {columns});
    c = {};
  }
  Value result = node.cast(node.make<MatMulOp>(a, b, bias, transB), wide);
  if (result && alpha != 1)
    result = node.binary(kind::mul, result, node.scalar(alpha, result));
  if (result && c)
    result = node.binary(kind::add, result, node.cast(c, wide));
  result = node.cast(result, type);
  if (result && rankOf(result) != 2) {
    node.error("C has more dims than the product");
    return {};
  }
  return result;
}

void importGemm(Node &node) { node.set(0, gemm(node)); }
void importFusedGemm(Node &node) { node.set(0, activateAsFused(node, gemm(node))); }

/// A product of matrices that lie transposed, or between their batch dims, times alpha. com.microsoft
void importFusedMatMul(Node &node) {
  double alpha = node.number("alpha", 1);
  bool isTransposed[] = {node.flag("transA", false), node.flag("transB", false)};
  bool isOutside[] = {node.flag("transBatchA", false), node.flag("transBatchB", false)};
  Value operands[2];
  for (size_t i : {0, 1}) {
    if (!node.requireFloat(i) || !node.requireRank(i, 1, kMaxRank))
      return;
    operands[i] = node.input(i);
    int64_t rank = rankOf(operands[i]);
    SmallVector<int64_t> perm = llvm::to_vector(llvm::seq<int64_t>(0, rank));
    // [M, batch ..., K] becomes [batch ..., M, K].
    if (isOutside[i] && rank > 2)
      std::rotate(perm.begin(), perm.begin() + 1, perm.end() - 1);
    if (isTransposed[i] && rank > 1)
      std::swap(perm[rank - 1], perm[rank - 2]);
    operands[i] = node.transpose(operands[i], perm);
  }
  Value product = multiplyMatrices(node, operands[0], operands[1]);
  if (alpha != 1 && product) {
    Type type = elementOf(product);
    product = node.cast(product, wideType(type));
    product = node.cast(node.binary(kind::mul, product, node.scalar(alpha, product)), type);
  }
  node.set(0, product);
}

void importMatMulInteger(Node &node) {
  if (!requireByte(node, 0) || !requireByte(node, 1))
    return;
  Value a = node.input(0), b = node.input(1);
  if (!node.requireTypeOf(2, 0) || !node.requireTypeOf(3, 1))
    return;
  Value aZero = node.hasInput(2) ? perRow(node, node.input(2), a) : Value();
  Value bZero = node.hasInput(3) ? perColumn(node, node.input(3), b) : Value();
  if (!node.failed())
    node.set(0, multiplyMatrices(node, a, b, aZero, bZero));
}

//===-- Einsum ------------------------------------------------------------===//

/// Takes the diagonals of labels that an operand repeats.
bool takeDiagonals(Node &node, Value &x, std::string &labels) {
  for (size_t first = 0; first < labels.size();) {
    char label = labels[first];
    size_t second = labels.find(label, first + 1);
    if (second == std::string::npos) {
      ++first;
      continue;
    }
    SmallVector<int64_t> shape(shapeOf(x)), perm = llvm::to_vector(llvm::seq<int64_t>(0, shape.size()));
    int64_t size = shape[first];
    if (shape[second] != size) {
      node.error("the index '" + Twine(label) + "' has the sizes " + Twine(size) + " and " + Twine(shape[second]));
      return false;
    }
    // Both dims become one at the end, of which the diagonal is each `size + 1`st element.
    for (size_t at : {second, first}) {
      perm.erase(perm.begin() + at);
      shape.erase(shape.begin() + at);
      labels.erase(at, 1);
    }
    perm.append({(int64_t)first, (int64_t)second});
    shape.push_back(size * size);
    x = node.reshape(node.transpose(x, perm), shape);
    SmallVector<int64_t> starts(shape.size(), 0), steps(shape.size(), 1);
    shape.back() = size;
    steps.back() = size + 1;
    x = node.make<SliceOp>(x, starts, shape, steps);
    if (!x)
      return false;
    labels += label;
    first = 0;
  }
  return true;
}

/// Drops the dims of 1 that broadcast to those of another operand.
void dropOnes(Node &node, Value &x, std::string &labels, Value other, StringRef otherLabels) {
  SmallVector<int64_t> shape;
  std::string kept;
  for (auto [label, size] : llvm::zip(labels, shapeOf(x))) {
    size_t at = otherLabels.find(label);
    if (size == 1 && at != StringRef::npos && shapeOf(other)[at] != 1)
      continue;
    kept += label;
    shape.push_back(size);
  }
  x = node.reshape(x, shape);
  labels = kept;
}

/// Sums out the labels of an operand that occur nowhere else.
bool reduceOperand(Node &node, Value &x, std::string &labels, StringRef needed) {
  SmallVector<int64_t> axes, shape;
  std::string kept;
  for (size_t i = 0; i < labels.size(); ++i)
    if (!needed.contains(labels[i])) {
      axes.push_back(i);
    } else {
      kept += labels[i];
      shape.push_back(shapeOf(x)[i]);
    }
  if (!axes.empty())
    x = node.reshape(node.reduce(ReduceKind::sum, x, axes), shape);
  labels = kept;
  return x != nullptr;
}

/// Brings a tensor's dims into the order of `to`; labels that it does not have become dims of 1.
Value arrange(Node &node, Value x, StringRef labels, StringRef to) {
  SmallVector<int64_t> perm, shape;
  for (char label : to) {
    size_t at = labels.find(label);
    if (at != StringRef::npos)
      perm.push_back(at);
    shape.push_back(at == StringRef::npos ? 1 : shapeOf(x)[at]);
  }
  x = node.transpose(x, perm);
  return x ? node.reshape(x, shape) : Value();
}

/// Multiplies two operands; the labels of the result are batch, rows, columns.
Value contract(Node &node, Value a, std::string aLabels, Value b, std::string bLabels, StringRef needed,
               std::string &outLabels) {
  if (!takeDiagonals(node, a, aLabels) || !takeDiagonals(node, b, bLabels))
    return {};
  dropOnes(node, a, aLabels, b, bLabels);
  dropOnes(node, b, bLabels, a, aLabels);
  if (!reduceOperand(node, a, aLabels, needed.str() + bLabels) ||
      !reduceOperand(node, b, bLabels, needed.str() + aLabels))
    return {};
  std::string batch, rows, columns, inner;
  for (char label : aLabels) {
    bool inB = bLabels.find(label) != std::string::npos;
    (!inB ? rows : needed.contains(label) ? batch : inner) += label;
  }
  for (char label : bLabels)
    if (aLabels.find(label) == std::string::npos)
      columns += label;
  std::map<char, int64_t> sizes;
  for (auto [labels, value] : {std::pair(aLabels, a), std::pair(bLabels, b)})
    for (size_t i = 0; i < labels.size(); ++i) {
      auto [at, isNew] = sizes.try_emplace(labels[i], shapeOf(value)[i]);
      if (!isNew && at->second != shapeOf(value)[i]) {
        node.error("the index '" + Twine(labels[i]) + "' has the sizes " + Twine(at->second) + " and " +
                   Twine(shapeOf(value)[i]));
        return {};
      }
    }
  auto sizeOf = [&](StringRef labels) {
    int64_t size = 1;
    for (char label : labels)
      size *= sizes[label];
    return size;
  };
  a = arrange(node, a, aLabels, batch + rows + inner);
  b = arrange(node, b, bLabels, batch + inner + columns);
  if (!a || !b)
    return {};
  a = node.reshape(a, {sizeOf(batch), sizeOf(rows), sizeOf(inner)});
  b = node.reshape(b, {sizeOf(batch), sizeOf(inner), sizeOf(columns)});
  Value product = node.make<MatMulOp>(a, b, Value(), false);
  outLabels = batch + rows + columns;
  SmallVector<int64_t> shape;
  for (char label : outLabels)
    shape.push_back(sizes[label]);
  return product ? node.reshape(product, shape) : Value();
}

void importEinsum(Node &node) {
  std::string equation = node.text("equation", "");
  llvm::erase_if(equation, [](char c) { return c == ' '; });
  auto [left, right] = StringRef(equation).split("->");
  SmallVector<StringRef> terms;
  left.split(terms, ',');
  if (terms.size() != node.inputCount())
    return node.error("equation '" + equation + "' has " + Twine(terms.size()) + " terms for " +
                      Twine(node.inputCount()) + " inputs");
  // An ellipsis stands for leading dims: they get digits as labels.
  SmallVector<std::string> labels;
  int64_t ellipsisDims = 0;
  for (size_t i = 0; i < terms.size(); ++i) {
    if (!node.requireNumber(i))
      return;
    std::string label = terms[i].str();
    if (size_t at = label.find("..."); at != std::string::npos) {
      int64_t dims = node.rank(i) - (int64_t)(label.size() - 3);
      if (dims < 0 || dims > 9)
        return node.error("equation '" + equation + "' does not fit an input of rank " + Twine(node.rank(i)));
      ellipsisDims = std::max(ellipsisDims, dims);
      std::string digits;
      for (int64_t d = dims; d-- > 0;)
        digits += (char)('0' + d); // counted from the right, as broadcasting does
      label.replace(at, 3, digits);
    }
    if ((int64_t)label.size() != node.rank(i))
      return node.error("term '" + terms[i] + "' of equation '" + equation + "' does not fit an input of rank " +
                        Twine(node.rank(i)));
    labels.push_back(label);
  }
  std::string allDigits;
  for (int64_t d = ellipsisDims; d-- > 0;)
    allDigits += (char)('0' + d);
  std::string out = right.str();
  if (StringRef(equation).contains("->")) {
    if (size_t at = out.find("..."); at != std::string::npos)
      out.replace(at, 3, allDigits);
  } else {
    // Without a right side: the labels that occur once, in alphabetical order.
    std::string all = llvm::join(labels, "");
    std::string once;
    for (char c : all)
      if (!isdigit(c) && llvm::count(all, c) == 1)
        once += c;
    llvm::sort(once);
    out = allDigits + once;
  }
  Value value = node.input(0);
  std::string current = labels[0];
  if (labels.size() == 1 && (!takeDiagonals(node, value, current) || !reduceOperand(node, value, current, out)))
    return;
  for (size_t i = 1; i < labels.size(); ++i) {
    std::string needed = out, joined;
    for (size_t j = i + 1; j < labels.size(); ++j)
      needed += labels[j];
    value = contract(node, value, current, node.input(i), labels[i], needed, joined);
    if (!value)
      return;
    current = joined;
  }
  for (char label : out)
    if (current.find(label) == std::string::npos)
      return node.error("equation '" + equation + "' makes the index '" + Twine(label) + "' from nothing");
  node.set(0, arrange(node, value, current, out));
}

const OpEntry kOps[] = {
    {"MatMul", 2, 2, importMatMul},
    {"Gemm", 2, 3, importGemm},
    {"FusedGemm", 2, 3, importFusedGemm, "com.microsoft"},
    {"FusedMatMul", 2, 2, importFusedMatMul, "com.microsoft"},
    {"MatMulInteger", 2, 4, importMatMulInteger},
    {"Einsum", 1, kAny, importEinsum},
};
} // namespace

ArrayRef<OpEntry> matMulOps() { return kOps; }

} // namespace nncc::import
