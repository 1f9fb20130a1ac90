// The software bill of materials of a generated library: M.cdx.json, for those who ship it.
#ifndef NNCC_CODEGEN_EMIT_BILLOFMATERIALS_H
#define NNCC_CODEGEN_EMIT_BILLOFMATERIALS_H
#include "codegen/emit/ModelPlan.h"
#include "llvm/ADT/ArrayRef.h"

namespace llvm {
class raw_ostream;
}

namespace nncc {

/// A file, as a bill of materials names it.
struct FileDigest {
  std::string name;   ///< without folders, which would tell machines apart
  std::string sha256; ///< hex
};

/// M.cdx.json
std::string billOfMaterialsFileName(const ModelPlan &plan);

/// Writes what a library is made of as CycloneDX 1.6: the files written and read with their hashes, the code of nncc's
/// runtime in it, and the compilers that made it. The same bytes for the same plan and files: it bears no time and no
/// serial number, which the format leaves to whoever publishes it.
///
/// sources  what was read, the model first
/// outputs  what was written, the library among it
/// source   https://cyclonedx.org/docs/1.6/json/
void writeBillOfMaterials(const ModelPlan &plan, llvm::ArrayRef<FileDigest> sources, llvm::ArrayRef<FileDigest> outputs,
                          llvm::raw_ostream &os);

} // namespace nncc
#endif
