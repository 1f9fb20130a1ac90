// Types, folds and values of elementwise ops. The values are those of the code that `passes/lower/ScalarMath.cpp`
// makes; test/harness/fold_against_code.py compares them bit by bit.
#include "dialects/nn/BinaryKind.h"
#include "dialects/nn/ErrorGrowth.h"
#include "dialects/nn/Evaluate.h"
#include "dialects/nn/Kinds.h"
#include "dialects/nn/NN.h"
#include "dialects/nn/UnaryKind.h"
#include <cmath>

using namespace mlir;
using namespace nncc::nn;

// Kinds.h says the numbers of these rows by itself.
static_assert(kind::abs == UnaryKind::abs && kind::neg == UnaryKind::neg && kind::exp == UnaryKind::exp &&
              kind::log == UnaryKind::log && kind::sqrt == UnaryKind::sqrt && kind::rsqrt == UnaryKind::rsqrt &&
              kind::reciprocal == UnaryKind::reciprocal && kind::floor == UnaryKind::floor &&
              kind::round == UnaryKind::round && kind::logical_not == UnaryKind::logical_not &&
              kind::erf == UnaryKind::erf && kind::tanh == UnaryKind::tanh && kind::sigmoid == UnaryKind::sigmoid &&
              kind::leaky_relu == UnaryKind::leaky_relu && kind::silu == UnaryKind::silu &&
              kind::clip == UnaryKind::clip);
static_assert(kind::add == BinaryKind::add && kind::sub == BinaryKind::sub && kind::mul == BinaryKind::mul &&
              kind::div == BinaryKind::div && kind::pow == BinaryKind::pow && kind::mod == BinaryKind::mod &&
              kind::min == BinaryKind::min && kind::max == BinaryKind::max &&
              kind::logical_and == BinaryKind::logical_and && kind::equal == BinaryKind::equal &&
              kind::less == BinaryKind::less && kind::less_equal == BinaryKind::less_equal &&
              kind::greater == BinaryKind::greater && kind::greater_equal == BinaryKind::greater_equal);

OpFoldResult ConstantOp::fold(FoldAdaptor) { return getValue(); }

LogicalResult UnaryOp::inferReturnTypes(MLIRContext *context, std::optional<Location>, Adaptor op,
                                        SmallVectorImpl<Type> &types) {
  auto input = cast<RankedTensorType>(op.getInput().getType());
  bool isQuestion = op.getKind() == UnaryKind::is_nan || op.getKind() == UnaryKind::is_inf;
  types.push_back(isQuestion ? input.clone(IntegerType::get(context, 1)) : input);
  return success();
}

LogicalResult BinaryOp::inferReturnTypes(MLIRContext *context, std::optional<Location> location, Adaptor op,
                                         SmallVectorImpl<Type> &types) {
  auto lhs = cast<RankedTensorType>(op.getLhs().getType()), rhs = cast<RankedTensorType>(op.getRhs().getType());
  auto shape = broadcastShapes(lhs.getShape(), rhs.getShape());
  if (failed(shape))
    return emitOptionalError(location, "shapes ", lhs, " and ", rhs, " do not broadcast");
  // The exponent of pow may have another type than its base.
  if (lhs.getElementType() != rhs.getElementType() && op.getKind() != BinaryKind::pow)
    return emitOptionalError(location, "element types differ: ", lhs.getElementType(), " and ", rhs.getElementType());
  bool isComparison = op.getKind() >= BinaryKind::equal;
  types.push_back(RankedTensorType::get(*shape, isComparison ? IntegerType::get(context, 1) : lhs.getElementType()));
  return success();
}

LogicalResult SelectOp::inferReturnTypes(MLIRContext *, std::optional<Location> location, Adaptor op,
                                         SmallVectorImpl<Type> &types) {
  auto a = cast<RankedTensorType>(op.getIfTrue().getType()), b = cast<RankedTensorType>(op.getIfFalse().getType());
  auto values = broadcastShapes(a.getShape(), b.getShape());
  FailureOr<SmallVector<int64_t>> shape = failure();
  if (succeeded(values))
    shape = broadcastShapes(*values, cast<RankedTensorType>(op.getCondition().getType()).getShape());
  if (failed(shape))
    return emitOptionalError(location, "shapes do not broadcast");
  if (a.getElementType() != b.getElementType())
    return emitOptionalError(location, "element types differ: ", a.getElementType(), " and ", b.getElementType());
  types.push_back(RankedTensorType::get(*shape, a.getElementType()));
  return success();
}

