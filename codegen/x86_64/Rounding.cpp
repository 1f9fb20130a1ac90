// CVTPS2DQ rounds as MXCSR says, which is to even wherever code of nncc runs; PACKSSDW makes words of two registers at
// once, PACKUSWB and PACKSSWB bytes, 128 bits of each in turn (Intel SDM volume 2).
#include "codegen/x86_64/Rounding.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/Analysis/VectorUtils.h"
#include "llvm/IR/Constants.h"
#include "llvm/IR/DerivedTypes.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/IntrinsicsX86.h"
#include "llvm/IR/PatternMatch.h"
#include "llvm/Transforms/Utils/Local.h"
#include <limits>
#include <numeric>
#include <optional>

using namespace llvm;

namespace {
/// What becomes of words until they are bytes: a number is added, and limits hold for what is cut.
struct ToBytes {
  Value *offset = nullptr, *low = nullptr, *high = nullptr; ///< the same in all lanes; there may be no offset
  TruncInst *bytes = nullptr;

  /// What becomes of `words`, if it is nothing else.
  static std::optional<ToBytes> behind(Instruction &words);
  /// True where these limits are all that a byte holds.
  bool isRangeOf(int64_t lowest, int64_t highest) const {
    auto is = [](Value *value, int64_t number) {
      auto *constant = dyn_cast<ConstantInt>(value);
      return constant && constant->getSExtValue() == number;
    };
    return is(low, lowest) && is(high, highest);
  }
};
} // namespace

std::optional<ToBytes> ToBytes::behind(Instruction &words) {
  using namespace PatternMatch;
  ToBytes way;
  for (Instruction *at = &words; at->hasOneUse();) {
    auto *user = cast<Instruction>(*at->user_begin());
    if (auto *bytes = dyn_cast<TruncInst>(user)) {
      way.bytes = bytes;
      return way.high && bytes->getType()->getScalarType()->isIntegerTy(8) ? std::optional(way) : std::nullopt;
    }
    Value *other = nullptr, **place = nullptr;
    if (match(user, m_c_Add(m_Specific(at), m_Value(other))))
      place = way.low ? nullptr : &way.offset;
    else if (match(user, m_Intrinsic<Intrinsic::smax>(m_Specific(at), m_Value(other))))
      place = &way.low;
    else if (match(user, m_Intrinsic<Intrinsic::smin>(m_Specific(at), m_Value(other))))
      place = way.low ? &way.high : nullptr;
    Value *splat = other ? getSplatValue(other) : nullptr;
    if (!place || *place || !splat)
      return std::nullopt;
    *place = splat;
    at = user;
  }
  return std::nullopt;
}

/// Elements [first, first + count) of a vector.
static Value *part(IRBuilderBase &builder, Value *vector, unsigned first, unsigned count) {
  SmallVector<int> lanes(count);
  std::iota(lanes.begin(), lanes.end(), first);
  return builder.CreateShuffleVector(vector, lanes);
}

/// The words of two registers, four of either in turn.
static Value *packInTurns(IRBuilderBase &builder, Value *first, Value *second, unsigned vectorBits) {
  Intrinsic::ID pack = vectorBits == 512 ? Intrinsic::x86_avx512_packssdw_512 : Intrinsic::x86_avx2_packssdw;
  return builder.CreateIntrinsic(pack, {}, {first, second});
}

/// The words of two registers, in order.
static Value *packRegisters(IRBuilderBase &builder, Value *first, Value *second, unsigned vectorBits) {
  Value *packed = packInTurns(builder, first, second, vectorBits);
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

/// The bytes of four registers, in order.
static Value *packBytes(IRBuilderBase &builder, ArrayRef<Value *> integers, const ToBytes &way, unsigned vectorBits) {
  constexpr int64_t signedLow = std::numeric_limits<int8_t>::min(), signedHigh = std::numeric_limits<int8_t>::max(),
                    unsignedHigh = std::numeric_limits<uint8_t>::max();
  bool isUnsigned = way.isRangeOf(0, unsignedHigh), isSigned = way.isRangeOf(signedLow, signedHigh);
  Value *words[] = {packInTurns(builder, integers[0], integers[1], vectorBits),
                    packInTurns(builder, integers[2], integers[3], vectorBits)};
  for (Value *&each : words) {
    auto all = [&](Value *scalar) { return builder.CreateVectorSplat(vectorBits / 16, scalar); };
    if (way.offset)
      each = builder.CreateAdd(each, all(way.offset));
    if (isUnsigned || isSigned)
      continue;
    each = builder.CreateBinaryIntrinsic(Intrinsic::smax, each, all(way.low));
    each = builder.CreateBinaryIntrinsic(Intrinsic::smin, each, all(way.high));
    // Of either sign: what is left is a byte of no sign.
    each = builder.CreateAnd(each, all(builder.getInt16(unsignedHigh)));
  }
  Intrinsic::ID pack = vectorBits == 512
                           ? (isSigned ? Intrinsic::x86_avx512_packsswb_512 : Intrinsic::x86_avx512_packuswb_512)
                           : (isSigned ? Intrinsic::x86_avx2_packsswb : Intrinsic::x86_avx2_packuswb);
  Value *packed = builder.CreateIntrinsic(pack, {}, {words[0], words[1]});
  // Four bytes of each register, and so on.
  const unsigned count = vectorBits / 32, parts = count / 4;
  SmallVector<int> order;
  for (unsigned from = 0; from < 4; ++from)
    for (unsigned i = 0; i < parts; ++i)
      order.push_back(i * 4 + from);
  Value *inFours = builder.CreateBitCast(packed, FixedVectorType::get(builder.getInt32Ty(), count));
  return builder.CreateBitCast(builder.CreateShuffleVector(inFours, order), packed->getType());
}

bool nncc::narrowOnX8664(IRBuilderBase &builder, Value *steps, Instruction &words, unsigned vectorBits) {
  auto *type = dyn_cast<FixedVectorType>(words.getType());
  const unsigned count = vectorBits / 32;
  if (!type || !type->getElementType()->isIntegerTy(16) || type->getNumElements() % count != 0)
    return false;
  std::optional<ToBytes> way = ToBytes::behind(words);
  if (!way)
    return false;
  builder.SetInsertPoint(way->bytes);
  Value *rounded = builder.CreateIntrinsic(Intrinsic::lrint, {type->getWithNewBitWidth(32), steps->getType()}, {steps});
  SmallVector<Value *> packed;
  for (unsigned first = 0; first < type->getNumElements(); first += 4 * count) {
    SmallVector<Value *> integers;
    for (unsigned i = 0; i < 4; ++i) // what is missing is not read
      integers.push_back(first + i * count < type->getNumElements() ? part(builder, rounded, first + i * count, count)
                                                                    : integers.back());
    packed.push_back(packBytes(builder, integers, *way, vectorBits));
  }
  Value *all = packed.size() == 1 ? packed.front() : concatenateVectors(builder, packed);
  way->bytes->replaceAllUsesWith(part(builder, all, 0, type->getNumElements()));
  RecursivelyDeleteTriviallyDeadInstructions(way->bytes);
  return true;
}

Value *nncc::roundOnX8664(IRBuilderBase &builder, Value *steps, Type *integers, unsigned vectorBits) {
  Type *wide = integers->getWithNewBitWidth(32);
  Value *rounded = builder.CreateIntrinsic(Intrinsic::lrint, {wide, steps->getType()}, {steps});
  return integers == wide ? rounded : packWords(builder, rounded, integers, vectorBits);
}
