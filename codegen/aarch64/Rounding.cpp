// Words are the lowest bits of floats whose last place is 1: an addition rounds, where FCVTNS has half as many pipes.
#include "codegen/aarch64/Rounding.h"
#include "llvm/IR/Constants.h"
#include "llvm/IR/IRBuilder.h"

using namespace llvm;

// Numbers of less than 2^22 added to it are rounded to the nearest integer, ties to even, in its lowest bits (IEEE 754,
// binary32).
static constexpr double kRounder = 3 << 22;

Value *nncc::roundOnAArch64(IRBuilderBase &builder, Value *steps, Type *integers) {
  if (integers->getScalarSizeInBits() != 16)
    return nullptr;
  Value *rounded = builder.CreateFAdd(steps, ConstantFP::get(steps->getType(), kRounder));
  return builder.CreateTrunc(builder.CreateBitCast(rounded, integers->getWithNewBitWidth(32)), integers);
}
