// The graph of kernels is read out of their places in memory, which tensors share.
#include "lib/driver/KernelSources.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/MLIRContext.h"
#include "gtest/gtest.h"

using namespace nncc;

namespace {

using Sources = std::vector<std::vector<unsigned>>;

class KernelSourcesTest : public testing::Test {
protected:
  /// A tensor of f32 whose inner dims lie side by side, at a byte of the arena.
  OperandPlan tensor(int64_t at, std::vector<int64_t> shape, std::vector<int64_t> strides, bool isOutput) {
    int64_t last = 0;
    for (size_t i = 0; i < shape.size(); ++i)
      last += (shape[i] - 1) * strides[i];
    return {Memory::Arena, 0, at, 4 * (last + 1), isOutput, mlir::Builder(&context).getF32Type(), shape, strides};
  }
  OperandPlan row(int64_t at, int64_t size, bool isOutput) { return tensor(at, {size}, {1}, isOutput); }
  void kernel(std::vector<OperandPlan> operands) { plan.kernels.emplace_back().operands = std::move(operands); }

  mlir::MLIRContext context;
  ModelPlan plan;
};

TEST_F(KernelSourcesTest, ReadsOfTheLastWriter) {
  kernel({{Memory::Input, 0, 0, 40, false}, row(0, 10, true)});
  kernel({row(0, 10, false), row(64, 10, true)});
  kernel({row(64, 10, false), row(0, 10, true)}); // where kernel 0 wrote
  kernel({row(0, 10, false), row(64, 10, false), {Memory::Output, 0, 0, 40, true}});
  EXPECT_EQ(kernelSources(plan), (Sources{{}, {0}, {1}, {1, 2}}));
}

TEST_F(KernelSourcesTest, InPlaceIsReadBeforeItIsWritten) {
  kernel({row(0, 10, true)});
  kernel({row(0, 10, false), row(0, 10, true)});
  kernel({row(0, 10, false), row(64, 10, true)});
  EXPECT_EQ(kernelSources(plan), (Sources{{}, {0}, {1}}));
}

TEST_F(KernelSourcesTest, PiecesOfConcatenationLieBetweenEachOther) {
  kernel({row(0, 24, true)});                // dead when the pieces come
  kernel({tensor(0, {4, 2}, {5, 1}, true)}); // [4, 0:2] of [4, 5]
  kernel({tensor(8, {4, 3}, {5, 1}, true)}); // [4, 2:5]
  kernel({tensor(8, {4, 3}, {5, 1}, false), row(128, 12, true)});
  kernel({tensor(0, {4, 2}, {5, 1}, false), row(128, 8, true)});
  kernel({tensor(0, {4, 5}, {5, 1}, false), row(128, 20, true)});
  EXPECT_EQ(kernelSources(plan), (Sources{{}, {}, {}, {2}, {1}, {1, 2}}));
}

TEST_F(KernelSourcesTest, BroadcastPiecesAreReadAlone) {
  kernel({tensor(0, {4, 2}, {5, 1}, true)});
  kernel({tensor(8, {4, 3}, {5, 1}, true)});
  kernel({tensor(8, {7, 4, 3}, {0, 5, 1}, false), row(128, 84, true)});
  EXPECT_EQ(kernelSources(plan), (Sources{{}, {}, {1}}));
}

TEST_F(KernelSourcesTest, PartsOfAnOverwrittenTensorStay) {
  kernel({row(0, 12, true)});
  kernel({row(16, 4, true)}); // in the middle of it
  kernel({row(0, 4, false), row(128, 4, true)});
  kernel({row(32, 4, false), row(160, 4, true)});
  kernel({row(0, 12, false), row(192, 12, true)});
  EXPECT_EQ(kernelSources(plan), (Sources{{}, {}, {0}, {0}, {0, 1}}));
}

} // namespace
