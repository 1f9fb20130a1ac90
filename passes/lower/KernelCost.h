// What a kernel costs and needs, said from its body alone: for the memory planner and for reports.
#ifndef NNCC_PASSES_LOWER_KERNELCOST_H
#define NNCC_PASSES_LOWER_KERNELCOST_H
#include "dialects/nn/NN.h"

namespace nncc {

/// Multiply-accumulates of the contraction in a kernel; 0 for kernels of other kinds.
int64_t multiplyAccumulates(nn::KernelOp kernel);

/// Bytes of input `input` that a run of the kernel reads, where it is a table that something is gathered from; nothing
/// where more of it is read.
std::optional<uint64_t> bytesGathered(nn::KernelOp kernel, unsigned input);

/// True when input `input` may lie exactly where output 0 lies: the loops read every element of it before they write
/// the element at the same place, and never again. Shapes and element sizes have to be equal.
bool mayBeInPlace(nn::KernelOp kernel, unsigned input);

} // namespace nncc
#endif
