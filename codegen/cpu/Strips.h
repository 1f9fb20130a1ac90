// Contractions of single pixels whose input is made in the kernel, strip by strip: an elementwise prologue writes a
// strip of pixels into scratch memory, all output channels of it are computed from there. The whole input is never in
// memory.
#ifndef NNCC_CODEGEN_CPU_STRIPS_H
#define NNCC_CODEGEN_CPU_STRIPS_H
#include "codegen/cpu/Contraction.h"

namespace nncc::cpu {

/// `{name = "strips", pixels = 112, slots = 4, scratch_bytes = ..}` of `nn.form`: how a kernel runs whose root reads
/// what elementwise ops of its body make.
struct StripForm {
  static constexpr llvm::StringLiteral kind = "strips";
  int64_t pixels; ///< of a strip, at most
  int64_t slots;  ///< strips that threads may work on at the same time, each in memory of its own

  int64_t scratchBytes(int64_t channels, mlir::Type element) const {
    return slots * pixels * rowPitch(channels) * (element.getIntOrFloatBitWidth() / 8);
  }

  mlir::DictionaryAttr getAttr(mlir::MLIRContext *context, int64_t scratchBytes) const;
  /// Nothing for the attribute of another form.
  static std::optional<StripForm> from(mlir::DictionaryAttr form);
};

/// The channels of a pixel as vectors of a prologue.
struct PixelVectors {
  int64_t lanes, whole, tail; ///< `whole` vectors, then one of `tail` channels where that is not 0

  static PixelVectors of(const Epilogue &prologue, int64_t channels, nn::MachineAttr machine);
};

/// Writes the body of MicroKernels::getPrologue().
void emitPrologue(Code &code, const Epilogue &prologue, const PixelVectors &vectors,
                  mlir::Block::BlockArgListType arguments);

/// Replaces the body of `function`, whose planned kernel has such a form, by loops over strips.
///
/// error  a layout of the operands that no strip has: `reason` says why, nothing changed
mlir::LogicalResult emitStrips(mlir::func::FuncOp function, nn::KernelOp kernel, MicroKernels &kernels,
                               const StripForm &form, std::string &reason);

} // namespace nncc::cpu
#endif
