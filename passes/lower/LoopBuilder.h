// Loops over strided memory with constant extents, and their vector form with static tails.
// Every lowering that writes loops by hand uses these words; none of them knows a target, only a number of lanes.
#ifndef NNCC_PASSES_LOWER_LOOPBUILDER_H
#define NNCC_PASSES_LOWER_LOOPBUILDER_H
#include "dialects/nn/NN.h"
#include "passes/lower/ScalarMath.h"

namespace nncc {

/// Memory that a nest of loops reads or writes: element `offset + sum(iv[loop] * strides[loop])` of a flat memref.
struct Access {
  mlir::Value memory;                 ///< memref<N x T>, contiguous; see LoopBuilder::flatten
  mlir::Type element;                 ///< nn element type: with sign, i1 for booleans
  int64_t offset = 0;                 ///< in elements
  llvm::SmallVector<int64_t> strides; ///< in elements, one per loop; 0 where the loop does not move it
};

/// Loops of constant extents around accesses. A reduced loop does not move the output.
struct Nest {
  llvm::SmallVector<int64_t> extents;
  llvm::SmallVector<bool> isReduced;
  llvm::SmallVector<Access> accesses;

  bool isEmpty() const { return llvm::is_contained(extents, 0); }
  /// Drops loops that run once and joins neighbours that all accesses step through as through one loop. The last
  /// `kept` loops stay: they are no loops, but indices that the caller computes.
  void simplify(size_t kept = 0);
};

/// Where a nest is: an index per loop, and how many elements at once along one of them.
struct Cursor {
  llvm::SmallVector<mlir::Value> indices; ///< null for a loop that has not been entered: index 0
  int vectorLoop = -1;
  int64_t lanes = 1;

  /// The number of lanes of a splat for ScalarMath: 0 for scalars.
  int64_t splat() const { return lanes > 1 ? lanes : 0; }
};

/// A part of [0, extent): `count` tiles of `lanes` from `begin` on.
struct TilePiece {
  int64_t begin, count, lanes;
};

/// What iterations of a loop have to do with each other.
enum class Order {
  Parallel,    ///< one reads and writes nothing that another one, or anything else in the function, writes
  Independent, ///< nothing that another one writes, but they wait for what was found out before the loop
  Sequential,  ///< one behind the other
};

/// Writes loops, indices, loads and stores.
class LoopBuilder {
public:
  /// mostLanes  of the vectors that tiles are; 0: as many as asked for
  LoopBuilder(mlir::OpBuilder &builder, mlir::Location loc, int64_t mostLanes = 0)
      : builder(builder), loc(loc), math(builder, loc), mostLanes(mostLanes) {}

  mlir::OpBuilder &builder;
  mlir::Location loc;
  ScalarMath math;

  //===-- memory --------------------------------------------------------===//

  /// An access to all of a memref (a function argument or a view of one) without strides; the caller sets them.
  Access flatten(mlir::Value memref, mlir::Type element);
  /// An access that moves dim d with loop loopOfDim[d] (-1: no loop); dims of size 1 do not move (broadcasting).
  Access access(mlir::Value memref, mlir::Type element, llvm::ArrayRef<int> loopOfDim, size_t loops);

  mlir::Value elementIndex(const Access &access, const Cursor &cursor);
  /// In memory types; vectors of `cursor.lanes` elements, or scalars. A strided access is gathered.
  mlir::Value loadRaw(const Access &access, const Cursor &cursor);
  void storeRaw(const Access &access, const Cursor &cursor, mlir::Value value);
  /// In compute types.
  mlir::Value load(const Access &access, const Cursor &cursor);
  void store(const Access &access, const Cursor &cursor, mlir::Value value);
  /// Groups of two to four elements side by side, `cursor.lanes` groups along the vector loop: one vector (or scalar)
  /// for each element of a group, in compute types. `inner` is the loop over a group.
  llvm::SmallVector<mlir::Value> loadGroups(const Access &access, const Cursor &cursor, int inner, int64_t group);
  void storeGroups(const Access &access, const Cursor &cursor, int inner, mlir::ValueRange values);

  //===-- indices -------------------------------------------------------===//

  mlir::Value index(int64_t number);
  mlir::Value add(mlir::Value a, mlir::Value b);
  mlir::Value sub(mlir::Value a, mlir::Value b);
  mlir::Value mul(mlir::Value a, int64_t factor);

  //===-- loops ---------------------------------------------------------===//

  /// body(i) for i = 0 .. extent - 1; no loop when it runs once. For loops whose iterations depend on each other.
  void loop(int64_t extent, llvm::function_ref<void(mlir::Value)> body);
  /// The same from `begin` in `step`s, carrying values.
  llvm::SmallVector<mlir::Value>
  loop(mlir::Value begin, mlir::Value end, int64_t step, mlir::ValueRange initial,
       llvm::function_ref<llvm::SmallVector<mlir::Value>(mlir::Value, mlir::ValueRange)> body);
  /// body(i) for i = begin, begin + step ... in any order, on any thread: an iteration reads and writes nothing that
  /// another one, or anything else in the function, writes (nn.parallel). One trip is a loop, too.
  void parallelLoop(int64_t begin, int64_t end, int64_t step, llvm::function_ref<void(mlir::Value)> body);
  /// The same inside of a parallel loop, where iterations wait for what was found out before (nn.independent).
  void independentLoop(int64_t begin, int64_t end, int64_t step, llvm::function_ref<void(mlir::Value)> body);
  /// The pieces that `tiles` cuts [0, extent) into.
  llvm::SmallVector<TilePiece> cutTiles(int64_t extent, int64_t lanes) const;
  /// body(begin, lanes) so that every element of [0, extent) is in one tile: whole tiles of `lanes`, then smaller
  /// powers of two down to 4, then single elements. Tiles never overlap, so kernels may work in place.
  ///
  void tiles(int64_t extent, int64_t lanes, llvm::function_ref<void(mlir::Value, int64_t)> body,
             Order order = Order::Parallel);
  /// Loops over all of `loops` of the nest that are not yet entered, outermost first. Those that are not reduced are
  /// parallel (nn.parallel): nothing may be written in two of their iterations.
  void loops(const Nest &nest, llvm::ArrayRef<int> loops, Cursor cursor, llvm::function_ref<void(const Cursor &)> body);

