// Contractions as tiles of a thread: some rows (pixels) of some vectors of output channels stay in registers while the
// thread goes through taps and channels. They read the panels that the CPU's micro-kernels read.
#ifndef NNCC_CODEGEN_GPU_TILES_H
#define NNCC_CODEGEN_GPU_TILES_H
#include "codegen/cpu/Packing.h"
#include "codegen/gpu/GpuPasses.h"
#include "passes/lower/KernelLoops.h"
#include "passes/lower/Window.h"

namespace nncc {

/// How much of its result one thread computes.
struct TileSize {
  int64_t rows;      ///< pixels, or rows of a product
  int64_t vectors;   ///< vectors of output channels
  int64_t registers; ///< of 32 bits, that a thread has
};

/// Where the filter or the right operand lies: in panels, or row-major where nothing packed it.
struct Weights {
  mlir::Value memory;
  std::optional<cpu::PanelPacking> panels;
};

/// A window over an image: what tells a convolution from a product.
struct TileWindow {
  WindowDim h, w;
  int64_t outputH, outputW;

  /// True when some tap of some pixel falls outside of the input.
  bool leavesInput() const;
  /// The share of taps of tiles that are inside for all of a tile's pixels. Tiles of `rows` pixels go along an image.
  double shareInside(int64_t rows) const;
  /// The share of lines of taps that are.
  double shareOfLinesInside(int64_t rows) const;
  /// The share of lines of taps that are in the image, of all lines of the result.
  double shareOfLines() const;
  /// The share of tiles within a line that are inside with all columns. The last of a line goes on behind it.
  double shareOfColumns(int64_t rows) const;
};

/// Writes products, and convolutions whose channels are summed up, dense or grouped. Fails without a trace on operands
/// that do not lie for vectors.
///
/// biasPitch  elements from the bias of one group to that of the next
mlir::LogicalResult writeProduct(KernelLoops &loops, nn::MatMulOp op, const Weights &weights, TileSize tile);
mlir::LogicalResult writeConvolution(KernelLoops &loops, mlir::Operation *op, int64_t groups, const TileWindow &window,
                                     const Weights &weights, int64_t biasPitch, TileSize tile);

/// Writes convolutions of each channel by itself: pixels beside each other share what they load.
void writeDepthwise(KernelLoops &loops, mlir::Operation *op, const TileWindow &window, const cpu::PanelPacking &panels,
                    mlir::Value weights, TileSize tile);

/// A row of a tile.
struct TileRow {
  Cursor cursor;
  mlir::Value exists; ///< null: always. A row that does not exist stands at the last one, or behind its line
  int64_t behind = 0; ///< how far behind the tile's first row in the innermost loop, where lines are whole tiles
};
/// Finds the rows of a tile from their number in some loops, the innermost fastest.
///
/// endsWithLines  a tile does not go on in the next line: its rows behind the end do not exist
llvm::SmallVector<TileRow> findRows(LoopBuilder &build, const Nest &nest, llvm::ArrayRef<int> loops,
                                    const Cursor &around, mlir::Value tile, int64_t rows, bool endsWithLines);

/// body() inside of a branch on `condition`, or without one where it is null.
void guarded(LoopBuilder &build, mlir::Value condition, llvm::function_ref<void()> body);

/// The input position of a tap and whether it is inside (null: it always is); outside, the position is 0.
struct TapPosition {
  mlir::Value position, isInside;
};
TapPosition clampedTap(LoopBuilder &build, const WindowDim &dim, int64_t outputs, mlir::Value output, mlir::Value tap);
/// The same, but for the position of what is outside.
TapPosition tapAt(LoopBuilder &build, const WindowDim &dim, int64_t outputs, mlir::Value output, mlir::Value tap);

/// Whether what a tile reads of a line, and the steps of k that it takes with it, are few enough to be written out.
inline bool isFewPieces(int64_t steps, int64_t numbers) { return steps <= 32 && numbers <= 40; }

/// What is inside of the image has code of its own where that is taken as often, at least: it has to be worth its size.
inline constexpr double kLeastShareInside = 0.25;

/// then() where the condition holds, else otherwise(); `share` is how often it does. What both make of the same values.
llvm::SmallVector<mlir::Value> eitherWay(LoopBuilder &build, mlir::Value condition, double share,
                                         llvm::function_ref<llvm::SmallVector<mlir::Value>()> then,
                                         llvm::function_ref<llvm::SmallVector<mlir::Value>()> otherwise);

/// Both conditions; null stands for what is always true.
mlir::Value both(LoopBuilder &build, mlir::Value a, mlir::Value b);

} // namespace nncc
#endif
