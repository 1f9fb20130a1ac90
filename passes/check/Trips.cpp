// See Trips.h.
#include "passes/check/Trips.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace nncc {

/// An index without the constants that are added to it, and their sum; null: it is a constant.
static std::pair<Value, int64_t> splitConstant(Value value) {
  int64_t sum = 0;
  while (true) {
    if (auto number = getConstantIntValue(value))
      return {nullptr, sum + *number};
    Operation *op = value.getDefiningOp();
    auto number = isa_and_nonnull<arith::AddIOp, arith::SubIOp>(op) ? getConstantIntValue(op->getOperand(1))
                                                                    : std::optional<int64_t>();
    if (!number)
      return {value, sum};
    sum += isa<arith::AddIOp>(op) ? *number : -*number;
    value = op->getOperand(0);
  }
}

std::optional<int64_t> constantDistance(Value from, Value to) {
  auto [base, number] = splitConstant(from);
  auto [otherBase, otherNumber] = splitConstant(to);
  return base == otherBase ? std::optional<int64_t>(otherNumber - number) : std::nullopt;
}

std::optional<int64_t> constantTrips(scf::ForOp loop) {
  auto step = getConstantIntValue(loop.getStep()),
       distance = constantDistance(loop.getLowerBound(), loop.getUpperBound());
  if (!step || *step <= 0 || !distance)
    return std::nullopt;
  return *distance > 0 ? llvm::divideCeilSigned(*distance, *step) : 0;
}

} // namespace nncc
