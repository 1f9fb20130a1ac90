// Kernels that are no perfect nest (reductions, softmax, gathers, resampling ...) become loops over vectors.
// The loops of each op family are in the file of its name.
#include "dialects/nn/NN.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "passes/Passes.h"
#include "passes/check/Stage.h"
#include "passes/lower/KernelLoops.h"
#include "passes/lower/Machine.h"

using namespace mlir;

namespace nncc {
#define GEN_PASS_DEF_LOWERTOLOOPS
#include "passes/Passes.h.inc"

namespace {

LogicalResult lowerRoot(KernelLoops &loops) {
  return llvm::TypeSwitch<Operation *, LogicalResult>(loops.root)
      .Case([&](nn::ReduceOp op) { return lowerReduce(loops, op); })
      .Case([&](nn::ArgReduceOp op) { return lowerArgReduce(loops, op); })
      .Case([&](nn::SoftmaxOp op) { return lowerSoftmax(loops, op); })
      .Case([&](nn::CumSumOp op) { return lowerCumSum(loops, op); })
      .Case([&](nn::LayerNormOp op) { return lowerLayerNorm(loops, op); })
      .Case([&](nn::MatMulOp op) { return lowerMatMul(loops, op); })
      .Case([&](nn::MatMulWidenedOp op) { return lowerMatMulWidened(loops, op); })
      .Case([&](nn::Conv2DOp op) { return lowerConv2D(loops, op); })
      .Case([&](nn::ConvTranspose2DOp op) { return lowerConvTranspose2D(loops, op); })
      .Case([&](nn::Pool2DOp op) { return lowerPool2D(loops, op); })
      .Case([&](nn::GatherOp op) { return lowerGather(loops, op); })
      .Case([&](nn::GatherElementsOp op) { return lowerGatherElements(loops, op); })
      .Case([&](nn::GatherNDOp op) { return lowerGatherND(loops, op); })
      .Case([&](nn::ScatterElementsOp op) { return lowerScatterElements(loops, op); })
      .Case([&](nn::ScatterNDOp op) { return lowerScatterND(loops, op); })
      .Case([&](nn::OneHotOp op) { return lowerOneHot(loops, op); })
      .Case([&](nn::TopKOp op) { return lowerTopK(loops, op); })
      .Case([&](nn::ResizeOp op) { return lowerResize(loops, op); })
      .Case([&](nn::RoiAlignOp op) { return lowerRoiAlign(loops, op); })
      .Default(failure());
}

/// The way to a root's operands must be free: of what a kernel computes before its root, loops here know nothing but
/// the cast of what a reduction reads.
bool readsInputs(Operation *root) {
  return root && llvm::all_of(root->getOperands(), [&](Value operand) {
           if (auto cast = operand.getDefiningOp<nn::CastOp>(); cast && isa<nn::ReduceOp>(root))
             operand = cast.getInput();
           return isa<BlockArgument>(operand) || nn::getConstantValue(operand);
         });
}

struct LowerToLoops : impl::LowerToLoopsBase<LowerToLoops> {
  void runOnOperation() override {
    if (failed(requireStage(*this, getOperation(), {"L1", "L2"})))
      return signalPassFailure();
    SmallVector<nn::KernelOp> kernels;
    getOperation().walk([&](nn::KernelOp kernel) {
      if (kernel.isPlanned())
        kernels.push_back(kernel);
    });
    for (nn::KernelOp kernel : kernels) {
      FailureOr<nn::MachineAttr> machine = machineOf(kernel->getParentOfType<func::FuncOp>());
      if (failed(machine))
        return signalPassFailure();
      OpBuilder builder(kernel);
      LoopBuilder build(builder, kernel.getLoc(), machine->getMostLanes());
      KernelLoops loops(build, kernel, *machine);
      if (!readsInputs(loops.root) || failed(lowerRoot(loops))) {
        kernel.emitOpError() << "has no lowering to loops: its root is "
                             << (loops.root ? loops.root->getName().getStringRef() : StringRef("missing"));
        return signalPassFailure();
      }
      kernel.erase();
    }
  }
};
} // namespace
} // namespace nncc
