// JSON of files that users give.
#ifndef NNCC_LIB_SUPPORT_JSON_H
#define NNCC_LIB_SUPPORT_JSON_H
#include "llvm/Support/JSON.h"

namespace nncc {

/// As llvm::json::parse(), which recurses: text that is nested deeper than any of our files is an error, too.
llvm::Expected<llvm::json::Value> parseJson(llvm::StringRef text);

} // namespace nncc
#endif
