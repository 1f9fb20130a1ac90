// Static libraries: GNU archives with a symbol table, the same bytes each time.
#ifndef NNCC_CODEGEN_EMIT_ARCHIVE_H
#define NNCC_CODEGEN_EMIT_ARCHIVE_H
#include "llvm/ADT/ArrayRef.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/MemoryBufferRef.h"

namespace llvm {
class raw_ostream;
}

namespace nncc {

/// Writes an archive of objects. Dates, owners and modes are fixed.
///
/// members  the buffer's identifier is the member's name; a mapped file costs
///          no second copy in memory
/// error    a member that is no object file
llvm::Error writeArchive(llvm::ArrayRef<llvm::MemoryBufferRef> members, llvm::raw_ostream &os);

} // namespace nncc
#endif
