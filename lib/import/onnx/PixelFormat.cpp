// See PixelFormat.h.
#include "lib/import/onnx/PixelFormat.h"
#include "dialects/nn/Kinds.h"
#include "dialects/nn/NN.h"
#include "lib/import/onnx/Elements.h"
#include "lib/support/Assert.h"
#include "llvm/ADT/StringSwitch.h"
#include <algorithm>
#include <array>

using namespace mlir;

namespace nncc {

/// Blocks of pixels that share a pair of chroma samples, and what luma and chroma weigh.
struct PixelFormat::Chroma {
  int64_t blockHeight, blockWidth;
  double luma;                                ///< of Y, in R, G and B
  std::array<std::array<double, 3>, 2> pairs; ///< of the pair's first and second byte, in R, G and B
  std::array<double, 3> offsets;
};

std::optional<PixelFormat::Kind> PixelFormat::kindNamed(StringRef word) {
  return llvm::StringSwitch<std::optional<Kind>>(word)
      .Cases({"rgbx", "bgrx", "rgba", "bgra"}, Kind::RGBX)
      .Case("nv12", Kind::NV12)
      .Case("nv21", Kind::NV21)
      .Case("yuyv", Kind::YUYV)
      .Case("uyvy", Kind::UYVY)
      .Default(std::nullopt);
}

std::string PixelFormat::text() const {
  constexpr const char *kNames[] = {"rgbx", "nv12", "nv21", "yuyv", "uyvy"};
  return kNames[int(kind)] + std::string(isBT709 ? ",bt709" : "") + (isFullRange ? ",full" : "");
}

PixelFormat::Chroma PixelFormat::chroma() const {
  double red = isBT709 ? 0.2126 : 0.299, blue = isBT709 ? 0.0722 : 0.114, green = 1 - red - blue;
  double lumaStep = isFullRange ? 1 : 255.0 / 219, chromaStep = isFullRange ? 1 : 255.0 / 224;
  std::array<double, 3> u = {0, -2 * blue * (1 - blue) / green * chromaStep, 2 * (1 - blue) * chromaStep};
  std::array<double, 3> v = {2 * (1 - red) * chromaStep, -2 * red * (1 - red) / green * chromaStep, 0};
  Chroma result{isPlanar() ? 2 : 1, 2, lumaStep, {u, v}, {}};
  for (int channel = 0; channel < 3; ++channel)
    result.offsets[channel] = -128 * (u[channel] + v[channel]) - (isFullRange ? 0 : 16 * lumaStep);
  if (kind == Kind::NV21)
    std::swap(result.pairs[0], result.pairs[1]);
  return result;
}

std::optional<std::string> PixelFormat::complaint(int64_t height, int64_t width) const {
  if (!isYUV())
    return std::nullopt;
  Chroma shared = chroma();
  if (height % shared.blockHeight == 0 && width % shared.blockWidth == 0)
    return std::nullopt;
  return text() + " needs an even width" + (shared.blockHeight == 2 ? " and an even height" : "") + ", the image is " +
         std::to_string(height) + "x" + std::to_string(width);
}

std::vector<int64_t> PixelFormat::memoryShape(ArrayRef<int64_t> image) const {
  if (kind == Kind::RGBX)
    return {image[0], image[1], image[2], 4};
  int64_t height = image[2];
  if (isPlanar())
    return {image[0], height < 0 ? height : height + height / 2, image[3]};
  return {image[0], height, image[3], 2};
}

std::optional<std::vector<int64_t>> PixelFormat::imageShape(ArrayRef<int64_t> memory) const {
  if (memory.size() != (isPlanar() ? 3 : 4) || (isPlanar() && memory[1] % 3 != 0) ||
      (!isPlanar() && memory[3] != (kind == Kind::RGBX ? 4 : 2)))
    return std::nullopt;
  if (kind == Kind::RGBX)
    return std::vector<int64_t>{memory[0], memory[1], memory[2], 3};
  return std::vector<int64_t>{memory[0], 3, isPlanar() ? memory[1] / 3 * 2 : memory[1], memory[2]};
}

Value PixelFormat::read(OpBuilder &b, Location location, Value memory) const {
  using namespace nn;
  auto shapeOf = [](Value x) { return llvm::to_vector(cast<RankedTensorType>(x.getType()).getShape()); };
  auto reshaped = [&](Value x, ArrayRef<int64_t> shape) -> Value {
    return ReshapeOp::create(b, location, cast<RankedTensorType>(x.getType()).clone(shape), x);
  };
  auto asFloats = [&](Value x) -> Value {
    return CastOp::create(b, location, cast<RankedTensorType>(x.getType()).clone(b.getF32Type()), x,
                          /*saturate=*/false);
  };
  auto constant = [&](ArrayRef<int64_t> shape, std::vector<double> numbers) -> Value {
    import::Elements elements{RankedTensorType::get(shape, b.getF32Type()), {}, std::move(numbers)};
    return ConstantOp::create(b, location, import::makeElements(elements));
  };
  /// Every `step`-th row or channel (the dim counted from the front) from `start` on, `size` of them.
  auto sliced = [&](Value x, int64_t dim, int64_t start, int64_t size, int64_t step) -> Value {
    SmallVector<int64_t> shape = shapeOf(x), starts(shape.size(), 0), steps(shape.size(), 1);
    starts[dim] = start, shape[dim] = size, steps[dim] = step;
    return SliceOp::create(b, location, x, starts, shape, steps);
  };

  std::vector<int64_t> image = *imageShape(shapeOf(memory));
  if (kind == Kind::RGBX)
    return sliced(memory, 3, 0, 3, 1);

  Chroma shared = chroma();
  int64_t count = image[0], rows = image[2] / shared.blockHeight, columns = image[3] / shared.blockWidth;
  Value luma, pairs;
  if (isPlanar()) {
    luma = sliced(memory, 1, 0, image[2], 1);
    pairs = sliced(memory, 1, image[2], rows, 1);
  } else {
    int64_t first = kind == Kind::YUYV ? 0 : 1;
    luma = sliced(memory, 3, first, 1, 1);
    pairs = sliced(memory, 3, 1 - first, 1, 1);
  }
  // A pixel is a sum of what its luma and its block's chroma give: dims of 1 repeat the latter.
  luma = asFloats(reshaped(luma, {count, 1, rows, shared.blockHeight, columns, shared.blockWidth}));
  luma = BinaryOp::create(b, location, luma.getType(), kind::mul, luma, constant({1, 1, 1, 1, 1, 1}, {shared.luma}));
  std::vector<double> weights(shared.pairs[0].begin(), shared.pairs[0].end());
  weights.insert(weights.end(), shared.pairs[1].begin(), shared.pairs[1].end());
  Value colors =
      MatMulOp::create(b, location, asFloats(reshaped(pairs, {count, rows * columns, 2})), constant({1, 2, 3}, weights),
                       constant({3}, {shared.offsets.begin(), shared.offsets.end()}), Value(), Value(), false);
  colors = TransposeOp::create(b, location, colors, ArrayRef<int64_t>{0, 2, 1});
  colors = reshaped(colors, {count, 3, rows, 1, columns, 1});
  auto type = RankedTensorType::get({count, 3, rows, shared.blockHeight, columns, shared.blockWidth}, b.getF32Type());
  Value sum = BinaryOp::create(b, location, type, kind::add, luma, colors);
  sum = UnaryOp::create(b, location, kind::clip, sum, llvm::APFloat(0.0), llvm::APFloat(255.0));
  return reshaped(sum, image);
}

std::vector<float> PixelFormat::read(ArrayRef<char> memory, ArrayRef<int64_t> image) const {
  auto byte = [&](int64_t at) { return float(uint8_t(memory[at])); };
  std::vector<float> result;
  if (kind == Kind::RGBX) {
    for (int64_t at = 0; at < (int64_t)memory.size(); at += 4)
      result.insert(result.end(), {byte(at), byte(at + 1), byte(at + 2)});
    return result;
  }
  Chroma shared = chroma();
  int64_t height = image[2], width = image[3];
  int64_t frame = isPlanar() ? height * width * 3 / 2 : height * width * 2;
  result.reserve(image[0] * 3 * height * width);
  for (int64_t n = 0; n < image[0]; ++n)
    for (int channel = 0; channel < 3; ++channel)
      for (int64_t h = 0; h < height; ++h)
        for (int64_t w = 0; w < width; ++w) {
          int64_t pixel = n * frame + (h * width + w) * (isPlanar() ? 1 : 2);
          int64_t pair = n * frame + (isPlanar() ? (height + h / 2) * width + w / 2 * 2 : (h * width + w / 2 * 2) * 2);
          int64_t first = isPlanar() ? pair : pair + (kind == Kind::YUYV), second = first + (isPlanar() ? 1 : 2);
          pixel += kind == Kind::UYVY;
          double value = shared.luma * byte(pixel) + shared.pairs[0][channel] * byte(first) +
                         shared.pairs[1][channel] * byte(second) + shared.offsets[channel];
          result.push_back(float(std::clamp(value, 0.0, 255.0)));
        }
  return result;
}

} // namespace nncc
