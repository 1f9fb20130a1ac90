// Bytes that are read in order: of a file, of a part of one, unpacked on the way.
#ifndef NNCC_LIB_DATA_BYTESTREAM_H
#define NNCC_LIB_DATA_BYTESTREAM_H
#include "llvm/ADT/ArrayRef.h"
#include "llvm/Support/Error.h"
#include <memory>
#include <string>

namespace nncc {

/// Errors say what is wrong with the file, without its path: "ends too early".
class ByteStream {
public:
  virtual ~ByteStream() = default;
  /// Reads exactly that many bytes. error: there are fewer, or they are damaged
  virtual llvm::Error read(llvm::MutableArrayRef<char> to) = 0;
  /// Asks for the end. error: more bytes follow, or a checksum says that those read are damaged
  virtual llvm::Error finish() = 0;
};

/// A file that is open for reading at any place. Nothing of it is kept in memory.
class InputFile {
public:
  /// error  it cannot be opened, or is no plain file
  static llvm::Expected<std::shared_ptr<InputFile>> open(llvm::StringRef path);
  ~InputFile();
  InputFile(const InputFile &) = delete;
  InputFile &operator=(const InputFile &) = delete;

  uint64_t size() const { return bytes; }
  /// Reads exactly that many bytes from an offset. error: the file ends before
  llvm::Error readAt(uint64_t offset, llvm::MutableArrayRef<char> to) const;

private:
  InputFile(int descriptor, uint64_t bytes) : descriptor(descriptor), bytes(bytes) {}

  int descriptor;
  uint64_t bytes;
};

/// The bytes of a part of a file.
std::unique_ptr<ByteStream> readPart(std::shared_ptr<InputFile> file, uint64_t offset, uint64_t bytes);
/// Bytes that are in memory.
std::unique_ptr<ByteStream> readMemory(std::vector<char> bytes);

} // namespace nncc
#endif
