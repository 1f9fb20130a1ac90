// How many cycles a block of machine code takes, by LLVM's scheduling models (the library behind llvm-mca).
#ifndef NNCC_LIB_ESTIMATE_BLOCKTIMER_H
#define NNCC_LIB_ESTIMATE_BLOCKTIMER_H
#include "codegen/Target.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/Support/Error.h"
#include <memory>
#include <vector>

namespace llvm {
class MCInst;
}

namespace nncc {

/// Times blocks for one CPU. Caches and mispredicted branches are in none of it.
class BlockTimer {
public:
  /// error  LLVM lacks a part that reads or times the target's code: a bug of nncc
  static llvm::Expected<std::unique_ptr<BlockTimer>> create(const TargetSpec &target);
  ~BlockTimer();

  /// The instructions of a block.
  ///
  /// error  bytes that are none: a bug of nncc
  llvm::Expected<std::vector<llvm::MCInst>> decode(llvm::ArrayRef<uint8_t> bytes);

  /// Cycles of one pass.
  ///
  /// A block that follows itself, and any on a CPU that issues in order, is timed in a loop, so that what its
  /// instructions wait for counts; another one by the resources that it takes, since the next block overlaps with it.
  double cyclesOf(llvm::ArrayRef<llvm::MCInst> instructions, bool isLoop);

private:
  struct Parts;
  explicit BlockTimer(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts;
};

} // namespace nncc
#endif
