// Attention in one kernel: scores of a block of queries for all keys, their softmax in place, and the values that these
// weigh. Scores lie in scratch memory that stays in the cache; no matrix of all of them is ever in memory.
#ifndef NNCC_CODEGEN_CPU_ATTENTION_H
#define NNCC_CODEGEN_CPU_ATTENTION_H
#include "codegen/cpu/Contraction.h"

namespace nncc::cpu {

/// `{name = "attention", rows = 64, slots = 4, scratch_bytes = ..}` of `nn.form`.
struct AttentionForm {
  static constexpr llvm::StringLiteral kind = "attention";
  int64_t rows;  ///< queries of a block, at most
  int64_t slots; ///< blocks that threads may work on at the same time, each in memory of its own

  /// keys  how those of a head are packed; nothing where they are read as they lie
  int64_t slotBytes(nn::MatMulOp scores, const std::optional<PanelPacking> &keys) const;

  mlir::DictionaryAttr getAttr(mlir::MLIRContext *context, int64_t scratchBytes) const;
  /// Nothing for the attribute of another form.
  static std::optional<AttentionForm> from(mlir::DictionaryAttr form);
};

/// How the keys of a head are packed for blocks of so many rows.
PanelPacking packKeys(nn::MatMulOp scores, int64_t rows, nn::MachineAttr machine);

/// Replaces the body of `function`, whose planned kernel has such a form, by loops over heads and blocks.
///
/// kernel  two products with a softmax between them, elementwise ops behind each. Operands of the products are inputs,
///         perhaps transposed; so is the result
/// error   another body, or a layout that no block has: `reason` says why
mlir::LogicalResult emitAttention(mlir::func::FuncOp function, nn::KernelOp kernel, MicroKernels &kernels,
                                  const AttentionForm &form, std::string &reason);

} // namespace nncc::cpu
#endif
