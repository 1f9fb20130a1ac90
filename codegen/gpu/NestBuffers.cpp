// Dims of buffers for the constant distances between loads; see GpuPasses.td.
#include "codegen/gpu/GpuPasses.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "passes/check/Stage.h"
#include "llvm/ADT/SmallSet.h"
#include <map>

using namespace mlir;

namespace nncc {
#define GEN_PASS_DEF_NESTBUFFERS
#include "codegen/gpu/GpuPasses.h.inc"

namespace {

/// An index as a sum: multiples of values that are no sums themselves, and a constant.
struct LinearIndex {
  llvm::MapVector<Value, int64_t> factors;
  int64_t constant = 0;

  static LinearIndex of(Value index) {
    LinearIndex sum;
    sum.add(index, 1);
    return sum;
  }

private:
  void add(Value value, int64_t factor) {
    Operation *op = value.getDefiningOp();
    if (auto number = getConstantIntValue(value)) {
      constant += factor * *number;
    } else if (op && isa<arith::AddIOp, arith::SubIOp>(op)) {
      add(op->getOperand(0), factor);
      add(op->getOperand(1), isa<arith::AddIOp>(op) ? factor : -factor);
    } else if (auto by = op && isa<arith::MulIOp>(op) ? getConstantIntValue(op->getOperand(1)) : std::nullopt) {
      add(op->getOperand(0), factor * *by);
    } else {
      factors[value] += factor;
    }
  }
};

/// What an index stays below, by how it is computed; nothing where that does not say.
std::optional<int64_t> limitOf(Value value) {
  if (auto number = getConstantIntValue(value))
    return *number >= 0 ? std::optional<int64_t>(*number + 1) : std::nullopt;
  if (auto argument = dyn_cast<BlockArgument>(value)) {
    auto loop = dyn_cast<scf::ForOp>(argument.getOwner()->getParentOp());
    if (!loop || argument != loop.getInductionVar() || getConstantIntValue(loop.getLowerBound()).value_or(-1) < 0)
      return std::nullopt;
    return getConstantIntValue(loop.getUpperBound());
  }
  Operation *op = value.getDefiningOp();
  if (isa<arith::RemUIOp>(op))
    return getConstantIntValue(op->getOperand(1));
  return std::nullopt;
}

/// How a buffer is seen: as rows of groups, each of so many parts, of so many elements.
struct Nesting {
  int64_t parts, elements;
  int64_t groups = 0; ///< of a row; 0: all of them are one

  int64_t group() const { return parts * elements; }
  int64_t row() const { return groups * group(); }

  /// Whether an index is one of a group, a constant one of a part, and one in the part, each less than there are.
  bool takes(const LinearIndex &index) const {
    if (index.constant < 0)
      return false;
    int64_t most = index.constant % elements;
    for (auto [value, factor] : index.factors) {
      if (factor % group() == 0)
        continue;
      std::optional<int64_t> limit = limitOf(value);
      if (factor < 0 || !limit || *limit > elements)
        return false;
      most += factor * (*limit - 1);
    }
    return most < elements;
  }

  /// Whether that of a group is one of a row and a value that is in the row as it is, which no sum is needed for.
  bool hasRows(const LinearIndex &index) const {
    unsigned values = 0;
    for (auto [value, factor] : index.factors) {
      if (factor % row() == 0 || factor % group() != 0)
        continue;
      std::optional<int64_t> limit = limitOf(value);
      if (factor != group() || !limit || *limit > groups || ++values > 1)
        return false;
    }
    return values == 1 && index.constant < group();
  }
};

/// The loops around where a value is made.
unsigned depthOf(Value value) {
  unsigned depth = 0;
  for (Operation *op = value.getParentBlock()->getParentOp(); op; op = op->getParentOp())
    depth += isa<scf::ForOp>(op);
  return depth;
}

/// Writes a sum of multiples, what changes in inner loops last.
Value writeSum(OpBuilder &builder, Location loc, ArrayRef<std::pair<Value, int64_t>> terms, int64_t constant) {
  auto number = [&](int64_t value) { return arith::ConstantIndexOp::create(builder, loc, value).getResult(); };
  std::multimap<unsigned, std::pair<Value, int64_t>> ordered;
  for (auto [value, factor] : terms)
    ordered.insert({depthOf(value), {value, factor}});
  Value sum;
  for (auto &[depth, term] : ordered) {
    Value product =
        term.second == 1 ? term.first : arith::MulIOp::create(builder, loc, term.first, number(term.second));
    sum = sum ? arith::AddIOp::create(builder, loc, sum, product) : product;
  }
  if (!sum)
    return number(constant);
  return constant ? arith::AddIOp::create(builder, loc, sum, number(constant)) : sum;
}

/// One buffer of a kernel.
class Nester {
public:
  explicit Nester(BlockArgument buffer) : buffer(buffer), type(cast<MemRefType>(buffer.getType())) {}

