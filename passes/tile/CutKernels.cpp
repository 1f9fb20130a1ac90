// Lets the functions of kernels run in parts: two more arguments say which range of the work is to be done.
// Work is counted in operations on vectors of 32 bytes; a loop that says that its iterations are independent
// (nn.parallel) is the place to cut. Nothing else changes, so a part computes every element as the whole would.
#include "dialects/nn/NN.h"
#include "dialects/nn/Parts.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Remarks.h"
#include "passes/Passes.h"
#include "passes/check/Stage.h"
#include "passes/lower/Machine.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;

namespace nncc {
#define GEN_PASS_DEF_CUTKERNELS
#include "passes/Passes.h.inc"

namespace {

/// A function is cut into this many units or more where its loops allow: the largest one of eight parts is at most an
/// eighth longer than the others.
constexpr int64_t kUnits = 64;
/// More parts than any machine has cores; keeps the products of the dispatcher small.
constexpr int64_t kMostParts = 256;

//===-- how much work ---------------------------------------------------===//

int64_t workOf(Block &block);

/// Whether it is known what every iteration of a loop counts.
bool isKnown(scf::ForOp loop) {
  return loop.getStaticTripCount() && getConstantIntValue(loop.getLowerBound()) && getConstantIntValue(loop.getStep());
}

/// How often a loop runs; 8 times is the guess where that is no constant.
int64_t tripsOf(scf::ForOp loop) {
  std::optional<APInt> trips = loop.getStaticTripCount();
  return trips ? trips->getSExtValue() : 8;
}

int64_t workOf(Operation *op) {
  if (auto work = op->getAttrOfType<IntegerAttr>(nn::kWorkAttr))
    return work.getInt();
  if (auto loop = dyn_cast<scf::ForOp>(op))
    return tripsOf(loop) * workOf(*loop.getBody());
  int64_t inside = 0;
  for (Region &region : op->getRegions())
    for (Block &block : region)
      inside += workOf(block);
  if (op->getNumRegions())
    return inside;
  // Indices are the loops' own; what has no result and no operand of a number is no work either.
  Type type = op->getNumResults() ? op->getResult(0).getType() : Type();
  if (!type && op->getNumOperands())
    type = op->getOperand(0).getType();
  if (!type || isa<IndexType, MemRefType, LLVM::LLVMPointerType>(type) || op->hasTrait<OpTrait::ConstantLike>() ||
      op->hasTrait<OpTrait::IsTerminator>())
    return 0;
  auto vector = dyn_cast<VectorType>(type);
  auto bitsOf = [](Type element) { return element.isIndex() ? 64 : std::max(8u, element.getIntOrFloatBitWidth()); };
  int64_t bits = vector ? vector.getNumElements() * bitsOf(vector.getElementType()) : 1;
  int64_t registers = llvm::divideCeil(bits, 256);
  // Polynomials of some twenty operations (passes/lower/MathFunctions.cpp); divisions and roots hold up as long as
  // some additions.
  bool isFunction = isa<math::MathDialect>(op->getDialect()) && !isa<math::FmaOp, math::AbsFOp, math::SqrtOp>(op);
  return registers * (isFunction ? 20 : isa<arith::DivFOp, math::SqrtOp>(op) ? 5 : 1);
}

int64_t workOf(Block &block) {
  int64_t work = 0;
  for (Operation &op : block)
    work += workOf(&op);
  return work;
}

//===-- where to cut ----------------------------------------------------===//

/// A loop whose iterations are shared out: whole ones (no children), or what its children make of them. An uncut one
/// has all of its trips in every part; for numbers it is one trip, and its children are done as often at once.
struct Cut {
  scf::ForOp loop;
  bool isUncut = false;
  int64_t trips = 0, work = 0; ///< of one trip
  std::vector<Cut> children;

