// Runs a small model, written in LLVM IR by hand, in process and under the emulator: the same results both ways.
#include "lib/analyze/RunModel.h"
#include "codegen/ObjectCode.h"
#include "nncc/abi.h"
#include "llvm/AsmParser/Parser.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/SourceMgr.h"
#include "gtest/gtest.h"

using namespace nncc;

namespace {
// Two kernels: arena = input * weight; output = arena + arena. Crashes for an input that begins with infinity.
// %Model is nncc_model of nncc/abi.h, %Tensor nncc_tensor.
const char *const code = R"(
%Tensor = type { ptr, ptr, ptr, i32, i32, i64 }
%Model = type { i32, i32, ptr, ptr, ptr, i64, i64, i64, i64, i64, i32, i32, i32, i32, ptr, ptr, ptr, ptr, ptr, ptr, ptr }
%Context = type { ptr, ptr, ptr, i32 }
@m_nncc_weights = external hidden constant [4 x float]
@name = internal constant [2 x i8] c"x\00"
@dims = internal constant [1 x i64] [i64 4]
@tensor = internal constant [1 x %Tensor] [%Tensor { ptr @name, ptr @name, ptr @dims, i32 1, i32 1, i64 16 }]
@m_model = constant %Model { i32 1, i32 144, ptr @name, ptr @name, ptr @name, i64 16, i64 64, i64 32, i64 16, i64 0,
  i32 1, i32 1, i32 2, i32 0, ptr @tensor, ptr @tensor, ptr null, ptr @init, ptr @run, ptr @start, ptr @step }

define internal i32 @init(ptr %context, ptr %arena, i64 %bytes, ptr %options) {
  store ptr %arena, ptr %context
  ret i32 0
}
define internal i32 @start(ptr %context, ptr %inputs, ptr %outputs) {
  %input = load ptr, ptr %inputs
  %output = load ptr, ptr %outputs
  %p1 = getelementptr %Context, ptr %context, i32 0, i32 1
  store ptr %input, ptr %p1
  %p2 = getelementptr %Context, ptr %context, i32 0, i32 2
  store ptr %output, ptr %p2
  %p3 = getelementptr %Context, ptr %context, i32 0, i32 3
  store i32 0, ptr %p3
  ret i32 0
}
define internal i32 @step(ptr %context, i32 %count) {
  %arena = load ptr, ptr %context
  %p1 = getelementptr %Context, ptr %context, i32 0, i32 1
  %input = load ptr, ptr %p1
  %p2 = getelementptr %Context, ptr %context, i32 0, i32 2
  %output = load ptr, ptr %p2
  %p3 = getelementptr %Context, ptr %context, i32 0, i32 3
  %kernel = load i32, ptr %p3
  %next = add i32 %kernel, 1
  store i32 %next, ptr %p3
  %first = icmp eq i32 %kernel, 0
  br i1 %first, label %scale, label %double
scale:
  %x = load <4 x float>, ptr %input, align 4
  %w = load <4 x float>, ptr @m_nncc_weights
  %y = fmul <4 x float> %x, %w
  store <4 x float> %y, ptr %arena
  %x0 = extractelement <4 x float> %x, i32 0
  %bad = fcmp oeq float %x0, 0x7FF0000000000000
  br i1 %bad, label %crash, label %more
crash:
  store volatile i32 0, ptr inttoptr (i64 8 to ptr)
  br label %more
more:
  ret i32 1
double:
  %a = load <4 x float>, ptr %arena
  %z = fadd <4 x float> %a, %a
  store <4 x float> %z, ptr %output, align 4
  ret i32 0
}
define internal i32 @run(ptr %context, ptr %inputs, ptr %outputs) {
  %started = call i32 @start(ptr %context, ptr %inputs, ptr %outputs)
  %a = call i32 @step(ptr %context, i32 1)
  %b = call i32 @step(ptr %context, i32 1)
  ret i32 %b
}
)";
const char *const weights = R"(
@m_nncc_weights = hidden constant [4 x float] [float 1.0, float 2.0, float 3.0, float 4.0], align 64
)";

std::unique_ptr<llvm::MemoryBuffer> compile(const char *text, const TargetSpec &target) {
  llvm::LLVMContext context;
  llvm::SMDiagnostic diagnostic;
  std::unique_ptr<llvm::Module> module = llvm::parseAssemblyString(text, diagnostic, context);
  EXPECT_TRUE(module) << diagnostic.getMessage().str();
  auto object = compileToObject(*module, target);
  EXPECT_TRUE(bool(object)) << llvm::toString(object.takeError());
  return llvm::MemoryBuffer::getMemBufferCopy({object->data(), object->size()}, "object");
}

/// The model ready to run for a target, or null with the reason in `error`.
std::unique_ptr<RunnableModel> load(const char *targetName, std::string *error = nullptr) {
  auto target = parseTarget(targetName, "");
  EXPECT_TRUE(bool(target));
  ModelObjects objects{"m", compile(code, *target), compile(weights, *target)};
  auto model = loadModel(std::move(objects), *target);
  if (model)
    return std::move(*model);
  std::string message = llvm::toString(model.takeError());
  if (error)
    *error = message;
  else
    ADD_FAILURE() << message;
  return nullptr;
}

