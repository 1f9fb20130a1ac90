// L2 code of every kind that kernels contain becomes an object without foreign
// symbols, on both architectures.
#include "codegen/LowerToLLVM.h"
#include "codegen/ObjectCode.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/UB/IR/UBOps.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Parser/Parser.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "gtest/gtest.h"

using namespace nncc;

namespace {
struct Compiled {
  std::string ir;                     ///< before LLVM's passes
  std::vector<std::string> undefined; ///< symbols that the object needs
};

/// Lowers L2 code; what nothing calls is kept.
std::unique_ptr<llvm::Module> lower(const char *text, const TargetSpec &target, llvm::LLVMContext &llvmContext,
                                    NodeLines *lines = nullptr) {
  mlir::DialectRegistry registry;
  registry
      .insert<mlir::affine::AffineDialect, mlir::arith::ArithDialect, mlir::cf::ControlFlowDialect,
              mlir::func::FuncDialect, mlir::LLVM::LLVMDialect, mlir::math::MathDialect, mlir::memref::MemRefDialect,
              mlir::scf::SCFDialect, mlir::ub::UBDialect, mlir::vector::VectorDialect>();
  registerLLVMTranslation(registry);
  mlir::MLIRContext context(registry, mlir::MLIRContext::Threading::DISABLED);
  auto module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
  EXPECT_TRUE(module);
  auto code = lowerToLLVM(*module, target, llvmContext, lines);
  if (failed(code)) {
    ADD_FAILURE() << "not lowered";
    return nullptr;
  }
  return std::move(*code);
}

/// Nothing calls a kernel here, so keep them alive.
void exportFunctions(llvm::Module &module) {
  for (llvm::Function &function : module)
    if (!function.isDeclaration())
      function.setLinkage(llvm::GlobalValue::ExternalLinkage);
}

Compiled compile(const char *text, const char *targetName = "x86_64-linux-gnu") {
  TargetSpec target = llvm::cantFail(parseTarget(targetName, ""));
  llvm::LLVMContext context;
  std::unique_ptr<llvm::Module> code = lower(text, target, context);
  if (!code)
    return {};
  Compiled compiled;
  llvm::raw_string_ostream stream(compiled.ir);
  code->print(stream, nullptr);
  exportFunctions(*code);
  auto object = compileToObject(*code, target);
  EXPECT_TRUE(bool(object)) << llvm::toString(object.takeError());
  auto symbols = undefinedSymbols({object->data(), object->size()});
  EXPECT_TRUE(bool(symbols));
  compiled.undefined = *symbols;
  return compiled;
}

/// The assembly of L2 code with line information.
std::string compileWithLines(const char *text, NodeLines &lines) {
  TargetSpec target = llvm::cantFail(parseTarget("x86_64-linux-gnu", ""));
  llvm::LLVMContext context;
  std::unique_ptr<llvm::Module> code = lower(text, target, context, &lines);
  if (!code)
    return {};
  exportFunctions(*code);
  ObjectOptions options;
  options.form = CodeForm::Assembly;
  options.keepLineInfo = true;
  auto assembly = llvm::cantFail(compileToObject(*code, target, options));
  return {assembly.begin(), assembly.end()};
}
} // namespace

