// How code for x86-64 takes subnormal numbers for zeros.
#ifndef NNCC_CODEGEN_X86_64_SUBNORMALS_H
#define NNCC_CODEGEN_X86_64_SUBNORMALS_H

namespace llvm {
class Function;
} // namespace llvm

namespace nncc {

/// Makes a function, and all that it calls, take subnormal operands for 0 and give 0 instead of subnormal results. Its
/// callers find the processor as they left it, in whatever mode that was.
void flushSubnormals(llvm::Function &function);

} // namespace nncc
#endif
