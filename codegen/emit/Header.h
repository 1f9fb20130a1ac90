// The C header of a generated library: M.h.
#ifndef NNCC_CODEGEN_EMIT_HEADER_H
#define NNCC_CODEGEN_EMIT_HEADER_H
#include "codegen/emit/ModelPlan.h"

namespace llvm {
class raw_ostream;
}

namespace nncc {

/// Writes M.h: C99, complete in itself, documented. Its shared part is the text
/// of include/nncc/abi.h, so that headers of several models fit together.
///
/// plan    stackBytes >= 0 adds M_STACK_BYTES
void writeHeader(const ModelPlan &plan, llvm::raw_ostream &os);

/// A text as it may stand in a C comment: printable ASCII that neither ends nor
/// begins a comment; other bytes as `\xNN`.
std::string commentText(llvm::StringRef text);

/// "[1, 3, 224, 224]"; "scalar" for rank 0.
std::string shapeText(llvm::ArrayRef<int64_t> shape);

} // namespace nncc
#endif
