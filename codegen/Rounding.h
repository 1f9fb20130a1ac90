// Floats that are rounded to the nearest integers, as the target does it in one step.
#ifndef NNCC_CODEGEN_ROUNDING_H
#define NNCC_CODEGEN_ROUNDING_H
#include "codegen/Target.h"

namespace llvm {
class Module;
} // namespace llvm

namespace nncc {

/// Replaces a float that is rounded to even and becomes an integer of 16 or 32 bits by what the target does both with.
/// The type says that it fits: there is nothing else to saturate.
void roundInOneStep(llvm::Module &code, const TargetSpec &target);

} // namespace nncc
#endif
