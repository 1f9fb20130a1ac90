// Runs of blocks, counted without running the code.
#include "lib/estimate/CountBlocks.h"
#include "llvm/AsmParser/Parser.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/SourceMgr.h"
#include "gtest/gtest.h"

using namespace nncc;

namespace {

// A driver that calls a micro-kernel for each entry of a table, as those of contractions do; the last entry says how
// often the inner loop runs. Blocks in order: entry, loop, done; inner entry, inner loop, inner done.
constexpr const char *kDriver = R"(
@calls = internal constant [4 x i32] [i32 5, i32 7, i32 0, i32 11]
define internal void @kernel(ptr %x, i64 %begin, i64 %end) {
entry:
  br label %loop
loop:
  %i = phi i64 [ %begin, %entry ], [ %next, %loop ]
  %entry.at = getelementptr i32, ptr @calls, i64 %i
  call void @micro(ptr %x, ptr %entry.at)
  %next = add i64 %i, 1
  %more = icmp ult i64 %next, %end
  br i1 %more, label %loop, label %done
done:
  ret void
}
define internal void @micro(ptr noalias %x, ptr %entry.at) memory(argmem: readwrite) "target-cpu"="cortex-a53" {
  %count = load i32, ptr %entry.at
  %any = icmp sgt i32 %count, 0
  br i1 %any, label %loop, label %done
loop:
  %i = phi i32 [ 0, %0 ], [ %next, %loop ]
  %v = load <4 x float>, ptr %x
  %w = fadd <4 x float> %v, %v
  store <4 x float> %w, ptr %x
  %next = add i32 %i, 1
  %more = icmp slt i32 %next, %count
  br i1 %more, label %loop, label %done
done:
  ret void
}
define void @other() {
  ret void
}
)";

// Whether the second block runs depends on what a tensor holds; the third moves memory.
constexpr const char *kOnData = R"(
define internal void @kernel(ptr %x) {
  %v = load float, ptr %x
  %positive = fcmp ogt float %v, 0.0
  br i1 %positive, label %then, label %done
then:
  store float 0.0, ptr %x
  br label %done
done:
  call void @llvm.memset.p0.i64(ptr %x, i8 0, i64 96, i1 false)
  ret void
}
declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)
)";

struct CountBlocks : testing::Test {
  std::vector<BlockCounts> count(const char *text, llvm::ArrayRef<KernelCall> calls) {
    llvm::SMDiagnostic problem;
    module = llvm::parseAssemblyString(text, problem, context);
    EXPECT_TRUE(module) << problem.getMessage().str();
    numberBlocks(*module);
    return llvm::cantFail(countBlocks(*module, calls));
  }

  llvm::LLVMContext context;
  std::unique_ptr<llvm::Module> module;
};

TEST_F(CountBlocks, FollowsTablesIntoCallees) {
  auto counts = count(kDriver, {{"kernel", 4}, {"kernel", 2}});
  ASSERT_EQ(counts.size(), 2u);
  EXPECT_EQ(counts[0].runs, (std::vector<uint64_t>{1, 4, 1, 4, 5 + 7 + 11, 4, 0}));
  EXPECT_EQ(counts[1].runs, (std::vector<uint64_t>{1, 2, 1, 2, 5 + 7, 2, 0}));
  EXPECT_FALSE(counts[0].dependsOnData);
}

TEST_F(CountBlocks, ReadsTheNumbersOfACall) {
  auto counts = count(R"(
define internal void @kernel(ptr %x, ptr %numbers, i64 %begin, i64 %end) {
entry:
  %count = load i32, ptr %numbers
  br label %loop
loop:
  %i = phi i32 [ 0, %entry ], [ %next, %loop ]
  store float 0.0, ptr %x
  %next = add i32 %i, 1
  %more = icmp slt i32 %next, %count
  br i1 %more, label %loop, label %done
done:
  ret void
}
)",
                      {{"kernel", 1, {5}}, {"kernel", 1, {7}}});
  EXPECT_EQ(counts[0].runs, (std::vector<uint64_t>{1, 5, 1}));
  EXPECT_EQ(counts[1].runs, (std::vector<uint64_t>{1, 7, 1}));
  EXPECT_FALSE(counts[0].dependsOnData);
}

TEST_F(CountBlocks, SaysWhereDataDecides) {
  auto counts = count(kOnData, {{"kernel", 0}});
  EXPECT_TRUE(counts[0].dependsOnData);
  EXPECT_EQ(counts[0].runs[0], 1u);
  EXPECT_LE(counts[0].runs[1], 1u);
  EXPECT_EQ(counts[0].movedBytes, (std::vector<uint64_t>{0, 0, 96}));
}

// What one function loses leaves room for the coins of the next: those are not what was lost.
TEST_F(CountBlocks, ThrowsCoinsInOneFunctionAfterTheOther) {
  std::string text;
  std::vector<KernelCall> calls;
  for (int i = 0; i < 16; ++i) {
    std::string name = "kernel" + std::to_string(i);
    text += "define internal void @" + name + R"((ptr %x) {
  br label %loop
loop:
  %v = load float, ptr %x
)";
    for (const char *number : {"1", "2", "3", "4", "5", "6", "7", "8"})
      text += "  %c" + std::string(number) + " = fcmp ogt float %v, " + number + ".0\n";
    text += R"(  br i1 %c5, label %loop, label %done
done:
  ret void
}
)";
    calls.push_back({name, 0});
  }
  auto counts = count(text.c_str(), calls);
  for (size_t i = 0; i < calls.size(); ++i) {
    EXPECT_TRUE(counts[i].dependsOnData);
    EXPECT_EQ(counts[i].runs[3 * i], 1u);
    EXPECT_GE(counts[i].runs[3 * i + 1], 1u);
    EXPECT_EQ(counts[i].runs[3 * i + 2], 1u);
  }
}

TEST(BlockNumber, IsThatOfTheName) {
  EXPECT_EQ(blockNumber("nncc.17"), 17u);
  EXPECT_EQ(blockNumber("nncc.17.split"), std::nullopt);
  EXPECT_EQ(blockNumber("entry"), std::nullopt);
}

} // namespace
