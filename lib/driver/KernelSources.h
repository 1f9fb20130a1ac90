// Which kernels read what which others wrote, by the places in memory of a plan: the edges of the graph of kernels.
#ifndef NNCC_LIB_DRIVER_KERNELSOURCES_H
#define NNCC_LIB_DRIVER_KERNELSOURCES_H
#include "codegen/emit/ModelPlan.h"

namespace nncc {

/// For each kernel of a plan the earlier ones whose results it reads, in order, each once.
std::vector<std::vector<unsigned>> kernelSources(const ModelPlan &plan);

} // namespace nncc
#endif