bool hasEmulator() {
  return llvm::sys::findProgramByName("qemu-aarch64") || llvm::sys::findProgramByName("qemu-aarch64-static");
}

class RunModel : public testing::TestWithParam<const char *> {
protected:
  void SetUp() override {
    if (llvm::StringRef(GetParam()) != hostTargetName() && !hasEmulator())
      GTEST_SKIP() << "no qemu-aarch64";
  }
};

template <typename T> llvm::ArrayRef<char> bytesOf(const T &values) {
  return {reinterpret_cast<const char *>(values.data()), values.size() * sizeof(values[0])};
}
template <typename T> llvm::MutableArrayRef<char> bytesOf(T &values) {
  return {reinterpret_cast<char *>(values.data()), values.size() * sizeof(values[0])};
}
} // namespace

TEST_P(RunModel, RunsOneModelOnSeveralInputs) {
  auto model = load(GetParam());
  ASSERT_TRUE(model);
  EXPECT_EQ(model->arenaBytes(), 16u);
  EXPECT_EQ(model->kernels(), 2u);
  for (float factor : {1.0f, -0.5f, 100.0f}) {
    const std::vector<float> x = {factor, 2 * factor, 3 * factor, 4 * factor};
    std::vector<float> y(4);
    auto times = model->run({bytesOf(x)}, {bytesOf(y)}, 5);
    ASSERT_TRUE(bool(times)) << llvm::toString(times.takeError());
    EXPECT_EQ(times->size(), 5u);
    EXPECT_EQ(y, (std::vector<float>{2 * factor, 8 * factor, 18 * factor, 32 * factor}));
  }
}

TEST_P(RunModel, StepsKernelByKernelAndReadsTheArena) {
  auto model = load(GetParam());
  ASSERT_TRUE(model);
  ASSERT_FALSE(bool(model->fillArena(0xff)));
  const std::vector<float> x = {1, 1, 1, 1};
  std::vector<float> y(4);
  std::vector<unsigned> seen;
  llvm::Error error = model->step({bytesOf(x)}, {bytesOf(y)},
                                  [&](unsigned kernel, uint64_t, RunnableModel::Reader read) -> llvm::Error {
                                    seen.push_back(kernel);
                                    auto arena = read(Memory::Arena, 0, 4, 8);
                                    if (!arena)
                                      return arena.takeError();
                                    auto *values = reinterpret_cast<const float *>(arena->data());
                                    EXPECT_EQ(values[0], 2);
                                    EXPECT_EQ(values[1], 3);
                                    auto outside = read(Memory::Arena, 0, 12, 8);
                                    EXPECT_FALSE(bool(outside));
                                    llvm::consumeError(outside.takeError());
                                    return llvm::Error::success();
                                  });
  EXPECT_FALSE(bool(error)) << llvm::toString(std::move(error));
  EXPECT_EQ(seen, (std::vector<unsigned>{0, 1}));
  EXPECT_EQ(y, (std::vector<float>{2, 4, 6, 8}));
}

TEST_P(RunModel, RefusesBuffersThatDoNotFit) {
  auto model = load(GetParam());
  ASSERT_TRUE(model);
  const std::vector<float> x = {1, 1, 1};
  std::vector<float> y(4);
  auto times = model->run({bytesOf(x)}, {bytesOf(y)});
  ASSERT_FALSE(bool(times));
  EXPECT_EQ(llvm::toString(times.takeError()), "input 0 has 16 bytes, given were 12");
}

INSTANTIATE_TEST_SUITE_P(Targets, RunModel, testing::Values("x86_64-linux-gnu", "aarch64-linux-gnu"),
                         [](const auto &info) { return info.index ? "AArch64" : "X8664"; });

TEST(RunRemote, SaysHowAModelDied) {
  if (!hasEmulator())
    GTEST_SKIP() << "no qemu-aarch64";
  auto model = load("aarch64-linux-gnu");
  ASSERT_TRUE(model);
  const std::vector<float> x = {std::numeric_limits<float>::infinity(), 1, 1, 1};
  std::vector<float> y(4);
  auto times = model->run({bytesOf(x)}, {bytesOf(y)});
  ASSERT_FALSE(bool(times));
  EXPECT_NE(llvm::toString(times.takeError()).find("the model ended by signal 11"), std::string::npos);
}

TEST(RunRemote, NamesThePackageOfAMissingEmulator) {
  std::string path = ::getenv("PATH");
  ::setenv("PATH", "/nowhere", 1);
  std::string error;
  EXPECT_FALSE(load("aarch64-linux-gnu", &error));
  ::setenv("PATH", path.c_str(), 1);
  EXPECT_NE(error.find("needs qemu-aarch64\nnote: install it with `apt-get install qemu-user`"), std::string::npos)
      << error;
}

TEST(RunRemote, BareMetalCannotBeRun) {
  std::string error;
  EXPECT_FALSE(load("aarch64-none-elf", &error));
  EXPECT_NE(error.find("aarch64-none-elf code cannot be run on this machine"), std::string::npos) << error;
}
