// Loops of matrix multiplication where no kernel generator has a tile for it: dot products of contiguous rows, and
// plain loops for all other types and targets.
#include "dialects/nn/Kinds.h"
#include "passes/lower/DotProducts.h"

using namespace mlir;

namespace nncc {

LogicalResult lowerMatMul(KernelLoops &loops, nn::MatMulOp op) {
  LoopBuilder &build = loops.build;
  ScalarMath &math = build.math;
  Type element = loops.elementOf(op.getOutput());
  ArrayRef<int64_t> shape = loops.typeOf(op.getOutput()).getShape();
  int64_t depth = loops.typeOf(op.getLhs()).getShape().back();

  // Loops: the batch dims, M, N, then K, which is reduced.
  int rank = shape.size(), m = rank - 2, n = rank - 1, k = rank;
  Nest nest;
  nest.extents.assign(shape.begin(), shape.end());
  nest.extents.push_back(depth);
  nest.isReduced.assign(rank, false);
  nest.isReduced.push_back(true);
  SmallVector<int> result = sameLoops(rank), lhs = result, rhs = result;
  lhs[rank - 2] = m;
  lhs[rank - 1] = k;
  rhs[rank - 2] = op.getTransposeB() ? n : k;
  rhs[rank - 1] = op.getTransposeB() ? k : n;
  // The right-hand side comes first: vectors run where it is contiguous.
  nest.accesses.push_back(loops.input(op.getRhs(), rhs, rank + 1));
  nest.accesses.push_back(loops.input(op.getLhs(), lhs, rank + 1));
  bool hasBias = op.getBias() != nullptr;
  if (hasBias)
    nest.accesses.push_back(loops.input(op.getBias(), {n}, rank + 1));
  auto zeroPoint = [&](Value zero, ArrayRef<int> loopOfDim) -> std::optional<size_t> {
    if (!zero)
      return std::nullopt;
    nest.accesses.push_back(loops.input(zero, loopOfDim, rank + 1));
    return nest.accesses.size() - 1;
  };
  Factor right(build, nest, 0, zeroPoint(op.getRhsZeroPoint(), rhs));
  Factor left(build, nest, 1, zeroPoint(op.getLhsZeroPoint(), lhs));
  loops.addResult(nest, result);
  nest.simplify();

  DotProducts dots(build, nest, {right, left}, element, loops.lanes());
  if (dots.fits()) {
    dots.forEach([&](const Cursor &at, Value sums) {
      if (hasBias)
        sums = math.binary(nn::kind::add, sums, build.load(nest.accesses[2], at), element);
      loops.finish(nest, at, sums);
    });
    return success();
  }

  Rows rows(build, nest, loops.lanes());
  rows.forEach([&](const Cursor &row) {
    Value sum = rows.sum(row, element, [&](const Cursor &at) {
      return math.binary(nn::kind::mul, left.load(at), right.load(at), element);
    });
    if (hasBias)
      sum = math.binary(nn::kind::add, sum, build.load(nest.accesses[2], row), element);
    loops.finish(nest, row, sum);
  });
  return success();
}

} // namespace nncc