//===-- Unary ------------------------------------------------------------===//

/// Functions that run as arithmetic of the type `T`, each step rounded; nothing for all others.
template <typename T> static std::optional<T> exactUnary(UnaryKind kind, T x, T a, T b) {
  switch (kind) {
  case UnaryKind::abs:
    return std::fabs(x);
  case UnaryKind::neg:
    return -x;
  case UnaryKind::sqrt:
    return std::sqrt(x);
  case UnaryKind::rsqrt:
    return 1 / std::sqrt(x);
  case UnaryKind::reciprocal:
    return 1 / x;
  case UnaryKind::floor:
    return std::floor(x);
  case UnaryKind::ceil:
    return std::ceil(x);
  case UnaryKind::round:
    return std::nearbyint(x);
  case UnaryKind::sign:
    return x > 0 ? T(1) : x < 0 ? T(-1) : x;
  case UnaryKind::relu:
    return maximumOf(x, T(0));
  case UnaryKind::leaky_relu:
    return x < 0 ? x * a : x;
  case UnaryKind::thresholded_relu:
    return x > a ? x : T(0);
  case UnaryKind::softsign:
    return x / (std::fabs(x) + 1);
  case UnaryKind::clip:
    return minimumOf(maximumOf(x, a), b);
  default:
    return std::nullopt;
  }
}

/// Functions that run as polynomials, or with multiplications and additions in one step where a CPU has it.
static std::optional<double> inexactUnary(UnaryKind kind, double x, double a, double b) {
  auto sigmoid = [](double v) { return 1 / (1 + std::exp(-v)); };
  auto softplus = [](double v) { return std::log1p(std::exp(-std::fabs(v))) + maximumOf(v, 0.0); };
  auto elu = [&](double v) { return v < 0 ? a * std::expm1(v) : v; };
  auto unit = [](double v) { return minimumOf(maximumOf(v, 0.0), 1.0); };
  switch (kind) {
  case UnaryKind::exp:
    return std::exp(x);
  case UnaryKind::log:
    return std::log(x);
  case UnaryKind::erf:
    return std::erf(x);
  case UnaryKind::sin:
    return std::sin(x);
  case UnaryKind::cos:
    return std::cos(x);
  case UnaryKind::tan:
    return std::tan(x);
  case UnaryKind::asin:
    return std::asin(x);
  case UnaryKind::acos:
    return std::acos(x);
  case UnaryKind::atan:
    return std::atan(x);
  case UnaryKind::sinh:
    return std::sinh(x);
  case UnaryKind::cosh:
    return std::cosh(x);
  case UnaryKind::tanh:
    return std::tanh(x);
  case UnaryKind::asinh:
    return std::asinh(x);
  case UnaryKind::acosh:
    return std::acosh(x);
  case UnaryKind::atanh:
    return std::atanh(x);
  case UnaryKind::sigmoid:
    return sigmoid(x);
  case UnaryKind::elu:
    return elu(x);
  case UnaryKind::selu:
    return b * elu(x);
  case UnaryKind::celu:
    return x < 0 ? a * std::expm1(x / a) : x;
  case UnaryKind::hard_sigmoid:
    return unit(a * x + b);
  case UnaryKind::hard_swish:
    return x * unit(x / 6 + 0.5);
  case UnaryKind::silu:
    return x * sigmoid(x);
  case UnaryKind::gelu:
    return x * ((1 + std::erf(x / std::sqrt(2.0))) / 2);
  case UnaryKind::gelu_tanh:
    // (1 + tanh(y)) / 2 is sigmoid(2 y).
    return x * sigmoid(2 * M_2_SQRTPI * M_SQRT1_2 * (x + 0.044715 * x * x * x));
  case UnaryKind::softplus:
    return softplus(x);
  case UnaryKind::mish:
    return x * std::tanh(softplus(x));
  default:
    return std::nullopt;
  }
}

