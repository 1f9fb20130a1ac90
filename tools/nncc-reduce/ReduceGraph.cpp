// See ReduceGraph.h. Delta debugging: halves of all ops are tried first, then quarters, at last each op by itself,
// until nothing more can go (Zeller and Hildebrandt: Simplifying and isolating failure-inducing input, 2002).
#include "tools/nncc-reduce/ReduceGraph.h"
#include "dialects/nn/NN.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Reducer/Tester.h"
#include "llvm/Support/FileSystem.h"

using namespace mlir;

namespace nncc {

namespace {

/// The function of a graph that holds an op, unless the op is inside of a kernel.
func::FuncOp graphOf(Operation *op) { return dyn_cast_or_null<func::FuncOp>(op->getParentOp()); }

/// An operand that can stand for the op's only result.
Value sameOperand(Operation *op) {
  for (Value operand : op->getOperands())
    if (op->getNumResults() == 1 && operand.getType() == op->getResult(0).getType())
      return operand;
  return {};
}

/// Whether remove() knows how to do without an op.
bool canRemove(Operation *op) {
  if (!isa_and_nonnull<nn::NNDialect>(op->getDialect()) || op->hasTrait<OpTrait::IsTerminator>() ||
      isa<nn::ConstantOp>(op))
    return false;
  if (!graphOf(op))
    return sameOperand(op) != nullptr;
  return llvm::all_of(op->getResultTypes(), llvm::IsaPred<RankedTensorType>);
}

/// What computes tensors becomes arguments of the function, and no constants, so that nothing is folded that was not;
/// what only writes memory goes. Inside of a kernel, whose arguments are its operands, an operand stands for the
/// result.
void remove(Operation *op) {
  if (func::FuncOp function = graphOf(op)) {
    for (Value result : op->getResults()) {
      (void)function.insertArgument(function.getNumArguments(), result.getType(), DictionaryAttr(), op->getLoc());
      result.replaceAllUsesWith(function.getArguments().back());
    }
  } else {
    op->getResult(0).replaceAllUsesWith(sameOperand(op));
  }
  op->erase();
}

/// Whether nobody sees what an op does: one that computes tensors does nothing else.
bool isDead(Operation *op) {
  if (auto function = dyn_cast<func::FuncOp>(op))
    return function.isPrivate() && SymbolTable::symbolKnownUseEmpty(op, op->getParentOp());
  bool computes = op->getNumResults() && llvm::all_of(op->getResultTypes(), llvm::IsaPred<RankedTensorType>);
  return computes ? op->use_empty() : isOpTriviallyDead(op);
}

void eraseDeadOps(ModuleOp module) {
  for (;;) {
    Operation *dead = nullptr;
    module.walk<WalkOrder::PreOrder>([&](Operation *op) {
      if (op == module || !isDead(op))
        return WalkResult::advance();
      dead = op;
      return WalkResult::interrupt();
    });
    if (!dead)
      return;
    dead->erase();
  }
}

/// A function loses the results that are its arguments, and the arguments that nobody reads.
void shrinkSignature(func::FuncOp function) {
  if (function.isDeclaration() || !function.getBody().hasOneBlock())
    return;
  Operation *end = function.getBody().front().getTerminator();
  llvm::BitVector results(function.getNumResults()), arguments(function.getNumArguments());
  for (auto [i, operand] : llvm::enumerate(end->getOperands()))
    results[i] = isa<BlockArgument>(operand);
  end->eraseOperands(results);
  (void)function.eraseResults(results);
  for (BlockArgument argument : function.getArguments())
    arguments[argument.getArgNumber()] = argument.use_empty();
  (void)function.eraseArguments(arguments);
}

class ReduceGraphPass : public PassWrapper<ReduceGraphPass, OperationPass<ModuleOp>> {
public:
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(ReduceGraphPass)

  ReduceGraphPass() = default;
  ReduceGraphPass(const ReduceGraphPass &other) : PassWrapper(other) {}

  StringRef getArgument() const override { return "reduce-graph"; }
  StringRef getDescription() const override {
    return "Take ops out of graphs of nn as long as a program fails on what is left";
  }

