// The way from L2 to an llvm::Module: the order of the last passes, and the translation.
#include "codegen/LowerToLLVM.h"
#include "codegen/ByteTables.h"
#include "codegen/CodegenPasses.h"
#include "codegen/ObjectCode.h"
#include "codegen/Rounding.h"
#include "mlir/Conversion/ReconcileUnrealizedCasts/ReconcileUnrealizedCasts.h"
#include "mlir/Conversion/SCFToControlFlow/SCFToControlFlow.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "mlir/Transforms/Passes.h"
#include "passes/Passes.h"
#include "passes/lower/Subnormals.h"
#include "llvm/IR/Module.h"

using namespace mlir;
using namespace nncc;

void nncc::buildLowerToLLVM(OpPassManager &passes) {
  OpPassManager &functions = passes.nest<func::FuncOp>();
  functions.addPass(createNarrowHalves());
  functions.addPass(createExpandMath());
  functions.addPass(createLowerVectors());
  functions.addPass(createSCFToControlFlowPass());
  functions.addPass(createExpandViews());
  functions.addPass(createCSEPass());
  passes.addPass(createConvertToLLVMDialect());
  passes.addPass(createReconcileUnrealizedCastsPass());
}

void nncc::registerLLVMTranslation(DialectRegistry &registry) {
  registerBuiltinDialectTranslation(registry);
  registerLLVMDialectTranslation(registry);
}

void nncc::registerLowerToLLVMPasses() {
  registerNnccCodegenPasses();
  PassPipelineRegistration<>("nncc-lower-to-llvm", "Lower L2 to the LLVM dialect", buildLowerToLLVM);
}

/// The plan of the model (nn.place, nn.launch) is no code: codegen/emit says it
/// as tables.
static void dropPlan(ModuleOp module) {
  for (func::FuncOp function : llvm::make_early_inc_range(module.getOps<func::FuncOp>()))
    if (function
            .walk([](Operation *op) {
              return op->getName().getDialectNamespace() == "nn" ? WalkResult::interrupt() : WalkResult::advance();
            })
            .wasInterrupted())
      function.erase();
}

/// The functions with code that may take subnormal numbers for zeros.
static SmallVector<std::string> namesOfFlushing(ModuleOp module) {
  SmallVector<std::string> names;
  for (auto function : module.getOps<func::FuncOp>())
    if (function->hasAttr(kFlushesAttr) && !function.isExternal())
      names.push_back(function.getName().str());
  return names;
}

FailureOr<std::unique_ptr<llvm::Module>> nncc::lowerToLLVM(ModuleOp module, const TargetSpec &target,
                                                           llvm::LLVMContext &context, NodeLines *lines,
                                                           ConfigurePasses configure) {
  dropPlan(module);
  SmallVector<std::string> flushing = namesOfFlushing(module);
  PassManager passes(module.getContext());
  if (configure && failed(configure(passes)))
    return failure();
  buildLowerToLLVM(passes);
  if (failed(passes.run(module)))
    return failure();

  // What the module says about machines and the model is for passes; LLVM has
  // no word for it.
  for (NamedAttribute attribute : llvm::to_vector(module->getDiscardableAttrs()))
    module->removeDiscardableAttr(attribute.getName());
  if (lines)
    attachLineInfo(module, *lines);
  std::unique_ptr<llvm::Module> code = translateModuleToLLVMIR(module, context, "nncc");
  if (!code)
    return failure();
  code->setSourceFileName("nncc");
  prepareModule(*code, target);
  expandByteTables(*code, target);
  roundInOneStep(*code, target);
  if (auto *flushSubnormals = target.architecture->flushSubnormals)
    for (const std::string &name : flushing)
      flushSubnormals(*code->getFunction(name));
  for (llvm::Function &function : *code) {
    if (function.isDeclaration())
      continue;
    function.setLinkage(llvm::GlobalValue::InternalLinkage);
    function.setDSOLocal(true);
    if (!function.hasFnAttribute(llvm::Attribute::AlwaysInline))
      function.addFnAttr(llvm::Attribute::NoInline);
  }
  for (llvm::GlobalVariable &global : code->globals())
    if (!global.isDeclaration())
      global.setLinkage(llvm::GlobalValue::InternalLinkage);
  return code;
}