  int64_t total() const { return trips * work; }
  /// Units that are never taken apart.
  int64_t units() const {
    int64_t inner = children.empty() ? 1 : 0;
    for (const Cut &child : children)
      inner += child.units();
    return trips * inner;
  }
};

bool isParallel(Operation &op) { return isa<scf::ForOp>(op) && op.hasAttr(nn::kParallelAttr); }

/// True when every part may run the op: it writes nothing but what is its own, and reads only what the function does
/// not write.
bool mayRepeat(Operation *op) {
  if (isPure(op) || op->hasTrait<OpTrait::IsTerminator>() || op->hasAttr(nn::kRepeatsAttr))
    return true;
  auto read = [&]() -> Value {
    if (auto load = dyn_cast<memref::LoadOp>(op))
      return load.getMemRef();
    if (auto load = dyn_cast<vector::LoadOp>(op))
      return load.getBase();
    return {};
  }();
  while (read && read.getDefiningOp<ViewLikeOpInterface>())
    read = cast<ViewLikeOpInterface>(read.getDefiningOp()).getViewSource();
  if (!read)
    return false;
  if (read.getDefiningOp<memref::GetGlobalOp>())
    return true;
  auto argument = dyn_cast<BlockArgument>(read);
  auto function = argument ? dyn_cast<func::FuncOp>(argument.getOwner()->getParentOp()) : func::FuncOp();
  if (!function || !function.getArgAttr(argument.getArgNumber(), LLVM::LLVMDialect::getNoAliasAttrName()))
    return false;
  // Nothing else names this memory: look at all that is done with it.
  SmallVector<Value> names{argument};
  while (!names.empty())
    for (Operation *user : names.pop_back_val().getUsers()) {
      if (isa<ViewLikeOpInterface>(user))
        names.push_back(user->getResult(0));
      else if (!isa<memref::LoadOp, vector::LoadOp>(user))
        return false;
    }
  return true;
}

/// The loops of a block, when they hold all of its effects; none otherwise.
/// `times` is how often the block runs in every part.
std::vector<Cut> cutBlock(Block &block, int64_t largestUnit, int64_t times = 1) {
  std::vector<Cut> cuts;
  for (Operation &op : block) {
    if (!isParallel(op)) {
      if (!mayRepeat(&op))
        return {};
      continue;
    }
    Cut cut;
    cut.loop = cast<scf::ForOp>(op);
    if (!isKnown(cut.loop) || !cut.loop->use_empty())
      return {};
    cut.trips = tripsOf(cut.loop);
    cut.work = std::max<int64_t>(workOf(*cut.loop.getBody()), 1) * times;
    if (cut.trips == 0)
      continue;
    if (op.hasAttr(nn::kUncutAttr)) {
      cut.children = cutBlock(*cut.loop.getBody(), largestUnit, times * cut.trips);
      cut.isUncut = !cut.children.empty();
    } else if (cut.work > largestUnit) {
      cut.children = cutBlock(*cut.loop.getBody(), largestUnit, times);
    }
    if (!cut.children.empty()) {
      if (cut.isUncut)
        cut.trips = 1;
      cut.work = 0;
      for (const Cut &child : cut.children)
        cut.work += child.total();
    }
    cuts.push_back(cut);
  }
  return cuts;
}

//===-- the cut ---------------------------------------------------------===//

/// Bounds the loops of one function by its range. The work before an iteration, in the order of the whole, is its
/// number; whoever has that number in its range runs it.
class Cutter {
public:
  explicit Cutter(func::FuncOp function) : function(function), builder(function.getContext()) {}

  void run(ArrayRef<Cut> cuts) {
    unsigned first = function.getNumArguments();
    Type i64 = builder.getI64Type();
    Location loc = function.getLoc();
    (void)function.insertArguments({first, first}, {i64, i64}, {{}, {}}, {loc, loc});
    builder.setInsertionPointToStart(&function.getBody().front());
    auto number = [&](unsigned argument) -> Value {
      return arith::IndexCastOp::create(builder, loc, builder.getIndexType(), function.getArgument(argument));
    };
    begin = number(first);
    end = number(first + 1);
    bound(cuts, Value());
  }

private:
  Value index(Location loc, int64_t value) { return arith::ConstantIndexOp::create(builder, loc, value); }

  /// Loops of one block; `before` is the work before that block, or null for none.
  void bound(ArrayRef<Cut> cuts, Value before) {
    int64_t offset = 0;
    for (const Cut &cut : cuts) {
      scf::ForOp loop = cut.loop;
      Location loc = loop.getLoc();
      int64_t first = *getConstantIntValue(loop.getLowerBound()), step = *getConstantIntValue(loop.getStep());
      builder.setInsertionPoint(loop);
      Value start = index(loc, offset);
      if (before)
        start = arith::AddIOp::create(builder, loc, before, start);
      offset += cut.total();
      if (cut.isUncut) {
        builder.setInsertionPointToStart(loop.getBody());
        bound(cut.children, start);
        continue;
      }
      if (cut.trips == 1 && cut.children.empty()) {
        guard(loop, start);
        continue;
      }
      if (cut.trips > 1) {
        Value low = trip(cut, start, begin, /*roundUp=*/cut.children.empty());
        Value high = trip(cut, start, end, /*roundUp=*/true);
        limit(loop, first, step, low, high);
      }
      if (cut.children.empty())
        continue;
      builder.setInsertionPointToStart(loop.getBody());
      Value number = asIndex(loc, loop.getInductionVar());
      number = arith::SubIOp::create(builder, loc, number, index(loc, first));
      number = arith::DivUIOp::create(builder, loc, number, index(loc, step));
      number = arith::MulIOp::create(builder, loc, number, index(loc, cut.work));
      bound(cut.children, arith::AddIOp::create(builder, loc, start, number));
    }
  }

