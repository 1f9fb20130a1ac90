// The blocks of the machine code, as they are written: their instructions, and how often each runs.
#ifndef NNCC_LIB_ESTIMATE_MACHINEBLOCKS_H
#define NNCC_LIB_ESTIMATE_MACHINEBLOCKS_H
#include "lib/estimate/CountBlocks.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"
#include <optional>
#include <string>
#include <vector>

namespace llvm {
class MachineFunction;
}

namespace nncc {

/// One block of machine code. Code generation splits, joins and copies blocks of the module.
struct MachineBlock {
  uint32_t id = 0;                           ///< in the map that the object carries
  std::optional<unsigned> origin;            ///< number of the block of the module that it was made of
  llvm::SmallVector<unsigned, 2> successors; ///< in the same function
  bool callsLibrary = false;                 ///< memcpy and the like
  bool isLoop = false;                       ///< may be its own successor
  llvm::ArrayRef<uint8_t> bytes;             ///< of its instructions; set by findCode()
};

struct MachineCode {
  std::string name;
  std::vector<MachineBlock> blocks; ///< in the order of the code, the entry first
};

/// What CodeObserver::written shows.
MachineCode readMachineFunction(const llvm::MachineFunction &function);

/// Finds the bytes of all blocks in the object that holds them, which has to stay alive.
///
/// error  functions or blocks that the object's map does not have: a bug of nncc
llvm::Error findCode(llvm::StringRef object, std::vector<MachineCode> &functions);

/// How often each block of a function runs, given how often those of the module do.
///
/// A block that is the only one made of its origin runs as often; others get what makes the flow through the function
/// consistent.
/// source  He, Mestre, Pupyrev, Wang, Yu 2022, "Profile inference revisited" (as implemented in LLVM)
std::vector<uint64_t> runsOf(const MachineCode &function, const BlockCounts &counts);

} // namespace nncc
#endif
