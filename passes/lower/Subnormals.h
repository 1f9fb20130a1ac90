// Which kernels may take subnormal numbers for zeros; see docs/numerics.md.
#ifndef NNCC_PASSES_LOWER_SUBNORMALS_H
#define NNCC_PASSES_LOWER_SUBNORMALS_H
#include "dialects/nn/NN.h"

namespace nncc {

/// On the function of a kernel that may: what its target does with it is the target's affair.
inline constexpr llvm::StringLiteral kFlushesAttr = "nn.flushes_subnormals";

/// True for a kernel that contracts floats and does nothing beside it that would tell a subnormal number from a zero:
/// what is lost is as small as they are, times the factors that the kernel multiplies by. Its operands and its results
/// may then count as 0 where they are subnormal.
bool mayFlushSubnormals(nn::KernelOp kernel);

} // namespace nncc
#endif
