// See Diagnostics.h.
#include "lib/driver/Diagnostics.h"
#include "dialects/nn/Origin.h"
#include "lib/support/InternalError.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Process.h"
#include <cstdlib>

using namespace mlir;

namespace nncc {

/// Where a message belongs: the file of the location, else the model, and for IR made from nodes their names.
static std::string prefix(Location location, const std::string &model) {
  std::string file = model, node;
  if (auto line = location->findInstanceOf<FileLineColLoc>()) {
    file = line.getFilename().str();
    if (line.getLine())
      file += ":" + std::to_string(line.getLine()) + ":" + std::to_string(line.getColumn());
  } else if (auto names = nn::getNodeNames(location); !names.empty()) {
    node = "node '" + names.front() + "': ";
  }
  return (file.empty() ? "nncc" : file) + ": \x01" + node;
}

/// True for an error about an op of the IR (the note is MLIR's, and may be switched off) or of a conversion.
static bool isInternal(Diagnostic &diagnostic, StringRef text) {
  if (diagnostic.getSeverity() != DiagnosticSeverity::Error)
    return false;
  for (Diagnostic &note : diagnostic.getNotes())
    if (StringRef(note.str()).starts_with("see current operation"))
      return true;
  StringRef name = text.consume_front("'") ? text.take_until([](char c) { return c == '\''; }) : "";
  return text.starts_with("failed to legalize") ||
         (name.contains('.') && text.drop_front(name.size()).starts_with("' op "));
}

/// Sends `who: error: text`, or `who: internal error: text`; further lines of the text are notes.
static void sendError(const MessageSink &sink, StringRef who, bool isInternal, StringRef text) {
  auto [first, rest] = text.split('\n');
  sink(Severity::Error, (who + (isInternal ? ": internal error: " : ": error: ") + first).str());
  for (StringRef line : llvm::split(rest, '\n'))
    if (!line.empty())
      sink(Severity::Note, (line.starts_with("note: ") ? "" : "note: ") + line.str());
}

void DiagnosticPrinter::print(Diagnostic &diagnostic) {
  Severity severity = diagnostic.getSeverity() == DiagnosticSeverity::Error     ? Severity::Error
                      : diagnostic.getSeverity() == DiagnosticSeverity::Warning ? Severity::Warning
                                                                                : Severity::Note;
  bool internal = isInternal(diagnostic, diagnostic.str());
  hasError |= severity == Severity::Error;
  hasInternalError |= internal;
  std::string word = internal                        ? "internal error: "
                     : severity == Severity::Error   ? "error: "
                     : severity == Severity::Warning ? "warning: "
                                                     : "remark: ";
  std::string text = prefix(diagnostic.getLocation(), model);
  size_t mark = text.find('\x01');
  sink(severity, text.substr(0, mark) + word + text.substr(mark + 1) + diagnostic.str());
  for (Diagnostic &note : diagnostic.getNotes())
    sink(Severity::Note, "note: " + note.str());
}

DiagnosticPrinter::DiagnosticPrinter(MLIRContext &context, std::string model, MessageSink sink)
    : ScopedDiagnosticHandler(&context), model(std::move(model)), sink(std::move(sink)) {
  setHandler([this](Diagnostic &diagnostic) {
    print(diagnostic);
    return success();
  });
}

int DiagnosticPrinter::exitStatus() {
  if (!hasError)
    report(internalError("a step of the compiler failed and did not say why"));
  if (hasInternalError)
    sink(Severity::Note, kReportBug);
  return hasInternalError ? kInternalErrorStatus : 1;
}

void DiagnosticPrinter::report(llvm::Error error) {
  bool internal = error.isA<InternalError>();
  hasError = true;
  hasInternalError |= internal;
  sendError(sink, "nncc", internal, toString(std::move(error)));
}

bool wantsColor(raw_ostream &stream) {
  const char *noColor = std::getenv("NO_COLOR");
  return stream.has_colors() && stream.is_displayed() && (!noColor || !*noColor);
}

/// Whether standard error ends with a line of showStatus().
static bool isStatusShown = false;

void showStatus(const llvm::Twine &text) {
  llvm::errs() << "\r\x1b[K" << text;
  isStatusShown = true;
}

void eraseStatus() {
  if (isStatusShown)
    llvm::errs() << "\r\x1b[K";
  isStatusShown = false;
}

MessageSink terminalSink() {
  return [](Severity severity, const std::string &text) {
    eraseStatus();
    raw_ostream &os = llvm::errs();
    // Only the word that says how bad it is gets a colour.
    const char *word = severity == Severity::Error ? "error:" : severity == Severity::Warning ? "warning:" : "note:";
    size_t at = text.find(word);
    if (!wantsColor(os) || at == std::string::npos) {
      os << text << "\n";
      return;
    }
    os << text.substr(0, at);
    os.changeColor(severity == Severity::Error     ? raw_ostream::RED
                   : severity == Severity::Warning ? raw_ostream::MAGENTA
                                                   : raw_ostream::CYAN,
                   /*Bold=*/true);
    os << word;
    os.resetColor();
    os << text.substr(at + std::strlen(word)) << "\n";
  };
}

MessageSink withoutWarnings() {
  return [terminal = terminalSink(), isDropped = false](Severity severity, const std::string &text) mutable {
    isDropped = severity == Severity::Warning || (severity == Severity::Note && isDropped);
    if (!isDropped)
      terminal(severity, text);
  };
}

int reportError(const llvm::Twine &message) {
  sendError(terminalSink(), "nncc", /*isInternal=*/false, message.str());
  return 1;
}

int reportError(llvm::Error error) {
  if (!error.isA<InternalError>())
    return reportError(toString(std::move(error)));
  sendError(terminalSink(), "nncc", /*isInternal=*/true, toString(std::move(error)));
  terminalSink()(Severity::Note, kReportBug);
  return kInternalErrorStatus;
}

} // namespace nncc