// A register of bytes takes four parts of a table, or two times eight, without those that are like the one before; a
// rest of few bytes is loaded one by one.
TEST(LowerToLLVM, TablesOfBytesAreLookedUpInRegisters) {
  std::string text = R"mlir(
    memref.global "private" constant @table : memref<256xi8> = dense<7>
    func.func private @k(%x: memref<40xi8>, %y: memref<40xi8>) {
      %zero = arith.constant 0 : index
      %rest = arith.constant 36 : index
      %table = memref.get_global @table : memref<256xi8>
      %bytes = vector.load %x[%zero] : memref<40xi8>, vector<16xi8>
      %at = arith.index_castui %bytes : vector<16xi8> to vector<16xindex>
      %every = arith.constant dense<true> : vector<16xi1>
      %none = arith.constant dense<0> : vector<16xi8>
      %found = vector.gather %table[%zero] [%at], %every, %none : memref<256xi8>, vector<16xindex>, vector<16xi1>, vector<16xi8> into vector<16xi8>
      vector.store %found, %y[%zero] : memref<40xi8>, vector<16xi8>
      %few = vector.load %x[%rest] : memref<40xi8>, vector<4xi8>
      %at4 = arith.index_castui %few : vector<4xi8> to vector<4xindex>
      %every4 = arith.constant dense<true> : vector<4xi1>
      %none4 = arith.constant dense<0> : vector<4xi8>
      %found4 = vector.gather %table[%zero] [%at4], %every4, %none4 : memref<256xi8>, vector<4xindex>, vector<4xi1>, vector<4xi8> into vector<4xi8>
      vector.store %found4, %y[%rest] : memref<40xi8>, vector<4xi8>
      return
    })mlir";
  auto count = [](llvm::StringRef ir, llvm::StringRef call) { return ir.count(call); };
  std::string rising = "0x";
  for (int i = 0; i < 256; ++i)
    rising += llvm::utohexstr(i, /*LowerCase=*/false, /*Width=*/2);
  Compiled ofOneNumber = compile(text.c_str());
  text.replace(text.find("dense<7>"), 8, "dense<\"" + rising + "\">");
  Compiled arm = compile(text.c_str(), "aarch64-linux-gnu"), intel = compile(text.c_str());
  EXPECT_EQ(count(arm.ir, "call <16 x i8> @llvm.aarch64.neon.tbl4"), 1u);
  EXPECT_EQ(count(arm.ir, "call <16 x i8> @llvm.aarch64.neon.tbx4"), 3u);
  EXPECT_EQ(count(intel.ir, "call <16 x i8> @llvm.x86.ssse3.pshuf.b.128"), 16u);
  EXPECT_EQ(count(ofOneNumber.ir, "call <16 x i8> @llvm.x86.ssse3.pshuf.b.128"), 2u);
  for (const Compiled &compiled : {arm, intel}) {
    EXPECT_EQ(count(compiled.ir, "call <4 x i8> @llvm.masked.gather"), 1u);
    EXPECT_EQ(count(compiled.ir, "call <16 x i8> @llvm.masked.gather"), 0u);
  }
}

// Words are made of two registers in one instruction; bytes that are less than two of them are LLVM's to saturate.
TEST(LowerToLLVM, RoundsToIntegersInOneStep) {
  const char *text = R"mlir(
    func.func private @k(%x: memref<24xf32>, %y: memref<24xi16>) {
      %zero = arith.constant 0 : index
      %rest = arith.constant 16 : index
      %two = vector.load %x[%zero] : memref<24xf32>, vector<16xf32>
      %twoRounded = math.roundeven %two : vector<16xf32>
      %twoWords = arith.fptosi %twoRounded : vector<16xf32> to vector<16xi16>
      vector.store %twoWords, %y[%zero] : memref<24xi16>, vector<16xi16>
      %one = vector.load %x[%rest] : memref<24xf32>, vector<8xf32>
      %oneRounded = math.roundeven %one : vector<8xf32>
      %oneWords = arith.fptosi %oneRounded : vector<8xf32> to vector<8xi16>
      vector.store %oneWords, %y[%rest] : memref<24xi16>, vector<8xi16>
      return
    })mlir";
  auto count = [](llvm::StringRef ir, llvm::StringRef call) { return ir.count(call); };
  Compiled arm = compile(text, "aarch64-linux-gnu"), intel = compile(text);
  for (const Compiled &compiled : {arm, intel})
    EXPECT_EQ(count(compiled.ir, "fptosi"), 0u);
  EXPECT_EQ(count(arm.ir, "fadd <16 x float>"), 1u);
  EXPECT_EQ(count(arm.ir, "fadd <8 x float>"), 1u);
  EXPECT_EQ(count(intel.ir, "call <16 x i16> @llvm.x86.avx2.packssdw"), 1u);
  EXPECT_EQ(count(intel.ir, "call <8 x i32> @llvm.smax.v8i32"), 1u);
}

