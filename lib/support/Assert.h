// NNCC_ASSERT: a check of our own work, on in release builds too. Never used on what a user gave us.
#ifndef NNCC_LIB_SUPPORT_ASSERT_H
#define NNCC_LIB_SUPPORT_ASSERT_H

namespace nncc {
/// Prints where our own mistake was found and how to report it, then aborts.
[[noreturn]] void reportInternalError(const char *condition, const char *message, const char *file, int line);
} // namespace nncc

#define NNCC_ASSERT(condition, message)                                                                                \
  do {                                                                                                                 \
    if (!(condition))                                                                                                  \
      ::nncc::reportInternalError(#condition, message, __FILE__, __LINE__);                                            \
  } while (false)
#endif
