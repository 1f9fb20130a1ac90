// Element types as the ABI, C and the manifest call them.
#ifndef NNCC_CODEGEN_EMIT_PORTTYPE_H
#define NNCC_CODEGEN_EMIT_PORTTYPE_H
#include "codegen/emit/ModelPlan.h"
#include "nncc/abi.h"
#include "llvm/ADT/StringRef.h"
#include <optional>

namespace nncc {

struct PortType {
  nncc_type id;
  llvm::StringRef name;  ///< "f32"
  llvm::StringRef cType; ///< "float"
  unsigned bytes;        ///< of one element, and its alignment
};

/// The type of an input or output; nothing for one that the ABI lacks.
std::optional<PortType> portType(mlir::Type elementType);

/// Bytes of an input or output; its type must be one of the ABI's.
int64_t portBytes(const PortPlan &port);

} // namespace nncc
#endif
