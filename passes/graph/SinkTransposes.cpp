// Moves transposes (and reshapes) down through the graph until they meet their inverse or the end of the graph.
// One walk in program order. Every rewrite of an op takes a transposition or a reshape of a run-time value from its
// operands (layout ops on constants are folded later and do not count), so an op is rewritten at most once for each.
#include "dialects/nn/ConstantData.h"
#include "dialects/nn/NN.h"
#include "dialects/nn/Origin.h"
#include "mlir/IR/Remarks.h"
#include "passes/Passes.h"
#include "passes/check/Stage.h"
#include "passes/graph/NormOfChannels.h"
#include "passes/graph/Permute.h"
#include "llvm/ADT/MapVector.h"

using namespace mlir;
using namespace nncc::nn;

namespace nncc {
#define GEN_PASS_DEF_SINKTRANSPOSES
#include "passes/Passes.h.inc"

namespace {

RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }

class Sinker {
public:
  explicit Sinker(MLIRContext *context) : b(context) {}

  /// Moves what lies above `op` below it, or merges `op` with it. Erases ops that nobody uses any more.
  void process(Operation *op) {
    if (auto transpose = dyn_cast<TransposeOp>(op))
      return mergeTranspose(transpose);
    if (auto reshape = dyn_cast<ReshapeOp>(op))
      return mergeReshape(reshape);
    if (auto matmul = dyn_cast<MatMulOp>(op))
      return absorbFlatten(matmul);
    if (auto norm = dyn_cast<LayerNormOp>(op))
      if (auto ofChannels = NormOfChannels::of(norm))
        return sinkBelowNorm(norm, *ofChannels);
    // A reshape may sink at the price of another one only the first time: two values could trade places for ever.
    bool mayTrade = true;
    for (unsigned left = op->getNumOperands() + 1; op && left > 0; --left, mayTrade = false) {
      Operation *moved = sinkTranspose(op);
      op = moved ? moved : isElementwise(op) ? sinkReshape(op, mayTrade) : nullptr;
    }
  }

private:
  /// Says what became of an op, before it goes.
  static void report(Operation *op, StringRef what) {
    remark::passed(op->getLoc(), remark::RemarkOpts::name("SinkTransposes").category("nncc-sink-transposes"))
        << op->getName().getStringRef() << " " << what;
  }

  //===-- Merging --------------------------------------------------------===//

  void mergeTranspose(TransposeOp op) {
    SmallVector<int64_t> perm(op.getPerm());
    Value input = op.getInput();
    if (auto inner = input.getDefiningOp<TransposeOp>()) {
      perm = composePerms(inner.getPerm(), perm);
      input = inner.getInput();
    }
    if (isIdentityPerm(perm)) {
      report(op, "moves nothing, and goes");
      return replace(op, {input});
    }
    if (input != op.getInput()) {
      report(op, "merges with the one above it");
      b.setInsertionPoint(op);
      if (movesOnlyUnitDims(typeOf(input).getShape(), perm))
        return replace(op, {viewAs(input, op.getType().getShape())});
      auto merged = TransposeOp::create(b, op.getLoc(), input, b.getDenseI64ArrayAttr(perm));
      carryOrigin(op, merged);
      replace(op, {merged});
    }
  }

  void mergeReshape(ReshapeOp op) {
    Value input = op.getInput();
    while (auto inner = input.getDefiningOp<ReshapeOp>())
      input = inner.getInput();
    if (input.getType() == op.getType()) {
      report(op, "changes nothing, and goes");
      return replace(op, {input});
    }
    if (input != op.getInput()) {
      report(op, "merges with the one above it");
      b.setInsertionPoint(op);
      auto merged = ReshapeOp::create(b, op.getLoc(), op.getType(), input);
      carryOrigin(op, merged);
      replace(op, {merged});
      return;
    }
    if (auto transpose = input.getDefiningOp<TransposeOp>())
      sinkBelowReshape(transpose, op);
  }

  /// Dims of two shapes of one tensor that belong together: the products of `from` and `to` are equal.
  struct DimGroup {
    SmallVector<int64_t> from, to;
  };