template <typename T> static std::optional<T> floatUnary(UnaryKind kind, T x, double a, double b) {
  if (auto exact = exactUnary<T>(kind, x, a, b))
    return exact;
  auto rounded = inexactUnary(kind, x, a, b);
  return rounded ? std::optional((T)*rounded) : std::nullopt;
}

template <typename T> static std::optional<T> integerUnary(UnaryKind kind, T x, double a, double b) {
  constexpr bool isBool = std::is_same_v<T, bool>;
  switch (kind) {
  case UnaryKind::abs:
    return std::is_unsigned_v<T> || x >= 0 ? x : (T)(0 - (uint64_t)x);
  case UnaryKind::neg:
    return (T)(0 - (uint64_t)x);
  case UnaryKind::floor:
  case UnaryKind::ceil:
  case UnaryKind::round:
    return x;
  case UnaryKind::sign:
    return (T)((x > 0) - (std::is_signed_v<T> && x < 0));
  case UnaryKind::logical_not:
    return isBool ? std::optional<T>(!x) : std::nullopt;
  case UnaryKind::bitwise_not:
    return isBool ? (T)!x : (T) ~(uint64_t)x;
  case UnaryKind::relu:
    return std::is_signed_v<T> && x < 0 ? T(0) : x;
  case UnaryKind::clip:
    return minimumOf(maximumOf(x, saturate<T>(a)), saturate<T>(b));
  default:
    return std::nullopt;
  }
}

ElementsAttr UnaryOp::evaluate(const Evaluation &in) {
  double a = getAlpha().convertToDouble(), b = getBeta().convertToDouble();
  UnaryKind kind = getKind();
  bool isFloat = isa<FloatType>(in[0].getElementType());
  return withComputeType(in[0].getElementType(), [&](auto zero) {
    using T = decltype(zero);
    return in.make(in[0].isSplat(), [&](ConstantBuilder &to) {
      for (int64_t i = 0, end = to.getStoredCount(); i < end; ++i) {
        T x = load<T>(in[0], i);
        if (kind == UnaryKind::is_nan || kind == UnaryKind::is_inf) {
          if (!isFloat)
            return false;
          bool counts = x > 0 ? a != 0 : b != 0;
          store<bool>(to, i, kind == UnaryKind::is_nan ? x != x : counts && (x - x) != (x - x) && x == x);
          continue;
        }
        std::optional<T> y;
        if constexpr (std::is_floating_point_v<T>)
          y = floatUnary<T>(kind, x, a, b);
        else
          y = integerUnary<T>(kind, x, a, b);
        if (!y)
          return false;
        store<T>(to, i, *y);
      }
      return true;
    });
  });
}

//===-- Binary -----------------------------------------------------------===//

/// The remainder of x / y; the quotient of doubles is exact below 2^52.
static double remainderOf(double x, double y, bool signOfDivisor) {
  double rest = std::fma(-std::trunc(x / y), y, x);
  // The quotient may have been rounded up to the next integer: then the rest has the wrong sign.
  if (rest * x < 0)
    rest += std::copysign(y, x);
  if (std::isinf(y))
    rest = x;
  return signOfDivisor && rest * y < 0 ? rest + y : rest;
}

template <typename T> static std::optional<T> floatBinary(BinaryKind kind, T x, T y) {
  switch (kind) {
  case BinaryKind::div:
    return x / y;
  case BinaryKind::pow:
    return (T)std::pow((double)x, (double)y);
  case BinaryKind::mod:
  case BinaryKind::fmod:
    return (T)remainderOf(x, y, kind == BinaryKind::mod);
  default:
    return std::nullopt;
  }
}

