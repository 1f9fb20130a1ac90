// Programs that nncc runs beside itself: an emulator, the Python of a reference.
#ifndef NNCC_LIB_ANALYZE_CHILDPROCESS_H
#define NNCC_LIB_ANALYZE_CHILDPROCESS_H
#include "llvm/ADT/ArrayRef.h"
#include "llvm/Support/Error.h"
#include <optional>
#include <string>
#include <sys/types.h>

namespace nncc {

/// Starts a program that ends with this process, however that ends: the kernel kills it.
///
/// command   the program's path, then its arguments
/// channel   what becomes its standard input and output; -1: those of this process
/// error     it cannot be started
llvm::Expected<pid_t> startChild(llvm::ArrayRef<std::string> command, int channel = -1);

/// Waits for its end. returns the status as waitpid() gives it
int waitForChild(pid_t child);

/// A program that this one talks with, over a socket that is its standard input and output. A socket, not a pipe:
/// writing to a program that died must not kill this one.
class TalkingChild {
public:
  /// error  it cannot be started
  static llvm::Expected<TalkingChild> start(llvm::ArrayRef<std::string> command);
  TalkingChild(TalkingChild &&other);
  TalkingChild &operator=(TalkingChild &&) = delete;
  /// Closes the socket, which programs take for their end, and waits for it.
  ~TalkingChild() { end(); }

  /// returns  false when the program left before it heard, or said, all
  bool send(const void *from, size_t bytes);
  bool receive(void *to, size_t bytes);
  /// Up to a line break, which is not part of it; at most that long.
  std::optional<std::string> receiveLine(size_t most);

  /// Closes the socket and waits for the program's end. returns the status as waitpid() gives it; 0 after the first
  /// time
  int end();

private:
  TalkingChild(pid_t process, int channel) : process(process), channel(channel) {}

  pid_t process;
  int channel;
};

} // namespace nncc
#endif
