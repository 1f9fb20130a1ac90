// What the placement of a kernel leaves on it.
#ifndef NNCC_PASSES_PLACE_PLACED_H
#define NNCC_PASSES_PLACE_PLACED_H
#include "llvm/ADT/StringRef.h"

namespace nncc {

/// On a kernel, a string: why it runs on its device.
inline constexpr llvm::StringLiteral kPlacedAttr = "nn.placed";

/// On a kernel, a string: the name of the kernel that was placed, which it is or is a part of. What the memory plan
/// adds has none, nor has a kernel that was not known when places were chosen: they run where their neighbours do.
inline constexpr llvm::StringLiteral kPlacedAsAttr = "nn.placed_as";

} // namespace nncc
#endif
