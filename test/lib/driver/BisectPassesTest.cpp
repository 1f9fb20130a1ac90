// The pass that makes a model wrong is named.
#include "lib/driver/BisectPasses.h"
#include "dialects/nn/Kinds.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/Support/MathExtras.h"
#include "gtest/gtest.h"

using namespace nncc;

namespace {

/// A mistake: what is max(x, 0) becomes -x.
struct BreakRelu : mlir::PassWrapper<BreakRelu, mlir::OperationPass<mlir::func::FuncOp>> {
  llvm::StringRef getArgument() const override { return "test-break-relu"; }
  void runOnOperation() override {
    getOperation().walk([](nn::UnaryOp op) { op.setKind(nn::kind::neg); });
  }
};

CompileOptions digits() {
  CompileOptions options;
  options.model = NNCC_DIGITS;
  options.target = llvm::cantFail(parseTarget("", "", NativeCpu::Detect));
  options.progress = [](llvm::StringRef) {};
  return options;
}

TEST(BisectPassesTest, PassesThatMayBeLeftOutChangeNothingOfTheDigits) {
  BisectSettings settings;
  settings.triesAll = true;
  BisectResult result = bisectPasses(digits(), {}, settings);
  ASSERT_EQ(result.status, 0);
  ASSERT_GT(result.passes.size(), 12u);
  EXPECT_TRUE(result.passes.front().pass.empty());
  for (const PassResult &step : result.passes)
    EXPECT_TRUE(step.isCompiled) << "without the passes behind " << step.pass;
  EXPECT_EQ(result.firstDivergence(), nullptr);
}

TEST(BisectPassesTest, ThePassThatIsWrongIsNamed) {
  CompileOptions options = digits();
  options.configure = [&](mlir::PassManager &manager) {
    manager.nest<mlir::func::FuncOp>().addPass(std::make_unique<BreakRelu>());
    return mlir::success();
  };
  BisectSettings settings;
  settings.isOptional = [](llvm::StringRef flag) { return flag == "test-break-relu" || mayBeLeftOut(flag); };
  BisectResult result = bisectPasses(options, {}, settings);
  ASSERT_EQ(result.status, 0);
  ASSERT_NE(result.firstDivergence(), nullptr);
  EXPECT_EQ(result.firstDivergence()->pass, "test-break-relu");
  EXPECT_TRUE(result.firstDivergence()->isChanged);
  // By halves: none, all, and once for each bit of the number of passes.
  auto tried = llvm::count_if(result.passes, [](const PassResult &step) { return step.isTried; });
  EXPECT_LE(tried, 2 + llvm::Log2_64_Ceil(result.passes.size()));
}

} // namespace
