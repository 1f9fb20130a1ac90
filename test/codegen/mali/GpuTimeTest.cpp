// Cycles of dispatches, by the formulas of one GPU of each kind.
#include "codegen/mali/GpuTime.h"
#include "llvm/Testing/Support/Error.h"
#include "gtest/gtest.h"

using namespace nncc;

namespace {

GpuTime timeOn(const char *gpu, GpuWork work, int64_t groups = 64) {
  return timeOf(GpuDispatch{groups, 64, work}, 0, llvm::cantFail(parseGpu(gpu)));
}

/// A million of each kind of instruction in a thousand warps of 16.
GpuWork work(double fma, double convert, double special) {
  GpuWork result;
  result.fma = fma;
  result.convert = convert;
  result.special = special;
  result.threads = 4096;
  return result;
}

// G31: 2 cores, 2 engines each of warps of 4: all instructions, one after the other.
TEST(GpuTime, BifrostIssuesOneInstruction) {
  EXPECT_DOUBLE_EQ(timeOn("mali-g31", work(1.6e6, 0.8e6, 0)).arithmeticCycles, 2.4e6 / 4 / 2 / 2);
}

// G57: 2 cores, 2 engines of warps of 16: the fullest pipe.
TEST(GpuTime, ValhallFillsPipesBesideEachOther) {
  EXPECT_DOUBLE_EQ(timeOn("mali-g57", work(1.6e6, 0.8e6, 0.1e6)).arithmeticCycles, 1.6e6 / 16 / 2 / 2);
  EXPECT_DOUBLE_EQ(timeOn("mali-g57", work(1.6e6, 0.8e6, 0.8e6)).arithmeticCycles, 4 * 0.8e6 / 16 / 2 / 2);
}

// G610: 4 cores, 4 engines: integers are paid.
TEST(GpuTime, G610PaysForIntegers) {
  EXPECT_DOUBLE_EQ(timeOn("mali-g610", work(1.6e6, 0.8e6, 0.1e6)).arithmeticCycles, 2.5e6 / 16 / 4 / 4);
}

// G720: 12 cores, 4 engines that start two multiply-adds.
TEST(GpuTime, G720PairsMultiplyAdds) {
  EXPECT_DOUBLE_EQ(timeOn("mali-g720", work(1.6e6, 0.4e6, 0), 48).arithmeticCycles, (0.4e6 + 1.2e6 / 2) / 16 / 4 / 12);
}

TEST(GpuTime, G925HasTwoSlots) {
  EXPECT_DOUBLE_EQ(timeOn("mali-g925", work(1.6e6, 0.4e6, 0), 48).arithmeticCycles, 2.0e6 / 2 / 16 / 4 / 12);
}

TEST(GpuTime, RegistersCostThreads) {
  GpuWork light = work(1e6, 0, 0), heavy = light;
  light.registers = 20;
  heavy.registers = 64;
  EXPECT_EQ(timeOn("mali-g610", light).residentThreads, 1024);
  EXPECT_EQ(timeOn("mali-g610", heavy).residentThreads, 512);
  heavy.registers = 120;
  EXPECT_EQ(timeOn("mali-g610", heavy).warnings, std::vector<std::string>{"may spill registers"});
}

TEST(GpuTime, SaysWhatIsNotDocumented) {
  GpuWork heavy = work(1e6, 0, 0);
  heavy.registers = 64;
  EXPECT_EQ(timeOn("mali-g72", heavy).warnings,
            std::vector<std::string>{"what registers cost in threads is not documented for this GPU"});
  EXPECT_EQ(timeOn("mali-g610", work(1, 0, 0), 1).warnings, std::vector<std::string>{"fewer workgroups than cores"});
  EXPECT_EQ(timeOn("mali-g610", work(1, 0, 0), 1).limit, GpuLimit::Launch);
}

} // namespace
