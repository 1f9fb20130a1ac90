// Finds conversions to integers whose floats are rounded to even.
#include "codegen/Rounding.h"
#include "codegen/aarch64/Rounding.h"
#include "codegen/x86_64/Rounding.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/InstIterator.h"
#include "llvm/IR/IntrinsicInst.h"
#include "llvm/IR/Module.h"
#include "llvm/IR/PatternMatch.h"

using namespace llvm;

/// What is rounded to even before it becomes these integers; null for other conversions.
static Value *roundedIn(const FPToSIInst &conversion) {
  unsigned bits = conversion.getType()->getScalarSizeInBits();
  Value *steps = nullptr;
  bool isRounded =
      match(conversion.getOperand(0), PatternMatch::m_Intrinsic<Intrinsic::roundeven>(PatternMatch::m_Value(steps)));
  return isRounded && steps->getType()->getScalarType()->isFloatTy() && (bits == 16 || bits == 32) ? steps : nullptr;
}

void nncc::roundInOneStep(Module &code, const TargetSpec &target) {
  SmallVector<FPToSIInst *> conversions;
  for (Function &function : code)
    for (Instruction &instruction : instructions(function))
      if (auto *conversion = dyn_cast<FPToSIInst>(&instruction); conversion && roundedIn(*conversion))
        conversions.push_back(conversion);
  for (FPToSIInst *conversion : conversions) {
    IRBuilder<> builder(conversion);
    Value *steps = roundedIn(*conversion);
    const unsigned vectorBits = target.cpu.machine.vectorBits;
    if (!target.triple.isAArch64() && narrowOnX8664(builder, steps, *conversion, vectorBits))
      continue;
    Value *integers = target.triple.isAArch64() ? roundOnAArch64(builder, steps, conversion->getType())
                                                : roundOnX8664(builder, steps, conversion->getType(), vectorBits);
    if (!integers)
      continue;
    conversion->replaceAllUsesWith(integers);
    conversion->eraseFromParent(); // the rounding is left to LLVM, which sees that nothing reads it
  }
}
