// What the file of a model says of itself, as JSON: in the documents of inspect and report.
#ifndef NNCC_LIB_DRIVER_MODELINFO_H
#define NNCC_LIB_DRIVER_MODELINFO_H
#include "lib/import/onnx/Import.h"
#include "llvm/Support/JSON.h"

namespace nncc {

/// Inputs, outputs, who made it, opsets, and how many nodes of each operator.
llvm::json::Object infoJson(const OnnxModelInfo &info);

} // namespace nncc
#endif
