// See CountWork.h.
#include "codegen/gpu/CountWork.h"
#include "dialects/nn/Threads.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "passes/check/Trips.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace nncc {
namespace {

int64_t lanesOf(Type type) {
  auto vector = dyn_cast<VectorType>(type);
  return vector ? vector.getNumElements() : 1;
}

/// Which values are the number of the thread among all, plus a constant.
class ThreadNumbers {
public:
  explicit ThreadNumbers(gpu::GPUFuncOp kernel) {
    kernel.walk<WalkOrder::PreOrder>([&](Operation *op) {
      if (auto sum = dyn_cast<arith::AddIOp>(op))
        visit(sum.getResult(), sum.getLhs(), sum.getRhs(), 1);
      else if (auto difference = dyn_cast<arith::SubIOp>(op))
        visit(difference.getResult(), difference.getLhs(), difference.getRhs(), -1);
    });
  }

  /// The threads of [0, threads) for which a condition holds; nothing where it is not about their number.
  std::optional<double> holdsFor(Value condition, int64_t threads) const {
    auto compare = condition.getDefiningOp<arith::CmpIOp>();
    if (!compare || compare.getPredicate() != arith::CmpIPredicate::ult)
      return std::nullopt;
    auto offset = offsets.find(compare.getLhs());
    auto bound = getConstantIntValue(compare.getRhs());
    if (offset == offsets.end() || !bound)
      return std::nullopt;
    int64_t first = std::max<int64_t>(-offset->second, 0), end = std::min(*bound - offset->second, threads);
    return std::max<int64_t>(end - first, 0);
  }

private:
  static bool isOfBlock(Value value) {
    auto product = value.getDefiningOp<arith::MulIOp>();
    return product &&
           (product.getLhs().getDefiningOp<gpu::BlockIdOp>() || product.getRhs().getDefiningOp<gpu::BlockIdOp>());
  }

  void visit(Value result, Value lhs, Value rhs, int64_t sign) {
    auto known = offsets.find(lhs);
    auto constant = getConstantIntValue(rhs);
    if (known != offsets.end() && constant)
      offsets[result] = known->second + sign * *constant;
    else if (sign == 1 && isOfBlock(lhs) && rhs.getDefiningOp<gpu::ThreadIdOp>())
      offsets[result] = 0;
    else if (sign == 1 && known != offsets.end() && isOfBlock(rhs))
      offsets[result] = known->second;
  }

  DenseMap<Value, int64_t> offsets;
};

/// Adds up what ops do, each as often as threads come to it.
class WorkCounter {
public:
  WorkCounter(gpu::GPUFuncOp kernel, int64_t threads) : numbers(kernel), threads(threads) {}

  GpuWork count(Block &block, double runs) const {
    GpuWork work;
    for (Operation &op : block)
      add(work, op, runs);
    return work;
  }

private:
  static void addAll(GpuWork &work, const GpuWork &other) {
    work.fma += other.fma;
    work.convert += other.convert;
    work.special += other.special;
    work.loads += other.loads;
    work.stores += other.stores;
    addInner(work, other.inner);
  }

  static void addInner(GpuWork &work, const GpuLoops &other) {
    work.inner.fma += other.fma;
    work.inner.convert += other.convert;
    work.inner.special += other.special;
    work.inner.loads += other.loads;
  }

  static GpuLoops allOf(const GpuWork &work) { return {work.fma, work.convert, work.special, work.loads}; }
  static bool hasNoLoop(Block &block) {
    return !block.walk([](scf::ForOp) { return WalkResult::interrupt(); }).wasInterrupted();
  }

  static double sum(const GpuWork &work) { return work.fma + work.convert + work.special + work.loads + work.stores; }

  void add(GpuWork &work, Operation &op, double runs) const {
    if (auto loop = dyn_cast<scf::ForOp>(op)) {
      double trips = constantTrips(loop).value_or(0);
      GpuWork inside = count(*loop.getBody(), trips * runs);
      inside.convert += 2 * trips * runs; // the counter and its comparison
      if (hasNoLoop(*loop.getBody()))
        inside.inner = allOf(inside);
      addAll(work, inside);
    } else if (auto branch = dyn_cast<scf::IfOp>(op)) {
      addBranch(work, branch, runs);
    } else {
      addPlain(work, op, runs);
    }
  }

