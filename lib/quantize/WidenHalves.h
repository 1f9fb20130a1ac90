// Writes a model of f16 or bf16 as one of f32, which is what is quantized.
#ifndef NNCC_LIB_QUANTIZE_WIDENHALVES_H
#define NNCC_LIB_QUANTIZE_WIDENHALVES_H
#include "lib/quantize/ModelEditor.h"

namespace nncc::quantize {

/// Makes all floats of 16 bits f32 where a convolution or product has weights of them; leaves other models as they are.
///
/// Inputs and outputs of the model keep their types, behind and before a Cast. Functions of the model's own are left.
///
/// returns  true where the model was changed
bool widenHalves(ModelEditor &editor);

/// The numbers of floats of 16 bits.
///
/// isBrain  they are bf16, else f16
std::vector<float> widened(llvm::ArrayRef<char> bytes, bool isBrain);

} // namespace nncc::quantize
#endif
