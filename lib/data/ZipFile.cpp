// See ZipFile.h. Every number in an archive is checked against the size of the file before it is used.
#include "lib/data/ZipFile.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Endian.h"
#include <zlib.h>

using namespace llvm;
using namespace llvm::support::endian;

namespace nncc {

namespace {

constexpr uint32_t kLocalHeader = 0x04034b50, kCentralHeader = 0x02014b50, kEnd = 0x06054b50, kEnd64 = 0x06064b50,
                   kLocator64 = 0x07064b50;
constexpr uint64_t kLocalHeaderBytes = 30, kCentralHeaderBytes = 46, kEndBytes = 22, kEnd64Bytes = 56,
                   kLocatorBytes = 20;
/// A comment of at most this many bytes follows the end record.
constexpr uint64_t kMaxComment = 0xFFFF;
/// More of a list of members than this is no data set: at least a million of them.
constexpr uint64_t kMaxDirectoryBytes = uint64_t(1) << 28;
/// Deflate packs at most 258 bytes into two bits (RFC 1951, 3.2.5).
constexpr uint64_t kMaxExpansion = 1032;

Error damaged(const char *what) { return createStringError(Twine("is a damaged zip archive: ") + what); }

/// The unpacked bytes of a deflated member.
class InflatedStream : public ByteStream {
public:
  explicit InflatedStream(std::shared_ptr<InputFile> file, uint64_t offset, const ZipMember &member)
      : file(std::move(file)), offset(offset), packedLeft(member.packedBytes) {
    isReady = inflateInit2(&state, -MAX_WBITS) == Z_OK; // no header of zlib's own
  }
  ~InflatedStream() override {
    if (isReady)
      inflateEnd(&state);
  }

  Error read(MutableArrayRef<char> to) override {
    while (!to.empty()) {
      auto count = inflateSome(to);
      if (!count)
        return count.takeError();
      if (!*count)
        return createStringError("ends too early");
      to = to.drop_front(*count);
    }
    return Error::success();
  }
  Error finish() override {
    char more;
    auto count = inflateSome(more);
    if (!count)
      return count.takeError();
    return *count ? createStringError("has more bytes than its archive says") : Error::success();
  }

private:
  /// returns  how many bytes were made; 0 at the end
  Expected<size_t> inflateSome(MutableArrayRef<char> to) {
    if (!isReady)
      return createStringError("cannot be unpacked: no memory");
    // avail_out has 32 bits.
    size_t wanted = std::min<size_t>(to.size(), 1 << 30);
    state.next_out = reinterpret_cast<Bytef *>(to.data());
    state.avail_out = wanted;
    while (state.avail_out == wanted && !isAtEnd) {
      if (!state.avail_in && packedLeft) {
        size_t count = std::min<uint64_t>(packedLeft, sizeof buffer);
        if (Error error = file->readAt(offset, MutableArrayRef(buffer, count)))
          return std::move(error);
        offset += count;
        packedLeft -= count;
        state.next_in = reinterpret_cast<Bytef *>(buffer);
        state.avail_in = count;
      }
      int status = inflate(&state, Z_NO_FLUSH);
      if (status == Z_STREAM_END)
        isAtEnd = true;
      else if (status != Z_OK)
        return damaged("bytes that do not unpack");
    }
    return wanted - state.avail_out;
  }

  std::shared_ptr<InputFile> file;
  uint64_t offset, packedLeft;
  z_stream state = {};
  bool isReady = false, isAtEnd = false;
  char buffer[1 << 15];
};

/// Compares a member with its checksum.
class CheckedStream : public ByteStream {
public:
  CheckedStream(std::unique_ptr<ByteStream> bytes, uint32_t expected) : bytes(std::move(bytes)), expected(expected) {}

