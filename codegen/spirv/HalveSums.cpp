// Products of f16 are added up in f16, a few at a time; see SpirvPasses.td.
#include "codegen/gpu/GpuPasses.h"
#include "codegen/spirv/SpirvPasses.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Matchers.h"
#include "passes/check/Stage.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;

namespace nncc {
#define GEN_PASS_DEF_HALVESUMS
#include "codegen/spirv/SpirvPasses.h.inc"

namespace {

/// What rounding takes from a sum grows with the number of its products.
constexpr int64_t kMostProducts = 32;
/// The sum of a few products takes a conversion and an addition, which have to be worth it.
constexpr int64_t kLeastProducts = 8;

bool isMove(Operation *op) {
  return isa<arith::SelectOp, vector::ExtractOp, vector::ShuffleOp, vector::BroadcastOp, vector::FromElementsOp>(op);
}

/// The operands of an op that only moves numbers, without conditions.
SmallVector<Value> movedBy(Operation *op) {
  return llvm::filter_to_vector(op->getOperands(),
                                [](Value operand) { return isa<FloatType>(getElementTypeOrSelf(operand.getType())); });
}

/// Values of f32 that are f16 which were made wider, and moved.
class Halves {
public:
  static bool has(Value wide) {
    Operation *op = wide.getDefiningOp();
    if (!op)
      return false;
    if (isa<arith::ExtFOp>(op))
      return getElementTypeOrSelf(op->getOperand(0).getType()).isF16();
    if (isa<arith::ConstantOp>(op))
      return matchPattern(wide, m_AnyZeroFloat());
    return isMove(op) && llvm::all_of(movedBy(op), has);
  }

  /// What an f32 of which there is a half was made of, at the place of the f32.
  Value of(Value wide) {
    if (Value half = known.lookup(wide))
      return half;
    Operation *op = wide.getDefiningOp();
    if (isa<arith::ExtFOp>(op))
      return known[wide] = op->getOperand(0);
    OpBuilder builder(op);
    if (isa<arith::ConstantOp>(op))
      return known[wide] =
                 arith::ConstantOp::create(builder, op->getLoc(), builder.getZeroAttr(halfType(wide.getType())));
    IRMapping moved;
    for (Value operand : movedBy(op))
      moved.map(operand, of(operand));
    Operation *clone = builder.clone(*op, moved);
    clone->getResult(0).setType(halfType(wide.getType()));
    return known[wide] = clone->getResult(0);
  }

  static Type halfType(Type type) {
    Type f16 = Float16Type::get(type.getContext());
    auto vector = dyn_cast<VectorType>(type);
    return vector ? vector.clone(f16) : f16;
  }

private:
  DenseMap<Value, Value> known;
};

bool isProductOfHalves(vector::FMAOp op) { return op && Halves::has(op.getLhs()) && Halves::has(op.getRhs()); }

/// Products that are added to a sum one after the other, within a block. Nothing else reads the sums in between.
using Chain = SmallVector<vector::FMAOp>;

Chain chainOf(vector::FMAOp first) {
  Chain chain;
  for (vector::FMAOp op = first; isProductOfHalves(op) && op->getBlock() == first->getBlock();) {
    chain.push_back(op);
    if (!op->hasOneUse())
      break;
    auto next = dyn_cast<vector::FMAOp>(*op->user_begin());
    op = next && next.getAcc() == op.getResult() ? next : vector::FMAOp();
  }
  return chain;
}

Value zeroOf(OpBuilder &builder, Location loc, Type wide) {
  return arith::ConstantOp::create(builder, loc, builder.getZeroAttr(Halves::halfType(wide)));
}

/// A sum of f32, and one of f16 added to it.
Value addHalf(OpBuilder &builder, Location loc, Value sum, Value half) {
  return arith::AddFOp::create(builder, loc, sum, arith::ExtFOp::create(builder, loc, sum.getType(), half));
}

/// A loop whose only results are sums of products of f16.
class SumLoop {
public:
  static std::optional<SumLoop> of(scf::ForOp loop) {
    SumLoop found(loop);
    auto low = getConstantIntValue(loop.getLowerBound()), step = getConstantIntValue(loop.getStep());
    std::optional<APInt> count = loop.getStaticTripCount();
    if (!low || !step || !count || loop.getNumResults() == 0)
      return std::nullopt;
    found.low = *low;
    found.step = *step;
    found.trips = count->getSExtValue();
    for (auto [argument, next] : llvm::zip(loop.getRegionIterArgs(), loop.getYieldedValues())) {
      auto first = argument.hasOneUse() ? dyn_cast<vector::FMAOp>(*argument.user_begin()) : vector::FMAOp();
      if (!first || first.getAcc() != argument || first->getBlock() != loop.getBody())
        return std::nullopt;
      Chain chain = chainOf(first);
      if (chain.empty() || chain.back().getResult() != next || !next.hasOneUse())
        return std::nullopt;
      found.products = std::max<int64_t>(found.products, chain.size());
      found.sums.insert_range(chain);
    }
    return found;
  }

  /// The iterations whose products are added up in f16; 0: none are worth it. At most 32 lengths are looked at.
  int64_t blockLength() const {
    int64_t most = std::min(trips, kMostProducts / products), length = most;
    while (length > 1 && trips % length != 0)
      --length;
    // Short blocks are not worth it: then even ones, and a loop of what is left over.
    if (most > 0 && 2 * length < most)
      length = trips / llvm::divideCeil(trips, most);
    return length > 1 && length * products >= kLeastProducts ? length : 0;
  }

