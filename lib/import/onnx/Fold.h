// Evaluates nn ops on small constants, so that shape arithmetic is gone when the graph walk ends.
#ifndef NNCC_LIB_IMPORT_ONNX_FOLD_H
#define NNCC_LIB_IMPORT_ONNX_FOLD_H
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/Operation.h"

namespace nncc::import {

/// The value of an op with one result whose operands are all small `nn.constant`s.
///
/// returns null for an op with other operands, with a large result, or of a kind that is not evaluated here; floats are
///         computed in double precision and rounded once per op
mlir::ElementsAttr foldSmallConstants(mlir::Operation *op);

} // namespace nncc::import
#endif
