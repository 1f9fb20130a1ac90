// How often loops of a GPU's kernels run: their bounds are a constant apart, so this is known.
#ifndef NNCC_PASSES_CHECK_TRIPS_H
#define NNCC_PASSES_CHECK_TRIPS_H
#include "mlir/Dialect/SCF/IR/SCF.h"
#include <optional>

namespace nncc {

/// By how much one index is larger than another, if that is a constant: both are, or sums of the same and constants.
std::optional<int64_t> constantDistance(mlir::Value from, mlir::Value to);

/// The iterations of a loop; nothing where its step is no constant above 0, or its bounds are not a constant apart.
std::optional<int64_t> constantTrips(mlir::scf::ForOp loop);

} // namespace nncc
#endif