  /// Writes it anew, `length` iterations of f16 within one of f32.
  void write(int64_t length) {
    Halves halves;
    for (vector::FMAOp op : sums) {
      halves.of(op.getLhs());
      halves.of(op.getRhs());
    }
    OpBuilder builder(loop);
    Location loc = loop.getLoc();
    int64_t stride = length * step, end = low + trips / length * stride;
    SmallVector<Value> results = llvm::to_vector(loop.getInitArgs());
    if (length == trips) {
      results = addBlock(builder, results, index(builder, low), length, halves);
    } else {
      auto outer = scf::ForOp::create(
          builder, loc, index(builder, low), index(builder, end), index(builder, stride), results,
          [&](OpBuilder &inside, Location, Value first, ValueRange carried) {
            scf::YieldOp::create(inside, loc, addBlock(inside, llvm::to_vector(carried), first, length, halves));
          });
      results = llvm::to_vector(ValueRange(outer.getResults()));
    }
    if (trips % length != 0) {
      Value behind = index(builder, end);
      auto rest = cast<scf::ForOp>(builder.clone(*loop));
      rest.setLowerBound(behind);
      rest.getInitArgsMutable().assign(results);
      results = llvm::to_vector(ValueRange(rest.getResults()));
    }
    loop.replaceAllUsesWith(results);
    loop.erase();
  }

private:
  explicit SumLoop(scf::ForOp loop) : loop(loop) {}

  Value index(OpBuilder &builder, int64_t number) {
    return arith::ConstantIndexOp::create(builder, loop.getLoc(), number);
  }

  /// Adds the products of some iterations to sums.
  SmallVector<Value> addBlock(OpBuilder &builder, ArrayRef<Value> before, Value first, int64_t length, Halves &halves) {
    Location loc = loop.getLoc();
    SmallVector<Value> zeros;
    for (Value sum : before)
      zeros.push_back(zeroOf(builder, loc, sum.getType()));
    auto inner =
        scf::ForOp::create(builder, loc, index(builder, 0), index(builder, length * step), index(builder, step), zeros,
                           [&](OpBuilder &inside, Location, Value behind, ValueRange carried) {
                             cloneBody(inside, arith::AddIOp::create(inside, loc, first, behind), carried, halves);
                           });
    SmallVector<Value> after;
    for (auto [sum, half] : llvm::zip(before, inner.getResults()))
      after.push_back(addHalf(builder, loc, sum, half));
    return after;
  }

  void cloneBody(OpBuilder &builder, Value at, ValueRange carried, Halves &halves) {
    IRMapping mapping;
    mapping.map(loop.getInductionVar(), at);
    mapping.map(loop.getRegionIterArgs(), carried);
    for (Operation &op : *loop.getBody()) {
      auto sum = dyn_cast<vector::FMAOp>(op);
      if (!sum || !sums.contains(sum)) {
        builder.clone(op, mapping);
        continue;
      }
      auto factor = [&](Value wide) { return mapping.lookupOrDefault(halves.of(wide)); };
      mapping.map(sum.getResult(), vector::FMAOp::create(builder, sum.getLoc(), factor(sum.getLhs()),
                                                         factor(sum.getRhs()), mapping.lookup(sum.getAcc()))
                                       .getResult());
    }
  }

  scf::ForOp loop;
  int64_t low = 0, step = 1;
  int64_t trips = 0;
  int64_t products = 0; ///< that an iteration adds to each sum, at most
  llvm::SetVector<vector::FMAOp> sums;
};

/// Adds up some products of a chain in f16, and the result to a sum.
Value addPiece(ArrayRef<vector::FMAOp> piece, Value sum, Halves &halves) {
  vector::FMAOp last = piece.back();
  OpBuilder builder(last);
  builder.setInsertionPointAfter(last);
  Value half;
  for (vector::FMAOp op : piece) {
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPoint(op);
    if (!half)
      half = zeroOf(builder, op.getLoc(), op.getType());
    half = vector::FMAOp::create(builder, op.getLoc(), halves.of(op.getLhs()), halves.of(op.getRhs()), half);
  }
  return addHalf(builder, last.getLoc(), sum, half);
}

/// Products that are written out one after the other.
void halveChain(const Chain &chain, Halves &halves) {
  Value sum = chain.front()->getOperand(2);
  for (ArrayRef<vector::FMAOp> rest = chain; !rest.empty();) {
    int64_t count = std::min<int64_t>(rest.size(), kMostProducts);
    sum = addPiece(rest.take_front(count), sum, halves);
    rest = rest.drop_front(count);
  }
  Operation *last = chain.back();
  last->getResult(0).replaceAllUsesWith(sum);
  for (vector::FMAOp op : llvm::reverse(chain))
    op.erase();
}

struct HalveSums : impl::HalveSumsBase<HalveSums> {
  void runOnOperation() override {
    if (failed(requireStage(*this, getOperation(), {"G"})))
      return signalPassFailure();
    getOperation().walk([](gpu::GPUFuncOp kernel) { halve(kernel); });
  }

  static void halve(gpu::GPUFuncOp kernel) {
    SmallVector<scf::ForOp> loops;
    kernel.walk([&](scf::ForOp loop) { loops.push_back(loop); });
    for (scf::ForOp loop : loops)
      if (auto sum = SumLoop::of(loop))
        if (int64_t length = sum->blockLength())
          sum->write(length);
    Halves halves;
    SmallVector<Chain> chains;
    DenseSet<vector::FMAOp> seen;
    kernel.walk([&](vector::FMAOp op) {
      if (seen.contains(op) || getElementTypeOrSelf(op.getType()).isF16())
        return;
      Chain chain = chainOf(op);
      seen.insert_range(chain);
      if (static_cast<int64_t>(chain.size()) >= kLeastProducts)
        chains.push_back(chain);
    });
    for (const Chain &chain : chains)
      halveChain(chain, halves);
  }
};
} // namespace
} // namespace nncc
