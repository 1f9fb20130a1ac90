// Arrays in files: .npy, the members of .npz, ONNX's tensors in .pb, and images in .png. Only what is asked for is
// read.
#ifndef NNCC_LIB_DATA_ARRAYFILE_H
#define NNCC_LIB_DATA_ARRAYFILE_H
#include "lib/data/ByteStream.h"
#include "lib/support/Npy.h"
#include <functional>

namespace nncc {

/// An array that lies in a file.
struct StoredArray {
  std::string name; ///< in its .npz; of a .pb that of the tensor; of others the file's
  std::string file; ///< the name of its file without extension
  std::string type; ///< as NpyArray::type
  std::vector<int64_t> shape;
  /// Begins to read its elements, row-major and little-endian.
  std::function<llvm::Expected<std::unique_ptr<ByteStream>>()> read;

  /// `'x' f32[500, 3, 8]`
  std::string describe() const;
};

/// Whether a file's name ends so, in letters of any case: cameras write .PNG. extension: with its dot
bool hasExtension(llvm::StringRef path, llvm::StringRef extension);

/// Whether a path names a file that readArrayFile() reads: .npy, .npz, .pb or .png.
bool isArrayFile(llvm::StringRef path);

/// The arrays of a file, in its order.
///
/// error  "'data.npz': is a damaged zip archive: ..."
llvm::Expected<std::vector<StoredArray>> readArrayFile(llvm::StringRef path);

/// All elements of an array. error: as of readArrayFile(), without the path
llvm::Expected<NpyArray> readAll(const StoredArray &array);

} // namespace nncc
#endif
