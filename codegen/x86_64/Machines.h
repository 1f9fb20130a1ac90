// The x86-64 CPUs that code can be generated for.
#ifndef NNCC_CODEGEN_X86_64_MACHINES_H
#define NNCC_CODEGEN_X86_64_MACHINES_H
#include "codegen/Target.h"

namespace nncc {
const Architecture &x86_64Architecture();
} // namespace nncc
#endif
