// What threads do, and how many values they keep alive, against what compilers for Mali GPUs made of the same kernels.
#include "codegen/gpu/CountWork.h"
#include "codegen/mali/GpuTime.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/SPIRV/IR/SPIRVDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/MemoryBuffer.h"
#include "gtest/gtest.h"

using namespace mlir;
using namespace nncc;

namespace {

/// A product of matrices, K = 512 by steps of 4: each thread makes `rows` rows of `columns` vectors.
class Product {
public:
  Product(int rows, int columns, const char *element = "f32") : rows(rows), columns(columns), element(element) {}

  std::string text() {
    os << "gpu.module @m {\ngpu.func @main(%A: memref<16384xvector<4xf32>>, %B: memref<32768xvector<4xf32>>, "
          "%O: memref<8192xvector<4xf32>>) kernel attributes {nn.grid = array<i64: 8, 4>, nn.block = 16 : i64} {\n"
          "%c0 = arith.constant 0 : index\n%c1 = arith.constant 1 : index\n%c4 = arith.constant 4 : index\n"
          "%c64 = arith.constant 64 : index\n%c128 = arith.constant 128 : index\n"
          "%z = arith.constant dense<0.0> : vector<4xf32>\n%bx = gpu.block_id x\n%tx = gpu.thread_id x\n"
          "%x = arith.muli %bx, %c64 : index\n%n = arith.addi %x, %tx : index\n";
    for (int i = 0; i < rows; ++i)
      os << "%i" << i << " = arith.constant " << i << " : index\n%m" << i << " = arith.addi %bx, %i" << i
         << " : index\n%ra" << i << " = arith.muli %m" << i << ", %c128 : index\n";
    os << "%r:" << rows * columns << " = scf.for %k = %c0 to %c128 step %c1 iter_args(" << list("%a", "_0 = %z")
       << ") -> (" << list("", "", "vector<4xf32>") << ") {\n";
    for (int i = 0; i < rows; ++i)
      os << "%ai" << i << " = arith.addi %ra" << i << ", %k : index\n%A" << i << " = memref.load %A[%ai" << i
         << "] : memref<16384xvector<4xf32>>\n";
    os << "%k4 = arith.muli %k, %c4 : index\n";
    for (int step = 0; step < 4; ++step)
      addStep(step);
    os << "scf.yield " << list("%a", "_4") << " : " << list("", "", "vector<4xf32>") << "\n}\n";
    for (int i = 0, at = 0; i < rows; ++i)
      for (int j = 0; j < columns; ++j, ++at)
        os << "%o" << at << " = arith.muli %m" << i << ", %c64 : index\n%p" << at << " = arith.addi %o" << at
           << ", %n : index\nmemref.store %r#" << at << ", %O[%p" << at << "] : memref<8192xvector<4xf32>>\n";
    os << "gpu.return\n}\n}\n";
    for (size_t at; (at = result.find("f32")) != std::string::npos && element != "f32";)
      result.replace(at, 3, element);
    return result;
  }

private:
  std::string list(const std::string &before, const std::string &after, const std::string &instead = "") {
    std::string items;
    for (int i = 0; i < rows; ++i)
      for (int j = 0; j < columns; ++j)
        items += (items.empty() ? "" : ", ") +
                 (instead.empty() ? before + std::to_string(i) + "_" + std::to_string(j) + after : instead);
    return items;
  }

  void addStep(int step) {
    std::string k = std::to_string(step), next = std::to_string(step + 1);
    os << "%s" << k << " = arith.constant " << k << " : index\n%kk" << k << " = arith.addi %k4, %s" << k
       << " : index\n%kb" << k << " = arith.muli %kk" << k << ", %c64 : index\n";
    for (int j = 0; j < columns; ++j) {
      std::string at = k + "_" + std::to_string(j);
      os << "%j" << at << " = arith.constant " << j << " : index\n%n" << at << " = arith.addi %n, %j" << at
         << " : index\n%b" << at << " = arith.addi %kb" << k << ", %n" << at << " : index\n%B" << at
         << " = memref.load %B[%b" << at << "] : memref<32768xvector<4xf32>>\n";
    }
    for (int i = 0; i < rows; ++i) {
      std::string at = k + "_" + std::to_string(i);
      os << "%e" << at << " = vector.extract %A" << i << "[" << k << "] : f32 from vector<4xf32>\n%v" << at
         << " = vector.broadcast %e" << at << " : f32 to vector<4xf32>\n";
      for (int j = 0; j < columns; ++j) {
        std::string sum = std::to_string(i) + "_" + std::to_string(j) + "_";
        os << "%a" << sum << next << " = vector.fma %v" << at << ", %B" << k << "_" << j << ", %a" << sum << k
           << " : vector<4xf32>\n";
      }
    }
  }

