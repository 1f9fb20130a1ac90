// What an object may contain: no foreign symbols, no paths, the same bytes each
// time, local kernels.
#include "codegen/ObjectCode.h"
#include "llvm/AsmParser/Parser.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/Object/ELFObjectFile.h"
#include "llvm/Support/SourceMgr.h"
#include "gtest/gtest.h"

using namespace nncc;

namespace {
// A kernel with a loop that is a memset in disguise, one with a multiply and an
// add, and a large frame, one that carries a bfloat through a loop, and one that
// chooses among some.
const char *const code = R"(
define internal void @k000_clear(ptr noalias %out) noinline {
entry:
  br label %loop
loop:
  %i = phi i64 [ 0, %entry ], [ %next, %loop ]
  %p = getelementptr float, ptr %out, i64 %i
  store float 0.0, ptr %p
  %next = add i64 %i, 1
  %more = icmp ult i64 %next, 4096
  br i1 %more, label %loop, label %done
done:
  ret void
}
define internal void @k001_scale(ptr %x) noinline {
  %buffer = alloca [256 x float], align 64
  call void @k000_clear(ptr %buffer)
  %a = load <16 x float>, ptr %x, align 4
  %b = load <16 x float>, ptr %buffer, align 4
  %product = fmul <16 x float> %a, %a
  %sum = fadd <16 x float> %product, %b
  store <16 x float> %sum, ptr %x, align 4
  ret void
}
define internal void @k002_contract(ptr %x) noinline {
  %a = load <16 x float>, ptr %x, align 4
  %product = fmul contract <16 x float> %a, %a
  %sum = fadd contract <16 x float> %product, %a
  store <16 x float> %sum, ptr %x, align 4
  ret void
}
define internal void @k003_largest(ptr %x) noinline {
entry:
  %first = load bfloat, ptr %x
  br label %loop
loop:
  %i = phi i64 [ 1, %entry ], [ %next, %loop ]
  %largest = phi bfloat [ %first, %entry ], [ %larger, %loop ]
  %p = getelementptr bfloat, ptr %x, i64 %i
  %element = load bfloat, ptr %p
  %a = fpext bfloat %element to float
  %b = fpext bfloat %largest to float
  %isLarger = fcmp ogt float %a, %b
  %larger = select i1 %isLarger, bfloat %element, bfloat %largest
  %next = add i64 %i, 1
  %more = icmp ult i64 %next, 4096
  br i1 %more, label %loop, label %done
done:
  store bfloat %larger, ptr %x
  ret void
}
define internal void @k004_chosen(ptr %x, <4 x i1> %which) noinline {
  %a = load bfloat, ptr %x
  %p = getelementptr bfloat, ptr %x, i64 5
  %b = load bfloat, ptr %p
  %v = insertelement <4 x bfloat> poison, bfloat %a, i64 0
  %u = insertelement <4 x bfloat> %v, bfloat %b, i64 1
  %t = shufflevector <4 x bfloat> %v, <4 x bfloat> %u, <4 x i32> <i32 0, i32 5, i32 4, i32 0>
  %w = select <4 x i1> %which, <4 x bfloat> %u, <4 x bfloat> %t
  %e = extractelement <4 x bfloat> %w, i64 1
  store bfloat %e, ptr %p
  store <4 x bfloat> %w, ptr %x
  ret void
}
define void @m_run(ptr %x) {
  call void @k000_clear(ptr %x)
  call void @k001_scale(ptr %x)
  call void @k002_contract(ptr %x)
  call void @k003_largest(ptr %x)
  %c = load <4 x i1>, ptr %x
  call void @k004_chosen(ptr %x, <4 x i1> %c)
  ret void
}
!llvm.ident = !{!0}
!0 = !{!"a compiler with a version"}
)";

llvm::SmallVector<char, 0> compile(const char *target, const char *cpu, CodeForm form = CodeForm::Object) {
  llvm::LLVMContext context;
  llvm::SMDiagnostic diagnostic;
  std::unique_ptr<llvm::Module> module = llvm::parseAssemblyString(code, diagnostic, context);
  EXPECT_TRUE(module) << diagnostic.getMessage().str();
  auto spec = parseTarget(target, cpu);
  EXPECT_TRUE(bool(spec)) << llvm::toString(spec.takeError());
  ObjectOptions options;
  options.form = form;
  auto bytes = compileToObject(*module, *spec, options);
  EXPECT_TRUE(bool(bytes)) << llvm::toString(bytes.takeError());
  return std::move(*bytes);
}

