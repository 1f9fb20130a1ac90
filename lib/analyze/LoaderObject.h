// The loader of runtime/loader as an object file, carried inside the compiler. The build makes the definition.
#ifndef NNCC_LIB_ANALYZE_LOADEROBJECT_H
#define NNCC_LIB_ANALYZE_LOADEROBJECT_H
#include "llvm/ADT/StringRef.h"

namespace nncc::embedded {
extern const llvm::StringRef loaderAArch64;
} // namespace nncc::embedded
#endif
