// The one form of an error that a user's model causes: node, op, opset, reason with values, what to do.
#ifndef NNCC_LIB_SUPPORT_USERERROR_H
#define NNCC_LIB_SUPPORT_USERERROR_H
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/Location.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/ADT/Twine.h"
#include <string>

namespace nncc {

/// What names a node in a message.
struct NodeRef {
  std::string name; ///< ONNX node name; empty for unnamed ones
  unsigned index;   ///< position in the graph, from 0
  std::string op;   ///< operator, with its domain when that is not ONNX's own
  int64_t opset;
  std::string firstOutput;

  /// `node 'conv1' (Conv, opset 13)`, or `node #17 (output 'x42') (Conv, opset 13)` for an unnamed one.
  std::string describe() const;
};

/// Reports `node 'conv1' (Conv, opset 13): reason`, with a note that says what to do unless `whatToDo` is empty.
mlir::InFlightDiagnostic userError(mlir::Location loc, const NodeRef &node, const llvm::Twine &reason,
                                   const llvm::Twine &whatToDo = "");

} // namespace nncc
#endif
