// The list of families, and the lookup over their tables.
#include "lib/import/onnx/Families.h"
#include "llvm/ADT/StringMap.h"

namespace nncc::import {

const OpEntry *findOp(StringRef domain, StringRef name) {
  static const llvm::StringMap<const OpEntry *> all = [] {
    llvm::StringMap<const OpEntry *> map;
    for (auto family :
         {convOps, poolOps, matMulOps, elementwiseOps, reduceOps, attentionOps, normOps, layoutOps, shapeOps, sliceOps,
          indexOps, quantOps, resampleOps, recurrentOps, controlOps, sequenceOps, signalOps})
      for (const OpEntry &entry : family())
        map[(Twine(entry.domain) + ":" + entry.name).str()] = &entry;
    return map;
  }();
  return all.lookup((Twine(domain == "ai.onnx" ? "" : domain) + ":" + name).str());
}

} // namespace nncc::import