  /// Splits a reshape into the smallest groups; dims of size 1 belong to none. Shapes with a 0 are not split.
  static SmallVector<DimGroup> groupDims(ArrayRef<int64_t> from, ArrayRef<int64_t> to) {
    SmallVector<DimGroup> groups;
    size_t i = 0, j = 0;
    if (llvm::is_contained(from, 0))
      return groups;
    while (true) {
      while (i < from.size() && from[i] == 1)
        ++i;
      while (j < to.size() && to[j] == 1)
        ++j;
      if (i == from.size() || j == to.size())
        return groups;
      DimGroup group;
      int64_t left = 1, right = 1;
      do {
        // The smaller side takes its next dim; both end with the same product, since the whole tensors do.
        bool takeLeft = left <= right && i < from.size();
        int64_t dim = takeLeft ? from[i] : to[j];
        if (dim != 1)
          (takeLeft ? group.from : group.to).push_back(takeLeft ? i : j);
        (takeLeft ? left : right) *= dim;
        ++(takeLeft ? i : j);
      } while (left != right);
      groups.push_back(group);
    }
  }

  /// reshape(transpose(x)) -> transpose'(reshape'(x)), when the transposition moves the reshape's groups as wholes:
  /// squeezing, unsqueezing, joining H and W.
  void sinkBelowReshape(TransposeOp transpose, ReshapeOp op) {
    RankedTensorType source = typeOf(transpose.getInput()), target = op.getType();
    ArrayRef<int64_t> perm = transpose.getPerm();
    SmallVector<int64_t> order; // dims of the source that are not 1
    for (int64_t dim = 0; dim < source.getRank(); ++dim)
      if (source.getDimSize(dim) != 1)
        order.push_back(dim);
    SmallVector<DimGroup> groups = groupDims(typeOf(transpose).getShape(), target.getShape());
    // Where in `order` each group begins; its dims have to follow one another there.
    SmallVector<std::pair<size_t, size_t>> begins;
    for (auto [number, group] : llvm::enumerate(groups)) {
      size_t begin = llvm::find(order, perm[group.from[0]]) - order.begin();
      for (auto [offset, dim] : llvm::enumerate(group.from))
        if (begin + offset >= order.size() || order[begin + offset] != perm[dim])
          return;
      begins.push_back({begin, number});
    }
    if (groups.empty())
      return;
    llvm::sort(begins);
    // Dims of size 1 stay where the target has them, the others come in the order of the source.
    SmallVector<int64_t> shape(target.getShape()), newPerm(target.getRank()), places;
    for (int64_t dim = 0; dim < target.getRank(); ++dim) {
      newPerm[dim] = dim;
      if (target.getDimSize(dim) != 1)
        places.push_back(dim);
    }
    size_t next = 0;
    for (auto [begin, number] : begins)
      for (int64_t dim : groups[number].to) {
        shape[places[next]] = target.getDimSize(dim);
        newPerm[dim] = places[next++];
      }
    report(op, "goes above a transposition");
    b.setInsertionPoint(op);
    Value view = viewAs(transpose.getInput(), shape);
    if (isIdentityPerm(newPerm))
      return replace(op, {view});
    auto below = TransposeOp::create(b, transpose.getLoc(), view, b.getDenseI64ArrayAttr(newPerm));
    carryOrigin(op, below);
    replace(op, {below});
  }

  //===-- Transposes below other ops -------------------------------------===//

  /// op(transpose(x, p)) -> transpose(op'(x), p), when every operand can be had without a transposition. The new op,
  /// or null.
  Operation *sinkTranspose(Operation *op) {
    if (op->getNumResults() == 0)
      return nullptr;
    for (Value operand : op->getOperands()) {
      auto candidate = operand.getDefiningOp<TransposeOp>();
      if (!candidate || isConstant(operand))
        continue;
      SmallVector<int64_t> perm(candidate.getPerm()), undo = inversePerm(perm);
      SmallVector<OpOperand *> moved = permutedOperands(op, undo);
      if (moved.empty() || !llvm::all_of(moved, [&](OpOperand *o) { return isFree(o->get(), undo); }))
        continue;
      report(op, "goes above a transposition");
      SmallVector<Value> operands(op->getOperands());
      for (OpOperand *o : moved)
        operands[o->getOperandNumber()] = permuteFree(o->get(), undo, op);
      b.setInsertionPoint(op);
      Operation *permuted = buildPermuted(b, op, undo, operands);
      SmallVector<Value> results;
      for (auto [old, result] : llvm::zip(op->getResults(), permuted->getResults())) {
        auto below = TransposeOp::create(b, op->getLoc(), result, b.getDenseI64ArrayAttr(perm));
        carryOrigin(old, below);
        results.push_back(below);
      }
      replace(op, results);
      return permuted;
    }
    return nullptr;
  }

