// Tables of rows, of which a model reads some: embeddings of words and positions.
#ifndef NNCC_LIB_QUANTIZE_TABLES_H
#define NNCC_LIB_QUANTIZE_TABLES_H
#include "lib/quantize/SmallWeights.h"

namespace nncc::quantize {

/// A Gather of rows of a constant matrix of f32.
struct Table {
  int node = -1;          ///< position in the graph
  std::string name;       ///< what people call the node
  std::string weightName; ///< of the matrix
};

/// Every Gather of the main graph whose matrix nothing else reads as floats, and is large enough to be worth a node.
std::vector<Table> findTables(const ModelEditor &editor);

/// Writes the matrices in 8 bits, with a scale for each column, and a DequantizeLinear behind each Gather: rows are
/// read first and widened after; as floats of 16 bits with a Cast. The caller applies the edits.
void writeTables(ModelEditor &editor, llvm::ArrayRef<Table> tables, WeightForm form);

} // namespace nncc::quantize
#endif
