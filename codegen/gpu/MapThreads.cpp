// One thread for each independent iteration; see GpuPasses.td.
#include "codegen/gpu/GpuPasses.h"
#include "dialects/nn/Parts.h"
#include "lib/support/Assert.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/IRMapping.h"
#include "passes/check/Stage.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;

namespace nncc {
#define GEN_PASS_DEF_MAPTHREADS
#include "codegen/gpu/GpuPasses.h.inc"

namespace {

//===-- Buffers ---------------------------------------------------------===//

/// The flat type of all of an operand, from its first to its last element.
MemRefType flatType(MemRefType type) {
  SmallVector<int64_t> strides;
  int64_t offset, span = 1;
  (void)type.getStridesAndOffset(strides, offset);
  for (auto [size, stride] : llvm::zip(type.getShape(), strides))
    span += (std::max<int64_t>(size, 1) - 1) * stride;
  return MemRefType::get({span}, type.getElementType());
}

/// True for an array of constant sizes and strides.
bool hasKnownSize(Type type) {
  auto memory = dyn_cast<MemRefType>(type);
  SmallVector<int64_t> strides;
  int64_t offset;
  return memory && memory.hasStaticShape() && succeeded(memory.getStridesAndOffset(strides, offset)) &&
         !llvm::is_contained(strides, ShapedType::kDynamic);
}

/// True where memory is flat, or reached by flat views of all of it alone.
bool isReachedFlat(Value memory) {
  MemRefType type = flatType(cast<MemRefType>(memory.getType()));
  return memory.getType() == type || llvm::all_of(memory.getUsers(), [&](Operation *user) {
           auto view = dyn_cast<memref::ReinterpretCastOp>(user);
           return view && view.getType() == type;
         });
}

/// The reason why the buffers of a function cannot be flat arguments, or nothing.
StringRef whyNotFlat(func::FuncOp function) {
  if (function.getNumResults() > 0 || !llvm::all_of(function.getArgumentTypes(), hasKnownSize))
    return "it has arguments or results that are no buffers of known size";
  bool areFlat = llvm::all_of(function.getArguments(), isReachedFlat);
  function.walk([&](memref::GetGlobalOp get) { areFlat &= isReachedFlat(get); });
  return areFlat ? "" : "its memory is reached by views";
}

/// Puts `buffer` in the place of the flat views of a value.
void replaceViews(Value memory, Value buffer, Type type) {
  for (Operation *user : llvm::make_early_inc_range(memory.getUsers()))
    if (auto view = dyn_cast<memref::ReinterpretCastOp>(user); view && view.getType() == type) {
      view.getResult().replaceAllUsesWith(buffer);
      view.erase();
    }
}

/// Makes every buffer a flat argument: operands, and behind them the tables, whose argument says which one it is.
void flattenBuffers(func::FuncOp function) {
  Block &entry = function.getBody().front();
  for (BlockArgument argument : entry.getArguments()) {
    unsigned number = argument.getArgNumber();
    function.setArgAttr(number, nn::kOperandAttr,
                        IntegerAttr::get(IntegerType::get(function.getContext(), 64), number));
    MemRefType type = flatType(cast<MemRefType>(argument.getType()));
    replaceViews(argument, argument, type);
    argument.setType(type);
  }
  llvm::MapVector<StringRef, SmallVector<memref::GetGlobalOp>> tables;
  function.walk([&](memref::GetGlobalOp get) { tables[get.getName()].push_back(get); });
  for (auto &[name, uses] : tables) {
    Type type = flatType(uses.front().getType());
    (void)function.insertArgument(function.getNumArguments(), type, {}, function.getLoc());
    BlockArgument argument = entry.getArguments().back();
    function.setArgAttr(argument.getArgNumber(), nn::kTableAttr, FlatSymbolRefAttr::get(function.getContext(), name));
    for (memref::GetGlobalOp get : uses) {
      replaceViews(get, argument, type);
      get.getResult().replaceAllUsesWith(argument);
      get.erase();
    }
  }
  function.setType(FunctionType::get(function.getContext(), entry.getArgumentTypes(), {}));
}

//===-- Threads ---------------------------------------------------------===//

/// How often a loop runs, if that, where it begins and its step are constants.
std::optional<int64_t> tripsOf(scf::ForOp loop) {
  std::optional<APInt> trips = loop.getStaticTripCount();
  if (!trips || !getConstantIntValue(loop.getLowerBound()) || !getConstantIntValue(loop.getStep()))
    return std::nullopt;
  return trips->getSExtValue();
}

bool isTeam(Operation &op) { return isa<scf::ForOp>(op) && op.hasAttr(nn::kTeamAttr); }
bool isParallel(Operation &op) { return isa<scf::ForOp>(op) && op.hasAttr(nn::kParallelAttr); }

std::optional<int64_t> iterationsOf(Operation &op);

/// Iterations of all loops in a block, of one run through it; nothing where they are no constant.
std::optional<int64_t> iterationsOf(Block &block) {
  int64_t sum = 0;
  for (Operation &op : block) {
    std::optional<int64_t> inside = iterationsOf(op);
    if (!inside)
      return std::nullopt;
    sum += *inside;
  }
  return sum;
}

std::optional<int64_t> iterationsOf(Operation &op) {
  auto loop = dyn_cast<scf::ForOp>(op);
  std::optional<int64_t> trips = loop && !isTeam(op) ? tripsOf(loop) : 1;
  if (!trips || isa<scf::WhileOp>(op))
    return std::nullopt;
  int64_t sum = 0;
  for (Region &region : op.getRegions())
    for (Block &inner : region) {
      std::optional<int64_t> inside = iterationsOf(inner);
      if (!inside)
        return std::nullopt;
      sum += *trips * (*inside + (loop ? 1 : 0));
    }
  return sum;
}

/// A block whose ops are a thread for each iteration of the parallel loops around it.
struct ThreadNest {
  SmallVector<scf::ForOp> loops;   ///< outermost first
  SmallVector<Operation *> before; ///< what the loops' blocks compute for it
  SmallVector<Operation *> body;
  int64_t threads = 1; ///< or teams

