// Mathematical functions as arithmetic: generated code never calls a C library
// for them.
#ifndef NNCC_PASSES_LOWER_EXPANDMATH_H
#define NNCC_PASSES_LOWER_EXPANDMATH_H
#include "mlir/IR/PatternMatch.h"

namespace nncc {

/// Patterns that rewrite `math` ops on scalars and vectors to `arith` ops and
/// the few `math` ops that are one or two instructions on every target (fma,
/// sqrt, absf, copysign, floor, ceil, trunc, round, roundeven).
void populateExpandMathPatterns(mlir::RewritePatternSet &patterns);

} // namespace nncc
#endif
