// What users may say for --target and --cpu, and what they are told when they
// may not.
#include "codegen/Target.h"
#include "gtest/gtest.h"

using namespace nncc;

namespace {
std::string errorOf(llvm::StringRef target, llvm::StringRef cpu, NativeCpu native = NativeCpu::Refuse) {
  auto spec = parseTarget(target, cpu, native);
  return spec ? "" : llvm::toString(spec.takeError());
}
} // namespace

TEST(Target, FindsEveryTargetWithItsDefaultCpu) {
  for (llvm::StringRef name : targetNames()) {
    auto spec = parseTarget(name, "");
    ASSERT_TRUE(bool(spec)) << llvm::toString(spec.takeError());
    EXPECT_EQ(spec->name, name);
    EXPECT_TRUE(spec->triple.isArch64Bit());
  }
}

TEST(Target, FindsEveryCpuAndItsNumbers) {
  for (llvm::StringRef name : targetNames()) {
    auto spec = parseTarget(name, "");
    ASSERT_TRUE(bool(spec));
    for (llvm::StringRef cpu : cpuNames(*spec->architecture)) {
      auto withCpu = parseTarget(name, cpu);
      ASSERT_TRUE(bool(withCpu)) << llvm::toString(withCpu.takeError());
      const MachineNumbers &machine = withCpu->cpu.machine;
      EXPECT_TRUE(machine.vectorBits == 128 || machine.vectorBits == 256 || machine.vectorBits == 512);
      EXPECT_LE(machine.l1Bytes, machine.l2Bytes);
    }
  }
}

TEST(Target, AcceptsTheVendorThatOtherToolsWrite) {
  auto spec = parseTarget("aarch64-unknown-linux-gnu", "cortex-a76");
  ASSERT_TRUE(bool(spec)) << llvm::toString(spec.takeError());
  EXPECT_EQ(spec->name, "aarch64-linux-gnu");
}

TEST(Target, AnUnknownTargetListsTheValidOnes) {
  EXPECT_EQ(errorOf("aarch46-linux-gnu", ""), "unknown target 'aarch46-linux-gnu'\n"
                                              "valid targets: x86_64-linux-gnu, aarch64-linux-gnu, "
                                              "aarch64-linux-android, aarch64-none-elf");
}

TEST(Target, AnUnknownCpuListsThoseOfTheTarget) {
  EXPECT_EQ(errorOf("aarch64-linux-gnu", "x86-64-v3"), "unknown cpu 'x86-64-v3' for target 'aarch64-linux-gnu'\n"
                                                       "valid for aarch64-linux-gnu: generic, cortex-a53, cortex-a55, "
                                                       "cortex-a72, cortex-a76, cortex-a78, "
                                                       "cortex-x1, neoverse-n1");
}

TEST(Target, NonGoalsAreNamed) {
  EXPECT_NE(errorOf("armv7-linux-gnueabihf", "").find("is not supported: 32-bit Arm is not a goal of nncc\n"),
            std::string::npos);
  EXPECT_NE(errorOf("thumbv7em-none-eabi", "").find("Cortex-M"), std::string::npos);
  EXPECT_NE(errorOf("aarch64-none-elf", "cortex-m7").find("cpu 'cortex-m7' is not supported: Cortex-M is not a goal"),
            std::string::npos);
  EXPECT_NE(errorOf("riscv64-linux-gnu", "").find("RISC-V is not a goal"), std::string::npos);
  EXPECT_NE(errorOf("arm64-apple-macos", "").find("macOS objects are not a goal"), std::string::npos);
  EXPECT_NE(errorOf("x86_64-pc-windows-msvc", "").find("Windows objects are not a goal"), std::string::npos);
}

TEST(Target, NativeIsForRunningOnly) {
  EXPECT_NE(errorOf(hostTargetName(), "native").find("cpu 'native' is not supported here"), std::string::npos);
  auto spec = parseTarget("", "native", NativeCpu::Detect);
  ASSERT_TRUE(bool(spec)) << llvm::toString(spec.takeError());
  EXPECT_TRUE(spec->isHost());
  EXPECT_NE(std::string(spec->cpu.name), "native");
}
