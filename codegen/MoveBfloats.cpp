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

/// A bfloat, or a vector of them.
bool isBfloat(llvm::Value *value) {
  return value->getType()->isFPOrFPVectorTy() && value->getType()->getScalarType()->isBFloatTy();
}

/// The bits of the values of one function, integers of 16 bits, made where they are asked for.
class BitMover {
public:
  explicit BitMover(llvm::Function &function)
      : function(function), i16(llvm::Type::getInt16Ty(function.getContext())) {}

  void run() {
    moveElements();
    llvm::SmallVector<llvm::Instruction *> values, choices;
    for (llvm::Instruction &instruction : llvm::instructions(function))
      if (isBfloat(&instruction))
        (llvm::isa<llvm::PHINode, llvm::SelectInst>(instruction) ? choices : values).push_back(&instruction);
    // Phis first: whatever else refers to itself does so through one.
    for (llvm::Instruction *choice : choices)
      if (auto *phi = llvm::dyn_cast<llvm::PHINode>(choice))
        bits[phi] = llvm::PHINode::Create(bitsType(phi), phi->getNumIncomingValues(), "", phi->getIterator());
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
  llvm::Type *bitsType(llvm::Value *value) const { return value->getType()->getWithNewType(i16); }

  /// What goes into vectors, comes out of them or changes its place in them.
  void moveElements() {
    for (llvm::Instruction &instruction : llvm::make_early_inc_range(llvm::instructions(function))) {
      if (!isBfloat(&instruction) ||
          !llvm::isa<llvm::InsertElementInst, llvm::ExtractElementInst, llvm::ShuffleVectorInst>(instruction))
        continue;
      llvm::IRBuilder<> builder(&instruction);
      auto asBits = [&](unsigned operand) {
        return builder.CreateBitCast(instruction.getOperand(operand), bitsType(instruction.getOperand(operand)));
      };
      llvm::Value *moved;
      if (auto *shuffle = llvm::dyn_cast<llvm::ShuffleVectorInst>(&instruction))
        moved = builder.CreateShuffleVector(asBits(0), asBits(1), shuffle->getShuffleMask());
      else if (llvm::isa<llvm::InsertElementInst>(instruction))
        moved = builder.CreateInsertElement(asBits(0), asBits(1), instruction.getOperand(2));
      else
        moved = builder.CreateExtractElement(asBits(0), instruction.getOperand(1));
      instruction.replaceAllUsesWith(builder.CreateBitCast(moved, instruction.getType()));
      instruction.eraseFromParent();
    }
  }

  llvm::Value *bitsOf(llvm::Value *value) {
    if (auto *constant = llvm::dyn_cast<llvm::Constant>(value))
      return llvm::ConstantExpr::getBitCast(constant, bitsType(value));
    if (llvm::Value *known = bits.lookup(value))
      return known;
    llvm::Value *made;
    if (auto *select = llvm::dyn_cast<llvm::SelectInst>(value)) {
      llvm::Value *then = bitsOf(select->getTrueValue()), *otherwise = bitsOf(select->getFalseValue());
      made = llvm::IRBuilder<>(select).CreateSelect(select->getCondition(), then, otherwise);
    } else if (auto *instruction = llvm::dyn_cast<llvm::Instruction>(value)) {
      made = llvm::IRBuilder<>(instruction->getNextNode()).CreateBitCast(value, bitsType(value));
    } else {
      made = llvm::IRBuilder<>(&*function.getEntryBlock().getFirstInsertionPt()).CreateBitCast(value, bitsType(value));
    }
    return bits[value] = made;
  }

  /// Gives users of a value, but the phis and selects that go away, what its bits stand for.
  void readBits(llvm::Instruction &value, llvm::function_ref<bool(llvm::Instruction *)> isFar) {
    for (llvm::Use &use : llvm::make_early_inc_range(value.uses())) {
      auto *user = llvm::cast<llvm::Instruction>(use.getUser());
      bool goesAway = isBfloat(user) && llvm::isa<llvm::PHINode, llvm::SelectInst>(user);
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
