// How code for x86-64 rounds floats to integers.
#ifndef NNCC_CODEGEN_X86_64_ROUNDING_H
#define NNCC_CODEGEN_X86_64_ROUNDING_H

namespace llvm {
class IRBuilderBase;
class Instruction;
class Type;
class Value;
} // namespace llvm

namespace nncc {

/// Does all that becomes of rounded floats until they are bytes, a register of these at a time.
///
/// words    the integers of 16 bits that they are rounded to
/// returns  whether they become bytes, in whole registers of 32 bits; then they are gone
bool narrowOnX8664(llvm::IRBuilderBase &builder, llvm::Value *steps, llvm::Instruction &words, unsigned vectorBits);

/// Floats as their nearest integers, ties to even, which fit the type.
llvm::Value *roundOnX8664(llvm::IRBuilderBase &builder, llvm::Value *steps, llvm::Type *integers, unsigned vectorBits);

} // namespace nncc
#endif
