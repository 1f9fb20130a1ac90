// Where roundings show, and what is known about the range of values.
#include "passes/graph/Precision.h"
#include "dialects/nn/BinaryKind.h"
#include "dialects/nn/ConstantData.h"
#include "dialects/nn/ErrorGrowth.h"
#include "dialects/nn/NN.h"
#include "dialects/nn/UnaryKind.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/PointerIntPair.h"
#include <cmath>

using namespace mlir;
using namespace nncc::nn;

namespace nncc {
namespace {

// Chains between two sums are shorter; what lies behind a longer one is taken to be of the kind that shows roundings.
constexpr size_t kMaxOps = 64;
// Deeper than any way to write a power of something that is not negative.
constexpr int kMaxDepth = 8;

/// What an op makes of an error of its operand.
enum class Effect {
  shows,   ///< another result
  handsOn, ///< an error of its result
  drowns,  ///< nothing against the errors that its result has anyway
};

/// An error: relative to the value, which then is zero or negative exactly where it should be, or of its own size.
struct Error {
  Effect effect;
  bool isRelative;
};

Error onUnary(UnaryOp op, bool isRelative) {
  switch (errorGrowth(op.getKind())) {
  case ErrorGrowth::relative:
    return {Effect::handsOn, isRelative};
  case ErrorGrowth::absolute:
    return {Effect::handsOn, false};
  case ErrorGrowth::drowned:
    return {Effect::drowns, false};
  case ErrorGrowth::steepAtZero:
    return {isRelative ? Effect::handsOn : Effect::shows, isRelative};
  case ErrorGrowth::unbounded:
    return {Effect::shows, false};
  }
  llvm_unreachable("no other growth");
}

Error onBinary(BinaryOp op, bool isFirst, bool isRelative) {
  switch (op.getKind()) {
  case BinaryKind::mul:
  case BinaryKind::min:
  case BinaryKind::max:
    return {Effect::handsOn, isRelative};
  case BinaryKind::div:
    return {isFirst || isRelative ? Effect::handsOn : Effect::shows, isRelative};
  case BinaryKind::prelu:
    return {isFirst ? Effect::handsOn : Effect::shows, isRelative};
  case BinaryKind::add:
    return {Effect::handsOn, isRelative && isNeverNegative(op.getLhs()) && isNeverNegative(op.getRhs())};
  case BinaryKind::sub:
    return {Effect::handsOn, false};
  default:
    return {Effect::shows, false};
  }
}

bool isFloat(Value value) { return isa<FloatType>(getElementTypeOrSelf(value)); }

Error onUse(OpOperand &use, bool isRelative) {
  Operation *op = use.getOwner();
  if (auto unary = dyn_cast<UnaryOp>(op))
    return onUnary(unary, isRelative);
  if (auto binary = dyn_cast<BinaryOp>(op))
    return onBinary(binary, use.getOperandNumber() == 0, isRelative);
  if (auto cast = dyn_cast<CastOp>(op)) {
    // Fewer digits round again, and a tie may fall to the other side.
    bool widens = isFloat(cast) && getElementTypeOrSelf(cast).getIntOrFloatBitWidth() >=
                                       getElementTypeOrSelf(cast.getInput()).getIntOrFloatBitWidth();
    return {widens ? Effect::handsOn : Effect::shows, isRelative};
  }
  if (auto reduce = dyn_cast<ReduceOp>(op)) {
    bool selects = reduce.getKind() == ReduceKind::max || reduce.getKind() == ReduceKind::min;
    bool isSteep = reduce.getKind() == ReduceKind::log_sum;
    return {selects ? Effect::handsOn : isSteep ? Effect::shows : Effect::drowns, isRelative};
  }
  if (auto pool = dyn_cast<Pool2DOp>(op))
    return {pool.getKind() == PoolKind::max ? Effect::handsOn : Effect::drowns, isRelative};
  if (isa<Conv2DOp, ConvTranspose2DOp, MatMulOp, MatMulWidenedOp, SoftmaxOp, LayerNormOp, CumSumOp>(op) ||
      op->hasTrait<OpTrait::IsTerminator>())
    return {Effect::drowns, false};
  if (isa<TransposeOp, ReshapeOp, SliceOp, ConcatOp, PadOp, ExpandOp, TileOp, GatherOp, GatherElementsOp, GatherNDOp,
          SelectOp>(op))
    return {Effect::handsOn, isRelative};
  return {isa<ResizeOp>(op) ? Effect::handsOn : Effect::shows, false};
}

bool isNeverNegative(Value value, int depth) {
  if (auto constant = ConstantReader::get(value)) {
    int64_t stored = constant->isSplat() ? std::min<int64_t>(1, constant->size()) : constant->size();
    return stored <= 65536 &&
           llvm::none_of(llvm::seq<int64_t>(0, stored), [&](int64_t i) { return constant->getFloat(i) < 0; });
  }
  Operation *op = value.getDefiningOp();
  if (!op || depth == kMaxDepth)
    return false;
  auto isAlso = [&](Value operand) { return isNeverNegative(operand, depth + 1); };
  if (auto unary = dyn_cast<UnaryOp>(op)) {
    switch (unary.getKind()) {
    case UnaryKind::abs:
    case UnaryKind::relu:
    case UnaryKind::exp:
    case UnaryKind::sqrt:
    case UnaryKind::sigmoid:
    case UnaryKind::hard_sigmoid:
    case UnaryKind::softplus:
      return true;
    case UnaryKind::clip:
      return unary.getAlpha().convertToDouble() >= 0 && unary.getBeta().convertToDouble() >= 0;
    default:
      return false;
    }
  }
  if (auto binary = dyn_cast<BinaryOp>(op)) {
    Value x = binary.getLhs(), y = binary.getRhs();
    switch (binary.getKind()) {
    case BinaryKind::mul:
      return x == y || (isAlso(x) && isAlso(y));
    case BinaryKind::div:
      return getConstantValue(y) && isAlso(x) && isAlso(y);
    case BinaryKind::add:
    case BinaryKind::min:
      return isAlso(x) && isAlso(y);
    case BinaryKind::max:
      return isAlso(x) || isAlso(y);
    default:
      return false;
    }
  }
  if (auto reduce = dyn_cast<ReduceOp>(op)) {
    switch (reduce.getKind()) {
    case ReduceKind::l1:
    case ReduceKind::l2:
    case ReduceKind::sum_square:
      return true;
    case ReduceKind::sum:
    case ReduceKind::mean:
    case ReduceKind::max:
    case ReduceKind::min:
    case ReduceKind::prod:
      return isAlso(reduce.getInput());
    default:
      return false;
    }
  }
  if (auto softmax = dyn_cast<SoftmaxOp>(op))
    return !softmax.getLog();
  if (auto pool = dyn_cast<Pool2DOp>(op))
    return pool.getKind() == PoolKind::l2 || isAlso(pool.getInput());
  if (isa<TransposeOp, ReshapeOp, SliceOp, ConcatOp, ExpandOp, TileOp>(op))
    return llvm::all_of(op->getOperands(), isAlso);
  return false;
}
} // namespace

bool roundingShows(Value value) {
  SmallVector<std::pair<Value, bool>> left{{value, true}};
  llvm::DenseSet<llvm::PointerIntPair<Operation *, 1, bool>> seen;
  while (!left.empty()) {
    auto [changed, isRelative] = left.pop_back_val();
    for (OpOperand &use : changed.getUses()) {
      Error error = onUse(use, isRelative);
      if (error.effect == Effect::shows)
        return true;
      if (error.effect == Effect::drowns || !seen.insert({use.getOwner(), error.isRelative}).second)
        continue;
      if (seen.size() > kMaxOps)
        return true;
      for (Value result : use.getOwner()->getResults())
        left.push_back({result, error.isRelative});
    }
  }
  return false;
}

bool hasExactReciprocal(double number, FloatType type) {
  int exponent;
  return std::fabs(std::frexp(number, &exponent)) == 0.5 && keepsDigits(number, type) && keepsDigits(1 / number, type);
}

bool keepsDigits(double number, FloatType type) {
  if (number == 0)
    return true;
  llvm::APFloat rounded(number);
  bool losesInfo;
  rounded.convert(type.getFloatSemantics(), llvm::APFloat::rmNearestTiesToEven, &losesInfo);
  return rounded.isNormal();
}

bool isNeverNegative(Value value) { return isFloat(value) && isNeverNegative(value, 0); }

} // namespace nncc
