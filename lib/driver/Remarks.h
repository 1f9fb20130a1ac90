// `--remarks=PASS`: what passes say that they did.
#ifndef NNCC_LIB_DRIVER_REMARKS_H
#define NNCC_LIB_DRIVER_REMARKS_H
#include "mlir/IR/MLIRContext.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/Support/LogicalResult.h"
#include <string>

namespace nncc {

/// The passes that the command line asks remarks of.
llvm::ArrayRef<std::string> remarkFilters();

/// Prints the remarks of those passes to standard error.
llvm::LogicalResult enableRemarks(mlir::MLIRContext &context);

} // namespace nncc
#endif