  void runOnOperation() override {
    ModuleOp module = getOperation();
    if (!llvm::sys::fs::can_execute(test)) {
      module.emitError() << "test=" << test << " is no program that can be run";
      return signalPassFailure();
    }
    Tester tester(test, testArguments);
    if (tester.isInteresting(module).first != Tester::Interestingness::True) {
      module.emitError() << "'" << test << "' ends with status 0: there is nothing to look for";
      return signalPassFailure();
    }
    for (bool hasChanged = true; hasChanged;) {
      hasChanged = reduceOnce(module, tester);
      hasChanged |= shortenResults(module, tester);
    }
  }

private:
  /// Tries all chunks of all sizes. Returns whether any could go.
  bool reduceOnce(ModuleOp module, Tester &tester) {
    bool hasChanged = false;
    for (size_t size = std::max<size_t>(removable(module).size() / 2, 1);; size /= 2) {
      // From the end, where removing an op frees all before it.
      for (size_t left = removable(module).size(); left > 0; left -= std::min(size, left)) {
        size_t now = removable(module).size();
        left = std::min(left, now);
        if (!left)
          break;
        hasChanged |= removeChunk(module, left - std::min(size, left), left, tester);
      }
      if (size <= 1)
        return hasChanged;
    }
  }

  static SmallVector<Operation *> removable(ModuleOp module) {
    SmallVector<Operation *> ops;
    module.walk<WalkOrder::PreOrder>([&](Operation *op) {
      if (canRemove(op))
        ops.push_back(op);
    });
    return ops;
  }

  /// Removes the ops from `begin` to `end` if the program still fails then.
  static bool removeChunk(ModuleOp module, size_t begin, size_t end, Tester &tester) {
    return tryEdit(module, tester, [&](ModuleOp copy) {
      SmallVector<Operation *> ops = removable(copy);
      for (size_t i = end; i-- > begin;) // an op inside of a kernel before the kernel
        remove(ops[i]);
    });
  }

  /// Lets a function return what its last op reads, so that the op may go. Returns whether any could.
  static bool shortenResults(ModuleOp module, Tester &tester) {
    bool hasChanged = false;
    for (size_t i = 0; i < removable(module).size(); ++i) {
      Operation *op = removable(module)[i];
      for (unsigned operand = 0; operand < op->getNumOperands(); ++operand) {
        if (!returnsOnly(op) || op->getOperand(operand).getDefiningOp<nn::ConstantOp>())
          continue;
        if (!tryEdit(module, tester, [&](ModuleOp copy) { returnOperand(removable(copy)[i], operand); }))
          continue;
        hasChanged = true;
        break;
      }
    }
    return hasChanged;
  }

  static bool returnsOnly(Operation *op) {
    return graphOf(op) && op->getNumResults() == 1 && llvm::all_of(op->getUsers(), llvm::IsaPred<func::ReturnOp>) &&
           !op->use_empty();
  }

  static void returnOperand(Operation *op, unsigned operand) {
    func::FuncOp function = graphOf(op);
    op->getResult(0).replaceAllUsesWith(op->getOperand(operand));
    op->erase();
    Operation *end = function.getBody().front().getTerminator();
    function.setType(FunctionType::get(function.getContext(), function.getArgumentTypes(), end->getOperandTypes()));
  }

  /// Edits a copy, and takes it if it is valid and the program fails on it.
  static bool tryEdit(ModuleOp module, Tester &tester, llvm::function_ref<void(ModuleOp)> edit) {
    OwningOpRef<ModuleOp> copy = module.clone();
    edit(*copy);
    eraseDeadOps(*copy);
    copy->walk(shrinkSignature);
    ScopedDiagnosticHandler quiet(module.getContext(), [](Diagnostic &) { return success(); });
    if (failed(verify(*copy)) || tester.isInteresting(*copy).first != Tester::Interestingness::True)
      return false;
    module.getBodyRegion().takeBody(copy->getBodyRegion());
    return true;
  }

  Option<std::string> test{*this, "test",
                           llvm::cl::desc("The program that is run on each file: it fails on what is looked for")};
  ListOption<std::string> testArguments{*this, "test-arg", llvm::cl::desc("Its arguments, in front of the file")};
};

} // namespace

void registerReduceGraphPass() { PassRegistration<ReduceGraphPass>(); }

} // namespace nncc
