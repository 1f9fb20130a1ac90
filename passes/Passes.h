// Every pass of nncc and the pipelines made of them.
#ifndef NNCC_PASSES_PASSES_H
#define NNCC_PASSES_PASSES_H
#include "dialects/nn/NN.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace nncc {
#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "passes/Passes.h.inc"
} // namespace nncc
#endif
