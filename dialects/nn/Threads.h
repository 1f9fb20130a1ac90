// The words that say how a kernel of a GPU is to be dispatched and where its arguments lie (stage G).
#ifndef NNCC_DIALECTS_NN_THREADS_H
#define NNCC_DIALECTS_NN_THREADS_H
#include "llvm/ADT/StringRef.h"

namespace nncc::nn {

/// On a kernel, an integer: the number of the input that has the image of its root, a convolution, as N x C x H x W.
inline constexpr llvm::StringLiteral kPlanesAttr = "nn.planes";

/// On a func.func: why threads of a GPU cannot run it.
inline constexpr llvm::StringLiteral kRefusedAttr = "nn.refused";

/// On an scf.for of a GPU's L2: the threads of a workgroup have one iteration each, and then wait for each other. What
/// stands around such loops is the same for all threads of the group.
inline constexpr llvm::StringLiteral kTeamAttr = "nn.team";
/// The memory space of what a workgroup shares, as upstream's conversion to SPIR-V for Vulkan numbers it.
inline constexpr int64_t kWorkgroupSpace = 3;

/// On an scf.if: the share of all threads and iterations that take its first side, for estimates.
inline constexpr llvm::StringLiteral kShareAttr = "nn.share";

/// On a gpu.func: workgroups in x and y, threads of a workgroup, iterations of all loops of the longest thread.
inline constexpr llvm::StringLiteral kGridAttr = "nn.grid", kBlockAttr = "nn.block", kIterationsAttr = "nn.iterations";

/// On an argument of a gpu.func: the number of the operand that it is, or the memref.global.
inline constexpr llvm::StringLiteral kOperandAttr = "nn.operand", kTableAttr = "nn.table";
/// The number of the storage buffer that it lies in, and, unless it begins where that does, what its distance from
/// there is a multiple of, in bytes.
inline constexpr llvm::StringLiteral kBindingAttr = "nn.binding", kOffsetMultipleAttr = "nn.offset_multiple";
/// The number of the argument whose offset this one is.
inline constexpr llvm::StringLiteral kOffsetOfAttr = "nn.offset_of";

/// What Vulkan 1.1 guarantees (table "Required Limits"): maxPerStageDescriptorStorageBuffers,
/// maxComputeWorkGroupInvocations, maxStorageBufferRange, maxPushConstantsSize.
inline constexpr int64_t kMostBindings = 4, kMostBlockThreads = 128, kMostRangeBytes = int64_t(1) << 27,
                         kMostPushConstantBytes = 128;

/// The most iterations of all loops of one thread: a driver in software ends threads without a word after 65,535, and
/// long ones keep a GPU from all other work.
inline constexpr int64_t kMostThreadIterations = 16384;

} // namespace nncc::nn
#endif
