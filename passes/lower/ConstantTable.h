// Small read-only tables that a kernel carries beside its code: resampling positions, constants with many values.
#ifndef NNCC_PASSES_LOWER_CONSTANTTABLE_H
#define NNCC_PASSES_LOWER_CONSTANTTABLE_H
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinAttributes.h"

namespace nncc {

/// A memref of the elements in their memory types, backed by a private global of the module; equal tables share one.
mlir::Value makeConstantTable(mlir::OpBuilder &builder, mlir::ElementsAttr elements);

/// The elements of a table of one dim at a vector of positions, all of which it has.
mlir::Value gatherAll(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value table, mlir::Value positions);

} // namespace nncc
#endif
