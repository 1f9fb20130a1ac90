// Programs that nncc runs beside itself: an emulator, the Python of a reference.
#ifndef NNCC_LIB_ANALYZE_CHILDPROCESS_H
#define NNCC_LIB_ANALYZE_CHILDPROCESS_H
#include "llvm/ADT/ArrayRef.h"
#include "llvm/Support/Error.h"
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

} // namespace nncc
#endif
