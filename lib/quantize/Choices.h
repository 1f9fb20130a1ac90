// Models that give indices alone: what they choose by says how much they err.
#ifndef NNCC_LIB_QUANTIZE_CHOICES_H
#define NNCC_LIB_QUANTIZE_CHOICES_H
#include "lib/quantize/ModelEditor.h"

namespace nncc::quantize {

/// The computed tensors of which a model without outputs of floats gives the indices of the largest or smallest
/// (ArgMax, ArgMin, TopK, also behind casts, changes of shape and tables of labels), in front of casts that make
/// integers of them; nothing where an output is a float. They need not be floats.
std::vector<std::string> floatsOfChoices(const ModelEditor &editor);

/// A model with more of its tensors as outputs, of whatever types they are.
onnx::ModelProto withOutputs(onnx::ModelProto model, llvm::ArrayRef<std::string> names);

/// Takes outputs out of a model, whose tensors stay.
void dropOutputs(onnx::ModelProto &model, llvm::ArrayRef<std::string> names);

} // namespace nncc::quantize
#endif
