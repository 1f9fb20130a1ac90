// NumPy's .npy files: how tensors come in and go out on the command line.
// Format: numpy.lib.format, versions 1.0 to 3.0.
#ifndef NNCC_LIB_SUPPORT_NPY_H
#define NNCC_LIB_SUPPORT_NPY_H
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
