// Strides, pads and dilations as convolutions and pools of every opset write them.
#ifndef NNCC_LIB_IMPORT_ONNX_WINDOW_H
#define NNCC_LIB_IMPORT_ONNX_WINDOW_H
#include "lib/import/onnx/Node.h"

namespace nncc::import {

/// A window over two spatial dims, or over three: D, H, W. A 1-D window has H = 1.
struct Window {
  SmallVector<int64_t> kernel, strides, dilations;
  SmallVector<int64_t> pads; ///< [top, left, bottom, right]; [front, top, left, back, bottom, right]
  SmallVector<int64_t> overhang;
};

/// Reads the attributes of a node whose input has the spatial sizes `input` (1 to 3 of them); auto_pad is resolved.
///
/// kernel  sizes of the window; empty: from the attribute kernel_shape
/// error   values that are out of range, a window that does not fit (reported on the node)
/// source  ONNX Conv-22, MaxPool-22, AveragePool-22
Window readWindow(Node &node, ArrayRef<int64_t> input, ArrayRef<int64_t> kernel, bool hasDilations = true);

/// Sets `overhang` as ceil_mode needs it. A last window that would begin behind the input is left out.
void roundUp(Window &window, ArrayRef<int64_t> input);

/// Puts `front` in front of one spatial number, so that there are two.
SmallVector<int64_t> toTwo(ArrayRef<int64_t> values, int64_t front);

/// What a window over a volume is to each of its planes, and what it is along the depth: one column of rows.
struct VolumeWindow {
  explicit VolumeWindow(const Window &window);
  Window plane, depth;
};

/// A tensor whose channels are its last dim as an image: [N, W, C] -> [N, 1, W, C], others as they are.
Value imageOfChannelsLast(Node &node, Value x);
/// The way back to a rank.
Value toChannelsLast(Node &node, Value image, int64_t rank);

/// [N, D, H, W, C] -> [N * D, H, W, C]
Value toPlanes(Node &node, Value volume);
/// [batch * D, H, W, C] -> [batch, D, H, W, C]
Value fromPlanes(Node &node, Value planes, int64_t batch, int64_t depth);

/// Visits the positions of a tensor of given sizes, in row-major order.
template <typename Visit> void forEachPosition(ArrayRef<int64_t> sizes, Visit visit) {
  SmallVector<int64_t> at(sizes.size(), 0);
  for (int64_t count = product(sizes); count > 0; --count) {
    visit(ArrayRef<int64_t>(at));
    for (size_t dim = sizes.size(); dim-- > 0 && ++at[dim] == sizes[dim];)
      at[dim] = 0;
  }
}

} // namespace nncc::import
#endif
