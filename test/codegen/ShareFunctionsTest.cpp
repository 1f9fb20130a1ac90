// Functions that differ in numbers become one, and no others.
#include "codegen/ShareFunctions.h"
#include "llvm/AsmParser/Parser.h"
#include "llvm/IR/InstIterator.h"
#include "llvm/IR/Instructions.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/IR/Verifier.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/Support/raw_ostream.h"
#include "gtest/gtest.h"

using namespace nncc;

namespace {

struct ShareFunctions : testing::Test {
  /// Shares @a and @b of a module.
  llvm::StringMap<SharedFunction> share(const std::string &text, bool hasMaxNum = true) {
    llvm::SMDiagnostic problem;
    module = llvm::parseAssemblyString(text, problem, context);
    EXPECT_TRUE(module) << problem.getMessage().str();
    auto shared = shareFunctions(*module, {"a", "b"}, hasMaxNum);
    EXPECT_FALSE(llvm::verifyModule(*module, &llvm::errs()));
    EXPECT_EQ(module->getFunction("b") == nullptr, !shared.empty());
    return shared;
  }
  /// The code of what is left.
  std::string text() {
    std::string text;
    llvm::raw_string_ostream os(text);
    os << *module->getFunction("a");
    return text;
  }

  llvm::LLVMContext context;
  std::unique_ptr<llvm::Module> module;
};

/// A text with another for all of a word in it.
std::string with(std::string text, const std::string &word, const std::string &other) {
  for (size_t at = 0; (at = text.find(word, at)) != std::string::npos; at += other.size())
    text.replace(at, word.size(), other);
  return text;
}

/// A function that does a work of VALUE and NUMBER, often enough to be worth sharing.
std::string elementwise(const char *name, const char *work, const char *number) {
  std::string code = "define internal void @" + std::string(name) + "(ptr %x, i64 %begin, i64 %end) {\n";
  for (int i = 0; i < 16; ++i)
    code += with("  %v# = load <4 x float>, ptr %x\n  %w# = " + with(work, "VALUE", "%v#") +
                     "\n  store <4 x float> %w#, ptr %x\n",
                 "#", std::to_string(i));
  return with(code, "NUMBER", number) + "  ret void\n}\n";
}

TEST_F(ShareFunctions, MakesAnArgumentOfAScale) {
  const char *scaled = "fmul <4 x float> VALUE, splat (float NUMBER)";
  auto shared = share(elementwise("a", scaled, "2.0") + elementwise("b", scaled, "3.0"));
  EXPECT_EQ(shared.lookup("a").name, "a");
  EXPECT_EQ(shared.lookup("b").name, "a");
  EXPECT_EQ(shared.lookup("a").numbers, std::vector<int32_t>{0x40000000});
  EXPECT_EQ(shared.lookup("b").numbers, std::vector<int32_t>{0x40400000});
  // Behind the operand, before the range.
  EXPECT_NE(text().find("@a(ptr %x, ptr noalias noundef readonly %numbers, i64 %begin, i64 %end)"), std::string::npos)
      << text();
}

TEST_F(ShareFunctions, LeavesDivisionsByPowersOfTwo) {
  const char *divided = "fdiv <4 x float> VALUE, splat (float NUMBER)";
  EXPECT_TRUE(share(elementwise("a", divided, "2.0") + elementwise("b", divided, "3.0")).empty());
  EXPECT_FALSE(share(elementwise("a", divided, "5.0") + elementwise("b", divided, "3.0")).empty());
}

TEST_F(ShareFunctions, LeavesIntegersThatDecideOnInstructions) {
  auto shares = [&](const char *op) {
    std::string work = with("OP <4 x i32> VALUE, splat (i32 NUMBER)", "OP", op);
    std::string both = elementwise("a", work.c_str(), "7") + elementwise("b", work.c_str(), "9");
    return !share(with(both, "<4 x float>", "<4 x i32>")).empty();
  };
  for (const char *op : {"udiv", "sdiv", "urem", "srem", "mul", "shl", "lshr", "ashr"})
    EXPECT_FALSE(shares(op)) << op;
  for (const char *op : {"add", "sub", "and", "xor"})
    EXPECT_TRUE(shares(op)) << op;
}

TEST_F(ShareFunctions, ComparesWithBoundsWhereMaximaTakeLong) {
  const char *bounded = "call <4 x float> @llvm.maxnum.v4f32(<4 x float> VALUE, <4 x float> splat (float NUMBER))";
  std::string code = elementwise("a", bounded, "-2.0") + elementwise("b", bounded, "-3.0");
  EXPECT_FALSE(share(code, /*hasMaxNum=*/true).empty());
  EXPECT_EQ(text().find("fcmp"), std::string::npos);
  EXPECT_FALSE(share(code, /*hasMaxNum=*/false).empty());
  EXPECT_NE(text().find("fcmp ogt"), std::string::npos);
}

TEST_F(ShareFunctions, LeavesNumbersThatAreNoneAndCodeThatDiffers) {
  const char *scaled = "fmul <4 x float> VALUE, splat (float NUMBER)",
             *added = "fadd <4 x float> VALUE, splat (float NUMBER)";
  EXPECT_TRUE(share(elementwise("a", scaled, "2.0") + elementwise("b", scaled, "0x7FF8000000000000")).empty());
  EXPECT_TRUE(share(elementwise("a", scaled, "2.0") + elementwise("b", added, "2.0")).empty());
}

/// A loop of calls, each with an entry of a table.
std::string loop(const char *name, const char *table, const char *trips, const char *attributes) {
  std::string code = "define internal void @" + std::string(name) + "(ptr %x) " + attributes + R"( {
entry:
  br label %loop
loop:
  %i = phi i64 [ 0, %entry ], [ %next, %loop ]
  %at = getelementptr i32, ptr @TABLE, i64 %i
)";
  for (int i = 0; i < 24; ++i)
    code += "  call void @micro(ptr %x, ptr %at)\n";
  code += R"(  %next = add i64 %i, 1
  %more = icmp ult i64 %next, TRIPS
  br i1 %more, label %loop, label %done
done:
  ret void
}
)";
  return with(with(code, "TABLE", table), "TRIPS", trips);
}

