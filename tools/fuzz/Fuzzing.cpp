// What the fuzzing programs share.
#include "tools/fuzz/Fuzzing.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"
#include <cstdlib>

using namespace llvm;

// LLVM's bump-pointer slabs are poisoned by our inlined code and used by the library, which is not instrumented.
extern "C" const char *__asan_default_options() {
  return "allow_user_poisoning=0:detect_container_overflow=0:detect_leaks=0";
}

namespace nncc::fuzz {

namespace {
struct TemporaryFolder {
  TemporaryFolder() {
    SmallString<128> made;
    if (sys::fs::createUniqueDirectory("nncc-fuzz", made))
      fail("no temporary folder can be made");
    path = made.str().str();
  }
  ~TemporaryFolder() { sys::fs::remove_directories(path); }
  std::string path;
};
} // namespace

const std::string &folder() {
  static TemporaryFolder made;
  return made.path;
}

std::string writeFile(StringRef name, ArrayRef<char> bytes) {
  SmallString<128> path(folder());
  sys::path::append(path, name);
  std::error_code error;
  raw_fd_ostream file(path, error);
  if (error)
    fail("cannot write " + path.str().str());
  file.write(bytes.data(), bytes.size());
  return path.str().str();
}

void requireWordsForUsers(StringRef message) {
  // As test/harness/inner_words.py has them.
  for (StringRef words :
       {"internal error", "see current operation", "failed to legalize", "LLVM ERROR", "out of memory", "bad_alloc"})
    if (message.contains(words))
      fail("a message for users says \"" + words.str() + "\": " + message.str());
}

void fail(StringRef why) {
  errs() << why << "\n";
  std::abort();
}

} // namespace nncc::fuzz
