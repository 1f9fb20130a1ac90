// Windows whose channels stay apart, as a sweep: over a block of output rows a column of the input slides along the
// line once, and every vector of it is used for all its taps while it is in a register.
#ifndef NNCC_CODEGEN_CPU_SLIDINGWINDOW_H
#define NNCC_CODEGEN_CPU_SLIDINGWINDOW_H
#include "codegen/cpu/Code.h"
#include "codegen/cpu/MicroKernel.h"
#include "dialects/nn/NN.h"
#include "mlir/IR/Block.h"
#include <optional>

namespace nncc::cpu {

/// On a window that sweeps: so many rows of its input, the first ones, lie in reverse order.
inline constexpr llvm::StringLiteral kReversedRowsAttr = "nn.reversed_rows";

/// A depthwise convolution or pooling that can run as a sweep.
struct SlidingWindow {
  int64_t inH, inW, outH, outW, tapsH, tapsW, strideH, strideW, padTop, padLeft;
  int64_t reversed = 0; ///< kReversedRowsAttr

  /// The window of `root`, a convolution whose channels stay apart or a pooling, with the elementwise ops behind it.
  ///
  /// returns  nothing where taps are dilated, lines are too short, or a step of the sweep would be too much code
  static std::optional<SlidingWindow> match(mlir::Operation *root, TapBody body, const Epilogue &epilogue);
  /// The same for any epilogue that is not heavy.
  static std::optional<SlidingWindow> match(mlir::Operation *root, TapBody body);

  /// Output columns whose sums are alive at once.
  int64_t liveColumns() const;
  /// Vectors of channels, of `vectors` that there are, that one sweep covers.
  int64_t chooseVectors(nn::MachineAttr machine, const MacForm &mac, int64_t vectors) const;
  /// Consecutive blocks that one micro-kernel runs.
  struct Blocks {
    SlidingTile tile;
    int64_t firstOut, count; ///< the first output row, and how many blocks
    int64_t firstIn;         ///< the first input row that the first block reads
  };
  llvm::SmallVector<Blocks> cut(nn::MachineAttr machine, const MacForm &mac, int64_t vectors) const;
  /// Columns that are computed between the first ones, which only start sums, and those at the end, which start none.
  int64_t steadyColumns() const { return outW - liveColumns() + 1; }

private:
  /// The most output rows of one block.
  int64_t chooseRows(nn::MachineAttr machine, const MacForm &mac, int64_t vectors) const;
  /// Registers that a step needs.
  int64_t registersOf(const MacForm &mac, int64_t rows, int64_t vectors) const;
  /// Registers of all weights.
  int64_t registersOfWeights(const MacForm &mac, int64_t rows, int64_t vectors) const;
};

/// Writes the body of a micro-kernel whose shape has a `sliding` tile.
void emitSlidingWindow(Code &code, const TileShape &shape, const Epilogue &epilogue,
                       mlir::Block::BlockArgListType arguments);

} // namespace nncc::cpu
#endif