// Bytes are made of four registers by three instructions, whose saturation stands for limits of the type alone.
TEST(LowerToLLVM, NarrowsWholeRegistersToBytes) {
  std::string text = R"mlir(
    func.func private @k(%x: memref<32xf32>, %offset: i16, %y: memref<32xi8>) {
      %zero = arith.constant 0 : index
      %low = arith.constant dense<LOW> : vector<32xi16>
      %high = arith.constant dense<HIGH> : vector<32xi16>
      %offsets = vector.broadcast %offset : i16 to vector<32xi16>
      %steps = vector.load %x[%zero] : memref<32xf32>, vector<32xf32>
      %rounded = math.roundeven %steps : vector<32xf32>
      %words = arith.fptosi %rounded : vector<32xf32> to vector<32xi16>
      %moved = arith.addi %words, %offsets : vector<32xi16>
      %most = arith.maxsi %moved, %low : vector<32xi16>
      %least = arith.minsi %most, %high : vector<32xi16>
      %bytes = arith.trunci %least : vector<32xi16> to vector<32xi8>
      vector.store %bytes, %y[%zero] : memref<32xi8>, vector<32xi8>
      return
    })mlir";
  auto compileWith = [&](llvm::StringRef low, llvm::StringRef high) {
    std::string limited = text;
    limited.replace(limited.find("LOW"), 3, low);
    limited.replace(limited.find("HIGH"), 4, high);
    return compile(limited.c_str()).ir;
  };
  auto count = [](llvm::StringRef ir, llvm::StringRef call) { return ir.count(call); };
  std::string ofUnsigned = compileWith("0", "255"), ofSigned = compileWith("-128", "127"),
              ofFew = compileWith("3", "9");
  for (const std::string &ir : {ofUnsigned, ofSigned, ofFew}) {
    EXPECT_EQ(count(ir, "call <16 x i16> @llvm.x86.avx2.packssdw"), 2u);
    EXPECT_EQ(count(ir, "add <16 x i16>"), 2u);
    EXPECT_EQ(count(ir, "trunc"), 0u);
  }
  EXPECT_EQ(count(ofUnsigned, "call <32 x i8> @llvm.x86.avx2.packuswb"), 1u);
  EXPECT_EQ(count(ofSigned, "call <32 x i8> @llvm.x86.avx2.packsswb"), 1u);
  EXPECT_EQ(count(ofFew, "call <32 x i8> @llvm.x86.avx2.packuswb"), 1u);
  EXPECT_EQ(count(ofUnsigned + ofSigned, "call <16 x i16> @llvm.smax"), 0u);
  EXPECT_EQ(count(ofFew, "call <16 x i16> @llvm.smax"), 2u);
}

TEST(LowerToLLVM, ArgumentsAreBarePointers) {
  Compiled compiled = compile(R"mlir(
    func.func private @k(%x: memref<4x8xf32, strided<[16, 1]>> {llvm.noalias}, %y: memref<4x8xf32> {llvm.noalias}) {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %c4 = arith.constant 4 : index
      scf.for %i = %c0 to %c4 step %c1 {
        %v = vector.load %x[%i, %c0] : memref<4x8xf32, strided<[16, 1]>>, vector<8xf32>
        vector.store %v, %y[%i, %c0] : memref<4x8xf32>, vector<8xf32>
      }
      return
    })mlir");
  EXPECT_NE(compiled.ir.find("define internal void @k(ptr noalias %0, ptr noalias %1)"), std::string::npos)
      << compiled.ir;
}

TEST(LowerToLLVM, FlushesSubnormalsOnlyWhereAKernelMayAndTheyAreSlow) {
  const char *text = R"mlir(
    func.func private @product(%x: memref<4xf32>, %y: memref<4xf32>) attributes {nn.flushes_subnormals} {
      %c0 = arith.constant 0 : index
      %v = vector.load %x[%c0] : memref<4xf32>, vector<4xf32>
      vector.store %v, %y[%c0] : memref<4xf32>, vector<4xf32>
      return
    }
    func.func private @other(%x: memref<4xf32>) {
      return
    })mlir";
  std::string ir = compile(text).ir;
  size_t product = ir.find("@product"), sets = ir.find("call void @llvm.x86.sse.ldmxcsr"),
         load = ir.find("<4 x float>"), setsBack = ir.rfind("call void @llvm.x86.sse.ldmxcsr"),
         end = ir.find("ret void");
  EXPECT_TRUE(product < sets && sets < load && load < setsBack && setsBack < end && end < ir.find("@other")) << ir;
  EXPECT_EQ(compile(text, "aarch64-linux-gnu").ir.find("flush"), std::string::npos);
}

