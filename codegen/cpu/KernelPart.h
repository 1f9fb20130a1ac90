// A part of a kernel as a kernel of its own: some of its ops, on pieces of its tensors that lie somewhere else.
#ifndef NNCC_CODEGEN_CPU_KERNELPART_H
#define NNCC_CODEGEN_CPU_KERNELPART_H
#include "codegen/cpu/Contraction.h"

namespace nncc::cpu {

/// What a part reads or writes: the type of the piece, and memory that holds it.
struct PartOperand {
  mlir::RankedTensorType type;
  mlir::Value memory;
  mlir::Attribute packing; ///< a unit where it is not packed
};

/// An input of a planned kernel as it is.
PartOperand wholeInput(nn::KernelOp kernel, unsigned input);

/// Memory at a pointer, of so many rows of pixels (where the type has rows), `rowStep` and `pixelStep` elements apart.
mlir::Value viewAt(Code &code, mlir::Value pointer, mlir::RankedTensorType type, int64_t rowStep, int64_t pixelStep);

struct KernelPart {
  mlir::func::FuncOp function;
  nn::KernelOp kernel;
  llvm::ArrayRef<mlir::Operation *> ops; ///< in order; the last one makes what is written. Constants come along
  /// What a value is that the ops read and do not make.
  llvm::function_ref<PartOperand(mlir::Value)> operandOf;
  /// The type of the piece of a value that they make.
  llvm::function_ref<mlir::RankedTensorType(mlir::Value)> typeOf;
  /// Changes what in a cloned op speaks of the whole tensor.
  llvm::function_ref<void(mlir::Operation *)> adjust;

  /// Turns it into calls at the place of `code`.
  ///
  /// error  no micro-kernels run it, as where weights are packed in another way: `reason` says why, nothing is written
  void emit(Code &code, MicroKernels &kernels, mlir::Value result, std::string &reason);
};

/// Ends the code of a kernel, written in front of it in parts, behind `before`, which is null at the beginning of a
/// block: erases the kernel, or, where `reason` says why a part could not be emitted, all that was written.
mlir::LogicalResult finishParts(nn::KernelOp kernel, mlir::Operation *before, const std::string &reason);

} // namespace nncc::cpu
#endif
