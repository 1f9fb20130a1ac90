// Static libraries: GNU archives with a symbol table, the same bytes each time.
#include "codegen/emit/Archive.h"
#include "llvm/Object/ArchiveWriter.h"

using namespace llvm;

Error nncc::writeArchive(ArrayRef<MemoryBufferRef> members, raw_ostream &os) {
  std::vector<NewArchiveMember> newMembers;
  for (MemoryBufferRef member : members) {
    NewArchiveMember newMember(member);
    newMember.MemberName = member.getBufferIdentifier();
    newMembers.push_back(std::move(newMember));
  }
  // The writer puts what it cannot read into the archive without symbols and
  // only warns; for us a member without symbols is a mistake.
  Error unreadable = Error::success();
  Error error = writeArchiveToStream(os, newMembers, SymtabWritingMode::NormalSymtab, object::Archive::K_GNU,
                                     /*Deterministic=*/true, /*Thin=*/false,
                                     /*IsEC=*/std::nullopt, [&](Error warning) {
                                       unreadable = joinErrors(std::move(unreadable), std::move(warning));
                                     });
  return joinErrors(std::move(unreadable), std::move(error));
}
