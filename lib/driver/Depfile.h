// The rule that tells make and Ninja when a library is out of date: `--depfile`.
#ifndef NNCC_LIB_DRIVER_DEPFILE_H
#define NNCC_LIB_DRIVER_DEPFILE_H
#include "codegen/emit/OutputFiles.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/Support/Error.h"
#include <memory>
#include <string>

namespace nncc {

/// Writes a rule: `targets` depend on `dependencies`. All but the first (the model) get an empty rule too, so that a
/// model which no longer names a file is compiled again, instead of make looking for that file (GCC's -MP).
///
/// path    a new or regular file is replaced when the result is committed; a pipe or device is written at once
/// returns what is to be committed after the library
/// error   `path` cannot be written; a path has a line break, which no rule can hold
/// source  GCC's -MD, which CMake's DEPFILE and Ninja's `depfile` read
llvm::Expected<std::unique_ptr<OutputFiles>> writeDepfile(llvm::StringRef path, llvm::ArrayRef<std::string> targets,
                                                          llvm::ArrayRef<std::string> dependencies);

} // namespace nncc
#endif
