// How often each block of the code runs, without running the code: what decides the way through kernels are numbers
// that the compiler knows, the data is left out.
#ifndef NNCC_LIB_ESTIMATE_COUNTBLOCKS_H
#define NNCC_LIB_ESTIMATE_COUNTBLOCKS_H
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace llvm {
class Module;
}

namespace nncc {

/// One way to call a function of a kernel.
struct KernelCall {
  std::string function;
  uint64_t work;                     ///< its last two arguments are the range [0, work); 0: it has none
  std::vector<int32_t> numbers = {}; ///< its last pointer is to these; none: that is an operand, too
};

/// What one call does, by the number of the block.
struct BlockCounts {
  std::vector<uint64_t> runs;
  std::vector<uint64_t> movedBytes; ///< by memcpy, memmove and memset that the block calls
  bool dependsOnData = false;       ///< a branch was decided by a coin, since tensors decide it
};

/// Names every block of a module after its number.
void numberBlocks(llvm::Module &module);

/// The number that a block's name says; none: code generation made the block.
std::optional<unsigned> blockNumber(llvm::StringRef name);

/// Counts what calls of functions do, one after the other.
///
/// A copy of the module keeps the branches, what they depend on and counters. That is loops without bodies: optimized
/// for this machine they are sums in closed form, and run in microseconds. Branches that depend on tensors are taken at
/// random with the probabilities that LLVM would assume.
///
/// module   with numbered blocks; for any target
/// returns  one for each call
/// error    the copy cannot be run here: a bug of nncc
llvm::Expected<std::vector<BlockCounts>> countBlocks(const llvm::Module &module, llvm::ArrayRef<KernelCall> calls);

} // namespace nncc
#endif