  //===-- vectors -------------------------------------------------------===//

  /// A scalar on every lane; what is a vector already, or is wanted as scalar, stays.
  mlir::Value splat(mlir::Value value, int64_t lanes);
  /// Lanes [first, first + count) as a vector, or as a scalar when count is 1.
  mlir::Value lanes(mlir::Value vector, int64_t first, int64_t count);
  /// The elements of two to four vectors of one length by turns, `run` of each at a time, as one vector.
  mlir::Value interleave(mlir::ValueRange vectors, int64_t run = 1);
  /// Rows of a square matrix of a power of two as its columns.
  llvm::SmallVector<mlir::Value> transpose(llvm::ArrayRef<mlir::Value> rows);

private:
  void markedLoop(llvm::StringRef mark, int64_t begin, int64_t end, int64_t step,
                  llvm::function_ref<void(mlir::Value)> body);

  llvm::DenseMap<mlir::Value, mlir::Value> flat;
  int64_t mostLanes;
};

/// Sums of floats of more additions than this run in blocks: each is summed up in the compute type, and the blocks in
/// f64. A sum of numbers of one sign is then off by at most one rounding for each addition of a block, however long it
/// is (Higham, Accuracy and Stability of Numerical Algorithms, 4.2): 32 * 2^-24 < 2e-6.
constexpr int64_t kLongestPlainSum = 64, kSumBlock = 32;
/// How many of `count` steps, of `each` additions, make a block: without a rest where a number not much smaller than
/// the largest divides `count`.
int64_t sumBlock(int64_t count, int64_t each = 1);

/// A nest with reduced loops, seen as rows: for each element of the parallel loops the reduced ones can be run as
/// often as wanted, with results that stay in registers. Vectors run along the parallel or the reduced loop in which
/// the first access is contiguous.
class Rows {
public:
  using Values = llvm::SmallVector<mlir::Value>;

  /// lanes   elements in one vector register
  /// chains  registers of partial results at once: 4 hide the latency of an addition, fewer leave room for long steps
  Rows(LoopBuilder &build, const Nest &nest, int64_t lanes, int64_t chains = 4);

  /// body(row) for each element, or vector of elements, of the parallel loops.
  void forEach(llvm::function_ref<void(const Cursor &row)> body);

  /// Folds all elements of a row. `initial` makes the neutral values for a number of lanes (0: scalars), `step`
  /// takes the element at the cursor in, `combine` joins two partial results. The order of operations is fixed.
  Values reduce(const Cursor &row, llvm::function_ref<Values(int64_t splat)> initial,
                llvm::function_ref<Values(const Cursor &, mlir::ValueRange)> step,
                llvm::function_ref<Values(mlir::ValueRange, mlir::ValueRange)> combine);

  /// The sum of what `value` gives for all elements of a row; `element` is its nn element type. Long ones of floats run
  /// in blocks (kSumBlock).
  mlir::Value sum(const Cursor &row, mlir::Type element, llvm::function_ref<mlir::Value(const Cursor &)> value);

  /// body(cursor) for each element, or vector of elements, of a row, in any order.
  void each(const Cursor &row, llvm::function_ref<void(const Cursor &)> body);

  /// The position of the cursor in the reduced loops, row-major, as a value of integer type `type` (a vector of them).
  mlir::Value position(const Cursor &cursor, mlir::Type type);

  /// True when vectors run along the row: results of `reduce` are scalars then.
  bool isAlongRow() const { return alongRow; }

private:
  LoopBuilder &build;
  const Nest &nest;
  int64_t lanes, chains;
  int vectorLoop = -1;
  bool alongRow = false;
  llvm::SmallVector<int> parallel, reduced; ///< without the vector loop

  /// One of the loops over a part of a row: from `begin` on, `count` times.
  struct Level {
    int loop;
    int64_t begin, step, count;
  };
  /// A part of a row with partial results of its own: all of it, or what vectors of one width along it cover.
  struct Part {
    Cursor cursor;
    llvm::SmallVector<Level> levels; ///< outermost first

    int64_t steps() const;
  };
  llvm::SmallVector<Part> partsOf(const Cursor &row) const;
  Values run(llvm::ArrayRef<Level> levels, const Cursor &cursor, mlir::ValueRange carried,
             llvm::function_ref<Values(const Cursor &, mlir::ValueRange)> step);
  void eachOf(llvm::ArrayRef<int> loops, Cursor cursor, llvm::function_ref<void(const Cursor &)> body);
  Values joinLanes(Values values, llvm::function_ref<Values(mlir::ValueRange, mlir::ValueRange)> combine);
  mlir::Value sumInBlocks(const Part &part, mlir::Type element, llvm::function_ref<mlir::Value(const Cursor &)> value);
};

} // namespace nncc
#endif
