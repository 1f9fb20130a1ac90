// See InternalError.h.
#include "lib/support/InternalError.h"
#include "llvm/Support/raw_ostream.h"

char nncc::InternalError::ID;

void nncc::InternalError::log(llvm::raw_ostream &os) const { os << message; }

llvm::Error nncc::internalError(const llvm::Twine &message) { return llvm::make_error<InternalError>(message.str()); }
