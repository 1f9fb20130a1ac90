// See Diagnostics.h.
#include "lib/driver/Diagnostics.h"
#include "dialects/nn/Origin.h"
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

static void emit(Diagnostic &diagnostic, const std::string &model, const MessageSink &sink) {
  Severity severity = diagnostic.getSeverity() == DiagnosticSeverity::Error     ? Severity::Error
                      : diagnostic.getSeverity() == DiagnosticSeverity::Warning ? Severity::Warning
                                                                                : Severity::Note;
  std::string word = severity == Severity::Error ? "error: " : severity == Severity::Warning ? "warning: " : "remark: ";
  std::string text = prefix(diagnostic.getLocation(), model);
  size_t mark = text.find('\x01');
  sink(severity, text.substr(0, mark) + word + text.substr(mark + 1) + diagnostic.str());
  for (Diagnostic &note : diagnostic.getNotes())
    sink(Severity::Note, "note: " + note.str());
}

DiagnosticPrinter::DiagnosticPrinter(MLIRContext &context, std::string model, MessageSink sink)
    : ScopedDiagnosticHandler(&context) {
  setHandler([model = std::move(model), sink = std::move(sink)](Diagnostic &diagnostic) {
    emit(diagnostic, model, sink);
    return success();
  });
}

bool wantsColor(raw_ostream &stream) {
  const char *noColor = std::getenv("NO_COLOR");
  return stream.has_colors() && stream.is_displayed() && (!noColor || !*noColor);
}

MessageSink terminalSink() {
  return [](Severity severity, const std::string &text) {
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

int reportError(const llvm::Twine &message) {
  std::string text = message.str();
  auto [first, rest] = llvm::StringRef(text).split('\n');
  terminalSink()(Severity::Error, ("nncc: error: " + first).str());
  for (llvm::StringRef line : llvm::split(rest, '\n'))
    if (!line.empty())
      terminalSink()(Severity::Note, (line.starts_with("note: ") ? "" : "note: ") + line.str());
  return 1;
}

} // namespace nncc
