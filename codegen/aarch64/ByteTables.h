// How code for AArch64 looks bytes up in a table.
#ifndef NNCC_CODEGEN_AARCH64_BYTETABLES_H
#define NNCC_CODEGEN_AARCH64_BYTETABLES_H
#include "llvm/ADT/ArrayRef.h"
#include <cstdint>

namespace llvm {
class IRBuilderBase;
class Value;
} // namespace llvm

namespace nncc {

/// Architecture::lookUp for AArch64.
llvm::Value *lookUpOnAArch64(llvm::IRBuilderBase &builder, llvm::ArrayRef<uint8_t> table, llvm::Value *bytes);

} // namespace nncc
#endif
