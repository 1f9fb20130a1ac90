// An error that is a mistake of nncc's own, on its way to whoever reports it: not the user's fault, not the machine's.
#ifndef NNCC_LIB_SUPPORT_INTERNALERROR_H
#define NNCC_LIB_SUPPORT_INTERNALERROR_H
#include "llvm/ADT/Twine.h"
#include "llvm/Support/Error.h"
#include <string>

namespace nncc {

/// Exit status of a process that found a mistake of nncc's own: EX_SOFTWARE of sysexits.h.
inline constexpr int kInternalErrorStatus = 70;

/// What a message about such a mistake ends with.
inline constexpr char kReportBug[] =
    "note: this is a bug in nncc, not in your model; please report it with the model and the command";

class InternalError : public llvm::ErrorInfo<InternalError> {
public:
  static char ID;
  explicit InternalError(std::string message) : message(std::move(message)) {}
  void log(llvm::raw_ostream &os) const override;
  std::error_code convertToErrorCode() const override { return llvm::inconvertibleErrorCode(); }

private:
  std::string message;
};

llvm::Error internalError(const llvm::Twine &message);

} // namespace nncc
#endif
