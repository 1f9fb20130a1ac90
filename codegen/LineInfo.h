// `-g`: which ONNX node an instruction came from. Models have no lines, so a text file lists the nodes, one a line,
// and debug information refers to that: a debugger or profiler then shows the node's name as the source line.
#ifndef NNCC_CODEGEN_LINEINFO_H
#define NNCC_CODEGEN_LINEINFO_H
#include "mlir/IR/BuiltinOps.h"
#include <string>

namespace nncc {

/// Node names by line.
struct NodeLines {
  std::string fileName; ///< what debug information calls the file, without a folder: `mobilenet.nodes`
  std::string text;     ///< its contents, made by attachLineInfo
};

/// Gives every operation of a module in the LLVM dialect a line in `lines`, by the name in its location, and every
/// function a debug entry under its symbol's name. Operations of unnamed origin have the line of what is around them.
void attachLineInfo(mlir::ModuleOp module, NodeLines &lines);

} // namespace nncc
#endif
