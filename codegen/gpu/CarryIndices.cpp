// Running sums for the indices of inner loops, and one of them for the counter; see GpuPasses.td.
#include "codegen/gpu/GpuPasses.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/Dominance.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Transforms/CSE.h"
#include "passes/check/Stage.h"
#include "passes/check/Trips.h"
#include <functional>

using namespace mlir;

namespace nncc {
#define GEN_PASS_DEF_CARRYINDICES
#include "codegen/gpu/GpuPasses.h.inc"

namespace {

/// The indices of a loop that grow by a constant in every step.
class GrowingIndices {
public:
  GrowingIndices(scf::ForOp loop, int64_t step) : loop(loop) {
    growth[loop.getInductionVar()] = step;
    loop.getBody()->walk<WalkOrder::PreOrder>([&](Operation *op) {
      if (std::optional<int64_t> each = growthOf(op))
        growth[op->getResult(0)] = *each;
    });
  }

  /// By how much an index grows; nothing where that differs from step to step, or it does not at all.
  std::optional<int64_t> of(Value value) const {
    auto found = growth.find(value);
    return found == growth.end() ? std::nullopt : std::optional<int64_t>(found->second);
  }

  /// The sums of something from outside of the loop and a product that nothing else needs: as a running sum each takes
  /// one addition, and the product none.
  SmallVector<Operation *> sumsOfProducts() const {
    SmallVector<Operation *> sums;
    loop.getBody()->walk([&](arith::MulIOp product) {
      auto isSum = [&](Operation *user) { return isSumWithInvariant(user, product); };
      if (of(product) && llvm::all_of(product->getUsers(), isSum))
        llvm::append_range(sums, product->getUsers());
    });
    return sums;
  }

  /// What an index is in the first step, computed before the loop.
  Value first(OpBuilder &builder, Value value) {
    if (value == loop.getInductionVar())
      return loop.getLowerBound();
    if (loop.isDefinedOutsideOfLoop(value))
      return value;
    SmallVector<Value> operands = llvm::map_to_vector(value.getDefiningOp()->getOperands(),
                                                      [&](Value operand) { return first(builder, operand); });
    Operation *op = value.getDefiningOp();
    return builder.create(op->getLoc(), op->getName().getIdentifier(), operands, op->getResultTypes())->getResult(0);
  }

private:
  std::optional<int64_t> growthOf(Operation *op) const {
    if (!isa<arith::AddIOp, arith::SubIOp, arith::MulIOp>(op) || !op->getResult(0).getType().isIndex())
      return std::nullopt;
    auto lhs = of(op->getOperand(0)), rhs = of(op->getOperand(1));
    if (isa<arith::MulIOp>(op)) {
      auto factor = getConstantIntValue(op->getOperand(1));
      return lhs && factor && loop.isDefinedOutsideOfLoop(op->getOperand(1)) ? std::optional<int64_t>(*lhs * *factor)
                                                                             : std::nullopt;
    }
    auto isKnown = [&](Value operand, std::optional<int64_t> each) {
      return each || loop.isDefinedOutsideOfLoop(operand);
    };
    if ((!lhs && !rhs) || !isKnown(op->getOperand(0), lhs) || !isKnown(op->getOperand(1), rhs))
      return std::nullopt;
    return lhs.value_or(0) + (isa<arith::AddIOp>(op) ? 1 : -1) * rhs.value_or(0);
  }

  bool isSumWithInvariant(Operation *op, Value product) const {
    auto sum = dyn_cast<arith::AddIOp>(op);
    if (!sum || !of(sum))
      return false;
    Value other = sum.getLhs() == product ? sum.getRhs() : sum.getLhs();
    return loop.isDefinedOutsideOfLoop(other) && !getConstantIntValue(other);
  }

