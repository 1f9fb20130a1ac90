// What a library asks of its CPU.
#include "codegen/CpuFeatures.h"
#include "nncc/abi.h"
#include "gtest/gtest.h"

using namespace nncc;

namespace {
uint64_t required(llvm::StringRef target, llvm::StringRef cpu) {
  auto spec = parseTarget(target, cpu);
  EXPECT_TRUE(bool(spec)) << llvm::toString(spec.takeError());
  return requiredCpuFeatures(*spec);
}

TEST(CpuFeatures, OfArmCores) {
  EXPECT_EQ(required("aarch64-linux-gnu", "generic"), NNCC_CPU_ARM_NEON);
  EXPECT_EQ(required("aarch64-none-elf", "cortex-a53"), NNCC_CPU_ARM_NEON);
  EXPECT_EQ(required("aarch64-linux-gnu", "cortex-a76"),
            NNCC_CPU_ARM_NEON | NNCC_CPU_ARM_FP16 | NNCC_CPU_ARM_DOTPROD | NNCC_CPU_ARM_LSE | NNCC_CPU_ARM_RDM);
  // Its code has no SVE.
  EXPECT_EQ(required("aarch64-linux-gnu", "cortex-a710"), NNCC_CPU_ARM_NEON | NNCC_CPU_ARM_FP16 | NNCC_CPU_ARM_DOTPROD |
                                                              NNCC_CPU_ARM_I8MM | NNCC_CPU_ARM_BF16 | NNCC_CPU_ARM_LSE |
                                                              NNCC_CPU_ARM_RDM);
}

TEST(CpuFeatures, OfX86Levels) {
  EXPECT_EQ(required("x86_64-linux-gnu", "x86-64-v3"), NNCC_CPU_X86_64_V2 | NNCC_CPU_X86_64_V3);
  EXPECT_EQ(required("x86_64-linux-gnu", "x86-64-v4"), NNCC_CPU_X86_64_V2 | NNCC_CPU_X86_64_V3 | NNCC_CPU_X86_64_V4);
  EXPECT_EQ(required("x86_64-linux-gnu", "x86-64-v3-vnni"),
            NNCC_CPU_X86_64_V2 | NNCC_CPU_X86_64_V3 | NNCC_CPU_X86_AVX_VNNI);
  EXPECT_EQ(required("x86_64-linux-gnu", "x86-64-v4-vnni"),
            NNCC_CPU_X86_64_V2 | NNCC_CPU_X86_64_V3 | NNCC_CPU_X86_64_V4 | NNCC_CPU_X86_AVX512_VNNI);
}
} // namespace
