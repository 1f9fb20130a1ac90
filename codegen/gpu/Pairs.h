// Values that are too wide for a GPU as two of 32 bits: what f64 and i64 have in common.
#ifndef NNCC_CODEGEN_GPU_PAIRS_H
#define NNCC_CODEGEN_GPU_PAIRS_H
#include "codegen/gpu/GpuPasses.h"
#include "mlir/Dialect/SCF/Transforms/Patterns.h"
#include "mlir/Transforms/DialectConversion.h"

namespace nncc {

/// True for ops that only move values, and so do with each part what they did with the whole.
bool isPairMove(mlir::Operation *op);

/// Patterns for them. `converter` makes two types of one that is too wide.
void populatePairMoves(mlir::RewritePatternSet &patterns, const mlir::TypeConverter &converter);

} // namespace nncc
#endif