  /// layer_norm(transpose(x)) over the positions of an image -> transpose(the same of x, written out).
  void sinkBelowNorm(LayerNormOp op, NormOfChannels ofChannels) {
    report(op, "goes above a transposition");
    b.setInsertionPoint(op);
    Value normalized = ofChannels.build(b, op);
    Value below = TransposeOp::create(b, op.getLoc(), normalized, ofChannels.transpose.getPermAttr());
    replace(op, {viewAs(below, op.getType().getShape())});
  }

  /// True when `permuteFree` gives the permuted value without moving bytes at run time.
  static bool isFree(Value value, ArrayRef<int64_t> perm) {
    if (getConstantValue(value) || movesOnlyUnitDims(typeOf(value).getShape(), perm))
      return true;
    auto transpose = value.getDefiningOp<TransposeOp>();
    if (!transpose)
      return false;
    return getConstantValue(transpose.getInput()) ||
           movesOnlyUnitDims(typeOf(transpose.getInput()).getShape(), composePerms(transpose.getPerm(), perm));
  }

  Value permuteFree(Value value, ArrayRef<int64_t> perm, Operation *before) {
    if (auto transpose = value.getDefiningOp<TransposeOp>()) {
      SmallVector<int64_t> both = composePerms(transpose.getPerm(), perm);
      if (isIdentityPerm(both))
        return transpose.getInput();
      Value input = transpose.getInput();
      if (getConstantValue(input) || movesOnlyUnitDims(typeOf(input).getShape(), both))
        return permuteFree(input, both, before);
    }
    if (isIdentityPerm(perm))
      return value;
    if (Operation *constant = getConstantValue(value) ? value.getDefiningOp() : nullptr) {
      // Evaluated later by FoldConstants; made once for all users.
      Value &made = transposed[{value, b.getDenseI64ArrayAttr(perm)}];
      if (!made) {
        b.setInsertionPointAfter(constant);
        made = TransposeOp::create(b, value.getLoc(), value, b.getDenseI64ArrayAttr(perm));
        carryOrigin(value, made, perm);
      }
      return made;
    }
    b.setInsertionPoint(before);
    Value reshaped = viewAs(value, permuteType(typeOf(value), perm).getShape());
    if (getOrigin(reshaped).tensor.empty())
      carryOrigin(value, reshaped, perm);
    return reshaped;
  }

  //===-- Reshapes below elementwise ops ---------------------------------===//

  /// op(reshape(x)) -> reshape(op'(x)), so that the op can join the kernel that makes x. The new op, or null.
  Operation *sinkReshape(Operation *op, bool mayTrade) {
    auto type = cast<RankedTensorType>(op->getResult(0).getType());
    ReshapeOp chosen;
    for (Value operand : op->getOperands())
      if (auto reshape = operand.getDefiningOp<ReshapeOp>();
          reshape && gainsBySinking(op, reshape, mayTrade) && (!chosen || joinsLater(reshape, chosen)))
        chosen = reshape;
    if (!chosen)
      return nullptr;
    report(op, "goes above a reshape");
    RankedTensorType inner = typeOf(chosen.getInput());
    b.setInsertionPoint(op);
    SmallVector<Value> operands;
    for (Value v : op->getOperands())
      operands.push_back(viewAs(v, *viewShape(typeOf(v), type, inner)));
    OperationState state(op->getLoc(), op->getName().getStringRef(), operands,
                         {RankedTensorType::get(inner.getShape(), type.getElementType())}, op->getAttrs());
    Operation *viewed = b.create(state);
    // An origin can say how dims were permuted, but not how they were split after that.
    Origin origin = getOrigin(op->getResult(0));
    setOrigin(viewed->getResult(0), origin.perm.empty() ? origin : Origin());
    auto below = ReshapeOp::create(b, op->getLoc(), type, viewed->getResult(0));
    carryOrigin(op->getResult(0), below);
    replace(op, {below});
    return viewed;
  }

  /// The contraction whose kernel an elementwise op would join without this reshape.
  static Operation *contractionAbove(ReshapeOp reshape) {
    Operation *producer = reshape.getInput().getDefiningOp();
    return producer && isa<Conv2DOp, ConvTranspose2DOp, MatMulOp>(producer) ? producer : nullptr;
  }

