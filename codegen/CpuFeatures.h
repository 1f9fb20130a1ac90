// What a library asks of the CPU that it runs on, in the words of the ABI.
#ifndef NNCC_CODEGEN_CPUFEATURES_H
#define NNCC_CODEGEN_CPUFEATURES_H
#include "codegen/Target.h"
#include <cstdint>

namespace nncc {

/// The NNCC_CPU_* bits (nncc/abi.h) of all that code for a target may use: a CPU without one of them cannot be trusted
/// with the library.
uint64_t requiredCpuFeatures(const TargetSpec &target);

} // namespace nncc
#endif
