// Values of inputs that become constants: `--bind INPUT=VALUE`.
#ifndef NNCC_LIB_IMPORT_ONNX_BIND_H
#define NNCC_LIB_IMPORT_ONNX_BIND_H
#include "lib/import/onnx/Import.h"
#include <optional>

namespace nncc::import {

/// The path in a text that names a .npy file; nothing for numbers.
std::optional<llvm::StringRef> boundFile(llvm::StringRef text);

/// The constant that an input is bound to: numbers as text, or a .npy file.
///
/// text    `5`, `0.5`, `true`, `1,2,3`, `[1, 2, 3]`, `FILE.npy`, `@FILE.npy`
/// error   null, and `problem` says why: no number, another type or shape than the input's
mlir::ElementsAttr readBoundValue(const std::string &text, const OnnxValueInfo &input, mlir::Type elementType,
                                  std::string &problem);

} // namespace nncc::import
#endif
