// CVTPS2DQ rounds as MXCSR says, which is to even wherever code of nncc runs; PACKSSDW makes words of two registers at
// once, 128 bits of each in turn (Intel SDM volume 2).
#include "codegen/x86_64/Rounding.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/Analysis/VectorUtils.h"
#include "llvm/IR/Constants.h"
#include "llvm/IR/DerivedTypes.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/IntrinsicsX86.h"
#include <numeric>

using namespace llvm;

/// Elements [first, first + count) of a vector.
static Value *part(IRBuilderBase &builder, Value *vector, unsigned first, unsigned count) {
  SmallVector<int> lanes(count);
  std::iota(lanes.begin(), lanes.end(), first);
  return builder.CreateShuffleVector(vector, lanes);
}

/// The words of two registers, in order.
static Value *packRegisters(IRBuilderBase &builder, Value *first, Value *second, unsigned vectorBits) {
  Intrinsic::ID pack = vectorBits == 512 ? Intrinsic::x86_avx512_packssdw_512 : Intrinsic::x86_avx2_packssdw;
  Value *packed = builder.CreateIntrinsic(pack, {}, {first, second});
  // Four words of the first register, four of the second, and so on.
  unsigned count = vectorBits / 32;
  SmallVector<int> order;
  for (unsigned from : {0, 4})
    for (unsigned i = 0; i < count; ++i)
      order.push_back(i / 4 * 8 + from + i % 4);
  return builder.CreateShuffleVector(packed, order);
}

/// Integers of 32 bits that fit words.
static Value *packWords(IRBuilderBase &builder, Value *integers, Type *words, unsigned vectorBits) {
  auto *type = dyn_cast<FixedVectorType>(words);
  unsigned count = vectorBits / 32;
  if (!type || type->getNumElements() % (2 * count) != 0) {
    // Limits that change nothing, for LLVM to see that a saturating instruction does.
    auto limit = [&](int64_t number) { return ConstantInt::getSigned(integers->getType(), number); };
    integers = builder.CreateBinaryIntrinsic(Intrinsic::smax, integers, limit(INT16_MIN));
    integers = builder.CreateBinaryIntrinsic(Intrinsic::smin, integers, limit(INT16_MAX));
    return builder.CreateTrunc(integers, words);
  }
  SmallVector<Value *> packed;
  for (unsigned first = 0; first < type->getNumElements(); first += 2 * count)
    packed.push_back(packRegisters(builder, part(builder, integers, first, count),
                                   part(builder, integers, first + count, count), vectorBits));
  return concatenateVectors(builder, packed);
}

Value *nncc::roundOnX8664(IRBuilderBase &builder, Value *steps, Type *integers, unsigned vectorBits) {
  Type *wide = integers->getWithNewBitWidth(32);
  Value *rounded = builder.CreateIntrinsic(Intrinsic::lrint, {wide, steps->getType()}, {steps});
  return integers == wide ? rounded : packWords(builder, rounded, integers, vectorBits);
}
