// Turns MLIR diagnostics into the messages that users read: `model.onnx: error: node 'x' (Conv, opset 13): ...`.
#ifndef NNCC_LIB_DRIVER_DIAGNOSTICS_H
#define NNCC_LIB_DRIVER_DIAGNOSTICS_H
#include "mlir/IR/Diagnostics.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/raw_ostream.h"
#include <functional>
#include <string>

namespace nncc {

enum class Severity { Note, Warning, Error };

/// Receives a message, without a line break at its end.
using MessageSink = std::function<void(Severity, const std::string &)>;

/// Hands every diagnostic of a context to a sink, notes after what they belong to, and knows whose mistake was
/// reported.
///
/// What a user can mend is an error at a place of the model: mlir::emitError(location). An error about an op of the IR,
/// or of a conversion, is nncc's own, and so is a failure that nobody explained.
class DiagnosticPrinter : public mlir::ScopedDiagnosticHandler {
public:
  /// model  path that is put before messages which name no file
  DiagnosticPrinter(mlir::MLIRContext &context, std::string model, MessageSink sink);

  /// Ends work that failed: says so where the mistake is nncc's own.
  ///
  /// returns  the exit status: 1, or kInternalErrorStatus
  int exitStatus();
  /// Reports an error that is no diagnostic.
  void report(llvm::Error error);

private:
  void print(mlir::Diagnostic &diagnostic);

  std::string model;
  MessageSink sink;
  bool hasError = false, hasInternalError = false;
};

/// A line on standard error that is written over: what is being done. Messages erase it.
void showStatus(const llvm::Twine &text);
/// Erases it; to be called before standard output is written to, which may be the same terminal.
void eraseStatus();

/// Prints messages to standard error, with colour where a terminal shows it and NO_COLOR is not set.
MessageSink terminalSink();

/// The same for errors alone: warnings are given once, by whoever sees the model first or goes on with it.
MessageSink withoutWarnings();

/// True when `stream` is a terminal and NO_COLOR is not set (no-color.org).
bool wantsColor(llvm::raw_ostream &stream);

/// Prints `nncc: error: MESSAGE`; further lines of the message are notes. Returns 1, the exit status.
int reportError(const llvm::Twine &message);
/// The same for an error. Returns the exit status: kInternalErrorStatus for an InternalError, which is called one.
int reportError(llvm::Error error);

} // namespace nncc
#endif
