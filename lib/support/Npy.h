// NumPy's .npy files: how tensors come in and go out on the command line.
// Format: numpy.lib.format, versions 1.0 to 3.0.
#ifndef NNCC_LIB_SUPPORT_NPY_H
#define NNCC_LIB_SUPPORT_NPY_H
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace nncc {

struct NpyArray {
  std::string type;           ///< as in nn tensors: f16 f32 f64, i1 (a byte each), i8..i64, ui8..ui64
  std::vector<int64_t> shape; ///< empty for a scalar
  std::vector<char> data;     ///< little-endian, row-major
};

/// Bytes of one element of a type named as in `NpyArray::type`; 0 for unknown names.
size_t bytesOfType(const std::string &type);

/// What NumPy calls such a type: `float32`; empty for bf16, which it lacks.
std::string numpyTypeName(llvm::StringRef type);
/// The type with a name of NumPy's; empty for unknown names.
std::string typeOfNumpyName(llvm::StringRef name);

/// What stands in front of the data of a .npy file.
struct NpyHeader {
  std::string type; ///< as NpyArray::type
  std::vector<int64_t> shape;
  bool isFortran = false; ///< the data lies column by column
  size_t dataOffset = 0;  ///< where it begins
  size_t dataBytes = 0;   ///< how much the shape needs
};

/// The length of a header by the first bytes of the file: how many of them parseNpyHeader() wants.
///
/// begin   the file's first kNpyPrefix bytes, or all where there are fewer
/// error   nothing is returned and `error` says why, without the path
std::optional<size_t> npyHeaderBytes(llvm::StringRef begin, std::string &error);
inline constexpr size_t kNpyPrefix = 12;

/// Reads a header, of the file's first npyHeaderBytes().
///
/// error   as above
std::optional<NpyHeader> parseNpyHeader(llvm::StringRef bytes, std::string &error);

/// The words for data of another size than the header's: "has 10 bytes of data, its shape (3,) needs 12".
std::string npySizeMismatch(const NpyHeader &header, uint64_t dataBytes);

/// Rearranges column-major data into row-major order.
///
/// bytes   of an element
std::vector<char> toRowMajor(llvm::ArrayRef<char> from, llvm::ArrayRef<int64_t> shape, size_t bytes);

/// Reads an array. Fortran order is rearranged.
///
/// error   nothing is returned and `error` says why, without the path
std::optional<NpyArray> readNpy(const std::string &path, std::string &error);

/// Writes an array (version 1.0, row-major). `data` has the bytes of all elements.
///
/// error   false, and `error` says why, without the path
bool writeNpy(const std::string &path, const std::string &type, const std::vector<int64_t> &shape, const void *data,
              std::string &error);

} // namespace nncc
#endif
