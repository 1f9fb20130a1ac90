// The tiles follow from the numbers of the machine; where a number was measured, it says so.
#include "codegen/cpu/Tiling.h"
#include "llvm/Support/MathExtras.h"
#include <algorithm>
#include <cmath>
#include <limits>

using namespace nncc;
using namespace nncc::cpu;

/// Registers that a tile may fill. With 32, two stay free: more made LLVM spill in the inner loop.
static int64_t usableRegisters(nn::MachineAttr machine) {
  return machine.getVectorRegisters() >= 32 ? machine.getVectorRegisters() - 2 : machine.getVectorRegisters();
}

/// Rows of a tile with a vector of A for each, and one column of B.
static int64_t rowsByLane(int64_t registers, int64_t vectors) {
  return std::clamp<int64_t>((registers - vectors) / (vectors + 1), 1, 8);
}

int64_t cpu::chooseTileRows(nn::MachineAttr machine, int64_t vectors, int64_t temporaries) {
  int64_t registers = usableRegisters(machine);
  // NEON: 8 x 2, 6 x 3, 5 x 4 vectors.
  if (machine.getFmaLane())
    return rowsByLane(registers, vectors);
  // One broadcast of A; with 32 registers it is a memory operand of the multiply-add. AVX2: 6 x 2, 4 x 3;
  // AVX-512: 14 x 2, 9 x 3. More than 14 rows run out of address registers. Bytes on AVX2: 6 x 2, 3 x 3, in an order 5
  // x 2.
  int64_t broadcast = machine.getVectorRegisters() >= 32 ? 0 : temporaries;
  int64_t rows =
      std::min<int64_t>((registers - vectors - broadcast) / vectors, machine.getVectorRegisters() >= 32 ? 14 : 8);
  return std::max<int64_t>(rows, 1);
}

int64_t cpu::chooseTileRowsOfLanes(nn::MachineAttr machine, int64_t vectors) {
  // Nothing is broadcast or widened: one register stays free, or serves to load A. NEON: 8 x 2, 7 x 3, 5 x 4 vectors.
  return rowsByLane(machine.getVectorRegisters() - 1, vectors);
}

int64_t cpu::chooseTileRowsInWords(int64_t vectors) {
  // Every row takes four turned vectors and its words besides the accumulators: with one row more LLVM spills for a
  // core in order (Cortex-A53, A510). 8 x 1, 6 x 2, 4 x 3, 4 x 4 vectors.
  return vectors == 1 ? 8 : vectors == 2 ? 6 : 4;
}

int64_t cpu::choosePanelVectorsInWords(nn::MachineAttr machine, int64_t rows, int64_t vectors) {
  if (rows <= 3)
    return choosePanelVectors(machine, rows, vectors);
  // A row is loaded and turned once for each panel: as few of them as can be, all of one width.
  constexpr int64_t most = 4;
  return llvm::divideCeil(vectors, llvm::divideCeil(vectors, most));
}

int64_t cpu::chooseWindowVectors(nn::MachineAttr machine, int64_t vectors) {
  // Half a cache line per pixel and panel: more registers for pixels, which share the columns of the input.
  return std::min(vectors, std::max<int64_t>(1, 256 / machine.getVectorBits()));
}

int64_t cpu::chooseWindowRows(nn::MachineAttr machine, int64_t vectors) {
  // Accumulators, the weights of up to seven taps and one column of the input. AVX2 and AVX-512: 8 x 1, NEON: 7 x 2.
  constexpr int64_t taps = 7;
  return std::clamp<int64_t>((usableRegisters(machine) - (taps + 1) * vectors) / vectors, 1, 8);
}

