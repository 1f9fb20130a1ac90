// Functions that differ in numbers alone, made one.
#ifndef NNCC_CODEGEN_SHAREFUNCTIONS_H
#define NNCC_CODEGEN_SHAREFUNCTIONS_H
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringRef.h"
#include <cstdint>
#include <string>
#include <vector>

namespace llvm {
class Module;
} // namespace llvm

namespace nncc {

/// What runs in the place of a function.
struct SharedFunction {
  std::string name;
  std::vector<int32_t> numbers; ///< in read-only memory; a pointer to them is one more argument, behind all pointers
};

/// Lets functions share code where they differ in numbers alone, and these take less memory than the code:
///
/// - constants of 32 bits that are the same in all lanes of a vector, such as scales,
/// - words in read-only memory that they point to, such as tables of calls,
/// - all integers of functions that are to be small (minsize): loops around calls.
///
/// names      functions that nothing in the module calls
/// hasMaxNum  the machine's number
/// returns    by the name of a function, what runs in its place; those that stay as they are are not in it
llvm::StringMap<SharedFunction> shareFunctions(llvm::Module &module, llvm::ArrayRef<llvm::StringRef> names,
                                               bool hasMaxNum);

} // namespace nncc
#endif
