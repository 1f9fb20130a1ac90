// See Elements.h.
#include "lib/driver/Elements.h"
#include "mlir/IR/BuiltinTypes.h"
#include "llvm/ADT/APFloat.h"
#include "llvm/ADT/APInt.h"
#include <cstring>

using namespace llvm;

namespace nncc {

double elementAsDouble(mlir::Type type, const char *at) {
  auto read = [&](auto value) {
    std::memcpy(&value, at, sizeof(value));
    return double(value);
  };
  unsigned width = type.getIntOrFloatBitWidth();
  if (auto floating = dyn_cast<mlir::FloatType>(type)) {
    if (width == 32)
      return read(float());
    if (width == 64)
      return read(double());
    uint16_t bits;
    std::memcpy(&bits, at, sizeof(bits));
    APFloat value(floating.getFloatSemantics(), APInt(16, bits));
    bool losesInfo;
    value.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven, &losesInfo);
    return value.convertToDouble();
  }
  bool isUnsigned = type.isUnsignedInteger() || width == 1;
  switch (width) {
  case 16:
    return isUnsigned ? read(uint16_t()) : read(int16_t());
  case 32:
    return isUnsigned ? read(uint32_t()) : read(int32_t());
  case 64:
    return isUnsigned ? read(uint64_t()) : read(int64_t());
  default:
    return isUnsigned ? read(uint8_t()) : read(int8_t());
  }
}

std::vector<double> toDoubles(mlir::Type type, ArrayRef<char> bytes) {
  size_t step = divideCeil(type.getIntOrFloatBitWidth(), 8);
  std::vector<double> values(bytes.size() / step);
  for (size_t i = 0; i < values.size(); ++i)
    values[i] = elementAsDouble(type, bytes.data() + i * step);
  return values;
}

std::vector<double> elementsOf(mlir::Type type, ArrayRef<int64_t> shape, ArrayRef<int64_t> strides,
                               const char *memory) {
  int64_t count = 1;
  for (int64_t dim : shape)
    count *= dim;
  size_t width = divideCeil(type.getIntOrFloatBitWidth(), 8);
  std::vector<double> elements;
  elements.reserve(count);
  std::vector<int64_t> index(shape.size(), 0);
  for (int64_t n = 0; n < count; ++n) {
    int64_t at = 0;
    for (size_t i = 0; i < shape.size(); ++i)
      at += index[i] * strides[i];
    elements.push_back(elementAsDouble(type, memory + at * width));
    for (size_t i = shape.size(); i-- > 0;) {
      if (++index[i] < shape[i])
        break;
      index[i] = 0;
    }
  }
  return elements;
}

} // namespace nncc
