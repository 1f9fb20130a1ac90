// Tables of rows, of which a model reads some: embeddings of words and positions.
#ifndef NNCC_LIB_QUANTIZE_TABLES_H
#define NNCC_LIB_QUANTIZE_TABLES_H
#include "lib/quantize/Contractions.h"
#include "lib/quantize/SmallWeights.h"

namespace nncc::quantize {

/// A Gather of rows of a constant matrix of f32.
struct Table {
  int node = -1;          ///< position in the graph
  std::string name;       ///< what people call the node
  std::string weightName; ///< of the matrix
  bool isShared = false;  ///< products read the matrix, too
  bool isByRow = false;   ///< with a scale for each row, as those have it
};

/// Every Gather of the main graph whose matrix nothing else reads as floats, and is large enough to be worth a node.
///
/// contractions  that are quantized: products among them may read the same matrix, where the form is one for both
std::vector<Table> findTables(const ModelEditor &editor, llvm::ArrayRef<Contraction> contractions, WeightForm form,
                              bool isDynamic);

/// Writes the matrices in 8 bits, with a scale for each column or row, and a DequantizeLinear, or a product with the
/// row's scale, behind each Gather: rows are read first and widened after; as floats of 16 bits with a Cast. The caller
/// applies the edits.
void writeTables(ModelEditor &editor, llvm::ArrayRef<Table> tables, WeightForm form);

} // namespace nncc::quantize
#endif
