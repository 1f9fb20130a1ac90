// Which windows may be parts of a chain, and how many of its rows are made at a time.
#ifndef NNCC_CODEGEN_CPU_CHAINPLAN_H
#define NNCC_CODEGEN_CPU_CHAINPLAN_H
#include "codegen/cpu/Chains.h"

namespace nncc::cpu {

/// What a chain may cost.
struct ChainLimits {
  int64_t mostMadeTwice; ///< threads begin slots with rows that the one before makes, too: percent more that four make
  int64_t weights;       ///< so many of all weights fit the L2 cache
  double ofCache;        ///< the same of what the rows of a slot take
  int64_t ofBetween;     ///< the same of all slots and what is between the ops
  double least;          ///< what is between is at least so many L2 caches
};

/// The window of a kernel, as chains see it.
struct ChainLink {
  mlir::Operation *window;
  unsigned image;          ///< the input of the kernel that it reads
  bool hasPrologue;        ///< prologueOf() finds one
  int64_t weightBytes;     ///< as they are in the model
  std::string notBehind;   ///< why it does not read what another one makes row by row; empty where it may
  std::string notAhead;    ///< why no other reads what it makes so
  std::string notInParts;  ///< why it is in no chain at all
  nn::MachineAttr machine; ///< what it runs on

  /// error  none for a kernel of another device, or that is no window: `reason` says why
  static std::optional<ChainLink> match(mlir::ModuleOp module, nn::KernelOp kernel, std::string &reason);
};

/// The input that the first window of a kernel reads, as pixels or as planes; nothing where that is made in the kernel.
std::optional<unsigned> imageOf(nn::KernelOp kernel);

/// The elementwise kernel that makes what the first window of a kernel reads, for it alone, of an input of the model,
/// line by line: a chain makes that by itself. Null where there is none, or a prologue is in the kernel already.
nn::KernelOp prologueOf(nn::KernelOp kernel);

/// Puts a chain in the place of itself and its prologue, where there is one.
nn::KernelOp mergePrologue(nn::KernelOp kernel);

/// Windows of which each makes what the next one reads, and strips of rows for them.
class ChainPlan {
public:
  /// links  two or more, of which each may be where it is
  /// most   rows of the output at a time
  /// error  there are no strips within the limits: `reason` says why
  static std::optional<ChainPlan> of(llvm::ArrayRef<ChainLink> links, const ChainLimits &limits, std::string &reason,
                                     int64_t most = INT64_MAX);

  int64_t rows() const { return form.rows; }
  int64_t bytesOfScratch() const { return scratchBytes; }
  /// Of all that lies between the ops.
  int64_t bytesBetween() const;
  void giveFormTo(nn::KernelOp kernel) const;

private:
  llvm::SmallVector<mlir::Operation *> windows;
  bool hasPrologue = false;
  RowsForm form{0, 0};
  int64_t scratchBytes = 0;

  bool chooseRows(int64_t l2Bytes, const ChainLimits &limits, int64_t most, std::string &reason);
  int64_t mostRows(int64_t l2Bytes, const ChainLimits &limits) const;
};

/// Bytes of a value as it lies in memory.
int64_t chainBytesOf(mlir::Value value);

} // namespace nncc::cpu
#endif
