// Which storage buffers operands share, and where in them they begin.
#include "codegen/gpu/Bindings.h"
#include "codegen/gpu/GpuPasses.h"
#include "mlir/Parser/Parser.h"
#include "gtest/gtest.h"

using namespace mlir;
using namespace nncc;

namespace {

/// A kernel that stores to each of its operands, `bytes` long, and reads a table where there is one.
class Kernel {
public:
  Kernel(unsigned operands, bool hasTable = false, int64_t bytes = 64) {
    context.loadDialect<arith::ArithDialect, gpu::GPUDialect, memref::MemRefDialect>();
    std::string arguments, body, type = "memref<" + std::to_string(bytes / 4) + "xf32>";
    for (unsigned number = 0; number < operands + hasTable; ++number) {
      std::string name = "%x" + std::to_string(number);
      std::string attribute =
          number < operands ? "nn.operand = " + std::to_string(number) + " : i64" : "nn.table = @table";
      arguments += (number ? ", " : "") + name + ": " + type + " {" + attribute + "}";
      body += "memref.store %v, " + name + "[%c0] : " + type + "\n";
    }
    module = parseSourceString<ModuleOp>("gpu.module @k { gpu.func @main(" + arguments +
                                             ") kernel {\n%c0 = arith.constant 0 : index\n"
                                             "%v = arith.constant 0.0 : f32\n" +
                                             body + "gpu.return } }",
                                         &context);
    kernel = *(*module->getOps<gpu::GPUModuleOp>().begin()).getOps<gpu::GPUFuncOp>().begin();
  }

  std::string assign(std::vector<GpuLaunch> launches) {
    std::vector<const GpuLaunch *> pointers;
    for (const GpuLaunch &launch : launches)
      pointers.push_back(&launch);
    return assignBindings(kernel, pointers);
  }

  /// The number of an argument, or -1.
  int64_t number(unsigned argument, llvm::StringRef attribute) {
    auto value = kernel.getArgAttrOfType<IntegerAttr>(argument, attribute);
    return value ? value.getInt() : -1;
  }
  std::vector<int64_t> bindings() {
    std::vector<int64_t> all;
    for (unsigned argument = 0; argument < kernel.getNumArguments(); ++argument)
      all.push_back(number(argument, nn::kBindingAttr));
    return all;
  }

private:
  MLIRContext context;
  OwningOpRef<ModuleOp> module;
  gpu::GPUFuncOp kernel;
};

constexpr GpuMemory A = GpuMemory::Arena, C = GpuMemory::Constants, I = GpuMemory::Input, O = GpuMemory::Output;

} // namespace

TEST(Bindings, FewOperandsHaveOneEach) {
  Kernel kernel(4);
  EXPECT_EQ(kernel.assign({{"k", {{A, 0, 0}, {C, 0, 256}, {C, 0, 1024}, {A, 0, 512}}}}), "");
  EXPECT_EQ(kernel.bindings(), (std::vector<int64_t>{0, 1, 2, 3}));
  EXPECT_EQ(kernel.number(3, nn::kOffsetMultipleAttr), -1);
}

TEST(Bindings, OffsetsHaveWhatAllLaunchesHaveInCommon) {
  Kernel kernel(2);
  EXPECT_EQ(kernel.assign({{"k", {{A, 0, 64}, {A, 0, 256}}}, {"k", {{A, 0, 288}, {A, 0, 768}}}}), "");
  EXPECT_EQ(kernel.number(0, nn::kOffsetMultipleAttr), 32);
  EXPECT_EQ(kernel.number(1, nn::kOffsetMultipleAttr), -1);
}

TEST(Bindings, ConstantsShareOneFirst) {
  Kernel kernel(4, /*hasTable=*/true);
  EXPECT_EQ(kernel.assign({{"k", {{A, 0, 0}, {C, 0, 4}, {C, 0, 8}, {A, 0, 64}}}}), "");
  EXPECT_EQ(kernel.bindings(), (std::vector<int64_t>{0, 1, 1, 2, 1}));
  EXPECT_EQ(kernel.number(2, nn::kOffsetMultipleAttr), 8);
  EXPECT_EQ(kernel.number(4, nn::kOffsetMultipleAttr), 256);
}

TEST(Bindings, TablesLieBehindAllWeights) {
  Kernel kernel(4, /*hasTable=*/true);
  EXPECT_EQ(kernel.assign({{"k", {{A, 0, 0}, {C, 0, 256}, {C, 0, 1024}, {A, 0, 64}}}}), "");
  EXPECT_EQ(kernel.bindings(), (std::vector<int64_t>{0, 1, 1, 2, 1}));
  EXPECT_EQ(kernel.number(1, nn::kOffsetMultipleAttr), -1);
  EXPECT_EQ(kernel.number(4, nn::kOffsetMultipleAttr), 256);
}

TEST(Bindings, ABindingBeginsWhereItsFirstOperandDoes) {
  GpuLaunch first{"k", {{A, 0, 0}, {C, 0, 256}, {C, 0, 1024}, {C, 0, 2048}, {A, 0, 64}}}, other = first;
  Kernel kernel(5);
  EXPECT_EQ(kernel.assign({first}), "");
  EXPECT_EQ(kernel.bindings(), (std::vector<int64_t>{0, 1, 1, 1, 2}));
  EXPECT_EQ(kernel.number(1, nn::kOffsetMultipleAttr), -1);
  EXPECT_EQ(kernel.number(2, nn::kOffsetMultipleAttr), 256);
  // Where it is another one in some launch, all have offsets.
  other.operands[2].byteOffset = 0;
  Kernel shared(5);
  EXPECT_EQ(shared.assign({first, other}), "");
  EXPECT_EQ(shared.number(1, nn::kOffsetMultipleAttr), 256);
  EXPECT_EQ(shared.number(2, nn::kOffsetMultipleAttr), 256);
}

TEST(Bindings, TheArenaIsSharedWhereThatIsNotEnough) {
  Kernel kernel(6);
  EXPECT_EQ(kernel.assign({{"k", {{A, 0, 0}, {C, 0, 0}, {A, 0, 64}, {I, 0, 0}, {A, 0, 128}, {O, 0, 0}}}}), "");
  EXPECT_EQ(kernel.bindings(), (std::vector<int64_t>{0, 1, 0, 2, 0, 3}));
}

TEST(Bindings, OperandsThatLieApartInSomeLaunchDoNotShare) {
  Kernel kernel(5);
  GpuLaunch first{"k", {{A, 0, 0}, {A, 0, 64}, {A, 0, 128}, {A, 0, 192}, {A, 0, 256}}}, second = first;
  second.operands[4] = {O, 1, 0};
  EXPECT_EQ(kernel.assign({first, second}), "");
  EXPECT_EQ(kernel.bindings(), (std::vector<int64_t>{0, 0, 0, 0, 1}));
}

TEST(Bindings, TooManyMemoriesAreAReason) {
  Kernel kernel(5);
  EXPECT_EQ(kernel.assign({{"k", {{I, 0, 0}, {I, 1, 0}, {I, 2, 0}, {O, 0, 0}, {O, 1, 0}}}}),
            "its operands lie in 5 memories; a GPU need not have more than 4 buffers");
}

TEST(Bindings, LongRangesAreAReason) {
  Kernel kernel(1, false, int64_t(1) << 28);
  EXPECT_EQ(kernel.assign({{"k", {{A, 0, 0}}}}),
            "its operands span 268435456 bytes of one memory; a GPU need not reach more than 134217728");
}