llvm::StringRef text(const llvm::SmallVector<char, 0> &bytes) { return {bytes.data(), bytes.size()}; }

/// The assembly of one function of the module.
std::string assembly(const char *target, const char *cpu, const char *function) {
  auto bytes = compile(target, cpu, CodeForm::Assembly);
  llvm::StringRef all = text(bytes), from = all.substr(all.find(std::string("\n") + function + ":"));
  return from.take_front(from.find(".size")).str();
}
} // namespace

TEST(ObjectCode, NeedsNothingButMemset) {
  for (llvm::StringRef target : targetNames()) {
    auto object = compile(target.str().c_str(), "");
    auto symbols = undefinedSymbols(text(object));
    ASSERT_TRUE(bool(symbols)) << llvm::toString(symbols.takeError());
    EXPECT_EQ(*symbols, std::vector<std::string>{"memset"}) << target.str();
  }
}

TEST(ObjectCode, IsTheSameEachTime) {
  EXPECT_EQ(compile("aarch64-linux-gnu", "cortex-a76"), compile("aarch64-linux-gnu", "cortex-a76"));
}

TEST(ObjectCode, KnowsTheStackOfEveryFunction) {
  for (const char *target : {"x86_64-linux-gnu", "aarch64-linux-gnu"}) {
    auto object = compile(target, "");
    auto uses = readStackSizes(text(object));
    ASSERT_TRUE(bool(uses)) << llvm::toString(uses.takeError());
    ASSERT_EQ(uses->size(), 6u);
    EXPECT_EQ((*uses)[0].function, "k000_clear");
    EXPECT_EQ((*uses)[1].function, "k001_scale");
    EXPECT_GE((*uses)[1].bytes, 1024u);
    EXPECT_LE((*uses)[1].bytes, 1280u);
    EXPECT_EQ((*uses)[2].function, "k002_contract");
    EXPECT_EQ((*uses)[3].function, "k003_largest");
    EXPECT_EQ((*uses)[4].function, "k004_chosen");
    EXPECT_EQ((*uses)[5].function, "m_run");
  }
}

TEST(ObjectCode, HasNoUnwindTablesAndNoCompilerVersion) {
  auto object = compile("x86_64-linux-gnu", "x86-64-v3");
  auto file = llvm::object::ELF64LEObjectFile::create(llvm::MemoryBufferRef(text(object), "object"));
  ASSERT_TRUE(bool(file));
  for (llvm::object::ELFSectionRef section : file->sections()) {
    auto name = section.getName();
    ASSERT_TRUE(bool(name));
    EXPECT_FALSE(name->contains("eh_frame")) << name->str();
    EXPECT_FALSE(name->contains("comment")) << name->str();
    EXPECT_FALSE(name->contains("init_array")) << name->str();
  }
}

TEST(ObjectCode, FusesMultiplyAndAddWhereTheyMayContract) {
  EXPECT_TRUE(llvm::StringRef(assembly("x86_64-linux-gnu", "x86-64-v3", "k002_contract")).contains("vfmadd"));
  EXPECT_TRUE(llvm::StringRef(assembly("aarch64-linux-android", "", "k002_contract")).contains("fmla"));
}

TEST(ObjectCode, RoundsTwiceElsewhere) {
  EXPECT_TRUE(llvm::StringRef(assembly("x86_64-linux-gnu", "x86-64-v3", "k001_scale")).contains("vmulps"));
  EXPECT_FALSE(llvm::StringRef(assembly("x86_64-linux-gnu", "x86-64-v3", "k001_scale")).contains("vfmadd"));
  EXPECT_TRUE(llvm::StringRef(assembly("aarch64-linux-android", "", "k001_scale")).contains("fmul"));
  EXPECT_FALSE(llvm::StringRef(assembly("aarch64-linux-android", "", "k001_scale")).contains("fmla"));
}

TEST(ObjectCode, UsesTheWidthOfTheMachine) {
  EXPECT_FALSE(text(compile("x86_64-linux-gnu", "x86-64-v3", CodeForm::Assembly)).contains("zmm"));
  EXPECT_TRUE(text(compile("x86_64-linux-gnu", "x86-64-v4", CodeForm::Assembly)).contains("zmm"));
}
