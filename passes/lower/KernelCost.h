// What a kernel costs and needs, said from its body alone: for the memory planner and for reports.
#ifndef NNCC_PASSES_LOWER_KERNELCOST_H
#define NNCC_PASSES_LOWER_KERNELCOST_H
#include "dialects/nn/NN.h"

namespace nncc {

/// Multiply-accumulates of the contraction in a kernel; 0 for kernels of other kinds.
int64_t multiplyAccumulates(nn::KernelOp kernel);

/// True when input `input` may lie exactly where output 0 lies: the loops read every element of it before they write
/// the element at the same place, and never again. Shapes and element sizes have to be equal.
bool mayBeInPlace(nn::KernelOp kernel, unsigned input);

} // namespace nncc
#endif
