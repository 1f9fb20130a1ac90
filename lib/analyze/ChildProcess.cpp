// See ChildProcess.h.
#include "lib/analyze/ChildProcess.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>
#include <vector>

using namespace llvm;

namespace nncc {

/// Between fork and exec: system calls only.
[[noreturn]] static void become(const char *const *arguments, int channel, pid_t parent, int report) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) // it ended before the line above
    ::_exit(1);
  if (channel >= 0) {
    ::dup2(channel, STDIN_FILENO);
    ::dup2(channel, STDOUT_FILENO);
  }
  ::execv(arguments[0], const_cast<char *const *>(arguments));
  int why = errno;
  (void)!::write(report, &why, sizeof why);
  ::_exit(127);
}

Expected<pid_t> startChild(ArrayRef<std::string> command, int channel) {
  std::vector<const char *> arguments;
  for (const std::string &word : command)
    arguments.push_back(word.c_str());
  arguments.push_back(nullptr);
  // The pipe closes when the program starts; otherwise it says why it did not.
  int report[2];
  if (::pipe2(report, O_CLOEXEC) != 0)
    return createStringError("cannot open a pipe: " + Twine(std::strerror(errno)));
  pid_t parent = ::getpid(), child = ::fork();
  if (child == 0)
    become(arguments.data(), channel, parent, report[1]);
  int why = child < 0 ? errno : 0;
  ::close(report[1]);
  if (child > 0)
    while (::read(report[0], &why, sizeof why) < 0 && errno == EINTR)
      ;
  ::close(report[0]);
  if (why == 0)
    return child;
  if (child > 0)
    waitForChild(child);
  return createStringError("cannot start '" + command.front() + "': " + std::strerror(why));
}

int waitForChild(pid_t child) {
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR)
    ;
  return status;
}

Expected<TalkingChild> TalkingChild::start(ArrayRef<std::string> command) {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
    return createStringError("cannot open a socket: " + Twine(std::strerror(errno)));
  auto started = startChild(command, ends[1]);
  ::close(ends[1]);
  if (started)
    return TalkingChild(*started, ends[0]);
  ::close(ends[0]);
  return started.takeError();
}

TalkingChild::TalkingChild(TalkingChild &&other)
    : process(std::exchange(other.process, -1)), channel(std::exchange(other.channel, -1)) {}

/// Calls until so many bytes have gone through.
template <typename Byte> static bool transfer(Byte *next, size_t bytes, function_ref<ssize_t(Byte *, size_t)> some) {
  while (bytes) {
    ssize_t count = some(next, bytes);
    if (count < 0 && errno == EINTR)
      continue;
    if (count <= 0)
      return false;
    next += count;
    bytes -= count;
  }
  return true;
}

bool TalkingChild::send(const void *from, size_t bytes) {
  return transfer<const char>(static_cast<const char *>(from), bytes,
                              [&](const char *next, size_t left) { return ::send(channel, next, left, MSG_NOSIGNAL); });
}

bool TalkingChild::receive(void *to, size_t bytes) {
  return transfer<char>(static_cast<char *>(to), bytes,
                        [&](char *next, size_t left) { return ::read(channel, next, left); });
}

std::optional<std::string> TalkingChild::receiveLine(size_t most) {
  std::string line;
  for (char c; line.size() <= most && receive(&c, 1); line += c)
    if (c == '\n')
      return line;
  return std::nullopt;
}

int TalkingChild::end() {
  if (channel >= 0)
    ::close(std::exchange(channel, -1));
  return process > 0 ? waitForChild(std::exchange(process, -1)) : 0;
}

} // namespace nncc
