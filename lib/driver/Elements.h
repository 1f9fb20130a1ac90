// Single elements of tensors in memory.
#ifndef NNCC_LIB_DRIVER_ELEMENTS_H
#define NNCC_LIB_DRIVER_ELEMENTS_H
#include "mlir/IR/Types.h"

namespace nncc {

/// The element of that type at an address, as a double; i64 beyond 2^53 is rounded.
double elementAsDouble(mlir::Type type, const char *at);

} // namespace nncc
#endif
