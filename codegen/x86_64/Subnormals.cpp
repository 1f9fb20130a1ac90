// The mode is a register of each thread: it is set where the function begins, and set back where it returns.
#include "codegen/x86_64/Subnormals.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/InstIterator.h"
#include "llvm/IR/Instructions.h"
#include "llvm/IR/IntrinsicsX86.h"

// FTZ, bit 15: subnormal results are 0. DAZ, bit 6: subnormal operands are (Intel SDM volume 1, 10.2.3.3, 10.2.3.4).
static constexpr unsigned flushBits = 1u << 15 | 1u << 6;

void nncc::flushSubnormals(llvm::Function &function) {
  llvm::SmallVector<llvm::ReturnInst *> returns;
  for (llvm::Instruction &instruction : llvm::instructions(function))
    if (auto *leaves = llvm::dyn_cast<llvm::ReturnInst>(&instruction))
      returns.push_back(leaves);
  llvm::IRBuilder<> builder(&*function.getEntryBlock().getFirstNonPHIOrDbgOrAlloca());
  llvm::Value *before = builder.CreateAlloca(builder.getInt32Ty()),
              *within = builder.CreateAlloca(builder.getInt32Ty());
  builder.CreateIntrinsic(llvm::Intrinsic::x86_sse_stmxcsr, {before});
  builder.CreateStore(builder.CreateOr(builder.CreateLoad(builder.getInt32Ty(), before), flushBits), within);
  builder.CreateIntrinsic(llvm::Intrinsic::x86_sse_ldmxcsr, {within});
  for (llvm::ReturnInst *leaves : returns) {
    builder.SetInsertPoint(leaves);
    builder.CreateIntrinsic(llvm::Intrinsic::x86_sse_ldmxcsr, {before});
  }
}
