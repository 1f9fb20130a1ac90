// Zero points of inputs that become part of a bias: then no sums of weights are packed, and nothing corrects by them.
// Zero points of weights that become sums of inputs: sum((x - zx) * (w - zw)) = sum((x - zx) * w) - zw * sum(x - zx).
#include "dialects/nn/Kinds.h"
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

/// Integers of a shape, all of them one number.
Value allOf(OpBuilder &builder, Location loc, ArrayRef<int64_t> shape, Type element, int64_t number) {
  auto type = RankedTensorType::get(shape, element);
  return ConstantOp::create(builder, loc, DenseElementsAttr::get(type, builder.getIntegerAttr(element, number)));
}

/// The weights as i8, `shift` less.
Value signedWeights(OpBuilder &builder, Value old, const ConstantReader &weights, int64_t shift) {
  ConstantBuilder numbers(RankedTensorType::get(weights.getType().getShape(), builder.getI8Type()));
  for (int64_t i = 0, e = weights.size(); i < e; ++i)
    numbers.setInteger(i, weights.getInteger(i) - shift);
  return ConstantOp::create(builder, old.getLoc(), numbers.finish(constantName(old)));
}

/// What is multiplied by each zero point, [..., 1], or [..., channels] where the channels of groups read other inputs.
Value sumsOfInputs(OpBuilder &builder, Operation *op, Value leftZero, Value noZero) {
  auto conv = dyn_cast<Conv2DOp>(op);
  auto transposed = dyn_cast<ConvTranspose2DOp>(op);
  bool hasGroups = (conv && conv.getGroups() > 1) || (transposed && transposed.getGroups() > 1);
  RankedTensorType type = typeOf(op->getResult(0));
  SmallVector<int64_t> ones(typeOf(op->getOperand(1)).getShape()), sums(type.getShape());
  if (!hasGroups)
    ones[channelDim(op)] = sums.back() = 1;
  Location loc = op->getLoc();
  return contractLike(builder, loc, op, type.clone(sums),
                      {op->getOperand(0), allOf(builder, loc, ones, builder.getI8Type(), 1), {}, leftZero, noZero});
}

/// What the right zero points take from each sum: their negatives, less what the weights are shifted by. Null where
/// they are no constants of channels, or all are 0.
Value negatedZeros(OpBuilder &builder, Operation *op, Value right, int64_t shift) {
  auto zeros = right ? ConstantReader::get(right) : std::nullopt;
  if (right && (!zeros || !isAlong(right, channelDim(op))))
    return {};
  int64_t count = zeros ? zeros->size() : 1;
  SmallVector<int64_t> shape(typeOf(op->getResult(0)).getRank(), 1);
  shape.back() = count;
  ConstantBuilder numbers(RankedTensorType::get(shape, builder.getI32Type()));
  bool isZero = true;
  for (int64_t i = 0; i < count; ++i) {
    int64_t number = shift - (zeros ? zeros->getInteger(i) : 0);
    isZero &= number == 0;
    numbers.setInteger(i, number);
  }
  return isZero ? Value() : ConstantOp::create(builder, op->getLoc(), numbers.finish("")).getResult();
}

void subtractZeroPoints(Operation *op) {
  constexpr int64_t leastChannels = 4; // the sums of inputs cost as much as one
  Value old = op->getOperand(1);
  RankedTensorType type = typeOf(op->getResult(0));
  auto weights = typeOf(old).getElementType().isInteger(8) ? ConstantReader::get(old) : std::nullopt;
  if (!weights || !type.getElementType().isInteger(32) || type.getShape().back() < leastChannels)
    return;
  auto [left, right] = zeroPointsOf(op);
  IRRewriter rewriter(op);
  int64_t shift = typeOf(old).getElementType().isUnsignedInteger() ? 128 : 0;
  Value negated = negatedZeros(rewriter, op, right, shift);
  if (!negated)
    return;
  Location loc = op->getLoc();
  Value noZero;
  if (right)
    noZero = allOf(rewriter, loc, SmallVector<int64_t>(typeOf(right).getRank(), 1), rewriter.getI8Type(), 0);
  Value sums = contractLike(
      rewriter, loc, op, type,
      {op->getOperand(0), shift ? signedWeights(rewriter, old, *weights, shift) : old, biasOf(op), left, noZero});
  Value inputs = sumsOfInputs(rewriter, op, left, noZero);
  Value taken = BinaryOp::create(rewriter, loc, kind::mul, inputs, negated);
  Value result = BinaryOp::create(rewriter, loc, kind::add, sums, taken);
  carryOrigin(op->getResult(0), result);
  rewriter.replaceOp(op, result);
}
} // namespace

void subtractZeroPoints(func::FuncOp function) {
  SmallVector<Operation *> contractions;
  function.walk([&](Operation *op) {
    if (isContraction(op))
      contractions.push_back(op);
  });
  for (Operation *op : contractions)
    subtractZeroPoints(op);
}

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
