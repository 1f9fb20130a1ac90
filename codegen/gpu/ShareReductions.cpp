// Rows that few threads would run, shared by threads of a workgroup; see GpuPasses.td.
#include "codegen/gpu/GpuPasses.h"
#include "dialects/nn/Parts.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/IRMapping.h"
#include "passes/check/Stage.h"
#include "llvm/ADT/MapVector.h"

using namespace mlir;

namespace nncc {
#define GEN_PASS_DEF_SHAREREDUCTIONS
#include "codegen/gpu/GpuPasses.h.inc"

namespace {

/// How often a loop runs; 0 where that is no constant.
int64_t tripsOf(scf::ForOp loop) {
  std::optional<APInt> trips = loop.getStaticTripCount();
  return trips ? trips->getSExtValue() : 0;
}

/// Iterations of a loop and of all in it; 0 where they are no constant.
int64_t iterationsOf(scf::ForOp loop) {
  int64_t inside = 1;
  bool isConstant = true;
  for (Operation &op : loop.getBody()->without_terminator())
    op.walk<WalkOrder::PreOrder>([&](scf::ForOp inner) {
      int64_t iterations = iterationsOf(inner);
      isConstant &= iterations > 0;
      inside += iterations;
      return WalkResult::skip();
    });
  return isConstant ? tripsOf(loop) * inside : 0;
}

/// By how much an index grows with an iteration of a loop; nothing where that is not the same for all.
std::optional<int64_t> strideOf(Value index, scf::ForOp loop) {
  if (index == loop.getInductionVar())
    return getConstantIntValue(loop.getStep());
  if (loop.isDefinedOutsideOfLoop(index) || getConstantIntValue(index))
    return 0;
  Operation *op = index.getDefiningOp();
  if (!isa_and_nonnull<arith::AddIOp, arith::MulIOp>(op))
    return std::nullopt;
  std::optional<int64_t> a = strideOf(op->getOperand(0), loop);
  if (auto factor = getConstantIntValue(op->getOperand(1)); factor && isa<arith::MulIOp>(op))
    return a ? std::optional(*a * *factor) : std::nullopt;
  std::optional<int64_t> b = strideOf(op->getOperand(1), loop);
  return a && b && isa<arith::AddIOp>(op) ? std::optional(*a + *b) : std::nullopt;
}

/// True where iterations read elements beside those of the one before: of a cache line for each thread alone, or of one
/// for a whole team.
bool goesAlongRow(scf::ForOp loop) {
  constexpr int64_t kElementsOfLine = 16; // 64 bytes of f32
  auto isNear = [&](OperandRange indices) {
    std::optional<int64_t> stride = indices.size() == 1 ? strideOf(indices[0], loop) : std::nullopt;
    return stride && std::abs(*stride) <= kElementsOfLine;
  };
  return !loop.walk([&](Operation *op) {
                auto load = dyn_cast<memref::LoadOp>(op);
                auto vector = dyn_cast<vector::LoadOp>(op);
                bool isFar = (load && !isNear(load.getIndices())) || (vector && !isNear(vector.getIndices()));
                return isFar || (isa<scf::ForOp>(op) && op != loop) ? WalkResult::interrupt() : WalkResult::advance();
              })
              .wasInterrupted();
}

/// How an op joins two values; nothing for one that is not known to be associative.
std::optional<arith::AtomicRMWKind> kindOf(Operation *op) {
  using Kind = arith::AtomicRMWKind;
  return TypeSwitch<Operation *, std::optional<Kind>>(op)
      .Case([](arith::AddFOp) { return Kind::addf; })
      .Case([](arith::MulFOp) { return Kind::mulf; })
      .Case([](arith::MaximumFOp) { return Kind::maximumf; })
      .Case([](arith::MinimumFOp) { return Kind::minimumf; })
      .Case([](arith::AddIOp) { return Kind::addi; })
      .Case([](arith::MulIOp) { return Kind::muli; })
      .Case([](arith::MaxSIOp) { return Kind::maxs; })
      .Case([](arith::MinSIOp) { return Kind::mins; })
      .Default([](Operation *) { return std::nullopt; });
}

/// The op that joins a carried value with what an iteration finds, which does not depend on it; null if there is none.
Operation *combinerOf(scf::ForOp loop, unsigned number) {
  BlockArgument carried = loop.getRegionIterArg(number);
  Operation *op = loop.getYieldedValues()[number].getDefiningOp();
  if (!op || op->getBlock() != loop.getBody() || !kindOf(op) || !carried.hasOneUse() || *carried.user_begin() != op ||
      !op->hasOneUse())
    return nullptr;
  return op;
}

/// How partial results lie in memory: f64 as f32, since what is left to be added up is short.
Type storedType(Type type) {
  if (!getElementTypeOrSelf(type).isF64())
    return type;
  Type single = Float32Type::get(type.getContext());
  auto vector = dyn_cast<VectorType>(type);
  return vector ? vector.clone(single) : single;
}

bool onlyReads(Operation *op) {
  auto effects = getEffectsRecursively(op);
  return effects && llvm::all_of(*effects, [](const MemoryEffects::EffectInstance &effect) {
           return isa<MemoryEffects::Read>(effect.getEffect());
         });
}

/// A loop that joins what its iterations find: every element is read by one thread, and none is written.
bool joins(scf::ForOp loop) {
  if (loop.getNumResults() == 0 || !onlyReads(loop))
    return false;
  for (unsigned number = 0; number < loop.getNumResults(); ++number) {
    Type element = getElementTypeOrSelf(storedType(loop.getResult(number).getType()));
    if (!combinerOf(loop, number) || !(element.isF32() || element.isInteger(32)))
      return false;
  }
  return true;
}

bool canBeShared(scf::ForOp loop) {
  // What writes memory beside the loop is left to one thread, whose results no other one has.
  if (llvm::any_of(*loop->getBlock(), [](Operation &op) { return op.getNumResults() > 0 && !onlyReads(&op); }))
    return false;
  return tripsOf(loop) > 1 && (loop->hasAttr(nn::kIndependentAttr) || joins(loop));
}

class Sharer {
public:
  Sharer(scf::ForOp loop, int64_t team) : loop(loop), team(team), builder(loop), loc(loop.getLoc()) {}

