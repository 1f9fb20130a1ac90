// Which calls of micro-kernels cover the output of a contraction, and the loops around them, as numbers.
#ifndef NNCC_CODEGEN_CPU_CALLS_H
#define NNCC_CODEGEN_CPU_CALLS_H
#include "codegen/cpu/Operands.h"
#include <map>

namespace nncc::cpu {

/// One loop over output pixels (or batches): how often, and how far every operand moves.
struct Axis {
  int64_t count;
  mlir::SmallVector<int64_t> strides; ///< per stream
};

/// What is fixed in a tile; one micro-kernel per panel width each.
struct Variant {
  int64_t rows, columnTaps = 0, columnStep = 0;
  std::optional<SlidingTile> sliding;
  bool goesOnInLines = false;
  auto operator<=>(const Variant &) const = default;
};

/// The calls of one kernel: those of each variant have a table, whose entries are shared out among threads.
class Calls {
public:
  /// isShared  threads may share them out; else one runs them all
  Calls(const Contraction &contraction, const Operands &operands, nn::MachineAttr machine, bool isShared);

  /// Loops over batches, around everything.
  mlir::ArrayRef<Axis> batches() const { return outer; }
  /// Larger tiles first.
  const auto &ofVariants() const { return calls; }
  /// True where all panels pass by each entry before the next one: for windows whose channels stay apart, and where
  /// the input does not fit the cache.
  bool areOutsideOfPanels() const { return blocks || contraction.body != TapBody::Product; }
  /// True when threads share out pixels: each then reads all weights, and reads and writes its own part of the images,
  /// which lies in its own cache where the kernel before was shared out alike. Else they share out panels of weights.
  bool sharesPixels() const;

  /// True where bytes of weights are multiplied as words, and so many tiles meet a panel that it is widened once for
  /// all of them.
  bool widensPanel() const;
  /// Rows of a packed panel of bytes behind its sums.
  int64_t rowsOfPanel() const;

  /// The tile of a variant for `channels` output channels; the caller knows what may be in place.
  TileShape shapeOf(const Variant &variant, int64_t channels) const;
  /// Work of one call of a variant (nn.work), on average over its entries.
  int64_t workOf(const Variant &variant, mlir::ArrayRef<CallEntry> entries, int64_t vectors) const;

private:
  /// A region of the output in which all pixels have the same taps.
  struct Region {
    mlir::SmallVector<int64_t> offsets; ///< per stream; that of B counts rows
    Axis lines, pixels;
    int64_t depth, taps0, tap0A, tap0B, taps1, tap1A, tap1B, divisor;
    int64_t sums; ///< of products of bytes: where their sums lie, in rows of B
    /// Where all lines are one: pixels of one of them, 0 elsewhere, and per stream how far those of the next lie behind
    /// them.
    int64_t lineWidth = 0;
    mlir::SmallVector<int64_t> lineGaps;
  };

  const Contraction &contraction;
  const Operands &operands;
  nn::MachineAttr machine;
  bool isShared;
  mlir::SmallVector<Axis> outer;
  std::map<Variant, mlir::SmallVector<CallEntry>, std::greater<>> calls;
  bool blocks = false;
  int64_t linesAhead = 1; ///< TileShape's

  mlir::SmallVector<Region, 0> regions;

  void findRegions();
  void addRegion(const AxisRegion &h, const AxisRegion &w, bool countsPads);
  void collapseOuter();
  int64_t bytesRead() const;
  /// Bytes of the weights of a panel, and of what is read and written for its part of an output pixel.
  int64_t bytesOfPanel() const;
  int64_t bytesOfResults() const;
  bool prefersBlocks(int64_t bytes, int64_t most, bool isWhole) const;
  void cutForCache();
  bool sharesColumns(const Region &region) const;
  int64_t rowsAlong(const Axis &axis, int64_t tileRows) const;
  void joinLines(Region &region, int64_t tileRows) const;
  void cutRegions(int64_t tileRows, int64_t budget, int64_t leastTiles);
  CallEntry newEntry() const;
  void addCall(const Region &region, const Variant &variant, int64_t line, int64_t lines, int64_t pixel, int64_t tiles);
  void cutSweep(const SlidingWindow &window);
  void prefetchNextPanel();
  int64_t shareableCall() const;
  int64_t elementsOfOutput() const { return operands.typeOf(C).getNumElements(); }
  int64_t widthOfOutput() const { return operands.typeOf(C).getShape().drop_back().back(); }
  int64_t blockOfSums() const;
};

} // namespace nncc::cpu
#endif
