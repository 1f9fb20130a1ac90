// What the contraction emitter sees in a kernel: one window of taps over images, or a matrix product, as numbers.
#ifndef NNCC_CODEGEN_CPU_CONTRACTION_H
#define NNCC_CODEGEN_CPU_CONTRACTION_H
#include "codegen/cpu/Epilogue.h"
#include "codegen/cpu/MicroKernel.h"
#include "codegen/cpu/Packing.h"
#include "codegen/cpu/Regions.h"
#include "codegen/cpu/SlidingWindow.h"
#include "codegen/cpu/Tuning.h"
#include "llvm/Support/MathExtras.h"

namespace nncc::cpu {

/// On a matrix product of i32 that is written and taken apart within one pass: its elements are pairs of words, as
/// MacForm::ofWordPairs says.
inline constexpr llvm::StringLiteral kWordPairsAttr = "nn.word_pairs";

/// A kernel that micro-kernels can run, by its types alone (N2 or later).
struct Contraction {
  mlir::Operation *root = nullptr;
  TapBody body = TapBody::Product;
  mlir::Type element, rhsElement, sum; ///< of the operands (the input alone where there is one), and of their sums
  /// Output channels per group, values of k per tap, and the window. One group when channels are not grouped.
  int64_t groups = 1, outputs = 0, depth = 1, tapsH = 1, tapsW = 1;
  /// Output pixels that can follow each other in the rows of one tile.
  int64_t rows = 1;
  /// Kernel inputs that the root reads.
  unsigned lhs = 0;
  std::optional<unsigned> rhs, bias;
  std::optional<unsigned> zero, rhsZero; ///< the zero points of bytes, or of widened weights
  /// Weights that are widened as they are read, and the kernel inputs that go with them. `rhsElement` is then what they
  /// are multiplied as.
  std::optional<WidenedWeights> widened;
  std::optional<unsigned> rhsScale;
  bool readsPlanes = false; ///< the input's channels lie in planes: the kernel transposes it, without moving anything
  bool ofWordPairs = false; ///< kWordPairsAttr
  bool mayUseWords = false; ///< sums of two products of bytes fit 16 bits, and taps fill groups of words well
  bool isOrdered = false;   ///< kOrderedAttr
  llvm::ArrayRef<int32_t> spares; ///< what it says
  std::optional<Epilogue> epilogue;
  /// Set when the window runs as a sweep.
  std::optional<SlidingWindow> sliding;

  /// What was measured to be better than what follows from the types (nn.tuned).
  std::optional<Tuning> tuning;

  /// Finds out whether a kernel is one; `reason` says why not.
  static std::optional<Contraction> match(nn::KernelOp kernel, std::string &reason);

