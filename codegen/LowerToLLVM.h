// From L2 to an llvm::Module: the last passes over MLIR, and the translation.
#ifndef NNCC_CODEGEN_LOWERTOLLVM_H
#define NNCC_CODEGEN_LOWERTOLLVM_H
#include "codegen/LineInfo.h"
#include "codegen/Target.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/DialectRegistry.h"
#include "mlir/Pass/PassManager.h"
#include <memory>

namespace llvm {
class LLVMContext;
class Module;
} // namespace llvm

namespace nncc {

/// What the passes and the translation below need to be known to a context.
void registerLLVMTranslation(mlir::DialectRegistry &registry);

/// Adds the passes from L2 to the LLVM dialect; they need a module whose
/// functions are L2 code.
///
/// Order: math to arithmetic, vectors to one dimension, loops to branches,
/// everything to the LLVM dialect. A memref argument becomes one pointer (its
/// offset must be 0: the caller adds it), an argument with the attribute
/// `llvm.noalias` keeps it.
void buildLowerToLLVM(mlir::OpPassManager &passes);

/// Makes the passes above known to nncc-opt, and `--nncc-lower-to-llvm` for all
/// of them.
void registerLowerToLLVMPasses();

/// Lowers the functions of an L2 module to an llvm::Module for `target`,
/// without optimizing them.
///
/// Functions of nn ops (`@main`, the plan) are dropped; every other one with a
/// body becomes an `internal`, `noinline` function under its own name, so that
/// it is a local symbol that a profile shows. `module` is consumed.
///
/// configure  sets up the pass manager: printing, timing
/// error      reported on the module's context
using ConfigurePasses = llvm::function_ref<mlir::LogicalResult(mlir::PassManager &)>;
mlir::FailureOr<std::unique_ptr<llvm::Module>> lowerToLLVM(mlir::ModuleOp module, const TargetSpec &target,
                                                           llvm::LLVMContext &context, NodeLines *lines = nullptr,
                                                           ConfigurePasses configure = {});

} // namespace nncc
#endif
