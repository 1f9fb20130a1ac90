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

} // namespace nncc
