// The micro-kernels: functions with runtime sizes and strides around a register tile that is fixed, shared by all
// layers of a module.
#ifndef NNCC_CODEGEN_CPU_MICROKERNEL_H
#define NNCC_CODEGEN_CPU_MICROKERNEL_H
#include "codegen/cpu/Epilogue.h"
#include "codegen/cpu/MacForm.h"
#include "codegen/cpu/Tiling.h"
#include "codegen/cpu/WinogradTransform.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/BitVector.h"
#include "llvm/ADT/StringMap.h"
#include <compare>
#include <optional>
#include <vector>

namespace nncc::cpu {
struct PixelGroups;

/// What happens at every tap of the window of an output pixel.
enum class TapBody {
  Product,      ///< every output channel adds A[k] * B[k][channel] over k < depth
  Channelwise,  ///< every channel adds A[channel] * B[channel]: depthwise convolution
  Maximum,      ///< of A[channel]
  Sum,          ///< of A[channel]; divided by `divisor` at the end
  SumOfSquares, ///< of A[channel]; its square root at the end
};

/// What is fixed in a sweep of SlidingWindow.h: a block of output rows, and which part of its windows exists.
struct SlidingTile {
  int64_t rows; ///< of the output
  int64_t tapsH, tapsW, strideH, strideW;
  int64_t firstRow, endRow; ///< of the (rows - 1) * strideH + tapsH input rows under the block, those that exist
  int64_t before, after;    ///< input columns that the windows of a line lack at its beginning and its end
  int64_t stepsPerTrip;     ///< of the inner loop
  bool keepsWeights;        ///< in registers, during the whole sweep
  /// The first rows of the input that lie in reverse order, and rows of it above the block, less those of padding
  /// there; zeros where it reads none.
  int64_t reversed = 0, above = 0;

  /// Where an input row under the block lies, in rows from where it would without reversed ones.
  int64_t placeOf(int64_t row) const {
    row += above;
    return (row < reversed ? reversed - 1 - row : row) - above;
  }
  auto operator<=>(const SlidingTile &) const = default;
};

/// Weights that are stored in fewer bits than they are multiplied in, packed in panels. The
/// micro-kernel widens a part of a panel at a time, into memory that stays in the L1 cache while rows of A pass by.
struct WidenedWeights {
  mlir::Type element; ///< nn element type: i8, ui8, f16, bf16
  int64_t bits;
  int64_t block;    ///< values of k that share a scale; 0: all
  mlir::Type scale; ///< nn element type of what values are multiplied by as they are widened: f32, f16, bf16, or none
  bool hasZero;     ///< a zero point for each scale, too

  /// Elements of a row of a panel of so many vectors: two values of 4 bits lie in a byte, one of a vector in the lower
  /// half and that of the next vector in the upper one.
  int64_t rowElements(int64_t vectors, int64_t lanes) const {
    return lanes * (bits == 4 ? (vectors + 1) / 2 : vectors);
  }
  /// Values of k that are widened at once: whole blocks, or a divisor of one.
  int64_t chunk(int64_t width) const;
  /// Values of k of one block that are added up at once where they are multiplied in registers.
  int64_t run(int64_t width) const {
    return !block ? chunk(width) : block <= 256 ? block : std::min(block, chunk(width));
  }

  bool operator==(const WidenedWeights &) const = default;
};

/// Everything that is fixed in a transform of the input of Winograd's convolution.
struct InputTransform {
  WinogradPiece piece;
  mlir::Type element; ///< nn element type of the input: f32, or bytes, which become words of 16 bits
  int64_t lanes;      ///< elements per vector
  int64_t tail;       ///< channels behind whole vectors; 0 where there are none
  bool hasZero;       ///< the bytes have a zero point
  bool isDilated;     ///< lines or pixels of a tile do not lie side by side
  bool isInRegisters; ///< TileShape's