  mutable scf::ForOp loop;
  DenseMap<Value, int64_t> growth;
};

/// True of loops around others, and of those in which threads wait for each other: all of them have to count alike
/// there.
bool hasLoopOrBarrier(scf::ForOp loop) {
  return loop.getBody()
      ->walk([](Operation *op) {
        return isa<scf::ForOp, gpu::BarrierOp>(op) ? WalkResult::interrupt() : WalkResult::advance();
      })
      .wasInterrupted();
}

/// Carries what is worth it through a loop; returns it, or the one that it became.
scf::ForOp carrySums(scf::ForOp loop) {
  GrowingIndices indices(loop, *getConstantIntValue(loop.getStep()));
  SmallVector<Operation *> sums = indices.sumsOfProducts();
  if (sums.empty())
    return loop;
  IRRewriter rewriter(loop);
  SmallVector<Value> starts =
      llvm::map_to_vector(sums, [&](Operation *sum) { return indices.first(rewriter, sum->getResult(0)); });
  auto grow = [&](OpBuilder &builder, Location loc, ArrayRef<BlockArgument> carried) {
    return llvm::map_to_vector(llvm::zip(sums, carried), [&](auto pair) -> Value {
      auto [sum, value] = pair;
      Value each = arith::ConstantIndexOp::create(builder, loc, *indices.of(sum->getResult(0)));
      return arith::AddIOp::create(builder, loc, value, each);
    });
  };
  unsigned before = loop.getNumRegionIterArgs();
  auto done = cast<scf::ForOp>(**loop.replaceWithAdditionalYields(rewriter, starts, false, grow));
  for (auto [sum, value] : llvm::zip(sums, done.getRegionIterArgs().drop_front(before)))
    rewriter.replaceOp(sum, value);
  return done;
}

void eraseDead(scf::ForOp loop) {
  SmallVector<Operation *> ops;
  loop.getBody()->walk<WalkOrder::PreOrder>([&](Operation *op) { ops.push_back(op); });
  for (Operation *op : llvm::reverse(ops))
    if (isOpTriviallyDead(op))
      op->erase();
}

bool isScalarIndex(Type type) { return type.isIndex() || type.isInteger(1); }

/// Moves indices out of a loop that are the same in each step, also those of branches.
void hoistIndices(scf::ForOp loop) {
  loop.getBody()->walk<WalkOrder::PreOrder>([&](Operation *op) {
    if (isPure(op) && op->getNumRegions() == 0 && op->getNumResults() > 0 &&
        llvm::all_of(op->getResultTypes(), isScalarIndex) &&
        llvm::all_of(op->getOperands(), [&](Value operand) { return loop.isDefinedOutsideOfLoop(operand); }))
      op->moveBefore(loop);
  });
}

/// Adds constants last: sums that differ by them have the rest in common.
void addConstantsLast(scf::ForOp loop) {
  loop.getBody()->walk<WalkOrder::PreOrder>([&](arith::AddIOp sum) {
    for (unsigned operand : {0, 1}) {
      auto inner = sum->getOperand(operand).getDefiningOp<arith::AddIOp>();
      if (!inner || loop.isDefinedOutsideOfLoop(inner) || !getConstantIntValue(inner.getRhs()) ||
          getConstantIntValue(sum->getOperand(1 - operand)))
        continue;
      OpBuilder builder(sum);
      Value rest = arith::AddIOp::create(builder, sum.getLoc(), sum->getOperand(1 - operand), inner.getLhs());
      sum->setOperands({rest, inner.getRhs()});
      return;
    }
  });
}

/// What a value is added to, or what is taken from it; null: the op does neither, or that changes in the loop.
Value invariantOf(scf::ForOp loop, Operation *op, Value walking) {
  if (!isa<arith::AddIOp>(op) && !(isa<arith::SubIOp>(op) && op->getOperand(0) == walking))
    return nullptr;
  Value other = op->getOperand(op->getOperand(0) == walking);
  return loop.isDefinedOutsideOfLoop(other) ? other : Value();
}

/// Lets an index that grows in each step, and is only needed for sums with what does not change, be one of them, which
/// is not computed any more then. The others are as far behind it as before.
///
/// growth   what gives it its next value; null: the loop does
/// returns  what the index is moved by, given its value; null: there is no such sum
std::function<Value(Value)> becomeSum(scf::ForOp loop, Value walking, Operation *growth) {
  SmallVector<Operation *> sums;
  llvm::copy_if(walking.getUsers(), std::back_inserter(sums), [&](Operation *op) { return op != growth; });
  if (sums.empty() || !llvm::all_of(sums, [&](Operation *op) { return invariantOf(loop, op, walking); }))
    return nullptr;
  std::reverse(sums.begin(), sums.end()); // uses stand last first
  auto *found =
      llvm::find_if(sums, [&](Operation *op) { return !getConstantIntValue(invariantOf(loop, op, walking)); });
  Operation *chosen = found == sums.end() ? sums.front() : *found;
  Location loc = loop.getLoc();
  // What a sum is where the index is `at`, computed before the loop.
  auto place = [=](bool isDifference, Value invariant, Value at) -> Value {
    OpBuilder builder(loop);
    return isDifference ? builder.createOrFold<arith::SubIOp>(loc, at, invariant)
                        : builder.createOrFold<arith::AddIOp>(loc, invariant, at);
  };
  bool isDifference = isa<arith::SubIOp>(chosen);
  Value invariant = invariantOf(loop, chosen, walking);
  IRRewriter rewriter(loop);
  Value zero = arith::ConstantIndexOp::create(rewriter, loc, 0), begin = place(isDifference, invariant, zero);
  for (Operation *sum : sums) {
    if (sum == chosen)
      continue;
    Value other = place(isa<arith::SubIOp>(sum), invariantOf(loop, sum, walking), zero);
    rewriter.setInsertionPoint(loop);
    auto known = constantDistance(begin, other);
    Value behind = known ? arith::ConstantIndexOp::create(rewriter, loc, *known)
                         : rewriter.createOrFold<arith::SubIOp>(loc, other, begin);
    rewriter.setInsertionPoint(sum);
    rewriter.replaceOpWithNewOp<arith::AddIOp>(sum, walking, behind);
  }
  rewriter.replaceOp(chosen, walking);
  return [=](Value start) { return place(isDifference, invariant, start); };
}

/// Lets a loop count by a sum that its counter is needed for alone.
bool countBySum(scf::ForOp loop) {
  auto move = becomeSum(loop, loop.getInductionVar(), nullptr);
  if (!move)
    return false;
  OpBuilder builder(loop);
  int64_t length = *constantDistance(loop.getLowerBound(), loop.getUpperBound());
  Value low = move(loop.getLowerBound()), distance = arith::ConstantIndexOp::create(builder, loop.getLoc(), length);
  loop.setUpperBound(builder.createOrFold<arith::AddIOp>(loop.getLoc(), low, distance));
  loop.setLowerBound(low);
  return true;
}

/// What makes the next value of something that a loop carries, if that is a sum of it and a constant above 0.
arith::AddIOp growthOf(scf::ForOp loop, unsigned number) {
  Value argument = loop.getRegionIterArg(number);
  auto sum = loop.getYieldedValues()[number].getDefiningOp<arith::AddIOp>();
  bool grows = argument.getType().isIndex() && loop.getResult(number).use_empty() && sum && sum->hasOneUse() &&
               sum.getLhs() == argument && getConstantIntValue(sum.getRhs()).value_or(0) > 0;
  return grows ? sum : arith::AddIOp();
}

/// The same for what a loop carries.
bool carrySum(scf::ForOp loop, unsigned number) {
  arith::AddIOp growth = growthOf(loop, number);
  auto move = growth ? becomeSum(loop, loop.getRegionIterArg(number), growth) : nullptr;
  if (move)
    loop.getInitArgsMutable()[number].set(move(loop.getInitArgs()[number]));
  return move != nullptr;
}

/// Lets a loop that nothing needs the counter of count by an index that it carries.
void countByCarried(scf::ForOp loop) {
  auto numbers = llvm::seq(0u, loop.getNumRegionIterArgs());
  auto chosen = llvm::find_if(numbers, [&](unsigned number) { return growthOf(loop, number); });
  if (!loop.getInductionVar().use_empty() || chosen == numbers.end())
    return;
  IRRewriter rewriter(loop);
  Location loc = loop.getLoc();
  unsigned number = *chosen;
  int64_t each = *getConstantIntValue(growthOf(loop, number).getRhs());
  Value low = loop.getInitArgs()[number],
        length = arith::ConstantIndexOp::create(rewriter, loc, *constantTrips(loop) * each),
        high = rewriter.createOrFold<arith::AddIOp>(loc, low, length),
        step = arith::ConstantIndexOp::create(rewriter, loc, each);
  SmallVector<Value> inits(loop.getInitArgs());
  inits.erase(inits.begin() + number);
  auto made = scf::ForOp::create(rewriter, loc, low, high, step, inits);
  made->setDiscardableAttrs(loop->getDiscardableAttrDictionary());
  loop.getBody()->getTerminator()->eraseOperand(number);
  SmallVector<Value> arguments(made.getRegionIterArgs());
  arguments.insert(arguments.begin() + number, made.getInductionVar());
  arguments.insert(arguments.begin(), made.getInductionVar());
  if (!made.getBody()->empty())
    rewriter.eraseOp(made.getBody()->getTerminator());
  rewriter.mergeBlocks(loop.getBody(), made.getBody(), arguments);
  SmallVector<Value> results(made.getResults());
  results.insert(results.begin() + number, low); // nothing needs it
  rewriter.replaceOp(loop, results);
  eraseDead(made);
}

void carry(scf::ForOp loop) {
  hoistIndices(loop);
  loop = carrySums(loop);
  eraseDead(loop);
  while (countBySum(loop))
    ;
  for (unsigned number : llvm::seq(0u, loop.getNumRegionIterArgs()))
    while (carrySum(loop, number))
      ;
  countByCarried(loop);
}

struct CarryIndices : impl::CarryIndicesBase<CarryIndices> {
  void runOnOperation() override {
    if (failed(requireStage(*this, getOperation(), {"G"})))
      return signalPassFailure();
    for (scf::ForOp loop : innerLoops())
      addConstantsLast(loop);
    IRRewriter rewriter(&getContext());
    DominanceInfo dominance(getOperation());
    getOperation().walk(
        [&](gpu::GPUFuncOp kernel) { eliminateCommonSubExpressions(rewriter, dominance, kernel.getOperation()); });
    for (scf::ForOp loop : innerLoops())
      carry(loop);
  }

  SmallVector<scf::ForOp> innerLoops() {
    SmallVector<scf::ForOp> loops;
    getOperation().walk([&](scf::ForOp loop) {
      if (constantTrips(loop) && !hasLoopOrBarrier(loop))
        loops.push_back(loop);
    });
    return loops;
  }
};
} // namespace
} // namespace nncc
