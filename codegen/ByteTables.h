// Functions of bytes as tables of 256 bytes, looked up many at once.
#ifndef NNCC_CODEGEN_BYTETABLES_H
#define NNCC_CODEGEN_BYTETABLES_H
#include "codegen/Target.h"

namespace llvm {
class Module;
} // namespace llvm

namespace nncc {

/// Replaces gathers of bytes from constant tables of 256 by what the target looks a register of bytes up with
/// (Architecture::lookUp). Those of few bytes stay: LLVM makes a load of each.
void expandByteTables(llvm::Module &code, const TargetSpec &target);

} // namespace nncc
#endif