  bool isOfTeams() const { return team() > 1; }
  /// The threads of its teams; 1: a thread works alone.
  int64_t team() const {
    auto loop = llvm::find_if(body, [](Operation *op) { return isTeam(*op); });
    return loop == body.end() ? 1 : *tripsOf(cast<scf::ForOp>(*loop));
  }
};

/// True for an op that writes memory, itself or inside; what has unknown effects does.
bool writes(Operation *op) {
  std::optional<SmallVector<MemoryEffects::EffectInstance>> effects = getEffectsRecursively(op);
  return !effects || llvm::any_of(*effects, [](const MemoryEffects::EffectInstance &effect) {
    return !isa<MemoryEffects::Read>(effect.getEffect());
  });
}

/// What `op` needs of the ops of its block, in order.
SmallVector<Operation *> needsOf(Operation *op) {
  Block *block = op->getBlock();
  llvm::SetVector<Operation *> needed;
  SmallVector<Operation *> open{op};
  while (!open.empty())
    open.pop_back_val()->walk([&](Operation *inner) {
      for (Value operand : inner->getOperands())
        if (Operation *source = operand.getDefiningOp(); source && source->getBlock() == block && needed.insert(source))
          open.push_back(source);
    });
  SmallVector<Operation *> ordered;
  for (Operation &other : *block)
    if (needed.contains(&other))
      ordered.push_back(&other);
  return ordered;
}

/// Cuts a block into nests. A parallel loop reads nothing that anything else writes: what stands beside it is a nest
/// of its own, and what it needs of its block may be computed again.
void collectNests(Block &block, const ThreadNest &around, SmallVectorImpl<ThreadNest> &nests) {
  SmallVector<Operation *> body;
  bool hasLoops = false, hasEffects = false;
  for (Operation &op : block.without_terminator()) {
    if (isParallel(op)) {
      hasLoops = true;
      continue;
    }
    body.push_back(&op);
    hasEffects |= writes(&op);
  }
  if (!hasLoops || hasEffects) {
    nests.push_back(around);
    nests.back().body = body;
  }
  for (Operation &op : block.without_terminator()) {
    if (!isParallel(op))
      continue;
    auto loop = cast<scf::ForOp>(op);
    ThreadNest inner = around;
    inner.loops.push_back(loop);
    inner.threads *= *tripsOf(loop);
    inner.before.append(needsOf(loop));
    if (inner.threads > 0)
      collectNests(*loop.getBody(), inner, nests);
  }
}

/// Rows of workgroups: Vulkan guarantees 65,535 in each direction.
constexpr int64_t kMostGroupsInX = 32768, kMostGroupsInY = 65535;

class ThreadMapper {
public:
  ThreadMapper(func::FuncOp function, int64_t blockThreads, int64_t mostIterations)
      : function(function), builder(function), loc(function.getLoc()), blockThreads(blockThreads),
        mostIterations(mostIterations) {}

