// The object file that holds a model's weights: data only, streamed to disk one
// weight at a time, so that no weight is held in memory twice.
#ifndef NNCC_CODEGEN_EMIT_WEIGHTSOBJECT_H
#define NNCC_CODEGEN_EMIT_WEIGHTSOBJECT_H
#include "codegen/emit/ModelPlan.h"
#include "llvm/Support/Error.h"
#include <functional>
#include <memory>

namespace llvm {
class MemoryBuffer;
class raw_ostream;
} // namespace llvm

namespace nncc {

/// Writes the `bytes` bytes of one weight.
using WeightWriter = std::function<llvm::Error(const WeightPlan &, llvm::raw_ostream &)>;

/// Symbol of a model's weights: global, hidden, shared by its two objects.
std::string weightsSymbol(const ModelPlan &plan);

/// Section of a model's weights, for linker scripts: `.rodata.nncc.M.weights`.
std::string weightsSection(const ModelPlan &plan);

/// Writes a weight as it is: its elements in row-major order, little endian;
/// bool as one byte of 0 or 1.
///
/// error   a value of another size than the plan says, or no bytes at all
llvm::Error writeRowMajor(const WeightPlan &weight, llvm::raw_ostream &os);

/// Writes the weights alone, `weightsBytes` of them; gaps are zeros.
///
/// plan    weights in any order; two at the same offset are the same bytes
/// pack    writes weights with a packing recipe; null if there are none
/// error   overlapping weights, one beyond weightsBytes, or written in another
///         number of bytes than planned
llvm::Error writeWeights(const ModelPlan &plan, const WeightWriter &pack, llvm::raw_ostream &os);

/// Writes an ELF64 relocatable object for plan.target with the weights in one
/// read-only section, aligned to 64 bytes (a cache line).
/// source  System V ABI, chapter 4
llvm::Error writeWeightsObject(const ModelPlan &plan, const WeightWriter &pack, llvm::raw_ostream &os);

/// The same object in memory, for running a model in process; null for a model without weights.
llvm::Expected<std::unique_ptr<llvm::MemoryBuffer>> makeWeightsObject(const ModelPlan &plan, const WeightWriter &pack);

/// Bytes of that object.
uint64_t weightsObjectBytes(const ModelPlan &plan);

} // namespace nncc
#endif
