// Strides, pads and dilations as convolutions and pools of every opset write them.
#ifndef NNCC_LIB_IMPORT_ONNX_WINDOW_H
#define NNCC_LIB_IMPORT_ONNX_WINDOW_H
#include "lib/import/onnx/Node.h"

namespace nncc::import {

/// A window over one or two spatial dims, always given as two: a 1-D window has H = 1.
struct Window {
  SmallVector<int64_t> kernel, strides, dilations;
  SmallVector<int64_t> pads; ///< [top, left, bottom, right]
  SmallVector<int64_t> overhang{0, 0};
};

/// Reads the attributes of a node whose input has the spatial sizes `input` (1 or 2 of them); auto_pad is resolved.
///
/// kernel  sizes of the window; empty: from the attribute kernel_shape
/// error   values that are out of range, a window that does not fit (reported on the node)
/// source  ONNX Conv-22, MaxPool-22, AveragePool-22
Window readWindow(Node &node, ArrayRef<int64_t> input, ArrayRef<int64_t> kernel, bool hasDilations = true);

/// Sets `overhang` as ceil_mode needs it. A last window that would begin behind the input is left out.
void roundUp(Window &window, ArrayRef<int64_t> input);

/// Puts a 1 in front of one spatial number, so that there are two.
SmallVector<int64_t> toTwo(ArrayRef<int64_t> values, int64_t front);

} // namespace nncc::import
#endif