  bool isOfBytes() const { return mlir::isa<mlir::IntegerType>(element); }
};

/// A line of the cache.
inline constexpr int64_t kLineBytes = 64;

/// Everything that is fixed in one micro-kernel.
struct TileShape {
  TapBody body = TapBody::Product;
  MacForm mac;             ///< the types of A, B and the sums; accumulators have the compute type of these, or are f16
  int64_t lanes = 0;       ///< elements per vector
  int64_t rows = 0;        ///< output pixels per tile
  int64_t vectors = 0;     ///< vectors of output channels
  int64_t tail = 0;        ///< output channels that exist in the last vector; `lanes` when all do
  bool isOneRun = false;   ///< of a product: there is one tap, or all follow each other
  bool byLane = false;     ///< multiply by lanes of A, a vector of values of k at a time
  llvm::StringRef runLoad; ///< `#nn.machine`'s, where vectors of packed B are loaded in runs; else empty
  LaneLoads loads;         ///< by lane: how long runs are, and which rows of A are loaded two vectors at a time
  int64_t rest = 0;        ///< values of k in the last group of a run, where it is not whole
  /// For windows whose channels stay apart: the number of inner taps, when pixels of a tile lie `columnStep` inner taps
  /// apart. Every column of the input is then read once for all its taps. 0: any number at any distance. The same for
  /// products of images whose channels lie in planes, where inner taps are the values of a run; what is read once are
  /// lanes there.
  int64_t columnTaps = 0, columnStep = 0;
  /// Long sums run in blocks that are added up in f64 (of f16, in f32): so many lines of taps, or values of k of a
  /// product. 0: in one.
  int64_t block = 0;
  std::optional<SlidingTile> sliding; ///< the kernel is a sweep; `rows` are those of its block
  /// The kernel makes output pixels of planes of products (WinogradCode.h), a vector of channels after the other.
  std::optional<WinogradPiece> winograd;
  bool isWhole = false;                  ///< all of these are in the image
  bool isDilated = false;                ///< lines or pixels of these do not lie side by side
  bool isInRegisters = false;            ///< what is between the columns and the rows of these stays in registers
  std::optional<WidenedWeights> widened; ///< what is multiplied as f32 is stored as this
  /// Of a product of bytes that are multiplied as words: the panel was widened once for all tiles.
  bool widensPanel = false;
  bool hasBias = false;
  bool hasSums = false;      ///< bytes of A are multiplied as they are, and packed B has the sums that correct it
  bool hasZero = false;      ///< A has a zero point, which is not 0
  bool isPadded = false;     ///< B is packed: its tails may be read, and its rows are one tile wide
  bool isBiasPadded = false; ///< the tail of the bias may be read
  /// Lines of the input or the output lie apart, and a tile goes on in the next line, once at most.
  bool goesOnInLines = false;
  int64_t linesAhead = 1;          ///< cache lines of what comes next in B that a trip fetches, where it does
  llvm::SmallVector<bool> inPlace; ///< per leaf of the epilogue: it may be the output itself

  int64_t width() const { return vectors * lanes; }
  /// Lanes of vector `j` as it is computed with: of floats, half a register of 512 bits where the last vector has no
  /// more output channels. It takes one multiply-add unit of 256 bits where a whole one takes two, or one twice.
  int64_t lanesOf(int64_t j) const;
  /// Where windows do not sweep, bytes of channels that stay apart are multiplied and added up as floats, exactly:
  /// their sums are below 2^24.
  bool isOfFloatedBytes() const { return body == TapBody::Channelwise && mac.isOfBytes() && !sliding; }
  bool hasB() const { return !winograd && (body == TapBody::Product || body == TapBody::Channelwise); }

