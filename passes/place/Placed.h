// What the placement of a kernel leaves on it.
#ifndef NNCC_PASSES_PLACE_PLACED_H
#define NNCC_PASSES_PLACE_PLACED_H
#include "llvm/ADT/StringRef.h"

namespace nncc {

/// On a kernel, a string: why it runs on its device.
inline constexpr llvm::StringLiteral kPlacedAttr = "nn.placed";

} // namespace nncc
#endif
