// The passes between L2 and LLVM IR, for every target.
#ifndef NNCC_CODEGEN_CODEGENPASSES_H
#define NNCC_CODEGEN_CODEGENPASSES_H
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace nncc {
#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "codegen/CodegenPasses.h.inc"
} // namespace nncc
#endif
