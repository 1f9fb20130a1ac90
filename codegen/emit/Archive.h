// Static libraries: GNU archives with a symbol table, the same bytes each time.
// Members are streamed, so that a large one is never in memory.
#ifndef NNCC_CODEGEN_EMIT_ARCHIVE_H
#define NNCC_CODEGEN_EMIT_ARCHIVE_H
#include "llvm/ADT/ArrayRef.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/MemoryBufferRef.h"
#include <functional>
#include <string>
#include <vector>

namespace llvm {
class raw_ostream;
}

namespace nncc {

/// One object file of an archive.
struct ArchiveMember {
  std::string name;
  uint64_t bytes;                   ///< exactly what `write` writes
  std::vector<std::string> symbols; ///< global ones that it defines, in its own order
  std::function<llvm::Error(llvm::raw_ostream &)> write;
};

/// A member that is in memory; the bytes must outlive it.
/// error   no ELF object
llvm::Expected<ArchiveMember> objectMember(std::string name, llvm::MemoryBufferRef object);

/// Writes an archive: the bytes that `llvm-ar rcsD` writes. Dates, owners and modes are fixed.
///
/// error   one of a member's; a member that writes another number of bytes than it said; more than 4 GB before the last
///         member, which is the limit of the format
/// source  GNU ar; System V ABI, "archive file"
llvm::Error writeArchive(llvm::ArrayRef<ArchiveMember> members, llvm::raw_ostream &os);

} // namespace nncc
#endif