  /// How many of so many runs take the first side, if that is known.
  std::optional<double> takenOf(scf::IfOp branch, double runs) const {
    if (auto holds = numbers.holdsFor(branch.getCondition(), threads))
      return std::min(runs, *holds);
    if (auto share = branch->getAttrOfType<FloatAttr>(nn::kShareAttr))
      return runs * share.getValueAsDouble();
    return std::nullopt;
  }

  void addBranch(GpuWork &work, scf::IfOp branch, double runs) const {
    auto holds = takenOf(branch, runs);
    double taken = holds.value_or(runs);
    GpuWork then = count(*branch.thenBlock(), taken), other;
    if (Block *block = branch.elseBlock())
      other = count(*block, holds ? runs - taken : runs);
    // Beside a loop, a side without one is as far inside.
    if (Block *block = branch.elseBlock()) {
      bool thenHasNone = hasNoLoop(*branch.thenBlock()), otherHasNone = hasNoLoop(*block);
      if (thenHasNone && !otherHasNone)
        then.inner = allOf(then);
      if (otherHasNone && !thenHasNone)
        other.inner = allOf(other);
    }
    if (holds || sum(then) >= sum(other))
      addAll(work, then);
    if (holds || sum(then) < sum(other))
      addAll(work, other);
  }

  /// Products and quotients by constants become shifts, or products of the upper halves.
  static void addProduct(GpuWork &work, Operation &op, double runs) {
    auto by = getConstantIntValue(op.getOperand(1));
    if (by && llvm::isPowerOf2_64(*by)) {
      work.convert += runs;
    } else if (isa<arith::MulIOp>(op)) {
      work.special += runs;
    } else {
      bool isRest = isa<arith::RemUIOp, arith::RemSIOp>(op);
      work.special += (isRest ? 2 : 1) * runs;
      work.convert += (isRest ? 3 : 2) * runs;
    }
  }

  static void addPlain(GpuWork &work, Operation &op, double runs) {
    double lanes = op.getNumResults() ? lanesOf(op.getResult(0).getType()) * runs : 0;
    llvm::TypeSwitch<Operation *>(&op)
        .Case<memref::LoadOp>([&](auto) { work.loads += runs; })
        .Case<memref::StoreOp>([&](auto) { work.stores += runs; })
        .Case<vector::FMAOp, math::FmaOp, arith::AddFOp, arith::SubFOp, arith::MulFOp>([&](auto) { work.fma += lanes; })
        .Case<arith::DivFOp>([&](auto) {
          work.special += lanes; // a reciprocal, and a product
          work.fma += lanes;
        })
        .Case<math::SqrtOp, math::RsqrtOp, math::Exp2Op, math::ExpOp, math::LogOp, math::Log2Op, math::SinOp,
              math::CosOp>([&](auto) { work.special += lanes; })
        .Case<arith::MulIOp, arith::DivUIOp, arith::DivSIOp, arith::RemUIOp, arith::RemSIOp>(
            [&](auto) { addProduct(work, op, lanes); })
        // A negated operand, a type that is called otherwise, or a lane of a register is no instruction.
        .Case<arith::ConstantOp, arith::NegFOp, arith::BitcastOp, arith::IndexCastOp, arith::IndexCastUIOp>([](auto) {})
        .Default([&](Operation *other) {
          if (isa_and_nonnull<arith::ArithDialect, math::MathDialect>(other->getDialect()))
            work.convert += lanes;
        });
  }

  ThreadNumbers numbers;
  int64_t threads;
};

/// Finds out which components of values are alive at the same time.
class Liveness {
public:
  double most(Block &body) {
    visit(body);
    std::map<int64_t, double> change;
    for (unsigned i = 0; i < parts.size(); ++i) {
      if (find(i) != i)
        continue;
      change[parts[i].begin] += parts[i].width;
      change[std::max(parts[i].begin, parts[i].end)] -= parts[i].width;
    }
    double alive = 0, most = 0;
    for (auto [at, by] : change) {
      alive += by;
      most = std::max(most, alive);
    }
    return most;
  }

private:
  static constexpr unsigned kNone = ~0u;
  using Parts = SmallVector<unsigned, 4>;

