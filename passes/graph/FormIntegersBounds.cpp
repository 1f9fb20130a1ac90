// What constant weights prove of the sums that nn.requantize reads, which lets their code be shorter.
#include "passes/graph/FormIntegers.h"
#include <cmath>

using namespace mlir;
using namespace nncc::nn;

namespace nncc {
namespace {

/// The farthest that bytes of a type are from a zero point; from any, where that is not known.
double reachOf(Type element, Value zeroPoint) {
  if (!zeroPoint)
    return Grid{1, 0, element}.reach();
  auto zero = ConstantReader::get(zeroPoint);
  return zero && zero->size() == 1 ? Grid{1, zero->getInteger(0), element}.reach() : 255;
}

/// Of each output channel, the largest magnitude of a sum. error   weights or a bias that are not known: nullopt
std::optional<std::vector<double>> boundsOf(Operation *op) {
  Type element = typeOf(op->getOperand(0)).getElementType();
  auto [zeroOfInput, zeroOfWeights] = zeroPointsOf(op);
  auto weights = ConstantReader::get(op->getOperand(1));
  auto zeros = zeroOfWeights ? ConstantReader::get(zeroOfWeights) : std::nullopt;
  int64_t dim = channelDim(op);
  if (!element.isInteger(8) || !weights || (zeroOfWeights && (!zeros || !isAlong(zeroOfWeights, dim))))
    return std::nullopt;
  std::vector<double> most = magnitudesOf(*weights, zeros ? &*zeros : nullptr, dim);
  double reach = reachOf(element, zeroOfInput);
  Value added = biasOf(op);
  auto bias = added ? ConstantReader::get(added) : std::nullopt;
  if (added && !bias)
    return std::nullopt;
  for (auto [c, sum] : llvm::enumerate(most))
    sum = sum * reach + (bias ? std::fabs((double)bias->getInteger(c)) : 0);
  return most;
}

void stateBounds(RequantizeOp op) {
  // Only what is proved here counts.
  op.setFits(false);
  op.setSmallSums(false);
  Operation *contraction = op.getInput().getDefiningOp();
  auto multipliers = ConstantReader::get(op.getMultiplier());
  if (!isContraction(contraction) || !multipliers)
    return;
  auto most = boundsOf(contraction);
  if (!most)
    return;
  int64_t count = multipliers->size();
  RankedTensorType type = multipliers->getType();
  if (count != 1 && (type.getShape().back() != count || count != (int64_t)most->size()))
    return;
  // NaN is no number that is small.
  double sums = 0, steps = 0;
  bool isKnown = true;
  for (auto [c, sum] : llvm::enumerate(*most)) {
    double product = sum * std::fabs(multipliers->getFloat(count == 1 ? 0 : c));
    isKnown &= !std::isnan(product);
    sums = std::max(sums, sum);
    steps = std::max(steps, product);
  }
  op.setSmallSums(sums < 0x1p22);
  op.setFits(isKnown && steps <= 0x1p15 - 512 && typeOf(op.getZeroPoint()).getElementTypeBitWidth() == 8);
}
} // namespace

void stateBounds(func::FuncOp function) {
  function.walk([](RequantizeOp op) { stateBounds(op); });
}

} // namespace nncc
