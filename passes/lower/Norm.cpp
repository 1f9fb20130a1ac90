// Loops of layer normalization.
#include "dialects/nn/Kinds.h"
#include "passes/lower/KernelLoops.h"

using namespace mlir;

namespace nncc {

LogicalResult lowerLayerNorm(KernelLoops &loops, nn::LayerNormOp op) {
  LoopBuilder &build = loops.build;
  ScalarMath &math = build.math;
  Type element = loops.elementOf(op.getInput());
  ArrayRef<int64_t> shape = loops.typeOf(op.getInput()).getShape();
  int64_t axis = op.getAxis(), rank = shape.size();

  Nest nest;
  nest.extents.assign(shape.begin(), shape.end());
  int64_t count = 1;
  for (int64_t d = 0; d < rank; ++d) {
    nest.isReduced.push_back(d >= axis);
    count *= d >= axis ? shape[d] : 1;
  }
  SmallVector<int> same = sameLoops(rank);
  nest.accesses.push_back(loops.input(op.getInput(), same, rank));
  // Scale and bias have the last dims only.
  auto add = [&](Value operand) -> int {
    if (!operand)
      return -1;
    ArrayRef<int> dims = ArrayRef<int>(same).take_back(loops.typeOf(operand).getRank());
    nest.accesses.push_back(loops.input(operand, dims, rank));
    return nest.accesses.size() - 1;
  };
  int scale = add(op.getScale()), bias = add(op.getBias());
  loops.addResult(nest, same);
  nest.simplify();
  const Access &x = nest.accesses[0];

  Rows rows(build, nest, loops.lanes());
  rows.forEach([&](const Cursor &row) {
    auto mean = [&](function_ref<Value(const Cursor &)> value) {
      Value sum = rows.sum(row, element, value);
      int64_t splat = rows.isAlongRow() ? 0 : row.splat();
      // Divided: a row of one number is its own mean, and has no variance.
      return math.binary(nn::kind::div, sum, math.constant(element, count, splat), element);
    };
    Value center = mean([&](const Cursor &at) { return build.load(x, at); });
    auto centered = [&](const Cursor &at) {
      return math.binary(nn::kind::sub, build.load(x, at), build.splat(center, at.lanes), element);
    };
    // The variance of centered values: the difference of two large sums would cancel.
    Value variance = mean([&](const Cursor &at) {
      Value value = centered(at);
      return math.binary(nn::kind::mul, value, value, element);
    });
    int64_t splat = rows.isAlongRow() ? 0 : row.splat();
    Value epsilon = math.constant(element, op.getEpsilon().convertToDouble(), splat);
    Value factor = math.unary(nn::kind::rsqrt, math.binary(nn::kind::add, variance, epsilon, element), element);
    rows.each(row, [&](const Cursor &at) {
      Value value = math.binary(nn::kind::mul, centered(at), build.splat(factor, at.lanes), element);
      if (scale >= 0)
        value = math.binary(nn::kind::mul, value, build.load(nest.accesses[scale], at), element);
      if (bias >= 0)
        value = math.binary(nn::kind::add, value, build.load(nest.accesses[bias], at), element);
      loops.finish(nest, at, value);
    });
  });
  return success();
}

} // namespace nncc
