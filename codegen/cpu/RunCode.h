// Runs of values of k that follow each other in A and in packed B: what a product adds up for each tap of its window.
#ifndef NNCC_CODEGEN_CPU_RUNCODE_H
#define NNCC_CODEGEN_CPU_RUNCODE_H
#include "codegen/cpu/ProductCode.h"
#include <utility>

namespace nncc::cpu {

/// The sums of a tile over runs, by steps of a ProductCode.
class RunCode : protected ProductCode {
protected:
  using ProductCode::ProductCode;

  mlir::Value rowB;      ///< elements of a row of B
  mlir::Value tap1B;     ///< from an outer tap to the next in B, in elements
  mlir::Value aheadStep; ///< what is prefetched in a trip of a run

  /// The sums over k in [first, end), then the place to prefetch where there is one.
  ///
  /// rows   where the run begins in A, for each row of the tile
  /// ahead  what to prefetch next, which `before` has not; null where nothing is
  llvm::SmallVector<mlir::Value> product(llvm::SmallVector<mlir::Value> rows, mlir::Value matrixRow, mlir::Value first,
                                         mlir::Value end, mlir::ValueRange before, mlir::Value ahead);

  /// The same over a run of `count` values of k in the order of a PanelOrder, all of it.
  ///
  /// table    of the run
  /// isFirst  the run is the first line of a window; null where it is the only one
  llvm::SmallVector<mlir::Value> productInOrder(llvm::ArrayRef<mlir::Value> rows, mlir::Value matrixRow,
                                                mlir::Value table, mlir::Value isFirst, mlir::Value count,
                                                llvm::SmallVector<mlir::Value> sums, mlir::Value ahead);

  /// The values of k of a line of a plane: by lane, vectors of its columns, of which each pixel takes one for each
  /// value.
  llvm::SmallVector<mlir::Value> productOfColumns(mlir::Value line, mlir::Value weights, mlir::ValueRange before);

private:
  class RowsOfB;

  /// Fetches lines and moves the place to prefetch, the last of `values`, on.
  void prefetchNext(llvm::SmallVectorImpl<mlir::Value> &values, mlir::Value ahead);

  /// The sums over whole groups of k behind the trips, and where they end: the last vector of A reaches back into the
  /// trip before, so there is one where there was a trip, or k has as many values.
  std::pair<mlir::Value, llvm::SmallVector<mlir::Value>>
  restOfTrip(llvm::ArrayRef<mlir::Value> rows, mlir::Value matrixRow, mlir::Value first, mlir::Value done,
             mlir::Value end, mlir::Value wholeGroups, llvm::ArrayRef<mlir::Value> sums);

  /// The sums over groups of k from `first` on, two of them at a time, and where they end: runs that are too short for
  /// trips.
  std::pair<mlir::Value, llvm::SmallVector<mlir::Value>> shortTrips(llvm::ArrayRef<mlir::Value> rows,
                                                                    mlir::Value matrixRow, mlir::Value first,
                                                                    mlir::Value wholeGroups,
                                                                    llvm::ArrayRef<mlir::Value> sums);

  /// The sums over k in [first, done), whole trips: a vector of A for each row serves all steps of one. Rows
  /// of A and B begin at `done` then. Trips are counted down and every pointer moves by itself, loads move those of A:
  /// LLVM would compute where pointers stop anew, and keep where they began.
  llvm::SmallVector<mlir::Value> tripsOfLanes(llvm::SmallVector<mlir::Value> &rows, mlir::Value &matrixRow,
                                              mlir::Value first, mlir::Value done, llvm::ArrayRef<mlir::Value> sums);

  /// So many trips, from `places` of A and `block` of B on, which they move. Each row of A is loaded where it is first
  /// multiplied, some rows for all trips at once. Of full tiles LLVM leaves these instructions in order
  /// (MicroKernels::get).
  void tripsTogether(llvm::MutableArrayRef<mlir::Value> sums, llvm::MutableArrayRef<mlir::Value> places,
                     mlir::Value &block, int64_t together);
};

} // namespace nncc::cpu
#endif
