// The manifest of a generated library: M.json, for tools and build systems.
#ifndef NNCC_CODEGEN_EMIT_MANIFEST_H
#define NNCC_CODEGEN_EMIT_MANIFEST_H
#include "codegen/emit/ModelPlan.h"

namespace llvm {
class raw_ostream;
}

namespace nncc {

/// What emission learned about the bytes that it wrote.
struct LibraryFacts {
  struct Section {
    std::string name;
    uint64_t bytes;
  };
  std::vector<Section> sections;       ///< that take memory on the device
  std::vector<Section> codeOfVariants; ///< the code of each of ModelPlan::variants
  std::vector<std::string> undefined;  ///< symbols that the program must supply
  std::string codeHash, weightsHash;   ///< BLAKE3 of the members, hex
};

/// libM.a, or libM.so.
std::string libraryFileName(const ModelPlan &plan);

/// Writes M.json: the same bytes for the same plan and facts.
void writeManifest(const ModelPlan &plan, const LibraryFacts &facts, llvm::raw_ostream &os);

} // namespace nncc
#endif
