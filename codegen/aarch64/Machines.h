// The AArch64 CPUs that code can be generated for.
#ifndef NNCC_CODEGEN_AARCH64_MACHINES_H
#define NNCC_CODEGEN_AARCH64_MACHINES_H
#include "codegen/Target.h"

namespace nncc {
const Architecture &aarch64Architecture();
} // namespace nncc
#endif
