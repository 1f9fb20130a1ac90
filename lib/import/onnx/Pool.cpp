// Pooling: windows become nn.pool2d on NHWC (over volumes: of planes, then along the depth), global pools reductions.
#include "dialects/nn/Kinds.h"
#include "lib/import/onnx/Families.h"
#include "lib/import/onnx/ModelFile.h"
#include "lib/import/onnx/Window.h"
#include <limits>

using namespace mlir;
using namespace nncc::nn;

namespace nncc::import {
namespace {

/// The positions of the maxima: one slice per element of the window, the largest so far with its position. Which
/// elements lie in pads is known; the first that does not is taken whatever it is.
///
/// Position is the index into the whole input [N, C, H, W], row-major, or column-major within an image.
void setIndices(Node &node, const Window &window, bool columnMajor) {
  constexpr int64_t kMaxTaps = 128;
  SmallVector<int64_t> x(node.shape(0));
  if (x.size() == 3)
    x.insert(x.begin() + 2, 1);
  size_t dims = window.kernel.size();
  int64_t taps = product(window.kernel);
  if (product(x) > kMaxFoldedInts)
    return node.error("the indices of an input of shape " + describeShape(node.shape(0)) + " are not supported");
  if (taps > kMaxTaps)
    return node.error("the indices of a window of " + Twine(taps) + " elements are not supported",
                      "nncc supports them for up to " + Twine(kMaxTaps) + " elements");
  SmallVector<int64_t> low{0, 0}, high{0, 0}, steps{1, 1};
  low.append(window.pads.begin(), window.pads.begin() + dims);
  steps.append(window.strides);
  for (size_t i = 0; i < dims; ++i)
    high.push_back(window.pads[dims + i] + window.overhang[i]);
  Value input = node.reshape(node.input(0), x), padded = input;
  SmallVector<int64_t> paddedShape;
  for (auto [size, before, after] : llvm::zip(x, low, high))
    paddedShape.push_back(before + size + after);
  if (auto problem = checkShape(paddedShape); problem || product(paddedShape) > kMaxFoldedInts)
    return node.error("the indices of an input padded to " + describeShape(paddedShape) + " are not supported");
  if (paddedShape != x)
    padded = node.make<PadOp>(PadMode::constant, input, low, high, node.builder.getF64FloatAttr(0));
  if (!padded)
    return;
  SmallVector<int64_t> out{x[0], x[1]}, mapShape{1, 1}, strides(dims, 1);
  for (size_t i = 0; i < dims; ++i)
    out.push_back((paddedShape[2 + i] - window.dilations[i] * (window.kernel[i] - 1) - 1) / window.strides[i] + 1);
  mapShape.append(out.begin() + 2, out.end());
  for (size_t i = 1; i < dims; ++i) {
    size_t to = columnMajor ? i : dims - 1 - i, from = columnMajor ? i - 1 : dims - i;
    strides[to] = strides[from] * x[2 + from];
  }
  Value best, position;
  SmallVector<int64_t> hasOne(product(mapShape), false);
  forEachPosition(window.kernel, [&](ArrayRef<int64_t> step) {
    SmallVector<int64_t> starts{0, 0}, here, mayTake, mustTake;
    for (size_t i = 0; i < dims; ++i)
      starts.push_back(step[i] * window.dilations[i]);
    forEachPosition(ArrayRef(out).drop_front(2), [&](ArrayRef<int64_t> at) {
      int64_t index = 0;
      bool isInside = true;
      for (size_t i = 0; i < dims; ++i) {
        int64_t of = at[i] * steps[2 + i] + starts[2 + i] - low[2 + i];
        isInside &= of >= 0 && of < x[2 + i];
        index += of * strides[i];
      }
      bool isFirst = isInside && !hasOne[here.size()];
      hasOne[here.size()] |= isInside;
      here.push_back(index);
      mayTake.push_back(isInside);
      mustTake.push_back(isFirst);
    });
    Value tap = node.make<SliceOp>(padded, starts, out, steps);
    Value indices = node.constant(here, mapShape, node.builder.getI64Type());
    if (!best) {
      best = tap;
      position = node.expand(indices, out);
      return;
    }
    auto take = [&](Value where) {
      position = node.select(where, indices, position);
      best = node.select(where, tap, best);
    };
    auto mask = [&](ArrayRef<int64_t> values) { return node.constant(values, mapShape, node.builder.getI1Type()); };
    if (llvm::is_contained(mustTake, 1))
      take(mask(mustTake));
    Value isLarger = node.binary(kind::greater, tap, best);
    take(llvm::is_contained(mayTake, 0) ? node.binary(kind::logical_and, isLarger, mask(mayTake)) : isLarger);
  });
  SmallVector<int64_t> images, imageShape(out.size(), 1);
  int64_t imageSize = product(ArrayRef(x).drop_front(2));
  for (int64_t i = 0; i < x[0] * x[1]; ++i)
    images.push_back(i * imageSize);
  imageShape[0] = x[0];
  imageShape[1] = x[1];
  Value base = node.constant(images, imageShape, node.builder.getI64Type());
  Value result = node.binary(kind::add, position, base);
  if (node.rank(0) == 3 && result)
    out.erase(out.begin() + 2);
  node.set(1, node.reshape(result, out));
}

/// Pools an image; a volume plane by plane, then along its depth: a window's maximum, norm and number of elements are
/// made of those of its planes.
Value pool(Node &node, PoolKind kind, Value x, const Window &window, bool countsPads) {
  if (!x)
    return {};
  if (rankOf(x) == 4)
    return node.make<Pool2DOp>(kind, x, window.kernel, window.strides, window.pads, window.dilations, window.overhang,
                               countsPads);
  VolumeWindow of(window);
  int64_t batch = shapeOf(x)[0], depth = shapeOf(x)[1];
  Type type = elementOf(x), wide = kind == PoolKind::max ? type : wideType(type);
  Value planes = pool(node, kind, toPlanes(node, node.cast(x, wide)), of.plane, countsPads);
  if (!planes)
    return {};
  int64_t height = shapeOf(planes)[1], width = shapeOf(planes)[2], channels = shapeOf(planes)[3];
  Value columns = node.reshape(planes, {batch, depth, height * width, channels});
  columns = pool(node, kind, columns, of.depth, countsPads);
  if (!columns)
    return {};
  return node.cast(node.reshape(columns, {batch, shapeOf(columns)[1], height, width, channels}), type);
}

void importWindow(Node &node, PoolKind kind) {
  if (!node.requireNumber(0))
    return;
  if (!node.requireRank(0, 3, 5))
    return;
  ArrayRef<int64_t> x = node.shape(0);
  bool isMax = kind == PoolKind::max;
  // Dilations came to MaxPool in opset 10, to AveragePool in 19, to LpPool in 18.
  Window window = readWindow(node, x.drop_front(2), {}, /*hasDilations=*/isMax || node.has("dilations"));
  if (node.flag("ceil_mode", false))
    roundUp(window, x.drop_front(2));
  bool countsPads = kind == PoolKind::average && node.flag("count_include_pad", false);
  bool columnMajor = isMax && node.flag("storage_order", false);
  Value result = pool(node, kind, node.toImage(node.input(0)), window, countsPads);
  node.set(0, node.fromImage(result, x.size(), 0));
  if (isMax && node.wants(1) && result)
    setIndices(node, window, columnMajor);
}

/// The maximum of windows over what has its channels last. com.microsoft
void importNhwcMaxPool(Node &node) {
  if (!node.requireNumber(0) || !node.requireRank(0, 3, 5))
    return;
  ArrayRef<int64_t> sizes = node.shape(0).drop_front().drop_back();
  Window window = readWindow(node, sizes, {});
  if (node.flag("ceil_mode", false))
    roundUp(window, sizes);
  Value result = pool(node, PoolKind::max, imageOfChannelsLast(node, node.input(0)), window, false);
  node.set(0, toChannelsLast(node, result, node.rank(0)));
}

void importMaxPool(Node &node) { importWindow(node, PoolKind::max); }

void importAveragePool(Node &node) {
  if (node.requireFloat(0))
    importWindow(node, PoolKind::average);
}

/// |x|^p
Value powersOf(Node &node, Value x, int64_t p) {
  Value size = node.unary(kind::abs, x);
  return p > 1 && size ? node.binary(kind::pow, size, node.scalar(p, size)) : size;
}

/// x^(1 / p)
Value rootOf(Node &node, Value x, int64_t p) {
  return p > 1 && x ? node.binary(kind::pow, x, node.scalar(1.0 / p, x)) : x;
}

/// (sum of |x|^p) ^ (1 / p): a mean that counts pads, times their number.
void importPowerPool(Node &node, int64_t p) {
  if (!node.requireRank(0, 3, 5))
    return;
  ArrayRef<int64_t> x = node.shape(0);
  Type type = node.type(0).getElementType();
  Window window = readWindow(node, x.drop_front(2), {}, /*hasDilations=*/true);
  if (node.flag("ceil_mode", false))
    roundUp(window, x.drop_front(2));
  // What ceil_mode adds behind the input counts as pads do.
  for (auto [i, overhang] : llvm::enumerate(window.overhang)) {
    window.pads[window.kernel.size() + i] += overhang;
    overhang = 0;
  }
  Value powers = powersOf(node, node.cast(node.toImage(node.input(0)), wideType(type)), p);
  Value mean = pool(node, PoolKind::average, powers, window, /*countsPads=*/true);
  if (!mean)
    return;
  Value sum = node.binary(kind::mul, mean, node.scalar(product(window.kernel), mean));
  node.set(0, node.fromImage(node.cast(rootOf(node, sum, p), type), x.size(), 0));
}

void importLpPool(Node &node) {
  int64_t p = node.integer("p", 2);
  if (p < 1)
    return node.error("p " + Twine(p) + " must be positive");
  if (!node.requireFloat(0))
    return;
  if (p == 2)
    return importWindow(node, PoolKind::l2);
  importPowerPool(node, p);
}

/// Over all spatial dims; the p-th root of sums of the p-th powers. Images are reduced in NHWC, where the neighbours'
/// transposes meet.
void importGlobal(Node &node, ReduceKind kind, int64_t p = 1) {
  if (!node.requireFloat(0) || !node.requireRank(0, 2, 8))
    return;
  int64_t rank = node.rank(0);
  Value x = node.input(0);
  Type type = elementOf(x);
  if (p > 1)
    x = powersOf(node, node.cast(x, wideType(type)), p);
  bool isImage = rank == 4;
  Value result = isImage ? node.reduce(kind, node.toImage(x), {1, 2})
                         : node.reduce(kind, x, llvm::to_vector(llvm::seq<int64_t>(2, rank)));
  result = node.cast(rootOf(node, result, p), type);
  node.set(0, isImage ? node.fromImage(result, rank, 0) : result);
}

void importGlobalAveragePool(Node &node) { importGlobal(node, ReduceKind::mean); }
void importGlobalMaxPool(Node &node) { importGlobal(node, ReduceKind::max); }
void importGlobalLpPool(Node &node) {
  int64_t p = node.integer("p", 2);
  if (p < 1)
    return node.error("p " + Twine(p) + " must be positive");
  if (p == 2)
    return importGlobal(node, ReduceKind::l2);
  importGlobal(node, p == 1 ? ReduceKind::l1 : ReduceKind::sum, p);
}

const OpEntry kOps[] = {
    {"MaxPool", 1, 1, importMaxPool},
    {"NhwcMaxPool", 1, 1, importNhwcMaxPool, "com.microsoft"},
    {"AveragePool", 1, 1, importAveragePool},
    {"LpPool", 1, 1, importLpPool},
    {"GlobalAveragePool", 1, 1, importGlobalAveragePool},
    {"GlobalMaxPool", 1, 1, importGlobalMaxPool},
    {"GlobalLpPool", 1, 1, importGlobalLpPool},
};
} // namespace

ArrayRef<OpEntry> poolOps() { return kOps; }

} // namespace nncc::import
