// Permutations of dims, and which ops can compute a permuted result from permuted operands.
#ifndef NNCC_PASSES_GRAPH_PERMUTE_H
#define NNCC_PASSES_GRAPH_PERMUTE_H
#include "dialects/nn/NN.h"

namespace nncc {

/// The perm that undoes `perm`.
llvm::SmallVector<int64_t> inversePerm(llvm::ArrayRef<int64_t> perm);

/// transpose(transpose(x, first), second) as one perm.
llvm::SmallVector<int64_t> composePerms(llvm::ArrayRef<int64_t> first, llvm::ArrayRef<int64_t> second);

bool isIdentityPerm(llvm::ArrayRef<int64_t> perm);

/// True when only dims of size 1 change places: the bytes stay as they are, a reshape does the same.
bool movesOnlyUnitDims(llvm::ArrayRef<int64_t> shape, llvm::ArrayRef<int64_t> perm);

/// The type of a tensor after a transposition.
mlir::RankedTensorType permuteType(mlir::RankedTensorType type, llvm::ArrayRef<int64_t> perm);

/// The operands that have to be permuted like the result for the op to compute a permuted result; empty when the op
/// cannot (it fixes its layout, as nn.conv2d does, or `perm` moves dims that it treats as one).
llvm::SmallVector<mlir::OpOperand *> permutedOperands(mlir::Operation *op, llvm::ArrayRef<int64_t> perm);

/// Builds the op that computes `op`'s results permuted by `perm`, from operands that are permuted where
/// `permutedOperands` says so. Carries location, attributes and origins over; `op` stays as it is.
mlir::Operation *buildPermuted(mlir::OpBuilder &b, mlir::Operation *op, llvm::ArrayRef<int64_t> perm,
                               llvm::ArrayRef<mlir::Value> operands);

} // namespace nncc
#endif
