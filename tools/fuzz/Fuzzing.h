// What the fuzzing programs share: a folder for files, and what a message may not say.
#ifndef NNCC_TOOLS_FUZZ_FUZZING_H
#define NNCC_TOOLS_FUZZ_FUZZING_H
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include <string>

namespace nncc::fuzz {

/// A folder of this process, removed when it ends.
const std::string &folder();

/// Writes a file of `folder()` anew; returns its path.
std::string writeFile(llvm::StringRef name, llvm::ArrayRef<char> bytes);

/// Ends the process, which libFuzzer reports with the input, when a message for users has words of the compiler's own.
void requireWordsForUsers(llvm::StringRef message);

/// Ends the process with a reason, which libFuzzer reports with the input.
[[noreturn]] void fail(llvm::StringRef why);

} // namespace nncc::fuzz
#endif
