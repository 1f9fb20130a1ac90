// See TemporaryFolder.h.
#include "lib/analyze/TemporaryFolder.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace llvm;

namespace nncc {

static Error failure(const Twine &message) { return createStringError(message); }

/// What the other process does: waits for the end of the first one, then removes the folder. A program that was started
/// to write there dies in the same moment, so a folder that fills again is removed again.
[[noreturn]] static void keep(const std::string &folder, int lifeline) {
  ::setsid(); // Ctrl-C and a kill of the group are not for it
  // Whoever reads what the first process writes must not wait for this one.
  ::dup2(lifeline, 0);
  ::close_range(1, ~0u, 0);
  char byte;
  while (::read(0, &byte, 1) < 0 && errno == EINTR)
    ;
  for (int attempt = 0; attempt < 20 && sys::fs::exists(folder); ++attempt) {
    if (attempt)
      ::usleep(50000);
    sys::fs::remove_directories(folder);
  }
  ::_exit(0);
}

Expected<TemporaryFolder> TemporaryFolder::create(StringRef prefix) {
  TemporaryFolder made;
  SmallString<128> path;
  if (std::error_code code = sys::fs::createUniqueDirectory(prefix, path))
    return failure("cannot make a temporary folder: " + code.message());
  made.folder = std::string(path);
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0)
    return failure("cannot open a pipe: " + Twine(std::strerror(errno)));
  made.lifeline = ends[1];
  made.keeper = ::fork();
  if (made.keeper == 0) {
    ::close(ends[1]);
    keep(made.folder, ends[0]);
  }
  ::close(ends[0]);
  if (made.keeper < 0)
    return failure("cannot start a process: " + Twine(std::strerror(errno)));
  return made;
}

TemporaryFolder::TemporaryFolder(TemporaryFolder &&other)
    : folder(std::move(other.folder)), keeper(other.keeper), lifeline(other.lifeline) {
  other.folder.clear();
  other.keeper = other.lifeline = -1;
}

TemporaryFolder::~TemporaryFolder() {
  if (!folder.empty())
    sys::fs::remove_directories(folder);
  if (lifeline >= 0)
    ::close(lifeline);
  if (keeper > 0)
    ::waitpid(keeper, nullptr, 0);
}

Expected<std::string> TemporaryFolder::write(StringRef name, StringRef contents) const {
  SmallString<128> file(folder);
  sys::path::append(file, name);
  std::error_code code;
  raw_fd_ostream stream(file, code);
  stream << contents;
  stream.close();
  if (code || stream.has_error()) {
    std::string reason = code ? code.message() : stream.error().message();
    stream.clear_error();
    return failure("cannot write '" + file + "': " + reason);
  }
  return std::string(file);
}

} // namespace nncc
