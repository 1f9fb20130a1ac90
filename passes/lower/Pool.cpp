// Plain loops of pooling, for types and targets without a kernel generator.
#include "dialects/nn/Kinds.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "passes/lower/Window.h"
#include <limits>

using namespace mlir;

namespace nncc {

LogicalResult lowerPool2D(KernelLoops &loops, nn::Pool2DOp op) {
  using Values = SmallVector<Value>;
  LoopBuilder &build = loops.build;
  ScalarMath &math = build.math;
  Type element = loops.elementOf(op.getInput());
  ArrayRef<int64_t> input = loops.typeOf(op.getInput()).getShape(), shape = loops.typeOf(op.getOutput()).getShape();

  enum { N, OH, OW, C, IH, IW, Loops };
  Nest nest;
  nest.extents = {shape[0], shape[1], shape[2], shape[3], 1, 1};
  nest.isReduced.assign(Loops, false);
  // Rows and columns of the input are computed: dims of size 1 have only index 0.
  nest.accesses.push_back(loops.input(op.getInput(), {N, IH, IW, C}, Loops));
  loops.addResult(nest, {N, OH, OW, C});
  if (nest.isEmpty())
    return success();

  auto dim = [&](int d, int64_t size, int64_t pad) {
    return WindowDim{size, op.getKernel()[d], op.getStrides()[d], pad, op.getDilations()[d]};
  };
  WindowDim h = dim(0, input[1], op.getPads()[0]), w = dim(1, input[2], op.getPads()[1]);
  // Padding that is counted: positions of the padded input.
  WindowDim paddedH = dim(0, input[1] + op.getPads()[0] + op.getPads()[2], 0);
  WindowDim paddedW = dim(1, input[2] + op.getPads()[1] + op.getPads()[3], 0);
  bool isMax = op.getKind() == nn::PoolKind::max, isAverage = op.getKind() == nn::PoolKind::average;

  // Long sums go on in f64.
  bool isLong = !isMax && isa<FloatType>(element) && h.kernel * w.kernel > kLongestPlainSum;

  auto pixel = [&](const Cursor &row) {
    Value oh = row.indices[OH], ow = row.indices[OW];
    Value one = math.constant(element, 1.0);
    double start = isMax ? -std::numeric_limits<double>::infinity() : 0;
    Values initial{math.constant(isLong ? Type(build.builder.getF64Type()) : element, start, row.splat())};
    bool countsInside = isAverage && !op.getCountIncludePad();
    if (countsInside)
      initial.push_back(math.constant(element, 0.0));
    Values result = walkWindow(build, h, w, oh, ow, initial, [&](Value ih, Value iw, Value, Value, ValueRange carried) {
      Cursor at = row;
      at.indices[IH] = ih;
      at.indices[IW] = iw;
      Value value = build.load(nest.accesses[0], at);
      if (op.getKind() == nn::PoolKind::l2)
        value = math.binary(nn::kind::mul, value, value, element);
      if (isLong)
        value = math.widenSum(value, element);
      Values next{math.binary(isMax ? nn::kind::max : nn::kind::add, carried[0], value, element)};
      if (countsInside)
        next.push_back(math.binary(nn::kind::add, carried[1], one, element));
      return next;
    });
    Value value = math.narrowSum(result[0], element);
    if (isAverage) {
      Value count = countsInside ? result[1]
                                 : walkWindow(build, paddedH, paddedW, oh, ow, math.constant(element, 0.0),
                                              [&](Value, Value, Value, Value, ValueRange carried) {
                                                return Values{math.binary(nn::kind::add, carried[0], one, element)};
                                              })[0];
      value = math.binary(nn::kind::div, value, build.splat(count, row.lanes), element);
    }
    if (op.getKind() == nn::PoolKind::l2)
      value = math.unary(nn::kind::sqrt, value, element);
    loops.finish(nest, row, value);
  };
  Cursor start;
  start.indices.resize(Loops);
  build.loops(nest, {N, OH, OW}, start, [&](const Cursor &cursor) {
    build.tiles(shape[3], loops.lanes(), [&](Value channel, int64_t lanes) {
      Cursor row = cursor;
      row.indices[C] = channel;
      row.vectorLoop = C;
      row.lanes = lanes;
      pixel(row);
    });
  });
  return success();
}

} // namespace nncc
