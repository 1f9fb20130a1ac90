// See Elements.h.
#include "lib/import/onnx/Elements.h"
#include "dialects/nn/ConstantData.h"
#include "llvm/ADT/APFloat.h"

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

std::optional<Elements> readElements(ElementsAttr attr, int64_t limit) {
  if (!attr || attr.getNumElements() > limit)
    return std::nullopt;
  auto reader = nn::ConstantReader::get(attr);
  if (!reader)
    return std::nullopt;
  Elements out;
  out.type = reader->getType();
  for (int64_t i = 0; i < reader->size(); ++i)
    if (out.isFloat())
      out.floats.push_back(reader->getFloat(i));
    else
      out.ints.push_back(reader->getInteger(i));
  return out;
}

ElementsAttr makeElements(const Elements &elements) {
  nn::ConstantBuilder to(elements.type);
  for (int64_t i = 0; i < elements.size(); ++i)
    if (elements.isFloat())
      to.setFloat(i, elements.floats[i]);
    else
      to.setInteger(i, elements.ints[i]);
  return to.finish("constant");
}

} // namespace nncc::import
