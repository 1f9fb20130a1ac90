// Makes one kernel of two, where the first makes an input of the second for it alone.
#ifndef NNCC_CODEGEN_CPU_MERGEKERNELS_H
#define NNCC_CODEGEN_CPU_MERGEKERNELS_H
#include "dialects/nn/NN.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/OwningOpRef.h"

namespace nncc::cpu {

/// Inputs of a merged kernel at most: their pointers have registers.
inline constexpr size_t kMostInputs = 12;

/// True where a kernel has a form, or scratch memory for one, or for packing.
bool hasForm(nn::KernelOp kernel);

/// The kernel that makes an input of another for it alone, on the same device; null where there is none, or where both
/// together read too much.
nn::KernelOp soleMakerOf(nn::KernelOp kernel, unsigned input);

/// The same; null, too, where one of both has a form or scratch memory already.
nn::KernelOp makerOf(nn::KernelOp kernel, unsigned input);

/// Puts a kernel with the ops of both, the inputs of the second ahead, in the place of both. It is called as the
/// second.
nn::KernelOp mergeKernels(nn::KernelOp first, nn::KernelOp second, unsigned input);

/// A copy of a function, in which kernels are merged to see what that brings.
struct FunctionCopy {
  mlir::OwningOpRef<mlir::func::FuncOp> function;
  llvm::DenseMap<mlir::Operation *, nn::KernelOp> kernels; ///< by those of the function

  explicit FunctionCopy(mlir::func::FuncOp of);
};

/// A form of `slots` places in scratch memory, one for each thread that may work at the same time, in which at most
/// `count` of a unit ("rows") are made at once: `{name = "rows", rows = 4, slots = 4, scratch_bytes = ..}`.
mlir::DictionaryAttr slotForm(mlir::MLIRContext *context, llvm::StringRef name, llvm::StringRef unit, int64_t count,
                              int64_t slots, int64_t scratchBytes);
/// Its count and its slots, both at least 1; nothing for the attribute of another form.
std::optional<std::pair<int64_t, int64_t>> readSlotForm(mlir::DictionaryAttr form, llvm::StringRef name,
                                                        llvm::StringRef unit);

/// Gives a kernel the form that it runs in, which needs so much scratch memory.
void giveForm(nn::KernelOp kernel, mlir::DictionaryAttr form, int64_t scratchBytes);

} // namespace nncc::cpu
#endif
