// PSHUFB takes 16 bytes of a table (Intel SDM volume 2): by the four lowest bits of a position, 0 where its highest is
// set.
#include "codegen/x86_64/ByteTables.h"
#include "lib/support/Assert.h"
#include "llvm/IR/Constants.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/IntrinsicsX86.h"

using namespace llvm;

static Intrinsic::ID shuffleOf(unsigned bytes) {
  switch (bytes) {
  case 16:
    return Intrinsic::x86_ssse3_pshuf_b_128;
  case 32:
    return Intrinsic::x86_avx2_pshuf_b;
  default:
    NNCC_ASSERT(bytes == 64, "no register has so many bytes");
    return Intrinsic::x86_avx512_pshuf_b_512;
  }
}

/// 128 bytes of a table at positions of 0 to 127; 0 at the others, which are negative. Of the part that a position lies
/// in and all before it, each gives what it has at its lowest bits, as the difference to the part before: that adds up
/// to the part's own byte. The parts behind it are a subtraction too far, which saturates.
static Value *lookUpHalf(IRBuilderBase &builder, ArrayRef<uint8_t> half, Value *positions) {
  auto *type = cast<FixedVectorType>(positions->getType());
  unsigned count = type->getNumElements();
  Value *result = nullptr;
  for (unsigned part = 0; part < half.size(); part += 16) {
    SmallVector<uint8_t> differences;
    for (unsigned i = 0; i < count; ++i)
      differences.push_back(half[part + i % 16] ^ (part ? half[part - 16 + i % 16] : 0));
    // Like the part before: what saturates, or the negative side of a function that is 0 there.
    if (llvm::all_of(differences, [](uint8_t difference) { return difference == 0; }))
      continue;
    Value *within =
        part ? builder.CreateBinaryIntrinsic(Intrinsic::ssub_sat, positions, ConstantInt::get(type, part)) : positions;
    Value *found =
        builder.CreateIntrinsic(shuffleOf(count), {ConstantDataVector::get(builder.getContext(), differences), within});
    result = result ? builder.CreateXor(result, found) : found;
  }
  return result ? result : Constant::getNullValue(type);
}

Value *nncc::lookUpOnX8664(IRBuilderBase &builder, ArrayRef<uint8_t> table, Value *bytes) {
  Value *moved = builder.CreateXor(bytes, ConstantInt::get(bytes->getType(), 0x80));
  return builder.CreateOr(lookUpHalf(builder, table.take_front(128), bytes),
                          lookUpHalf(builder, table.drop_front(128), moved));
}