  /// Trips of several values of k, with a base address for each row of A. More rows than this have no registers for
  /// their addresses, and wide vectors leave time to compute them.
  bool isUnrolled() const { return body == TapBody::Product && (readsLanes() || rows <= 8); }
  /// Bytes of A are widened a vector at a time and read again from the stack: a pair by itself takes four instructions.
  bool isStaged() const { return mac.dot && mac.isWidened() && !byLane; }
  /// Lanes of A are multiplied as they lie in memory.
  bool isOfLanes() const { return byLane && (mac.lhs.isF32() || mac.ofHalves); }
  /// Vectors of packed B that are multiplied by lanes of A are loaded one by one, or in pairs, a step before they are
  /// multiplied. LLVM pairs none in tiles that mostly load.
  bool loadsAhead() const { return isOfLanes() && isPadded && loads.run == 1 && !columnTaps && rows > 3; }
  /// Weights are widened for so few rows that keeping them would be more work than it saves.
  bool multipliesInRegisters() const { return widened && rows <= 3; }
  /// The call has numbers of taps, or the tables of lines of them. Those of sweeps are fixed.
  bool readsTaps() const { return (!isOneRun || mac.isOrdered) && !sliding; }
  /// Every row of A is read a vector at a time.
  bool readsLanes() const { return byLane || isStaged(); }
  /// Steps in one trip of the inner loop of a product: by lane, what one vector of A has for them. Bytes that are
  /// widened are a half vector, and so are halves.
  int64_t tripSteps() const {
    if (mac.isOrdered)
      return 4;
    if (!isUnrolled())
      return 1;
    if (isStaged())
      return 8;
    if (byLane && mac.isOfBytes())
      return mac.dot ? 16 / mac.group() : 8;
    return byLane && mac.ofHalves ? 8 : 4;
  }
  /// Values of k in one trip.
  int64_t tripDepth() const { return tripSteps() * mac.group(); }
  /// Every trip fetches a piece of the next panel of packed weights into the L2 cache; tiles of columns, which have no
  /// trips, are given it like all others of their kernel, and fetch nothing. Not by lane: the two instructions cost 3
  /// to 6 % there by llvm-mca, and what they save is not measured. The same for all tiles of a kernel.
  bool prefetches() const { return body == TapBody::Product && isPadded && !byLane && !widened; }

  /// Equal tiles share a function: whatever is added above is compared.
  bool operator==(const TileShape &) const = default;
};

/// The runtime numbers of one call: 32-bit fields of a table in read-only data. Strides count elements, those of B
/// count rows of B. A call covers `lines` x `tiles` x rows output pixels.
struct CallEntry {
  enum Field : unsigned {
    Lines,
    LineA,
    LineC, // lines of pixels, and the way from one to the next
    Tiles,
    RowA,
    RowC, // tiles of a line, and the way from one pixel to the next
    Depth,
    Taps0,
    Tap0A,
    Tap0B, // values of k per tap; inner taps
    Taps1,
    Tap1A,
    Tap1B, // outer taps
    RowB,
    Divisor,   // row length of an unpacked B; what sums are divided by
    AheadStep, // how much is prefetched in a trip of the inner loop
    LineGapC,  // of tiles that go on in lines: LineGap of the output
    FirstLeaf, // then per leaf: line stride, row stride, and in sweeps the stride of output rows; then scalars

    // Sums of integers: the way from B to the sums that correct them, in rows of B.
    Sums = Divisor,
    // Of those in an order: bytes of the table of a line of taps. The tables lie behind all lines.
    Table = Tap0B,

    // Tiles that go on in lines: pixels of a line, the way from behind its last one to the next line of A, and how many
    // of the first line are before the call. The line stride of a leaf is its gap.
    LineWidth = LineC,
    LineGap = LineA,
    FirstColumn = RowB,

    // A sweep: Lines blocks, Tiles trips of the inner loop, RowA and RowC from pixel to pixel. Its code computes LineA
    // and LineC, from block to block: only calls are cut by them.
    InputRow = Tap1A,
    OutputRow = Tap1B,
    RestSteps = Depth,
  };
  /// which  1: line stride, 2: row stride, 3: stride of output rows
  static unsigned leafField(unsigned leaf, unsigned which) { return FirstLeaf + 3 * leaf + which - 1; }
  /// The first of the epilogue's scalars, the bits of each in a word.
  static unsigned firstScalar(const Epilogue &epilogue) { return leafField(epilogue.leaves().size(), 1); }
  llvm::SmallVector<int64_t> fields;
  /// Where the call begins, per operand of the caller: the micro-kernel is handed pointers.
  llvm::SmallVector<int64_t> offsets;
};

/// Where the fields of a call lie that a micro-kernel reads: others take no words. The same for all tiles of a variant.
class EntryLayout {
public:
  EntryLayout(const TileShape &shape, const Epilogue &epilogue);