constexpr const char *kTables = R"(
@one = private constant [2 x i32] [i32 5, i32 7], align 4
@other = private constant [3 x i32] [i32 8, i32 9, i32 10], align 4
declare void @micro(ptr, ptr)
)";

TEST_F(ShareFunctions, TakesTablesAndTripsOfLoopsOfCalls) {
  auto shared = share(kTables + loop("a", "one", "2", "minsize") + loop("b", "other", "3", "minsize"));
  EXPECT_EQ(shared.lookup("a").numbers, (std::vector<int32_t>{2, 5, 7}));
  EXPECT_EQ(shared.lookup("b").numbers, (std::vector<int32_t>{3, 8, 9, 10}));
  EXPECT_EQ(module->getNamedGlobal("one"), nullptr);
}

TEST_F(ShareFunctions, TakesOneTableForTwo) {
  auto withTwo = [](const char *name, const char *table, const char *second) {
    std::string at = "  %at = getelementptr i32, ptr @" + std::string(table) + ", i64 %i\n";
    return with(loop(name, table, "2", ""), at,
                at + "  call void @micro(ptr @" + second + ", ptr %x)\n  call void @micro(ptr @" + table +
                    ", ptr %x)\n");
  };
  auto shared = share("@third = private constant [1 x i32] [i32 4], align 4\n" +
                      (kTables + withTwo("a", "one", "one")) + withTwo("b", "other", "third"));
  // How far behind the numbers the second begins, in bytes.
  EXPECT_EQ(shared.lookup("a").numbers, (std::vector<int32_t>{12, 5, 7, 5, 7}));
  EXPECT_EQ(shared.lookup("b").numbers, (std::vector<int32_t>{16, 8, 9, 10, 4}));
  EXPECT_EQ(module->getNamedGlobal("one"), nullptr);
}

TEST_F(ShareFunctions, TakesStepsThatAreEqualByChance) {
  auto withSteps = [](const char *name, const char *first, const char *second) {
    std::string at = "  %at = getelementptr i32, ptr @one, i64 %i\n";
    return with(loop(name, "one", "2", "minsize"), at,
                at + "  %u = mul i64 %i, " + first + "\n  %v = mul i64 %i, " + second + "\n" +
                    "  %p = getelementptr i8, ptr %x, i64 %u\n  %q = getelementptr i8, ptr %x, i64 " +
                    (std::string(first) == second ? "%u" : "%v") + "\n  call void @micro(ptr %p, ptr %q)\n");
  };
  auto shared = share(kTables + withSteps("a", "24", "24") + withSteps("b", "16", "40"));
  EXPECT_EQ(shared.lookup("a").numbers, (std::vector<int32_t>{24, 24}));
  EXPECT_EQ(shared.lookup("b").numbers, (std::vector<int32_t>{16, 40}));
}

TEST_F(ShareFunctions, LeavesTripsOfLoopsThatAreToBeFast) {
  EXPECT_TRUE(share(kTables + loop("a", "one", "2", "") + loop("b", "one", "3", "")).empty());
  EXPECT_FALSE(share(kTables + loop("a", "one", "2", "") + loop("b", "other", "2", "")).empty());
}

TEST_F(ShareFunctions, TakesShapesThatNobodyReads) {
  // The pointer of a view is known only behind its last length.
  auto withShape = [](std::string code, const char *length) {
    code = with(code, "entry:\n", R"(entry:
  %v0 = insertvalue { ptr, i64, i64 } poison, ptr %x, 0
  %v1 = insertvalue { ptr, i64, i64 } %v0, i64 LENGTH, 1
  %v2 = insertvalue { ptr, i64, i64 } %v1, i64 LENGTH, 2
  %p = extractvalue { ptr, i64, i64 } %v2, 0
)");
    return with(with(code, "@micro(ptr %x", "@micro(ptr %p"), "LENGTH", length);
  };
  auto shared = share(kTables + withShape(loop("a", "one", "2", "minsize"), "48") +
                      withShape(loop("b", "one", "3", "minsize"), "64"));
  EXPECT_EQ(shared.lookup("b").numbers, std::vector<int32_t>{3});
}

TEST_F(ShareFunctions, NeedsNoNumbersWhereNothingDiffers) {
  auto shared = share(kTables + loop("a", "one", "2", "") + loop("b", "one", "2", ""));
  EXPECT_EQ(shared.lookup("b").name, "a");
  EXPECT_TRUE(shared.lookup("b").numbers.empty());
  EXPECT_EQ(module->getFunction("a")->arg_size(), 1u);
}

} // namespace
