// See InputFormat.h.
#include "lib/import/onnx/InputFormat.h"
#include "dialects/nn/Kinds.h"
#include "dialects/nn/NN.h"
#include "lib/import/onnx/Elements.h"
#include "lib/import/onnx/ModelFile.h"
#include "lib/support/Assert.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSwitch.h"
#include <charconv>
#include <cmath>
#include <cstring>

using namespace mlir;

namespace nncc {
using llvm::createStringError;
using llvm::Twine;

namespace {

constexpr int64_t kToModel[] = {0, 3, 1, 2}, kToMemory[] = {0, 2, 3, 1}; // NHWC -> NCHW and back

std::optional<InputFormat::Element> elementNamed(StringRef word) {
  return llvm::StringSwitch<std::optional<InputFormat::Element>>(word)
      .Case("u8", InputFormat::Element::U8)
      .Case("s8", InputFormat::Element::S8)
      .Case("f32", InputFormat::Element::F32)
      .Default(std::nullopt);
}

std::optional<InputFormat::Layout> layoutNamed(StringRef word) {
  return llvm::StringSwitch<std::optional<InputFormat::Layout>>(word)
      .Case("nhwc", InputFormat::Layout::NHWC)
      .Case("nchw", InputFormat::Layout::NCHW)
      .Default(std::nullopt);
}

std::vector<int64_t> permuted(ArrayRef<int64_t> shape, ArrayRef<int64_t> perm) {
  std::vector<int64_t> result;
  for (int64_t dim : perm)
    result.push_back(shape[dim]);
  return result;
}

/// The number at place i of a list that has one for all or one for each.
double numberOf(ArrayRef<double> list, int64_t i, double otherwise) {
  return list.empty() ? otherwise : list[list.size() == 1 ? 0 : i];
}

/// Reads a format word by word.
class Parser {
public:
  llvm::Expected<InputFormat> run(StringRef text) {
    SmallVector<StringRef> words;
    text.split(words, ',');
    auto element = elementNamed(words.front());
    if (!element)
      return createStringError("'" + words.front() + "' is no element type\nu8, s8 or f32 comes first");
    format.element = *element;
    for (StringRef word : llvm::drop_begin(words))
      if (llvm::Error error = read(word))
        return std::move(error);
    if (format.pixels && format.element != InputFormat::Element::U8)
      return createStringError(format.pixels->text() + " is of bytes\nbegin with u8");
    if (llvm::is_contained(given, "a matrix") || llvm::is_contained(given, "a range"))
      if (!format.pixels || !format.pixels->isYUV())
        return createStringError("bt601, bt709, limited and full speak of YUV\nadd nv12, nv21, yuyv or uyvy");
    if (format.pixels) {
      format.pixels->isBT709 = isBT709;
      format.pixels->isFullRange = isFullRange;
    }
    return std::move(format);
  }

private:
  llvm::Error read(StringRef word) {
    auto [key, value] = word.split('=');
    if (word == key) {
      if (auto layout = layoutNamed(word))
        return once("layout", [&] { format.layout = layout; });
      if (word == "bgr" || word == "rgb")
        return once("order of channels", [&] { format.isReversed = word == "bgr"; });
      if (auto kind = PixelFormat::kindNamed(word))
        return readPixels(word, *kind);
      if (word == "bt601" || word == "bt709")
        return once("a matrix", [&] { isBT709 = word == "bt709"; });
      if (word == "limited" || word == "full")
        return once("a range", [&] { isFullRange = word == "full"; });
      if (list)
        return readNumber(word); // one more
      return unknown(word);
    }
    list = nullptr;
    if (key == "model") {
      auto layout = layoutNamed(value);
      if (!layout)
        return createStringError("model=" + value + " is neither nhwc nor nchw");
      return once("model=", [&] { format.modelLayout = layout; });
    }
    if (key != "mean" && key != "scale" && key != "std")
      return unknown(word);
    list = key == "mean" ? &format.mean : &format.scale;
    isStd = key == "std";
    if (llvm::Error error = once(key == "mean" ? "mean=" : "scale= or std=", [] {}))
      return error;
    return readNumber(value);
  }