  void run() {
    for (unsigned number = 0; number < loop.getNumResults(); ++number) {
      combiners.push_back(combinerOf(loop, number));
      auto type = MemRefType::get({team}, storedType(loop.getResult(number).getType()));
      partials.push_back(memref::AllocaOp::create(builder, loc, type));
    }
    eachThread([&](Value thread) { takePart(thread); });
    if (loop.getNumResults() > 0)
      joinPartials();
    loop.erase();
  }

private:
  Value index(int64_t number) { return arith::ConstantIndexOp::create(builder, loc, number); }

  Value neutral(unsigned number) {
    Type type = loop.getResult(number).getType();
    TypedAttr value = arith::getIdentityValueAttr(*kindOf(combiners[number]), getElementTypeOrSelf(type), builder, loc);
    if (auto vector = dyn_cast<VectorType>(type))
      value = DenseElementsAttr::get(vector, Attribute(value));
    return arith::ConstantOp::create(builder, loc, value);
  }

  /// body(thread), and then all of them wait for each other.
  void eachThread(function_ref<void(Value)> body) {
    auto threads = scf::ForOp::create(builder, loc, index(0), index(team), index(1));
    threads->setAttr(nn::kTeamAttr, builder.getUnitAttr());
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(threads.getBody());
    body(threads.getInductionVar());
  }

  /// A thread takes every `team`th iteration.
  void takePart(Value thread) {
    SmallVector<Value> initial;
    for (unsigned number = 0; number < loop.getNumResults(); ++number)
      initial.push_back(neutral(number));
    int64_t trips = tripsOf(loop), rounds = llvm::divideCeilSigned(trips, team);
    auto round = scf::ForOp::create(builder, loc, index(0), index(rounds), index(1), initial,
                                    [&](OpBuilder &, Location, Value, ValueRange) {});
    {
      OpBuilder::InsertionGuard inner(builder);
      builder.setInsertionPointToStart(round.getBody());
      Value trip = arith::AddIOp::create(builder, loc, thread,
                                         arith::MulIOp::create(builder, loc, round.getInductionVar(), index(team)));
      ValueRange carried = round.getRegionIterArgs();
      SmallVector<Value> results =
          trips % team == 0
              ? iteration(trip, carried)
              : ifInside(arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::ult, trip, index(trips)), trip,
                         carried);
      scf::YieldOp::create(builder, loc, results);
    }
    for (auto [partial, value] : llvm::zip(partials, round.getResults()))
      storePartial(value, partial, thread);
  }

  Value loadPartial(Value partial, Value thread, Type type) {
    Value value = memref::LoadOp::create(builder, loc, partial, thread);
    return value.getType() == type ? value : arith::ExtFOp::create(builder, loc, type, value).getResult();
  }
  void storePartial(Value value, Value partial, Value thread) {
    if (Type type = storedType(value.getType()); type != value.getType())
      value = arith::TruncFOp::create(builder, loc, type, value);
    memref::StoreOp::create(builder, loc, value, partial, thread);
  }
  Value combine(unsigned number, Value a, Value b) {
    Operation *combiner = builder.clone(*combiners[number]);
    combiner->setOperands({a, b});
    return combiner->getResult(0);
  }

  SmallVector<Value> ifInside(Value condition, Value trip, ValueRange carried) {
    bool hasResults = !carried.empty();
    auto branch = scf::IfOp::create(builder, loc, carried.getTypes(), condition, hasResults);
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(branch.thenBlock());
    if (!hasResults)
      return iteration(trip, carried);
    scf::YieldOp::create(builder, loc, iteration(trip, carried));
    builder.setInsertionPointToStart(branch.elseBlock());
    scf::YieldOp::create(builder, loc, carried);
    return llvm::to_vector(ValueRange(branch.getResults()));
  }

