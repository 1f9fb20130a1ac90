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

LogicalResult lowerMatMulWidened(KernelLoops &loops, nn::MatMulWidenedOp op) {
  LoopBuilder &build = loops.build;
  ScalarMath &math = build.math;
  ArrayRef<int64_t> right = loops.typeOf(op.getRhs()).getShape();
  int64_t depth = right[0], columns = right[1], block = op.getBlock();
  Type f32 = loops.elementOf(op.getOutput()), i32 = build.builder.getI32Type();
  Type stored = loops.elementOf(op.getRhs());

  // The block of k is no loop, but an index that follows from that of K.
  enum : int { M, N, K, Block, Count };
  Nest nest;
  nest.extents = {loops.typeOf(op.getOutput()).getDimSize(0), columns, depth, (int64_t)llvm::divideCeil(depth, block)};
  nest.isReduced = {false, false, true, true};
  auto add = [&](Value operand, ArrayRef<int> loopOfDim) {
    nest.accesses.push_back(loops.input(operand, loopOfDim, Count));
    return nest.accesses.size() - 1;
  };
  size_t left = add(op.getLhs(), {M, K}), rhs = add(op.getRhs(), {K, N});
  std::optional<size_t> scale, zero;
  if (op.getScale())
    scale = add(op.getScale(), {Block, N});
  if (op.getZeroPoint())
    zero = add(op.getZeroPoint(), {Block, N});
  loops.addResult(nest, {M, N});
  auto load = [&](size_t access, const Cursor &at) { return build.load(nest.accesses[access], at); };
  auto factor = [&](const Cursor &at) {
    Value value = load(rhs, at);
    if (!scale)
      return math.cast(value, stored, f32);
    value = math.cast(value, stored, i32);
    if (zero)
      value = math.binary(nn::kind::sub, value, math.cast(load(*zero, at), stored, i32), i32);
    Value scaled = math.cast(load(*scale, at), loops.elementOf(op.getScale()), f32);
    return math.binary(nn::kind::mul, math.cast(value, i32, f32), scaled, f32);
  };

  Cursor start;
  start.indices.assign(Count, Value());
  build.loops(nest, {M}, start, [&](const Cursor &row) {
    build.tiles(columns, loops.lanes(), [&](Value first, int64_t lanes) {
      Cursor tile = row;
      tile.indices[N] = first;
      tile.vectorLoop = N;
      tile.lanes = lanes;
      auto sumOf = [&](Value begin, Value end, Value before) {
        return build.loop(begin, end, 1, before, [&](Value k, ValueRange carried) {
          Cursor at = tile;
          at.indices[K] = k;
          at.indices[Block] = arith::DivUIOp::create(build.builder, build.loc, k, build.index(block));
          Value a = build.splat(load(left, at), at.splat());
          Value product = math.binary(nn::kind::mul, a, factor(at), f32);
          return SmallVector<Value>{math.binary(nn::kind::add, carried[0], product, f32)};
        })[0];
      };
      Value total = math.constant(build.builder.getF64Type(), 0.0, tile.splat());
      total = build.loop(build.index(0), build.index(depth), kSumBlock, total, [&](Value begin, ValueRange carried) {
        Value end = arith::MinUIOp::create(build.builder, build.loc, build.add(begin, build.index(kSumBlock)),
                                           build.index(depth));
        Value sum = sumOf(begin, end, math.constant(f32, 0.0, tile.splat()));
        return SmallVector<Value>{
            math.binary(nn::kind::add, carried[0], math.widenSum(sum, f32), build.builder.getF64Type())};
      })[0];
      loops.finish(nest, tile, math.narrowSum(total, f32));
    });
  });
  return success();
}

} // namespace nncc
