// Erases dead nn ops, last users first.
#include "dialects/nn/NN.h"
#include "mlir/IR/Remarks.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "passes/Passes.h"
#include "passes/check/Stage.h"

using namespace mlir;

namespace nncc {
#define GEN_PASS_DEF_DROPUNUSEDOPS
#include "passes/Passes.h.inc"

namespace {
struct DropUnusedOps : impl::DropUnusedOpsBase<DropUnusedOps> {
  void runOnOperation() override {
    if (failed(requireStage(*this, getOperation(), {"N1"})))
      return signalPassFailure();
    for (Block &block : getOperation().getBody())
      for (Operation &op : llvm::make_early_inc_range(llvm::reverse(block)))
        if (isOpTriviallyDead(&op)) {
          remark::passed(op.getLoc(), remark::RemarkOpts::name("DropUnusedOps").category("nncc-drop-unused-ops"))
              << op.getName().getStringRef() << " is used by nothing";
          op.erase();
        }
  }
};
} // namespace
} // namespace nncc
