// Shapes and values of reductions.
#include "dialects/nn/Evaluate.h"
#include "dialects/nn/NN.h"
#include "mlir/IR/Builders.h"
#include <cmath>

using namespace mlir;
using namespace nncc::nn;

static LogicalResult checkAxis(std::optional<Location> location, int64_t axis, RankedTensorType type) {
  if (axis < 0 || axis >= type.getRank())
    return emitOptionalError(location, "axis ", axis, " is not a dim of a tensor of rank ", type.getRank());
  return success();
}

LogicalResult ReduceOp::inferReturnTypes(MLIRContext *, std::optional<Location> location, Adaptor op,
                                         SmallVectorImpl<Type> &types) {
  auto input = cast<RankedTensorType>(op.getInput().getType());
  SmallVector<int64_t> shape(input.getShape());
  int64_t previous = -1;
  for (int64_t axis : op.getAxes()) {
    if (failed(checkAxis(location, axis, input)))
      return failure();
    if (axis <= previous)
      return emitOptionalError(location, "axes must ascend");
    previous = axis;
    shape[axis] = 1;
  }
  types.push_back(RankedTensorType::get(shape, input.getElementType()));
  return success();
}

LogicalResult ArgReduceOp::inferReturnTypes(MLIRContext *context, std::optional<Location> location, Adaptor op,
                                            SmallVectorImpl<Type> &types) {
  auto input = cast<RankedTensorType>(op.getInput().getType());
  if (failed(checkAxis(location, op.getAxis(), input)))
    return failure();
  SmallVector<int64_t> shape(input.getShape());
  shape[op.getAxis()] = 1;
  if (input.getNumElements() == 0 && ShapedType::getNumElements(shape) != 0)
    return emitOptionalError(location, "there is no extreme in dim ", op.getAxis(), " of 0 elements");
  types.push_back(RankedTensorType::get(shape, IntegerType::get(context, 64)));
  return success();
}

LogicalResult SoftmaxOp::inferReturnTypes(MLIRContext *, std::optional<Location> location, Adaptor op,
                                          SmallVectorImpl<Type> &types) {
  auto input = cast<RankedTensorType>(op.getInput().getType());
  types.push_back(input);
  return checkAxis(location, op.getAxis(), input);
}

LogicalResult CumSumOp::inferReturnTypes(MLIRContext *, std::optional<Location> location, Adaptor op,
                                         SmallVectorImpl<Type> &types) {
  auto input = cast<RankedTensorType>(op.getInput().getType());
  types.push_back(input);
  return checkAxis(location, op.getAxis(), input);
}

//===-- Values -----------------------------------------------------------===//

/// What the elements of one result add up to: sums of floats in double, so that their order does not matter much;
/// booleans as bytes, which a vector has addresses of.
template <typename T>
using Total =
    std::conditional_t<std::is_floating_point_v<T>, double, std::conditional_t<std::is_same_v<T, bool>, uint8_t, T>>;

template <typename T> static T initialOf(ReduceKind kind) {
  using Limits = std::numeric_limits<T>;
  T infinity = Limits::has_infinity ? Limits::infinity() : Limits::max();
  switch (kind) {
  case ReduceKind::max:
  case ReduceKind::log_sum_exp:
    return Limits::has_infinity ? -infinity : Limits::min();
  case ReduceKind::min:
    return infinity;
  case ReduceKind::prod:
    return 1;
  default:
    return 0;
  }
}

template <typename T> static Total<T> combined(ReduceKind kind, Total<T> total, T value) {
  Total<T> x = value;
  switch (kind) {
  case ReduceKind::max:
  case ReduceKind::log_sum_exp: // its maximum first
    return maximumOf(total, x);
  case ReduceKind::min:
    return minimumOf(total, x);
  case ReduceKind::prod:
    return (Total<T>)productOf<T>(total, value); // overflows where the code does
  case ReduceKind::l1:
    if constexpr (std::is_floating_point_v<T>)
      return total + std::fabs(x);
    else
      return sumOf<Total<T>>(total, std::is_signed_v<T> && x < 0 ? (T)(0 - (uint64_t)x) : x);
  case ReduceKind::l2:
  case ReduceKind::sum_square:
    return sumOf(total, productOf(x, x));
  default:
    return sumOf(total, x);
  }
}

