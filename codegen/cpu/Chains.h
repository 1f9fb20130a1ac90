// Window ops one behind the other in one kernel, a strip of rows at a time: each but the last, a convolution, makes the
// rows that the next one reads, in scratch memory that stays in the cache. What is between them is never in memory as a
// whole, nor is what an elementwise prologue makes for the first.
#ifndef NNCC_CODEGEN_CPU_CHAINS_H
#define NNCC_CODEGEN_CPU_CHAINS_H
#include "codegen/cpu/Contraction.h"

namespace nncc::cpu {

/// Rows of an image.
struct RowRange {
  int64_t first, end;
  int64_t count() const { return end - first; }
  RowRange from(int64_t row) const { return {first - row, end - row}; }
  bool operator==(const RowRange &) const = default;
};

/// What a convolution or pooling reads for some rows of its output: rows of its input, and rows of padding beside it.
struct RowsRead {
  RowRange rows;
  int64_t before, after;

  static RowsRead of(mlir::Operation *window, const RowRange &output);
  bool operator==(const RowsRead &) const = default;
};

/// Convolutions and pooling of a kernel, in order.
llvm::SmallVector<mlir::Operation *> windowsOf(nn::KernelOp kernel);

/// Rows of the input under one row of the output, and from there to those under the next.
std::pair<int64_t, int64_t> rowsOfWindow(mlir::Operation *window);

/// `{name = "rows", rows = 4, slots = 4, scratch_bytes = .., moves}` of `nn.form`: how a kernel runs whose root, a
/// convolution or pooling, reads what convolutions of its body make one from the other.
struct RowsForm {
  static constexpr llvm::StringLiteral kind = "rows";
  int64_t rows;       ///< of the output that are computed at once, at most
  int64_t slots;      ///< strips that threads may work on at the same time, each in memory of its own
  bool moves = false; ///< rows that strips keep move: those that stay take code

  mlir::DictionaryAttr getAttr(mlir::MLIRContext *context, int64_t scratchBytes) const;
  /// Nothing for the attribute of another form.
  static std::optional<RowsForm> from(mlir::DictionaryAttr form);
};

/// Where rows lie in the memory of a slot: one after the other, upwards or downwards, but for those that were kept, the
/// first ones, which lie in reverse order.
struct RowsInSlot {
  int64_t first;
  bool goDown = false;
  int64_t reversed = 0; ///< of two and more

  /// The same rows in the order of memory.
  RowsInSlot upwards(int64_t count) const { return {goDown ? first - (count - 1) : first}; }
  bool operator==(const RowsInSlot &) const = default;
};

/// The strips of a chain. They follow each other in the memory of a slot: rows that the strip before has made, and
/// windows of this one read as well, are kept. A thread begins with a slot, and goes on to the next ones in its memory.
/// The rows between two ops are those that what is made behind them reads: where a thread begins, that is more. They
/// end where their memory does, so that it does not matter to those behind where a thread has begun.
struct RowStrips {
  /// How rows between two ops get there. Rows count from where the strip would begin without borders.
  struct Fill {
    int64_t kept;       ///< the last rows that are there: they move to the front of those that are made, or stay
    RowRange made;      ///< of the image between the ops; {0, 0} for none
    RowsRead read;      ///< for these, of the image, or, from its end, of what the op before has made; or zeros
    RowsInSlot at;      ///< where they are made
    RowsInSlot readsAt; ///< where those lie that the op before has made
    bool operator==(const Fill &) const = default;
  };
  /// How rows of the output are made.
  struct Sweep {
    int64_t made;                ///< rows of the output
    int64_t read, before, after; ///< last rows of the slot, and rows of padding
    RowsInSlot readsAt;
    bool operator==(const Sweep &) const = default;
  };
  /// An op that makes what the next one reads.
  struct Stage {
    llvm::SmallVector<Fill, 0> fills;
    int64_t madeStep = 0; ///< rows from strip to strip of what it makes
    int64_t rowsMade = 0; ///< in all strips where each slot has a thread
    int64_t rows = 0;     ///< that a slot has memory for
    int64_t byteOfSlot = 0;
    int64_t kept = 0; ///< by each strip that takes turns
    /// Strips go up and down in turns, between the end and the row of this number: what one has made last is what the
    /// next one reads first, and stays. The first strip of a slot goes up. Nothing where rows that are kept move.
    std::optional<int64_t> turnsAt;
    bool goesAlong = false; ///< it keeps none, and goes the way of the next one, whose op reads single rows of it
  };
  struct Strip {
    llvm::SmallVector<unsigned, 3> fills; ///< which of these, of each stage
    llvm::SmallVector<unsigned, 3> alone; ///< the fills where no strip was made before it
    unsigned sweep, sweepAlone;
  };
  llvm::SmallVector<Stage, 0> stages;
  llvm::SmallVector<Sweep, 0> sweeps;
  llvm::SmallVector<Strip, 0> strips; ///< image by image
  bool differAlone = false;           ///< sweeps of strips that no other was made before
  int64_t ofImage = 0, ofSlot = 0;    ///< how many
  int64_t readStep = 0;               ///< rows of the input from strip to strip
  int64_t slotBytes = 0;
  int64_t byteOfPrologue = 0; ///< in a slot: where rows of the input are made as the first op reads them
  /// A thread that goes on to another slot comes from a strip that went up, too: what is kept moves then.
  bool goesUpTwice() const {
    return ofSlot % 2 == 1 && llvm::any_of(stages, [](const Stage &stage) { return stage.turnsAt.has_value(); });
  }