TEST(LowerToLLVM, LowersVectorsOfAnyRank) {
  const char *text = R"mlir(
    func.func private @k(%x: memref<6x8x16xf32>, %y: memref<16x8xf32>, %z: memref<8x16xf32>, %r: memref<8xf32>) {
      %c0 = arith.constant 0 : index
      %zero = arith.constant 0.0 : f32
      %v = vector.transfer_read %x[%c0, %c0, %c0], %zero {in_bounds = [true, true]} : memref<6x8x16xf32>, vector<8x16xf32>
      %t = vector.transpose %v, [1, 0] : vector<8x16xf32> to vector<16x8xf32>
      vector.transfer_write %t, %y[%c0, %c0] {in_bounds = [true, true]} : vector<16x8xf32>, memref<16x8xf32>
      %acc = vector.transfer_read %z[%c0, %c0], %zero {in_bounds = [true, true]} : memref<8x16xf32>, vector<8x16xf32>
      %s = vector.fma %v, %v, %acc : vector<8x16xf32>
      vector.transfer_write %s, %z[%c0, %c0] {in_bounds = [true, true]} : vector<8x16xf32>, memref<8x16xf32>
      %init = arith.constant dense<0.0> : vector<8xf32>
      %sum = vector.multi_reduction <add>, %s, %init [1] : vector<8x16xf32> to vector<8xf32>
      %init16 = arith.constant dense<0.0> : vector<16xf32>
      %columns = vector.multi_reduction <maximumf>, %s, %init16 [0] : vector<8x16xf32> to vector<16xf32>
      %half = vector.extract_strided_slice %columns {offsets = [4], sizes = [8], strides = [1]} : vector<16xf32> to vector<8xf32>
      %both = arith.addf %sum, %half : vector<8xf32>
      vector.transfer_write %both, %r[%c0] {in_bounds = [true]} : vector<8xf32>, memref<8xf32>
      return
    })mlir";
  for (const char *target : {"x86_64-linux-gnu", "aarch64-linux-gnu"})
    EXPECT_EQ(compile(text, target).undefined, std::vector<std::string>{});
}

TEST(LowerToLLVM, ViewsBecomeAddresses) {
  Compiled compiled = compile(R"mlir(
    func.func private @k(%x: memref<4x6x8xf32>, %i: index, %y: memref<48xf32>) {
      %c0 = arith.constant 0 : index
      %row = memref.subview %x[%i, 0, 0] [1, 6, 8] [1, 1, 1] : memref<4x6x8xf32> to memref<6x8xf32, strided<[8, 1], offset: ?>>
      %flat = memref.collapse_shape %row [[0, 1]] : memref<6x8xf32, strided<[8, 1], offset: ?>> into memref<48xf32, strided<[1], offset: ?>>
      %v = vector.load %flat[%c0] : memref<48xf32, strided<[1], offset: ?>>, vector<48xf32>
      vector.store %v, %y[%c0] : memref<48xf32>, vector<48xf32>
      return
    })mlir");
  EXPECT_EQ(compiled.undefined, std::vector<std::string>{});
}

TEST(LowerToLLVM, LineInfoNamesTheNodes) {
  NodeLines lines;
  lines.fileName = "m.nodes";
  std::string assembly = compileWithLines(R"mlir(
    func.func private @k(%x: memref<8xf32>) {
      %c0 = arith.constant 0 : index
      %v = vector.load %x[%c0] : memref<8xf32>, vector<8xf32> loc("block/conv1")
      %w = arith.mulf %v, %v : vector<8xf32> loc(callsite("block/mul" at unknown))
      vector.store %w, %x[%c0] : memref<8xf32>, vector<8xf32> loc(fused["block/mul", "block/relu"])
      return loc(unknown)
    } loc("block/conv1"))mlir",
                                          lines);
  EXPECT_EQ(lines.text, "block/conv1\nblock/mul\n");
  EXPECT_NE(assembly.find(".file\t1 \"m.nodes\""), std::string::npos) << assembly;
  EXPECT_NE(assembly.find(".loc\t1 2 0"), std::string::npos) << assembly;
}
