// The weights of a model as a file of their own, M.weights: what `--weights=extern` writes. The program brings it into
// memory (flash, mmap) and gives its address to M_init.
#ifndef NNCC_CODEGEN_EMIT_WEIGHTSFILE_H
#define NNCC_CODEGEN_EMIT_WEIGHTSFILE_H
#include "codegen/emit/ModelPlan.h"
#include "codegen/emit/WeightsObject.h"
#include "llvm/Support/Error.h"

namespace llvm {
class Module;
class raw_pwrite_stream;
} // namespace llvm

namespace nncc {

/// `M.weights`.
std::string weightsFileName(const ModelPlan &plan);

/// Bytes of that file: a header, then the weights, padded with zeros to a multiple of 64.
uint64_t weightsFileBytes(const ModelPlan &plan);

/// Names what code expects of weights: two weights files of the same number may take each other's place. The number is
/// made of the kernels and of what they are called with, and so of everything but the weights' values; the names of
/// the model and of its symbols do not count.
///
/// module  the kernels, before anything is added to them
uint64_t weightsLayout(const llvm::Module &module, const ModelPlan &plan);

/// Writes nncc_weights_header, then the weights.
///
/// plan     weightsLayout is known
/// returns  the hash in the header
/// error    as writeWeights
llvm::Expected<uint64_t> writeWeightsFile(const ModelPlan &plan, const WeightWriter &pack, llvm::raw_pwrite_stream &os);

} // namespace nncc
#endif
