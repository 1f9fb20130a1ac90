// Operators that cut, join, extend and repeat: Slice, Split, Concat, Pad, Expand, Tile, Col2Im.
#include "dialects/nn/ConstantData.h"
#include "dialects/nn/Kinds.h"
#include "lib/import/onnx/Families.h"
#include "lib/import/onnx/ModelFile.h"
#include "lib/import/onnx/Window.h"

using namespace mlir;
using namespace nncc::nn;

namespace nncc::import {
namespace {

/// Attributes in opset 1, inputs since 10. Ends beyond a dim are cut off, negative ones count from the end.
void importSlice(Node &node) {
  SmallVector<int64_t> starts, ends, axes, steps;
  if (node.opset() < 10) {
    starts = node.integers("starts");
    ends = node.integers("ends");
    axes = node.integers("axes");
  } else {
    auto read = [&](size_t i, StringRef meaning, SmallVector<int64_t> &to) {
      if (!node.hasInput(i))
        return;
      if (auto given = node.integersOf(i, meaning))
        to = *given;
    };
    read(1, "starts", starts);
    read(2, "ends", ends);
    read(3, "axes", axes);
    read(4, "steps", steps);
  }
  if (node.failed())
    return;
  ArrayRef<int64_t> shape = node.shape(0);
  int64_t rank = shape.size();
  if (axes.empty())
    axes = llvm::to_vector(llvm::seq<int64_t>(0, starts.size()));
  if (steps.empty())
    steps.assign(starts.size(), 1);
  if (ends.size() != starts.size() || axes.size() != starts.size() || steps.size() != starts.size())
    return node.error("starts, ends, axes and steps have " + Twine(starts.size()) + ", " + Twine(ends.size()) + ", " +
                      Twine(axes.size()) + " and " + Twine(steps.size()) + " values");
  node.axes(axes, rank); // no axis twice
  SmallVector<int64_t> from(rank, 0), sizes(shape), strides(rank, 1);
  for (size_t i = 0; i < starts.size() && !node.failed(); ++i) {
    int64_t axis = node.axis(axes[i], rank), step = steps[i];
    if (node.failed())
      return;
    if (step == 0)
      return node.error("a step is 0");
    int64_t dim = shape[axis];
    // Bounds of the ONNX specification: [0, dim] forward, [-1, dim - 1] backward.
    int64_t least = step > 0 ? 0 : -1, most = step > 0 ? dim : dim - 1;
    int64_t start =
        std::clamp(starts[i] < 0 ? starts[i] + dim : starts[i], step > 0 ? 0 : std::min<int64_t>(0, most), most);
    int64_t end = std::clamp(ends[i] < 0 ? std::max(ends[i], -dim - 1) + dim : ends[i], least, most);
    int64_t span = step > 0 ? end - start : start - end;
    // A step of -2^63 has no absolute value; one element is left of any step beyond the dim.
    int64_t stride = step < -dim ? dim + 1 : step > dim ? dim + 1 : std::abs(step);
    sizes[axis] = span <= 0 ? 0 : (span + stride - 1) / std::max<int64_t>(1, stride);
    from[axis] = sizes[axis] ? start : 0;
    strides[axis] = sizes[axis] > 1 ? step : 1;
  }
  if (llvm::equal(sizes, shape) && llvm::all_of(strides, [](int64_t step) { return step == 1; }))
    return node.set(0, node.input(0));
  node.set(0, node.make<SliceOp>(node.input(0), from, sizes, strides));
}

/// Sizes by attribute or input, or equal parts.
void importSplit(Node &node) {
  int64_t raw = node.integer("axis", 0);
  SmallVector<int64_t> sizes = node.integers("split");
  int64_t parts = node.integer("num_outputs", node.outputCount());
  Value x = node.input(0);
  int64_t axis = node.axis(raw, node.rank(0));
  if (node.hasInput(1)) {
    auto given = node.integersOf(1, "split");
    if (!given)
      return;
    sizes = *given;
  }
  if (node.failed())
    return;
  int64_t dim = node.shape(0)[axis];
  if (sizes.empty()) {
    if (parts < 1 || parts > 65536 || parts != (int64_t)node.outputCount())
      return node.error("num_outputs " + Twine(parts) + " does not fit " + Twine(node.outputCount()) + " outputs");
    // The last part is smaller when they cannot be equal.
    int64_t size = (dim + parts - 1) / parts;
    for (int64_t left = dim, i = 0; i < parts; ++i, left -= sizes.back())
      sizes.push_back(std::clamp<int64_t>(size, 0, std::max<int64_t>(0, left)));
  }
  int64_t sum = 0;
  for (int64_t size : sizes)
    if (size < 0 || llvm::AddOverflow(sum, size, sum))
      return node.error("split " + describeShape(sizes) + " is out of range");
  if (sum != dim || sizes.size() < node.outputCount())
    return node.error("split " + describeShape(sizes) + " does not fit dim " + Twine(axis) + " of " + Twine(dim) +
                      " elements and " + Twine(node.outputCount()) + " outputs");
  int64_t at = 0;
  for (size_t i = 0; i < node.outputCount(); at += sizes[i++])
    if (node.wants(i))
      node.set(i, node.slice(x, axis, at, sizes[i]));
}

void importConcat(Node &node) {
  int64_t raw = node.opset() < 4 ? node.integer("axis", 1) : node.requiredInteger("axis");
  SmallVector<Value> parts;
  for (size_t i = 0; i < node.inputCount(); ++i)
    if (node.hasInput(i))
      parts.push_back(node.input(i));
  if (node.failed() || parts.empty())
    return;
  int64_t axis = node.axis(raw, rankOf(parts[0]));
  if (node.failed())
    return;
  // Empty parts of rank 1 stand for nothing at all in some exported files.
  SmallVector<Value> full;
  for (Value part : parts)
    if (rankOf(part) == rankOf(parts[0]) && shapeOf(part)[std::min<int64_t>(axis, rankOf(part) - 1)] == 0)
      continue;
    else
      full.push_back(part);
  node.set(0, node.concat(full.empty() ? ArrayRef<Value>(parts).take_front(1) : full, axis));
}

/// True for the elements of a padded tensor that are not padding.
Value insideMask(Node &node, ArrayRef<int64_t> sizes, ArrayRef<int64_t> low, ArrayRef<int64_t> high) {
  SmallVector<int64_t> shape;
  for (auto [size, before, after] : llvm::zip(sizes, low, high))
    shape.push_back(before + size + after);
  if (auto problem = checkShape(shape); problem || product(shape) > (1 << 26)) {
    node.error(problem ? *problem : "a mask of shape " + describeShape(shape) + " is too big");
    return {};
  }
  std::vector<char> mask(product(shape));
  for (int64_t i = 0; i < (int64_t)mask.size(); ++i) {
    bool isInside = true;
    for (int64_t rest = i, d = shape.size(); d-- > 0; rest /= shape[d])
      isInside &= rest % shape[d] >= low[d] && rest % shape[d] < low[d] + sizes[d];
    mask[i] = isInside;
  }
  return node.constant(makeConstant(RankedTensorType::get(shape, node.builder.getI1Type()), mask, "inside"));
}

/// Pads with elements of the tensor itself. Every combination of borders becomes code of its own, so more than two axes
/// are padded one after the other, and a dim that is to be repeated several times is tiled and cut.
Value padWithItself(Node &node, PadMode mode, Value x, ArrayRef<int64_t> low, ArrayRef<int64_t> high) {
  int64_t rank = low.size(), padded = 0;
  bool wrapsOften = false;
  for (int64_t axis = 0; x && axis < rank; ++axis) {
    padded += low[axis] || high[axis];
    // Where each element comes from is a row of a table.
    if (int64_t size = low[axis] + shapeOf(x)[axis] + high[axis]; size != shapeOf(x)[axis] && size > kMaxWindow) {
      node.error("padding " + Twine(shapeOf(x)[axis]) + " elements to " + Twine(size) + " by mode '" +
                     stringifyPadMode(mode) + "' is not supported",
                 "nncc repeats elements in dims of up to " + Twine(kMaxWindow));
      return {};
    }
    wrapsOften |= mode == PadMode::wrap && std::max(low[axis], high[axis]) > shapeOf(x)[axis];
  }
  if (padded <= 2 && !wrapsOften)
    return node.make<PadOp>(mode, x, low, high, node.builder.getF64FloatAttr(0));
  for (int64_t axis = 0; x && axis < rank; ++axis) {
    int64_t dim = shapeOf(x)[axis], size = low[axis] + dim + high[axis];
    SmallVector<int64_t> before(rank, 0), after(rank, 0), repeats(rank, 1);
    before[axis] = low[axis];
    after[axis] = high[axis];
    if (size == dim)
      continue;
    if (mode != PadMode::wrap || dim == 0) {
      x = node.make<PadOp>(mode, x, before, after, node.builder.getF64FloatAttr(0));
      continue;
    }
    int64_t start = (dim - low[axis] % dim) % dim;
    repeats[axis] = (start + size + dim - 1) / dim;
    x = node.slice(node.make<TileOp>(x, repeats), axis, start, size);
  }
  return x;
}

/// Negative pads cut off. Pads by attribute before opset 11; `axes` since 18.
void importPad(Node &node) {
  std::string mode = node.text("mode", "constant");
  SmallVector<int64_t> pads, axes;
  TypedAttr value = node.builder.getF64FloatAttr(0);
  Value computedValue;
  ArrayRef<int64_t> shape = node.shape(0);
  int64_t rank = shape.size();
  if (node.opset() < 11) {
    pads = node.has("paddings") ? node.integers("paddings") : node.integers("pads");
    value = node.builder.getF64FloatAttr(node.number("value", 0));
  } else {
    auto given = node.integersOf(1, "pads");
    if (!given)
      return;
    pads = *given;
    if (node.hasInput(2) && mode == "constant") {
      if (product(node.shape(2)) != 1 || node.type(2).getElementType() != node.type(0).getElementType())
        return node.error("the constant value is " + describeShape(node.shape(2)) + " of " +
                          nameOf(node.type(2).getElementType()) + ", must be one " +
                          nameOf(node.type(0).getElementType()));
      if (auto fill = ConstantReader::get(node.constant(2)))
        value = fill->getNumber(0);
      else
        computedValue = node.input(2);
    }
    if (node.hasInput(3)) {
      auto chosen = node.integersOf(3, "axes");
      if (!chosen)
        return;
      axes = *chosen;
    }
  }
  if (axes.empty() && !node.hasInput(3))
    axes = llvm::to_vector(llvm::seq<int64_t>(0, rank));
  if (pads.size() != 2 * axes.size())
    return node.error("pads " + describeShape(pads) + " must have " + Twine(2 * axes.size()) + " values");
  node.axes(axes, rank);
  SmallVector<int64_t> low(rank, 0), high(rank, 0), cutLow(rank, 0), sizes(shape);
  for (auto [i, raw] : llvm::enumerate(axes)) {
    int64_t axis = node.axis(raw, rank), before = pads[i], after = pads[axes.size() + i];
    if (node.failed())
      return;
    if (std::abs(before / 2) > INT32_MAX || std::abs(after / 2) > INT32_MAX)
      return node.error("pads " + describeShape(pads) + " are out of range");
    low[axis] = std::max<int64_t>(0, before);
    high[axis] = std::max<int64_t>(0, after);
    cutLow[axis] = std::max<int64_t>(0, -before);
    sizes[axis] = shape[axis] - cutLow[axis] - std::max<int64_t>(0, -after);
    if (sizes[axis] < 0)
      return node.error("pads " + describeShape(pads) + " cut off more than there is");
  }
  std::optional<PadMode> kind = symbolizePadMode(mode);
  if (!kind)
    return node.error("mode '" + mode + "' is not known", "it is constant, reflect, edge or wrap");
  Value x = node.input(0);
  if (sizes != shape)
    x = node.make<SliceOp>(x, cutLow, sizes, SmallVector<int64_t>(rank, 1));
  bool extends =
      llvm::any_of(low, [](int64_t pad) { return pad; }) || llvm::any_of(high, [](int64_t pad) { return pad; });
  if (x && extends)
    x = *kind == PadMode::constant ? Value(node.make<PadOp>(*kind, x, low, high, value))
                                   : padWithItself(node, *kind, x, low, high);
  // A value that the model computes is put where a mask says that the padding is.
  if (x && extends && computedValue)
    x = node.select(insideMask(node, sizes, low, high), x, computedValue);
  node.set(0, x);
}

void importExpand(Node &node) {
  auto target = node.integersOf(1, "shape");
  if (!target)
    return;
  if (auto problem = checkShape(*target))
    return node.error(*problem);
  Value x = node.toRank(node.input(0), target->size());
  if (!x)
    return;
  SmallVector<int64_t> shape(*target);
  // Both broadcast: a 1 of the target keeps the dim.
  while ((int64_t)shape.size() < rankOf(x))
    shape.insert(shape.begin(), 1);
  auto broadcast = broadcastShapes(shapeOf(x), shape);
  if (failed(broadcast))
    return node.error("a tensor of shape " + describeShape(node.shape(0)) + " does not expand to " +
                      describeShape(*target));
  node.set(0, node.expand(x, *broadcast));
}

void importTile(Node &node) {
  auto repeats = node.integersOf(1, node.opset() < 6 ? "tiles" : "repeats");
  if (!repeats)
    return;
  Value x = node.input(0);
  if (node.opset() < 6) {
    // Opset 1: one count and one axis.
    auto axis = node.integerOf(2, "axis");
    if (!axis || repeats->size() != 1)
      return node.error("tiles must be one number");
    SmallVector<int64_t> all(rankOf(x), 1);
    int64_t at = node.axis(*axis, rankOf(x));
    if (node.failed())
      return;
    all[at] = (*repeats)[0];
    repeats = all;
  }
  if ((int64_t)repeats->size() != rankOf(x))
    return node.error("repeats " + describeShape(*repeats) + " must have " + Twine(rankOf(x)) + " values");
  SmallVector<int64_t> shape;
  for (auto [dim, repeat] : llvm::zip(shapeOf(x), *repeats)) {
    int64_t size = 0;
    if (repeat < 0 || llvm::MulOverflow(dim, repeat, size))
      return node.error("repeats " + describeShape(*repeats) + " are out of range");
    shape.push_back(size);
  }
  if (auto problem = checkShape(shape))
    return node.error(*problem);
  if (llvm::all_of(*repeats, [](int64_t repeat) { return repeat == 1; }))
    return node.set(0, x);
  // Repeating dims of 1 is broadcasting, which needs no copy in most users.
  bool isBroadcast = true;
  for (auto [dim, repeat] : llvm::zip(shapeOf(x), *repeats))
    isBroadcast &= dim == 1 || repeat == 1;
  node.set(0, isBroadcast ? node.expand(x, shape) : node.make<TileOp>(x, *repeats));
}

/// Cuts off or pads with zeros on both sides; the odd one is at the end.
void importCenterCropPad(Node &node) {
  auto wanted = node.integersOf(1, "shape");
  if (!wanted || !node.input(0))
    return;
  Value x = node.input(0);
  int64_t rank = rankOf(x);
  SmallVector<int64_t> axes = node.integers("axes", llvm::to_vector(llvm::seq<int64_t>(0, rank)));
  if (axes.size() != wanted->size())
    return node.error("shape " + describeShape(*wanted) + " must have " + Twine(axes.size()) + " values");
  if (auto problem = checkShape(*wanted))
    return node.error(*problem);
  SmallVector<int64_t> low(rank, 0), high(rank, 0);
  for (auto [raw, size] : llvm::zip(axes, *wanted)) {
    int64_t axis = node.axis(raw, rank);
    if (node.failed())
      return;
    int64_t dim = shapeOf(x)[axis];
    low[axis] = std::max<int64_t>(0, size - dim) / 2;
    high[axis] = std::max<int64_t>(0, size - dim) - low[axis];
    if (dim > size)
      x = node.slice(x, axis, (dim - size) / 2, size);
  }
  bool pads = llvm::any_of(low, [](int64_t n) { return n; }) || llvm::any_of(high, [](int64_t n) { return n; });
  node.set(0, pads ? node.make<PadOp>(PadMode::constant, x, low, high, node.builder.getF64FloatAttr(0)) : x);
}

/// Puts `step` - 1 zeros between the elements along an axis.
Value spread(Node &node, Value x, int64_t axis, int64_t step) {
  if (!x || step == 1)
    return x;
  SmallVector<int64_t> shape(shapeOf(x)), apart(shape);
  int64_t size = shape[axis];
  apart.insert(apart.begin() + axis + 1, 1);
  SmallVector<int64_t> low(apart.size(), 0), high(apart.size(), 0);
  high[axis + 1] = step - 1;
  x = node.make<PadOp>(PadMode::constant, node.reshape(x, apart), low, high, node.builder.getF64FloatAttr(0));
  shape[axis] = size * step;
  return node.slice(node.reshape(x, shape), axis, 0, (size - 1) * step + 1);
}

/// The blocks of an image that lie side by side, [N, C * elements of a block, blocks], become the image [N, C, ...]
/// again: each element of the block is an image with zeros between what blocks have of it, and all are added up.
void importCol2Im(Node &node) {
  constexpr int64_t kMaxTaps = 128;
  auto image = node.integersOf(1, "image_shape"), block = node.integersOf(2, "block_shape");
  if (!node.requireNumber(0) || !node.requireRank(0, 3, 3) || !image || !block)
    return;
  int64_t dims = image->size(), taps = 1;
  if (dims < 1 || dims > 3 || block->size() != image->size())
    return node.error("blocks " + describeShape(*block) + " of an image " + describeShape(*image) +
                          " are not supported",
                      "nncc supports one to three dims");
  for (auto [size, extent] : llvm::zip(*block, *image)) {
    if (size < 1 || extent < 1 || extent > kMaxWindow || size > kMaxTaps / taps)
      return node.error("blocks " + describeShape(*block) + " of an image " + describeShape(*image) +
                            " are not supported",
                        "nncc supports blocks of up to " + Twine(kMaxTaps) + " elements");
    taps *= size;
  }
  SmallVector<int64_t> strides = node.window("strides", dims, 1, 1), dilations = node.window("dilations", dims, 1, 1);
  SmallVector<int64_t> pads = node.window("pads", 2 * dims, 0, 0), counts;
  for (int64_t i = 0; i < dims; ++i)
    counts.push_back(
        windowOutputSize((*image)[i], pads[i], pads[dims + i], (*block)[i], dilations[i], strides[i]).value_or(0));
  SmallVector<int64_t> columns(node.shape(0));
  if (checkShape(counts) || columns[1] % taps || columns[2] != product(counts) || columns[2] == 0)
    return node.error("columns of shape " + describeShape(columns) + " are not the blocks " + describeShape(*block) +
                      " of an image " + describeShape(*image));
  int64_t channels = columns[1] / taps;
  Type type = elementOf(node.input(0));
  SmallVector<int64_t> shape{columns[0], channels, taps};
  shape.append(counts);
  Value x = node.reshape(node.cast(node.input(0), wideType(type)), shape);
  for (int64_t i = 0; i < dims; ++i)
    x = spread(node, x, 3 + i, strides[i]);
  if (!x)
    return;
  SmallVector<int64_t> partShape(shapeOf(x));
  partShape.erase(partShape.begin() + 2);
  Value sum;
  int64_t tap = 0;
  forEachPosition(*block, [&](ArrayRef<int64_t> step) {
    SmallVector<int64_t> low{0, 0}, high{0, 0};
    for (int64_t i = 0; i < dims; ++i) {
      low.push_back(step[i] * dilations[i]);
      high.push_back(pads[i] + (*image)[i] + pads[dims + i] - partShape[2 + i] - low.back());
    }
    Value part = node.make<PadOp>(PadMode::constant, node.reshape(node.slice(x, 2, tap++, 1), partShape), low, high,
                                  node.builder.getF64FloatAttr(0));
    sum = sum ? node.binary(kind::add, sum, part) : part;
  });
  for (int64_t i = 0; i < dims; ++i)
    sum = node.slice(sum, 2 + i, pads[i], (*image)[i]);
  node.set(0, node.cast(sum, type));
}

const OpEntry kOps[] = {
    {"CenterCropPad", 2, 2, importCenterCropPad},
    {"Col2Im", 3, 3, importCol2Im},
    {"Slice", 1, 5, importSlice},
    {"Split", 1, 2, importSplit},
    {"Concat", 1, kAny, importConcat},
    {"Pad", 1, 4, importPad},
    {"Expand", 2, 2, importExpand},
    {"Tile", 2, 3, importTile},
};
} // namespace

ArrayRef<OpEntry> sliceOps() { return kOps; }

} // namespace nncc::import
