// Element types as the ABI, C and the manifest call them.
#include "codegen/emit/PortType.h"
#include "mlir/IR/BuiltinTypes.h"

namespace nncc {

std::optional<PortType> portType(mlir::Type type) {
  if (type.isF32())
    return PortType{NNCC_F32, "f32", "float", 4};
  if (type.isF16())
    return PortType{NNCC_F16, "f16", "uint16_t", 2};
  if (type.isBF16())
    return PortType{NNCC_BF16, "bf16", "uint16_t", 2};
  if (type.isF64())
    return PortType{NNCC_F64, "f64", "double", 8};
  auto integer = llvm::dyn_cast<mlir::IntegerType>(type);
  if (!integer)
    return std::nullopt;
  // Signless integers are signed; i1 is bool.
  bool isUnsigned = integer.isUnsigned();
  switch (integer.getWidth()) {
  case 1:
    return PortType{NNCC_BOOL, "bool", "uint8_t", 1};
  case 8:
    return isUnsigned ? PortType{NNCC_U8, "u8", "uint8_t", 1} : PortType{NNCC_I8, "i8", "int8_t", 1};
  case 16:
    return isUnsigned ? PortType{NNCC_U16, "u16", "uint16_t", 2} : PortType{NNCC_I16, "i16", "int16_t", 2};
  case 32:
    return isUnsigned ? PortType{NNCC_U32, "u32", "uint32_t", 4} : PortType{NNCC_I32, "i32", "int32_t", 4};
  case 64:
    return isUnsigned ? PortType{NNCC_U64, "u64", "uint64_t", 8} : PortType{NNCC_I64, "i64", "int64_t", 8};
  }
  return std::nullopt;
}

int64_t portBytes(const PortPlan &port) {
  int64_t bytes = portType(port.elementType)->bytes;
  for (int64_t dim : port.shape)
    bytes *= dim;
  return bytes;
}

} // namespace nncc