  /// The output's lines (H) and the pixels of a line (W), cut where the taps inside of the input change.
  std::array<mlir::SmallVector<AxisRegion>, 2> regions() const;
  /// True for products of bytes: their right operand is constant and packed as `bytes` says, or others run them.
  bool isOfBytes() const { return element != sum; }
  /// A matrix product, whose output pixels are rows of a matrix.
  bool isOfMatrices() const { return mlir::isa<nn::MatMulOp, nn::MatMulWidenedOp>(root); }
  /// Such products as floats (TileShape::isOfFloatedBytes): they subtract the zero point themselves.
  bool isOfFloatedBytes() const { return isOfBytes() && body == TapBody::Channelwise && !sliding; }
  MacForm mac(nn::MachineAttr machine, int64_t lanes) const;
  /// What is multiplied, added up and compared is f16 (MacForm::ofHalves).
  bool isOfHalves(nn::MachineAttr machine) const;
  /// Bits of an element while products are added up.
  int64_t bitsOfSum(nn::MachineAttr machine) const;
  /// Sets of taps that exist in some region of the output, each once: ranges of rows and of columns. All taps where
  /// the window sweeps: it puts the zero point in the place of what is missing.
  llvm::SmallVector<std::array<TapRange, 2>> tapSets() const;
  /// The recipe for the right operand as a constant.
  PanelPacking panels(nn::MachineAttr machine) const;
  /// The same for the scales or zero points of widened weights.
  PanelPacking parameters(nn::MachineAttr machine) const;
  /// The same for bytes; `isCorrected`: with the sums of taps.
  BytePacking bytes(nn::MachineAttr machine, bool isCorrected) const;
  /// Filters of convolutions have to be packed: with scratch memory, if they are no constants.
  bool needsPacking() const;
  /// The recipe for the bias as a constant.
  PadPacking padding(nn::MachineAttr machine) const;
  int64_t lanes(nn::MachineAttr machine) const;
  /// Steps multiply by lanes of A.
  bool isByLane(nn::MachineAttr machine) const;
  /// Products of bytes by an instruction that takes an order: with isOrdered set, there is one. Of a window, each line
  /// of taps has one (readsLines).
  bool mayBeOrdered(nn::MachineAttr machine) const;
  /// A window of several taps that has all of them everywhere, in lines that are worth an order. Pixels of its image
  /// have to follow each other.
  bool readsLines() const;
  /// Products of bytes are summed in words, for vectors of so many sums.
  bool isInWords(nn::MachineAttr machine, int64_t lanes) const;
  /// Nothing but accumulators and operands takes registers: lanes are multiplied as they lie in memory.
  bool isOfLanes(nn::MachineAttr machine) const;
  /// The image's channels may lie in planes: runs of values of a line are worth it (CPUs that broadcast single values),
  /// or short enough for lanes of the columns that neighbours share.
  bool mayReadPlanes(nn::MachineAttr machine) const;
  /// Products of f32 of single pixels with one matrix take tiles of up to eight rows and wider panels where the machine
  /// has 32 registers and broadcasts A (AVX-512).
  bool hasLowTiles(nn::MachineAttr machine) const;
  /// Vectors of a panel of a product of so many rows with `vectors` of output channels.
  int64_t productVectors(nn::MachineAttr machine, int64_t sharing, int64_t vectors) const;
  /// Rows of a register tile for panels of so many vectors, and the most that registers hold.
  int64_t tileRows(nn::MachineAttr machine, int64_t vectors) const;
  int64_t mostTileRows(nn::MachineAttr machine, int64_t vectors) const;
  /// Width of panels where the right operand is not packed (or there is none).
  int64_t panel(nn::MachineAttr machine) const;
};

/// Products of f16 that are added up in f16 at most; longer sums run in blocks of as many, whose totals are f32. Of
/// random signs, the error is some 2^-12 times the square root of half their number: a third of a percent.
inline constexpr int64_t kMostHalves = 256;

/// Where columns of a line of a plane are lanes of vectors: the most taps and the largest stride, so that those of a
/// tile leave registers for its sums.
inline constexpr int64_t kMostColumnTaps = 7, kMostColumnStep = 2;

/// The unit attribute of a root whose packed weights are multiplied in words: they have no -128.
inline constexpr llvm::StringLiteral kFitsWordsAttr = "nn.fits_words";

/// The unit attribute of a root whose bias has what the zero point of its bytes takes from every sum.
inline constexpr llvm::StringLiteral kZeroInBiasAttr = "nn.zero_in_bias";

/// The attribute of a root whose packed weights of bytes lie in an order (MacForm::isOrdered): the number of spares of
/// each panel, `array<i32: 0, 2>`. They are in the code, not in the weights: how long it runs is known without these.
inline constexpr llvm::StringLiteral kOrderedAttr = "nn.ordered";

/// The taps that pixels have where these two regions meet.
std::array<TapRange, 2> tapsOf(const AxisRegion &h, const AxisRegion &w);

/// Elements from row to row of what a kernel writes into scratch memory: a cache line more than the channels, so that
/// rows do not meet in a set of the cache.
inline int64_t rowPitch(int64_t channels) { return static_cast<int64_t>(llvm::alignTo(channels, 16)) + 16; }

/// The numbers of the device that a kernel runs on, from `nn.machines` of its module; null when there are none.
nn::MachineAttr getMachine(nn::KernelOp kernel);

/// The recipe of an input, or null.
nn::PackingAttr getPacking(nn::KernelOp kernel, unsigned input);

/// True unless the plan proved that an operand of a function's kernel and its output are disjoint.
bool mayShare(mlir::func::FuncOp function, mlir::Value memory, mlir::Value output);

/// Replaces the body of `function`, which holds one planned kernel, by driver loops around micro-kernels.
///
/// error  a kernel, or a layout of its operands, that is left to other lowerings: `reason` says why, nothing changed
mlir::LogicalResult emitContraction(mlir::func::FuncOp function, nn::KernelOp kernel, MicroKernels &kernels,
                                    std::string &reason);

} // namespace nncc::cpu
#endif
