// Where the operands of a contraction lie in memory: what the planned buffers and the recipes of packed weights say.
#ifndef NNCC_CODEGEN_CPU_OPERANDS_H
#define NNCC_CODEGEN_CPU_OPERANDS_H
#include "codegen/cpu/Contraction.h"

namespace nncc::cpu {

/// The operands of micro-kernels; leaves of the epilogue follow. NextOfB is what calls prefetch of B.
enum Stream : unsigned { A, B, C, Bias, Zero, ScaleOfB, ZeroOfB, SparesOfB, NextOfB, FirstLeaf };

/// One operand as all loops see it; strides count elements.
struct Operand {
  mlir::Value memory; ///< null where it is absent, or a table in read-only data
  mlir::Type element;
  mlir::SmallVector<int64_t> outer; ///< per batch dim
  int64_t h = 0, w = 0;             ///< to the next pixel
  int64_t plane = 0;                ///< to the next channel, where those lie in planes
  int64_t group = 0, panel = 0;
};

/// All operands of a planned kernel.
struct Operands {
  mlir::SmallVector<Operand> streams; ///< indexed by Stream
  int64_t panel = 0, lanes = 0;       ///< output channels of a panel, elements per vector
  bool isPadded = false;              ///< B is packed
  bool isBiasPadded = false;
  std::optional<BytePacking> bytes;    ///< how bytes are packed
  std::optional<PanelPacking> packing; ///< of a filter that the kernel packs itself
  mlir::Value filter;                  ///< that filter, with its strides
  mlir::SmallVector<int64_t> filterStrides;
  int64_t unpackedRow = 0; ///< row length of a right operand that is not packed

  /// Finds them; `reason` says what no micro-kernel can read.
  static std::optional<Operands> of(nn::KernelOp kernel, const Contraction &contraction, nn::MachineAttr machine,
                                    std::string &reason);

  Operand &operator[](unsigned stream) { return streams[stream]; }
  const Operand &operator[](unsigned stream) const { return streams[stream]; }
  mlir::MemRefType typeOf(unsigned stream) const {
    return mlir::cast<mlir::MemRefType>(streams[stream].memory.getType());
  }
  /// Vectors of so many output channels.
  int64_t vectorsOf(int64_t channels) const { return llvm::divideCeil(channels, lanes); }
  bool hasZero() const { return streams[Zero].memory != nullptr; }
};

} // namespace nncc::cpu
#endif
