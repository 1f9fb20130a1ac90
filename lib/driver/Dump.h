// IR of stage N1 as files that can be edited and compiled again: NAME.mlir for people, NAME.mlir.weights for the rest.
#ifndef NNCC_LIB_DRIVER_DUMP_H
#define NNCC_LIB_DRIVER_DUMP_H
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/raw_ostream.h"
#include <string>
#include <utility>

namespace nncc {

/// Whether a model is such a text, by its name.
bool isDump(llvm::StringRef path);

/// The file beside a text that has the bytes of its constants and the names of its nodes.
std::string dumpWeightsPath(llvm::StringRef path);

/// For what cannot work on such a text.
///
/// what   a command, an option: the subject of the message
/// error  the model is one
llvm::Error requireOnnx(llvm::StringRef model, const llvm::Twine &what);

/// What both files hold.
std::pair<std::string, std::string> writeDump(mlir::ModuleOp module);

/// Reads them.
///
/// error  reported at `path`: what does not parse, is no IR of stage N1, lacks its weights, or is no
///        model: one function, @main, of tensors that programs can hold
mlir::FailureOr<mlir::OwningOpRef<mlir::ModuleOp>> readDump(llvm::StringRef path, mlir::MLIRContext &context);

} // namespace nncc
#endif
