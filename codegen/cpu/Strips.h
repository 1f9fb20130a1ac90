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

/// Elements that a prologue reads lie in groups of `held`, of which it reads the first ones: three of four bytes where
/// pixels are stored so.
struct PixelGroups {
  int64_t read = 1, held = 1;
};

/// The channels of a pixel as vectors of a prologue.
struct PixelVectors {
  int64_t lanes;
  int64_t whole, tail; ///< `whole` times as many groups as a vector has lanes, then `tail` groups where that is not 0
  PixelGroups groups;

  static PixelVectors of(const Epilogue &prologue, int64_t channels, const PixelGroups &groups,
                         nn::MachineAttr machine);
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
