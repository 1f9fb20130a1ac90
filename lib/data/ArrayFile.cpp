// See ArrayFile.h.
#include "lib/data/ArrayFile.h"
#include "lib/data/PngFile.h"
#include "lib/data/TensorFile.h"
#include "lib/data/ZipFile.h"
#include "llvm/Support/Path.h"

using namespace llvm;

namespace nncc {

namespace {

using Opener = std::function<Expected<std::unique_ptr<ByteStream>>()>;

/// Reads the header of a .npy file whose bytes `open` gives.
///
/// bytes  how many there are
Expected<NpyHeader> readHeader(const Opener &open, uint64_t bytes) {
  auto stream = open();
  if (!stream)
    return stream.takeError();
  std::string text(std::min<uint64_t>(bytes, kNpyPrefix), 0), error;
  if (Error failure = (*stream)->read(MutableArrayRef(text.data(), text.size())))
    return std::move(failure);
  auto length = npyHeaderBytes(text, error);
  if (!length)
    return createStringError(error);
  if (*length > bytes)
    return createStringError("ends within its header");
  size_t known = text.size();
  text.resize(std::max(*length, known));
  if (Error failure = (*stream)->read(MutableArrayRef(text.data() + known, text.size() - known)))
    return std::move(failure);
  auto header = parseNpyHeader(text, error);
  if (!header)
    return createStringError(error);
  if (bytes - header->dataOffset != header->dataBytes)
    return createStringError(npySizeMismatch(*header, bytes - header->dataOffset));
  return std::move(*header);
}

/// Begins at the elements. An array that lies column by column is read and rearranged at once.
Expected<std::unique_ptr<ByteStream>> readElements(const Opener &open, const NpyHeader &header) {
  auto stream = open();
  if (!stream)
    return stream.takeError();
  std::vector<char> skipped(header.dataOffset);
  if (Error error = (*stream)->read(skipped))
    return std::move(error);
  if (!header.isFortran)
    return stream;
  std::vector<char> data(header.dataBytes);
  if (Error error = (*stream)->read(data))
    return std::move(error);
  if (Error error = (*stream)->finish())
    return std::move(error);
  return readMemory(toRowMajor(data, header.shape, bytesOfType(header.type)));
}

Expected<StoredArray> describeNpy(std::string name, Opener open, uint64_t bytes) {
  auto header = readHeader(open, bytes);
  if (!header)
    return header.takeError();
  StoredArray array{std::move(name), {}, header->type, header->shape, {}};
  array.read = [open = std::move(open), header = std::move(*header)] { return readElements(open, header); };
  return array;
}

Expected<std::vector<StoredArray>> readNpyFile(StringRef path) {
  auto file = InputFile::open(path);
  if (!file)
    return file.takeError();
  auto open = [file = *file]() -> Expected<std::unique_ptr<ByteStream>> { return readPart(file, 0, file->size()); };
  auto array = describeNpy(sys::path::stem(path).str(), open, (*file)->size());
  if (!array)
    return array.takeError();
  return std::vector<StoredArray>{std::move(*array)};
}

Expected<std::vector<StoredArray>> readNpzFile(StringRef path) {
  auto opened = ZipFile::open(path);
  if (!opened)
    return opened.takeError();
  auto archive = std::make_shared<ZipFile>(std::move(*opened));
  std::vector<StoredArray> arrays;
  for (const ZipMember &member : archive->members()) {
    StringRef name = member.name;
    if (!name.consume_back(".npy"))
      continue;
    auto array = describeNpy(name.str(), [archive, &member] { return archive->read(member); }, member.bytes);
    if (!array)
      return createStringError("member '" + member.name + "' " + toString(array.takeError()));
    arrays.push_back(std::move(*array));
  }
  if (arrays.empty())
    return createStringError("has no arrays");
  return arrays;
}

Expected<std::vector<StoredArray>> readTensorFile(StringRef path) {
  std::string name;
  auto tensor = readTensor(path, name);
  if (!tensor)
    return tensor.takeError();
  StoredArray array{std::move(name), {}, tensor->type, tensor->shape, {}};
  array.read = [data = std::move(tensor->data)]() -> Expected<std::unique_ptr<ByteStream>> { return readMemory(data); };
  return std::vector<StoredArray>{std::move(array)};
}

Expected<std::vector<StoredArray>> readImageFile(StringRef path) {
  auto shape = readPngShape(path);
  if (!shape)
    return shape.takeError();
  StoredArray array{sys::path::stem(path).str(), {}, "ui8", std::move(*shape), {}};
  array.read = [path = path.str()]() -> Expected<std::unique_ptr<ByteStream>> {
    auto image = readPng(path);
    if (!image)
      return image.takeError();
    return readMemory(std::move(image->data));
  };
  return std::vector<StoredArray>{std::move(array)};
}

} // namespace

std::string StoredArray::describe() const {
  std::string text = "'" + name + "' " + type + "[";
  for (auto [i, dim] : enumerate(shape))
    text += (i ? ", " : "") + std::to_string(dim);
  return text + "]";
}

bool hasExtension(StringRef path, StringRef extension) {
  return sys::path::extension(path).equals_insensitive(extension);
}

bool isArrayFile(StringRef path) {
  return any_of(ArrayRef<StringRef>{".npy", ".npz", ".pb", ".png"},
                [&](StringRef extension) { return hasExtension(path, extension); });
}

Expected<std::vector<StoredArray>> readArrayFile(StringRef path) {
  auto arrays = hasExtension(path, ".npz")   ? readNpzFile(path)
                : hasExtension(path, ".pb")  ? readTensorFile(path)
                : hasExtension(path, ".png") ? readImageFile(path)
                                             : readNpyFile(path);
  if (!arrays)
    return createStringError("'" + path + "': " + toString(arrays.takeError()));
  for (StoredArray &array : *arrays)
    array.file = sys::path::stem(path).str();
  return arrays;
}

Expected<NpyArray> readAll(const StoredArray &array) {
  auto stream = array.read();
  if (!stream)
    return stream.takeError();
  uint64_t bytes = bytesOfType(array.type);
  for (int64_t dim : array.shape)
    bytes *= dim;
  NpyArray result{array.type, array.shape, std::vector<char>(bytes)};
  if (Error error = (*stream)->read(result.data))
    return std::move(error);
  if (Error error = (*stream)->finish())
    return std::move(error);
  return result;
}

} // namespace nncc
