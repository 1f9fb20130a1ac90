// Elements of tensors in memory, as doubles.
#ifndef NNCC_LIB_DRIVER_ELEMENTS_H
#define NNCC_LIB_DRIVER_ELEMENTS_H
#include "mlir/IR/Types.h"
#include "llvm/ADT/ArrayRef.h"
#include <vector>

namespace nncc {

/// The element of that type at an address, as a double; i64 beyond 2^53 is rounded.
double elementAsDouble(mlir::Type type, const char *at);
/// The elements of a tensor as doubles.
std::vector<double> toDoubles(mlir::Type type, llvm::ArrayRef<char> bytes);
/// The elements of a tensor in the order of its dims, however they lie in memory: `strides` count elements.
std::vector<double> elementsOf(mlir::Type type, llvm::ArrayRef<int64_t> shape, llvm::ArrayRef<int64_t> strides,
                               const char *memory);

} // namespace nncc
#endif