  /// One component: the ops during which it is alive.
  struct Part {
    int64_t begin, end, defined;
    double width;
    unsigned sameAs, depth;
    unsigned load; ///< of `loads`, kNone: it is none
    bool isCarried = false;
  };
  /// Components that a load brings, all at once.
  struct Load {
    bool isUsed = false;
    Parts parts;
  };
  struct Loop {
    int64_t begin;
    SmallVector<unsigned> outside; ///< alive until its end
  };

  unsigned find(unsigned part) const {
    while (parts[part].sameAs != part)
      part = parts[part].sameAs;
    return part;
  }

  static double widthOf(Type type) {
    Type element = getElementTypeOrSelf(type);
    // Conditions have registers of their own; memory of a workgroup has none, whatever its elements are.
    if (element.isInteger(1) || isa<MemRefType>(type))
      return 0;
    return element.isIndex() ? 1 : element.getIntOrFloatBitWidth() / 32.0;
  }

  Parts make(Type type) {
    Parts made;
    for (int64_t lane = 0; lane < lanesOf(type); ++lane) {
      made.push_back(parts.size());
      parts.push_back({at, at, at, widthOf(type), unsigned(parts.size()), unsigned(loops.size()), kNone});
    }
    return made;
  }

  void use(unsigned part) {
    if (part == kNone)
      return;
    part = find(part);
    if (parts[part].load != kNone && !loads[parts[part].load].isUsed) {
      Load &load = loads[parts[part].load];
      load.isUsed = true;
      // Compilers move a load to its first use, but not into a loop.
      if (loops.size() == parts[part].depth)
        for (unsigned other : load.parts)
          parts[find(other)].begin = at;
    }
    parts[part].end = std::max(parts[part].end, at);
    for (Loop &loop : loops)
      if (parts[part].defined < loop.begin)
        loop.outside.push_back(part);
  }
  void use(Value value) {
    for (unsigned part : partsOf(value))
      use(part);
  }

  Parts partsOf(Value value) const {
    auto found = values.find(value);
    return found == values.end() ? Parts(lanesOf(value.getType()), kNone) : found->second;
  }

  /// Makes one component of two, which share a register.
  void unite(unsigned part, unsigned with) {
    part = find(part);
    with = find(with);
    if (part == with)
      return;
    parts[with].begin = std::min(parts[with].begin, parts[part].begin);
    parts[with].end = std::max(parts[with].end, parts[part].end);
    parts[part].sameAs = with;
  }

  /// The components of an op that only gives others a place.
  std::optional<Parts> rename(Operation &op) const {
    Parts result;
    if (auto splat = dyn_cast<vector::BroadcastOp>(op)) {
      Parts source = partsOf(splat.getSource());
      for (int64_t lane = 0; lane < lanesOf(splat.getType()); ++lane)
        result.push_back(source[lane % source.size()]);
    } else if (auto extract = dyn_cast<vector::ExtractOp>(op);
               extract && !extract.hasDynamicPosition() && extract.getStaticPosition().size() == 1) {
      result.push_back(partsOf(extract.getSource())[extract.getStaticPosition()[0]]);
    } else if (auto shuffle = dyn_cast<vector::ShuffleOp>(op)) {
      Parts both = partsOf(shuffle.getV1());
      both.append(partsOf(shuffle.getV2()));
      for (int64_t lane : shuffle.getMask())
        result.push_back(lane < 0 ? kNone : both[lane]);
    } else if (isa<vector::FromElementsOp>(op)) {
      for (Value element : op.getOperands())
        result.push_back(partsOf(element).front());
    } else if (isa<arith::BitcastOp, arith::IndexCastOp, arith::IndexCastUIOp>(op)) {
      result = partsOf(op.getOperand(0));
    } else {
      return std::nullopt;
    }
    return result;
  }

  void visit(Block &block) {
    for (Operation &op : block) {
      ++at;
      if (isa<arith::ConstantOp>(op))
        continue;
      if (auto renamed = rename(op)) {
        values[op.getResult(0)] = *renamed;
      } else if (auto loop = dyn_cast<scf::ForOp>(op)) {
        visit(loop);
      } else if (auto branch = dyn_cast<scf::IfOp>(op)) {
        visit(branch);
      } else {
        for (Value operand : op.getOperands())
          use(operand);
        for (Region &region : op.getRegions())
          for (Block &inner : region)
            visit(inner);
        for (Value result : op.getResults())
          values[result] = make(result.getType());
        if (isa<memref::LoadOp>(op)) {
          Parts made = values[op.getResult(0)];
          for (unsigned part : made)
            parts[part].load = loads.size();
          loads.push_back({false, made});
        }
      }
    }
  }

