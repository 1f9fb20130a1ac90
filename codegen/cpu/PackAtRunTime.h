// Packing of right operands that are no constants: the same panels as those of weights, written by the kernel itself.
#ifndef NNCC_CODEGEN_CPU_PACKATRUNTIME_H
#define NNCC_CODEGEN_CPU_PACKATRUNTIME_H
#include "codegen/cpu/Code.h"
#include "codegen/cpu/Packing.h"

namespace nncc::cpu {

/// Writes code that packs a filter as `packing` says.
///
/// source  [batches * outputs][tapsH][tapsW][k] of `shape`, `strides` elements apart, the last ones side by side
/// panels  [batches][outputs / panel][depth][panel], `packing.batches * packing.batchSize()` elements
void packAtRunTime(Code &code, mlir::Value source, llvm::ArrayRef<int64_t> shape, llvm::ArrayRef<int64_t> strides,
                   mlir::Value panels, const PanelPacking &packing, mlir::Type memory);

} // namespace nncc::cpu
#endif
