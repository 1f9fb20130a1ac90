// Elementwise operators: one row of a table for most, a function for those with attributes.
#include "dialects/nn/BinaryKind.h"
#include "dialects/nn/UnaryKind.h"
#include "lib/import/onnx/Activation.h"
#include "lib/import/onnx/Families.h"
#include "lib/import/onnx/ModelFile.h"
#include "llvm/ADT/StringExtras.h"
#include <cmath>
#include <limits>

using namespace mlir;
using namespace nncc::nn;

namespace nncc::import {

//===-- Activations by name -----------------------------------------------===//

unsigned parametersOf(StringRef name) {
  std::string low = name.lower();
  if (low == "hardsigmoid" || low == "affine" || low == "scaledtanh" || low == "clip")
    return 2;
  return low == "leakyrelu" || low == "elu" || low == "thresholdedrelu";
}

Activation withDefaults(StringRef name) {
  std::string low = name.lower();
  if (low == "hardsigmoid")
    return {low, 0.2, 0.5};
  if (low == "clip") // the largest floats
    return {low, std::numeric_limits<float>::lowest(), std::numeric_limits<float>::max()};
  return {low, low == "leakyrelu" ? 0.01 : 1.0, 0};
}

Value activate(Node &node, const Activation &f, Value x) {
  struct Row {
    const char *name;
    UnaryKind kind;
  };
  static constexpr Row kRows[] = {
      {"sigmoid", UnaryKind::sigmoid},   {"tanh", UnaryKind::tanh},
      {"relu", UnaryKind::relu},         {"leakyrelu", UnaryKind::leaky_relu},
      {"elu", UnaryKind::elu},           {"hardsigmoid", UnaryKind::hard_sigmoid},
      {"softsign", UnaryKind::softsign}, {"softplus", UnaryKind::softplus},
      {"clip", UnaryKind::clip},         {"thresholdedrelu", UnaryKind::thresholded_relu},
  };
  std::string name = StringRef(f.name).lower();
  for (const Row &row : kRows)
    if (name == row.name)
      return node.unary(row.kind, x, parametersOf(name) > 0 ? f.alpha : 0, parametersOf(name) > 1 ? f.beta : 0);
  auto mul = [&](Value a, double b) { return node.binary(BinaryKind::mul, a, node.scalar(b, a)); };
  if (name == "affine" && x)
    return node.binary(BinaryKind::add, mul(x, f.alpha), node.scalar(f.beta, x));
  if (name == "scaledtanh" && x)
    return mul(node.unary(UnaryKind::tanh, mul(x, f.beta)), f.alpha);
  if (x)
    node.error("activation '" + f.name + "' is not known");
  return {};
}

Value activateAsFused(Node &node, Value x) {
  std::string name = node.text("activation", "");
  if (name.empty())
    return x;
  Activation f = withDefaults(name);
  SmallVector<double> parameters = node.numbers("activation_params");
  unsigned count = parametersOf(name);
  if (parameters.size() > count)
    node.error("activation '" + name + "' has " + Twine(parameters.size()) + " parameters, takes " + Twine(count));
  f.alpha = parameters.size() > 0 ? parameters[0] : node.number("activation_alpha", f.alpha);
  f.beta = parameters.size() > 1 ? parameters[1] : node.number("activation_beta", f.beta);
  node.ignore({"activation_gamma"}); // of Selu alone, which is not among them
  return activate(node, f, x);
}

namespace {

//===-- Unary -------------------------------------------------------------===//

/// What an operator takes.
enum class Takes { floats, numbers, integers, booleans };

bool require(Node &node, size_t i, Takes takes) {
  switch (takes) {
  case Takes::floats:
    return node.requireFloat(i);
  case Takes::numbers:
    return node.requireNumber(i);
  case Takes::integers:
    return node.requireInteger(i);
  case Takes::booleans:
    return node.requireBool(i);
  }
  return false;
}

/// An operator that is one nn.unary. Attributes named `alpha` and `beta` here become the parameters a and b.
struct UnaryRow {
  const char *name;
  UnaryKind kind;
  Takes takes;
  const char *alpha = nullptr, *beta = nullptr;
  double alphaDefault = 0, betaDefault = 0;
};

constexpr UnaryRow kUnaryRows[] = {
    {"Abs", UnaryKind::abs, Takes::numbers},
    {"Neg", UnaryKind::neg, Takes::numbers},
    {"Exp", UnaryKind::exp, Takes::floats},
    {"Log", UnaryKind::log, Takes::floats},
    {"Sqrt", UnaryKind::sqrt, Takes::floats},
    {"Reciprocal", UnaryKind::reciprocal, Takes::floats},
    {"Floor", UnaryKind::floor, Takes::floats},
    {"Ceil", UnaryKind::ceil, Takes::floats},
    {"Round", UnaryKind::round, Takes::floats},
    {"Sign", UnaryKind::sign, Takes::numbers},
    {"Not", UnaryKind::logical_not, Takes::booleans},
    {"BitwiseNot", UnaryKind::bitwise_not, Takes::integers},
    {"Erf", UnaryKind::erf, Takes::floats},
    {"Sin", UnaryKind::sin, Takes::floats},
    {"Cos", UnaryKind::cos, Takes::floats},
    {"Tan", UnaryKind::tan, Takes::floats},
    {"Asin", UnaryKind::asin, Takes::floats},
    {"Acos", UnaryKind::acos, Takes::floats},
    {"Atan", UnaryKind::atan, Takes::floats},
    {"Sinh", UnaryKind::sinh, Takes::floats},
    {"Cosh", UnaryKind::cosh, Takes::floats},
    {"Tanh", UnaryKind::tanh, Takes::floats},
    {"Asinh", UnaryKind::asinh, Takes::floats},
    {"Acosh", UnaryKind::acosh, Takes::floats},
    {"Atanh", UnaryKind::atanh, Takes::floats},
    {"Sigmoid", UnaryKind::sigmoid, Takes::floats},
    {"Relu", UnaryKind::relu, Takes::numbers},
    {"LeakyRelu", UnaryKind::leaky_relu, Takes::floats, "alpha", nullptr, 0.01},
    {"Elu", UnaryKind::elu, Takes::floats, "alpha", nullptr, 1.0},
    {"Celu", UnaryKind::celu, Takes::floats, "alpha", nullptr, 1.0},
    {"ThresholdedRelu", UnaryKind::thresholded_relu, Takes::floats, "alpha", nullptr, 1.0},
    {"HardSigmoid", UnaryKind::hard_sigmoid, Takes::floats, "alpha", "beta", 0.2, 0.5},
    {"HardSwish", UnaryKind::hard_swish, Takes::floats},
    {"Mish", UnaryKind::mish, Takes::floats},
    {"Softplus", UnaryKind::softplus, Takes::floats},
    {"Softsign", UnaryKind::softsign, Takes::floats},
    {"IsNaN", UnaryKind::is_nan, Takes::floats},
};

void importUnary(Node &node) {
  const UnaryRow *row = llvm::find_if(kUnaryRows, [&](const UnaryRow &row) { return node.op() == row.name; });
  double alpha = row->alpha ? node.number(row->alpha, row->alphaDefault) : 0;
  double beta = row->beta ? node.number(row->beta, row->betaDefault) : 0;
  node.ignore({"consumed_inputs"}); // opset 1
  if (require(node, 0, row->takes))
    node.set(0, node.unary(row->kind, node.input(0), alpha, beta));
}

void importSelu(Node &node) {
  // The constants of opset 6; opset 1 had fewer digits of them.
  double alpha = node.number("alpha", node.opset() < 6 ? 1.6732 : 1.67326319217681884765625);
  double gamma = node.number("gamma", node.opset() < 6 ? 1.0507 : 1.05070102214813232421875);
  node.ignore({"consumed_inputs"});
  if (node.requireFloat(0))
    node.set(0, node.unary(UnaryKind::selu, node.input(0), alpha, gamma));
}

void importGelu(Node &node) {
  std::string approximate = node.text("approximate", "none");
  if (approximate != "none" && approximate != "tanh")
    return node.error("approximate '" + approximate + "' is not known", "it is none or tanh");
  if (node.requireFloat(0))
    node.set(0, node.unary(approximate == "tanh" ? UnaryKind::gelu_tanh : UnaryKind::gelu, node.input(0)));
}

/// x * sigmoid(alpha * x)
Value swish(Node &node, Value x, double alpha) {
  if (alpha == 1)
    return node.unary(UnaryKind::silu, x);
  Value gate = node.unary(UnaryKind::sigmoid, node.binary(BinaryKind::mul, x, node.scalar(alpha, x)));
  return node.binary(BinaryKind::mul, x, gate);
}

void importSwish(Node &node) {
  double alpha = node.number("alpha", 1);
  if (node.requireFloat(0))
    node.set(0, swish(node, node.input(0), alpha));
}

/// Gelu behind a bias that may be absent. com.microsoft
void importBiasGelu(Node &node) {
  if (!node.requireFloat(0) || !node.requireFloat(1))
    return;
  Value x = node.hasInput(1) ? node.binary(BinaryKind::add, node.input(0), node.input(1)) : node.input(0);
  node.set(0, node.unary(node.op() == "FastGelu" ? UnaryKind::gelu_tanh : UnaryKind::gelu, x));
}

/// com.microsoft
void importQuickGelu(Node &node) {
  double alpha = node.number("alpha", 1.702);
  if (node.requireFloat(0))
    node.set(0, swish(node, node.input(0), alpha));
}

/// Swish of the first operand times the second.
void importSwiGLU(Node &node) {
  double alpha = node.number("alpha", 1);
  if (!node.requireFloat(0) || !node.requireFloat(1))
    return;
  if (node.shape(0) != node.shape(1))
    return node.error("the gate is " + describeShape(node.shape(0)) + ", the value " + describeShape(node.shape(1)));
  node.set(0, node.binary(BinaryKind::mul, swish(node, node.input(0), alpha), node.input(1)));
}

void importIsInf(Node &node) {
  bool positive = node.flag("detect_positive", true), negative = node.flag("detect_negative", true);
  if (node.requireFloat(0))
    node.set(0, node.unary(UnaryKind::is_inf, node.input(0), positive, negative));
}

void importShrink(Node &node) {
  double bias = node.number("bias", 0), lambda = node.number("lambd", 0.5);
  if (!node.requireNumber(0))
    return;
  Value x = node.input(0);
  Value above = node.binary(BinaryKind::greater, x, node.scalar(lambda, x));
  Value shifted = node.binary(BinaryKind::sub, x, node.scalar(bias, x));
  Value result = node.select(above, shifted, node.scalar(0, x));
  // Nothing unsigned is below a negative bound, which such a type does not hold.
  if (!elementOf(x).isUnsignedInteger() || lambda < 0) {
    Value below = node.binary(BinaryKind::less, x, node.scalar(-lambda, x));
    result = node.select(below, node.binary(BinaryKind::add, x, node.scalar(bias, x)), result);
  }
  node.set(0, result);
}

/// Bounds by attribute before opset 11, by input since.
void importClip(Node &node) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  node.ignore({"consumed_inputs"});
  bool hasLow = node.hasInput(1), hasHigh = node.hasInput(2);
  double low = -kInfinity, high = kInfinity;
  bool isConstant = true;
  if (!node.requireNumber(0))
    return;
  if (node.opset() < 11) {
    low = node.number("min", low);
    high = node.number("max", high);
  } else {
    auto read = [&](size_t i, double &bound) {
      auto value = readElements(node.constant(i), 1);
      if (!value || value->size() != 1 || !value->isFloat())
        isConstant = false;
      else
        bound = value->floats[0];
    };
    if (hasLow)
      read(1, low);
    if (hasHigh)
      read(2, high);
  }
  if (node.failed())
    return;
  Value x = node.input(0);
  if (isConstant && isa<FloatType>(elementOf(x)))
    return node.set(0, low == -kInfinity && high == kInfinity ? x : node.unary(UnaryKind::clip, x, low, high));
  if (hasLow)
    x = node.binary(BinaryKind::max, x, node.input(1));
  if (hasHigh)
    x = node.binary(BinaryKind::min, x, node.input(2));
  node.set(0, x);
}

//===-- Binary ------------------------------------------------------------===//

struct BinaryRow {
  const char *name;
  BinaryKind kind;
  Takes takes;
};

constexpr BinaryRow kBinaryRows[] = {
    {"Add", BinaryKind::add, Takes::numbers},
    {"Sub", BinaryKind::sub, Takes::numbers},
    {"Mul", BinaryKind::mul, Takes::numbers},
    {"Div", BinaryKind::div, Takes::numbers},
    {"And", BinaryKind::logical_and, Takes::booleans},
    {"Or", BinaryKind::logical_or, Takes::booleans},
    {"Xor", BinaryKind::logical_xor, Takes::booleans},
    {"BitwiseAnd", BinaryKind::bitwise_and, Takes::integers},
    {"BitwiseOr", BinaryKind::bitwise_or, Takes::integers},
    {"BitwiseXor", BinaryKind::bitwise_xor, Takes::integers},
    {"Less", BinaryKind::less, Takes::numbers},
    {"LessOrEqual", BinaryKind::less_equal, Takes::numbers},
    {"Greater", BinaryKind::greater, Takes::numbers},
    {"GreaterOrEqual", BinaryKind::greater_equal, Takes::numbers},
};

/// The second operand, shaped as `broadcast` and `axis` of opset 6 and older want it.
Value secondOperand(Node &node) {
  Value y = node.input(1);
  if (node.opset() >= 7)
    return y;
  bool broadcasts = node.flag("broadcast", false);
  node.ignore({"consumed_inputs"});
  int64_t axis = node.integer("axis", -1), rank = node.rank(0);
  if (!y || !broadcasts || axis < 0 || axis > rank - rankOf(y))
    return y;
  SmallVector<int64_t> shape(shapeOf(y));
  shape.append(rank - axis - shape.size(), 1);
  return node.reshape(y, shape);
}

void importBinary(Node &node) {
  const BinaryRow *row = llvm::find_if(kBinaryRows, [&](const BinaryRow &row) { return node.op() == row.name; });
  if (require(node, 0, row->takes) && require(node, 1, row->takes))
    node.set(0, node.binary(row->kind, node.input(0), secondOperand(node)));
}

void importEqual(Node &node) { node.set(0, node.binary(BinaryKind::equal, node.input(0), secondOperand(node))); }

void importPow(Node &node) {
  if (!node.requireNumber(0) || !node.requireNumber(1))
    return;
  Value x = node.input(0), y = secondOperand(node);
  Type type = elementOf(x);
  if (!y || elementOf(y) == type)
    return node.set(0, node.binary(BinaryKind::pow, x, y));
  // The result has the type of the base; between integers and floats is computed in floats.
  if (isa<FloatType>(type))
    return node.set(0, node.binary(BinaryKind::pow, x, node.cast(y, type)));
  Type common = isa<FloatType>(elementOf(y)) ? elementOf(y) : type;
  node.set(0, node.cast(node.binary(BinaryKind::pow, node.cast(x, common), node.cast(y, common)), type));
}

void importMod(Node &node) {
  bool likeC = node.flag("fmod", false);
  if (!node.requireNumber(0) || !node.requireNumber(1))
    return;
  Value x = node.input(0), y = node.input(1);
  if (!isa<FloatType>(elementOf(x)))
    return node.set(0, node.binary(likeC ? BinaryKind::fmod : BinaryKind::mod, x, y));
  Value rest = node.binary(BinaryKind::fmod, x, y);
  if (likeC || !rest)
    return node.set(0, rest);
  // The rest of the division that rounds down has the sign of the divisor, as a zero too.
  Value zero = node.scalar(0, rest), isNegative = node.binary(BinaryKind::less, y, node.scalar(0, y));
  Value differs = node.binary(BinaryKind::logical_xor, node.binary(BinaryKind::less, rest, zero), isNegative);
  Value moved = node.select(differs, node.binary(BinaryKind::add, rest, y), rest);
  Value signedZero = node.select(isNegative, node.scalar(-0.0, rest), zero);
  node.set(0, node.select(node.binary(BinaryKind::equal, rest, zero), signedZero, moved));
}

void importBitShift(Node &node) {
  std::string direction = node.text("direction", "");
  if (direction != "LEFT" && direction != "RIGHT")
    return node.error("direction '" + direction + "' is not known", "it is LEFT or RIGHT");
  if (!node.requireInteger(0) || !node.requireInteger(1))
    return;
  Value x = node.input(0), by = node.input(1);
  if (direction == "LEFT")
    return node.set(0, node.binary(BinaryKind::shift_left, x, by));
  Type type = elementOf(by);
  if (!type.isUnsignedInteger()) {
    // Bits that leave are replaced by the sign, whatever the distance; a negative one is as good as one too long.
    Value all = node.scalar(type.getIntOrFloatBitWidth() - 1, by);
    by = node.select(node.binary(BinaryKind::less, by, node.scalar(0, by)), all, node.binary(BinaryKind::min, by, all));
  }
  node.set(0, node.binary(BinaryKind::shift_right, x, by));
}

void importPRelu(Node &node) {
  node.ignore({"consumed_inputs"});
  if (!node.requireNumber(0) || !node.requireNumber(1))
    return;
  Value x = node.input(0), slope = node.input(1);
  // Until opset 6 a list of slopes belongs to the channels.
  if (node.opset() < 7 && rankOf(slope) == 1 && rankOf(x) > 1 && shapeOf(slope)[0] == shapeOf(x)[1]) {
    SmallVector<int64_t> shape(rankOf(x), 1);
    shape[1] = shapeOf(slope)[0];
    slope = node.reshape(slope, shape);
  }
  Value result = node.binary(BinaryKind::prelu, x, slope);
  if (result && shapeOf(result) != shapeOf(x))
    return node.error("a slope of shape " + describeShape(shapeOf(slope)) + " does not broadcast to " +
                      describeShape(shapeOf(x)));
  node.set(0, result);
}

/// Folds a list of operands from the left.
void importVariadic(Node &node, BinaryKind kind, bool dividesByCount = false) {
  node.ignore({"consumed_inputs"});
  for (size_t i = 0; i < node.inputCount(); ++i)
    if (!node.requireNumber(i))
      return;
  // Sums of 16-bit floats are rounded once.
  Type element = elementOf(node.input(0)), f32 = Float32Type::get(node.context());
  bool isWide = kind == BinaryKind::add && node.inputCount() > 1 && (element.isF16() || element.isBF16());
  auto operand = [&](size_t i) { return isWide ? node.cast(node.input(i), f32) : node.input(i); };
  Value result = operand(0);
  for (size_t i = 1; i < node.inputCount(); ++i)
    result = node.binary(kind, result, operand(i));
  if (dividesByCount && node.inputCount() > 1)
    result = node.binary(BinaryKind::div, result, node.scalar(node.inputCount(), result));
  node.set(0, isWide ? node.cast(result, element) : result);
}

void importSum(Node &node) { importVariadic(node, BinaryKind::add); }
void importMean(Node &node) { importVariadic(node, BinaryKind::add, true); }
void importMin(Node &node) { importVariadic(node, BinaryKind::min); }
void importMax(Node &node) { importVariadic(node, BinaryKind::max); }

//===-- Others ------------------------------------------------------------===//

void importWhere(Node &node) {
  if (!node.requireBool(0))
    return;
  Value x = node.input(1), y = node.input(2);
  if (x && y && elementOf(x) != elementOf(y))
    return node.error("element types differ: " + nameOf(elementOf(x)) + " and " + nameOf(elementOf(y)));
  node.set(0, node.select(node.input(0), x, y));
}

void importCast(Node &node) {
  node.ignore({"saturate", "round_mode"}); // both speak of 8-bit floats, which are no nn type
  int64_t to;
  if (node.opset() < 6) {
    // Opset 1 wrote the type's name.
    onnx::TensorProto::DataType parsed = onnx::TensorProto::UNDEFINED;
    onnx::TensorProto::DataType_Parse(node.text("to", ""), &parsed);
    to = parsed;
  } else {
    to = node.requiredInteger("to");
  }
  Type type = elementTypeOf((int32_t)to, node.context());
  if (!type)
    return node.error(describeUnsupported((int32_t)to));
  node.set(0, node.cast(node.input(0), type));
}

void importCastLike(Node &node) {
  node.ignore({"saturate", "round_mode"});
  if (node.requireResultType(1))
    node.set(0, node.cast(node.input(0), node.type(1).getElementType()));
}

/// The value itself: also Dropout, which does nothing in inference.
void importIdentity(Node &node) { node.set(0, node.item(0)); }

void importDropout(Node &node) {
  node.ignore({"ratio", "seed", "is_test", "consumed_inputs"});
  if (node.hasInput(2)) {
    auto training = node.integerOf(2, "training_mode");
    auto ratio = node.hasInput(1) ? node.numbersOf(1, "ratio") : SmallVector<double>{0.5};
    if (!training || !ratio)
      return;
    if (*training && (ratio->size() != 1 || (*ratio)[0] != 0))
      return node.error("training_mode is on: the result would be random");
  }
  Value x = node.input(0);
  node.set(0, x);
  if (!node.wants(1) || !x)
    return;
  // The mask: everything is kept. Before opset 10 it had the type of the data.
  Type type = node.opset() < 10 ? elementOf(x) : node.builder.getI1Type();
  node.set(1, node.splat(1, shapeOf(x), type));
}

std::vector<OpEntry> makeTable() {
  std::vector<OpEntry> table = {
      {"Selu", 1, 1, importSelu},
      {"Gelu", 1, 1, importGelu},
      {"Swish", 1, 1, importSwish},
      {"SwiGLU", 2, 2, importSwiGLU},
      {"Gelu", 1, 1, importGelu, "com.microsoft"},
      {"BiasGelu", 2, 2, importBiasGelu, "com.microsoft"},
      {"FastGelu", 1, 2, importBiasGelu, "com.microsoft"},
      {"QuickGelu", 1, 1, importQuickGelu, "com.microsoft"},
      {"IsInf", 1, 1, importIsInf},
      {"Shrink", 1, 1, importShrink},
      {"Clip", 1, 3, importClip},
      {"Equal", 2, 2, importEqual},
      {"Pow", 2, 2, importPow},
      {"Mod", 2, 2, importMod},
      {"BitShift", 2, 2, importBitShift},
      {"PRelu", 2, 2, importPRelu},
      {"Sum", 1, kAny, importSum},
      {"Mean", 1, kAny, importMean},
      {"Min", 1, kAny, importMin},
      {"Max", 1, kAny, importMax},
      {"Where", 3, 3, importWhere},
      {"Cast", 1, 1, importCast},
      {"CastLike", 2, 2, importCastLike},
      {"Identity", 1, 1, importIdentity},
      {"Dropout", 1, 3, importDropout},
  };
  for (const UnaryRow &row : kUnaryRows)
    table.push_back({row.name, 1, 1, importUnary});
  for (const BinaryRow &row : kBinaryRows)
    table.push_back({row.name, 2, 2, importBinary});
  return table;
}
} // namespace

ArrayRef<OpEntry> elementwiseOps() {
  static const std::vector<OpEntry> table = makeTable();
  return table;
}

} // namespace nncc::import
