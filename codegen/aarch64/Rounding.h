// How code for AArch64 rounds floats to integers.
#ifndef NNCC_CODEGEN_AARCH64_ROUNDING_H
#define NNCC_CODEGEN_AARCH64_ROUNDING_H

namespace llvm {
class IRBuilderBase;
class Type;
class Value;
} // namespace llvm

namespace nncc {

/// Floats as their nearest integers, ties to even, which fit the type; null where LLVM's way is as good.
llvm::Value *roundOnAArch64(llvm::IRBuilderBase &builder, llvm::Value *steps, llvm::Type *integers);

} // namespace nncc
#endif