  /// True when `a` is the better one of two reshapes to sink: FormKernels gives an op to the later contraction.
  static bool joinsLater(ReshapeOp a, ReshapeOp b) {
    Operation *above = contractionAbove(a), *other = contractionAbove(b);
    return above && (!other || other->isBeforeInBlock(above));
  }

  /// True when `op` can be computed on the input of one of its reshapes, and fewer reshapes are left then.
  static bool gainsBySinking(Operation *op, ReshapeOp reshape, bool mayTrade) {
    auto type = cast<RankedTensorType>(op->getResult(0).getType());
    RankedTensorType inner = typeOf(reshape.getInput());
    if (reshape.getType().getShape() != type.getShape() ||
        !llvm::all_of(op->getOperands(), [&](Value v) { return viewShape(typeOf(v), type, inner).has_value(); }))
      return false;
    size_t now =
        llvm::count_if(op->getOperands(), [](Value v) { return v.getDefiningOp<ReshapeOp>() && !isConstant(v); });
    size_t then = llvm::count_if(op->getOperands(), [&](Value v) {
      Value source = lookThroughReshapes(v);
      return !isConstant(source) && typeOf(source).getShape() != ArrayRef<int64_t>(*viewShape(typeOf(v), type, inner));
    });
    // As many are worth it where the op can then join the kernel of a contraction.
    return then < now || (then == now && mayTrade && contractionAbove(reshape));
  }

  /// The shape that an operand (broadcast to `outer`) has when the result is viewed as `inner`; none when there is
  /// no such view.
  static std::optional<SmallVector<int64_t>> viewShape(RankedTensorType operand, RankedTensorType outer,
                                                       RankedTensorType inner) {
    if (operand.getShape() == outer.getShape())
      return SmallVector<int64_t>(inner.getShape());
    if (operand.getNumElements() == 1)
      return SmallVector<int64_t>(inner.getRank(), 1);
    // Dims at the end that the view leaves alone, all others broadcast: a bias behind a collapsed batch.
    int64_t common = 0, ranks = std::min(inner.getRank(), outer.getRank());
    while (common < ranks && inner.getShape().drop_back(common).back() == outer.getShape().drop_back(common).back())
      ++common;
    if (llvm::all_of(operand.getShape().drop_back(common), [](int64_t dim) { return dim == 1; })) {
      SmallVector<int64_t> view(inner.getRank() - common, 1);
      llvm::append_range(view, operand.getShape().take_back(common));
      return view;
    }
    // Otherwise only views that add or drop dims of size 1.
    SmallVector<int64_t> view;
    size_t from = 0, rank = outer.getRank();
    for (int64_t dim : inner.getShape()) {
      while (from < rank && outer.getDimSize(from) == 1 && dim != 1)
        ++from; // a unit dim that the view drops
      if (dim == 1) {
        if (from < rank && outer.getDimSize(from) == 1)
          ++from;
        view.push_back(1);
        continue;
      }
      if (from == rank || outer.getDimSize(from) != dim)
        return std::nullopt;
      view.push_back(operand.getDimSize(from++));
    }
    while (from < rank && outer.getDimSize(from) == 1)
      ++from;
    return from == rank ? std::optional(view) : std::nullopt;
  }

  /// True for constants and for what constant folding makes of them.
  static bool isConstant(Value value) {
    while (Operation *op = value.getDefiningOp()) {
      if (!isa<TransposeOp, ReshapeOp>(op))
        return isa<ConstantOp>(op);
      value = op->getOperand(0);
    }
    return false;
  }

  static Value lookThroughReshapes(Value value) {
    while (auto reshape = value.getDefiningOp<ReshapeOp>())
      value = reshape.getInput();
    return value;
  }

  Value viewAs(Value value, ArrayRef<int64_t> shape) {
    auto type = RankedTensorType::get(shape, typeOf(value).getElementType());
    value = lookThroughReshapes(value);
    if (value.getType() == type)
      return value;
    return ReshapeOp::create(b, value.getLoc(), type, value);
  }

  //===-- Transposes into weights ----------------------------------------===//

