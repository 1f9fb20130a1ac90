// An operand of sums of products, as its elements are multiplied.
#ifndef NNCC_PASSES_LOWER_FACTOR_H
#define NNCC_PASSES_LOWER_FACTOR_H
#include "dialects/nn/Kinds.h"
#include "passes/lower/LoopBuilder.h"
#include <optional>

namespace nncc {

/// Loads elements in the type that sums are computed in: those of 8 bits less their zero point, all others as they are.
/// Weights that are stored in fewer bits than they are multiplied in are widened.
class Factor {
public:
  /// access  the operand's number among the accesses of the nest; `zero` that of its zero point, if it has one
  /// wide    what it is widened to; null: what its type says
  Factor(LoopBuilder &build, const Nest &nest, size_t access, std::optional<size_t> zero = {}, mlir::Type wide = {})
      : build(build), nest(nest), access(access), zero(zero),
        type(wide ? wide : nn::sumType(nest.accesses[access].element)) {}

  mlir::Value load(const Cursor &at) const {
    mlir::Value value = wide(access, at);
    return zero ? build.math.binary(nn::kind::sub, value, wide(*zero, at), type) : value;
  }

private:
  mlir::Value wide(size_t number, const Cursor &at) const {
    const Access &from = nest.accesses[number];
    return build.math.cast(build.load(from, at), from.element, type);
  }

  LoopBuilder &build;
  const Nest &nest;
  size_t access;
  std::optional<size_t> zero;
  mlir::Type type;
};

} // namespace nncc
#endif
