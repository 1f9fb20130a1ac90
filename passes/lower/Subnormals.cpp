// Many processors take a hundred cycles and more for an operation on a subnormal number, and trained weights are full
// of them where a regularizer has shrunk channels that nothing needs. Beside the other terms of a sum they are nothing.
#include "passes/lower/Subnormals.h"
#include "dialects/nn/BinaryKind.h"
#include "dialects/nn/ErrorGrowth.h"

using namespace mlir;
using namespace nncc::nn;

namespace nncc {

static bool isFloat(Value value) { return isa<FloatType>(getElementTypeOrSelf(value)); }

/// A constant none of whose elements is subnormal, which takes no more than a look at one of them.
static bool isNormalNumber(Value value) {
  auto constant = dyn_cast_or_null<SplatElementsAttr>(getConstantValue(value));
  return constant && isa<FloatType>(constant.getElementType()) && constant.getSplatValue<APFloat>().isNormal();
}

/// True when an operand that is 0 instead of subnormal changes the result by a number of that size.
static bool isSteady(UnaryOp op) {
  switch (errorGrowth(op.getKind())) {
  case ErrorGrowth::relative:
  case ErrorGrowth::absolute:
  case ErrorGrowth::drowned:
    return true;
  case ErrorGrowth::steepAtZero:
  case ErrorGrowth::unbounded:
    return false;
  }
  llvm_unreachable("no other growth");
}

/// As for functions of one element.
static bool isSteady(BinaryOp op) {
  switch (op.getKind()) {
  case BinaryKind::add:
  case BinaryKind::sub:
  case BinaryKind::mul:
  case BinaryKind::min:
  case BinaryKind::max:
  case BinaryKind::prelu:
    return true;
  case BinaryKind::div:
    return isNormalNumber(op.getRhs());
  default: // comparisons, remainders, powers
    return false;
  }
}

static bool isSteady(Operation &op) {
  if (auto unary = dyn_cast<UnaryOp>(op))
    return isSteady(unary);
  if (auto binary = dyn_cast<BinaryOp>(op))
    return isSteady(binary);
  if (auto cast = dyn_cast<CastOp>(op))
    return isFloat(cast.getInput()) && isFloat(cast);
  if (auto softmax = dyn_cast<SoftmaxOp>(op))
    return !softmax.getLog(); // e^x next to 1
  return isa<ConstantOp, SelectOp, TransposeOp>(op) || op.hasTrait<OpTrait::IsTerminator>();
}

bool mayFlushSubnormals(KernelOp kernel) {
  bool contracts = false;
  for (Operation &op : kernel.getBody().front()) {
    if (isa<Conv2DOp, ConvTranspose2DOp, MatMulOp, MatMulWidenedOp>(op) && isFloat(op.getOperand(0)))
      contracts = true;
    else if (!isSteady(op))
      return false;
  }
  return contracts;
}

} // namespace nncc
