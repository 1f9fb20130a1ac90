// Reads and makes the bytes of constants. `i1` is one byte per element everywhere but in dense attributes.
#include "dialects/nn/ConstantData.h"
#include "dialects/nn/NN.h"
#include "mlir/IR/AsmState.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "llvm/ADT/APFloat.h"
#include "llvm/ADT/bit.h"
#include "llvm/Support/Allocator.h"
#include <cstring>

using namespace mlir;

namespace nncc::nn {

// Below this a constant is a dense attribute, which dumps show; above, its bytes must never flood a dump.
static constexpr int64_t kDenseBytes = 1024;
// Cache line: what vector loads of packed weights want.
static constexpr size_t kBlobAlign = 64;

int64_t constantElementBytes(Type element) { return llvm::divideCeil(element.getIntOrFloatBitWidth(), 8); }

int64_t constantBytes(RankedTensorType type) {
  return type.getNumElements() * constantElementBytes(type.getElementType());
}

TypedAttr numberAs(TypedAttr number, Type element) {
  auto floating = dyn_cast<FloatAttr>(number);
  auto integer = dyn_cast<IntegerAttr>(number);
  if (auto type = dyn_cast<FloatType>(element)) {
    APFloat value = floating ? floating.getValue() : APFloat((double)integer.getInt());
    bool losesInfo;
    value.convert(type.getFloatSemantics(), APFloat::rmNearestTiesToEven, &losesInfo);
    return FloatAttr::get(type, value);
  }
  unsigned width = element.getIntOrFloatBitWidth();
  APSInt value(width, element.isUnsignedInteger() || element.isInteger(1));
  bool isExact;
  if (integer)
    value = integer.getValue().zextOrTrunc(width); // its low bits
  else if (!floating.getValue().isNaN())
    floating.getValue().convertToInteger(value, APFloat::rmTowardZero, &isExact); // clamps
  return IntegerAttr::get(element, value);
}

//===-- ConstantReader ---------------------------------------------------===//

std::optional<ConstantReader> ConstantReader::get(ElementsAttr value) {
  ConstantReader reader;
  reader.attr = value;
  reader.type = value ? dyn_cast<RankedTensorType>(value.getShapedType()) : RankedTensorType();
  if (!reader.type || !reader.type.hasStaticShape())
    return std::nullopt;
  reader.elementBytes = constantElementBytes(reader.type.getElementType());
  if (auto resource = dyn_cast<DenseResourceElementsAttr>(value)) {
    const AsmResourceBlob *blob = resource.getRawHandle().getBlob();
    if (!blob || (int64_t)blob->getData().size() != constantBytes(reader.type))
      return std::nullopt;
    reader.bytes = blob->getData();
    return reader;
  }
  auto dense = dyn_cast<DenseElementsAttr>(value);
  if (!dense)
    return std::nullopt;
  reader.splat = dense.isSplat();
  if (reader.type.getElementType().isInteger(1)) {
    reader.unpacked = std::make_shared<std::vector<char>>();
    if (reader.splat)
      reader.unpacked->push_back(dense.getSplatValue<bool>());
    else
      for (bool element : dense.getValues<bool>())
        reader.unpacked->push_back(element);
    reader.bytes = *reader.unpacked;
    return reader;
  }
  reader.bytes = dense.getRawData();
  return reader;
}

std::optional<ConstantReader> ConstantReader::get(Value value) {
  ElementsAttr constant = getConstantValue(value);
  return constant ? get(constant) : std::nullopt;
}

bool ConstantReader::isUniform() const {
  if (splat || size() <= 1)
    return true;
  // All elements are equal iff the bytes equal themselves shifted by one element.
  return std::memcmp(bytes.data(), bytes.data() + elementBytes, bytes.size() - elementBytes) == 0;
}

double readFloat(const char *bytes, FloatType type) {
  if (type.isF32()) {
    float value;
    std::memcpy(&value, bytes, sizeof value);
    return value;
  }
  uint64_t bits = 0;
  std::memcpy(&bits, bytes, constantElementBytes(type));
  if (type.isF64())
    return llvm::bit_cast<double>(bits);
  APFloat number(type.getFloatSemantics(), APInt(type.getWidth(), bits));
  bool losesInfo;
  number.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven, &losesInfo);
  return number.convertToDouble();
}

