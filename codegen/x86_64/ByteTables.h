// How code for x86-64 looks bytes up in a table.
#ifndef NNCC_CODEGEN_X86_64_BYTETABLES_H
#define NNCC_CODEGEN_X86_64_BYTETABLES_H
#include "llvm/ADT/ArrayRef.h"
#include <cstdint>

namespace llvm {
class IRBuilderBase;
class Value;
} // namespace llvm

namespace nncc {

/// Architecture::lookUp for x86-64.
llvm::Value *lookUpOnX8664(llvm::IRBuilderBase &builder, llvm::ArrayRef<uint8_t> table, llvm::Value *bytes);

} // namespace nncc
#endif