  /// matmul(reshape(transpose(x)), w) -> matmul(reshape(x), w with its rows permuted), when the transposition stays
  /// within the dims that the reshape flattens to the inner dim of the product.
  void absorbFlatten(MatMulOp op) {
    auto flatten = op.getLhs().getDefiningOp<ReshapeOp>();
    auto transpose = flatten ? flatten.getInput().getDefiningOp<TransposeOp>() : TransposeOp();
    if (!transpose || !getConstantValue(op.getRhs()))
      return;
    RankedTensorType source = typeOf(transpose.getInput()), lhs = typeOf(op.getLhs()), rhs = typeOf(op.getRhs());
    // Dims of size 1 do not matter: compare the others, as dims of the source.
    SmallVector<int64_t> ordered, permuted;
    for (int64_t dim = 0; dim < source.getRank(); ++dim) {
      if (source.getDimSize(dim) != 1)
        ordered.push_back(dim);
      if (int64_t from = transpose.getPerm()[dim]; source.getDimSize(from) != 1)
        permuted.push_back(from);
    }
    int64_t inner = lhs.getShape().back(), product = 1;
    size_t split = permuted.size();
    while (split > 0 && product < inner)
      product *= source.getDimSize(permuted[--split]);
    if (product != inner || !std::equal(ordered.begin(), ordered.begin() + split, permuted.begin()))
      return;
    // Rows of the weights are numbered by `permuted`; renumber them by `ordered`.
    int64_t axis = rhs.getRank() - (op.getTransposeB() ? 1 : 2);
    SmallVector<int64_t> rows(rhs.getShape().take_front(axis)), perm;
    llvm::append_range(perm, llvm::seq<int64_t>(0, axis));
    for (size_t i = split; i < permuted.size(); ++i) {
      rows.push_back(source.getDimSize(permuted[i]));
      perm.push_back(axis + (llvm::find(permuted, ordered[i]) - permuted.begin()) - split);
    }
    llvm::append_range(rows, rhs.getShape().drop_front(axis + 1));
    while (perm.size() < rows.size())
      perm.push_back(perm.size());

    Operation *constant = op.getRhs().getDefiningOp();
    Location location = constant->getLoc();
    b.setInsertionPointAfter(constant);
    Value byDim = ReshapeOp::create(b, location, RankedTensorType::get(rows, rhs.getElementType()), op.getRhs());
    Value moved = TransposeOp::create(b, location, byDim, b.getDenseI64ArrayAttr(perm));
    Value weights = ReshapeOp::create(b, location, rhs, moved);
    b.setInsertionPoint(op);
    Value flat = ReshapeOp::create(b, flatten.getLoc(), lhs, transpose.getInput());
    report(op, "takes a transposition into its weights");
    op.getLhsMutable().assign(flat);
    op.getRhsMutable().assign(weights);
    eraseUnused(flatten);
  }

  //===-- Erasing --------------------------------------------------------===//

  void replace(Operation *op, ArrayRef<Value> values) {
    for (auto [old, value] : llvm::zip(op->getResults(), values))
      if (getOrigin(value).tensor.empty() && typeOf(value) == typeOf(old))
        carryOrigin(old, value);
    op->replaceAllUsesWith(values);
    eraseUnused(op);
  }

  /// Erases `op` and, when that leaves them without users, the layout ops above it.
  void eraseUnused(Operation *op) {
    if (!op->use_empty())
      return;
    SmallVector<Operation *> above;
    for (Value operand : op->getOperands())
      if (Operation *producer = operand.getDefiningOp();
          producer && isa<TransposeOp, ReshapeOp>(producer) && !llvm::is_contained(above, producer))
        above.push_back(producer);
    // `transposed` may still hand out what was made for a constant.
    for (Value result : op->getResults())
      transposed.remove_if([&](auto &entry) { return entry.second == result; });
    op->erase();
    for (Operation *producer : above)
      eraseUnused(producer);
  }

  OpBuilder b;
  llvm::MapVector<std::pair<Value, Attribute>, Value> transposed;
};

struct SinkTransposes : impl::SinkTransposesBase<SinkTransposes> {
  void runOnOperation() override {
    if (failed(requireStage(*this, getOperation(), {"N1"})))
      return signalPassFailure();
    for (Block &block : getOperation().getBody()) {
      Sinker sinker(&getContext());
      SmallVector<Operation *> ops;
      for (Operation &op : block)
        ops.push_back(&op);
      // Ops are only erased when all their users were visited or are the op itself, so later ones stay valid.
      for (Operation *op : ops)
        sinker.process(op);
    }
  }
};
} // namespace
} // namespace nncc
