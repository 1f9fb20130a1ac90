// The operators that nncc imports, one table per family. An operator is one row in its family's file and nothing here.
#ifndef NNCC_LIB_IMPORT_ONNX_FAMILIES_H
#define NNCC_LIB_IMPORT_ONNX_FAMILIES_H
#include "lib/import/onnx/Node.h"

namespace nncc::import {

inline constexpr unsigned kAny = ~0u;

/// How one operator is imported.
struct OpEntry {
  const char *name;
  unsigned minInputs, maxInputs; ///< over all opsets; kAny = no limit
  void (*import)(Node &);
  const char *domain = ""; ///< ONNX's own
};

ArrayRef<OpEntry> convOps();
ArrayRef<OpEntry> poolOps();
ArrayRef<OpEntry> matMulOps();
ArrayRef<OpEntry> elementwiseOps();
ArrayRef<OpEntry> reduceOps();
ArrayRef<OpEntry> attentionOps();
ArrayRef<OpEntry> fusedAttentionOps();
ArrayRef<OpEntry> normOps();
ArrayRef<OpEntry> layoutOps();
ArrayRef<OpEntry> shapeOps();
ArrayRef<OpEntry> sliceOps();
ArrayRef<OpEntry> indexOps();
ArrayRef<OpEntry> quantOps();
ArrayRef<OpEntry> resampleOps();
ArrayRef<OpEntry> recurrentOps();
ArrayRef<OpEntry> controlOps();
ArrayRef<OpEntry> sequenceOps();
ArrayRef<OpEntry> signalOps();
ArrayRef<OpEntry> tabularOps();
ArrayRef<OpEntry> treeOps();

/// The entry of an operator, or null.
const OpEntry *findOp(StringRef domain, StringRef name);

} // namespace nncc::import
#endif
