// See MoveBfloats.h.
#include "codegen/MoveBfloats.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/IR/Constants.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/InstIterator.h"
#include "llvm/IR/Instructions.h"
#include "llvm/IR/Module.h"

namespace {

/// The bits of the values of one function, an i16 each, made where they are asked for.
class BitMover {
public:
  explicit BitMover(llvm::Function &function)
      : function(function), i16(llvm::Type::getInt16Ty(function.getContext())) {}

  void run() {
    llvm::SmallVector<llvm::Instruction *> values, choices;
    for (llvm::Instruction &instruction : llvm::instructions(function))
      if (instruction.getType()->isBFloatTy())
        (llvm::isa<llvm::PHINode, llvm::SelectInst>(instruction) ? choices : values).push_back(&instruction);
    // Phis first: whatever else refers to itself does so through one.
    for (llvm::Instruction *choice : choices)
      if (auto *phi = llvm::dyn_cast<llvm::PHINode>(choice))
        bits[phi] = llvm::PHINode::Create(i16, phi->getNumIncomingValues(), "", phi->getIterator());
    for (llvm::Instruction *choice : choices)
      if (auto *phi = llvm::dyn_cast<llvm::PHINode>(choice))
        for (auto [value, block] : llvm::zip(phi->incoming_values(), phi->blocks()))
          llvm::cast<llvm::PHINode>(bits[phi])->addIncoming(bitsOf(value), block);
    for (llvm::Instruction *choice : choices)
      readBits(*choice, [](llvm::Instruction *) { return true; });
    for (llvm::Instruction *choice : choices) {
      choice->replaceAllUsesWith(llvm::PoisonValue::get(choice->getType()));
      choice->eraseFromParent();
    }
    for (llvm::Instruction *value : values)
      readBits(*value, [&](llvm::Instruction *user) { return user->getParent() != value->getParent(); });
  }

private:
  llvm::Value *bitsOf(llvm::Value *value) {
    if (auto *number = llvm::dyn_cast<llvm::ConstantFP>(value))
      return llvm::ConstantInt::get(i16, number->getValueAPF().bitcastToAPInt());
    if (llvm::isa<llvm::UndefValue>(value))
      return llvm::PoisonValue::get(i16);
    if (llvm::Value *known = bits.lookup(value))
      return known;
    llvm::Value *made;
    if (auto *select = llvm::dyn_cast<llvm::SelectInst>(value)) {
      llvm::Value *then = bitsOf(select->getTrueValue()), *otherwise = bitsOf(select->getFalseValue());
      made = llvm::IRBuilder<>(select).CreateSelect(select->getCondition(), then, otherwise);
    } else if (auto *instruction = llvm::dyn_cast<llvm::Instruction>(value)) {
      made = llvm::IRBuilder<>(instruction->getNextNode()).CreateBitCast(value, i16);
    } else {
      made = llvm::IRBuilder<>(&*function.getEntryBlock().getFirstInsertionPt()).CreateBitCast(value, i16);
    }
    return bits[value] = made;
  }

  /// Gives users of a value, but the phis and selects that go away, what its bits stand for.
  void readBits(llvm::Instruction &value, llvm::function_ref<bool(llvm::Instruction *)> isFar) {
    for (llvm::Use &use : llvm::make_early_inc_range(value.uses())) {
      auto *user = llvm::cast<llvm::Instruction>(use.getUser());
      bool goesAway = user->getType()->isBFloatTy() && llvm::isa<llvm::PHINode, llvm::SelectInst>(user);
      if (!goesAway && isFar(user))
        use.set(llvm::IRBuilder<>(user).CreateBitCast(bitsOf(&value), value.getType()));
    }
  }

  llvm::Function &function;
  llvm::Type *i16;
  llvm::DenseMap<llvm::Value *, llvm::Value *> bits;
};

} // namespace

void nncc::moveBfloatsAsBits(llvm::Module &module) {
  for (llvm::Function &function : module)
    if (!function.isDeclaration())
      BitMover(function).run();
}
