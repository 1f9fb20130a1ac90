// Passes of codegen/gpu.
#ifndef NNCC_CODEGEN_GPU_GPUPASSES_H
#define NNCC_CODEGEN_GPU_GPUPASSES_H
#include "dialects/nn/Threads.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace nncc {
#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "codegen/gpu/GpuPasses.h.inc"

/// A vector of a GPU.
inline constexpr int64_t kGpuLanes = 4;

} // namespace nncc
#endif
