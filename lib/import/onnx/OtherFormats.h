// What a file is that is no ONNX model: other formats of networks, by their magic.
#ifndef NNCC_LIB_IMPORT_ONNX_OTHERFORMATS_H
#define NNCC_LIB_IMPORT_ONNX_OTHERFORMATS_H
#include "llvm/ADT/StringRef.h"
#include <optional>

namespace nncc::import {

struct OtherFormat {
  llvm::StringRef name;      ///< "a TensorFlow Lite model"
  llvm::StringRef wayToOnnx; ///< what to do
};

/// Recognizes a file that is no ONNX model by its first bytes.
///
/// begin  the first 512 bytes, or all of a shorter file
/// size   bytes of the whole file
std::optional<OtherFormat> recognizeOtherFormat(llvm::StringRef begin, uint64_t size);

} // namespace nncc::import
#endif