  /// The word of a field that is read.
  unsigned at(unsigned field) const;
  /// The words of a call.
  llvm::SmallVector<int64_t> words(llvm::ArrayRef<int64_t> fields) const;

private:
  llvm::BitVector isThere;
};

/// Calls in read-only data. Few differ in more than where they begin: entries are there once, behind them a row for
/// each call.
struct CallTable {
  mlir::LLVM::GlobalOp global;
  int64_t firstRow = 0, rowSize = 0; ///< in words
  bool hasEntries = false;           ///< a row begins with the place of its entry; else all have the first
  llvm::SmallVector<int> columns;    ///< per operand: the word of a row that is its offset; -1: that is 0 for all
};

/// Writes micro-kernels and call tables into a module; equal ones once.
class MicroKernels {
public:
  MicroKernels(mlir::ModuleOp module, nn::MachineAttr machine)
      : module(module), maskedStores(machine.getMaskedStores()), hasMaxNum(machine.getMaxNum()) {}

  /// Hears of an epilogue before any function is made.
  void learn(const Epilogue &epilogue);
  /// Makes scalars of the constants in which an epilogue differs from others that were learned.
  void makeScalars(Epilogue &epilogue) const;

  /// The function for a tile: (A, [B,] C, [bias,] [zero point,] [what to prefetch,] [words of B,] leaves..., entry) ->
  /// (). That of a `winograd` shape takes the number of a strip, i64, as its last argument.
  mlir::func::FuncOp get(const TileShape &shape, const Epilogue &epilogue);

  /// The function for it: (A, planes, [zero point,] entry, number of the strip) -> ().
  mlir::func::FuncOp getInputTransform(const InputTransform &transform);

  /// The function that widens bytes with a sign to words, `count` of them at once: (bytes, words, number of counts)
  /// -> ().
  mlir::func::FuncOp getWidening(int64_t count);

  /// The function that writes pixels as a root reads them: (input, strip, leaves..., number of pixels, elements from
  /// pixel to pixel of the strip, of the input, and of each leaf that varies by pixel) -> ().
  ///
  /// channels  of a pixel, as the root reads it
  /// groups    how they lie in the input
  mlir::func::FuncOp getPrologue(const Epilogue &prologue, int64_t channels, const PixelGroups &groups,
                                 nn::MachineAttr machine);

  /// The table of calls that all have as many fields and offsets.
  CallTable getTable(llvm::ArrayRef<CallEntry> calls, const EntryLayout &layout);

  /// A constant of these words.
  mlir::LLVM::GlobalOp getWords(llvm::ArrayRef<int64_t> words);

  bool hasMaskedStores() const { return maskedStores; }

private:
  mlir::ModuleOp module;
  bool maskedStores, hasMaxNum;
  struct Made {
    TileShape shape;
    std::string epilogue; ///< Epilogue::key()
    mlir::func::FuncOp function;
  };
  struct Learned {
    llvm::SmallVector<EpilogueConstant> constants;
    llvm::BitVector differ;
  };
  llvm::StringMap<Learned> learned;        ///< by Epilogue::structure()
  llvm::StringMap<std::vector<Made>> made; ///< by what the name says of them
  llvm::StringMap<mlir::LLVM::GlobalOp> tables;
  llvm::StringMap<mlir::func::FuncOp> inputTransforms; ///< by name
  llvm::StringMap<mlir::func::FuncOp> widenings;       ///< by name
  llvm::StringMap<mlir::func::FuncOp> prologues;       ///< by Epilogue::key(), lanes and channels behind whole vectors
};

} // namespace nncc::cpu
#endif
