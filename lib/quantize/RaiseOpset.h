// Writes a model in a newer opset of ONNX's own domain.
#ifndef NNCC_LIB_QUANTIZE_RAISEOPSET_H
#define NNCC_LIB_QUANTIZE_RAISEOPSET_H
#include "lib/quantize/ModelEditor.h"

namespace nncc::quantize {

/// The first opset with a scale for each channel: QuantizeLinear-13, DequantizeLinear-13.
inline constexpr int64_t kQuantizedOpset = 13;

/// Writes a model of opset 7 to 12 in opset 13; leaves newer ones as they are.
///
/// Attributes that became inputs do so, Softmax over several dims flattens them, Upsample becomes Resize.
///
/// error   an older opset, or a node that cannot be written so: the reason, and false
/// source  ONNX's Changelog.md
bool raiseOpset(ModelEditor &editor, std::string &error);

} // namespace nncc::quantize
#endif
