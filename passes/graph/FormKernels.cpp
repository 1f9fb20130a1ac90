// Groups ops into kernels: a root with its elementwise epilogue, or a DAG of elementwise ops with one result.
// Which ops go together is decided by `KernelPlan`; the rest of the file only carries the plan out.
#include "dialects/nn/ConstantData.h"
#include "dialects/nn/NN.h"
#include "dialects/nn/Origin.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Remarks.h"
#include "passes/Passes.h"
#include "passes/check/Stage.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatAdapters.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace nncc::nn;

namespace nncc {
#define GEN_PASS_DEF_FORMKERNELS
#include "passes/Passes.h.inc"

namespace {

// More inputs than this and the pointers alone no longer fit in the registers of any machine.
constexpr size_t kMaxGroupInputs = 12;
// An epilogue or DAG longer than this is cut: compile time grows faster than the memory traffic that it saves.
constexpr size_t kMaxGroupOps = 48;

RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }
bool sameShape(Value a, Value b) { return typeOf(a).getShape() == typeOf(b).getShape(); }

/// Ops that stay outside of kernels: constants are weights, reshapes are views.
bool staysOutside(Operation *op) { return isa<ConstantOp, ReshapeOp>(op) || op->hasTrait<OpTrait::IsTerminator>(); }

bool isContraction(Operation *op) { return isa<Conv2DOp, ConvTranspose2DOp, MatMulOp, MatMulWidenedOp>(op); }

/// A constant that the body can hold itself, because every element is the same.
bool isUniformConstant(Value value) {
  auto reader = ConstantReader::get(value);
  // Only small constants are searched: a big one that is uniform by chance is not worth reading it all.
  return reader && (reader->isSplat() || (reader->getBytes().size() <= 65536 && reader->isUniform()));
}

/// A cast of bytes to wider integers: less work than to read what it would have stored, for each of its readers.
bool isWidening(Operation *op) {
  auto cast = dyn_cast<CastOp>(op);
  auto from = cast ? dyn_cast<IntegerType>(typeOf(cast.getInput()).getElementType()) : IntegerType();
  auto to = from ? dyn_cast<IntegerType>(cast.getType().getElementType()) : IntegerType();
  return to && from.getWidth() == 8 && to.getWidth() > 8;
}

/// What the kernel would read from outside, uniform constants of elementwise ops not counted.
llvm::SetVector<Value> inputsOf(ArrayRef<Operation *> ops) {
  llvm::SetVector<Value> inputs;
  for (Operation *op : ops)
    for (Value operand : op->getOperands())
      if (!llvm::is_contained(ops, operand.getDefiningOp()) && !(isElementwise(op) && isUniformConstant(operand)))
        inputs.insert(operand);
  return inputs;
}

//===-- Which ops go together --------------------------------------------===//

/// The ops of one kernel, in program order; the last one makes its result.
using Group = SmallVector<Operation *>;

/// Decides the groups of a block. A cost model would replace `growEpilogue` and `absorbs`; what makes a group legal
/// stays: one live result, elementwise ops of the root's output shape, nothing but casts of bytes computed twice.
class KernelPlan {
public:
  explicit KernelPlan(Block &block, bool onlyContractions) : onlyContractions(onlyContractions) {
    for (auto [number, op] : llvm::enumerate(block))
      position[&op] = number;
    // Later roots choose first: of two contractions that are added, the later one takes the addition.
    for (Operation &op : llvm::reverse(block))
      if (!staysOutside(&op) && !isElementwise(&op))
        take(growEpilogue(&op));
    // Elementwise ops that no root took; users come before producers, so that whole DAGs join.
    for (Operation &op : llvm::reverse(block))
      if (!staysOutside(&op) && !groupOf.contains(&op))
        joinOrStart(&op);
    for (auto &group : groups)
      llvm::sort(group, [&](Operation *a, Operation *b) { return position[a] < position[b]; });
    llvm::sort(groups, [&](const Group &a, const Group &b) { return position[a.back()] < position[b.back()]; });
  }

  std::vector<Group> groups; ///< in the order of their results

private:
  void take(Group group) {
    for (Operation *op : group)
      groupOf[op] = groups.size();
    groups.push_back(std::move(group));
  }

