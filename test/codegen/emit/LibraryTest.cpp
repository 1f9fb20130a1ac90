// Headers, manifests and the checks of a library: what the link-and-run tests do not show.
#include "codegen/emit/Library.h"
#include "codegen/ObjectCode.h"
#include "codegen/emit/Header.h"
#include "codegen/emit/ModelEntry.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"
#include "test/codegen/emit/TinyModel.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/Object/ELFObjectFile.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/raw_ostream.h"
#include "gtest/gtest.h"

using namespace llvm;
using namespace nncc;

namespace {
class LibraryTest : public testing::Test {
protected:
  mlir::MLIRContext mlirContext;
  LLVMContext llvmContext;
  ModelPlan plan = test::tinyPlan(mlirContext, "tiny", "x86_64-linux-gnu");

  /// The error of emitting the plan, or "".
  std::string emit() {
    EmitOptions options;
    options.compileToObject = test::tinyCompiler(plan);
    auto code = emitCode(*test::tinyModule(llvmContext, plan), plan, options);
    return code ? "" : toString(code.takeError());
  }
  std::string header() {
    std::string text;
    raw_string_ostream os(text);
    writeHeader(plan, os);
    return text;
  }
};

TEST_F(LibraryTest, IsEmittedWithAStackBound) {
  EXPECT_EQ(emit(), "");
  EXPECT_GT(plan.stackBytes, 0);
  EXPECT_LT(plan.stackBytes, 1000);
}

TEST_F(LibraryTest, CarriesNothingForTheCompilerAlone) {
  EmitOptions options;
  options.compileToObject = test::tinyCompiler(plan);
  auto code = cantFail(emitCode(*test::tinyModule(llvmContext, plan), plan, options));
  EXPECT_TRUE(cantFail(readStackSizes(code.object->getBuffer())).empty());
  auto object = cantFail(object::ELF64LEObjectFile::create(code.object->getMemBufferRef()));
  for (const object::ELFSymbolRef symbol : object.symbols())
    EXPECT_FALSE(cantFail(symbol.getName()).starts_with(".L"));
}

TEST_F(LibraryTest, CountsTheKernelsStack) {
  auto module = test::tinyModule(llvmContext, plan);
  IRBuilder<> builder(&*module->getFunction("k001_copy")->getEntryBlock().getFirstInsertionPt());
  Value *buffer = builder.CreateAlloca(ArrayType::get(builder.getInt8Ty(), 5000));
  builder.CreateMemSet(buffer, builder.getInt8(0), 5000, MaybeAlign(), /*isVolatile=*/true);
  EmitOptions options;
  options.compileToObject = test::tinyCompiler(plan);
  auto code = emitCode(*module, plan, options);
  ASSERT_TRUE(bool(code)) << toString(code.takeError());
  EXPECT_GE(plan.stackBytes, 5000);
}

TEST_F(LibraryTest, NamesAMissingKernel) {
  plan.kernels[1].function = "k999";
  EXPECT_EQ(emit(), "kernel 'k001_copy': no function 'k999'");
}

TEST_F(LibraryTest, CountsTheOperands) {
  plan.kernels[1].operands.pop_back();
  EXPECT_EQ(emit(), "kernel 'k001_copy': function 'k001_copy' does not take 2 pointers and 2 numbers");
}

TEST_F(LibraryTest, RefusesOperandsOutsideOfTheirMemory) {
  plan.kernels[1].operands[0].byteOffset = 300;
  EXPECT_EQ(emit(), "kernel 'k001_copy': operand 0 [300, +256) lies outside of its memory of 512 bytes");
  plan.kernels[1].operands[0] = {Memory::Input, 1, 0, 4, false};
  EXPECT_EQ(emit(), "kernel 'k001_copy': operand 0 [0, +4) lies outside of its memory of -1 bytes");
}

TEST_F(LibraryTest, RefusesForeignSymbols) {
  auto module = test::tinyModule(llvmContext, plan);
  Function *copy = module->getFunction("k001_copy");
  Function *foreign = Function::Create(FunctionType::get(Type::getVoidTy(llvmContext), false),
                                       GlobalValue::ExternalLinkage, "printf", *module);
  CallInst::Create(foreign, "", copy->getEntryBlock().getTerminator()->getIterator());
  EmitOptions options;
  options.compileToObject = test::tinyCompiler(plan);
  auto code = emitCode(*module, plan, options);
  ASSERT_FALSE(bool(code));
  EXPECT_EQ(toString(code.takeError()), "the code needs the symbol 'printf'");
}

TEST_F(LibraryTest, HeaderKeepsHostileNamesInTheirComments) {
  EXPECT_EQ(commentText("a */ int x; /*"), "a * / int x; / *");
  EXPECT_EQ(commentText("line\nbreak\\"), "line\\x0abreak\\");
  EXPECT_EQ(commentText("\xff?\?/"), "\\xff? ?/");
  plan.inputs[0].name = "*/ #error \n#error";
  EXPECT_NE(header().find("/* '* / #error \\x0a#error': f32 [1, 64], row-major, 256 bytes */\n"), std::string::npos);
}

TEST_F(LibraryTest, HeaderHasATypeForEachElementType) {
  mlir::Builder b(&mlirContext);
  plan.inputs = {{"a", "a", b.getF16Type(), {2, 3}},
                 {"b", "b", b.getI1Type(), {}},
                 {"c", "c", b.getIntegerType(64), {0}},
                 {"d", "d", b.getIntegerType(8, /*isSigned=*/false), {5}}};
  plan.outputs = {};
  std::string text = header();
  for (const char *line :
       {"  /* 'a': f16 [2, 3], row-major, 12 bytes; IEEE binary16 bits */\n  const uint16_t *a;\n",
        "  /* 'b': bool scalar, row-major, 1 bytes; 0 is false, all else is true */\n  const uint8_t *b;\n",
        "  /* 'c': i64 [0], row-major, 0 bytes */\n  const int64_t *c;\n", "const uint8_t *d;\n",
        "  void *none; /* there are none */\n", "uint64_t opaque[12];"})
    EXPECT_NE(text.find(line), std::string::npos) << line;
}

TEST_F(LibraryTest, ManifestSaysTheSizesAtAGlance) {
  LibraryFacts facts;
  facts.sections = {{".text", 100}, {".rodata", 20}, {".data.rel.ro", 3}, {weightsSection(plan), 4000}};
  plan.stackBytes = 64;
  std::string text;
  raw_string_ostream os(text);
  writeManifest(plan, facts, os);
  auto value = json::parse(text);
  ASSERT_TRUE(bool(value)) << toString(value.takeError());
  const json::Object *sizes = value->getAsObject()->getObject("sizes");
  ASSERT_TRUE(sizes);
  EXPECT_EQ(json::Value(json::Object(*sizes)), json::Value(json::Object{{"code", 100},
                                                                        {"constants", 23},
                                                                        {"weights", plan.weightsBytes},
                                                                        {"arena", 512},
                                                                        {"context", int64_t(contextWords(plan) * 8)},
                                                                        {"stack", 64}}));
}

TEST_F(LibraryTest, ManifestIsJsonWhateverTheNames) {
  plan.inputs[0].name = "bad \xff utf-8 \"quoted\"";
  plan.kernels[0].nodes = {"\xc0", "\n"};
  std::string text;
  raw_string_ostream os(text);
  writeManifest(plan, {}, os);
  auto value = json::parse(text);
  ASSERT_TRUE(bool(value)) << toString(value.takeError());
  const json::Object *root = value->getAsObject();
  EXPECT_EQ(root->getString("name"), "tiny");
  EXPECT_EQ(root->getArray("kernels")->size(), 4u);
  EXPECT_EQ(root->getObject("arena")->getInteger("bytes"), 512);
  EXPECT_EQ(root->getObject("arena")->getString("peak_kernel"), "k001_copy");
  EXPECT_EQ(*(*root->getArray("inputs"))[0].getAsObject()->getArray("shape"), (json::Array{1, 64}));
}

TEST_F(LibraryTest, ContextHasRoomForThePointersOfARun) {
  EXPECT_EQ(contextWords(plan), 10u);
  EXPECT_EQ(publicSymbols(plan).size(), 5u);
}
} // namespace
