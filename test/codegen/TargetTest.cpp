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

TEST(Target, ACpuSaysItsTarget) {
  for (llvm::StringRef target : {"x86_64-linux-gnu", "aarch64-linux-gnu"}) {
    auto known = parseTarget(target, "");
    ASSERT_TRUE(bool(known)) << llvm::toString(known.takeError());
    for (llvm::StringRef cpu : cpuNames(*known->architecture)) {
      if (cpu == "generic")
        continue;
      auto spec = parseTarget("", cpu);
      ASSERT_TRUE(bool(spec)) << llvm::toString(spec.takeError());
      EXPECT_EQ(spec->name, target) << cpu.str();
    }
  }
  EXPECT_NE(errorOf("", "cortex-a99").find("is unknown for " + hostTargetName().str()), std::string::npos);
}

TEST(Target, AnUnknownTargetListsTheValidOnes) {
  EXPECT_EQ(errorOf("aarch46-linux-gnu", ""),
            "--target=aarch46-linux-gnu is unknown\n"
            "note: the targets are x86_64-linux-gnu, aarch64-linux-gnu, aarch64-linux-android, aarch64-none-elf");
}

TEST(Target, AnUnknownCpuListsThoseOfTheTarget) {
  EXPECT_EQ(errorOf("aarch64-linux-gnu", "x86-64-v3"),
            "--cpu=x86-64-v3 is unknown for aarch64-linux-gnu\n"
            "note: its CPUs are generic, cortex-a53, cortex-a55, cortex-a72, cortex-a76, cortex-a78, cortex-a710, "
            "cortex-x1, neoverse-n1, neoverse-v1");
}

TEST(Target, NonGoalsAreNamed) {
  auto firstLine = [](llvm::StringRef target, llvm::StringRef cpu) {
    return llvm::StringRef(errorOf(target, cpu)).split('\n').first.str();
  };
  EXPECT_EQ(firstLine("armv7-linux-gnueabihf", ""),
            "--target=armv7-linux-gnueabihf: 32-bit Arm (armv7) is not a target of nncc, by choice");
  EXPECT_EQ(firstLine("thumbv7em-none-eabi", ""),
            "--target=thumbv7em-none-eabi: Cortex-M is not a target of nncc, by choice");
  EXPECT_EQ(firstLine("aarch64-none-elf", "cortex-m7"), "--cpu=cortex-m7: Cortex-M is not a target of nncc, by choice");
  EXPECT_EQ(firstLine("riscv64-linux-gnu", ""),
            "--target=riscv64-linux-gnu: RISC-V is not a target of nncc, by choice");
  EXPECT_EQ(firstLine("arm64-apple-macos", ""), "--target=arm64-apple-macos: macOS is not a target of nncc, by choice");
  EXPECT_EQ(firstLine("x86_64-pc-windows-msvc", ""),
            "--target=x86_64-pc-windows-msvc: Windows is not a target of nncc, by choice");
}

TEST(Target, NativeIsForRunningOnly) {
  EXPECT_NE(errorOf(hostTargetName(), "native").find("--cpu=native is for run and bench only"), std::string::npos);
  auto spec = parseTarget("", "native", NativeCpu::Detect);
  ASSERT_TRUE(bool(spec)) << llvm::toString(spec.takeError());
  EXPECT_TRUE(spec->isHost());
  EXPECT_NE(std::string(spec->cpu.name), "native");
}
