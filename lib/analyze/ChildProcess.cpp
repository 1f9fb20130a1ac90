// See ChildProcess.h.
#include "lib/analyze/ChildProcess.h"
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
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

} // namespace nncc
