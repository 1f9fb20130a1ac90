// How much stack a function of an object file can use at most.
#ifndef NNCC_CODEGEN_EMIT_STACKBOUND_H
#define NNCC_CODEGEN_EMIT_STACKBOUND_H
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/MemoryBufferRef.h"

namespace nncc {

/// The largest stack of any of the functions `roots` and all that they call
/// directly: frame sizes of LLVM's .stack_sizes section, summed along the
/// deepest path of the static call graph.
///
/// object   x86-64 or AArch64 ELF, compiled with -fstack-size-section and
///          -ffunction-sections (each call between functions is a relocation)
/// returns  bytes; on x86-64 with the return addresses. Without what functions
///          outside of the object use (memcpy, the caller's on_kernel hook)
/// error    recursion, a frame of variable size, a function of unknown size
llvm::Expected<int64_t> stackBound(llvm::MemoryBufferRef object, llvm::ArrayRef<std::string> roots);

} // namespace nncc
#endif
