// What an object file carries for its compiler alone.
#ifndef NNCC_CODEGEN_EMIT_STRIPOBJECT_H
#define NNCC_CODEGEN_EMIT_STRIPOBJECT_H
#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/MemoryBufferRef.h"

namespace nncc {

/// The same object without `.stack_sizes`, which the bound of the stack was computed from, and without names of
/// constants (`.L...`) that no relocation needs: nothing of these is ever loaded, but it is a tenth of the bytes of an
/// object with a section for each function.
///
/// object  ELF, 64 bits, little endian
llvm::Expected<llvm::SmallVector<char, 0>> strippedObject(llvm::MemoryBufferRef object);

} // namespace nncc
#endif
