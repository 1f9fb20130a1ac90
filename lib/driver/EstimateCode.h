// The code of a compiled model, observed while it is made, and what its kernels cost: what estimate, report and
// --place=auto begin with.
#ifndef NNCC_LIB_DRIVER_ESTIMATECODE_H
#define NNCC_LIB_DRIVER_ESTIMATECODE_H
#include "lib/driver/Compile.h"
#include "lib/estimate/EstimateCpu.h"

namespace nncc {

/// The code of a model, and the costs of its kernels on the CPU, in order.
struct EstimatedCode {
  EmittedCode code;
  std::vector<KernelCost> costs;
};

/// Makes the code of a compiled model as `compile` does, and says what it costs.
///
/// compilation  with an LLVM module; its plan learns what emitCode() finds out
/// error        our mistakes only
llvm::Expected<EstimatedCode> estimateCode(Compilation &compilation, const CompileOptions &options);

} // namespace nncc
#endif
