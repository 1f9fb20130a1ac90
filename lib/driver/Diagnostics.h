// Turns MLIR diagnostics into the messages that users read: `model.onnx: error: node 'x' (Conv, opset 13): ...`.
#ifndef NNCC_LIB_DRIVER_DIAGNOSTICS_H
#define NNCC_LIB_DRIVER_DIAGNOSTICS_H
#include "mlir/IR/Diagnostics.h"
#include "llvm/Support/raw_ostream.h"
#include <functional>
#include <string>

namespace nncc {

enum class Severity { Note, Warning, Error };

/// Receives a message, without a line break at its end.
using MessageSink = std::function<void(Severity, const std::string &)>;

/// Hands every diagnostic of a context to a sink, notes after what they belong to.
class DiagnosticPrinter : public mlir::ScopedDiagnosticHandler {
public:
  /// model  path that is put before messages which name no file
  DiagnosticPrinter(mlir::MLIRContext &context, std::string model, MessageSink sink);
};

/// Prints messages to standard error, with colour where a terminal shows it and NO_COLOR is not set.
MessageSink terminalSink();

/// True when `stream` is a terminal and NO_COLOR is not set (no-color.org).
bool wantsColor(llvm::raw_ostream &stream);

/// Prints `nncc: error: MESSAGE`; further lines of the message are notes. Returns 1, the exit status.
int reportError(const llvm::Twine &message);

} // namespace nncc
#endif