  /// Cuts the output of the last of some ops, each of which reads what the one before or elementwise ops behind that
  /// make.
  ///
  /// windows      two or more
  /// hasPrologue  elementwise ops make what the first one reads
  /// returns      nothing where a strip has no row to read, or there are very many strips
  /// sweep        of each, whether it may be told that rows of its input lie in reverse order. Strips take as much
  ///              memory if none are
  static std::optional<RowStrips> cut(llvm::ArrayRef<mlir::Operation *> windows, const RowsForm &form, bool hasPrologue,
                                      llvm::ArrayRef<bool> sweep = {});

private:
  /// What a strip needs between two ops.
  struct Need {
    RowRange rows;  ///< all that are read
    RowRange made;  ///< those of them that the strip before has not made
    RowRange whole; ///< where no strip was made before: all that it depends on
    int64_t kept() const { return made.first - rows.first; }
  };
  using Needs = llvm::SmallVector<Need, 3>; ///< by stage

  int64_t rows = 0, height = 0; ///< of the output: in a strip at most, and in all

  bool beginsSlot(size_t strip) const { return strip % ofSlot == 0; }
  RowRange rowsOf(size_t strip) const {
    int64_t top = strip % ofImage * rows;
    return {top, std::min(top + rows, height)};
  }
  void placePrologue(llvm::ArrayRef<mlir::Operation *> windows, llvm::ArrayRef<Needs> needs);
  void chooseTurns(Stage &stage, size_t number, llvm::ArrayRef<Needs> needs, bool isSwept) const;
  bool goesDown(size_t stage, size_t strip) const;
  RowsInSlot placeOf(size_t stage, size_t strip, const Need &need, bool isMade) const;
  bool addStrip(llvm::ArrayRef<mlir::Operation *> windows, const Needs &needs, size_t index);
};

/// What makes the image that the first window of a kernel reads, of an input line by line: elementwise ops before
/// `root`, that window, a transposition before it, or the end of a kernel of their own. `input` is that input's number.
///
/// isOfPlanes  the image is [N, C, H, W], its lines are of one channel; else [N, H, W, C], whose lines are of all
/// error       other ops, or operands that vary from line to line: `reason` says why
mlir::FailureOr<Epilogue> matchPrologueOfLines(nn::KernelOp kernel, mlir::Operation *root, bool isOfPlanes,
                                               unsigned &input, std::string &reason);

// Elements from pixel to pixel of such an input, of which a part alone is read: vectors read all of them.
constexpr int64_t kMostHeld = 4;

/// The transposition between the first window of a kernel and planes that it reads as they lie; null where there is
/// none.
nn::TransposeOp transposeOfPlanes(mlir::Operation *window);

/// Replaces the body of `function`, whose planned kernel has such a form, by loops over strips of rows.
///
/// error  a layout of the operands that it does not read: `reason` says why, nothing changed
mlir::LogicalResult emitChain(mlir::func::FuncOp function, nn::KernelOp kernel, MicroKernels &kernels,
                              const RowsForm &form, std::string &reason);

} // namespace nncc::cpu
#endif
