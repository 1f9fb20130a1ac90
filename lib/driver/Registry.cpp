// One place that includes the headers of all dialects; see Registry.h.
#include "lib/driver/Registry.h"
#include "codegen/LowerToLLVM.h"
#include "codegen/cpu/CpuPasses.h"
#include "codegen/gpu/GpuPasses.h"
#include "codegen/spirv/SpirvPasses.h"
#include "dialects/nn/NN.h"
#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"
#include "mlir/Dialect/DLTI/DLTI.h"
#include "mlir/Dialect/UB/IR/UBOps.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Transforms/Passes.h"
#include "passes/Passes.h"
#include "passes/Pipelines.h"

using namespace mlir;

void nncc::registerDialects(DialectRegistry &registry) {
  registry.insert<nn::NNDialect, affine::AffineDialect, arith::ArithDialect, cf::ControlFlowDialect, DLTIDialect,
                  func::FuncDialect, gpu::GPUDialect, linalg::LinalgDialect, LLVM::LLVMDialect, math::MathDialect,
                  memref::MemRefDialect, scf::SCFDialect, spirv::SPIRVDialect, ub::UBDialect, vector::VectorDialect>();
  registerBuiltinDialectTranslation(registry);
  registerLLVMDialectTranslation(registry);
}

void nncc::registerPasses() {
  registerNnccPasses();
  PassPipelineRegistration<>("nncc-graph", "The graph phase: N1 to N2",
                             [](OpPassManager &manager) { buildGraphPipeline(manager); });
  PassPipelineRegistration<>("nncc-lower", "The lower phase: P to L1", buildLowerPipeline);
  PassPipelineRegistration<>("nncc-tile", "The tile phase: L1 to L2", [](OpPassManager &manager) {
    manager.addPass(createEmitContractions());
    buildTilePipeline(manager);
  });
  registerNnccCpuPasses();
  registerNnccGpuPasses();
  registerNnccSpirvPasses();
  registerLowerToLLVMPasses();
  mlir::registerCanonicalizerPass();
  mlir::registerCSEPass();
  mlir::registerInlinerPass();
  mlir::registerSymbolDCEPass();
  mlir::registerReconcileUnrealizedCastsPass();
  mlir::registerSCFToControlFlowPass();
}