  /// The reason why not, or nothing.
  std::string run() {
    if (function.getBody().getBlocks().size() != 1)
      return "its code has branches";
    WalkResult allConstant =
        function.walk([&](scf::ForOp loop) { return tripsOf(loop) ? WalkResult::advance() : WalkResult::interrupt(); });
    if (allConstant.wasInterrupted())
      return "the iterations of a loop are only known at run time";
    if (StringRef reason = whyNotFlat(function); !reason.empty())
      return reason.str();
    flattenBuffers(function);
    collectNests(function.getBody().front(), ThreadNest(), nests);
    int64_t threads = 0;
    bool hasTeams = llvm::any_of(nests, [](const ThreadNest &nest) { return nest.isOfTeams(); });
    for (ThreadNest &nest : nests) {
      std::optional<int64_t> iterations = iterationsOf(nest);
      if (!iterations)
        return "the iterations of a loop are only known at run time";
      if (llvm::any_of(nest.before, writes))
        return "its threads would write the same memory";
      if (nest.isOfTeams() && llvm::any_of(nest.body, [](Operation *op) {
            return !isTeam(*op) && !isa<memref::AllocaOp>(op) && op->getNumResults() > 0 && writes(op);
          }))
        return "what only one thread of a team finds, others need";
      // All threads of a workgroup come to the same barriers.
      if (int64_t team = nest.team(); nest.isOfTeams() && (blockThreads % team || nest.threads % (blockThreads / team)))
        return "its teams do not fill workgroups";
      longest = std::max(longest, *iterations);
      // A workgroup has threads of one nest where there are teams.
      if (hasTeams)
        threads = llvm::alignTo(threads, blockThreads);
      firstThreads.push_back(threads);
      threads += threadsOf(nest);
    }
    std::string reason;
    if (longest > mostIterations)
      llvm::raw_string_ostream(reason) << "one thread would run " << longest << " iterations, more than "
                                       << mostIterations;
    else if (threads > kMostGroupsInX * kMostGroupsInY * blockThreads)
      llvm::raw_string_ostream(reason) << "it would be " << threads << " threads";
    else
      emit(threads);
    return reason;
  }

private:
  static std::optional<int64_t> iterationsOf(const ThreadNest &nest) {
    int64_t sum = 0;
    for (Operation *op : llvm::concat<Operation *const>(nest.before, nest.body)) {
      std::optional<int64_t> inside = nncc::iterationsOf(*op);
      if (!inside)
        return std::nullopt;
      sum += *inside;
    }
    return sum;
  }

