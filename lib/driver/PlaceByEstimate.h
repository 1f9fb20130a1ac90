// `--place=auto`: kernels run where they are estimated to take less time, hand-overs included.
#ifndef NNCC_LIB_DRIVER_PLACEBYESTIMATE_H
#define NNCC_LIB_DRIVER_PLACEBYESTIMATE_H
#include "lib/driver/Compile.h"

namespace nncc {

/// Where single kernels are to run, and why.
struct EstimatedPlaces {
  std::vector<std::pair<std::string, std::string>> kernels; ///< names, and gpu or cpu
  std::string reason;
};

/// Compiles the model for the GPU as far as there is code, estimates every kernel on both sides, and chooses.
///
/// options  with a GPU
/// returns  nothing where the model does not compile: whoever compiles it next says why
std::optional<EstimatedPlaces> placesByEstimate(const CompileOptions &options);

} // namespace nncc
#endif
