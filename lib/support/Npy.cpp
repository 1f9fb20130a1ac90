// See Npy.h.
#include "lib/support/Npy.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"
#include <cstring>

using namespace llvm;

namespace {
struct TypeName {
  const char *npy, *nn;
  size_t bytes;
};
// bf16 has no name in NumPy itself, which writes the values of the package ml_dtypes as two bytes of anything.
constexpr TypeName kTypes[] = {{"f2", "f16", 2}, {"V2", "bf16", 2}, {"f4", "f32", 4},  {"f8", "f64", 8},
                               {"b1", "i1", 1},  {"i1", "i8", 1},   {"i2", "i16", 2},  {"i4", "i32", 4},
                               {"i8", "i64", 8}, {"u1", "ui8", 1},  {"u2", "ui16", 2}, {"u4", "ui32", 4},
                               {"u8", "ui64", 8}};

/// The text after `'key':` in the header's Python dictionary.
StringRef valueOf(StringRef header, StringRef key) {
  size_t at = header.find(("'" + key + "'").str());
  return at == StringRef::npos ? StringRef() : header.drop_front(at + key.size() + 2).ltrim(" :");
}

/// Rearranges column-major data into row-major order.
std::vector<char> toRowMajor(ArrayRef<char> from, ArrayRef<int64_t> shape, size_t bytes) {
  std::vector<char> to(from.size());
  std::vector<int64_t> index(shape.size(), 0);
  for (size_t out = 0; out < to.size(); out += bytes) {
    size_t in = 0, stride = 1;
    for (size_t d = 0; d < shape.size(); ++d) {
      in += index[d] * stride;
      stride *= shape[d];
    }
    std::memcpy(&to[out], &from[in * bytes], bytes);
    for (size_t d = shape.size(); d-- > 0;) {
      if (++index[d] < shape[d])
        break;
      index[d] = 0;
    }
  }
  return to;
}
} // namespace

size_t nncc::bytesOfType(const std::string &type) {
  for (const TypeName &row : kTypes)
    if (type == row.nn)
      return row.bytes;
  return 0;
}

std::optional<nncc::NpyArray> nncc::readNpy(const std::string &path, std::string &error) {
  auto fail = [&](const Twine &why) {
    error = why.str();
    return std::nullopt;
  };
  auto file = MemoryBuffer::getFile(path, /*IsText=*/false, /*RequiresNullTerminator=*/false);
  if (!file)
    return fail("cannot be read: " + file.getError().message());
  StringRef bytes = (*file)->getBuffer();
  if (!bytes.starts_with(StringRef("\x93NUMPY", 6)) || bytes.size() < 12)
    return fail("is no .npy file");
  unsigned char version = bytes[6];
  auto byteAt = [&](size_t i) { return (size_t)(unsigned char)bytes[i]; };
  size_t start = version == 1 ? 10 : 12;
  size_t length = byteAt(8) | byteAt(9) << 8;
  if (version > 1)
    length |= byteAt(10) << 16 | byteAt(11) << 24;
  if (version < 1 || version > 3 || length > bytes.size() - start)
    return fail("is no .npy file of version 1 to 3");
  StringRef header = bytes.substr(start, length);
  ArrayRef<char> data(bytes.data() + start + length, bytes.size() - start - length);

  NpyArray array;
  StringRef descr = valueOf(header, "descr");
  if (!descr.consume_front("'"))
    return fail("holds records, not numbers");
  descr = descr.take_until([](char c) { return c == '\''; });
  if (descr.starts_with(">") && !descr.ends_with("1"))
    return fail("is big-endian ('" + descr + "')");
  for (const TypeName &row : kTypes)
    if (descr.drop_while([](char c) { return c == '<' || c == '|' || c == '=' || c == '>'; }) == row.npy)
      array.type = row.nn;
  if (array.type.empty())
    return fail("has elements of type '" + descr + "', which is not supported");

  StringRef shape = valueOf(header, "shape");
  if (!shape.consume_front("("))
    return fail("has no shape");
  shape = shape.take_until([](char c) { return c == ')'; });
  size_t count = bytesOfType(array.type);
  for (StringRef rest = shape.trim(); !rest.empty();) {
    auto [part, more] = rest.split(',');
    int64_t dim = 0;
    if (part.trim().getAsInteger(10, dim) || dim < 0)
      return fail("has the shape (" + shape + ")");
    array.shape.push_back(dim);
    bool overflow = false;
    count = SaturatingMultiply<size_t>(count, dim, &overflow);
    if (overflow)
      return fail("has the shape (" + shape + "), whose size overflows");
    rest = more.trim();
  }
  if (count != data.size())
    return fail("has " + Twine(data.size()) + " bytes of data, its shape (" + shape + ") needs " + Twine(count));
  if (valueOf(header, "fortran_order").starts_with("True") && array.shape.size() > 1)
    array.data = toRowMajor(data, array.shape, bytesOfType(array.type));
  else
    array.data.assign(data.begin(), data.end());
  return array;
}

bool nncc::writeNpy(const std::string &path, const std::string &type, const std::vector<int64_t> &shape,
                    const void *data, std::string &error) {
  std::string descr;
  size_t bytes = bytesOfType(type);
  for (const TypeName &row : kTypes)
    if (type == row.nn)
      descr = (row.bytes == 1 ? "|" : "<") + std::string(row.npy);
  if (descr.empty()) {
    error = "NumPy has no element type " + type;
    return false;
  }
  std::string dims;
  for (int64_t dim : shape) {
    dims += std::to_string(dim) + ", ";
    bytes *= dim;
  }
  if (shape.size() > 1)
    dims.resize(dims.size() - 2);
  else if (shape.size() == 1)
    dims.pop_back();
  std::string header = "{'descr': '" + descr + "', 'fortran_order': False, 'shape': (" + dims + "), }";
  // The data begins at a multiple of 64 bytes, after a newline.
  header.append(alignTo(10 + header.size() + 1, 64) - 10 - header.size() - 1, ' ');
  header += '\n';
  std::error_code code;
  raw_fd_ostream out(path, code, sys::fs::OF_None);
  if (!code) {
    out << StringRef("\x93NUMPY\x01\x00", 8) << (char)(header.size() & 255) << (char)(header.size() >> 8) << header;
    out.write((const char *)data, bytes);
    out.close();
    code = out.error();
    out.clear_error();
  }
  if (code)
    error = code.message();
  return !code;
}