  Value index(int64_t number) { return arith::ConstantIndexOp::create(builder, loc, number); }
  template <typename Op> Value fold(Value a, int64_t b) { return builder.createOrFold<Op>(loc, a, index(b)); }

  void emit(int64_t threads) {
    int64_t groups = std::max<int64_t>(llvm::divideCeil(threads, blockThreads), 1),
            rows = llvm::divideCeil(groups, kMostGroupsInX);
    int64_t groupsInX = rows > 1 ? kMostGroupsInX : groups;
    auto module = gpu::GPUModuleOp::create(builder, loc, function.getName());
    builder.setInsertionPointToStart(module.getBody());
    auto kernel = gpu::GPUFuncOp::create(builder, loc, "main", function.getFunctionType());
    kernel->setAttr(gpu::GPUDialect::getKernelFuncAttrName(), builder.getUnitAttr());
    if (ArrayAttr attributes = function.getAllArgAttrs())
      kernel.setAllArgAttrs(attributes);
    kernel->setAttr(nn::kGridAttr, builder.getDenseI64ArrayAttr({groupsInX, rows}));
    kernel->setAttr(nn::kBlockAttr, builder.getI64IntegerAttr(blockThreads));
    kernel->setAttr(nn::kIterationsAttr, builder.getI64IntegerAttr(longest));

    builder.setInsertionPointToStart(&kernel.getBody().front());
    Value thread = arith::AddIOp::create(
        builder, loc, fold<arith::MulIOp>(gpu::BlockIdOp::create(builder, loc, gpu::Dimension::x), blockThreads),
        gpu::ThreadIdOp::create(builder, loc, gpu::Dimension::x));
    if (rows > 1)
      thread = arith::AddIOp::create(
          builder, loc, thread,
          fold<arith::MulIOp>(gpu::BlockIdOp::create(builder, loc, gpu::Dimension::y), kMostGroupsInX * blockThreads));
    bool isExact = nests.size() == 1 && threads == groupsInX * rows * blockThreads;
    for (auto [nest, first] : llvm::zip(nests, firstThreads)) {
      // A thread before the range has a very large number in it: indices are unsigned.
      Value number = first ? arith::SubIOp::create(builder, loc, thread, index(first)).getResult() : thread;
      if (isExact) {
        emit(nest, number, kernel);
        continue;
      }
      Value isInside = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::ult, number, index(threadsOf(nest)));
      auto branch = scf::IfOp::create(builder, loc, isInside, /*withElseRegion=*/false);
      OpBuilder::InsertionGuard guard(builder);
      builder.setInsertionPointToStart(branch.thenBlock());
      emit(nest, number, kernel);
    }
    gpu::ReturnOp::create(builder, loc);
  }

  int64_t threadsOf(const ThreadNest &nest) const { return nest.threads * nest.team(); }

  /// The body of a nest for thread `number` of it.
  void emit(const ThreadNest &nest, Value number, gpu::GPUFuncOp kernel) {
    bool isOfTeams = nest.isOfTeams();
    if (isOfTeams)
      number = fold<arith::DivUIOp>(number, nest.team());
    IRMapping mapping;
    mapping.map(function.getArguments(), kernel.getArguments());
    int64_t stride = 1;
    for (scf::ForOp loop : llvm::reverse(nest.loops)) {
      int64_t trips = *tripsOf(loop);
      Value trip = fold<arith::DivUIOp>(number, stride);
      if (trips == 1)
        trip = index(0);
      else if (stride * trips < nest.threads)
        trip = fold<arith::RemUIOp>(trip, trips);
      stride *= trips;
      Value iteration = fold<arith::AddIOp>(fold<arith::MulIOp>(trip, *getConstantIntValue(loop.getStep())),
                                            *getConstantIntValue(loop.getLowerBound()));
      mapping.map(loop.getInductionVar(), iteration);
    }
    for (Operation *op : llvm::concat<Operation *const>(nest.before, nest.body))
      if (isOfTeams)
        emitForTeam(op, nest.team(), mapping);
      else
        clone(op, mapping);
    if (isOfTeams)
      useOwnPart(nest.body, nest.team(), mapping);
  }

