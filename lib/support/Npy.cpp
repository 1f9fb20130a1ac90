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
} // namespace

size_t nncc::bytesOfType(const std::string &type) {
  for (const TypeName &row : kTypes)
    if (type == row.nn)
      return row.bytes;
  return 0;
}

std::string nncc::numpyTypeName(StringRef type) {
  if (type == "i1")
    return "bool";
  if (type.consume_front("ui"))
    return "uint" + type.str();
  if (type.consume_front("i"))
    return "int" + type.str();
  return type.consume_front("f") ? "float" + type.str() : "";
}

std::string nncc::typeOfNumpyName(StringRef name) {
  for (const TypeName &row : kTypes)
    if (name == numpyTypeName(row.nn) && !name.empty())
      return row.nn;
  return "";
}

std::vector<char> nncc::toRowMajor(ArrayRef<char> from, ArrayRef<int64_t> shape, size_t bytes) {
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

std::optional<size_t> nncc::npyHeaderBytes(StringRef begin, std::string &error) {
  if (!begin.starts_with(StringRef("\x93NUMPY", 6)) || begin.size() < kNpyPrefix) {
    error = "is no .npy file";
    return std::nullopt;
  }
  auto byteAt = [&](size_t i) { return (size_t)(unsigned char)begin[i]; };
  size_t version = byteAt(6);
  size_t length = byteAt(8) | byteAt(9) << 8;
  if (version > 1)
    length |= byteAt(10) << 16 | byteAt(11) << 24;
  // NumPy itself reads no header that is longer than 10,000 bytes, unless it is told to trust the file.
  if (version < 1 || version > 3 || length > (1 << 20)) {
    error = "is no .npy file of version 1 to 3";
    return std::nullopt;
  }
  return (version == 1 ? 10 : 12) + length;
}

std::optional<nncc::NpyHeader> nncc::parseNpyHeader(StringRef bytes, std::string &error) {
  auto fail = [&](const Twine &why) {
    error = why.str();
    return std::nullopt;
  };
  auto length = npyHeaderBytes(bytes, error);
  if (!length)
    return std::nullopt;
  if (*length > bytes.size())
    return fail("is no .npy file of version 1 to 3");
  StringRef header = bytes.take_front(*length).drop_front(bytes[6] == 1 ? 10 : 12);

  NpyHeader result;
  result.dataOffset = *length;
  StringRef descr = valueOf(header, "descr");
  if (!descr.consume_front("'"))
    return fail("holds records, not numbers");
  descr = descr.take_until([](char c) { return c == '\''; });
  if (descr.starts_with(">") && !descr.ends_with("1"))
    return fail("is big-endian ('" + descr + "')");
  for (const TypeName &row : kTypes)
    if (descr.drop_while([](char c) { return c == '<' || c == '|' || c == '=' || c == '>'; }) == row.npy)
      result.type = row.nn;
  if (result.type.empty())
    return fail("has elements of type '" + descr + "', which is not supported");

  StringRef shape = valueOf(header, "shape");
  if (!shape.consume_front("("))
    return fail("has no shape");
  shape = shape.take_until([](char c) { return c == ')'; });
  result.dataBytes = bytesOfType(result.type);
  for (StringRef rest = shape.trim(); !rest.empty();) {
    auto [part, more] = rest.split(',');
    int64_t dim = 0;
    if (part.trim().getAsInteger(10, dim) || dim < 0)
      return fail("has the shape (" + shape + ")");
    result.shape.push_back(dim);
    bool overflow = false;
    result.dataBytes = SaturatingMultiply<size_t>(result.dataBytes, dim, &overflow);
    if (overflow)
      return fail("has the shape (" + shape + "), whose size overflows");
    rest = more.trim();
  }
  result.isFortran = valueOf(header, "fortran_order").starts_with("True") && result.shape.size() > 1;
  return result;
}

std::string nncc::npySizeMismatch(const NpyHeader &header, uint64_t dataBytes) {
  std::string dims;
  for (int64_t dim : header.shape)
    dims += (dims.empty() ? "" : ", ") + std::to_string(dim);
  if (header.shape.size() == 1)
    dims += ",";
  return "has " + std::to_string(dataBytes) + " bytes of data, its shape (" + dims + ") needs " +
         std::to_string(header.dataBytes);
}

std::optional<nncc::NpyArray> nncc::readNpy(const std::string &path, std::string &error) {
  auto file = MemoryBuffer::getFile(path, /*IsText=*/false, /*RequiresNullTerminator=*/false);
  if (!file) {
    error = "cannot be read: " + file.getError().message();
    return std::nullopt;
  }
  StringRef bytes = (*file)->getBuffer();
  auto header = parseNpyHeader(bytes, error);
  if (!header)
    return std::nullopt;
  ArrayRef<char> data(bytes.data() + header->dataOffset, bytes.size() - header->dataOffset);
  if (header->dataBytes != data.size()) {
    error = npySizeMismatch(*header, data.size());
    return std::nullopt;
  }
  NpyArray array{std::move(header->type), std::move(header->shape), {}};
  if (header->isFortran)
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
