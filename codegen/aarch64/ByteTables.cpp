// TBL takes 64 bytes of a table in four registers, and gives 0 beyond them; TBX leaves what was there (Arm ARM, C7.2).
#include "codegen/aarch64/ByteTables.h"
#include "llvm/IR/Constants.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/IntrinsicsAArch64.h"

using namespace llvm;

Value *nncc::lookUpOnAArch64(IRBuilderBase &builder, ArrayRef<uint8_t> table, Value *bytes) {
  Type *type = bytes->getType();
  Value *result = nullptr;
  for (unsigned part = 0; part < table.size(); part += 64) {
    SmallVector<Value *> arguments;
    if (result)
      arguments.push_back(result);
    for (unsigned i = part; i < part + 64; i += 16)
      arguments.push_back(ConstantDataVector::get(builder.getContext(), table.slice(i, 16)));
    arguments.push_back(builder.CreateSub(bytes, ConstantInt::get(type, part)));
    result = builder.CreateIntrinsic(result ? Intrinsic::aarch64_neon_tbx4 : Intrinsic::aarch64_neon_tbl4, {type},
                                     arguments);
  }
  return result;
}
