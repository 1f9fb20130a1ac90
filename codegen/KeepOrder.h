// Functions whose instructions LLVM is to leave in the order in which they are written.
#ifndef NNCC_CODEGEN_KEEPORDER_H
#define NNCC_CODEGEN_KEEPORDER_H
#include "llvm/ADT/StringRef.h"

namespace nncc {

/// An attribute of functions of LLVM IR: no scheduler orders their instructions before registers are allocated.
inline constexpr llvm::StringLiteral kKeepsOrder = "nncc-keeps-order";

} // namespace nncc
#endif
