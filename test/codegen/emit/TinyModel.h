// A made-up model of four kernels in LLVM IR, to test emission without the rest
// of the compiler, and the smallest way from a module to an object.
#ifndef NNCC_TEST_CODEGEN_EMIT_TINYMODEL_H
#define NNCC_TEST_CODEGEN_EMIT_TINYMODEL_H
#include "codegen/emit/Library.h"
#include "mlir/IR/MLIRContext.h"
#include "llvm/IR/Module.h"
#include <memory>

namespace nncc::test {

/// The model: x is float [1, 64] "image:0", y is float [10] "scores".
///   k000_scale   h[i] = x[i] * w[i]             w[i] = i + 1
///   k001_copy    g = h, by a call of memcpy
///   k002_sum     y[j] = sum of g[i] + b[j]      b[j] = j * j
///   k003_scale   y[i] = y[i] * v[i], in place   v = 0.5; same function
/// extraWeightBytes  of zeros behind the others, to make a big object
ModelPlan tinyPlan(mlir::MLIRContext &context, llvm::StringRef name, llvm::StringRef target,
                   int64_t extraWeightBytes = 0);

/// Its kernels.
std::unique_ptr<llvm::Module> tinyModule(llvm::LLVMContext &context, const ModelPlan &plan);

/// y[j] for an x.
float tinyResult(const float *x, int j);

/// nncc's own compileToObject for the plan's target; the plan must outlive it.
ObjectCompiler tinyCompiler(const ModelPlan &plan);

} // namespace nncc::test
#endif
