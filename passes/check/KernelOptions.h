// Options of passes that are about single kernels: KERNEL:WORD.
#ifndef NNCC_PASSES_CHECK_KERNELOPTIONS_H
#define NNCC_PASSES_CHECK_KERNELOPTIONS_H
#include "mlir/IR/Operation.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/StringRef.h"
#include <string>

namespace nncc {

/// Calls `read` with kernel and word of each option.
///
/// before   what an error says in front of the name of a kernel that does not exist; `after` behind it
/// error    reported at `module`, with the names of its kernels; or what `read` has reported
mlir::LogicalResult readKernelOptions(mlir::Operation *module, llvm::ArrayRef<std::string> options,
                                      llvm::StringRef before, llvm::StringRef after,
                                      llvm::function_ref<mlir::LogicalResult(llvm::StringRef, llvm::StringRef)> read);

} // namespace nncc
#endif
