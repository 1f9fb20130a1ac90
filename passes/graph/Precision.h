// What rewrites of arithmetic may change, and where: docs/decisions/0009-exact-arithmetic.md.
#ifndef NNCC_PASSES_GRAPH_PRECISION_H
#define NNCC_PASSES_GRAPH_PRECISION_H
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Value.h"

namespace nncc {

/// True unless another rounding of `value` stays one: when only float arithmetic that hands errors on as they are lies
/// behind it, up to ops whose own result is promised to a tolerance only (contractions, sums, exponentials), or to the
/// end of the graph. What rounds, compares, counts, divides by it or is only defined on one side of a number makes
/// another result of it. Follows users for a bounded number of ops.
bool roundingShows(mlir::Value value);

/// True for plus or minus a power of two whose reciprocal is a normal number of `type`, too: dividing by it is
/// multiplying with the reciprocal, bit for bit.
bool hasExactReciprocal(double number, mlir::FloatType type);

/// True for 0, and for numbers that keep all their digits when they are rounded to `type`: finite, not denormal.
bool keepsDigits(double number, mlir::FloatType type);

/// True when no element of a float tensor is less than zero, for any input of the graph; NaN may be among them.
bool isNeverNegative(mlir::Value value);

} // namespace nncc
#endif
