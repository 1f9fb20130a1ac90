// Makes one kernel of two, where the first makes an input of the second for it alone.
#ifndef NNCC_CODEGEN_CPU_MERGEKERNELS_H
#define NNCC_CODEGEN_CPU_MERGEKERNELS_H
#include "dialects/nn/NN.h"

namespace nncc::cpu {

/// Inputs of a merged kernel at most: their pointers have registers.
inline constexpr size_t kMostInputs = 12;

/// True where a kernel has a form, or scratch memory for one, or for packing.
bool hasForm(nn::KernelOp kernel);

/// The kernel that makes an input of another for it alone, on the same device; null where there is none, where one of
/// both has a form or scratch memory already, or where both together read too much.
nn::KernelOp makerOf(nn::KernelOp kernel, unsigned input);

/// Puts a kernel with the ops of both, the inputs of the second ahead, in the place of both. It is called as the
/// second.
nn::KernelOp mergeKernels(nn::KernelOp first, nn::KernelOp second, unsigned input);

/// Gives a kernel the form that it runs in, which needs so much scratch memory.
void giveForm(nn::KernelOp kernel, mlir::DictionaryAttr form, int64_t scratchBytes);

} // namespace nncc::cpu
#endif
