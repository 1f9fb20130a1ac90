// See UserError.h.
#include "lib/support/UserError.h"
#include "mlir/IR/Diagnostics.h"

using namespace mlir;

std::string nncc::NodeRef::describe() const {
  std::string who =
      name.empty() ? "node #" + std::to_string(index) + " (output '" + firstOutput + "')" : "node '" + name + "'";
  return who + " (" + op + ", opset " + std::to_string(opset) + ")";
}

InFlightDiagnostic nncc::userError(Location loc, const NodeRef &node, const llvm::Twine &reason,
                                   const llvm::Twine &whatToDo) {
  InFlightDiagnostic diagnostic = emitError(loc);
  diagnostic << node.describe() << ": " << reason;
  std::string advice = whatToDo.str();
  if (!advice.empty())
    diagnostic.attachNote() << advice;
  return diagnostic;
}