  void run() {
    // Single numbers of 16 bits share words.
    bool isWhole = isa<VectorType>(type.getElementType()) || type.getElementTypeBitWidth() == 32;
    if (type.getRank() != 1 || !isWhole ||
        !llvm::all_of(buffer.getUsers(), llvm::IsaPred<memref::LoadOp, memref::StoreOp>))
      return;
    for (Operation *user : buffer.getUsers()) {
      auto load = dyn_cast<memref::LoadOp>(user);
      accesses.push_back(user);
      indices.push_back(LinearIndex::of(load ? load.getIndices()[0] : cast<memref::StoreOp>(user).getIndices()[0]));
    }
    if (std::optional<Nesting> nesting = find(); nesting && isWorthIt(*nesting))
      rewrite(*nesting);
  }

private:
  /// The nesting of the smallest parts that all accesses agree with.
  std::optional<Nesting> find() const {
    llvm::SmallSet<int64_t, 8> constants, factors;
    for (const LinearIndex &index : indices) {
      constants.insert(index.constant);
      for (auto [value, factor] : index.factors)
        factors.insert(factor);
    }
    SmallVector<int64_t> distances(constants.begin(), constants.end()), groups(factors.begin(), factors.end());
    llvm::sort(distances);
    llvm::sort(groups);
    for (int64_t elements : distances)
      for (int64_t group : groups) {
        if (elements <= 0 || group <= distances.back() || group % elements != 0)
          continue;
        Nesting nesting{group / elements, elements};
        if (!llvm::all_of(indices, [&](const LinearIndex &index) { return nesting.takes(index); }))
          continue;
        if (groups.back() > group && groups.back() % group == 0) {
          Nesting inRows{nesting.parts, elements, groups.back() / group};
          if (llvm::all_of(indices, [&](const LinearIndex &index) { return inRows.hasRows(index); }))
            return inRows;
        }
        return nesting;
      }
    return std::nullopt;
  }

  /// Elements from one index of each dim to the next.
  static SmallVector<int64_t> pitchesOf(const Nesting &nesting) {
    SmallVector<int64_t> pitches;
    if (nesting.groups)
      pitches.push_back(nesting.row());
    pitches.append({nesting.group(), nesting.elements});
    if (nesting.elements > 1)
      pitches.push_back(1);
    return pitches;
  }

  /// Indices of single numbers are mostly written out once: types for dims have as many words as what they spare there.
  bool isWorthIt(const Nesting &nesting) const {
    return isa<VectorType>(type.getElementType()) || llvm::any_of(llvm::zip(accesses, indices), [&](auto pair) {
             auto &[access, index] = pair;
             return index.constant % nesting.group() >= nesting.elements &&
                    access->template getParentOfType<scf::ForOp>();
           });
  }

  void rewrite(const Nesting &nesting) {
    SmallVector<int64_t> pitches = pitchesOf(nesting), shape;
    for (int64_t rest = type.getDimSize(0); int64_t pitch : pitches) {
      shape.push_back(llvm::divideCeilSigned(rest, pitch)); // only the first dim need not be whole
      rest = pitch;
    }
    buffer.setType(MemRefType::get(shape, type.getElementType()));
    for (auto [access, index] : llvm::zip(accesses, indices)) {
      OpBuilder builder(access);
      SmallVector<Value> places;
      llvm::MapVector<Value, int64_t> rest = index.factors;
      for (int64_t constant = index.constant; int64_t pitch : pitches) {
        SmallVector<std::pair<Value, int64_t>> terms;
        for (auto [value, factor] : rest)
          if (factor % pitch == 0)
            terms.push_back({value, factor / pitch});
        rest.remove_if([&](const auto &term) { return term.second % pitch == 0; });
        places.push_back(writeSum(builder, access->getLoc(), terms, constant / pitch));
        constant %= pitch;
      }
      if (auto load = dyn_cast<memref::LoadOp>(access))
        load.getIndicesMutable().assign(places);
      else
        cast<memref::StoreOp>(access).getIndicesMutable().assign(places);
    }
  }

  BlockArgument buffer;
  MemRefType type;
  SmallVector<Operation *> accesses;
  SmallVector<LinearIndex> indices;
};

struct NestBuffers : impl::NestBuffersBase<NestBuffers> {
  void runOnOperation() override {
    if (failed(requireStage(*this, getOperation(), {"G"})))
      return signalPassFailure();
    getOperation().walk([&](gpu::GPUFuncOp kernel) {
      for (BlockArgument argument : kernel.getArguments())
        if (isa<MemRefType>(argument.getType()))
          Nester(argument).run();
      kernel.setFunctionType(FunctionType::get(&getContext(), kernel.getBody().getArgumentTypes(), {}));
    });
  }
};
} // namespace
} // namespace nncc
