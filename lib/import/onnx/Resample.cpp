// Operators that compute values between pixels, or where they are: Resize, Upsample, GridSample, AffineGrid, RoiAlign.
#include "dialects/nn/Kinds.h"
#include "lib/import/onnx/Families.h"
#include "lib/import/onnx/GridSampler.h"
#include "lib/import/onnx/ModelFile.h"
#include "llvm/ADT/StringExtras.h"
#include <cmath>

using namespace mlir;
using namespace nncc::nn;

namespace nncc::import {
namespace {

/// How a resize was asked for, for all axes of the input.
struct Resize {
  SmallVector<double> scales;
  SmallVector<int64_t> sizes;
  SmallVector<double> roi; ///< starts of all axes, then ends
  ResizeMode mode = ResizeMode::nearest;
  std::string coordinate = "asymmetric", nearest = "floor";
  double cubic = -0.75, extrapolation = 0;
  bool excludeOutside = false, antialias = false;
};

/// Makes the op over the axes that change; images are resized in NHWC.
void makeResize(Node &node, const Resize &resize) {
  Value x = node.input(0);
  SmallVector<int64_t> shape(shapeOf(x));
  int64_t rank = shape.size();
  for (int64_t size : resize.sizes)
    if (size < 0)
      return node.error("a size of " + describeShape(resize.sizes) + " is not possible");
  if (product(resize.sizes) == 0)
    return node.set(0, node.constant({}, resize.sizes, elementOf(x)));
  if (product(shape) == 0)
    return node.error("there is nothing to resize in a tensor of shape " + describeShape(shape));
  bool crops = resize.coordinate == "tf_crop_and_resize";
  // Every position of an axis is a row of a table.
  for (auto [size, dim] : llvm::zip(resize.sizes, shape))
    if (size != dim && std::max(size, dim) > kMaxWindow)
      return node.error("resizing " + Twine(dim) + " elements to " + Twine(size) + " is not supported",
                        "nncc resizes dims of up to " + Twine(kMaxWindow) + " elements");
  SmallVector<int64_t> axes;
  for (int64_t i = 0; i < rank; ++i)
    if (resize.sizes[i] != shape[i] || resize.scales[i] != 1 ||
        (crops && (resize.roi[i] != 0 || resize.roi[rank + i] != 1)))
      axes.push_back(i);
  if (axes.empty())
    return node.set(0, x);
  // NHWC dims of the ONNX axes 2 and 3.
  bool isImage = rank == 4 && llvm::all_of(axes, [](int64_t axis) { return axis >= 2; });
  SmallVector<int64_t> dims, resultShape(shape);
  SmallVector<double> scales, roi;
  for (int64_t axis : axes) {
    dims.push_back(isImage ? axis - 1 : axis);
    scales.push_back(resize.scales[axis]);
    resultShape[axis] = resize.sizes[axis];
  }
  for (int64_t part : {(int64_t)0, rank})
    for (int64_t axis : axes)
      if (crops)
        roi.push_back(resize.roi[part + axis]);
  if (isImage) {
    x = node.toImage(x);
    resultShape = {resultShape[0], resultShape[2], resultShape[3], resultShape[1]};
  }
  // What lies between pixels of 8 bits is cut off to integers, as in onnxruntime, which rounds it with antialias.
  Type element = x ? elementOf(x) : Type();
  if (x && resize.mode == ResizeMode::linear && !resize.antialias && element.isInteger(8))
    x = node.cast(x, node.builder.getF32Type());
  if (!x)
    return;
  Builder &b = node.builder;
  auto modeAttr = nn::ResizeModeAttr::get(node.context(), resize.mode);
  Value result = node.makeTyped<ResizeOp>(
      RankedTensorType::get(resultShape, elementOf(x)), modeAttr, x, b.getDenseI64ArrayAttr(dims),
      b.getDenseF64ArrayAttr(scales), b.getStringAttr(resize.coordinate), b.getStringAttr(resize.nearest),
      b.getF64FloatAttr(resize.cubic), resize.excludeOutside ? b.getUnitAttr() : UnitAttr(),
      resize.antialias ? b.getUnitAttr() : UnitAttr(), b.getF64FloatAttr(resize.extrapolation),
      crops ? b.getDenseF64ArrayAttr(roi) : DenseF64ArrayAttr());
  result = node.cast(result, element);
  node.set(0, isImage ? node.fromImage(result, 4, 0) : result);
}

/// Nearest pixels at (i + `offset`) / scale, a gather for each axis: for coordinates and roundings that no one op has.
/// Positions are floats, as in onnxruntime. `rounding` names that of an axis by its scale.
void gatherNearest(Node &node, const Resize &resize, float offset, llvm::function_ref<StringRef(double)> rounding) {
  Value x = node.input(0);
  for (auto [axis, size] : llvm::enumerate(resize.sizes)) {
    int64_t dim = x ? shapeOf(x)[axis] : 0;
    if (!x || (size == dim && resize.scales[axis] == 1))
      continue;
    if (size < 1 || size > kMaxFoldedInts || dim < 1)
      return node.error("a size of " + Twine(size) + " is not possible");
    SmallVector<int64_t> from;
    StringRef nearest = rounding(resize.scales[axis]);
    for (int64_t i = 0; i < size; ++i) {
      float at = (i + offset) / (float)resize.scales[axis];
      float pixel = nearest == "floor"               ? std::floor(at)
                    : nearest == "ceil"              ? std::ceil(at)
                    : nearest == "round_prefer_ceil" ? std::floor(at + 0.5f)
                                                     : std::ceil(at - 0.5f);
      from.push_back(std::clamp<int64_t>((int64_t)pixel, 0, dim - 1));
    }
    x = node.make<GatherOp>(x, node.vector(from), axis);
  }
  node.set(0, x);
}

bool readMode(Node &node, Resize &resize) {
  std::string mode = node.text("mode", "nearest");
  auto known = symbolizeResizeMode(mode == "bilinear" ? "linear" : mode);
  if (!known)
    node.error("mode '" + mode + "' is not known", "it is nearest, linear or cubic");
  resize.mode = known.value_or(ResizeMode::nearest);
  bool isOfBytes = node.input(0) && elementOf(node.input(0)).isInteger(8);
  if (resize.mode != ResizeMode::nearest && !(resize.mode == ResizeMode::linear && isOfBytes))
    return node.requireFloat(0);
  return !node.failed();
}

/// Sizes from scales: rounded down. The scales are floats in the file, and so is the product: 3 * 10/3 is 10, as in
/// onnxruntime and in ONNX's shape inference.
bool setScales(Node &node, Resize &resize, ArrayRef<double> scales) {
  ArrayRef<int64_t> shape = node.shape(0);
  if (scales.size() != shape.size()) {
    node.error("has " + Twine(scales.size()) + " scales for " + Twine(shape.size()) + " dims");
    return false;
  }
  for (auto [scale, dim] : llvm::zip(scales, shape)) {
    double size = scale == 1 ? (double)dim : std::floor((float)dim * (float)scale);
    if (!(scale > 0) || !(size <= INT32_MAX)) {
      node.error("a scale of " + llvm::Twine(std::to_string(scale)) + " is out of range");
      return false;
    }
    resize.sizes.push_back((int64_t)size);
    resize.scales.push_back(scale);
  }
  return true;
}

/// Upsample, and Resize of opset 10: asymmetric coordinates. Nearest pixels are rounded down along axes that grow, up
/// along those that shrink.
void importUpsample(Node &node) {
  Resize resize;
  if (!readMode(node, resize))
    return;
  SmallVector<double> scales;
  if (node.has("scales")) {
    scales = node.numbers("scales");
  } else if (node.has("height_scale")) { // opset 1
    scales = {1, 1, node.number("height_scale", 1), node.number("width_scale", 1)};
  } else if (auto given = node.numbersOf(1, "scales")) {
    scales = *given;
  }
  if (node.failed() || !setScales(node, resize, scales))
    return;
  bool grows = llvm::any_of(scales, [](double scale) { return scale > 1; });
  bool shrinks = llvm::any_of(scales, [](double scale) { return scale < 1; });
  if (resize.mode == ResizeMode::nearest && grows && shrinks)
    return gatherNearest(node, resize, 0, [](double scale) { return scale < 1 ? "ceil" : "floor"; });
  resize.nearest = shrinks ? "ceil" : "floor";
  makeResize(node, resize);
}

/// Sizes of chosen axes. Policies keep the aspect ratio: the smallest or largest scale counts for all (opset 18), a
/// float as those that files have.
bool setSizes(Node &node, Resize &resize, ArrayRef<int64_t> sizes, ArrayRef<int64_t> axes, StringRef policy) {
  ArrayRef<int64_t> shape = node.shape(0);
  if (sizes.size() != axes.size()) {
    node.error("has " + Twine(sizes.size()) + " sizes for " + Twine(axes.size()) + " dims");
    return false;
  }
  resize.sizes.assign(shape.begin(), shape.end());
  resize.scales.assign(shape.size(), 1);
  float common = 0;
  for (auto [size, axis] : llvm::zip(sizes, axes)) {
    bool isEmpty = size == 0 && shape[axis] == 0;
    if (!isEmpty && (size < 1 || size > INT32_MAX || shape[axis] < 1)) {
      node.error("size " + Twine(size) + " is out of range for a dim of " + Twine(shape[axis]) + " elements");
      return false;
    }
    double scale = isEmpty ? 1 : (double)size / shape[axis];
    if (common == 0 || (policy == "not_larger" ? (float)scale < common : (float)scale > common))
      common = (float)scale;
    resize.sizes[axis] = size;
    resize.scales[axis] = scale;
  }
  if (policy == "stretch")
    return true;
  for (int64_t axis : axes) {
    double size = std::floor((double)(common * (float)shape[axis]) + 0.5);
    if (!(size < INT32_MAX)) {
      node.error("sizes " + describeShape(sizes) + " are out of range");
      return false;
    }
    resize.scales[axis] = common;
    resize.sizes[axis] = (int64_t)size;
  }
  return true;
}

void importResize(Node &node) {
  if (node.opset() < 11)
    return importUpsample(node);
  Resize resize;
  if (!readMode(node, resize))
    return;
  int64_t rank = node.rank(0);
  resize.coordinate = node.text("coordinate_transformation_mode", "half_pixel");
  resize.nearest = node.text("nearest_mode", "round_prefer_floor");
  resize.cubic = node.number("cubic_coeff_a", -0.75);
  resize.extrapolation = node.number("extrapolation_value", 0);
  resize.excludeOutside = node.flag("exclude_outside", false);
  resize.antialias = node.flag("antialias", false);
  std::string policy = node.text("keep_aspect_ratio_policy", "stretch");
  SmallVector<int64_t> axes;
  for (int64_t raw : node.integers("axes", llvm::to_vector(llvm::seq<int64_t>(0, rank))))
    axes.push_back(node.axis(raw, rank));
  // Only opset 11 had this one. Nearest pixels are a gather per axis.
  bool isForNearest = resize.coordinate == "tf_half_pixel_for_nn" && resize.mode == ResizeMode::nearest;
  if (isForNearest)
    resize.coordinate = "half_pixel";
  constexpr StringRef kCoordinates[] = {"half_pixel",    "half_pixel_symmetric", "pytorch_half_pixel",
                                        "align_corners", "asymmetric",           "tf_crop_and_resize"};
  if (!llvm::is_contained(kCoordinates, resize.coordinate))
    return node.error("coordinate_transformation_mode '" + resize.coordinate + "' is not supported",
                      "nncc supports " + llvm::join(ArrayRef(kCoordinates), ", "));
  constexpr StringRef kNearest[] = {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil"};
  if (!llvm::is_contained(kNearest, resize.nearest))
    return node.error("nearest_mode '" + resize.nearest + "' is not known",
                      "it is " + llvm::join(ArrayRef(kNearest), ", "));
  if (policy != "stretch" && policy != "not_larger" && policy != "not_smaller")
    return node.error("keep_aspect_ratio_policy '" + policy + "' is not known");
  if (node.failed())
    return;

  if (resize.coordinate == "tf_crop_and_resize") {
    auto roi = node.numbersOf(1, "roi");
    if (!roi)
      return;
    if (roi->size() != 2 * axes.size())
      return node.error("roi has " + Twine(roi->size()) + " values for " + Twine(axes.size()) + " dims");
    for (double bound : *roi)
      if (!(std::abs(bound) <= INT32_MAX))
        return node.error("a bound of roi, " + Twine(std::to_string(bound)) + ", is out of range");
    resize.roi.assign(rank, 0);
    resize.roi.append(rank, 1);
    for (auto [i, axis] : llvm::enumerate(axes)) {
      resize.roi[axis] = (*roi)[i];
      resize.roi[rank + axis] = (*roi)[axes.size() + i];
    }
  }
  auto finish = [&] {
    if (!isForNearest)
      return makeResize(node, resize);
    gatherNearest(node, resize, 0.5, [&](double) { return StringRef(resize.nearest); });
  };
  // An empty list of scales means that sizes are given.
  SmallVector<double> scales;
  if (node.hasInput(2)) {
    auto given = node.numbersOf(2, "scales");
    if (!given)
      return;
    scales = *given;
  }
  if (scales.empty()) {
    auto sizes = node.integersOf(3, "sizes");
    if (sizes && setSizes(node, resize, *sizes, axes, policy))
      finish();
    return;
  }
  if (scales.size() != axes.size())
    return node.error("has " + Twine(scales.size()) + " scales for " + Twine(axes.size()) + " dims");
  SmallVector<double> all(rank, 1);
  for (auto [scale, axis] : llvm::zip(scales, axes))
    all[axis] = scale;
  if (setScales(node, resize, all))
    finish();
}

//===-- GridSample --------------------------------------------------------===//

/// Keys' cubic weights of the four neighbours at distances 1 + t, t, 1 - t, 2 - t (a = -0.75).
SmallVector<Value> cubicWeights(Node &node, GridSampler &grid, Value t) {
  constexpr double a = -0.75;
  auto near = [&](Value x) { // (a+2)x^3 - (a+3)x^2 + 1
    Value inner = grid.add(grid.mul(x, a + 2), -(a + 3));
    return grid.add(node.binary(kind::mul, node.binary(kind::mul, inner, x), x), 1);
  };
  auto far = [&](Value x) { // a x^3 - 5a x^2 + 8a x - 4a
    Value inner = grid.add(node.binary(kind::mul, grid.add(grid.mul(x, a), -5 * a), x), 8 * a);
    return grid.add(node.binary(kind::mul, inner, x), -4 * a);
  };
  Value other = grid.add(grid.mul(t, -1), 1);
  return {far(grid.add(t, 1)), near(t), near(other), far(grid.add(other, 1))};
}

void importGridSample(Node &node) {
  std::string mode = node.text("mode", "bilinear"), padding = node.text("padding_mode", "zeros");
  bool alignCorners = node.flag("align_corners", false);
  if (padding != "zeros" && padding != "border" && padding != "reflection")
    return node.error("padding_mode '" + padding + "' is not known", "it is zeros, border or reflection");
  bool isNearest = mode == "nearest", isCubic = mode == "bicubic" || mode == "cubic";
  if (!isNearest && !isCubic && mode != "bilinear" && mode != "linear")
    return node.error("mode '" + mode + "' is not known", "it is linear, nearest or cubic");
  if (!node.requireFloat(0) || !node.requireFloat(1) || !node.requireRank(0, 3, 5))
    return;
  int64_t rank = node.rank(0);
  if (!node.requireRank(1, rank, rank))
    return;
  ArrayRef<int64_t> x = node.shape(0), g = node.shape(1);
  if (g.back() != rank - 2 || g[0] != x[0] || product(x) == 0)
    return node.error("a grid of shape " + describeShape(g) + " does not fit an image of shape " + describeShape(x));
  // In f32 at least: halves cannot tell positions of large images apart.
  Type type = node.type(0).getElementType(), wide = wideType(type);
  SmallVector<int64_t> channelsLast{0}, channelsFirst{0, rank - 1};
  llvm::append_range(channelsLast, llvm::seq<int64_t>(2, rank));
  channelsLast.push_back(1);
  llvm::append_range(channelsFirst, llvm::seq<int64_t>(1, rank - 1));
  Value image = node.cast(node.transpose(node.input(0), channelsLast), wide),
        positions = node.cast(node.input(1), wide);
  if (!image || !positions)
    return;
  auto finish = [&](Value result) {
    result = node.cast(result, type);
    node.nameResult(0, result, channelsLast);
    node.set(0, node.transpose(result, channelsFirst));
  };
  GridSampler grid(node, image, padding, alignCorners);
  SmallVector<Value> at;
  for (size_t dim = 0; dim < grid.dims(); ++dim) {
    // Coordinates are x, y (, z): the last dim first.
    Value coordinate = node.slice(positions, rank - 1, grid.dims() - 1 - dim, 1);
    coordinate = grid.unnormalize(node.reshape(coordinate, g.drop_back()), grid.size(dim));
    at.push_back(isCubic ? coordinate : grid.inside(coordinate, grid.size(dim)));
  }
  if (isNearest) {
    for (Value &position : at)
      position = node.unary(kind::round, position);
    return finish(grid.pixel(at));
  }
  if (!isCubic)
    return finish(grid.linear(at));
  SmallVector<Value> first;
  SmallVector<SmallVector<Value>> weights;
  for (Value position : at) {
    Value floor = node.unary(kind::floor, position);
    Value rest = node.binary(kind::sub, position, floor);
    if (!rest)
      return;
    first.push_back(grid.add(floor, -1));
    weights.push_back(cubicWeights(node, grid, rest));
  }
  finish(grid.interpolate(first, weights));
}

/// The positions of pixels along a dim, from -1 to 1: of the centers of the outermost ones, or of their outer edges.
Value pixelPositions(Node &node, int64_t size, bool alignCorners, ArrayRef<int64_t> shape, Type type) {
  Elements positions;
  positions.type = RankedTensorType::get(shape, type);
  for (int64_t i = 0; i < size; ++i)
    positions.floats.push_back(!alignCorners ? (2.0 * i + 1) / size - 1 : size > 1 ? 2.0 * i / (size - 1) - 1 : 0);
  return node.constant(makeElements(positions));
}

/// Positions for GridSample, [N, H', W', 2] (or with D' and 3): an affine map theta [N, 2, 3] of those of all pixels.
void importAffineGrid(Node &node) {
  bool alignCorners = node.flag("align_corners", false);
  auto size = node.integersOf(1, "size");
  if (!node.requireFloat(0) || !node.requireRank(0, 3, 3) || !size)
    return;
  int64_t dims = (int64_t)size->size() - 2, batch = node.shape(0)[0];
  if (dims < 2 || dims > 3 || node.shape(0) != ArrayRef<int64_t>{(*size)[0], dims, dims + 1})
    return node.error("theta of shape " + describeShape(node.shape(0)) + " does not fit a size of " +
                      describeShape(*size));
  for (int64_t extent : ArrayRef(*size).drop_front(2))
    if (extent < 1 || extent > kMaxFoldedInts)
      return node.error("a size of " + describeShape(*size) + " is not possible");
  Type type = node.type(0).getElementType(), wide = wideType(type);
  Value theta = node.cast(node.input(0), wide);
  SmallVector<int64_t> columnShape(dims + 2, 1);
  columnShape.front() = batch;
  columnShape.back() = dims;
  auto column = [&](int64_t i) { return node.reshape(node.slice(theta, 2, i, 1), columnShape); };
  Value sum = column(dims);
  for (int64_t i = 0; i < dims; ++i) {
    // Column i goes with x, y (, z): the last dim first.
    int64_t axis = dims - i, extent = (*size)[1 + axis];
    SmallVector<int64_t> shape(dims + 2, 1);
    shape[axis] = extent;
    Value positions = pixelPositions(node, extent, alignCorners, shape, wide);
    sum = node.binary(kind::add, sum, node.binary(kind::mul, positions, column(i)));
  }
  node.set(0, node.cast(sum, type));
}

//===-- RoiAlign ----------------------------------------------------------===//

void importRoiAlign(Node &node) {
  std::string mode = node.text("mode", "avg");
  // Up to opset 10 no pixel was shifted.
  std::string coordinate =
      node.text("coordinate_transformation_mode", node.opset() < 16 ? "output_half_pixel" : "half_pixel");
  int64_t height = node.integer("output_height", 1), width = node.integer("output_width", 1);
  int64_t samples = node.integer("sampling_ratio", 0);
  double scale = node.number("spatial_scale", 1);
  if (mode != "avg" && mode != "max")
    return node.error("mode '" + mode + "' is not known", "it is avg or max");
  if (coordinate != "half_pixel" && coordinate != "output_half_pixel")
    return node.error("coordinate_transformation_mode '" + coordinate + "' is not known",
                      "it is half_pixel or output_half_pixel");
  if (height < 1 || height > kMaxWindow || width < 1 || width > kMaxWindow)
    return node.error("an output of " + describeShape({height, width}) + " is not possible");
  if (samples < 0 || samples > kMaxWindow)
    return node.error("a sampling_ratio of " + Twine(samples) + " is not possible");
  if (!node.requireFloat(0) || !node.requireTypeOf(1, 0) || !node.requireInteger(2) || !node.requireRank(0, 4, 4))
    return;
  ArrayRef<int64_t> x = node.shape(0), regions = node.shape(1);
  if (regions.size() != 2 || regions[1] != 4 || node.shape(2) != ArrayRef<int64_t>{regions[0]})
    return node.error("regions of shape " + describeShape(regions) + " of images of shape " +
                          describeShape(node.shape(2)) + " do not fit each other",
                      "they are [R, 4] and [R]");
  if (product(x) == 0)
    return node.error("there is nothing to align in a tensor of shape " + describeShape(x));
  // Positions are f32 at least, as in GridSample.
  Value wide = node.cast(node.input(1), wideType(node.type(1).getElementType()));
  Value images = node.input(2), image = node.toImage(node.input(0));
  if (images && !elementOf(images).isSignlessInteger(32) && !elementOf(images).isSignlessInteger(64))
    images = node.cast(images, node.builder.getI64Type());
  if (!wide || !images || !image)
    return;
  Builder &b = node.builder;
  Value result = node.makeTyped<RoiAlignOp>(RankedTensorType::get({regions[0], height, width, x[1]}, elementOf(image)),
                                            image, wide, images, b.getI64IntegerAttr(samples), b.getF64FloatAttr(scale),
                                            coordinate == "half_pixel" ? b.getUnitAttr() : UnitAttr(),
                                            mode == "max" ? b.getUnitAttr() : UnitAttr());
  node.set(0, node.fromImage(result, 4, 0));
}

const OpEntry kOps[] = {
    {"AffineGrid", 2, 2, importAffineGrid}, {"RoiAlign", 3, 3, importRoiAlign},     {"Resize", 1, 4, importResize},
    {"Upsample", 1, 2, importUpsample},     {"GridSample", 2, 2, importGridSample},
};
} // namespace

ArrayRef<OpEntry> resampleOps() { return kOps; }

} // namespace nncc::import