  /// True when no other op uses a value, but for those on the other side of a branch.
  static bool isOnlyUse(Value value, Operation *op) {
    return llvm::all_of(value.getUsers(), [&](Operation *other) {
      if (other == op)
        return true;
      auto isOther = [&](Operation *branch) {
        Region *then = &branch->getRegion(0);
        return branch->isProperAncestor(other) &&
               then->isAncestor(op->getParentRegion()) != then->isAncestor(other->getParentRegion());
      };
      for (auto branch = op->getParentOfType<scf::IfOp>(); branch; branch = branch->getParentOfType<scf::IfOp>())
        if (isOther(branch))
          return true;
      return false;
    });
  }

  /// What both sides of a branch make has one place.
  void visit(scf::IfOp branch) {
    use(branch.getCondition());
    int64_t begin = at;
    SmallVector<Parts> results;
    for (Region *region : branch.getRegions()) {
      if (region->empty())
        continue;
      visit(region->front());
      ++at;
      Parts made;
      for (Value value : region->front().getTerminator()->getOperands())
        made.append(partsOf(value));
      results.push_back(made);
    }
    unsigned first = 0;
    for (Value result : branch.getResults()) {
      Parts place = make(result.getType());
      values[result] = place;
      for (const Parts &made : results)
        for (auto [part, into] : llvm::zip(ArrayRef(made).slice(first, place.size()), place))
          if (part != kNone && (parts[find(part)].defined >= begin || parts[find(part)].isCarried))
            unite(into, part);
      first += place.size();
    }
  }

  void visit(scf::ForOp loop) {
    for (Value bound : {loop.getLowerBound(), loop.getUpperBound(), loop.getStep()})
      use(bound);
    Parts carried;
    for (auto [init, argument] : llvm::zip(loop.getInitArgs(), loop.getRegionIterArgs())) {
      Parts before = partsOf(init), inside = make(argument.getType());
      for (auto [outer, part] : llvm::zip(before, inside)) {
        parts[part].isCarried = true;
        // What an outer loop carries into this one stays where it is.
        if (outer != kNone && parts[find(outer)].isCarried && isOnlyUse(init, loop))
          unite(part, outer);
        else
          use(outer);
      }
      values[argument] = inside;
      carried.append(inside);
    }
    loops.push_back({at, {}});
    values[loop.getInductionVar()] = make(loop.getInductionVar().getType());
    unsigned counter = values[loop.getInductionVar()].front();
    visit(*loop.getBody());
    ++at;
    Loop done = loops.pop_back_val();
    Parts yielded;
    for (Value value : cast<scf::YieldOp>(loop.getBody()->getTerminator()).getOperands())
      yielded.append(partsOf(value));
    for (auto [part, next] : llvm::zip(carried, yielded))
      if (next != kNone && parts[find(next)].defined >= done.begin)
        unite(next, part);
    Parts limit = partsOf(loop.getUpperBound());
    llvm::erase(limit, kNone);
    for (unsigned part : llvm::concat<unsigned>(done.outside, carried, limit))
      parts[find(part)].end = std::max(parts[find(part)].end, at);
    parts[counter].end = at;
    unsigned first = 0;
    for (Value result : loop.getResults()) {
      int64_t lanes = lanesOf(result.getType());
      values[result] = Parts(ArrayRef(carried).slice(first, lanes));
      first += lanes;
    }
  }

  int64_t at = 0;
  std::vector<Part> parts;
  std::vector<Load> loads;
  SmallVector<Loop> loops;
  DenseMap<Value, Parts> values;
};

} // namespace

double countRegisters(gpu::GPUFuncOp kernel) { return Liveness().most(kernel.getBody().front()); }

GpuWork countWork(gpu::GPUFuncOp kernel) {
  int64_t threads = kernel->getAttrOfType<IntegerAttr>(nn::kBlockAttr).getInt();
  for (int64_t groups : kernel->getAttrOfType<DenseI64ArrayAttr>(nn::kGridAttr).asArrayRef())
    threads *= groups;
  GpuWork work = WorkCounter(kernel, threads).count(kernel.getBody().front(), threads);
  work.threads = threads;
  work.registers = countRegisters(kernel);
  return work;
}

} // namespace nncc