  void clone(Operation *op, IRMapping &mapping) {
    builder.clone(*op, mapping)->walk([](scf::ForOp loop) { loop->removeAttr(nn::kParallelAttr); });
  }

  /// Code of one team of a workgroup. Memory that its threads share has a part for each team.
  void emitForTeam(Operation *op, int64_t team, IRMapping &mapping) {
    if (auto memory = dyn_cast<memref::AllocaOp>(op)) {
      auto type = memory.getType();
      auto shared = MemRefType::get(type.getNumElements() * (blockThreads / team), type.getElementType(),
                                    MemRefLayoutAttrInterface(), builder.getI64IntegerAttr(nn::kWorkgroupSpace));
      mapping.map(memory.getResult(), memref::AllocOp::create(builder, loc, shared).getResult());
      return;
    }
    Value thread = fold<arith::RemUIOp>(gpu::ThreadIdOp::create(builder, loc, gpu::Dimension::x), team);
    if (isTeam(*op)) {
      auto loop = cast<scf::ForOp>(op);
      NNCC_ASSERT(tripsOf(loop) == team, "all loops of a team have as many threads");
      mapping.map(loop.getInductionVar(), thread);
      for (Operation &inner : loop.getBody()->without_terminator())
        clone(&inner, mapping);
      gpu::BarrierOp::create(builder, loc);
      return;
    }
    if (!writes(op))
      return clone(op, mapping);
    Value isFirst = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::eq, thread, index(0));
    auto branch = scf::IfOp::create(builder, loc, isFirst, /*withElseRegion=*/false);
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(branch.thenBlock());
    clone(op, mapping);
  }

  /// Moves what a team reads and writes of shared memory to its own part.
  void useOwnPart(ArrayRef<Operation *> body, int64_t team, IRMapping &mapping) {
    if (team == blockThreads)
      return; // it has all of it
    for (Operation *op : body) {
      auto memory = dyn_cast<memref::AllocaOp>(op);
      if (!memory)
        continue;
      for (Operation *user : mapping.lookup(memory.getResult()).getUsers()) {
        OpBuilder::InsertionGuard guard(builder);
        builder.setInsertionPoint(user);
        Value number = fold<arith::DivUIOp>(gpu::ThreadIdOp::create(builder, loc, gpu::Dimension::x), team);
        OpOperand &index = user->getOpOperands().back();
        index.set(arith::AddIOp::create(builder, loc, fold<arith::MulIOp>(number, memory.getType().getNumElements()),
                                        index.get()));
      }
    }
  }

  func::FuncOp function;
  OpBuilder builder;
  Location loc;
  int64_t blockThreads, mostIterations, longest = 0;
  SmallVector<ThreadNest> nests;
  SmallVector<int64_t> firstThreads; ///< of the nests
};

struct MapThreads : impl::MapThreadsBase<MapThreads> {
  using MapThreadsBase::MapThreadsBase;

  void runOnOperation() override {
    if (failed(requireStage(*this, getOperation(), {"L2"})))
      return signalPassFailure();
    getOperation()->setAttr(gpu::GPUDialect::getContainerModuleAttrName(), UnitAttr::get(&getContext()));
    for (auto function : llvm::make_early_inc_range(getOperation().getOps<func::FuncOp>())) {
      if (function.isDeclaration() || function->hasAttr(nn::kRefusedAttr))
        continue;
      std::string reason = ThreadMapper(function, blockThreads, mostIterations).run();
      if (reason.empty())
        function.erase();
      else
        function->setAttr(nn::kRefusedAttr, StringAttr::get(&getContext(), reason));
    }
  }
};
} // namespace
} // namespace nncc