  /// A loop of one trip runs where the work before it is in the range.
  void guard(scf::ForOp loop, Value start) {
    Location loc = loop.getLoc();
    Value isBehind = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::sle, begin, start);
    Value isBefore = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::slt, start, end);
    auto guard = scf::IfOp::create(builder, loc, arith::AndIOp::create(builder, loc, isBehind, isBefore).getResult());
    loop->moveBefore(guard.thenYield());
  }

  /// The first trip at or behind a number of the range (or the one that holds it, rounded down), at most all trips.
  Value trip(const Cut &cut, Value start, Value number, bool roundUp) {
    Location loc = start.getLoc();
    Value behind = arith::SubIOp::create(builder, loc, number, start);
    behind = arith::MaxSIOp::create(builder, loc, behind, index(loc, 0));
    if (roundUp)
      behind = arith::AddIOp::create(builder, loc, behind, index(loc, cut.work - 1));
    Value trip = arith::DivUIOp::create(builder, loc, behind, index(loc, cut.work));
    return arith::MinUIOp::create(builder, loc, trip, index(loc, cut.trips));
  }

  /// Makes a loop run its trips [low, high). Steps end where they did before: trips are whole ones.
  void limit(scf::ForOp loop, int64_t first, int64_t step, Value low, Value high) {
    Location loc = loop.getLoc();
    Type type = loop.getInductionVar().getType();
    auto at = [&](Value trip) -> Value {
      Value scaled = arith::MulIOp::create(builder, loc, trip, index(loc, step));
      Value sum = arith::AddIOp::create(builder, loc, scaled, index(loc, first));
      return type.isIndex() ? sum : arith::IndexCastOp::create(builder, loc, type, sum).getResult();
    };
    loop.setLowerBound(at(low));
    loop.setUpperBound(at(high));
  }

  Value asIndex(Location loc, Value number) {
    if (number.getType().isIndex())
      return number;
    return arith::IndexCastOp::create(builder, loc, builder.getIndexType(), number);
  }

  func::FuncOp function;
  OpBuilder builder;
  Value begin, end;
};

struct CutKernels : impl::CutKernelsBase<CutKernels> {
  using CutKernelsBase::CutKernelsBase;

  void runOnOperation() override {
    if (failed(requireStage(*this, getOperation(), {"L2"})))
      return signalPassFailure();
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      if (function.isDeclaration())
        continue;
      cut(function);
      // From here on other passes may change loops without a thought of this.
      function.walk([](Operation *op) {
        op->removeDiscardableAttr(nn::kParallelAttr);
        op->removeDiscardableAttr(nn::kUncutAttr);
        op->removeDiscardableAttr(nn::kRepeatsAttr);
        if (!isa<func::FuncOp>(op))
          op->removeDiscardableAttr(nn::kWorkAttr);
      });
    }
  }

private:
  void cut(func::FuncOp function) {
    if (function.getBody().getBlocks().size() != 1)
      return;
    Block &body = function.getBody().front();
    int64_t all = workOf(body), parts = all / std::max<int64_t>(partWork, 1);
    if (parts < 2)
      return;
    std::vector<Cut> cuts = cutBlock(body, all / kUnits);
    int64_t work = 0, units = 0;
    for (const Cut &cut : cuts) {
      work += cut.total();
      units += cut.units();
    }
    parts = std::min({parts, units, kMostParts});
    if (parts < 2) {
      // Micro-kernels are no kernels: what calls them is cut.
      if (function->hasAttr(kDeviceAttr))
        remark::missed(function.getLoc(), remarkOptions(function))
            << remark::reason("it has effects outside of independent loops");
      return;
    }
    Cutter(function).run(cuts);
    Builder builder(&getContext());
    function->setAttr(nn::kWorkAttr, builder.getI64IntegerAttr(work));
    function->setAttr(nn::kPartsAttr, builder.getI64IntegerAttr(parts));
    remark::passed(function.getLoc(), remarkOptions(function))
        << llvm::formatv("runs in up to {0} parts, {1} units", parts, units).str();
  }

  static remark::RemarkOpts remarkOptions(func::FuncOp function) {
    return remark::RemarkOpts::name("CutKernels").function(function.getName()).category("nncc-cut-kernels");
  }
};
} // namespace
} // namespace nncc
