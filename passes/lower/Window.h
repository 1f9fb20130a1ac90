// Walking the window of an output pixel: the taps that fall on pixels of the input.
#ifndef NNCC_PASSES_LOWER_WINDOW_H
#define NNCC_PASSES_LOWER_WINDOW_H
#include "passes/lower/KernelLoops.h"

namespace nncc {

/// One spatial dim of a window.
struct WindowDim {
  int64_t input, kernel, stride, pad, dilation;
  /// The window of a transposed convolution: output = input * stride + tap * dilation - pad.
  bool isTransposed = false;
};

/// The input position of a tap, and whether it is inside the input.
std::pair<mlir::Value, mlir::Value> tapPosition(LoopBuilder &build, const WindowDim &dim, mlir::Value output,
                                                mlir::Value tap);

/// Carries values through the taps (kh, kw) of the window at output pixel (oh, ow), row by row.
/// body(ih, iw, kh, kw, carried) runs for taps inside the input only.
llvm::SmallVector<mlir::Value>
walkWindow(LoopBuilder &build, const WindowDim &h, const WindowDim &w, mlir::Value oh, mlir::Value ow,
           mlir::ValueRange initial,
           llvm::function_ref<llvm::SmallVector<mlir::Value>(mlir::Value ih, mlir::Value iw, mlir::Value kh,
                                                             mlir::Value kw, mlir::ValueRange carried)>
               body);

} // namespace nncc
#endif
