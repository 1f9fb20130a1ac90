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
extern const llvm::StringRef cpuX8664;    ///< runtime/cpu_x86_64.c as LLVM bitcode: nncc_cpu_features()
extern const llvm::StringRef cpuAArch64;  ///< runtime/cpu_aarch64_linux.c, the same for Linux and Android on AArch64
} // namespace nncc::embedded
#endif
