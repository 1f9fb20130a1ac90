// Tensors between contractions of bytes take the sign that the machine multiplies: flipping the sign of each byte while
// it is multiplied costs more than an instruction for every two.
#include "dialects/nn/Kinds.h"
#include "dialects/nn/Origin.h"
#include "passes/graph/FormIntegers.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace nncc::nn;

namespace nncc {

std::optional<std::pair<Type, Type>> signToChange(func::FuncOp function) {
  auto module = function->getParentOfType<ModuleOp>();
  auto machines = module ? module->getAttrOfType<DictionaryAttr>(kMachinesAttr) : DictionaryAttr();
  Builder builder(function.getContext());
  Type signedByte = builder.getI8Type(), unsignedByte = builder.getIntegerType(8, false);
  bool takesSigned = false, takesUnsigned = false;
  for (NamedAttribute machine : machines ? machines.getValue() : ArrayRef<NamedAttribute>())
    if (auto cpu = dyn_cast<MachineAttr>(machine.getValue()))
      for (DotAttr dot : cpu.getDots()) {
        takesSigned |= dot.getLhs() != unsignedByte;
        takesUnsigned |= dot.getLhs() != signedByte;
      }
  if (takesSigned == takesUnsigned)
    return std::nullopt;
  return takesUnsigned ? std::pair(signedByte, unsignedByte) : std::pair(unsignedByte, signedByte);
}

namespace {

/// A contraction whose left operand an instruction for bytes reads; windows that compute in floats take either sign.
bool readsBytes(Operation *op) { return isContraction(op) && getConstantValue(op->getOperand(1)); }

/// Rewrites a function; steps of the new sign are `shift` more.
class SignChange {
public:
  SignChange(func::FuncOp function, Type from, Type to)
      : function(function), rewriter(function.getContext()), from(from), to(to),
        shift(to.isUnsignedInteger() ? 128 : -128) {}

  void run() {
    function.walk([&](Operation *op) {
      if (readsBytes(op) && isOld(op->getOperand(0)) && changeable(op->getOperand(0)))
        mark(op->getOperand(0));
    });
    for (Value value : changed)
      change(value);
    for (Value value : changed) {
      // Operands move where an op gets zero points: a use is known by its number.
      SmallVector<std::pair<Operation *, unsigned>> uses;
      for (OpOperand &use : value.getUses())
        if (!isReplaced(use.getOwner()))
          uses.push_back({use.getOwner(), use.getOperandNumber()});
      for (auto [op, number] : uses)
        redirect(op, number);
    }
    for (Value value : llvm::reverse(changed.getArrayRef()))
      if (value.use_empty())
        value.getDefiningOp()->erase();
  }

private:
  bool isOld(Value value) { return typeOf(value).getElementType() == from; }
  /// True for an op that another one stands in for. A sum of steps stays: its offset is rounded for the old sign.
  bool isReplaced(Operation *op) {
    return op->getNumResults() == 1 && changed.contains(op->getResult(0)) && !isa<RequantizeSumOp>(op);
  }

  /// True for what moves elements of operand 0, or of all operands.
  static bool moves(Operation *op) {
    auto pool = dyn_cast<Pool2DOp>(op);
    return isa<TransposeOp, ReshapeOp, SliceOp, ConcatOp>(op) || (pool && pool.getKind() == PoolKind::max);
  }
  static bool isClip(Operation *op) {
    auto unary = dyn_cast<UnaryOp>(op);
    return unary && unary.getKind() == kind::clip;
  }

  bool changeable(Value value) {
    if (auto known = isChangeable.find(value); known != isChangeable.end())
      return known->second;
    bool is = findChangeable(value);
    isChangeable[value] = is;
    return is;
  }

  bool findChangeable(Value value) {
    Operation *op = value.getDefiningOp();
    if (!op || getConstantValue(value))
      return false;
    if (auto requantize = dyn_cast<RequantizeOp>(op))
      return getConstantValue(requantize.getZeroPoint()) != nullptr;
    if (auto quantize = dyn_cast<QuantizeOp>(op))
      return getConstantValue(quantize.getZeroPoint()) != nullptr;
    if (moves(op) || isClip(op))
      return llvm::all_of(op->getOperands(), [&](Value operand) { return isOld(operand) && changeable(operand); });
    return isa<RequantizeSumOp, LookupOp>(op);
  }

  /// Takes up a value and what it is moved from; operands first.
  void mark(Value value) {
    if (changed.contains(value))
      return;
    Operation *op = value.getDefiningOp();
    if (moves(op) || isClip(op))
      for (Value operand : op->getOperands())
        mark(operand);
    changed.insert(value);
  }

  Value shifted(Value constant) {
    auto reader = ConstantReader::get(constant);
    ConstantBuilder numbers(RankedTensorType::get(typeOf(constant).getShape(), to));
    for (int64_t i = 0; i < reader->size(); ++i)
      numbers.setInteger(i, reader->getInteger(i) + shift);
    return ConstantOp::create(rewriter, constant.getLoc(), numbers.finish(constantName(constant)));
  }

