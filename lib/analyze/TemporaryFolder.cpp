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

/// What the other process does: makes the folder, so that there is none without it, waits for the end of the first
/// process, then removes it. A program that was started to write there dies in the same moment, so a folder that fills
/// again is removed again.
///
/// report  gets the number of an error, 0 for none, and the path
[[noreturn]] static void keep(StringRef prefix, int lifeline, int report) {
  ::setsid(); // Ctrl-C and a kill of the group are not for it
  SmallString<128> folder;
  int error = sys::fs::createUniqueDirectory(prefix, folder).value();
  (void)!::write(report, &error, sizeof error);
  (void)!::write(report, folder.data(), folder.size());
  if (error)
    ::_exit(1);
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
  int life[2], report[2];
  if (::pipe2(life, O_CLOEXEC) != 0)
    return failure("cannot open a pipe: " + Twine(std::strerror(errno)));
  made.lifeline = life[1];
  if (::pipe2(report, O_CLOEXEC) != 0) {
    int why = errno;
    ::close(life[0]);
    return failure("cannot open a pipe: " + Twine(std::strerror(why)));
  }
  made.keeper = ::fork();
  int why = errno;
  if (made.keeper == 0) {
    ::close(life[1]);
    keep(prefix, life[0], report[1]);
  }
  ::close(life[0]);
  ::close(report[1]);
  // The number, then the path; the other process closes the pipe.
  std::string answer;
  char bytes[256];
  ssize_t count;
  while ((count = ::read(report[0], bytes, sizeof bytes)) > 0 || (count < 0 && errno == EINTR))
    if (count > 0)
      answer.append(bytes, count);
  ::close(report[0]);
  if (made.keeper < 0)
    return failure("cannot start a process: " + Twine(std::strerror(why)));
  int error;
  if (answer.size() < sizeof error)
    return failure("cannot make a temporary folder: the process that keeps it has ended");
  std::memcpy(&error, answer.data(), sizeof error);
  if (error)
    return failure("cannot make a temporary folder: " + Twine(std::strerror(error)));
  made.folder = answer.substr(sizeof error);
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
