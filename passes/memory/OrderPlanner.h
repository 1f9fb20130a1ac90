// Chooses the order of steps that needs the least memory. Knows nothing of IR.
#ifndef NNCC_PASSES_MEMORY_ORDERPLANNER_H
#define NNCC_PASSES_MEMORY_ORDERPLANNER_H
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"
#include <cstdint>
#include <vector>

namespace nncc {

/// A step that reads and writes buffers. A buffer takes memory from the first step that touches it to the last.
struct OrderStep {
  llvm::SmallVector<unsigned> after;      ///< steps that have to come before, each once
  llvm::SmallVector<unsigned> touches;    ///< buffers read or written, each once
  llvm::SmallVector<unsigned> overwrites; ///< buffers that the result may take over if this is the last step of them
  int64_t resultBytes = 0;                ///< what is saved in that case
  int64_t scratchBytes = 0;               ///< taken during this step only
};

/// The steps in an order that works, and the bytes of the buffers.
struct OrderProblem {
  std::vector<OrderStep> steps;
  std::vector<int64_t> bufferBytes;
};

struct Order {
  std::vector<unsigned> steps; ///< steps[i] is the step that runs i-th
  int64_t peak = 0;            ///< most bytes alive in any step
  bool isBest = false;         ///< proved: no order has a lower peak
};

/// Looks for the order with the lowest peak: breadth first over the sets of steps that have run, since these say what
/// is alive; of each size the `width` best sets are kept. A step that frees at least what it takes, under the peak so
/// far, runs at once: that can never be worse. The given order is returned when none has a lower peak.
///
/// Deterministic. The width follows from the work that a narrow search took, so that the time is bounded: at most some
/// 0.2 s, for graphs of thousands of steps.
///
/// source  Ahn et al. 2020, "Ordering Chaos: Memory-Aware Scheduling of Irregularly Wired Neural Networks for Edge
///         Devices", section 3 (dynamic programming over down-sets)
Order planOrder(const OrderProblem &problem);

/// The most bytes alive in any step when the steps run in this order.
int64_t peakOfOrder(const OrderProblem &problem, llvm::ArrayRef<unsigned> order);

} // namespace nncc
#endif