/// The result of a total over `count` elements; nothing where the code has none.
template <typename T> static std::optional<T> finished(ReduceKind kind, Total<T> total, int64_t count) {
  constexpr bool isFloat = std::is_floating_point_v<T>;
  switch (kind) {
  case ReduceKind::mean:
    return (T)quotientOf<Total<T>>(total, isFloat ? (Total<T>)count : saturate<T>(count));
  case ReduceKind::l2:
    return isFloat ? std::optional<T>(std::sqrt(total)) : std::nullopt;
  case ReduceKind::log_sum:
    return isFloat ? std::optional<T>(std::log(total)) : std::nullopt;
  case ReduceKind::log_sum_exp:
    return isFloat ? std::optional<T>(total) : std::nullopt;
  default:
    return (T)total;
  }
}

ElementsAttr ReduceOp::evaluate(const Evaluation &in) {
  ReduceKind kind = getKind();
  return withComputeType(in[0].getElementType(), [&](auto zero) {
    using T = decltype(zero);
    return in.make(false, [&](ConstantBuilder &to) {
      std::vector<Total<T>> totals(to.getStoredCount(), initialOf<T>(kind));
      SmallVector<int64_t> fromStrides = rowMajorStrides(in[0].getType().getShape());
      SmallVector<int64_t> toStrides = broadcastStrides(getType().getShape());
      auto forEachElement = [&](auto visit) {
        forEach<2>(in[0].getType().getShape(), {fromStrides, toStrides},
                   [&](std::array<int64_t, 2> at) { visit(load<T>(in[0], at[0]), totals[at[1]]); });
      };
      forEachElement([&](T x, Total<T> &total) { total = combined<T>(kind, total, x); });
      if constexpr (std::is_floating_point_v<T>)
        if (kind == ReduceKind::log_sum_exp) {
          // The maximum is taken out, so that nothing overflows; an infinite one stays in.
          std::vector<double> shifts(totals);
          for (double &shift : shifts)
            shift = std::isfinite(shift) ? shift : 0;
          std::fill(totals.begin(), totals.end(), 0.0);
          forEachElement([&](T x, double &total) { total += std::exp(x - shifts[&total - totals.data()]); });
          for (auto [total, shift] : llvm::zip(totals, shifts))
            total = std::log(total) + shift;
        }
      int64_t count = in[0].size() / to.getStoredCount();
      for (auto [i, total] : llvm::enumerate(totals)) {
        auto value = finished<T>(kind, total, count);
        if (!value)
          return false;
        store<T>(to, i, *value);
      }
      return true;
    });
  });
}

ElementsAttr CumSumOp::evaluate(const Evaluation &in) {
  return withComputeType(in[0].getElementType(), [&](auto zero) {
    using T = decltype(zero);
    return in.make(false, [&](ConstantBuilder &to) {
      ArrayRef<int64_t> shape = getType().getShape();
      int64_t extent = shape[getAxis()], stride = rowMajorStrides(shape)[getAxis()];
      for (int64_t row = 0, rows = in[0].size() / extent; row < rows; ++row) {
        int64_t first = row / stride * stride * extent + row % stride;
        Total<T> total = 0;
        for (int64_t i = 0; i < extent; ++i) {
          int64_t at = first + (getReverse() ? extent - 1 - i : i) * stride;
          Total<T> next = sumOf<Total<T>>(total, load<T>(in[0], at));
          store<T>(to, at, (T)(getExclusive() ? total : next));
          total = next;
        }
      }
      return true;
    });
  });
}
