// The end of a process that found a mistake of ours.
#include "lib/support/Assert.h"
#include "llvm/Support/raw_ostream.h"
#include <cstdlib>

void nncc::reportInternalError(const char *condition, const char *message, const char *file, int line) {
  llvm::errs() << "nncc: internal error: " << message << " (" << condition << ", " << file << ":" << line << ")\n"
               << "note: this is a bug in nncc, not in your model; please report it with the model and the command\n";
  llvm::errs().flush();
  std::abort();
}