LaneLoads cpu::chooseLaneLoads(nn::MachineAttr machine, int64_t rows, int64_t vectors, bool ofHalves) {
  LaneLoads loads;
  if (!machine.getRunLoad().empty())
    for (int64_t run : {3, 4}) // of whole rows, or pieces of one
      if (vectors % run == 0 || run % vectors == 0)
        loads.run = run;
  // Few rows are bound by reading B: not worth the code of longer trips.
  if (rows <= 3)
    return loads;
  // Beside the sums, what is loaded of B, and a vector of each row of A.
  int64_t left = machine.getVectorRegisters() - (rows * vectors + std::max(loads.run, vectors) + rows);
  // Without runs LLVM schedules the loads, for which one more stays free.
  if (loads.run == 1)
    --left;
  // FMLA by element, half-precision: lanes of V0 to V15 (Arm ARM, C7.2). With more than 8 of them LLVM spills.
  if (ofHalves)
    left = std::min(left, 8 - rows);
  loads.pairedRows = std::clamp<int64_t>(left, 0, rows);
  return loads;
}

/// Instructions of a step of k in a tile that multiplies by lanes, for as many rows as it has on average: multiply-adds
/// (at least as many as two pipes need to hide their latency of four cycles), vectors of A for four steps, some of them
/// in pairs, vectors of B in pairs, and a share of what a loop over eight steps takes.
static double instructionsOfStep(nn::MachineAttr machine, double rows, int64_t vectors) {
  int64_t pairedRows = chooseLaneLoads(machine, std::ceil(rows), vectors).pairedRows;
  return std::max(rows * vectors, 8.0) + (rows - 0.5 * pairedRows) / 4 + 0.5 * vectors + 0.25;
}

int64_t cpu::choosePanelVectorsOfLanes(nn::MachineAttr machine, int64_t rows, int64_t vectors) {
  if (rows <= 3)
    return choosePanelVectors(machine, rows, vectors);
  // Code is shared by more layers where widths differ less: another one than 4 has to save 2 %, or leave no narrower
  // panel, which has code of its own and takes long where tiles have few rows, at the borders of images.
  int64_t best = 1;
  double least = std::numeric_limits<double>::infinity();
  for (int64_t width : {4, 3, 2, 1}) {
    if (width > vectors)
      continue;
    double tiles = llvm::divideCeil(rows, chooseTileRowsOfLanes(machine, width)), perTile = rows / tiles;
    double cost = tiles * (vectors / width) * instructionsOfStep(machine, perTile, width);
    if (int64_t rest = vectors % width)
      cost += tiles * instructionsOfStep(machine, perTile, rest);
    bool isEven = vectors % best != 0 && vectors % width == 0;
    if (cost <= (isEven ? 1 : 0.98) * least) {
      least = cost;
      best = width;
    }
  }
  return best;
}

int64_t cpu::choosePanelVectors(nn::MachineAttr machine, int64_t rows, int64_t vectors) {
  // One row is bound by reading B: many columns at once keep enough loads in flight (NR = 40 ran three times as fast
  // as NR = 8 on AVX2).
  if (rows == 1)
    return std::min<int64_t>(vectors, 8);
  if (rows <= 3) {
    int64_t width = 4;
    while (width > 1 && chooseTileRows(machine, width) < rows)
      --width;
    return std::min(vectors, width);
  }
  if (vectors <= 2)
    return vectors;
  // Three vectors in one panel beat two and one.
  return vectors == 3 ? 3 : 2;
}

int64_t cpu::choosePanelVectorsOfLowTiles(nn::MachineAttr machine, int64_t rows, int64_t vectors) {
  if (rows <= 3)
    return choosePanelVectors(machine, rows, vectors);
  if (vectors <= 4)
    return vectors;
  // One vector in a panel of its own loads more than it multiplies.
  return vectors % 4 == 1 && vectors % 3 != 1 ? 3 : 4;
}

llvm::SmallVector<RowCut, 2> cpu::cutRows(int64_t rows, int64_t tileRows) {
  int64_t tiles = llvm::divideCeil(rows, tileRows), least = rows / tiles, larger = rows % tiles;
  llvm::SmallVector<RowCut, 2> cuts;
  if (larger)
    cuts.push_back({least + 1, larger});
  cuts.push_back({least, tiles - larger});
  return cuts;
}

int64_t cpu::panelWidth(int64_t outputs, int64_t panel, int64_t lanes, int64_t index) {
  int64_t rest = outputs - index * panel;
  return rest >= panel ? panel : static_cast<int64_t>(llvm::alignTo(rest, lanes));
}
