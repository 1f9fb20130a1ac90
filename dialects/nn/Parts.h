// The words by which loops say that they can be shared out, and functions that they are.
#ifndef NNCC_DIALECTS_NN_PARTS_H
#define NNCC_DIALECTS_NN_PARTS_H
#include "llvm/ADT/StringRef.h"

namespace nncc::nn {

/// On an scf.for of a kernel's function: no iteration reads or writes what another iteration, or anything else in the
/// function, writes. Its iterations may run at the same time and in any order. A loop whose results nobody reads may
/// carry values: they tell an iteration what earlier ones of the same part left for it, and every part begins with the
/// initial ones.
inline constexpr llvm::StringLiteral kParallelAttr = "nn.parallel";

/// On an scf.for inside of a parallel one: no iteration reads or writes what another iteration writes, but all of them
/// read what was found out before the loop.
inline constexpr llvm::StringLiteral kIndependentAttr = "nn.independent";

/// On a parallel loop around others: every part runs all of its iterations, and the loops in it are shared out.
inline constexpr llvm::StringLiteral kUncutAttr = "nn.uncut";

/// On an op with effects, beside parallel loops: all memory that it writes is one part's own, and every part may run
/// it.
inline constexpr llvm::StringLiteral kRepeatsAttr = "nn.repeats";

/// An integer. On a call: how much it does, in operations on vectors of 32 bytes. On a function: its last two
/// arguments are the range of the work that it is to do, and this is all of it.
inline constexpr llvm::StringLiteral kWorkAttr = "nn.work";

/// An integer, on a function with a range: how many ranges its work is worth cutting into.
inline constexpr llvm::StringLiteral kPartsAttr = "nn.parts";

} // namespace nncc::nn
#endif
