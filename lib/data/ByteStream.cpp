// See ByteStream.h.
#include "lib/data/ByteStream.h"
#include "llvm/Support/FileSystem.h"
#include <cstring>

using namespace llvm;

namespace nncc {

namespace {

class PartStream : public ByteStream {
public:
  PartStream(std::shared_ptr<InputFile> file, uint64_t offset, uint64_t left)
      : file(std::move(file)), offset(offset), left(left) {}

  Error read(MutableArrayRef<char> to) override {
    if (to.size() > left)
      return createStringError("ends too early");
    if (Error error = file->readAt(offset, to))
      return error;
    offset += to.size();
    left -= to.size();
    return Error::success();
  }
  Error finish() override {
    return left ? createStringError("has %llu bytes too many", (unsigned long long)left) : Error::success();
  }

private:
  std::shared_ptr<InputFile> file;
  uint64_t offset, left;
};

class MemoryStream : public ByteStream {
public:
  explicit MemoryStream(std::vector<char> bytes) : bytes(std::move(bytes)) {}

  Error read(MutableArrayRef<char> to) override {
    if (to.size() > bytes.size() - at)
      return createStringError("ends too early");
    llvm::copy(ArrayRef(bytes).slice(at, to.size()), to.begin());
    at += to.size();
    return Error::success();
  }
  Error finish() override {
    return at < bytes.size() ? createStringError("has %zu bytes too many", bytes.size() - at) : Error::success();
  }

private:
  std::vector<char> bytes;
  size_t at = 0;
};

} // namespace

Expected<std::shared_ptr<InputFile>> InputFile::open(StringRef path) {
  auto cannot = [](std::error_code code) { return createStringError("cannot be read: " + code.message()); };
  // Opening a pipe or a device may wait for ever.
  sys::fs::file_status status;
  if (std::error_code code = sys::fs::status(path, status))
    return cannot(code);
  if (!sys::fs::is_regular_file(status))
    return createStringError("is no plain file");
  int descriptor = -1;
  if (std::error_code code = sys::fs::openFileForRead(path, descriptor))
    return cannot(code);
  return std::shared_ptr<InputFile>(new InputFile(descriptor, status.getSize()));
}

InputFile::~InputFile() { sys::fs::closeFile(descriptor); }

Error InputFile::readAt(uint64_t offset, MutableArrayRef<char> to) const {
  while (!to.empty()) {
    auto count = sys::fs::readNativeFileSlice(descriptor, to, offset);
    if (!count)
      return createStringError("cannot be read: " + toString(count.takeError()));
    if (!*count)
      return createStringError("ends too early");
    offset += *count;
    to = to.drop_front(*count);
  }
  return Error::success();
}

std::unique_ptr<ByteStream> readPart(std::shared_ptr<InputFile> file, uint64_t offset, uint64_t bytes) {
  return std::make_unique<PartStream>(std::move(file), offset, bytes);
}
std::unique_ptr<ByteStream> readMemory(std::vector<char> bytes) {
  return std::make_unique<MemoryStream>(std::move(bytes));
}

} // namespace nncc
