// See YieldResults.h.
#include "codegen/spirv/YieldResults.h"

using namespace mlir;

namespace nncc {
namespace {

/// What is read of a variable behind the loop or branch that writes it.
struct Result {
  spirv::VariableOp variable;
  SmallVector<spirv::StoreOp> stores;
  SmallVector<spirv::LoadOp> loads;
};

/// A variable whose uses are stores directly in a loop or branch, and loads behind it.
std::optional<Result> resultOf(spirv::VariableOp variable, Operation *maker) {
  Result result{variable, {}, {}};
  auto isBehind = [&](Operation *load) {
    Operation *beside = maker->getBlock()->findAncestorOpInBlock(*load);
    return beside && maker->isBeforeInBlock(beside);
  };
  for (Operation *user : variable->getUsers()) {
    auto store = dyn_cast<spirv::StoreOp>(user);
    auto load = dyn_cast<spirv::LoadOp>(user);
    if (store && store.getPtr() == variable.getPointer() && store->getParentOp() == maker)
      result.stores.push_back(store);
    else if (load && isBehind(load))
      result.loads.push_back(load);
    else
      return std::nullopt;
  }
  return variable.getInitializer() ? std::nullopt : std::optional<Result>(std::move(result));
}

/// The value of a result at the head of a loop: what its last iteration, or none, leaves there. Null: none is.
Value valueOf(spirv::LoopOp loop, Result &result) {
  Block *head = loop.getHeaderBlock();
  if (result.stores.size() != 1)
    return nullptr;
  spirv::StoreOp store = result.stores.front();
  auto back = dyn_cast<spirv::BranchOp>(store->getBlock()->getTerminator());
  if (!back || back.getTarget() != head)
    return nullptr;
  for (auto [argument, next] : llvm::zip_equal(head->getArguments(), back.getTargetOperands()))
    if (next == store.getValue())
      return argument;
  return nullptr;
}

/// An argument of the merge block, to which each side of a branch hands its value. Null: not each has one.
Value valueOf(spirv::SelectionOp branch, Result &result) {
  Block *merge = branch.getMergeBlock();
  llvm::SmallDenseMap<Block *, spirv::StoreOp> stores; // by what hands the value on
  for (spirv::StoreOp store : result.stores)
    if (isa<spirv::BranchOp>(store->getBlock()->getTerminator()))
      stores[store->getBlock()] = store;
  if (!llvm::all_of(merge->getPredecessors(), [&](Block *side) { return stores.contains(side); }))
    return nullptr;
  Value argument = merge->addArgument(result.stores.front().getValue().getType(), branch.getLoc());
  for (Block *side : llvm::to_vector(merge->getPredecessors()))
    cast<spirv::BranchOp>(side->getTerminator()).getTargetOperandsMutable().append(stores[side].getValue());
  return argument;
}

spirv::LoopOp makeWith(OpBuilder &builder, spirv::LoopOp loop, TypeRange types) {
  return spirv::LoopOp::create(builder, loop.getLoc(), types, loop.getLoopControl());
}
spirv::SelectionOp makeWith(OpBuilder &builder, spirv::SelectionOp branch, TypeRange types) {
  return spirv::SelectionOp::create(builder, branch.getLoc(), types, branch.getSelectionControl());
}

/// Makes an op with results of one without, which takes over its blocks.
template <typename Op> void yield(Op op) {
  SmallVector<Value> values;
  SmallVector<Result> yielded;
  for (Operation &other : llvm::make_range(op->getBlock()->begin(), op->getIterator()))
    if (auto variable = dyn_cast<spirv::VariableOp>(other))
      if (auto result = resultOf(variable, op))
        if (Value value = valueOf(op, *result)) {
          values.push_back(value);
          yielded.push_back(std::move(*result));
        }
  if (values.empty())
    return;
  OpBuilder builder(op);
  Op made = makeWith(builder, op, TypeRange(ValueRange(values)));
  made.getBody().takeBody(op.getBody());
  auto merge = cast<spirv::MergeOp>(made.getMergeBlock()->getTerminator());
  builder.setInsertionPoint(merge);
  spirv::MergeOp::create(builder, merge.getLoc(), values);
  merge.erase();
  for (auto [result, value] : llvm::zip_equal(yielded, made.getResults())) {
    for (spirv::LoadOp load : result.loads) {
      load.getValue().replaceAllUsesWith(value);
      load.erase();
    }
    for (spirv::StoreOp store : result.stores)
      store.erase();
    result.variable.erase();
  }
  op.erase();
}

void dropUnread(spirv::VariableOp variable) {
  auto isNoRead = [](Operation *user) { return isa<spirv::StoreOp, spirv::LoadOp>(user) && user->use_empty(); };
  if (!llvm::all_of(variable->getUsers(), isNoRead))
    return;
  for (Operation *user : llvm::make_early_inc_range(variable->getUsers()))
    user->erase();
  variable.erase();
}
} // namespace

void yieldResults(spirv::ModuleOp module) {
  SmallVector<spirv::VariableOp> variables;
  module.walk([&](spirv::VariableOp variable) { variables.push_back(variable); });
  for (spirv::VariableOp variable : variables)
    dropUnread(variable);
  // Inner ones first: what an outer one stores may be what an inner one yields.
  SmallVector<Operation *> makers;
  module.walk<WalkOrder::PostOrder>([&](Operation *op) {
    if (isa<spirv::LoopOp, spirv::SelectionOp>(op))
      makers.push_back(op);
  });
  for (Operation *maker : makers)
    if (auto loop = dyn_cast<spirv::LoopOp>(maker))
      yield(loop);
    else
      yield(cast<spirv::SelectionOp>(maker));
}

void inlineResults(spirv::ModuleOp module) {
  module.walk([&](spirv::MergeOp merge) {
    for (auto [result, value] : llvm::zip_equal(merge->getParentOp()->getResults(), merge.getOperands()))
      result.replaceAllUsesWith(value);
  });
}

} // namespace nncc
