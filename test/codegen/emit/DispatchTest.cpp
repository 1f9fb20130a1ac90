// The dispatcher hands each kernel its addresses, its numbers and its range, whichever kernels it calls by the same
// code. Made-up kernels write down what they are given.
#include "codegen/emit/Dispatch.h"
#include "codegen/ObjectCode.h"
#include "llvm/AsmParser/Parser.h"
#include "llvm/ExecutionEngine/Orc/ObjectLinkingLayer.h"
#include "llvm/ExecutionEngine/Orc/SelfExecutorProcessControl.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/SourceMgr.h"
#include "gtest/gtest.h"
#include <array>
#include <random>

using namespace nncc;

namespace {
/// What a kernel is called with: which function it is, three addresses, the first number, the range.
using Seen = std::array<uint64_t, 7>;

/// Functions with and without numbers and a range, of two kinds each.
std::string functions() {
  std::string text = "@seen = global [7 x i64] zeroinitializer\n";
  for (int id = 0; id < 8; ++id) {
    bool hasNumbers = id & 1, hasRange = id & 2;
    text += "define void @f" + std::to_string(id) + "(ptr %a, ptr %b, ptr %c" + (hasNumbers ? ", ptr %n" : "") +
            (hasRange ? ", i64 %begin, i64 %end" : "") + ") {\n";
    auto write = [&](int place, const std::string &value) {
      text += "  store " + value + ", ptr getelementptr (i64, ptr @seen, i64 " + std::to_string(place) + ")\n";
    };
    write(0, "i64 " + std::to_string(id));
    write(1, "ptr %a");
    write(2, "ptr %b");
    write(3, "ptr %c");
    if (hasNumbers) {
      text += "  %first = load i32, ptr %n\n  %wide = sext i32 %first to i64\n";
      write(4, "i64 %wide");
    }
    if (hasRange) {
      write(5, "i64 %begin");
      write(6, "i64 %end");
    }
    text += "  ret void\n}\n";
  }
  return text;
}

/// nncc_job of runtime/model/core.h, as it is for all kernels.
struct Job {
  uint32_t kernel = 0, parts = 1;
  uint64_t arena = 0x1000;
  const uint64_t *inputs, *outputs;
  uint64_t weights = 0x7000'0000'0000;
};

class Dispatcher {
public:
  explicit Dispatcher(const ModelPlan &plan) {
    llvm::LLVMContext context;
    llvm::SMDiagnostic problem;
    auto module = llvm::parseAssemblyString(functions(), problem, context);
    EXPECT_TRUE(module) << problem.getMessage().str();
    TargetSpec target = llvm::cantFail(parseTarget("", "native", NativeCpu::Detect));
    addDispatch(*module, plan);
    auto object = llvm::cantFail(compileToObject(*module, target));
    session =
        std::make_unique<llvm::orc::ExecutionSession>(llvm::cantFail(llvm::orc::SelfExecutorProcessControl::Create()));
    linker = std::make_unique<llvm::orc::ObjectLinkingLayer>(*session);
    llvm::orc::JITDylib &library = session->createBareJITDylib("model");
    llvm::StringRef bytes(object.data(), object.size());
    llvm::cantFail(linker->add(library, llvm::MemoryBuffer::getMemBufferCopy(bytes, "model")));
    auto find = [&](const char *name) { return llvm::cantFail(session->lookup({&library}, name)).getAddress(); };
    call = find("nncc_core_dispatch").toPtr<void (*)(const Job *, uint32_t)>();
    seen = find("seen").toPtr<Seen *>();
  }
  ~Dispatcher() { llvm::cantFail(session->endSession()); }

  Seen operator()(const Job &job, uint32_t part) const {
    seen->fill(0);
    call(&job, part);
    return *seen;
  }

private:
  std::unique_ptr<llvm::orc::ExecutionSession> session;
  std::unique_ptr<llvm::orc::ObjectLinkingLayer> linker;
  void (*call)(const Job *, uint32_t) = nullptr;
  Seen *seen = nullptr;
};

class Dispatch : public testing::TestWithParam<size_t> {};

TEST_P(Dispatch, GivesEachKernelWhatIsItsOwn) {
  const std::array<uint64_t, 2> inputs{0x2000'0000, 0x3000'0000}, outputs{0x4000'0000, 0x5000'0000};
  for (unsigned seed = 0; seed < 12; ++seed) {
    std::mt19937_64 random(seed);
    auto below = [&](uint64_t count) { return random() % count; };
    // Memories of a few bytes, of more than 65,536 lines, and of more than 4 GB.
    const uint64_t extent = std::array<uint64_t, 3>{4, 1 << 20, 1ull << 28}[seed % 3];
    const unsigned kinds = 1 + below(8), layouts = 1 + below(4);
    ModelPlan plan;
    plan.externWeights = true;
    plan.weightsBytes = 1;
    for (size_t i = 0; i < GetParam(); ++i) {
      KernelPlan kernel;
      unsigned id = below(kinds), layout = below(layouts);
      kernel.name = "k" + std::to_string(i);
      kernel.function = "f" + std::to_string(id);
      if (id & 1)
        kernel.numbers = {static_cast<int32_t>(below(5)) - 2, 7};
      if (id & 2)
        kernel.work = 1 + below(seed % 4 == 0 ? 1ull << 40 : 1000);
      for (unsigned operand = 0; operand < 3; ++operand) {
        unsigned number = (layout * 3 + operand * 5) % 6;
        auto memory = std::array{Memory::Arena, Memory::Weights, Memory::Input, Memory::Output}[number % 4];
        bool isPort = memory == Memory::Input || memory == Memory::Output;
        kernel.operands.push_back(
            {memory, isPort ? number % 2 : 0, static_cast<int64_t>(below(extent) * (operand == 2 ? 4 : 64))});
      }
      // In place, and where all kernels read.
      if (below(3) == 0)
        kernel.operands[1].byteOffset = kernel.operands[0].byteOffset;
      if (seed % 2)
        kernel.operands[2].byteOffset = 128;
      plan.kernels.push_back(std::move(kernel));
    }

    Dispatcher dispatch(plan);
    Job job;
    job.inputs = inputs.data();
    job.outputs = outputs.data();
    for (auto [index, kernel] : llvm::enumerate(plan.kernels)) {
      job.kernel = index;
      job.parts = 1 + below(4);
      uint64_t part = below(job.parts), id = kernel.function[1] - '0';
      auto address = [&](const OperandPlan &operand) -> uint64_t {
        uint64_t base = operand.memory == Memory::Arena     ? job.arena
                        : operand.memory == Memory::Weights ? job.weights
                        : operand.memory == Memory::Input   ? inputs[operand.index]
                                                            : outputs[operand.index];
        return base + operand.byteOffset;
      };
      Seen expected{id,
                    address(kernel.operands[0]),
                    address(kernel.operands[1]),
                    address(kernel.operands[2]),
                    kernel.numbers.empty() ? 0 : static_cast<uint64_t>(int64_t(kernel.numbers.front())),
                    kernel.work * part / job.parts,
                    kernel.work * (part + 1) / job.parts};
      EXPECT_EQ(dispatch(job, part), expected) << "seed " << seed << ", kernel " << index;
    }
  }
}

// Below and above what makes a table worth it, and more kernels than a byte counts.
INSTANTIATE_TEST_SUITE_P(Kernels, Dispatch, testing::Values(1, 4, 5, 7, 40, 600));
} // namespace
