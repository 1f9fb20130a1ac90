// See Elements.h.
#include "lib/import/onnx/Elements.h"
#include "llvm/ADT/APFloat.h"
#include "llvm/ADT/bit.h"
#include <cstring>

using namespace mlir;

namespace nncc::import {

int64_t wrapToType(int64_t value, Type type) {
  auto integer = dyn_cast<IntegerType>(type);
  if (!integer || integer.getWidth() >= 64)
    return value;
  unsigned shift = 64 - integer.getWidth();
  uint64_t high = (uint64_t)value << shift;
  bool zeroExtended = integer.isUnsigned() || integer.getWidth() == 1;
  return zeroExtended ? (int64_t)(high >> shift) : (int64_t)high >> shift;
}

double roundToType(double value, Type type) {
  if (type.isF64())
    return value;
  if (type.isF32())
    return (float)value;
  llvm::APFloat rounded(value);
  bool losesInfo;
  rounded.convert(cast<FloatType>(type).getFloatSemantics(), llvm::APFloat::rmNearestTiesToEven, &losesInfo);
  rounded.convert(llvm::APFloat::IEEEdouble(), llvm::APFloat::rmNearestTiesToEven, &losesInfo);
  return rounded.convertToDouble();
}

/// One float of 2, 4 or 8 bytes.
static double readFloat(const char *bytes, FloatType type) {
  if (type.isF32()) {
    float value;
    std::memcpy(&value, bytes, 4);
    return value;
  }
  if (type.isF64()) {
    double value;
    std::memcpy(&value, bytes, 8);
    return value;
  }
  uint16_t bits;
  std::memcpy(&bits, bytes, 2);
  llvm::APFloat value(type.getFloatSemantics(), llvm::APInt(16, bits));
  bool losesInfo;
  value.convert(llvm::APFloat::IEEEdouble(), llvm::APFloat::rmNearestTiesToEven, &losesInfo);
  return value.convertToDouble();
}

static void writeFloat(char *bytes, double value, FloatType type) {
  if (type.isF64()) {
    std::memcpy(bytes, &value, 8);
  } else if (type.isF32()) {
    float narrow = value;
    std::memcpy(bytes, &narrow, 4);
  } else {
    llvm::APFloat narrow(value);
    bool losesInfo;
    narrow.convert(type.getFloatSemantics(), llvm::APFloat::rmNearestTiesToEven, &losesInfo);
    uint16_t bits = narrow.bitcastToAPInt().getZExtValue();
    std::memcpy(bytes, &bits, 2);
  }
}

std::optional<Elements> readElements(ElementsAttr attr, int64_t limit) {
  if (!attr)
    return std::nullopt;
  Elements out;
  out.type = dyn_cast<RankedTensorType>(attr.getType());
  if (!out.type || out.type.getNumElements() > limit)
    return std::nullopt;
  int64_t count = out.type.getNumElements();
  Type element = out.type.getElementType();
  if (auto dense = dyn_cast<DenseElementsAttr>(attr); dense && element.isInteger(1)) {
    for (bool value : dense.getValues<bool>())
      out.ints.push_back(value);
    return out;
  }
  ArrayRef<char> bytes;
  bool isSplat = false;
  if (auto dense = dyn_cast<DenseElementsAttr>(attr)) {
    bytes = dense.getRawData();
    isSplat = dense.isSplat();
  } else if (auto resource = dyn_cast<DenseResourceElementsAttr>(attr)) {
    if (!resource.getRawHandle().getBlob())
      return std::nullopt;
    bytes = resource.getData();
  } else {
    return std::nullopt;
  }
  int64_t size = std::max(1u, element.getIntOrFloatBitWidth() / 8);
  if ((int64_t)bytes.size() < (isSplat ? 1 : count) * size)
    return std::nullopt;
  auto at = [&](int64_t i) { return bytes.data() + (isSplat ? 0 : i * size); };
  if (auto type = dyn_cast<FloatType>(element)) {
    if (!element.isF32() && !element.isF64() && !element.isF16() && !element.isBF16())
      return std::nullopt;
    out.floats.reserve(count);
    for (int64_t i = 0; i < count; ++i)
      out.floats.push_back(readFloat(at(i), type));
    return out;
  }
  out.ints.reserve(count);
  for (int64_t i = 0; i < count; ++i) {
    int64_t value = 0;
    std::memcpy(&value, at(i), size);
    out.ints.push_back(wrapToType(value, element));
  }
  return out;
}

ElementsAttr makeElements(const Elements &elements) {
  RankedTensorType type = elements.type;
  Type element = type.getElementType();
  if (element.isInteger(1)) {
    SmallVector<bool> values(elements.ints.begin(), elements.ints.end());
    return DenseElementsAttr::get(type, ArrayRef<bool>(values));
  }
  unsigned size = element.getIntOrFloatBitWidth() / 8;
  std::vector<char> bytes(elements.size() * size);
  for (int64_t i = 0; i < elements.size(); ++i) {
    char *to = bytes.data() + i * size;
    if (auto floatType = dyn_cast<FloatType>(element))
      writeFloat(to, elements.floats[i], floatType);
    else
      std::memcpy(to, &elements.ints[i], size);
  }
  return DenseElementsAttr::getFromRawBuffer(type, bytes);
}

} // namespace nncc::import
