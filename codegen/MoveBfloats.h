// Halves of floats that pass from block to block of LLVM IR.
#ifndef NNCC_CODEGEN_MOVEBFLOATS_H
#define NNCC_CODEGEN_MOVEBFLOATS_H

namespace llvm {
class Module;
}

namespace nncc {

/// Lets bfloats, alone and in vectors, go from one block to another, through a select, and in and out of a vector as
/// i16. Without instructions for the type LLVM 22 keeps them in f32 there, and calls a library (`__truncsfbf2`) to have
/// them in 16 bits again. For the last moment before code is generated: InstCombine takes the bitcasts away.
void moveBfloatsAsBits(llvm::Module &module);

} // namespace nncc
#endif
