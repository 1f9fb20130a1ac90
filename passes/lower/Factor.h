// An operand of sums of products, as its elements are multiplied.
#ifndef NNCC_PASSES_LOWER_FACTOR_H
#define NNCC_PASSES_LOWER_FACTOR_H
#include "dialects/nn/Kinds.h"
#include "passes/lower/LoopBuilder.h"
#include <optional>

namespace nncc {

/// Loads elements in the type that sums are computed in: those of 8 bits less their zero point, all others as they are.
class Factor {
public:
  /// access  the operand's number among the accesses of the nest; `zero` that of its zero point, if it has one
  Factor(LoopBuilder &build, const Nest &nest, size_t access, std::optional<size_t> zero = {})
      : build(build), nest(nest), access(access), zero(zero) {}

  mlir::Value load(const Cursor &at) const {
    mlir::Value value = wide(access, at);
    return zero ? build.math.binary(nn::kind::sub, value, wide(*zero, at), sumType()) : value;
  }

private:
  mlir::Type sumType() const { return nn::sumType(nest.accesses[access].element); }
  mlir::Value wide(size_t number, const Cursor &at) const {
    const Access &from = nest.accesses[number];
    return build.math.cast(build.load(from, at), from.element, sumType());
  }

  LoopBuilder &build;
  const Nest &nest;
  size_t access;
  std::optional<size_t> zero;
};

} // namespace nncc
#endif