  Error read(MutableArrayRef<char> to) override {
    if (Error error = bytes->read(to))
      return error;
    actual = crc32_z(actual, reinterpret_cast<const Bytef *>(to.data()), to.size());
    return Error::success();
  }
  Error finish() override {
    if (Error error = bytes->finish())
      return error;
    return actual == expected ? Error::success() : damaged("a checksum does not fit its bytes");
  }

private:
  std::unique_ptr<ByteStream> bytes;
  uint32_t expected;
  uLong actual = crc32_z(0, nullptr, 0);
};

/// Where the list of members lies.
struct Directory {
  uint64_t offset, bytes, count;
};

/// Finds the end record, the last thing in the file, and that of large archives in front of it.
Expected<Directory> findDirectory(const InputFile &file) {
  uint64_t size = file.size(), tailBytes = std::min(size, kEndBytes + kMaxComment);
  std::vector<char> tail(tailBytes);
  if (Error error = file.readAt(size - tailBytes, tail))
    return std::move(error);
  for (uint64_t at = tailBytes + 1 - std::min(kEndBytes, tailBytes + 1); at-- > 0;) {
    const char *end = tail.data() + at;
    if (read32le(end) != kEnd || at + kEndBytes + read16le(end + 20) != tailBytes)
      continue;
    Directory directory{read32le(end + 16), read32le(end + 12), read16le(end + 10)};
    uint64_t endOffset = size - tailBytes + at;
    char locator[kLocatorBytes], end64[kEnd64Bytes];
    if (endOffset < kLocatorBytes)
      return directory;
    if (Error error = file.readAt(endOffset - kLocatorBytes, locator))
      return std::move(error);
    if (read32le(locator) != kLocator64)
      return directory;
    uint64_t end64Offset = read64le(locator + 8);
    if (end64Offset > size || size - end64Offset < kEnd64Bytes)
      return damaged("its end record lies outside");
    if (Error error = file.readAt(end64Offset, end64))
      return std::move(error);
    if (read32le(end64) != kEnd64)
      return damaged("it has no end record");
    return Directory{read64le(end64 + 48), read64le(end64 + 40), read64le(end64 + 32)};
  }
  return createStringError("is no zip archive, as a .npz file is one");
}

/// Takes sizes and the offset that do not fit into 32 bits out of a member's extra fields (APPNOTE.TXT, 4.5.3).
void readLargeNumbers(StringRef extra, ZipMember &member) {
  while (extra.size() >= 4) {
    uint16_t id = read16le(extra.data()), length = read16le(extra.data() + 2);
    StringRef field = extra.substr(4, length);
    extra = extra.drop_front(std::min<size_t>(extra.size(), 4 + length));
    if (id != 1)
      continue;
    for (uint64_t *number : {&member.bytes, &member.packedBytes, &member.headerOffset})
      if (*number == 0xFFFFFFFF && field.size() >= 8) {
        *number = read64le(field.data());
        field = field.drop_front(8);
      }
  }
}

/// One row of the list; `rest` begins behind it afterwards.
Expected<ZipMember> readMember(StringRef &rest, uint64_t fileBytes) {
  const char *row = rest.data();
  if (rest.size() < kCentralHeaderBytes || read32le(row) != kCentralHeader)
    return damaged("its list of members ends too early");
  uint64_t nameBytes = read16le(row + 28), extraBytes = read16le(row + 30), commentBytes = read16le(row + 32);
  if (rest.size() - kCentralHeaderBytes < nameBytes + extraBytes + commentBytes)
    return damaged("its list of members ends too early");
  ZipMember member;
  member.name = rest.substr(kCentralHeaderBytes, nameBytes).str();
  member.checksum = read32le(row + 16);
  member.packedBytes = read32le(row + 20);
  member.bytes = read32le(row + 24);
  member.headerOffset = read32le(row + 42);
  readLargeNumbers(rest.substr(kCentralHeaderBytes + nameBytes, extraBytes), member);
  unsigned flags = read16le(row + 8), method = read16le(row + 10);
  rest = rest.drop_front(kCentralHeaderBytes + nameBytes + extraBytes + commentBytes);
  if (flags & 1)
    return createStringError("is encrypted");
  if (method != 0 && method != 8)
    return createStringError("is packed by method %u\nnote: numpy.savez and numpy.savez_compressed write what is read",
                             method);
  member.isDeflated = method == 8;
  if (member.headerOffset > fileBytes || member.packedBytes > fileBytes - member.headerOffset ||
      (member.isDeflated ? member.bytes / kMaxExpansion > member.packedBytes : member.bytes != member.packedBytes))
    return damaged("a member has more bytes than the file");
  return member;
}

} // namespace

Expected<ZipFile> ZipFile::open(StringRef path) {
  ZipFile archive;
  auto file = InputFile::open(path);
  if (!file)
    return file.takeError();
  archive.file = std::move(*file);
  auto directory = findDirectory(*archive.file);
  if (!directory)
    return directory.takeError();
  uint64_t size = archive.file->size();
  if (directory->offset > size || directory->bytes > size - directory->offset || directory->bytes > kMaxDirectoryBytes)
    return damaged("its list of members lies outside");
  std::vector<char> bytes(directory->bytes);
  if (Error error = archive.file->readAt(directory->offset, bytes))
    return std::move(error);
  StringRef rest(bytes.data(), bytes.size());
  for (uint64_t i = 0; i < directory->count; ++i) {
    auto member = readMember(rest, size);
    if (!member)
      return member.takeError();
    archive.list.push_back(std::move(*member));
  }
  return archive;
}

Expected<std::unique_ptr<ByteStream>> ZipFile::read(const ZipMember &member) const {
  // The header in front of the bytes has a name and extra fields of lengths of its own.
  char header[kLocalHeaderBytes];
  if (Error error = file->readAt(member.headerOffset, header))
    return std::move(error);
  uint64_t offset = member.headerOffset + kLocalHeaderBytes + read16le(header + 26) + read16le(header + 28);
  if (read32le(header) != kLocalHeader || offset > file->size() || member.packedBytes > file->size() - offset)
    return damaged("a member lies outside");
  std::unique_ptr<ByteStream> bytes =
      member.isDeflated ? std::make_unique<InflatedStream>(file, offset, member) : readPart(file, offset, member.bytes);
  return std::make_unique<CheckedStream>(std::move(bytes), member.checksum);
}

} // namespace nncc