  /// A format of pixels says the layout, too, and where a pixel has all its channels, their order.
  llvm::Error readPixels(StringRef word, PixelFormat::Kind kind) {
    bool isYUV = kind != PixelFormat::Kind::RGBX;
    if (llvm::Error error = once("layout", [&] {
          format.pixels = PixelFormat{kind};
          format.layout = isYUV ? InputFormat::Layout::NCHW : InputFormat::Layout::NHWC;
        }))
      return error;
    return isYUV ? llvm::Error::success()
                 : once("order of channels", [&] { format.isReversed = word.starts_with("bgr"); });
  }

  static llvm::Error unknown(StringRef word) {
    return createStringError("'" + word +
                             "' is not known\nafter the element type come nhwc or nchw, model=nhwc or model=nchw, bgr "
                             "or rgb, mean=M,..., scale=S,... or std=D,..., of a camera's pixels rgbx, bgrx, nv12, "
                             "nv21, yuyv or uyvy, then bt601 or bt709, limited or full");
  }

  llvm::Error once(StringRef what, llvm::function_ref<void()> set) {
    if (llvm::is_contained(given, what))
      return createStringError(what + " is given twice");
    given.push_back(what);
    set();
    if (what != "mean=" && what != "scale= or std=")
      list = nullptr;
    return llvm::Error::success();
  }

  llvm::Error readNumber(StringRef text) {
    double number = 0;
    if (text.getAsDouble(number) || !std::isfinite(float(number)))
      return createStringError("'" + text + "' is not a number");
    if (list == &format.scale) {
      number = isStd ? 1 / number : number;
      if (!std::isnormal(float(number)))
        return createStringError((isStd ? "std " : "scale ") + text + " leaves nothing of the input");
    }
    list->push_back(number);
    return llvm::Error::success();
  }

