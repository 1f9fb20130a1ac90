// ONNX's tensors in files of their own: input_0.pb, output_0.pb of a test_data_set folder.
#ifndef NNCC_LIB_DATA_TENSORFILE_H
#define NNCC_LIB_DATA_TENSORFILE_H
#include "lib/support/Npy.h"
#include "llvm/Support/Error.h"

namespace nncc {

/// Reads a serialized TensorProto.
///
/// name   the tensor's, which may be empty
/// error  no such file, not a tensor, an element type that nncc does not have; without the path
llvm::Expected<NpyArray> readTensor(llvm::StringRef path, std::string &name);

} // namespace nncc
#endif
