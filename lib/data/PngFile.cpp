// See PngFile.h. Every number in a file is checked against the size of the file before it is used.
#include "lib/data/PngFile.h"
#include "lib/data/ByteStream.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/MathExtras.h"
#include <zlib.h>

using namespace llvm;
using namespace llvm::support::endian;

namespace nncc {

namespace {

constexpr char kSignature[] = {'\x89', 'P', 'N', 'G', '\r', '\n', '\x1a', '\n'};
constexpr uint64_t kHeaderEnd = 33; ///< behind signature and IHDR
/// Deflate packs at most 258 bytes into two bits (RFC 1951, 3.2.5).
constexpr uint64_t kMaxExpansion = 1032;
/// Section 11.2.1.
constexpr uint64_t kMostExtent = (uint64_t(1) << 31) - 1;
/// Few bytes may claim a large image of one color.
constexpr uint64_t kMostBytes = uint64_t(1) << 30;

enum Color : uint8_t { Gray = 0, TrueColor = 2, Palette = 3, GrayAlpha = 4, TrueColorAlpha = 6 };

Error damaged(const Twine &what) { return createStringError("is a damaged PNG: " + what); }

/// IHDR, section 11.2.1.
struct Header {
  uint64_t width, height;
  uint8_t depth, color;

  /// Of the pixels as they lie in the file, and as they are read.
  unsigned samples() const { return color == TrueColor ? 3 : color == TrueColorAlpha ? 4 : color == GrayAlpha ? 2 : 1; }
  unsigned channels() const { return color == Palette ? 3 : samples(); }
  uint64_t bytes() const { return width * height * channels(); }
  uint64_t rowBytes() const { return divideCeil(width * samples() * depth, 8); }
};

Expected<std::vector<uint8_t>> readBytes(const InputFile &file, uint64_t offset, uint64_t count) {
  if (offset > file.size() || count > file.size() - offset)
    return damaged("it ends too early");
  std::vector<uint8_t> bytes(count);
  if (Error error = file.readAt(offset, MutableArrayRef(reinterpret_cast<char *>(bytes.data()), count)))
    return std::move(error);
  return bytes;
}

Expected<Header> readHeader(const InputFile &file) {
  auto bytes = readBytes(file, 0, std::min<uint64_t>(file.size(), kHeaderEnd));
  if (!bytes)
    return bytes.takeError();
  if (bytes->size() < kHeaderEnd || memcmp(bytes->data(), kSignature, sizeof kSignature) ||
      memcmp(&(*bytes)[12], "IHDR", 4))
    return createStringError("is no PNG");
  const uint8_t *at = bytes->data() + 16;
  Header header{read32be(at), read32be(at + 4), at[8], at[9]};
  bool isInterlaced = at[12];
  bool isKnown = is_contained({Gray, TrueColor, Palette, GrayAlpha, TrueColorAlpha}, header.color) &&
                 is_contained({1, 2, 4, 8, 16}, header.depth);
  if (!isKnown || at[10] || at[11] || at[12] > 1 || !header.width || !header.height || header.width > kMostExtent ||
      header.height > kMostExtent)
    return damaged("its header");
  if (header.depth == 16)
    return createStringError("has 16 bits per channel\nnote: 8 bits are read; convert it, or give a .npy file");
  if (header.depth < 8 && header.color != Gray && header.color != Palette)
    return damaged("its header");
  if (isInterlaced)
    return createStringError("is interlaced\nnote: save it without, or give a .npy file");
  if (header.bytes() > kMostBytes)
    return createStringError("has " + Twine(header.width) + " x " + Twine(header.height) +
                             " pixels, more than 1 GiB\nnote: give a .npy file");
  return header;
}

/// The chunks that make the image.
struct Chunks {
  std::vector<uint8_t> palette, packed;
};

Expected<Chunks> readChunks(const InputFile &file) {
  Chunks chunks;
  for (uint64_t at = kHeaderEnd;;) {
    auto start = readBytes(file, at, 8);
    if (!start)
      return start.takeError();
    uint64_t length = read32be(start->data());
    StringRef type(reinterpret_cast<const char *>(start->data()) + 4, 4);
    if (type == "IEND")
      return chunks;
    bool isPalette = type == "PLTE", isData = type == "IDAT";
    if (isPalette || isData) {
      auto body = readBytes(file, at + 4, 4 + length + 4);
      if (!body)
        return body.takeError();
      if (crc32_z(0, body->data(), 4 + length) != read32be(body->data() + 4 + length))
        return damaged("a checksum does not fit its bytes");
      auto &into = isPalette ? chunks.palette : chunks.packed;
      into.insert(into.end(), body->begin() + 4, body->end() - 4);
    }
    at += 8 + length + 4;
  }
}

Expected<std::vector<uint8_t>> unpack(const std::vector<uint8_t> &packed, uint64_t bytes) {
  if (bytes / kMaxExpansion > packed.size())
    return damaged("it has too few bytes for its size");
  std::vector<uint8_t> unpacked(bytes);
  uLongf made = bytes;
  if (uncompress(unpacked.data(), &made, packed.data(), packed.size()) != Z_OK || made != bytes)
    return damaged("bytes that do not unpack to its size");
  return unpacked;
}

/// Section 9.4: the neighbour that is nearest to left + above - before.
uint8_t paeth(int left, int above, int before) {
  int ofLeft = std::abs(above - before), ofAbove = std::abs(left - before),
      ofBefore = std::abs(left + above - 2 * before);
  return ofLeft <= ofAbove && ofLeft <= ofBefore ? left : ofAbove <= ofBefore ? above : before;
}

/// Adds to a row what its filter has taken away.
///
/// row, above  the bytes of a row and of the one above it, which is 0 for the first
/// pixel       the distance to the pixel at the left, at least a byte
/// returns     false for a filter that there is not
bool unfilter(uint8_t filter, MutableArrayRef<uint8_t> row, ArrayRef<uint8_t> above, unsigned pixel) {
  if (filter > 4)
    return false;
  for (size_t i = 0; i < row.size(); ++i) {
    int left = i >= pixel ? row[i - pixel] : 0, before = i >= pixel ? above[i - pixel] : 0;
    switch (filter) {
    case 1:
      row[i] += left;
      break;
    case 2:
      row[i] += above[i];
      break;
    case 3:
      row[i] += (left + above[i]) / 2;
      break;
    case 4:
      row[i] += paeth(left, above[i], before);
      break;
    }
  }
  return true;
}

/// Writes the pixels of a row as bytes. error: a color that the palette has not
Error expand(const Header &header, ArrayRef<uint8_t> row, ArrayRef<uint8_t> palette, char *to) {
  unsigned most = (1u << header.depth) - 1, perByte = 8 / header.depth;
  for (uint64_t i = 0; i < header.width * header.samples(); ++i) {
    unsigned value = row[i / perByte] >> (8 - header.depth * (i % perByte + 1)) & most;
    if (header.color != Palette) {
      *to++ = header.color == Gray ? value * 255 / most : value;
      continue;
    }
    if (3 * value + 3 > palette.size())
      return damaged("a color that its palette has not");
    to = std::copy_n(&palette[3 * value], 3, to);
  }
  return Error::success();
}

std::vector<int64_t> shapeOf(const Header &header) {
  return {1, (int64_t)header.height, (int64_t)header.width, (int64_t)header.channels()};
}

} // namespace

Expected<std::vector<int64_t>> readPngShape(StringRef path) {
  auto file = InputFile::open(path);
  if (!file)
    return file.takeError();
  auto header = readHeader(**file);
  if (!header)
    return header.takeError();
  return shapeOf(*header);
}

Expected<NpyArray> readPng(StringRef path) {
  auto file = InputFile::open(path);
  if (!file)
    return file.takeError();
  auto header = readHeader(**file);
  if (!header)
    return header.takeError();
  auto chunks = readChunks(**file);
  if (!chunks)
    return chunks.takeError();
  uint64_t rowBytes = header->rowBytes(), pixel = std::max(1u, header->samples() * header->depth / 8);
  auto rows = unpack(chunks->packed, header->height * (1 + rowBytes));
  if (!rows)
    return rows.takeError();
  NpyArray image{"ui8", shapeOf(*header), std::vector<char>(header->bytes())};
  std::vector<uint8_t> first(rowBytes);
  ArrayRef<uint8_t> above = first;
  for (uint64_t y = 0; y < header->height; ++y) {
    uint8_t *start = rows->data() + y * (1 + rowBytes);
    MutableArrayRef<uint8_t> row(start + 1, rowBytes);
    if (!unfilter(*start, row, above, pixel))
      return damaged("a filter that PNG has not");
    if (Error error = expand(*header, row, chunks->palette, &image.data[y * header->width * header->channels()]))
      return std::move(error);
    above = row;
  }
  return image;
}

} // namespace nncc
