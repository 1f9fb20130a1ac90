// Running sums for the indices of inner loops; see GpuPasses.td.
#include "codegen/gpu/GpuPasses.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "passes/check/Stage.h"

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

/// Carries what is worth it through one loop.
void carry(scf::ForOp loop) {
  auto step = getConstantIntValue(loop.getStep());
  if (!step || loop.getBody()->walk([](scf::ForOp) { return WalkResult::interrupt(); }).wasInterrupted())
    return;
  GrowingIndices indices(loop, *step);
  SmallVector<Operation *> sums = indices.sumsOfProducts();
  if (sums.empty())
    return;
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
}

struct CarryIndices : impl::CarryIndicesBase<CarryIndices> {
  void runOnOperation() override {
    if (failed(requireStage(*this, getOperation(), {"G"})))
      return signalPassFailure();
    SmallVector<scf::ForOp> loops;
    getOperation().walk([&](scf::ForOp loop) { loops.push_back(loop); });
    for (scf::ForOp loop : loops)
      carry(loop);
  }
};
} // namespace
} // namespace nncc
