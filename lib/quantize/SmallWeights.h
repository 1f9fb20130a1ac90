// Weights that are stored in few bits and multiplied as floats: in 4 bits by blocks, or as floats of 16 bits.
#ifndef NNCC_LIB_QUANTIZE_SMALLWEIGHTS_H
#define NNCC_LIB_QUANTIZE_SMALLWEIGHTS_H
#include "lib/quantize/Contractions.h"

namespace nncc::quantize {

/// What weights become where the tensors that contractions read stay float.
enum class WeightForm {
  Int8, ///< a scale for each output channel
  Int4, ///< of products of matrices: a scale for each block of K of a column; all others as Int8
  F16,
  BF16,
};

/// A column after the other: blocks of `block` values, of 4 bits each, the first of two in the lower half of a byte; 8
/// stands for 0. The last block is filled up with zeros.
struct BlockedWeights {
  int64_t depth, columns, blocks;
  std::vector<uint8_t> bytes; ///< [columns][blocks][block / 2]
  std::vector<float> scales;  ///< [columns][blocks], > 0
};

/// Quantizes the weights of a product by blocks; each has the scale by which its squared error is least, of those that
/// were tried.
BlockedWeights quantizeBlocks(const Contraction &contraction, int64_t block);

/// Whether a contraction is one matrix product with a bias that it takes itself, or none.
bool canHaveBlocks(const onnx::ModelProto &model, const Contraction &contraction);

/// Writes products as MatMulNBits (com.microsoft), which onnxruntime runs for every opset.
class BlockedProducts {
public:
  BlockedProducts(ModelEditor &editor, int64_t block) : editor(editor), block(block) {}
  void write(const Contraction &contraction);

private:
  struct Matrix {
    int64_t depth, columns;
    std::string values, scales;
  };
  ModelEditor &editor;
  int64_t block;
  std::map<std::pair<int, std::string>, Matrix> written;
};

/// Floats of 16 bits.
inline bool isOfHalves(WeightForm form) { return form == WeightForm::F16 || form == WeightForm::BF16; }

/// Whether 16 bits hold all values: none becomes infinite.
bool canBeHalves(llvm::ArrayRef<float> values, WeightForm form);

/// Writes a constant as floats of 16 bits. Returns its name.
std::string addHalves(ModelEditor &editor, const std::string &name, const FloatTensor &tensor, WeightForm form);

/// The node that makes f32 of floats of 16 bits.
onnx::NodeProto makeWidening(ModelEditor &editor, const std::string &halves, const std::string &result);

} // namespace nncc::quantize
#endif
