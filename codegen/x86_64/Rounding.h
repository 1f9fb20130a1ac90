// How code for x86-64 rounds floats to integers.
#ifndef NNCC_CODEGEN_X86_64_ROUNDING_H
#define NNCC_CODEGEN_X86_64_ROUNDING_H

namespace llvm {
class IRBuilderBase;
class Type;
class Value;
} // namespace llvm

namespace nncc {

/// Floats as their nearest integers, ties to even, which fit the type.
llvm::Value *roundOnX8664(llvm::IRBuilderBase &builder, llvm::Value *steps, llvm::Type *integers, unsigned vectorBits);

} // namespace nncc
#endif
