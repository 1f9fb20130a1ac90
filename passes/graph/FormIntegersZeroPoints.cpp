// Zero points of inputs that become part of a bias: then no sums of weights are packed, and nothing corrects by them.
#include "dialects/nn/Origin.h"
#include "passes/graph/FormIntegers.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace nncc::nn;

namespace nncc {
namespace {

/// True where every output is the sum of all terms: rows of matrices, or single pixels, none of which is outside of the
/// input.
bool sumsAllTerms(Operation *op) {
  return llvm::TypeSwitch<Operation *, bool>(op)
      .Case([](Conv2DOp conv) {
        auto filter = typeOf(conv.getFilter()).getShape();
        return conv.getGroups() == 1 && filter[1] == 1 && filter[2] == 1 &&
               llvm::all_of(conv.getPads(), [](int64_t pad) { return pad == 0; });
      })
      .Case([](MatMulOp matmul) { return typeOf(matmul.getRhs()).getRank() == 2; })
      .Default(false);
}

/// The bias of each output channel without what `zero` adds to it. error   a bias that is not known: nullopt
std::optional<ElementsAttr> biasWithout(Operation *op, const ConstantReader &weights, int64_t zero) {
  int64_t dim = channelDim(op), channels = weights.getType().getDimSize(dim), inner = 1;
  for (int64_t size : weights.getType().getShape().drop_front(dim + 1))
    inner *= size;
  Value added = biasOf(op);
  auto bias = added ? ConstantReader::get(added) : std::nullopt;
  if (added && (!bias || bias->size() != channels))
    return std::nullopt;
  std::vector<int64_t> sums(channels, 0);
  for (int64_t i = 0, e = weights.size(); i < e; ++i)
    sums[i / inner % channels] += weights.getInteger(i);
  ConstantBuilder numbers(RankedTensorType::get({channels}, IntegerType::get(op->getContext(), 32)));
  for (auto [channel, sum] : llvm::enumerate(sums)) {
    // As far from 0 as the sum itself at most, which is proved to fit.
    int64_t number = (bias ? bias->getInteger(channel) : 0) - zero * sum;
    if (number != static_cast<int32_t>(number))
      return std::nullopt;
    numbers.setInteger(channel, number);
  }
  return numbers.finish(constantName(op->getResult(0)) + ".bias");
}

/// The bias that the zero point of the left side becomes a part of; null where it stays.
///
/// flipped  bytes that the machine reads in the other sign, where 128 vanishes; null: none
Value foldedBias(Operation *op, Value left, Value right, Type flipped) {
  auto zero = left ? ConstantReader::get(left) : std::nullopt,
       zeroOfWeights = right ? ConstantReader::get(right) : std::nullopt,
       weights = ConstantReader::get(op->getOperand(1));
  if (!zero || zero->size() != 1 || !weights || !zeroOfWeights || !zeroOfWeights->isUniform() ||
      zeroOfWeights->getInteger(0) != 0 || !sumsAllTerms(op))
    return {};
  int64_t number = zero->getInteger(0);
  if ((number == 128 || number == -128) && typeOf(op->getOperand(0)).getElementType() == flipped)
    return {};
  auto folded = biasWithout(op, *weights, number);
  OpBuilder builder(op);
  return folded ? ConstantOp::create(builder, op->getLoc(), *folded).getResult() : Value();
}
} // namespace

void foldZeroPoints(func::FuncOp function) {
  auto signs = signToChange(function);
  Type flipped = signs ? signs->first : Type();
  // Operands move where an op loses some: each range is asked for anew.
  function.walk([&](Conv2DOp conv) {
    if (Value bias = foldedBias(conv, conv.getInputZeroPoint(), conv.getFilterZeroPoint(), flipped)) {
      conv.getFilterZeroPointMutable().clear();
      conv.getInputZeroPointMutable().clear();
      conv.getBiasMutable().assign(bias);
    }
  });
  function.walk([&](MatMulOp matmul) {
    if (Value bias = foldedBias(matmul, matmul.getLhsZeroPoint(), matmul.getRhsZeroPoint(), flipped)) {
      matmul.getRhsZeroPointMutable().clear();
      matmul.getLhsZeroPointMutable().clear();
      matmul.getBiasMutable().assign(bias);
    }
  });
}

} // namespace nncc
