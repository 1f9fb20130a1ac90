// What a library is called, and that two models do not get one name in silence.
#ifndef NNCC_LIB_DRIVER_OUTPUTNAME_H
#define NNCC_LIB_DRIVER_OUTPUTNAME_H
#include "lib/driver/Compile.h"
#include "llvm/Support/Error.h"

namespace nncc {

/// The prefix of every symbol and file: the option `name`, else an identifier made of the model's file name.
std::string libraryName(const CompileOptions &options);

/// A line that says what a text was made from, which checkLibraryName reads: NAMED_AFTER and the model's hash, as JSON
/// behind a sign that begins a comment.
llvm::Expected<std::string> originLine(const CompileOptions &options, llvm::StringRef comment);

/// Checks that no other model's output of the same name lies in a folder: `conv-bn.onnx` and `conv.bn.onnx` both
/// become conv_bn, and every folder may have a model.onnx. A file of the same name that is younger than the output is
/// the same model, trained and compiled anew.
///
/// fileName  the file that says it: the manifest of a library (.json), or a text that begins with an originLine
/// error     there is one, and no option said the name
llvm::Error checkLibraryName(const CompileOptions &options, llvm::StringRef folder, llvm::StringRef fileName);

/// Checks that the target can load a shared library, where one is to be made.
llvm::Error checkLibraryForm(const CompileOptions &options);

} // namespace nncc
#endif