  InputFormat format;
  std::vector<double> *list = nullptr; ///< what a bare number continues
  bool isStd = false, isBT709 = false, isFullRange = false;
  SmallVector<StringRef> given;
};

} // namespace

llvm::Expected<InputFormat> InputFormat::parse(StringRef text) { return Parser().run(text); }

bool InputFormat::isMeant(StringRef text) { return elementNamed(text.split(',').first).has_value(); }

std::string InputFormat::text() const {
  std::string result = element == Element::U8 ? "u8" : element == Element::S8 ? "s8" : "f32";
  auto addNumbers = [&](StringRef name, ArrayRef<double> numbers) {
    for (auto [i, number] : llvm::enumerate(numbers)) {
      char digits[32];
      auto end = std::to_chars(digits, std::end(digits), float(number)).ptr; // the shortest that is read as the same
      result += (i ? "," : "," + name.str() + "=") + std::string(digits, end);
    }
  };
  if (pixels)
    result += "," + (isReversed && !pixels->isYUV() ? "bgrx" : pixels->text());
  else if (movesChannels())
    result += *layout == Layout::NHWC ? ",nhwc" : ",nchw";
  if (isReversed && !(pixels && !pixels->isYUV()))
    result += ",bgr";
  addNumbers("mean", mean);
  addNumbers("scale", scale);
  return result;
}

bool InputFormat::movesChannels() const { return layout && *layout != modelLayout.value_or(Layout::NCHW); }

int64_t InputFormat::channels(ArrayRef<int64_t> modelShape) const {
  return modelShape[modelLayout.value_or(Layout::NCHW) == Layout::NCHW ? 1 : 3];
}

llvm::Error InputFormat::checkPixels(RankedTensorType type) const {
  ArrayRef<int64_t> shape = type.getShape();
  if (channels(shape) != 3)
    return createStringError(pixels->text() + " has 3 channels, the input " + import::describeShape(shape) + " has " +
                             Twine(channels(shape)) +
                             (shape[3] == 3 ? "\nif the model itself is NHWC, add model=nhwc" : ""));
  bool isPlanar = modelLayout.value_or(Layout::NCHW) == Layout::NCHW;
  if (auto complaint = pixels->complaint(shape[isPlanar ? 2 : 1], shape[isPlanar ? 3 : 2]))
    return createStringError(*complaint);
  if (pixels->isYUV() && !isa<FloatType>(type.getElementType()))
    return createStringError("colors of " + pixels->text() + " are floats, the model takes " +
                             import::nameOf(type.getElementType()));
  return llvm::Error::success();
}

llvm::Error InputFormat::check(RankedTensorType type) const {
  ArrayRef<int64_t> shape = type.getShape();
  bool isList = mean.size() > 1 || scale.size() > 1;
  if ((layout || modelLayout || isReversed || isList) && shape.size() != 4)
    return createStringError("the input is " + import::describeShape(shape) +
                             "; a layout, an order of channels and numbers for each channel need 4 dims");
  // Exporters of TensorFlow write models of NHWC; an image of three columns is not what is meant.
  if (movesChannels() && !modelLayout && shape[1] > 4 && shape[3] <= 4)
    return createStringError(
        "the input is " + import::describeShape(shape) +
        ", which looks like NHWC in the model already\nadd model=nhwc, or model=nchw if these are " + Twine(shape[1]) +
        " channels");
  if (pixels)
    if (llvm::Error error = checkPixels(type))
      return error;
  if (isReversed && channels(shape) != 3)
    return createStringError("bgr needs 3 channels, the input has " + Twine(channels(shape)));
  for (auto [name, list] : {std::pair("mean", &mean), std::pair("scale", &scale)})
    if (list->size() > 1 && (int64_t)list->size() != channels(shape))
      return createStringError(
          Twine(name) + " has " + Twine(list->size()) + " numbers, the input " + import::describeShape(shape) +
          " has " + Twine(channels(shape)) + " channels\ngive one number or one for each channel" +
          (!modelLayout && shape[3] == (int64_t)list->size() ? "; if the model itself is NHWC, add model=nhwc" : ""));
  Type element = type.getElementType();
  if (isa<FloatType>(element))
    return llvm::Error::success();
  if (memoryType(type).getElementType() != element || !mean.empty() || !scale.empty())
    return createStringError("the model takes " + import::nameOf(element) +
                             ": only its layout and the order of its channels can be another one");
  return llvm::Error::success();
}

RankedTensorType InputFormat::memoryType(RankedTensorType type) const {
  MLIRContext *context = type.getContext();
  Type memory =
      element == Element::F32
          ? Type(Float32Type::get(context))
          : IntegerType::get(context, 8, element == Element::U8 ? IntegerType::Unsigned : IntegerType::Signless);
  return RankedTensorType::get(memoryShape(type.getShape()), memory);
}

std::vector<int64_t> InputFormat::modelShape(ArrayRef<int64_t> memoryShape) const {
  std::optional<std::vector<int64_t>> image = pixels ? pixels->imageShape(memoryShape) : memoryShape.vec();
  if (!image)
    return memoryShape.vec();
  if (!movesChannels() || image->size() != 4)
    return *image;
  return permuted(*image, *layout == Layout::NHWC ? ArrayRef(kToModel) : ArrayRef(kToMemory));
}

/// The shape of what lies in memory once it is an image: the memory itself, or what its pixels make.
std::vector<int64_t> InputFormat::imageShape(ArrayRef<int64_t> modelShape) const {
  if (!movesChannels() || modelShape.size() != 4)
    return modelShape.vec();
  return permuted(modelShape, *layout == Layout::NHWC ? ArrayRef(kToMemory) : ArrayRef(kToModel));
}

std::vector<int64_t> InputFormat::memoryShape(ArrayRef<int64_t> modelShape) const {
  std::vector<int64_t> image = imageShape(modelShape);
  return pixels && image.size() == 4 ? pixels->memoryShape(image) : image;
}

Value InputFormat::convert(OpBuilder &b, Location location, Value memory, RankedTensorType type) const {
  using namespace nn;
  Value x = pixels ? pixels->read(b, location, memory) : memory;
  SmallVector<int64_t> shape(cast<RankedTensorType>(x.getType()).getShape());
  Type element = type.getElementType();
  bool computes = !mean.empty() || !scale.empty();
  auto castTo = [&](Type to) {
    if (cast<RankedTensorType>(x.getType()).getElementType() != to)
      x = CastOp::create(b, location, RankedTensorType::get(shape, to), x, /*saturate=*/false);
  };
  castTo(computes ? Type(b.getF32Type()) : element);

  // Channels are the last dim of the memory, or the second one.
  Layout memoryLayout = layout.value_or(modelLayout.value_or(Layout::NCHW));
  int64_t channelDim = memoryLayout == Layout::NHWC ? 3 : 1;
  auto apply = [&](BinaryKind kind, ArrayRef<double> numbers) {
    if (numbers.empty())
      return;
    import::Elements constant;
    SmallVector<int64_t> constantShape(shape.size(), 1);
    if (llvm::all_equal(numbers)) {
      constant.floats = {numbers[0]};
    } else {
      // A whole row where channels are innermost: vectors of it need no pattern of three.
      int64_t channels = shape[channelDim], columns = channelDim == 3 ? shape[2] : 1;
      constantShape[channelDim] = channels;
      if (channelDim == 3)
        constantShape[2] = columns;
      for (int64_t i = 0; i < columns * channels; ++i)
        constant.floats.push_back(numbers[isReversed ? channels - 1 - i % channels : i % channels]);
    }
    constant.type = RankedTensorType::get(constantShape, b.getF32Type());
    Value operand = ConstantOp::create(b, location, import::makeElements(constant));
    x = BinaryOp::create(b, location, x.getType(), kind, x, operand);
  };
  apply(kind::sub, mean);
  apply(kind::mul, scale);
  castTo(element);

  if (isReversed) {
    SmallVector<int64_t> starts(4, 0), steps(4, 1);
    starts[channelDim] = shape[channelDim] - 1;
    steps[channelDim] = -1;
    x = SliceOp::create(b, location, x, starts, shape, steps);
  }
  if (movesChannels())
    x = TransposeOp::create(b, location, x, *layout == Layout::NHWC ? ArrayRef(kToModel) : ArrayRef(kToMemory));
  NNCC_ASSERT(x.getType() == type, "a format leads to what the model takes");
  return x;
}

std::vector<float> InputFormat::floatsOf(ArrayRef<char> memory) const {
  std::vector<float> result(memory.size() / (element == Element::F32 ? sizeof(float) : 1));
  if (element == Element::F32)
    std::memcpy(result.data(), memory.data(), result.size() * sizeof(float));
  else
    llvm::transform(memory, result.begin(),
                    [&](char byte) { return element == Element::U8 ? float(uint8_t(byte)) : float(int8_t(byte)); });
  return result;
}

std::vector<float> InputFormat::convert(ArrayRef<char> memory, ArrayRef<int64_t> modelShape) const {
  bool isImage = modelShape.size() == 4;
  size_t channelDim = modelLayout.value_or(Layout::NCHW) == Layout::NCHW ? 1 : 3;
  std::vector<int64_t> inImage = imageShape(modelShape);
  std::vector<float> image = pixels ? pixels->read(memory, inImage) : floatsOf(memory);
  std::vector<float> result(image.size());
  for (size_t i = 0; i < result.size(); ++i) {
    size_t at = i, channel = 0;
    if (isImage) {
      std::vector<int64_t> index(4);
      size_t rest = i;
      for (int dim = 3; dim >= 0; --dim) {
        index[dim] = rest % modelShape[dim];
        rest /= modelShape[dim];
      }
      channel = index[channelDim];
      if (isReversed)
        index[channelDim] = modelShape[channelDim] - 1 - channel;
      std::vector<int64_t> place = imageShape(index); // an index is permuted like a shape
      at = 0;
      for (int dim = 0; dim < 4; ++dim)
        at = at * inImage[dim] + place[dim];
    }
    result[i] = (image[at] - float(numberOf(mean, channel, 0))) * float(numberOf(scale, channel, 1));
  }
  return result;
}

} // namespace nncc