  /// The root and the elementwise ops after it, as many as keep one live result.
  Group growEpilogue(Operation *root) {
    Group group{root}, best{root};
    bool takesEpilogue =
        isContraction(root) || (!onlyContractions && isa<Pool2DOp, ReduceOp, LayerNormOp, ResizeOp, TransposeOp>(root));
    if (!takesEpilogue)
      return best;
    while (group.size() < kMaxGroupOps) {
      Operation *next = nullptr;
      for (Operation *op : group)
        for (Operation *user : op->getUsers()) {
          if (llvm::is_contained(group, user))
            continue;
          // What another kernel reads has to be the result: the group cannot grow beyond it.
          // Nor does it go on through a table, which is not read from registers.
          if (!isElementwise(user) || isa<LookupOp>(user) || groupOf.contains(user) ||
              !sameShape(user->getResult(0), root->getResult(0)))
            return best;
          if (!next || position[user] < position[next])
            next = user;
        }
      if (!next)
        return best;
      // The earliest user first: then nothing that it reads can depend on a value of the group by another way.
      group.push_back(next);
      if (inputsOf(group).size() > kMaxGroupInputs)
        return best;
      if (liveResults(group) == 1)
        best = group;
    }
    return best;
  }

  static size_t liveResults(ArrayRef<Operation *> group) {
    return llvm::count_if(group, [&](Operation *op) {
      return llvm::any_of(op->getUsers(), [&](Operation *user) { return !llvm::is_contained(group, user); });
    });
  }

  /// Puts an elementwise op into the group of its users when they are all in one, else into a new one.
  void joinOrStart(Operation *op) {
    if (isWidening(op) && joinEach(op))
      return;
    std::optional<size_t> target;
    bool oneTarget = !op->use_empty();
    for (Operation *user : op->getUsers()) {
      auto found = groupOf.find(user);
      if (found == groupOf.end() || (target && *target != found->second)) {
        oneTarget = false;
        break;
      }
      target = found->second;
    }
    if (!oneTarget || !absorbs(groups[*target], op))
      return take({op});
    groups[*target].push_back(op);
    groupOf[op] = *target;
  }

  /// Puts a copy of a cast into every group that reads it. error   one that cannot take it: false, and nothing is done
  bool joinEach(Operation *op) {
    SmallVector<size_t> targets;
    for (Operation *user : op->getUsers()) {
      auto found = groupOf.find(user);
      if (found == groupOf.end() || !(absorbs(groups[found->second], op) || widens(groups[found->second], op)))
        return false;
      if (!llvm::is_contained(targets, found->second))
        targets.push_back(found->second);
    }
    for (auto [i, target] : llvm::enumerate(targets)) {
      Operation *own = op;
      if (i + 1 < targets.size()) {
        own = OpBuilder(op).clone(*op);
        position[own] = position[op];
        op->replaceUsesWithIf(own, [&](OpOperand &use) { return llvm::is_contained(groups[target], use.getOwner()); });
      }
      groups[target].push_back(own);
      groupOf[own] = target;
    }
    return !targets.empty();
  }

  /// Whether a reduction reads a cast, and nothing else of its kernel does: it widens what it loads.
  static bool widens(const Group &group, Operation *op) {
    return isa<ReduceOp>(group.front()) && llvm::all_of(group, [&](Operation *member) {
             return llvm::is_contained(member->getOperands(), op->getResult(0)) == (member == group.front());
           });
  }

  /// Whether an elementwise group gains from computing `op` itself: no element may be computed twice, so the op has
  /// to have the group's whole shape.
  static bool absorbs(const Group &group, Operation *op) {
    if (!llvm::all_of(group, isElementwise) || group.size() >= kMaxGroupOps ||
        !sameShape(group.front()->getResult(0), op->getResult(0)))
      return false;
    Group joined = group;
    joined.push_back(op);
    return inputsOf(joined).size() <= kMaxGroupInputs;
  }

