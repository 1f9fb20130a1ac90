// Register tiles of the contraction micro-kernels: how many rows and vectors fit a machine, how rows are cut.
#ifndef NNCC_CODEGEN_CPU_TILING_H
#define NNCC_CODEGEN_CPU_TILING_H
#include "dialects/nn/NN.h"
#include "llvm/ADT/SmallVector.h"

namespace nncc::cpu {

/// How many vectors wide the panels of a contraction are.
///
/// rows     output rows (pixels) that share one panel and lie in one line; few of them want wide panels
/// vectors  vectors that all output channels fill
/// lanes    elements per vector
int64_t choosePanelVectors(nn::MachineAttr machine, int64_t rows, int64_t vectors);

/// The same for floats that are multiplied by lanes of A, as they lie in memory: the width that takes the fewest
/// instructions for each multiply-add, of whole panels and of what is left. Machines that only load in other ways have
/// the same panels: a library for several of them has their weights once.
int64_t choosePanelVectorsOfLanes(nn::MachineAttr machine, int64_t rows, int64_t vectors);

/// The same for tiles of at most eight rows, whose places have a register each (Contraction::hasLowTiles): 8 x 1, 8 x
/// 2, 8 x 3, 6 x 4.
int64_t choosePanelVectorsOfLowTiles(nn::MachineAttr machine, int64_t rows, int64_t vectors);

/// The same for bytes that are multiplied in words (MacForm::isInWords).
int64_t choosePanelVectorsInWords(nn::MachineAttr machine, int64_t rows, int64_t vectors);

/// The most rows of a register tile that is `vectors` wide: accumulators, one column of B and what A needs fit the
/// registers of the machine (two are left free where there are 32).
///
/// temporaries  registers that a step takes beside sums and columns where there are 16: the broadcast, and what
/// products
///              are in until they are added
int64_t chooseTileRows(nn::MachineAttr machine, int64_t vectors, int64_t temporaries = 1);
/// The same for floats that are multiplied by lanes of A, as they lie in memory.
int64_t chooseTileRowsOfLanes(nn::MachineAttr machine, int64_t vectors);

/// What such a tile loads at once.
struct LaneLoads {
  int64_t run = 1;        ///< vectors of packed B by one instruction (`run_load` of the machine): 3, 4, or 1 where none
  int64_t pairedRows = 0; ///< rows of A of which two vectors are loaded, as many as registers are left for
  bool operator==(const LaneLoads &) const = default;
};
/// ofHalves  elements are f16, of which only the first 16 registers have lanes
LaneLoads chooseLaneLoads(nn::MachineAttr machine, int64_t rows, int64_t vectors, bool ofHalves = false);

/// The same for bytes that are multiplied in words.
int64_t chooseTileRowsInWords(int64_t vectors);

/// The same two for windows whose channels stay apart (depthwise convolution, pooling).
int64_t chooseWindowVectors(nn::MachineAttr machine, int64_t vectors);
int64_t chooseWindowRows(nn::MachineAttr machine, int64_t vectors);

/// Consecutive tiles of `rows` rows each.
struct RowCut {
  int64_t rows, tiles;
};

/// Cuts `rows` into as few tiles of at most `tileRows` as can be, all of one height or of two that differ by one: a
/// tile of few rows waits for its additions. 49 = 7 x 7 for 8 rows, 1 x 13 + 3 x 12 for 14.
llvm::SmallVector<RowCut, 2> cutRows(int64_t rows, int64_t tileRows);

/// Width of panel `index` when `outputs` channels are cut into panels of `panel`: the last one is as narrow as whole
/// vectors allow.
int64_t panelWidth(int64_t outputs, int64_t panel, int64_t lanes, int64_t index);

} // namespace nncc::cpu
#endif