  SmallVector<Value> iteration(Value trip, ValueRange carried) {
    IRMapping mapping;
    mapping.map(loop.getInductionVar(),
                arith::AddIOp::create(builder, loc, arith::MulIOp::create(builder, loc, trip, loop.getStep()),
                                      loop.getLowerBound())
                    .getResult());
    mapping.map(loop.getRegionIterArgs(), carried);
    for (Operation &op : loop.getBody()->without_terminator())
      builder.clone(op, mapping);
    return llvm::map_to_vector(loop.getYieldedValues(), [&](Value value) { return mapping.lookup(value); });
  }

  /// The upper half of the threads' results joins the lower one, until one is left: all threads read that.
  void joinPartials() {
    for (int64_t width = team / 2; width > 0; width /= 2)
      eachThread([&](Value thread) {
        Value isLower = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::ult, thread, index(width));
        auto branch = scf::IfOp::create(builder, loc, isLower, /*withElseRegion=*/false);
        OpBuilder::InsertionGuard guard(builder);
        builder.setInsertionPointToStart(branch.thenBlock());
        Value other = arith::AddIOp::create(builder, loc, thread, index(width));
        for (auto [number, partial] : llvm::enumerate(partials)) {
          Type type = loop.getResult(number).getType();
          storePartial(combine(number, loadPartial(partial, thread, type), loadPartial(partial, other, type)), partial,
                       thread);
        }
      });
    for (auto [number, partial] : llvm::enumerate(partials)) {
      Value joined = loadPartial(partial, index(0), loop.getResult(number).getType());
      loop.getResult(number).replaceAllUsesWith(combine(number, loop.getInitArgs()[number], joined));
    }
  }

  scf::ForOp loop;
  int64_t team;
  OpBuilder builder;
  Location loc;
  SmallVector<Operation *> combiners;
  SmallVector<Value> partials;
};

struct ShareReductions : impl::ShareReductionsBase<ShareReductions> {
  using ShareReductionsBase::ShareReductionsBase;

  void runOnOperation() override {
    if (failed(requireStage(*this, getOperation(), {"L2"})))
      return signalPassFailure();
    // Halves of a team join each other.
    if (team < 1 || !llvm::isPowerOf2_64(team)) {
      getOperation().emitError() << "team must be a power of two, not " << int64_t(team);
      return signalPassFailure();
    }
    // What a thread does in one block is shared out as one.
    llvm::MapVector<Block *, SmallVector<scf::ForOp>> bodies;
    getOperation().walk<WalkOrder::PreOrder>([&](scf::ForOp loop) {
      if (loop->hasAttr(nn::kParallelAttr))
        return WalkResult::advance();
      if (threadsAround(loop) && iterationsOf(loop) > 0 && canBeShared(loop))
        bodies[loop->getBlock()].push_back(loop);
      return WalkResult::skip();
    });
    for (auto &[body, loops] : bodies) {
      int64_t iterations = 0;
      for (scf::ForOp loop : loops)
        iterations += iterationsOf(loop);
      int64_t threads = teamOf(loops), rows = *threadsAround(loops.front());
      bool isLong = iterations >= leastIterations && rows <= mostThreads,
           isRow = iterations >= leastOfRow && rows <= mostRows && llvm::all_of(loops, goesAlongRow);
      if ((isLong || isRow) && llvm::any_of(loops, joins))
        for (scf::ForOp loop : loops)
          Sharer(loop, threads).run();
    }
  }

  /// The threads of a team that shares some loops: as many as the longest has iterations, if it has fewer than there
  /// are threads in a workgroup. Then several teams are one, which they have to fill.
  int64_t teamOf(ArrayRef<scf::ForOp> loops) const {
    int64_t longest = 1;
    for (scf::ForOp loop : loops)
      longest = std::max(longest, tripsOf(loop));
    int64_t threads = std::min<int64_t>(llvm::bit_ceil(uint64_t(longest)), team);
    while (*threadsAround(loops.front()) % (team / threads) != 0)
      threads *= 2;
    return threads;
  }

  /// How many threads would run the loop, by the parallel loops around it; nothing where it is in something else.
  static std::optional<int64_t> threadsAround(scf::ForOp loop) {
    int64_t threads = 1;
    for (Operation *around = loop->getParentOp(); !isa<func::FuncOp>(around); around = around->getParentOp()) {
      auto parallel = dyn_cast<scf::ForOp>(around);
      if (!parallel || !parallel->hasAttr(nn::kParallelAttr) || !parallel.getStaticTripCount())
        return std::nullopt;
      threads *= tripsOf(parallel);
    }
    return threads;
  }
};
} // namespace
} // namespace nncc