double ConstantReader::getFloat(int64_t index) const {
  if (auto floatType = dyn_cast<FloatType>(type.getElementType()))
    return readFloat(at(index), floatType);
  int64_t integer = getInteger(index);
  return type.getElementType().isUnsignedInteger(64) ? (double)(uint64_t)integer : (double)integer;
}

int64_t ConstantReader::getInteger(int64_t index) const {
  Type element = type.getElementType();
  if (isa<FloatType>(element))
    return saturate<int64_t>(getFloat(index));
  bool isUnsigned = element.isUnsignedInteger();
  switch (elementBytes) {
  case 1:
    return isUnsigned || element.isInteger(1) ? (int64_t)get<uint8_t>(index) : (int64_t)get<int8_t>(index);
  case 2:
    return isUnsigned ? (int64_t)get<uint16_t>(index) : (int64_t)get<int16_t>(index);
  case 4:
    return isUnsigned ? (int64_t)get<uint32_t>(index) : (int64_t)get<int32_t>(index);
  default:
    return get<int64_t>(index);
  }
}

TypedAttr ConstantReader::getNumber(int64_t index) const {
  Builder b(type.getContext());
  return isa<FloatType>(type.getElementType()) ? TypedAttr(b.getF64FloatAttr(getFloat(index)))
                                               : b.getI64IntegerAttr(getInteger(index));
}

//===-- ConstantBuilder --------------------------------------------------===//

ConstantBuilder::ConstantBuilder(RankedTensorType type, bool isSplat)
    : type(type), elementBytes(constantElementBytes(type.getElementType())),
      byteCount(isSplat ? elementBytes : constantBytes(type)), splat(isSplat),
      data(static_cast<char *>(llvm::allocate_buffer(std::max<int64_t>(byteCount, 1), kBlobAlign))) {}

ConstantBuilder::~ConstantBuilder() {
  if (data)
    llvm::deallocate_buffer(data, std::max<int64_t>(byteCount, 1), kBlobAlign);
}

SmallVector<int64_t> ConstantBuilder::getStoredShape() const {
  return splat ? SmallVector<int64_t>(type.getRank(), 1) : SmallVector<int64_t>(type.getShape());
}

void ConstantBuilder::setFloat(int64_t index, double value) {
  Type element = type.getElementType();
  if (element.isF32())
    return set<float>(index, (float)value);
  if (element.isF64())
    return set<double>(index, value);
  auto floatType = dyn_cast<FloatType>(element);
  if (!floatType)
    return setInteger(index,
                      element.isUnsignedInteger() ? (int64_t)saturate<uint64_t>(value) : saturate<int64_t>(value));
  APFloat number(value);
  bool losesInfo;
  number.convert(floatType.getFloatSemantics(), APFloat::rmNearestTiesToEven, &losesInfo);
  uint64_t bits = number.bitcastToAPInt().getZExtValue();
  std::memcpy(at(index), &bits, elementBytes);
}

void ConstantBuilder::setInteger(int64_t index, int64_t value) {
  if (isa<FloatType>(type.getElementType()))
    return setFloat(index, (double)value);
  if (type.getElementType().isInteger(1))
    value = value != 0;
  std::memcpy(at(index), &value, elementBytes); // little-endian hosts only, as LLVM's own resources
}

ElementsAttr ConstantBuilder::finish(StringRef name) {
  if (byteCount < kDenseBytes) {
    if (type.getElementType().isInteger(1))
      return DenseElementsAttr::get(type, ArrayRef<bool>(reinterpret_cast<bool *>(data), byteCount)); // one: a splat
    return DenseElementsAttr::getFromRawBuffer(type, {data, (size_t)byteCount});
  }
  AsmResourceBlob blob(
      ArrayRef<char>(data, byteCount), kBlobAlign,
      [](void *bytes, size_t size, size_t align) { llvm::deallocate_buffer(bytes, size, align); },
      /*dataIsMutable=*/false);
  data = nullptr;
  return DenseResourceElementsAttr::get(type, name.empty() ? "constant" : name, std::move(blob));
}

ElementsAttr reshapeConstant(ElementsAttr value, RankedTensorType type) {
  if (value.getNumElements() != type.getNumElements() || value.getElementType() != type.getElementType())
    return {};
  if (auto resource = dyn_cast<DenseResourceElementsAttr>(value))
    return DenseResourceElementsAttr::get(type, resource.getRawHandle());
  if (auto dense = dyn_cast<DenseElementsAttr>(value))
    return dense.reshape(type);
  return {};
}

} // namespace nncc::nn
