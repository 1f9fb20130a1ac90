// The end of a process that found a mistake of ours.
#include "lib/support/Assert.h"
#include "lib/support/InternalError.h"
#include "llvm/Support/raw_ostream.h"
#include <cstdlib>

void nncc::reportInternalError(const char *condition, const char *message, const char *file, int line) {
  llvm::errs() << "nncc: internal error: " << message << " (" << condition << ", " << file << ":" << line << ")\n"
               << kReportBug << "\n";
  llvm::errs().flush();
  std::abort();
}