  bool onlyContractions;
  DenseMap<Operation *, size_t> position;
  DenseMap<Operation *, size_t> groupOf;
};

//===-- Making kernels ---------------------------------------------------===//

/// A node name as part of a symbol: letters, digits and single underscores, at most 40.
std::string symbolPart(StringRef name) {
  std::string text;
  for (char c : name) {
    if (llvm::isAlnum(c))
      text += c;
    else if (!text.empty() && text.back() != '_')
      text += '_';
  }
  // Long names differ at their end.
  if (text.size() > 40)
    text = text.substr(text.size() - 40);
  return StringRef(text).trim('_').str();
}

std::string kernelName(size_t number, Operation *root) {
  std::vector<std::string> nodes = getNodeNames(root->getLoc());
  std::string part = nodes.empty() ? "" : symbolPart(nodes.front());
  if (part.empty())
    part = symbolPart(root->getName().stripDialect());
  return llvm::formatv("k{0}_{1}", llvm::fmt_align(number, llvm::AlignStyle::Right, 3, '0'), part);
}

/// The op that gives a group its name: the root, or the result of an elementwise DAG.
Operation *rootOf(ArrayRef<Operation *> group) {
  for (Operation *op : group)
    if (!isElementwise(op))
      return op;
  return group.back();
}

struct FormKernels : impl::FormKernelsBase<FormKernels> {
  using FormKernelsBase::FormKernelsBase;

  void runOnOperation() override {
    if (failed(requireStage(*this, getOperation(), {"N1"})))
      return signalPassFailure();
    if (!getOperation().getBody().hasOneBlock())
      return;
    StringRef device = "cpu0";
    if (auto module = getOperation()->getParentOfType<ModuleOp>())
      if (auto machines = module->getAttrOfType<DictionaryAttr>(kMachinesAttr); machines && !machines.empty())
        device = machines.begin()->getName();
    KernelPlan plan(getOperation().getBody().front(), onlyContractions);
    for (auto [number, group] : llvm::enumerate(plan.groups))
      form(number, group, device);
    // Uniform constants were copied into bodies.
    for (auto constant : llvm::make_early_inc_range(getOperation().getOps<ConstantOp>()))
      if (constant->use_empty())
        constant.erase();
  }

  /// Moves the ops of a group into the body of a new kernel at the place of the last one.
  static void form(size_t number, ArrayRef<Operation *> group, StringRef device) {
    Operation *last = group.back();
    OpBuilder b(last);
    SmallVector<Value> inputs = inputsOf(group).takeVector();
    SmallVector<Location> locations;
    for (Operation *op : group)
      locations.push_back(op->getLoc());
    Location location = b.getFusedLoc(locations);
    SmallVector<StringRef> nodes;
    std::vector<std::string> nodeNames = getNodeNames(location);
    for (const std::string &name : nodeNames)
      nodes.push_back(name);

    auto kernel = KernelOp::create(b, location, last->getResultTypes(), kernelName(number, rootOf(group)), inputs,
                                   /*outputs=*/ValueRange(), /*scratch=*/Value(), b.getStringAttr(device),
                                   b.getStrArrayAttr(nodes));
    remark::passed(location, remark::RemarkOpts::name("FormKernels").category("nncc-form-kernels"))
        << kernel.getName() << " of " << remark::metric("Ops", group.size()) << (group.size() == 1 ? " op" : " ops");
    last->replaceAllUsesWith(kernel.getResults());

    Block *body = b.createBlock(&kernel.getBody());
    IRMapping inside;
    for (Value input : inputs)
      inside.map(input, body->addArgument(input.getType(), input.getLoc()));
    b.setInsertionPointToEnd(body);
    Operation *terminator = YieldOp::create(b, location, last->getResults());
    for (Operation *op : group) {
      op->moveBefore(terminator);
      for (OpOperand &operand : op->getOpOperands()) {
        Value value = operand.get();
        if (!inside.contains(value)) {
          if (value.getParentBlock() == body)
            continue; // made by an earlier op of the group
          b.setInsertionPoint(op);
          inside.map(value, cloneUniform(b, value));
        }
        operand.set(inside.lookup(value));
      }
    }
  }

  /// The constant inside of the body, stored as one element.
  static Value cloneUniform(OpBuilder &b, Value value) {
    Operation *constant = value.getDefiningOp();
    auto reader = ConstantReader::get(value);
    ElementsAttr attr = cast<ConstantOp>(constant).getValue();
    if (reader->size() > 0 && !reader->isSplat()) {
      ConstantBuilder one(RankedTensorType::get({}, reader->getType().getElementType()));
      llvm::copy(reader->getBytes().take_front(one.getBytes().size()), one.getBytes().begin());
      auto single = cast<DenseElementsAttr>(one.finish(""));
      attr = DenseElementsAttr::get(reader->getType(), single.getSplatValue<Attribute>());
    }
    auto clone = ConstantOp::create(b, constant->getLoc(), attr);
    carryOrigin(value, clone);
    return clone;
  }
};
} // namespace
} // namespace nncc
