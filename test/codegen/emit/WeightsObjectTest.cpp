// The weights object: its layout, and what the bytes of each kind of constant are.
#include "codegen/emit/WeightsObject.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "test/codegen/emit/TinyModel.h"
#include "llvm/Object/ELFObjectFile.h"
#include "llvm/Support/raw_ostream.h"
#include "gtest/gtest.h"

using namespace llvm;
using namespace nncc;

namespace {
class WeightsTest : public testing::Test {
protected:
  mlir::MLIRContext context;
  mlir::Builder builder{&context};

  mlir::RankedTensorType tensor(ArrayRef<int64_t> shape, mlir::Type type) {
    return mlir::RankedTensorType::get(shape, type);
  }
  mlir::DenseElementsAttr bytes(ArrayRef<int8_t> values) {
    return mlir::DenseElementsAttr::get(tensor({int64_t(values.size())}, builder.getI8Type()), values);
  }
  mlir::ElementsAttr resource(mlir::ShapedType type, ArrayRef<char> data) {
    return mlir::DenseResourceElementsAttr::get(type, "weight",
                                                mlir::UnmanagedAsmResourceBlob::allocateInferAlign(data));
  }
  /// The bytes that a weight is written as, as numbers, or the error.
  std::string written(mlir::ElementsAttr value, int64_t size) {
    WeightPlan weight{"w", value, nullptr, 0, size};
    std::string bytes;
    raw_string_ostream os(bytes);
    if (Error error = writeRowMajor(weight, os))
      return toString(std::move(error));
    return numbers(bytes);
  }
  static std::string numbers(StringRef bytes) {
    std::string text;
    for (unsigned char byte : bytes)
      text += (text.empty() ? "" : " ") + std::to_string(byte);
    return text;
  }
  std::string writtenAll(const ModelPlan &plan, WeightWriter pack = nullptr) {
    std::string bytes;
    raw_string_ostream os(bytes);
    if (Error error = writeWeights(plan, pack, os))
      return toString(std::move(error));
    return numbers(bytes);
  }
};

TEST_F(WeightsTest, DenseElementsAreRowMajor) {
  auto value = mlir::DenseElementsAttr::get(tensor({1, 2}, builder.getIntegerType(16)), ArrayRef<int16_t>{1, 515});
  EXPECT_EQ(written(value, 4), "1 0 3 2");
}

TEST_F(WeightsTest, SplatsAreRepeated) {
  auto value = mlir::DenseElementsAttr::get(tensor({3}, builder.getI8Type()), int8_t(7));
  ASSERT_TRUE(value.isSplat());
  EXPECT_EQ(written(value, 3), "7 7 7");
}

TEST_F(WeightsTest, LongSplatsAreComplete) {
  for (int64_t count : {4095, 4096, 4097, 10000}) {
    WeightPlan weight{"w", mlir::DenseElementsAttr::get(tensor({count}, builder.getIntegerType(32)), 67305985), nullptr,
                      0, 4 * count};
    std::string bytes, expected;
    raw_string_ostream os(bytes);
    ASSERT_FALSE(bool(writeRowMajor(weight, os)));
    for (int64_t i = 0; i < count; ++i)
      expected += "\1\2\3\4";
    EXPECT_EQ(bytes, expected);
  }
}

TEST_F(WeightsTest, BoolsAreBytes) {
  auto type = tensor({9}, builder.getI1Type());
  SmallVector<bool> values = {1, 0, 0, 1, 1, 1, 0, 0, 1};
  EXPECT_EQ(written(mlir::DenseElementsAttr::get(type, values), 9), "1 0 0 1 1 1 0 0 1");
  EXPECT_EQ(written(mlir::DenseElementsAttr::get(type, true), 9), "1 1 1 1 1 1 1 1 1");
  EXPECT_EQ(written(resource(type, {1, 0, 0, 1, 1, 1, 0, 0, 1}), 9), "1 0 0 1 1 1 0 0 1");
  EXPECT_EQ(written(resource(type, {0x39, 0x01}), 9), "1 0 0 1 1 1 0 0 1");
}

TEST_F(WeightsTest, ResourcesAreTakenAsTheyAre) {
  EXPECT_EQ(written(resource(tensor({2}, builder.getF16Type()), {1, 2, 3, 4}), 4), "1 2 3 4");
}

TEST_F(WeightsTest, EmptyTensorsAreNothing) {
  EXPECT_EQ(written(mlir::DenseElementsAttr::get(tensor({0, 3}, builder.getF32Type()), ArrayRef<float>{}), 0), "");
}

TEST_F(WeightsTest, OtherSizesAreErrors) {
  EXPECT_EQ(written(bytes({1, 2, 3}), 4), "weight 'w': 3 bytes of elements, planned 4");
  EXPECT_EQ(written(resource(tensor({4}, builder.getF32Type()), {1, 2, 3, 4}), 16),
            "weight 'w': a resource of 4 bytes for 16");
}

TEST_F(WeightsTest, GapsAreZerosAndEqualWeightsAreWrittenOnce) {
  ModelPlan plan;
  plan.weightsBytes = 8;
  plan.weights = {{"late", bytes({5, 6}), nullptr, 4, 2},
                  {"early", bytes({1, 2}), nullptr, 0, 2},
                  {"same", bytes({1, 2}), nullptr, 0, 2},
                  {"empty", bytes({}), nullptr, 5, 0}};
  EXPECT_EQ(writtenAll(plan), "1 2 0 0 5 6 0 0");
}

TEST_F(WeightsTest, OverlapIsAnError) {
  ModelPlan plan;
  plan.weightsBytes = 8;
  plan.weights = {{"a", bytes({1, 2, 3}), nullptr, 0, 3}, {"b", bytes({1, 2}), nullptr, 2, 2}};
  EXPECT_EQ(writtenAll(plan), "weight 'b': overlaps weight 'a'");
  plan.weights = {{"a", bytes({1, 2, 3}), nullptr, 6, 3}};
  EXPECT_EQ(writtenAll(plan), "weight 'a': ends at 9, beyond the 8 bytes of all weights");
}

TEST_F(WeightsTest, RecipesAreTheHooksAffair) {
  ModelPlan plan;
  plan.weightsBytes = 3;
  plan.weights = {{"a", bytes({1, 2}), builder.getUnitAttr(), 0, 3}};
  EXPECT_EQ(writtenAll(plan), "weight 'a': has a packing recipe that no one carries out");
  EXPECT_EQ(writtenAll(plan,
                       [](const WeightPlan &, raw_ostream &os) {
                         os << "\x09\x08\x07";
                         return Error::success();
                       }),
            "9 8 7");
  EXPECT_EQ(writtenAll(plan,
                       [](const WeightPlan &, raw_ostream &os) {
                         os << "\x09";
                         return Error::success();
                       }),
            "weight 'a': packed into 1 bytes, planned 3");
}

TEST_F(WeightsTest, ObjectHasOneSectionAndOneHiddenSymbol) {
  for (auto [target, machine] :
       {std::pair("x86_64-linux-gnu", ELF::EM_X86_64), std::pair("aarch64-none-elf", ELF::EM_AARCH64)}) {
    ModelPlan plan = test::tinyPlan(context, "net", target);
    std::string bytes, contents;
    raw_string_ostream os(bytes), weights(contents);
    ASSERT_FALSE(bool(writeWeightsObject(plan, nullptr, os)));
    ASSERT_FALSE(bool(writeWeights(plan, nullptr, weights)));
    EXPECT_EQ(bytes.size(), weightsObjectBytes(plan));
    EXPECT_EQ(int64_t(contents.size()), plan.weightsBytes);

    auto object = object::ELF64LEObjectFile::create(MemoryBufferRef(bytes, "weights"));
    ASSERT_TRUE(bool(object)) << toString(object.takeError());
    EXPECT_EQ(object->getELFFile().getHeader().e_machine, unsigned(machine));
    unsigned symbols = 0;
    for (const object::ELFSymbolRef &symbol : object->symbols()) {
      ++symbols;
      EXPECT_EQ(cantFail(symbol.getName()), "net_nncc_weights");
      EXPECT_EQ(symbol.getBinding(), ELF::STB_GLOBAL);
      EXPECT_EQ(symbol.getOther(), ELF::STV_HIDDEN);
      EXPECT_EQ(int64_t(symbol.getSize()), plan.weightsBytes);
      auto section = cantFail(symbol.getSection());
      EXPECT_EQ(cantFail(section->getName()), ".rodata.nncc.net.weights");
      EXPECT_EQ(section->getAlignment().value(), 64u);
      EXPECT_EQ(cantFail(section->getContents()), contents);
    }
    EXPECT_EQ(symbols, 1u);
  }
}
} // namespace