  int rows, columns;
  std::string element, result;
  llvm::raw_string_ostream os{result};
};

struct CountWork : testing::Test {
  CountWork() {
    context.loadDialect<arith::ArithDialect, gpu::GPUDialect, math::MathDialect, memref::MemRefDialect, scf::SCFDialect,
                        spirv::SPIRVDialect, vector::VectorDialect>();
    context.allowUnregisteredDialects();
  }

  gpu::GPUFuncOp parse(const std::string &text) {
    module = parseSourceString<ModuleOp>(text, &context);
    EXPECT_TRUE(module);
    gpu::GPUFuncOp kernel;
    module->walk([&](gpu::GPUFuncOp found) { kernel = found; });
    return kernel;
  }

  double registersOf(const std::string &text) { return countRegisters(parse(text)); }

  /// A kernel of test/codegen/gpu/inputs/.
  static std::string input(const char *name) {
    auto file = llvm::MemoryBuffer::getFile(std::string(NNCC_TEST_INPUTS) + "/" + name + ".mlir");
    EXPECT_TRUE(file);
    return file ? (*file)->getBuffer().str() : "";
  }

  MLIRContext context;
  OwningOpRef<ModuleOp> module;
};

// 17 kernels whose class is the same in Mesa 22.3 and 25.0, for G52 and G57.
TEST_F(CountWork, RegisterClassesAreThoseOfCompilers) {
  auto classOf = [&](int rows, int columns, const char *element = "f32") {
    return registerClass(registersOf(Product(rows, columns, element).text()));
  };
  EXPECT_EQ(classOf(1, 1), RegisterClass::Half);
  EXPECT_EQ(classOf(4, 1), RegisterClass::Full);
  EXPECT_EQ(classOf(5, 1), RegisterClass::Full);
  EXPECT_EQ(classOf(6, 1), RegisterClass::Full);
  EXPECT_EQ(classOf(2, 2), RegisterClass::Full);
  EXPECT_EQ(classOf(3, 2), RegisterClass::Full);
  EXPECT_EQ(classOf(4, 2), RegisterClass::Spill);
  EXPECT_EQ(classOf(8, 1), RegisterClass::Spill);
  EXPECT_EQ(classOf(8, 2), RegisterClass::Spill);
  EXPECT_EQ(classOf(4, 1, "f16"), RegisterClass::Half);
  EXPECT_EQ(classOf(4, 2, "f16"), RegisterClass::Full);
  EXPECT_EQ(classOf(8, 1, "f16"), RegisterClass::Full);
  EXPECT_EQ(registerClass(registersOf(input("elementwise"))), RegisterClass::Half);
  EXPECT_EQ(registerClass(registersOf(input("depthwise"))), RegisterClass::Half);
  EXPECT_EQ(registerClass(registersOf(input("softmax"))), RegisterClass::Half);
  EXPECT_EQ(registerClass(registersOf(input("convolution"))), RegisterClass::Full);
  EXPECT_EQ(registerClass(registersOf(input("bytes"))), RegisterClass::Full);
}

// Of bytes packed into words two compilers make different classes.
TEST_F(CountWork, SaysWhatIsNearTheEdgeOfAClass) {
  auto isAtEdge = [&](const std::string &text) {
    GpuDispatch dispatch{64, 64, {}};
    dispatch.work.registers = registersOf(text);
    std::vector<std::string> warnings = timeOf(dispatch, 0, *parseGpu("mali-g57")).warnings;
    return llvm::is_contained(warnings, "registers at the edge of a class");
  };
  EXPECT_TRUE(isAtEdge(input("packed-bytes")));
  EXPECT_FALSE(isAtEdge(Product(1, 1).text()));
  EXPECT_FALSE(isAtEdge(Product(4, 1).text()));
  EXPECT_FALSE(isAtEdge(Product(8, 2).text()));
}

TEST_F(CountWork, CountsLoopsByTheirBounds) {
  GpuWork work = countWork(parse(Product(4, 1).text()));
  double threads = 8 * 4 * 16;
  EXPECT_EQ(work.threads, threads);
  EXPECT_EQ(work.fma, threads * 128 * 4 * 4 * 4);
  EXPECT_EQ(work.loads, threads * 128 * (4 + 4));
  EXPECT_EQ(work.stores, threads * 4);
}

TEST_F(CountWork, HasNoRegistersForMemoryOfAWorkgroup) {
  double registers = countRegisters(parse(R"(
gpu.module @m {
  gpu.func @main(%x: memref<64xf32>) kernel attributes {nn.grid = array<i64: 1, 1>, nn.block = 64 : i64} {
    %partial = memref.alloc() : memref<64xvector<4xf32>, 3>
    %tx = gpu.thread_id x
    %v = memref.load %partial[%tx] : memref<64xvector<4xf32>, 3>
    %one = vector.extract %v[0] : f32 from vector<4xf32>
    memref.store %one, %x[%tx] : memref<64xf32>
    gpu.return
  }
}
)"));
  EXPECT_LE(registers, 8);
}

// Of 128 threads, 100 have an element, and 40 behind them none of their own.
TEST_F(CountWork, FollowsTheNumberOfTheThread) {
  GpuWork work = countWork(parse(R"(
gpu.module @m {
  gpu.func @main(%x: memref<100xf32>) kernel attributes {nn.grid = array<i64: 2, 1>, nn.block = 64 : i64} {
    %c64 = arith.constant 64 : index
    %c60 = arith.constant 60 : index
    %c40 = arith.constant 40 : index
    %bx = gpu.block_id x
    %tx = gpu.thread_id x
    %0 = arith.muli %bx, %c64 : index
    %thread = arith.addi %0, %tx : index
    %first = arith.cmpi ult, %thread, %c60 : index
    scf.if %first {
      %v = memref.load %x[%thread] : memref<100xf32>
      memref.store %v, %x[%thread] : memref<100xf32>
    }
    %rest = arith.subi %thread, %c60 : index
    %second = arith.cmpi ult, %rest, %c40 : index
    scf.if %second {
      %v = memref.load %x[%thread] : memref<100xf32>
    }
    gpu.return
  }
})"));
  EXPECT_EQ(work.loads, 100);
  EXPECT_EQ(work.stores, 60);
}

// Three of four take the first side, whose loop of 5 passes has no other one inside; the second side is as far inside.
TEST_F(CountWork, TakesTheShareOfABranch) {
  GpuWork work = countWork(parse(R"(
gpu.module @m {
  gpu.func @main(%x: memref<64xf32>) kernel attributes {nn.grid = array<i64: 1, 1>, nn.block = 64 : i64} {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c5 = arith.constant 5 : index
    %zero = arith.constant 0.0 : f32
    %tx = gpu.thread_id x
    %v = memref.load %x[%tx] : memref<64xf32>
    %is_positive = arith.cmpf ogt, %v, %zero : f32
    scf.if %is_positive {
      %sum = scf.for %i = %c0 to %c5 step %c1 iter_args(%s = %v) -> (f32) {
        %w = memref.load %x[%i] : memref<64xf32>
        %next = arith.addf %s, %w : f32
        scf.yield %next : f32
      }
      memref.store %sum, %x[%tx] : memref<64xf32>
    } else {
      %w = memref.load %x[%c1] : memref<64xf32>
      memref.store %w, %x[%tx] : memref<64xf32>
    } {nn.share = 0.75 : f64}
    gpu.return
  }
})"));
  EXPECT_EQ(work.loads, 64 + 48 * 5 + 16);
  EXPECT_EQ(work.stores, 64);
  EXPECT_EQ(work.inner.loads, 48 * 5 + 16);
  EXPECT_EQ(work.inner.fma, 48 * 5);
  EXPECT_EQ(work.inner.convert, 48 * 5 * 2);
}

// Sums that go through a loop on either side of a branch stay where they are.
TEST_F(CountWork, BothSidesOfABranchHaveTheSameRegisters) {
  auto registersOf = [&](const std::string &inside) {
    return countRegisters(parse(R"(
gpu.module @m {
  gpu.func @main(%x: memref<64xvector<4xf32>>) kernel attributes {nn.grid = array<i64: 1, 1>, nn.block = 64 : i64} {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c5 = arith.constant 5 : index
    %zero = arith.constant dense<0.0> : vector<4xf32>
    %tx = gpu.thread_id x
    %sums = scf.for %i = %c0 to %c5 step %c1 iter_args(%s = %zero) -> (vector<4xf32>) {
      %isInside = arith.cmpi ult, %i, %tx : index
      )" + inside + R"(
      scf.yield %r : vector<4xf32>
    }
    memref.store %sums, %x[%tx] : memref<64xvector<4xf32>>
    gpu.return
  }
})"));
  };
  auto loop = [](const std::string &name) {
    return "%" + name + R"( = scf.for %j = %c0 to %c5 step %c1 iter_args(%t = %s) -> (vector<4xf32>) {
        %v = memref.load %x[%j] : memref<64xvector<4xf32>>
        %next = arith.addf %t, %v : vector<4xf32>
        scf.yield %next : vector<4xf32>
      }
      )";
  };
  double alone = registersOf(loop("r"));
  EXPECT_EQ(alone, 4 + 3); // the sums, two counters, the number of the thread
  EXPECT_EQ(alone,
            registersOf("%r = scf.if %isInside -> (vector<4xf32>) {\n" + loop("a") +
                        "scf.yield %a : vector<4xf32>\n} else {\n" + loop("b") + "scf.yield %b : vector<4xf32>\n}\n"));
}

} // namespace
