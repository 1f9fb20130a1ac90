// Zip archives, as far as NumPy's .npz files need them: members that are stored or deflated, in files of any size.
// Format: APPNOTE.TXT of PKWARE, version 6.3.10; RFC 1951.
#ifndef NNCC_LIB_DATA_ZIPFILE_H
#define NNCC_LIB_DATA_ZIPFILE_H
#include "lib/data/ByteStream.h"
#include <vector>

namespace nncc {

/// A file in an archive. Its numbers are what the archive says, and may be wrong: reading it finds that out.
struct ZipMember {
  std::string name;
  bool isDeflated = false;
  uint32_t checksum = 0; ///< CRC-32 of the unpacked bytes
  uint64_t packedBytes = 0, bytes = 0;
  uint64_t headerOffset = 0; ///< where the header in front of its bytes begins
};

class ZipFile {
public:
  /// Reads the list of members.
  ///
  /// error  no zip archive; members outside of the file, encrypted, packed otherwise, or that claim more bytes than any
  ///        packing of their size holds
  static llvm::Expected<ZipFile> open(llvm::StringRef path);

  llvm::ArrayRef<ZipMember> members() const { return list; }
  /// The unpacked bytes of a member; finish() checks their checksum. error: its header is damaged
  llvm::Expected<std::unique_ptr<ByteStream>> read(const ZipMember &member) const;

private:
  std::shared_ptr<InputFile> file;
  std::vector<ZipMember> list;
};

} // namespace nncc
#endif
