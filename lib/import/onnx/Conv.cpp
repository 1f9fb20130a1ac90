// Convolutions: ONNX's NCHW and OIHW become NHWC and OHWI, 1-D ones get H = 1. 3-D ones are sums of 2-D ones of planes.
#include "dialects/nn/Kinds.h"
#include "dialects/nn/UnaryKind.h"
#include "lib/import/onnx/Activation.h"
#include "lib/import/onnx/Families.h"
#include "lib/import/onnx/GridSampler.h"
#include "lib/import/onnx/ModelFile.h"
#include "lib/import/onnx/Quantize.h"
#include "lib/import/onnx/Window.h"
#include <numeric>

using namespace mlir;
using namespace nncc::nn;

namespace nncc::import {

SmallVector<int64_t> toTwo(ArrayRef<int64_t> values, int64_t front) {
  SmallVector<int64_t> two(values);
  if (two.size() == 1)
    two.insert(two.begin(), front);
  return two;
}

Window readWindow(Node &node, ArrayRef<int64_t> input, ArrayRef<int64_t> kernel, bool hasDilations) {
  int64_t dims = input.size();
  Window window;
  SmallVector<int64_t> sizes(kernel);
  if (llvm::any_of(kernel, [](int64_t size) { return size < 1 || size > kMaxWindow; }))
    node.error("the window of the weights, " + describeShape(kernel) + ", is out of range");
  if (sizes.empty() && !node.has("kernel_shape"))
    node.error("attribute 'kernel_shape' is missing");
  if (sizes.empty() || node.has("kernel_shape"))
    sizes = node.window("kernel_shape", dims, 1, 1);
  if (!kernel.empty() && sizes != kernel && !node.failed())
    node.error("kernel_shape " + describeShape(sizes) + " does not fit the weights, whose window is " +
               describeShape(kernel));
  SmallVector<int64_t> strides = node.window("strides", dims, 1, 1);
  SmallVector<int64_t> dilations(dims, 1);
  if (hasDilations)
    dilations = node.window("dilations", dims, 1, 1);
  SmallVector<int64_t> pads = node.window("pads", 2 * dims, 0, 0);
  std::string autoPad = node.text("auto_pad", "NOTSET");
  if (autoPad == "VALID") {
    pads.assign(2 * dims, 0);
  } else if (autoPad == "SAME_UPPER" || autoPad == "SAME_LOWER") {
    for (int64_t i = 0; i < dims; ++i) {
      // Output size is input size / stride, rounded up; the odd pad goes to the end, or to the begin with SAME_LOWER.
      int64_t outputs = (input[i] + strides[i] - 1) / strides[i];
      int64_t needed = (outputs - 1) * strides[i] + dilations[i] * (sizes[i] - 1) + 1 - input[i];
      int64_t total = std::max<int64_t>(0, needed), small = total / 2;
      pads[i] = autoPad == "SAME_UPPER" ? small : total - small;
      pads[dims + i] = total - pads[i];
    }
  } else if (autoPad != "NOTSET") {
    node.error("auto_pad '" + autoPad + "' is not known", "it is NOTSET, VALID, SAME_UPPER or SAME_LOWER");
  }
  window.kernel = toTwo(sizes, 1);
  window.strides = toTwo(strides, 1);
  window.dilations = toTwo(dilations, 1);
  window.pads = dims == 1 ? SmallVector<int64_t>{0, pads[0], 0, pads[1]} : pads;
  window.overhang.assign(window.kernel.size(), 0);
  return window;
}

VolumeWindow::VolumeWindow(const Window &window) {
  auto split = [](ArrayRef<int64_t> values, int64_t one, SmallVector<int64_t> &ofPlane, SmallVector<int64_t> &ofDepth) {
    ofPlane.append(values.begin() + 1, values.end());
    ofDepth.append({values[0], one});
  };
  split(window.kernel, 1, plane.kernel, depth.kernel);
  split(window.strides, 1, plane.strides, depth.strides);
  split(window.dilations, 1, plane.dilations, depth.dilations);
  split(window.overhang, 0, plane.overhang, depth.overhang);
  for (ArrayRef<int64_t> pads : {ArrayRef(window.pads).take_front(3), ArrayRef(window.pads).drop_front(3)})
    split(pads, 0, plane.pads, depth.pads);
}

Value imageOfChannelsLast(Node &node, Value x) {
  if (!x || rankOf(x) != 3)
    return x;
  ArrayRef<int64_t> s = shapeOf(x);
  return node.reshape(x, {s[0], 1, s[1], s[2]});
}

Value toChannelsLast(Node &node, Value image, int64_t rank) {
  if (!image || rank != 3)
    return image;
  ArrayRef<int64_t> s = shapeOf(image);
  return node.reshape(image, {s[0], s[2], s[3]});
}

Value toPlanes(Node &node, Value volume) {
  if (!volume)
    return {};
  ArrayRef<int64_t> s = shapeOf(volume);
  return node.reshape(volume, {s[0] * s[1], s[2], s[3], s[4]});
}

Value fromPlanes(Node &node, Value planes, int64_t batch, int64_t depth) {
  if (!planes)
    return {};
  ArrayRef<int64_t> s = shapeOf(planes);
  return node.reshape(planes, {batch, depth, s[1], s[2], s[3]});
}

void roundUp(Window &window, ArrayRef<int64_t> input) {
  SmallVector<int64_t> sizes = toTwo(input, 1);
  for (size_t i = 0; i < sizes.size(); ++i) {
    int64_t padded = sizes[i] + window.pads[i] + window.pads[sizes.size() + i];
    int64_t reach = window.dilations[i] * (window.kernel[i] - 1) + 1, stride = window.strides[i];
    if (padded < reach)
      continue;
    int64_t outputs = (padded - reach + stride - 1) / stride + 1;
    if ((outputs - 1) * stride >= sizes[i] + window.pads[i])
      --outputs;
    window.overhang[i] = std::max<int64_t>(0, (outputs - 1) * stride + reach - padded);
  }
}

namespace {

/// [O, C/g, KH, KW] or [O, C/g, K] -> [O, KH, KW, C/g]
Value toFilter(Node &node, Value weights) {
  if (!weights)
    return {};
  if (rankOf(weights) == 4)
    return node.transpose(weights, {0, 2, 3, 1});
  Value moved = node.transpose(weights, {0, 2, 1});
  return moved ? node.reshape(moved, {shapeOf(moved)[0], 1, shapeOf(moved)[1], shapeOf(moved)[2]}) : Value();
}

/// True when input and weights have ranks that fit: 1-D to 3-D.
bool checkRanks(Node &node) {
  if (node.failed())
    return false;
  if (llvm::any_of(node.shape(0), [](int64_t dim) { return dim > INT32_MAX; }))
    node.error("a dim of " + describeShape(node.shape(0)) + " is too large");
  else if (node.requireRank(0, 3, 5) && node.rank(1) != node.rank(0))
    node.error("input has rank " + Twine(node.rank(0)) + ", weights have rank " + Twine(node.rank(1)));
  return !node.failed();
}

bool checkGroups(Node &node, int64_t groups, int64_t channels, int64_t outputs, int64_t perGroup) {
  if (groups < 1 || channels % groups || outputs % groups || channels / groups != perGroup)
    node.error("group " + Twine(groups) + " does not fit " + Twine(channels) + " input channels and weights of " +
               Twine(outputs) + " x " + Twine(perGroup) + " channels");
  return !node.failed();
}

//===-- Volumes -----------------------------------------------------------===//

constexpr int64_t kMaxDepth = 64; ///< each step of a depth is a convolution of its own

/// Puts planes around those of a volume [N, D, H, W, C]: of zeros, or of a zero point of one element.
Value padDepth(Node &node, Value volume, int64_t front, int64_t back, Value zeroPoint = {}) {
  if (!volume || (front == 0 && back == 0))
    return volume;
  SmallVector<int64_t> padded(shapeOf(volume));
  padded[1] += front + back;
  if (auto problem = checkShape(padded)) {
    node.error("padded in depth, " + *problem);
    return {};
  }
  if (!zeroPoint)
    return node.make<PadOp>(PadMode::constant, volume, ArrayRef<int64_t>{0, front, 0, 0, 0},
                            ArrayRef<int64_t>{0, back, 0, 0, 0}, node.builder.getF64FloatAttr(0));
  Value element = node.reshape(zeroPoint, {1, 1, 1, 1, 1});
  SmallVector<Value> parts;
  auto add = [&](int64_t planes) {
    SmallVector<int64_t> shape(shapeOf(volume));
    shape[1] = planes;
    if (planes > 0)
      parts.push_back(node.expand(element, shape));
  };
  add(front);
  parts.push_back(volume);
  add(back);
  return node.concat(parts, 1);
}

/// `count` planes of a volume from `first` on; zeros where it has none. Null without an error where none of them
/// exists.
Value planesFrom(Node &node, Value volume, int64_t first, int64_t count) {
  int64_t begin = std::max<int64_t>(first, 0), end = std::min(first + count, shapeOf(volume)[1]);
  if (begin >= end)
    return {};
  return padDepth(node, node.slice(volume, 1, begin, end - begin), begin - first, first + count - end);
}

/// Sums what `convolve` makes of the planes of a padded volume for each step of a window's depth.
Value sumOverDepth(Node &node, Value volume, const Window &depth,
                   llvm::function_ref<Value(Value planes, int64_t step)> convolve) {
  int64_t steps = depth.kernel[0];
  if (steps > kMaxDepth)
    node.error("a window of a depth of " + Twine(steps) + " is not supported",
               "nncc supports depths of up to " + Twine(kMaxDepth));
  if (node.failed() || !volume)
    return {};
  SmallVector<int64_t> sizes(shapeOf(volume));
  auto planes = windowOutputSize(sizes[1], 0, 0, steps, depth.dilations[0], depth.strides[0]);
  if (failed(planes)) {
    node.error("a window of " + Twine(steps) + " planes does not fit into " + Twine(sizes[1]) + " with pads");
    return {};
  }
  sizes[1] = *planes;
  Value sum;
  for (int64_t step = 0; step < steps && !node.failed(); ++step) {
    Value under = node.make<SliceOp>(volume, ArrayRef<int64_t>{0, step * depth.dilations[0], 0, 0, 0}, sizes,
                                     ArrayRef<int64_t>{1, depth.strides[0], 1, 1, 1});
    Value part = convolve(toPlanes(node, under), step);
    sum = sum ? node.binary(kind::add, sum, part) : part;
  }
  return fromPlanes(node, sum, sizes[0], sizes[1]);
}

/// Weights [.., .., KD, KH, KW] at one step of their depth: [.., .., KH, KW].
Value weightsOfStep(Node &node, Value weights, int64_t step) {
  Value part = node.slice(weights, 2, step, 1);
  if (!part)
    return {};
  ArrayRef<int64_t> s = shapeOf(part);
  return node.reshape(part, {s[0], s[1], s[3], s[4]});
}

/// True where a window covers one element of each plane and no border: what is left is its depth.
bool isDeepAlone(const VolumeWindow &of) {
  auto all = [](ArrayRef<int64_t> values, int64_t one) {
    return llvm::all_of(values, [&](int64_t value) { return value == one; });
  };
  return all(of.plane.kernel, 1) && all(of.plane.strides, 1) && all(of.plane.pads, 0);
}

/// A convolution of images by weights without depth.
using ConvolveImages = llvm::function_ref<Value(Value images, Value weights, Value bias, const Window &window)>;

/// The convolution of a volume [N, D, H, W, C] with weights [O, C / groups, KD, KH, KW].
///
/// zeroPoint  what is around a volume of integers; null: 0
Value convolveVolume(Node &node, Value volume, Value weights, Value bias, const Window &window, Value zeroPoint,
                     ConvolveImages convolve) {
  if (!volume || !weights || node.failed())
    return {};
  VolumeWindow of(window);
  SmallVector<int64_t> s(shapeOf(volume)), w(shapeOf(weights));
  if (isDeepAlone(of)) {
    Value columns = convolve(node.reshape(volume, {s[0], s[1], s[2] * s[3], s[4]}),
                             node.reshape(weights, {w[0], w[1], w[2], 1}), bias, of.depth);
    return columns ? node.reshape(columns, {s[0], shapeOf(columns)[1], s[2], s[3], w[0]}) : Value();
  }
  // Partial sums are not rounded to 16 bits.
  Type type = elementOf(volume), wide = wideType(type);
  if (wide != type)
    volume = node.cast(volume, wide), weights = node.cast(weights, wide), bias = node.cast(bias, wide);
  Value padded = padDepth(node, volume, of.depth.pads[0], of.depth.pads[2], zeroPoint);
  Value sum = sumOverDepth(node, padded, of.depth, [&](Value planes, int64_t step) {
    return convolve(planes, weightsOfStep(node, weights, step), step == 0 ? bias : Value(), of.plane);
  });
  return wide != type ? node.cast(sum, type) : sum;
}

/// A convolution of images, or of a volume.
Value convolveAny(Node &node, Value images, Value weights, Value bias, const Window &window, Value zeroPoint,
                  ConvolveImages convolve) {
  if (images && rankOf(images) == 5)
    return convolveVolume(node, images, weights, bias, window, zeroPoint, convolve);
  return convolve(images, weights, bias, window);
}

/// The convolution of inputs 0 to 2, as an image; null with an error when they do not fit.
Value convolve(Node &node) {
  if (!node.requireFloat(0) || !node.requireTypeOf(1, 0) || !node.requireTypeOf(2, 0) || !checkRanks(node))
    return {};
  ArrayRef<int64_t> x = node.shape(0), w = node.shape(1);
  int64_t groups = node.integer("group", 1);
  if (!checkGroups(node, groups, x[1], w[0], w[1]))
    return {};
  Window window = readWindow(node, x.drop_front(2), w.drop_front(2));
  auto convolve = [&](Value images, Value weights, Value bias, const Window &window) {
    return node.make<Conv2DOp>(images, toFilter(node, weights), bias, window.strides, window.pads, window.dilations,
                               groups);
  };
  return convolveAny(node, node.toImage(node.input(0)), node.input(1), node.input(2), window, Value(), convolve);
}

void importConv(Node &node) {
  if (Value result = convolve(node))
    node.set(0, node.fromImage(result, node.rank(0), 0));
}

/// A convolution, a sum with another tensor, an activation. com.microsoft
void importFusedConv(Node &node) {
  Value result = convolve(node);
  if (!result)
    return;
  if (node.hasInput(3)) {
    if (!node.requireFloat(3) || !node.requireRank(3, node.rank(0), node.rank(0)))
      return;
    Value added = node.toImage(node.input(3));
    if (added && shapeOf(added) != shapeOf(result))
      return node.error("input 3 has the shape " + describeShape(node.shape(3)) + ", which is not the result's");
    result = node.binary(kind::add, result, added);
  }
  node.set(0, node.fromImage(activateAsFused(node, result), node.rank(0), 0));
}

/// A depthwise convolution along time that begins with what the last call left behind, which is returned anew.
void importCausalConvWithState(Node &node) {
  std::string activation = node.text("activation", "none");
  if (activation != "none" && activation != "silu" && activation != "swish")
    return node.error("activation '" + activation + "' is not known", "it is none, silu or swish");
  if (!node.requireFloat(0) || !node.requireFloat(1) || !node.requireRank(0, 3, 3) || !node.requireRank(1, 3, 3))
    return;
  Value x = node.input(0);
  int64_t batch = shapeOf(x)[0], channels = shapeOf(x)[1], length = shapeOf(x)[2], taps = node.shape(1)[2];
  if (taps < 1 || node.shape(1) != ArrayRef<int64_t>{channels, 1, taps})
    return node.error("weights " + describeShape(node.shape(1)) + " do not fit " + Twine(channels) + " channels");
  SmallVector<int64_t> stateShape{batch, channels, taps - 1};
  if (node.hasInput(3) && node.shape(3) != ArrayRef<int64_t>(stateShape))
    return node.error("past_state has the shape " + describeShape(node.shape(3)) + ", must be " +
                      describeShape(stateShape));
  if (taps > 1)
    x = node.concat({node.hasInput(3) ? node.input(3) : node.splat(0, stateShape, elementOf(x)), x}, 2);
  Value result =
      node.make<Conv2DOp>(node.toImage(x), toFilter(node, node.input(1)), node.input(2), ArrayRef<int64_t>{1, 1},
                          ArrayRef<int64_t>{0, 0, 0, 0}, ArrayRef<int64_t>{1, 1}, channels);
  if (activation != "none")
    result = node.unary(kind::silu, result);
  node.set(0, node.fromImage(result, 3, 0));
  node.set(1, node.slice(x, 2, length, taps - 1));
}

/// [C, O/g, KH, KW] (1-D: [C, O/g, K]) -> [O, KH, KW, C/g]
Value toTransposedFilter(Node &node, Value weights, int64_t groups) {
  if (!weights)
    return {};
  if (rankOf(weights) == 3) {
    ArrayRef<int64_t> shape = shapeOf(weights);
    weights = node.reshape(weights, {shape[0], shape[1], 1, shape[2]});
  }
  if (!weights || groups == 1)
    return weights ? node.transpose(weights, {1, 2, 3, 0}) : Value();
  SmallVector<int64_t> s(shapeOf(weights));
  Value split = node.reshape(weights, {groups, s[0] / groups, s[1], s[2], s[3]});
  Value moved = node.transpose(split, {0, 2, 3, 4, 1});
  return node.reshape(moved, {groups * s[1], s[2], s[3], s[0] / groups});
}

/// The transposed convolution of a volume [N, D, H, W, C] with weights [C, O / groups, KD, KH, KW].
///
/// Along the depth, planes of the result whose distance is the stride are made by the same steps of the window, a
/// convolution by the weights in reverse order.
Value convolveTransposed(Node &node, Value volume, Value weights, Value bias, const Window &window,
                         ArrayRef<int64_t> extra, int64_t groups) {
  if (!volume || !weights || node.failed())
    return {};
  VolumeWindow of(window);
  Type type = elementOf(volume), wide = wideType(type);
  volume = node.cast(volume, wide), weights = node.cast(weights, wide), bias = node.cast(bias, wide);
  auto convolve = [&](Value planes, int64_t step, Value added) {
    return node.make<ConvTranspose2DOp>(planes, toTransposedFilter(node, weightsOfStep(node, weights, step), groups),
                                        added, of.plane.strides, of.plane.pads, of.plane.dilations, extra.drop_front(),
                                        groups);
  };
  int64_t taps = of.depth.kernel[0], stride = of.depth.strides[0], dilation = of.depth.dilations[0];
  int64_t front = of.depth.pads[0], batch = shapeOf(volume)[0];
  int64_t planes = (shapeOf(volume)[1] - 1) * stride + dilation * (taps - 1) + 1 + extra[0] - front - of.depth.pads[2];
  if (planes < 1) {
    node.error("the pads leave nothing of the result");
    return {};
  }
  if (stride > kMaxDepth) {
    node.error("a stride of " + Twine(stride) + " along the depth is not supported",
               "nncc supports those of up to " + Twine(kMaxDepth));
    return {};
  }
  int64_t parts = std::min(stride, planes), perPart = llvm::divideCeil(planes, parts);
  // Of a part, every `every`th step of the window meets a plane, `apart` planes before the one that the last such met.
  int64_t common = std::gcd(stride, dilation), every = stride / common, apart = dilation / common;
  SmallVector<Value> sums;
  for (int64_t part = 0; part < parts; ++part) {
    int64_t first = 0;
    while (first < std::min(every, taps) && (part + front - first * dilation) % stride)
      ++first;
    Value sum;
    if (first < std::min(every, taps)) {
      int64_t steps = (taps - first - 1) / every + 1, last = first + (steps - 1) * every;
      Window along = of.depth;
      along.kernel[0] = steps, along.dilations[0] = apart, along.strides[0] = 1;
      Value met = planesFrom(node, volume, (part + front - last * dilation) / stride, perPart + (steps - 1) * apart);
      if (met)
        sum = sumOverDepth(node, met, along, [&](Value under, int64_t step) {
          return convolve(under, last - step * every, step == 0 ? bias : Value());
        });
    }
    sums.push_back(sum);
  }
  // What no step reaches has the bias alone: the size of its planes is that of any.
  auto known = llvm::find_if(sums, [](Value sum) { return bool(sum); });
  Value like = known != sums.end()
                   ? *known
                   : fromPlanes(node, convolve(toPlanes(node, volume), 0, {}), batch, shapeOf(volume)[1]);
  if (!like || node.failed())
    return {};
  SmallVector<int64_t> s(shapeOf(like));
  s[1] = perPart;
  for (Value &sum : sums) {
    if (!sum)
      sum = bias ? node.expand(node.reshape(bias, {1, 1, 1, 1, s[4]}), s) : node.splat(0, s, wide);
    sum = node.reshape(sum, {s[0], perPart, 1, s[2], s[3], s[4]});
  }
  Value joined = node.reshape(node.concat(sums, 2), {s[0], perPart * parts, s[2], s[3], s[4]});
  return node.cast(node.slice(joined, 1, 0, planes), type);
}

void importConvTranspose(Node &node) {
  if (!node.requireFloat(0) || !node.requireTypeOf(1, 0) || !node.requireTypeOf(2, 0) || !checkRanks(node))
    return;
  SmallVector<int64_t> x(node.shape(0)), w(node.shape(1));
  int64_t dims = x.size() - 2, groups = node.integer("group", 1);
  if (groups < 1 || x[1] % groups || x[1] != w[0])
    return node.error("group " + Twine(groups) + " does not fit " + Twine(x[1]) + " input channels and weights of " +
                      Twine(w[0]) + " channels");
  SmallVector<int64_t> kernel(ArrayRef(w).drop_front(2));
  if (llvm::any_of(kernel, [](int64_t size) { return size < 1 || size > kMaxWindow; }))
    return node.error("the window of the weights, " + describeShape(kernel) + ", is out of range");
  if (node.has("kernel_shape") && node.window("kernel_shape", dims, 1, 1) != kernel)
    return node.error("kernel_shape does not fit the weights, whose window is " + describeShape(kernel));
  SmallVector<int64_t> strides = node.window("strides", dims, 1, 1), dilations = node.window("dilations", dims, 1, 1);
  SmallVector<int64_t> pads = node.window("pads", 2 * dims, 0, 0);
  SmallVector<int64_t> extra = node.window("output_padding", dims, 0, 0);
  std::string autoPad = node.text("auto_pad", "NOTSET");
  SmallVector<int64_t> asked = node.integers("output_shape");
  if (asked.size() == x.size())
    asked.erase(asked.begin(), asked.begin() + 2); // opset 1 wrote all dims
  if (!asked.empty() && (int64_t)asked.size() != dims)
    return node.error("output_shape " + describeShape(asked) + " must have " + Twine(dims) + " values");
  if (autoPad != "NOTSET" && autoPad != "VALID" && autoPad != "SAME_UPPER" && autoPad != "SAME_LOWER")
    return node.error("auto_pad '" + autoPad + "' is not known");
  if (node.failed())
    return;
  bool isSame = autoPad == "SAME_UPPER" || autoPad == "SAME_LOWER";
  if (autoPad == "VALID")
    pads.assign(2 * dims, 0);
  for (int64_t i = 0; i < dims && (isSame || !asked.empty()); ++i) {
    int64_t full = (x[2 + i] - 1) * strides[i] + extra[i] + (kernel[i] - 1) * dilations[i] + 1;
    int64_t wanted = asked.empty() ? x[2 + i] * strides[i] : asked[i];
    if (wanted < 1 || wanted > INT32_MAX)
      return node.error("output_shape " + describeShape(asked) + " is out of range");
    // Less than the full size is cut off, more is padded with what nothing reaches.
    int64_t total = std::max<int64_t>(0, full - wanted);
    extra[i] += std::max<int64_t>(0, wanted - full);
    pads[i] = autoPad == "SAME_UPPER" ? total / 2 : total - total / 2;
    pads[dims + i] = total - pads[i];
  }
  Value image = node.toImage(node.input(0));
  if (dims == 3 && image) {
    Value volume = convolveTransposed(node, image, node.input(1), node.input(2),
                                      {kernel, strides, dilations, pads, {0, 0, 0}}, extra, groups);
    return node.set(0, node.fromImage(volume, x.size(), 0));
  }
  Value filter = toTransposedFilter(node, node.input(1), groups);
  SmallVector<int64_t> imagePads = dims == 1 ? SmallVector<int64_t>{0, pads[0], 0, pads[1]} : pads;
  Value result = node.make<ConvTranspose2DOp>(image, filter, node.input(2), toTwo(strides, 1), imagePads,
                                              toTwo(dilations, 1), toTwo(extra, 0), groups);
  node.set(0, node.fromImage(result, x.size(), 0));
}

/// A zero point of `count` values, or of one.
Value zeroPointOfWindow(Node &node, size_t i, size_t operand, int64_t count) {
  if (!node.hasInput(i))
    return node.splat(0, {1}, elementOf(node.input(operand)));
  int64_t values = product(node.shape(i));
  if (values != 1 && values != count) {
    node.error("a zero point of " + Twine(values) + " values does not fit " + Twine(count) + " output channels");
    return {};
  }
  return node.requireTypeOf(i, operand) ? node.reshape(node.input(i), {values}) : Value();
}

/// A convolution of integers less their zero points (inputs by number), summed in 32 bits, still as an image.
Value convolveIntegers(Node &node, size_t xIndex, size_t xZero, size_t wIndex, size_t wZero, Value bias,
                       bool isChannelsLast) {
  if (!requireByte(node, xIndex) || !requireByte(node, wIndex))
    return {};
  Value x = node.input(xIndex), w = node.input(wIndex);
  if (rankOf(x) < 3 || rankOf(x) > 5 || rankOf(w) != rankOf(x)) {
    node.error("windows of rank " + Twine(rankOf(w)) + " over inputs of rank " + Twine(rankOf(x)) +
               " are not supported");
    return {};
  }
  int64_t groups = node.integer("group", 1);
  SmallVector<int64_t> sizes(shapeOf(x)), wShape(shapeOf(w));
  int64_t channels = isChannelsLast ? sizes.back() : sizes[1];
  sizes.erase(isChannelsLast ? sizes.end() - 1 : sizes.begin() + 1);
  if (!checkGroups(node, groups, channels, wShape[0], wShape[1]))
    return {};
  Window window = readWindow(node, ArrayRef(sizes).drop_front(), ArrayRef(wShape).drop_front(2));
  if (bias && elementOf(bias) != node.builder.getI32Type()) {
    node.error("the bias is " + nameOf(elementOf(bias)) + ", must be i32");
    return {};
  }
  Value ofImage, ofFilter;
  bool hasZeroPoints = node.hasInput(xZero) || node.hasInput(wZero);
  if (hasZeroPoints) {
    ofImage = zeroPointOfWindow(node, xZero, xIndex, 1);
    ofFilter = zeroPointOfWindow(node, wZero, wIndex, wShape[0]);
    if (!ofImage || !ofFilter)
      return {};
  }
  auto convolve = [&](Value images, Value weights, Value bias, const Window &window) {
    Value filter = toFilter(node, weights);
    if (!hasZeroPoints)
      return node.make<Conv2DOp>(images, filter, bias, window.strides, window.pads, window.dilations, groups);
    return node.make<Conv2DOp>(images, filter, bias, ofImage, ofFilter, window.strides, window.pads, window.dilations,
                               groups);
  };
  Value image = isChannelsLast ? imageOfChannelsLast(node, x) : node.toImage(x);
  return convolveAny(node, image, w, bias, window, ofImage, convolve);
}

void importConvInteger(Node &node) {
  Value sums = convolveIntegers(node, 0, 2, 1, 3, Value(), false);
  node.set(0, node.fromImage(sums, node.rank(0), 0));
}

/// Where the taps of a deformable convolution read along a dim, in pixels: [N, OH, OW, KH * KW].
///
/// offsets  how far each tap is from its place, of the same shape
/// size     of the image; farther than a pixel beside it, all is 0, and NaN is nowhere
Value deformedPositions(Node &node, Value offsets, const Window &window, int64_t dim, int64_t size) {
  int64_t steps = shapeOf(offsets)[1 + dim], taps = product(window.kernel), columns = window.kernel[1];
  SmallVector<int64_t> places, shape{1, 1, 1, taps};
  shape[1 + dim] = steps;
  for (int64_t step = 0; step < steps; ++step)
    for (int64_t tap = 0; tap < taps; ++tap)
      places.push_back(step * window.strides[dim] - window.pads[dim] +
                       (dim == 0 ? tap / columns : tap % columns) * window.dilations[dim]);
  Value own = node.cast(node.constant(places, shape, node.builder.getI64Type()), elementOf(offsets));
  Value at = node.binary(kind::add, offsets, own), near = node.unary(kind::clip, at, -2, size + 1);
  return node.select(node.unary(UnaryKind::is_nan, at), node.scalar(-2, at), near);
}

/// What the taps of a deformable convolution read, times the mask: [N, OH, OW, KH * KW, C]; null with an error.
///
/// offsets  input 2, [N, groups * KH * KW * 2, OH, OW]   how far each tap is from its place, down and to the right
/// mask     input 4, [N, groups * KH * KW, OH, OW]       may be absent
Value deformedTaps(Node &node, const Window &window, ArrayRef<int64_t> output, int64_t groups, Type wide) {
  ArrayRef<int64_t> x = node.shape(0);
  int64_t taps = product(window.kernel), height = output[0], width = output[1];
  // Groups are images of their own.
  int64_t images = x[0] * groups, channels = x[1] / groups;
  Value image = node.reshape(node.cast(node.input(0), wide), {images, channels, x[2], x[3]});
  Value offsets = node.reshape(node.cast(node.input(2), wide), {images, taps, 2, height, width});
  GridSampler grid(node, node.transpose(image, {0, 2, 3, 1}), "zeros", /*alignCorners=*/true);
  offsets = node.transpose(offsets, {2, 0, 3, 4, 1});
  if (!image || !offsets)
    return {};
  SmallVector<Value> at;
  for (int64_t dim = 0; dim < 2; ++dim) {
    Value own = node.reshape(node.slice(offsets, 0, dim, 1), {images, height, width, taps});
    at.push_back(deformedPositions(node, own, window, dim, x[2 + dim]));
  }
  Value pixels = grid.linear(at);
  if (pixels && node.hasInput(4)) {
    Value mask = node.reshape(node.cast(node.input(4), wide), {images, taps, height, width});
    pixels = node.binary(kind::mul, pixels, grid.perPixel(node.transpose(mask, {0, 2, 3, 1})));
  }
  pixels = node.transpose(node.reshape(pixels, {x[0], groups, height, width, taps, channels}), {0, 2, 3, 4, 1, 5});
  return node.reshape(pixels, {x[0], height, width, taps, x[1]});
}

/// A convolution whose taps are read between pixels, each as far from its place as an input says: a product of what
/// they read with the weights.
void importDeformConv(Node &node) {
  int64_t groups = node.integer("group", 1), offsetGroups = node.integer("offset_group", 1);
  if (!node.requireFloat(0))
    return;
  for (size_t i : {1, 2, 3, 4})
    if (node.hasInput(i) && !node.requireTypeOf(i, 0))
      return;
  for (size_t i : {0, 1, 2, 4})
    if (node.hasInput(i) && node.rank(i) != 4)
      return node.error("input '" + node.inputName(i) + "' has shape " + describeShape(node.shape(i)),
                        "nncc supports deformable convolutions of images: 4 dims");
  ArrayRef<int64_t> x = node.shape(0), w = node.shape(1);
  Window window = readWindow(node, x.drop_front(2), w.drop_front(2));
  if (node.failed() || !checkGroups(node, groups, x[1], w[0], w[1]))
    return;
  if (offsetGroups < 1 || x[1] % offsetGroups != 0)
    return node.error("offset_group " + Twine(offsetGroups) + " does not divide " + Twine(x[1]) + " channels");
  if (node.hasInput(3) && node.shape(3) != ArrayRef<int64_t>{w[0]})
    return node.error("a bias of shape " + describeShape(node.shape(3)) + " does not fit " + Twine(w[0]) + " channels");
  SmallVector<int64_t> output;
  for (int64_t dim = 0; dim < 2; ++dim) {
    auto size = windowOutputSize(x[2 + dim], window.pads[dim], window.pads[2 + dim], window.kernel[dim],
                                 window.dilations[dim], window.strides[dim]);
    if (failed(size))
      return node.error("a window of " + Twine(window.kernel[dim]) + " with dilation " + Twine(window.dilations[dim]) +
                        " does not fit into " + Twine(x[2 + dim]) + " elements with pads " + Twine(window.pads[dim]) +
                        " and " + Twine(window.pads[2 + dim]));
    output.push_back(*size);
  }
  int64_t taps = product(window.kernel), perGroup = x[1] / groups, results = w[0] / groups;
  for (size_t i : {2, 4})
    if (node.hasInput(i) &&
        node.shape(i) != ArrayRef<int64_t>{x[0], offsetGroups * taps * (i == 2 ? 2 : 1), output[0], output[1]})
      return node.error("input '" + node.inputName(i) + "' has shape " + describeShape(node.shape(i)) +
                        ", which does not fit " + Twine(taps) + " taps at " + describeShape(output) + " places");
  if (product(x) == 0 || product(w) == 0 || product(output) == 0)
    return node.error("a convolution without elements is not supported");
  Type type = node.type(0).getElementType(), wide = wideType(type);
  Value read = deformedTaps(node, window, output, offsetGroups, wide);
  if (!read)
    return;
  // A product for each group, of [pixels, taps * channels] and [results, taps * channels].
  int64_t pixels = x[0] * output[0] * output[1];
  Value rows = node.transpose(node.reshape(read, {pixels, taps, groups, perGroup}), {2, 0, 1, 3});
  Value weights = node.cast(node.transpose(node.input(1), {0, 2, 3, 1}), wide);
  Value result = node.make<MatMulOp>(node.reshape(rows, {groups, pixels, taps * perGroup}),
                                     node.reshape(weights, {groups, results, taps * perGroup}), Value(),
                                     /*transpose=*/true);
  result = node.reshape(node.transpose(result, {1, 0, 2}), {pixels, w[0]});
  if (node.hasInput(3))
    result = node.binary(kind::add, result, node.cast(node.input(3), wide));
  result = node.reshape(node.cast(result, type), {x[0], output[0], output[1], w[0]});
  node.set(0, node.fromImage(result, 4, 0));
}

const OpEntry kOps[] = {
    {"Conv", 2, 3, importConv},
    {"DeformConv", 3, 5, importDeformConv},
    {"FusedConv", 2, 4, importFusedConv, "com.microsoft"},
    {"ConvTranspose", 2, 3, importConvTranspose},
    {"CausalConvWithState", 2, 4, importCausalConvWithState},
    {"ConvInteger", 2, 4, importConvInteger},
};
} // namespace

void importQLinearConv(Node &node) {
  bool areScales = requireScale(node, 1) && requireScale(node, 4) && requireScale(node, 6);
  if (areScales && node.hasInput(8))
    warnOfSaturatedBias(node, 8);
  // What onnxruntime saves of a file; com.microsoft.
  bool isChannelsLast = node.flag("channels_last", false);
  Value sums = areScales ? convolveIntegers(node, 0, 2, 3, 5, node.input(8), isChannelsLast) : Value();
  if (!sums)
    return node.set(0, Value());
  // The channels of an image are its last dim.
  auto alongChannels = [&](size_t i) { return alongAxis(node, node.input(i), rankOf(sums) - 1, sums); };
  Value result = requantize(node, sums, alongChannels(1), alongChannels(4), alongChannels(6), alongChannels(7));
  int64_t rank = node.rank(0);
  node.set(0, isChannelsLast ? toChannelsLast(node, result, rank) : node.fromImage(result, rank, 0));
}

ArrayRef<OpEntry> convOps() { return kOps; }

} // namespace nncc::import