/// x^y by squaring, wrapping; a negative y gives 1 / x^-y toward zero.
template <typename T> static T integerPower(T x, T y) {
  if (y < 0)
    return x == 1 ? 1 : x == (T)-1 ? (y & 1 ? x : T(1)) : T(0);
  T result = 1;
  for (uint64_t rest = (uint64_t)y; rest; rest >>= 1, x = productOf(x, x))
    if (rest & 1)
      result = productOf(result, x);
  return result;
}

template <typename T> static std::optional<T> integerBinary(BinaryKind kind, T x, T y) {
  constexpr unsigned width = std::is_same_v<T, bool> ? 1 : 8 * sizeof(T);
  switch (kind) {
  case BinaryKind::div:
    return quotientOf(x, y);
  case BinaryKind::pow:
    return integerPower(x, y);
  case BinaryKind::mod:
  case BinaryKind::fmod: {
    T rest = (T)((uint64_t)x - (uint64_t)productOf(quotientOf(x, y), y));
    bool isOther = std::is_signed_v<T> && kind == BinaryKind::mod && rest != 0 && (rest < 0) != (y < 0);
    return isOther ? sumOf(rest, y) : rest;
  }
  case BinaryKind::logical_and:
  case BinaryKind::bitwise_and:
    return x & y;
  case BinaryKind::logical_or:
  case BinaryKind::bitwise_or:
    return x | y;
  case BinaryKind::logical_xor:
  case BinaryKind::bitwise_xor:
    return x ^ y;
  case BinaryKind::shift_left:
    return (uint64_t)y < width ? (T)((uint64_t)x << (uint64_t)y) : T(0);
  case BinaryKind::shift_right:
    return (uint64_t)y < width ? (T)(x >> y) : T(0);
  default:
    return std::nullopt;
  }
}

template <typename T> static std::optional<T> binary(BinaryKind kind, T x, T y) {
  switch (kind) {
  case BinaryKind::add:
    return sumOf(x, y);
  case BinaryKind::sub:
    if constexpr (std::is_floating_point_v<T>)
      return x - y;
    else
      return std::is_same_v<T, bool> ? (T)(x != y) : (T)((uint64_t)x - (uint64_t)y);
  case BinaryKind::mul:
    return productOf(x, y);
  case BinaryKind::min:
    return minimumOf(x, y);
  case BinaryKind::max:
    return maximumOf(x, y);
  case BinaryKind::prelu:
    return x < 0 ? productOf(x, y) : x;
  default:
    break;
  }
  if constexpr (std::is_floating_point_v<T>)
    return floatBinary<T>(kind, x, y);
  else
    return integerBinary<T>(kind, x, y);
}

template <typename T> static std::optional<bool> compare(BinaryKind kind, T x, T y) {
  switch (kind) {
  case BinaryKind::equal:
    return x == y;
  case BinaryKind::less:
    return x < y;
  case BinaryKind::less_equal:
    return x <= y;
  case BinaryKind::greater:
    return x > y;
  case BinaryKind::greater_equal:
    return x >= y;
  default:
    return std::nullopt;
  }
}

ElementsAttr BinaryOp::evaluate(const Evaluation &in) {
  if (in[0].getElementType() != in[1].getElementType())
    return {};
  BinaryKind kind = getKind();
  return withComputeType(in[0].getElementType(), [&](auto zero) {
    using T = decltype(zero);
    return in.make(in.areAllSplats(), [&](ConstantBuilder &to) {
      SmallVector<int64_t> xStrides = broadcastStrides(in[0].getType().getShape());
      SmallVector<int64_t> yStrides = broadcastStrides(in[1].getType().getShape());
      int64_t at = 0;
      bool isKnown = true;
      forEach<2>(to.getStoredShape(), {xStrides, yStrides}, [&](std::array<int64_t, 2> from) {
        T x = load<T>(in[0], from[0]), y = load<T>(in[1], from[1]);
        if (auto answer = compare<T>(kind, x, y))
          store<bool>(to, at++, *answer);
        else if (auto value = binary<T>(kind, x, y))
          store<T>(to, at++, *value);
        else
          isKnown = false;
      });
      return isKnown;
    });
  });
}

//===-- Select and cast --------------------------------------------------===//

