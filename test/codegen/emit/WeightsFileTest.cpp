// Weights as a file of their own: its header, its hash, and which code it fits.
#include "codegen/emit/WeightsFile.h"
#include "mlir/IR/Builders.h"
#include "nncc/abi.h"
#include "test/codegen/emit/TinyModel.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/Support/xxhash.h"
#include "gtest/gtest.h"
#include <cstring>

using namespace llvm;
using namespace nncc;

namespace {
class WeightsFileTest : public testing::Test {
protected:
  mlir::MLIRContext mlirContext;
  LLVMContext llvmContext;
  ModelPlan plan = test::tinyPlan(mlirContext, "tiny", "aarch64-none-elf");

  SmallString<0> file(uint64_t *hash = nullptr) {
    SmallString<0> bytes;
    raw_svector_ostream os(bytes);
    os << "before"; // a stream that is somewhere already
    auto written = writeWeightsFile(plan, nullptr, os);
    EXPECT_TRUE(bool(written));
    if (hash)
      *hash = *written;
    return SmallString<0>(StringRef(bytes).drop_front(6));
  }
  uint64_t layout() { return weightsLayout(*test::tinyModule(llvmContext, plan), plan); }
};

TEST_F(WeightsFileTest, IsAHeaderAndTheWeights) {
  plan.weightsLayout = 0x0123456789abcdef;
  uint64_t hash = 0;
  SmallString<0> bytes = file(&hash);
  nncc_weights_header header;
  ASSERT_GE(bytes.size(), sizeof header);
  memcpy(&header, bytes.data(), sizeof header);
  EXPECT_EQ(StringRef(header.magic, 8), "nnccwts1");
  EXPECT_EQ(header.bytes, bytes.size());
  EXPECT_EQ(bytes.size(), weightsFileBytes(plan));
  EXPECT_EQ(bytes.size() % 64, 0u);
  EXPECT_EQ(header.layout, plan.weightsLayout);
  EXPECT_EQ(header.hash, hash);
  EXPECT_EQ(header.hash, xxHash64(StringRef(bytes).drop_front(64)));
  for (uint64_t word : header.reserved)
    EXPECT_EQ(word, 0u);

  std::string weights;
  raw_string_ostream os(weights);
  ASSERT_FALSE(bool(writeWeights(plan, nullptr, os)));
  EXPECT_EQ(StringRef(bytes).substr(64, weights.size()), weights);
}

TEST_F(WeightsFileTest, HashesWhateverTheSizesOfTheParts) {
  mlir::Builder b(&mlirContext);
  for (int64_t size : {0, 1, 31, 32, 33, 4000, 70000}) {
    plan.weights.clear();
    plan.weightsBytes = 0;
    for (int64_t part : {int64_t(5), size, int64_t(3)}) {
      std::vector<int8_t> values;
      for (int64_t i = 0; i < part; ++i)
        values.push_back(int8_t(i * 13 + part));
      auto type = mlir::RankedTensorType::get({part}, b.getI8Type());
      plan.weights.push_back(
          {"w", mlir::DenseElementsAttr::get(type, ArrayRef(values)), nullptr, plan.weightsBytes, part});
      plan.weightsBytes += part;
    }
    uint64_t hash = 0;
    SmallString<0> bytes = file(&hash);
    EXPECT_EQ(hash, xxHash64(StringRef(bytes).drop_front(64))) << size;
  }
}

TEST_F(WeightsFileTest, LayoutIsOfTheCodeAndNotOfTheValues) {
  uint64_t before = layout();
  plan.name = "other";
  plan.weights[0].value = plan.weights[1].value;
  EXPECT_EQ(layout(), before);

  plan.kernels[0].operands[1].byteOffset += 64;
  EXPECT_NE(layout(), before);
  plan.kernels[0].operands[1].byteOffset -= 64;
  std::swap(plan.kernels[0].operands[0], plan.kernels[0].operands[1]);
  EXPECT_NE(layout(), before);
  std::swap(plan.kernels[0].operands[0], plan.kernels[0].operands[1]);
  EXPECT_EQ(layout(), before);

  auto module = test::tinyModule(llvmContext, plan);
  module->getGlobalVariable("table")->setInitializer(ConstantDataArray::get(llvmContext, ArrayRef<float>{1, 3}));
  EXPECT_NE(weightsLayout(*module, plan), before) << "a constant in the code";
}
} // namespace
