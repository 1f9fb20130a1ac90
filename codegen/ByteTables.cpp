// Finds gathers whose positions are bytes, and cuts their vectors into registers.
#include "codegen/ByteTables.h"
#include "llvm/ADT/Sequence.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/IR/Constants.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/InstIterator.h"
#include "llvm/IR/IntrinsicInst.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/MathExtras.h"
#include <numeric>

using namespace llvm;

/// Fewer bytes are loaded one by one: a register takes a step for each part of the table, whatever is in it.
static constexpr unsigned kLeastBytes = 8;

/// The 256 bytes of a constant that gathers read; nothing for other memory.
static std::optional<std::array<uint8_t, 256>> tableAt(const Value *address) {
  auto *global = dyn_cast<GlobalVariable>(address->stripPointerCasts());
  if (!global || !global->isConstant() || !global->hasInitializer())
    return std::nullopt;
  std::array<uint8_t, 256> table{};
  if (isa<ConstantAggregateZero>(global->getInitializer()))
    return table;
  auto *bytes = dyn_cast<ConstantDataArray>(global->getInitializer());
  if (!bytes || !bytes->getElementType()->isIntegerTy(8) || bytes->getNumElements() != table.size())
    return std::nullopt;
  for (unsigned i = 0; i < table.size(); ++i)
    table[i] = bytes->getElementAsInteger(i);
  return table;
}

/// The bytes that a gather takes as positions, from 0 on, in a table of bytes; null for any other gather.
static Value *positionsOf(const IntrinsicInst *gather, const GetElementPtrInst *addresses) {
  auto *mask = dyn_cast<Constant>(gather->getArgOperand(1));
  if (!mask || !mask->isAllOnesValue() || addresses->getNumIndices() != 1 ||
      !addresses->getSourceElementType()->isIntegerTy(8))
    return nullptr;
  auto *widened = dyn_cast<ZExtInst>(addresses->getOperand(1));
  if (!widened || !isa<FixedVectorType>(widened->getSrcTy()) || !widened->getSrcTy()->getScalarType()->isIntegerTy(8))
    return nullptr;
  return widened->getOperand(0);
}

static SmallVector<int> lanes(unsigned first, unsigned count) {
  SmallVector<int> all(count);
  std::iota(all.begin(), all.end(), first);
  return all;
}

/// Cuts bytes into registers, the last one as narrow as holds them, and joins what they are looked up as.
static Value *lookUpAll(IRBuilderBase &builder, ArrayRef<uint8_t> table, Value *bytes, const nncc::TargetSpec &target) {
  unsigned count = cast<FixedVectorType>(bytes->getType())->getNumElements(), most = target.cpu.machine.vectorBits / 8;
  Value *result = nullptr;
  for (unsigned first = 0; first < count; first += most) {
    unsigned size = std::min(count - first, most), whole = std::max<unsigned>(PowerOf2Ceil(size), 16);
    SmallVector<int> part = lanes(first, size);
    part.resize(whole, PoisonMaskElem);
    Value *found = target.architecture->lookUp(builder, table, builder.CreateShuffleVector(bytes, part));
    // All parts before are as long as a register.
    SmallVector<int> join = lanes(0, first + size);
    if (result) {
      SmallVector<int> widen = lanes(0, whole);
      widen.resize(first, PoisonMaskElem);
      found = builder.CreateShuffleVector(found, widen);
    }
    result = builder.CreateShuffleVector(result ? result : found, found, join);
  }
  return result;
}

void nncc::expandByteTables(Module &code, const TargetSpec &target) {
  SmallVector<IntrinsicInst *> gathers;
  for (Function &function : code)
    for (Instruction &instruction : instructions(function))
      if (auto *call = dyn_cast<IntrinsicInst>(&instruction); call &&
                                                              call->getIntrinsicID() == Intrinsic::masked_gather &&
                                                              call->getType()->getScalarType()->isIntegerTy(8))
        gathers.push_back(call);
  for (IntrinsicInst *gather : gathers) {
    auto *addresses = dyn_cast<GetElementPtrInst>(gather->getArgOperand(0));
    Value *bytes = addresses ? positionsOf(gather, addresses) : nullptr;
    auto table = bytes ? tableAt(addresses->getPointerOperand()) : std::nullopt;
    if (!table || cast<FixedVectorType>(bytes->getType())->getNumElements() < kLeastBytes)
      continue;
    IRBuilder<> builder(gather);
    gather->replaceAllUsesWith(lookUpAll(builder, *table, bytes, target));
    gather->eraseFromParent();
  }
}