ElementsAttr SelectOp::evaluate(const Evaluation &in) {
  return withComputeType(in[1].getElementType(), [&](auto zero) {
    using T = decltype(zero);
    return in.make(in.areAllSplats(), [&](ConstantBuilder &to) {
      SmallVector<int64_t> strides[3];
      for (size_t i = 0; i < 3; ++i)
        strides[i] = broadcastStrides(in[i].getType().getShape());
      int64_t at = 0;
      forEach<3>(to.getStoredShape(), {strides[0], strides[1], strides[2]}, [&](std::array<int64_t, 3> from) {
        int chosen = load<bool>(in[0], from[0]) ? 1 : 2;
        store<T>(to, at++, load<T>(in[chosen], from[chosen]));
      });
      return true;
    });
  });
}

/// Floats to integers clamp, NaN is 0; integers wrap unless they saturate, too; anything to a boolean is x != 0.
template <typename From, typename To> static To converted(From x, bool saturates) {
  if constexpr (std::is_same_v<To, bool>)
    return x != 0;
  else if constexpr (std::is_floating_point_v<From> && std::is_integral_v<To>)
    return saturate<To>(x);
  else if constexpr (std::is_integral_v<From> && std::is_integral_v<To>) {
    using Limits = std::numeric_limits<To>;
    // 128 bits hold every integer.
    auto wide = (__int128)x;
    return saturates ? (To)std::clamp<__int128>(wide, Limits::min(), Limits::max()) : (To)x;
  } else
    return (To)x;
}

/// A number as the double that any narrower float of it rounds from: an integer of more than 53 bits to the odd one.
template <typename T> static double exactOrOdd(T x) {
  if constexpr (std::is_floating_point_v<T>) {
    return x;
  } else {
    uint64_t magnitude = x < 0 ? 0 - (uint64_t)x : (uint64_t)x;
    if (magnitude >> 53)
      magnitude = (magnitude >> 11 | ((magnitude & 2047) != 0)) << 11;
    return x < 0 ? -(double)magnitude : (double)magnitude;
  }
}

ElementsAttr CastOp::evaluate(const Evaluation &in) {
  bool saturates = getSaturate();
  return withComputeType(in[0].getElementType(), [&](auto from) {
    return withComputeType(getType().getElementType(), [&](auto to) {
      using From = decltype(from);
      using To = decltype(to);
      return in.make(in[0].isSplat(), [&](ConstantBuilder &result) {
        bool isToHalf = std::is_same_v<To, float> && !getType().getElementType().isF32();
        for (int64_t i = 0, end = result.getStoredCount(); i < end; ++i) {
          From x = load<From>(in[0], i);
          // Rounded once, and not to the type that halves are computed in before.
          if (isToHalf)
            result.setFloat(i, exactOrOdd(x));
          else
            store<To>(result, i, converted<From, To>(x, saturates));
        }
        return true;
      });
    });
  });
}

ErrorGrowth nncc::nn::errorGrowth(UnaryKind kind) {
  switch (kind) {
  case UnaryKind::abs:
  case UnaryKind::neg:
  case UnaryKind::relu:
  case UnaryKind::leaky_relu:
  case UnaryKind::clip:
    return ErrorGrowth::relative;
  case UnaryKind::elu:
  case UnaryKind::selu:
  case UnaryKind::celu:
  case UnaryKind::hard_sigmoid:
  case UnaryKind::hard_swish:
  case UnaryKind::softsign:
    return ErrorGrowth::absolute;
  case UnaryKind::exp:
  case UnaryKind::erf:
  case UnaryKind::tanh:
  case UnaryKind::sigmoid:
  case UnaryKind::silu:
  case UnaryKind::gelu:
  case UnaryKind::gelu_tanh:
  case UnaryKind::softplus:
  case UnaryKind::mish:
    return ErrorGrowth::drowned;
  case UnaryKind::sqrt:
  case UnaryKind::rsqrt:
  case UnaryKind::reciprocal:
    return ErrorGrowth::steepAtZero;
  default:
    return ErrorGrowth::unbounded;
  }
}
