// See Bind.h.
#include "lib/import/onnx/Bind.h"
#include "lib/import/onnx/Elements.h"
#include "lib/import/onnx/ModelFile.h"
#include "lib/support/Npy.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;

namespace nncc::import {

/// True when a shape is possible for an input's declared dims.
static bool fits(ArrayRef<int64_t> shape, const OnnxValueInfo &input) {
  if (!input.hasShape)
    return true;
  if (shape.size() != input.dims.size())
    return false;
  for (auto [size, dim] : llvm::zip(shape, input.dims))
    if (dim.key.empty() && dim.size != size)
      return false;
  return true;
}

static std::string declaredShape(const OnnxValueInfo &input) {
  std::string text = "[";
  for (auto [i, dim] : llvm::enumerate(input.dims))
    text += (i ? ", " : "") + (dim.key.empty() ? std::to_string(dim.size) : dim.key);
  return text + "]";
}

static ElementsAttr readFile(const std::string &path, const OnnxValueInfo &input, Type elementType,
                             std::string &problem) {
  std::string why;
  auto array = readNpy(path, why);
  if (!array) {
    problem = "'" + path + "' " + why;
    return {};
  }
  std::string type = nameOf(elementType);
  if ((type == "bool" ? "i1" : type) != array->type) {
    problem = "the input is " + type + ", '" + path + "' holds " + array->type;
    return {};
  }
  if (!fits(array->shape, input)) {
    problem = "the input is " + declaredShape(input) + ", '" + path + "' holds " + describeShape(array->shape);
    return {};
  }
  return makeConstant(RankedTensorType::get(array->shape, elementType), array->data, input.name);
}

std::optional<StringRef> boundFile(StringRef text) {
  if (text.consume_front("@") || text.ends_with(".npy"))
    return text;
  return std::nullopt;
}

ElementsAttr readBoundValue(const std::string &text, const OnnxValueInfo &input, Type elementType,
                            std::string &problem) {
  if (auto path = boundFile(text))
    return readFile(path->str(), input, elementType, problem);
  StringRef rest = StringRef(text).trim();
  bool isList = rest.contains(',') || rest.starts_with("[");
  if (rest.consume_front("[") && !rest.consume_back("]")) {
    problem = "the list does not end with ]";
    return {};
  }
  Elements value;
  SmallVector<StringRef> parts;
  if (!rest.trim().empty())
    rest.split(parts, ',');
  bool isFloat = isa<FloatType>(elementType);
  for (StringRef part : parts) {
    part = part.trim();
    int64_t number = 0;
    uint64_t unsignedNumber = 0;
    double real = 0;
    if (part == "true" || part == "false")
      real = number = part == "true";
    else if (isFloat ? part.getAsDouble(real) : part.getAsInteger(10, number)) {
      if (isFloat || part.getAsInteger(10, unsignedNumber)) {
        problem = ("'" + part + "' is not " + (isFloat ? "a number" : "a whole number")).str();
        return {};
      }
      number = (int64_t)unsignedNumber;
    }
    if (isFloat)
      value.floats.push_back(real);
    else if (wrapToType(number, elementType) != number) {
      problem = part.str() + " does not fit " + nameOf(elementType);
      return {};
    } else
      value.ints.push_back(number);
  }
  int64_t count = parts.size();
  SmallVector<int64_t> shape;
  if (isList)
    shape.push_back(count);
  if (!fits(shape, input)) {
    // The file may fix the whole shape, or say that the one value is a list of one.
    SmallVector<int64_t> declared;
    for (const OnnxDim &dim : input.dims)
      declared.push_back(dim.key.empty() ? dim.size : count == 1 ? 1 : -1);
    int64_t expected = 1;
    for (int64_t dim : declared)
      expected = expected < 0 || dim < 0 || dim > kMaxFoldedInts ? -1 : expected * dim;
    if (expected != count) {
      problem = "the input is " + declaredShape(input) + ", " + std::to_string(count) +
                (count == 1 ? " value is given" : " values are given");
      return {};
    }
    shape = declared;
  }
  value.type = RankedTensorType::get(shape, elementType);
  return makeElements(value);
}

} // namespace nncc::import
