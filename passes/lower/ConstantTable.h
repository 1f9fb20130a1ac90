// Small read-only tables that a kernel carries beside its code: resampling positions, constants with many values.
#ifndef NNCC_PASSES_LOWER_CONSTANTTABLE_H
#define NNCC_PASSES_LOWER_CONSTANTTABLE_H
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinAttributes.h"

namespace nncc {

/// A memref of the elements in their memory types, backed by a private global of the module; equal tables share one.
mlir::Value makeConstantTable(mlir::OpBuilder &builder, mlir::ElementsAttr elements);

} // namespace nncc
#endif
