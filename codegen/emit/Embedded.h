// Files that the compiler carries inside itself, so that it needs no
// installation beside it. The definitions are made by EmbedBytes.cmake when
// nncc is built.
#ifndef NNCC_CODEGEN_EMIT_EMBEDDED_H
#define NNCC_CODEGEN_EMIT_EMBEDDED_H
#include "llvm/ADT/StringRef.h"

namespace nncc::embedded {
extern const llvm::StringRef abiHeader;   ///< include/nncc/abi.h
extern const llvm::StringRef coreX8664;   ///< runtime/model/core.c as LLVM bitcode
extern const llvm::StringRef coreAArch64; ///< the same for AArch64
} // namespace nncc::embedded
#endif
