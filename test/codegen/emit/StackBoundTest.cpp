// The stack bound is the deepest path of the call graph.
#include "codegen/emit/StackBound.h"
#include "codegen/ObjectCode.h"
#include "llvm/AsmParser/Parser.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/SourceMgr.h"
#include "gtest/gtest.h"

using namespace llvm;
using namespace nncc;

namespace {
/// Frames of at least 1000, 3000 and 500 bytes: root calls small and big, big calls leaf.
const char *const tree = R"(
declare void @memset(ptr, i32, i64)
define internal void @leaf() noinline {
  %p = alloca [500 x i8]
  call void @memset(ptr %p, i32 0, i64 500)
  ret void
}
define internal void @big() noinline {
  %p = alloca [3000 x i8]
  call void @memset(ptr %p, i32 0, i64 3000)
  call void @leaf()
  call void @memset(ptr %p, i32 1, i64 3000)
  ret void
}
define internal void @small() noinline {
  %p = alloca [1000 x i8]
  call void @memset(ptr %p, i32 0, i64 1000)
  ret void
}
define void @root() {
  call void @small()
  call void @big()
  ret void
}
)";

Expected<int64_t> boundOf(const char *text, const char *target, StringRef root = "root") {
  LLVMContext context;
  SMDiagnostic diagnostic;
  auto module = parseAssemblyString(text, diagnostic, context);
  EXPECT_TRUE(module) << diagnostic.getMessage().str();
  auto object = compileToObject(*module, cantFail(parseTarget(target, "")));
  EXPECT_TRUE(bool(object));
  return stackBound(MemoryBufferRef(StringRef(object->data(), object->size()), "object"), {root.str()});
}

class StackBound : public testing::TestWithParam<const char *> {};

TEST_P(StackBound, IsTheDeepestPath) {
  auto bound = boundOf(tree, GetParam());
  ASSERT_TRUE(bool(bound)) << toString(bound.takeError());
  EXPECT_GE(*bound, 3500);
  EXPECT_LT(*bound, 3700);
}

TEST_P(StackBound, HasNoneForRecursion) {
  auto bound = boundOf(R"(
define i32 @root(i32 %n) {
  %more = icmp ugt i32 %n, 1
  br i1 %more, label %again, label %done
again:
  %less = sub i32 %n, 1
  %a = call i32 @root(i32 %less)
  %b = mul i32 %a, %n
  %c = xor i32 %b, %a
  ret i32 %c
done:
  ret i32 1
})",
                       GetParam());
  ASSERT_FALSE(bool(bound));
  EXPECT_EQ(toString(bound.takeError()), "function 'root' calls itself: its stack has no bound");
}

TEST_P(StackBound, HasNoneForFramesOfVariableSize) {
  auto bound = boundOf(R"(
declare void @memset(ptr, i32, i64)
define void @root(i64 %n) {
  %p = alloca i8, i64 %n
  call void @memset(ptr %p, i32 0, i64 %n)
  ret void
})",
                       GetParam());
  ASSERT_FALSE(bool(bound));
  EXPECT_EQ(toString(bound.takeError()), "the frame of function 'root' has no fixed size");
}

TEST_P(StackBound, NamesAFunctionThatIsNotThere) {
  auto bound = boundOf(tree, GetParam(), "rooot");
  ASSERT_FALSE(bool(bound));
  EXPECT_EQ(toString(bound.takeError()), "no function 'rooot'");
}

TEST_P(StackBound, IsNoLessThanOneReturnAddressOnX86) {
  auto bound = boundOf("define void @root() { ret void }", GetParam());
  ASSERT_TRUE(bool(bound));
  EXPECT_EQ(*bound, StringRef(GetParam()).starts_with("x86_64") ? 8 : 0);
}

INSTANTIATE_TEST_SUITE_P(Targets, StackBound, testing::Values("x86_64-linux-gnu", "aarch64-linux-gnu"),
                         [](const auto &info) { return StringRef(info.param).split('-').first.str(); });
} // namespace