  Value one(Location loc, Type element, int64_t rank, int64_t number) {
    ConstantBuilder builder(RankedTensorType::get(SmallVector<int64_t>(rank, 1), element));
    builder.setInteger(0, number);
    return ConstantOp::create(rewriter, loc, builder.finish(""));
  }

  /// The same steps as integers of another sign, `by` more.
  Value moved(Value steps, Type sign, int64_t by) {
    Type i32 = rewriter.getI32Type();
    Location loc = steps.getLoc();
    auto type = typeOf(steps);
    Value wide = CastOp::create(rewriter, loc, type.clone(i32), steps);
    wide = BinaryOp::create(rewriter, loc, kind::add, wide, one(loc, i32, type.getRank(), by));
    return CastOp::create(rewriter, loc, type.clone(sign), wide);
  }

  void change(Value value) {
    Operation *op = value.getDefiningOp();
    rewriter.setInsertionPointAfter(op);
    if (isa<RequantizeSumOp>(op)) {
      news[value] = moved(value, to, shift);
      kept.insert(news[value].getDefiningOp()->getOperand(0).getDefiningOp()->getOperand(0).getDefiningOp());
      return;
    }
    SmallVector<Value> operands(op->getOperands());
    for (Value &operand : operands)
      if (isa<RequantizeOp, QuantizeOp>(op) && &operand == &operands.back())
        operand = shifted(operand);
      else if (Value known = moves(op) || isClip(op) ? news.lookup(operand) : Value())
        operand = known;
    OperationState state(op->getLoc(), op->getName().getStringRef(), operands, typeOf(value).clone(to), op->getAttrs());
    Operation *copy = rewriter.create(state);
    setOrigin(copy->getResult(0), {});
    if (auto lookup = dyn_cast<LookupOp>(copy))
      lookup.setTableAttr(shiftedTable(lookup.getTable()));
    else if (auto clip = dyn_cast<UnaryOp>(copy)) {
      clip.setAlpha(llvm::APFloat(clip.getAlpha().convertToDouble() + shift));
      clip.setBeta(llvm::APFloat(clip.getBeta().convertToDouble() + shift));
    }
    news[value] = copy->getResult(0);
  }

  ElementsAttr shiftedTable(ElementsAttr table) {
    auto reader = ConstantReader::get(table);
    ConstantBuilder bytes(RankedTensorType::get({256}, to));
    for (int64_t i = 0; i < 256; ++i)
      bytes.setInteger(i, reader->getInteger(i) + shift);
    return bytes.finish("table");
  }

  /// Lets an op that stays read the changed tensor: contractions by another zero point, others by the old steps.
  void redirect(Operation *op, unsigned number) {
    Value next = news[op->getOperand(number)];
    if (kept.contains(op) || next.getDefiningOp() == op)
      return;
    rewriter.setInsertionPoint(op);
    bool takesNext = isContraction(op) && number == 0 && shiftZeroPoint(op);
    op->setOperand(number, takesNext ? next : moved(next, from, -shift));
  }

  bool shiftZeroPoint(Operation *op) {
    if (auto matmul = dyn_cast<MatMulOp>(op))
      return shiftZeroPoint(
          op, [=]() mutable { return matmul.getLhsZeroPointMutable(); },
          [=]() mutable { return matmul.getRhsZeroPointMutable(); }, typeOf(matmul.getLhs()).getRank());
    if (auto conv = dyn_cast<Conv2DOp>(op))
      return shiftZeroPoint(
          op, [=]() mutable { return conv.getInputZeroPointMutable(); },
          [=]() mutable { return conv.getFilterZeroPointMutable(); }, 1);
    auto conv = cast<ConvTranspose2DOp>(op);
    return shiftZeroPoint(
        op, [=]() mutable { return conv.getInputZeroPointMutable(); },
        [=]() mutable { return conv.getFilterZeroPointMutable(); }, 1);
  }

  /// `left` and `right` give the operands' ranges anew: each assignment moves those behind it.
  bool shiftZeroPoint(Operation *op, function_ref<MutableOperandRange()> left,
                      function_ref<MutableOperandRange()> right, int64_t rank) {
    if (left().empty()) {
      left().assign(one(op->getLoc(), to, rank, shift));
      right().assign(one(op->getLoc(), typeOf(op->getOperand(1)).getElementType(), rank, 0));
      return true;
    }
    if (!getConstantValue(left()[0].get()))
      return false;
    left().assign(shifted(left()[0].get()));
    return true;
  }

  func::FuncOp function;
  IRRewriter rewriter;
  Type from, to;
  int64_t shift;
  llvm::DenseMap<Value, bool> isChangeable; ///< of values that were asked for
  llvm::SetVector<Value> changed;
  DenseMap<Value, Value> news;
  llvm::DenseSet<Operation *> kept; ///< the first op behind a sum of steps that changes their sign
};
} // namespace

void chooseSigns(func::FuncOp function) {
  if (auto signs = signToChange(function))
    SignChange(function, signs->first, signs->second).run();
}

} // namespace nncc
