// Loops of convolutions that no kernel generator takes: one output channel of single pixels, and plain loops for other
// types and targets.
#include "dialects/nn/Kinds.h"
#include "passes/lower/DotProducts.h"
#include "passes/lower/Window.h"

using namespace mlir;

namespace nncc {

using Values = SmallVector<Value>;

/// Both kinds of convolution; they differ in which input pixel a tap falls on.
///
/// input  N x H x W x C, filter O x KH x KW x C/groups, output N x H' x W' x O
template <typename ConvOp>
static LogicalResult convolve(KernelLoops &loops, ConvOp op, const WindowDim &h, const WindowDim &w) {
  Value input = op.getInput(), filter = op.getFilter(), bias = op.getBias(), output = op.getOutput();
  int64_t groups = op.getGroups();
  LoopBuilder &build = loops.build;
  ScalarMath &math = build.math;
  Type element = loops.elementOf(output);
  ArrayRef<int64_t> shape = loops.typeOf(output).getShape();
  int64_t perGroup = loops.typeOf(filter).getDimSize(3), outputsPerGroup = shape[3] / groups;

  // Loops: batch, output row and column, group, output of the group, channel of the group; then what is computed:
  // input row and column, tap row and column.
  enum { N, OH, OW, G, O, C, IH, IW, KH, KW, Loops };
  Nest nest;
  nest.extents = {shape[0], shape[1], shape[2], groups, outputsPerGroup, perGroup, 1, 1, 1, 1};
  nest.isReduced.assign(Loops, false);
  auto strided = [](Access access, std::initializer_list<std::pair<int, int64_t>> strides) {
    access.strides.assign(Loops, 0);
    for (auto [loop, stride] : strides)
      access.strides[loop] = stride;
    return access;
  };
  auto stridesOf = [](Value memory) {
    SmallVector<int64_t> strides;
    int64_t offset;
    (void)cast<MemRefType>(memory.getType()).getStridesAndOffset(strides, offset);
    return strides;
  };
  Value x = loops.memory(input), f = loops.memory(filter);
  SmallVector<int64_t> xs = stridesOf(x), fs = stridesOf(f);
  nest.accesses.push_back(strided(build.flatten(x, loops.elementOf(input)),
                                  {{N, xs[0]}, {IH, xs[1]}, {IW, xs[2]}, {G, xs[3] * perGroup}, {C, xs[3]}}));
  nest.accesses.push_back(strided(build.flatten(f, loops.elementOf(filter)),
                                  {{G, fs[0] * outputsPerGroup}, {O, fs[0]}, {KH, fs[1]}, {KW, fs[2]}, {C, fs[3]}}));
  bool hasBias = bias != nullptr;
  // One number, or one for each output channel.
  auto perChannel = [&](Value operand) {
    Value memory = loops.memory(operand);
    int64_t stride = loops.typeOf(operand).getNumElements() == 1 ? 0 : stridesOf(memory)[0];
    nest.accesses.push_back(
        strided(build.flatten(memory, loops.elementOf(operand)), {{G, stride * outputsPerGroup}, {O, stride}}));
    return nest.accesses.size() - 1;
  };
  if (hasBias)
    perChannel(bias);
  auto zeroPoint = [&](Value zero) { return zero ? std::optional(perChannel(zero)) : std::nullopt; };
  Factor pixels(build, nest, 0, zeroPoint(op.getInputZeroPoint()));
  Factor weights(build, nest, 1, zeroPoint(op.getFilterZeroPoint()), element);
  // The result and what the epilogue reads: the last dim is two loops.
  size_t firstResult = nest.accesses.size();
  loops.addResult(nest, {N, OH, OW, O});
  for (Access &access : MutableArrayRef<Access>(nest.accesses).drop_front(firstResult))
    access.strides[G] = access.strides[O] * outputsPerGroup;
  if (nest.isEmpty())
    return success();

  // One channel per group (depthwise): vectors of groups. Else: vectors of channels, added up at the end.
  bool isDepthwise = perGroup == 1 && outputsPerGroup == 1;
  int64_t lanes = loops.lanes();
  // Taps of large windows are added up in f64.
  bool isLong = isa<FloatType>(element) && h.kernel * w.kernel > kLongestPlainSum;
  auto zero = [&](Type type, int64_t splat) { return math.constant(type, 0.0, splat); };
  auto pixel = [&](const Cursor &row) {
    // step(at, sum) adds the products of one tap to a sum.
    auto through = [&](int64_t splat, function_ref<Value(const Cursor &, Value)> step) {
      Value initial = zero(isLong ? Type(build.builder.getF64Type()) : element, splat);
      Value sum = walkWindow(build, h, w, row.indices[OH], row.indices[OW], initial,
                             [&](Value ih, Value iw, Value kh, Value kw, ValueRange carried) {
                               Cursor at = row;
                               at.indices[IH] = ih;
                               at.indices[IW] = iw;
                               at.indices[KH] = kh;
                               at.indices[KW] = kw;
                               if (!isLong)
                                 return Values{step(at, carried[0])};
                               Value ofTap = math.widenSum(step(at, zero(element, splat)), element);
                               return Values{math.binary(nn::kind::add, carried[0], ofTap, element)};
                             })[0];
      return math.narrowSum(sum, element);
    };
    auto multiplyAdd = [&](const Cursor &at, Value sum) {
      Value product = math.binary(nn::kind::mul, pixels.load(at), weights.load(at), element);
      return math.binary(nn::kind::add, sum, product, element);
    };
    Value sum;
    if (isDepthwise) {
      sum = through(row.splat(), multiplyAdd);
    } else {
      for (TilePiece piece : build.cutTiles(perGroup, lanes)) {
        int64_t splat = piece.lanes > 1 ? piece.lanes : 0;
        Value partial = through(splat, [&](const Cursor &at, Value carried) {
          return build.loop(build.index(piece.begin), build.index(piece.begin + piece.count * piece.lanes), piece.lanes,
                            carried, [&](Value c, ValueRange sum) {
                              Cursor here = at;
                              here.indices[C] = c;
                              here.vectorLoop = C;
                              here.lanes = piece.lanes;
                              return Values{multiplyAdd(here, sum[0])};
                            })[0];
        });
        for (int64_t width = piece.lanes; width > 1; width /= 2)
          partial = math.binary(nn::kind::add, build.lanes(partial, 0, width / 2),
                                build.lanes(partial, width / 2, width / 2), element);
        sum = sum ? math.binary(nn::kind::add, sum, partial, element) : partial;
      }
    }
    if (hasBias)
      sum = math.binary(nn::kind::add, sum, build.load(nest.accesses[2], row), element);
    loops.finish(nest, row, sum);
  };
  Cursor start;
  start.indices.resize(Loops);
  if (!isDepthwise) {
    build.loops(nest, {N, OH, OW, G, O}, start, pixel);
    return success();
  }
  build.loops(nest, {N, OH, OW}, start, [&](const Cursor &cursor) {
    build.tiles(groups, lanes, [&](Value group, int64_t count) {
      Cursor row = cursor;
      row.indices[G] = group;
      row.vectorLoop = G;
      row.lanes = count;
      pixel(row);
    });
  });
  return success();
}

/// Dot products of pixels with one filter; false, with nothing written, where memory does not lie for them.
static bool dotProducts(KernelLoops &loops, nn::Conv2DOp op) {
  LoopBuilder &build = loops.build;
  Type element = loops.elementOf(op.getOutput());
  ArrayRef<int64_t> input = loops.typeOf(op.getInput()).getShape();
  Nest nest;
  nest.extents.assign(input.begin(), input.end());
  nest.isReduced = {false, false, false, true};
  nest.accesses.push_back(loops.input(op.getInput(), {0, 1, 2, 3}, 4));
  nest.accesses.push_back(loops.input(op.getFilter(), {-1, -1, -1, 3}, 4));
  if (op.getBias())
    nest.accesses.push_back(loops.input(op.getBias(), {-1}, 4));
  auto zeroPoint = [&](Value zero) -> std::optional<size_t> {
    if (!zero)
      return std::nullopt;
    nest.accesses.push_back(loops.input(zero, {-1}, 4));
    return nest.accesses.size() - 1;
  };
  Factor pixels(build, nest, 0, zeroPoint(op.getInputZeroPoint()));
  Factor weights(build, nest, 1, zeroPoint(op.getFilterZeroPoint()), element);
  loops.addResult(nest, {0, 1, 2, -1});
  nest.simplify();
  DotProducts dots(build, nest, {pixels, weights}, element, loops.lanes());
  if (!dots.fits())
    return false;
  dots.forEach([&](const Cursor &at, Value sums) {
    if (op.getBias())
      sums = build.math.binary(nn::kind::add, sums, build.load(nest.accesses[2], at), element);
    loops.finish(nest, at, sums);
  });
  return true;
}

LogicalResult lowerConv2D(KernelLoops &loops, nn::Conv2DOp op) {
  if (isDotProducts(op) && dotProducts(loops, op))
    return success();
  ArrayRef<int64_t> input = loops.typeOf(op.getInput()).getShape(), filter = loops.typeOf(op.getFilter()).getShape();
  auto dim = [&](int d) {
    return WindowDim{input[1 + d], filter[1 + d], op.getStrides()[d], op.getPads()[d], op.getDilations()[d]};
  };
  return convolve(loops, op, dim(0), dim(1));
}

LogicalResult lowerConvTranspose2D(KernelLoops &loops, nn::ConvTranspose2DOp op) {
  ArrayRef<int64_t> input = loops.typeOf(op.getInput()).getShape(), filter = loops.typeOf(op.getFilter()).getShape();
  auto dim = [&](int d) {
    return WindowDim{input[1 + d], filter[1 + d], op.getStrides()[d], op.getPads()[d], op.getDilations()[d], true};
  };
  return convolve(loops, op, dim(0), dim(1));
}

} // namespace nncc
