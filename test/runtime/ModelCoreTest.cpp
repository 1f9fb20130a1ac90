// The generic half of a library, with a description and a dispatcher made up here.
extern "C" {
#include "runtime/model/core.h"
}
#include "llvm/ADT/ArrayRef.h"
#include "llvm/Support/xxhash.h"
#include "gtest/gtest.h"
#include <cstring>
#include <string>
#include <vector>

namespace {
// What the dispatcher was called with.
std::vector<uint32_t> dispatched;
std::vector<std::pair<uint32_t, uint32_t>> dispatchedParts; // number, of how many
void *lastArena;
std::vector<const void *> lastInputs, lastOutputs;
const void *lastWeights;

} // namespace

extern "C" void nncc_core_dispatch(void *argument, uint32_t part) {
  const nncc_job *job = static_cast<const nncc_job *>(argument);
  const void *const *inputs = job->inputs;
  void *const *outputs = job->outputs;
  uint32_t kernel = job->kernel;
  lastWeights = job->weights;
  dispatched.push_back(kernel);
  dispatchedParts.push_back({part, job->parts});
  lastArena = job->arena;
  lastInputs.assign(inputs, inputs + 2);
  lastOutputs.assign(outputs, outputs + 2);
}

namespace {
/// Two inputs of 16 and 3 bytes, two outputs of 8 and 0 bytes, five kernels, an arena of 256 bytes.
const nncc_port ports[] = {{16, 8}, {3, 1}, {8, 4}, {0, 4}};
const nncc_model_desc model = {256,     64,     NNCC_CPU_ARM_NEON | NNCC_CPU_ARM_DOTPROD, 2, 2, 5, 0, ports, 0, 0,
                               nullptr, nullptr};
const nncc_model_desc another = {0, 1, 0, 0, 0, 1, 0, nullptr, 0, 0, nullptr, nullptr};

class ModelCore : public testing::Test {
protected:
  void SetUp() override {
    dispatched.clear();
    dispatchedParts.clear();
  }
  nncc_status init(const nncc_options *options = nullptr) {
    return nncc_core_init(&model, context(), arena, sizeof arena, options);
  }
  nncc_context *context() { return reinterpret_cast<nncc_context *>(words); }
  nncc_status run() { return nncc_core_run(&model, context(), inputs, outputs); }

  uint64_t words[NNCC_CONTEXT_FIXED_WORDS + 4] = {};
  alignas(64) uint8_t arena[256];
  alignas(8) uint8_t a[16], c[8];
  uint8_t b[3];
  const void *inputs[2] = {a, b};
  void *outputs[2] = {c, nullptr};
};

TEST_F(ModelCore, RunsEveryKernelInOrder) {
  ASSERT_EQ(init(), NNCC_OK);
  ASSERT_EQ(run(), NNCC_OK);
  EXPECT_EQ(dispatched, (std::vector<uint32_t>{0, 1, 2, 3, 4}));
  EXPECT_EQ(lastArena, arena);
  EXPECT_EQ(lastInputs, (std::vector<const void *>{a, b}));
  EXPECT_EQ(lastOutputs, (std::vector<const void *>{c, nullptr}));
}

TEST_F(ModelCore, StepsAsFarAsAllowed) {
  ASSERT_EQ(init(), NNCC_OK);
  EXPECT_EQ(nncc_core_step(&model, context(), 1), NNCC_NOT_STARTED);
  ASSERT_EQ(nncc_core_start(&model, context(), inputs, outputs), NNCC_OK);
  EXPECT_EQ(dispatched.size(), 0u);
  EXPECT_EQ(nncc_core_step(&model, context(), 0), NNCC_MORE);
  EXPECT_EQ(nncc_core_step(&model, context(), 3), NNCC_MORE);
  EXPECT_EQ(dispatched.size(), 3u);
  EXPECT_EQ(nncc_core_step(&model, context(), 2), NNCC_OK);
  EXPECT_EQ(dispatched.size(), 5u);
  EXPECT_EQ(nncc_core_step(&model, context(), 1), NNCC_NOT_STARTED);
}

TEST_F(ModelCore, KeepsThePointersAndNotTheArrays) {
  ASSERT_EQ(init(), NNCC_OK);
  ASSERT_EQ(nncc_core_start(&model, context(), inputs, outputs), NNCC_OK);
  inputs[0] = outputs[0] = nullptr;
  ASSERT_EQ(nncc_core_step(&model, context(), 9), NNCC_OK);
  EXPECT_EQ(lastInputs[0], a);
  EXPECT_EQ(lastOutputs[0], c);
}

TEST_F(ModelCore, StaysWithinItsContext) {
  // A guard word behind it.
  std::vector<uint64_t> exact(NNCC_CONTEXT_FIXED_WORDS + 5, 0xabcdabcdabcdabcd);
  auto *tight = reinterpret_cast<nncc_context *>(exact.data());
  ASSERT_EQ(nncc_core_init(&model, tight, arena, sizeof arena, nullptr), NNCC_OK);
  ASSERT_EQ(nncc_core_run(&model, tight, inputs, outputs), NNCC_OK);
  EXPECT_EQ(exact.back(), 0xabcdabcdabcdabcdu);
}

TEST_F(ModelCore, RefusesWhatWasNotInitialized) {
  EXPECT_EQ(run(), NNCC_NOT_INITIALIZED);
  EXPECT_EQ(nncc_core_step(&model, context(), 1), NNCC_NOT_INITIALIZED);
  ASSERT_EQ(nncc_core_init(&another, context(), nullptr, 0, nullptr), NNCC_OK);
  EXPECT_EQ(run(), NNCC_NOT_INITIALIZED);
  EXPECT_EQ(nncc_core_run(&another, context(), nullptr, nullptr), NNCC_OK);
}

TEST_F(ModelCore, LosesItsInitializationWhenASecondOneFails) {
  ASSERT_EQ(init(), NNCC_OK);
  EXPECT_EQ(nncc_core_init(&model, context(), arena, 255, nullptr), NNCC_ARENA_TOO_SMALL);
  EXPECT_EQ(run(), NNCC_NOT_INITIALIZED);
}

TEST_F(ModelCore, ChecksTheArena) {
  EXPECT_EQ(nncc_core_init(&model, nullptr, arena, sizeof arena, nullptr), NNCC_NULL_POINTER);
  EXPECT_EQ(nncc_core_init(&model, context(), nullptr, sizeof arena, nullptr), NNCC_NULL_POINTER);
  EXPECT_EQ(nncc_core_init(&model, context(), arena + 32, sizeof arena, nullptr), NNCC_ARENA_MISALIGNED);
  EXPECT_EQ(nncc_core_init(&model, context(), arena, 255, nullptr), NNCC_ARENA_TOO_SMALL);
}

TEST_F(ModelCore, ChecksTheCpuIfToldAboutIt) {
  nncc_options options = {};
  options.size = sizeof options;
  EXPECT_EQ(init(&options), NNCC_OK);
  options.cpu_features = NNCC_CPU_ARM_NEON | NNCC_CPU_ARM_FP16;
  EXPECT_EQ(init(&options), NNCC_CPU_UNSUPPORTED);
  options.cpu_features |= NNCC_CPU_ARM_DOTPROD;
  EXPECT_EQ(init(&options), NNCC_OK);
}

TEST_F(ModelCore, ReadsOptionsOfOtherVersions) {
  struct {
    nncc_options known;
    uint8_t later[24];
  } newer = {};
  newer.known.size = sizeof newer;
  EXPECT_EQ(init(&newer.known), NNCC_OK);
  newer.later[23] = 1;
  EXPECT_EQ(init(&newer.known), NNCC_BAD_OPTIONS);
  newer.known.size = sizeof newer - 1;
  EXPECT_EQ(init(&newer.known), NNCC_OK);
  for (uint32_t size : {0u, 4u, uint32_t(sizeof(nncc_options) - 1)}) {
    newer.known.size = size;
    EXPECT_EQ(init(&newer.known), NNCC_BAD_OPTIONS);
  }
}

TEST_F(ModelCore, ReadsOptionsOfTheFirstVersion) {
  // What lies behind them is not theirs.
  nncc_options options;
  memset(&options, 0xff, sizeof options);
  memset(&options, 0, offsetof(nncc_options, weights));
  options.size = offsetof(nncc_options, weights);
  EXPECT_EQ(options.size, 40u);
  EXPECT_EQ(init(&options), NNCC_OK);
  options.size = 44;
  EXPECT_EQ(init(&options), NNCC_BAD_OPTIONS);
}

TEST_F(ModelCore, RefusesWeightsForALibraryThatHasItsOwn) {
  nncc_options options = {};
  options.size = sizeof options;
  options.weights = arena;
  EXPECT_EQ(init(&options), NNCC_BAD_OPTIONS);
  options.weights = nullptr;
  options.trust_weights = 1;
  EXPECT_EQ(init(&options), NNCC_BAD_OPTIONS);
}

/// A library without weights, and a file of 128 bytes of them.
class ExternWeights : public testing::Test {
protected:
  struct alignas(64) File {
    nncc_weights_header header;
    uint8_t weights[128];
  };
  void SetUp() override {
    memcpy(file.header.magic, "nnccwts1", 8);
    file.header.bytes = sizeof(File);
    file.header.layout = 0x1234;
    for (size_t i = 0; i < sizeof file.weights; ++i)
      file.weights[i] = uint8_t(i * 7);
    file.header.hash = llvm::xxHash64(llvm::ArrayRef(file.weights));
    options.size = sizeof options;
    options.weights = &file;
    options.weights_bytes = sizeof file;
  }
  nncc_status init() { return nncc_core_init_extern(&described, context(), nullptr, 0, &options); }
  nncc_context *context() { return reinterpret_cast<nncc_context *>(words); }

  const nncc_model_desc described = {0, 1, 0, 0, 0, 1, 0, nullptr, sizeof(File), 0x1234, nullptr, nullptr};
  uint64_t words[NNCC_CONTEXT_FIXED_WORDS + 4] = {};
  File file = {};
  nncc_options options = {};
};

TEST_F(ExternWeights, AreWhatKernelsGet) {
  dispatched.clear();
  ASSERT_EQ(init(), NNCC_OK);
  ASSERT_EQ(nncc_core_run(&described, context(), nullptr, nullptr), NNCC_OK);
  EXPECT_EQ(lastWeights, file.weights);
}

TEST_F(ExternWeights, AreRequired) {
  options.weights = nullptr;
  EXPECT_EQ(init(), NNCC_WEIGHTS_MISSING);
  EXPECT_EQ(nncc_core_init_extern(&described, context(), nullptr, 0, nullptr), NNCC_WEIGHTS_MISSING);
  options.weights = reinterpret_cast<uint8_t *>(&file) + 32;
  EXPECT_EQ(init(), NNCC_WEIGHTS_MISALIGNED);
  options.weights = &file;
  options.weights_bytes = sizeof file - 1;
  EXPECT_EQ(init(), NNCC_WEIGHTS_TRUNCATED);
  options.weights_bytes = UINT64_MAX; // a partition with room behind them
  EXPECT_EQ(init(), NNCC_OK);
}

TEST_F(ExternWeights, AreCheckedBitByBit) {
  auto *bytes = reinterpret_cast<uint8_t *>(&file);
  for (size_t bit = 0; bit < sizeof file * 8; ++bit) {
    bytes[bit / 8] ^= uint8_t(1 << bit % 8);
    bool isHash = bit / 64 == 3;
    EXPECT_EQ(init(), bit / 8 < sizeof file.header && !isHash ? NNCC_WEIGHTS_OF_ANOTHER_MODEL : NNCC_WEIGHTS_CORRUPT);
    EXPECT_EQ(nncc_core_run(&described, context(), nullptr, nullptr), NNCC_NOT_INITIALIZED);
    bytes[bit / 8] ^= uint8_t(1 << bit % 8);
  }
  EXPECT_EQ(init(), NNCC_OK);
}

TEST_F(ExternWeights, AreTrustedOnDemand) {
  file.weights[5] ^= 1;
  options.trust_weights = 1;
  EXPECT_EQ(init(), NNCC_OK);
  options.trust_weights = 2;
  EXPECT_EQ(init(), NNCC_BAD_OPTIONS);
  options.trust_weights = 1;
  file.header.layout ^= 1;
  EXPECT_EQ(init(), NNCC_WEIGHTS_OF_ANOTHER_MODEL);
}

TEST_F(ExternWeights, MayBeNone) {
  const nncc_model_desc none = {0, 1, 0, 0, 0, 1, 0, nullptr, sizeof(nncc_weights_header), 0x1234, nullptr, nullptr};
  file.header.bytes = sizeof file.header;
  file.header.hash = llvm::xxHash64(llvm::ArrayRef<uint8_t>());
  EXPECT_EQ(nncc_core_init_extern(&none, context(), nullptr, 0, &options), NNCC_OK);
}

TEST_F(ModelCore, ChecksThePointers) {
  ASSERT_EQ(init(), NNCC_OK);
  EXPECT_EQ(nncc_core_run(&model, nullptr, inputs, outputs), NNCC_NULL_POINTER);
  EXPECT_EQ(nncc_core_run(&model, context(), nullptr, outputs), NNCC_NULL_POINTER);
  EXPECT_EQ(nncc_core_run(&model, context(), inputs, nullptr), NNCC_NULL_POINTER);
  inputs[1] = nullptr;
  EXPECT_EQ(run(), NNCC_NULL_POINTER);
  inputs[1] = b;
  outputs[0] = nullptr;
  EXPECT_EQ(run(), NNCC_NULL_POINTER);
  outputs[0] = c + 2;
  EXPECT_EQ(run(), NNCC_POINTER_MISALIGNED);
  outputs[0] = c;
  EXPECT_EQ(dispatched.size(), 0u);
  EXPECT_EQ(run(), NNCC_OK);
}

TEST_F(ModelCore, RefusesOverlap) {
  ASSERT_EQ(init(), NNCC_OK);
  outputs[0] = a + 12; // the last four bytes of an input
  EXPECT_EQ(run(), NNCC_POINTERS_OVERLAP);
  outputs[0] = arena + 252;
  EXPECT_EQ(run(), NNCC_POINTERS_OVERLAP);
  outputs[0] = c;
  inputs[0] = arena + 248;
  EXPECT_EQ(run(), NNCC_POINTERS_OVERLAP);
  inputs[0] = a;
  inputs[1] = a + 3; // inputs are only read: they may share memory
  EXPECT_EQ(run(), NNCC_OK);
  outputs[1] = a; // an empty output touches nothing
  EXPECT_EQ(run(), NNCC_OK);
}

TEST_F(ModelCore, TakesNeighbours) {
  alignas(64) uint8_t memory[256 + 16 + 8];
  inputs[0] = memory + 256;
  outputs[0] = memory + 272;
  ASSERT_EQ(nncc_core_init(&model, context(), memory, 256, nullptr), NNCC_OK);
  EXPECT_EQ(run(), NNCC_OK);
}

TEST_F(ModelCore, AFailedStartEndsTheRunBefore) {
  ASSERT_EQ(init(), NNCC_OK);
  ASSERT_EQ(nncc_core_start(&model, context(), inputs, outputs), NNCC_OK);
  EXPECT_EQ(nncc_core_step(&model, context(), 1), NNCC_MORE);
  inputs[0] = nullptr;
  EXPECT_EQ(nncc_core_start(&model, context(), inputs, outputs), NNCC_NULL_POINTER);
  EXPECT_EQ(nncc_core_step(&model, context(), 1), NNCC_NOT_STARTED);
}

TEST_F(ModelCore, TellsTheHook) {
  std::string calls;
  nncc_options options = {};
  options.size = sizeof options;
  options.user = &calls;
  options.on_kernel = [](void *user, uint32_t kernel, int begin) {
    // The kernel runs between the two calls.
    EXPECT_EQ(dispatched.size(), kernel + !begin);
    *static_cast<std::string *>(user) += (begin ? "<" : ">") + std::to_string(kernel);
  };
  ASSERT_EQ(init(&options), NNCC_OK);
  ASSERT_EQ(run(), NNCC_OK);
  EXPECT_EQ(calls, "<0>0<1>1<2>2<3>3<4>4");
}

/// Parts of a kernel come through parallel_for, last one first here, and a kernel gets no more than it stands.
TEST_F(ModelCore, CutsKernelsIntoParts) {
  using Parts = std::vector<std::pair<uint32_t, uint32_t>>;
  const uint32_t most[] = {1, 8, 3, 2, 1};
  nncc_model_desc cut = model;
  cut.parts = most;
  std::string calls;
  nncc_options options = {};
  options.size = sizeof options;
  options.user = &calls;
  options.parallel_for = [](void *user, uint32_t count, void (*body)(void *, uint32_t), void *argument) {
    *static_cast<std::string *>(user) += "*" + std::to_string(count);
    while (count)
      body(argument, --count);
  };
  options.on_kernel = [](void *user, uint32_t kernel, int begin) {
    *static_cast<std::string *>(user) += (begin ? "<" : ">") + std::to_string(kernel);
  };
  auto runCut = [&](uint32_t threads) {
    dispatched.clear();
    dispatchedParts.clear();
    calls.clear();
    options.threads = threads;
    EXPECT_EQ(nncc_core_init(&cut, context(), arena, sizeof arena, &options), NNCC_OK);
    EXPECT_EQ(nncc_core_run(&cut, context(), inputs, outputs), NNCC_OK);
  };
  runCut(4);
  EXPECT_EQ(calls, "<0>0<1*4>1<2*3>2<3*2>3<4>4");
  EXPECT_EQ(dispatched, (std::vector<uint32_t>{0, 1, 1, 1, 1, 2, 2, 2, 3, 3, 4}));
  EXPECT_EQ(dispatchedParts,
            (Parts{{0, 1}, {3, 4}, {2, 4}, {1, 4}, {0, 4}, {2, 3}, {1, 3}, {0, 3}, {1, 2}, {0, 2}, {0, 1}}));
  for (uint32_t threads : {0u, 1u}) {
    runCut(threads);
    EXPECT_EQ(calls, "<0>0<1>1<2>2<3>3<4>4");
    EXPECT_EQ(dispatchedParts, Parts(5, {0, 1}));
  }
  options.parallel_for = nullptr; // threads alone mean nothing
  runCut(4);
  EXPECT_EQ(dispatchedParts, Parts(5, {0, 1}));
  // A model none of whose kernels can be cut.
  options.parallel_for = [](void *, uint32_t, void (*)(void *, uint32_t), void *) { FAIL(); };
  ASSERT_EQ(init(&options), NNCC_OK);
  ASSERT_EQ(run(), NNCC_OK);
}
/// Writes down what it is asked for, and answers as it is told.
struct FakeDevice : nncc_device {
  FakeDevice() : nncc_device{sizeof(nncc_device), 0, openIt, runIt} {}
  static nncc_status openIt(nncc_device *device, const nncc_device_model *opened, uint64_t *state) {
    auto *self = static_cast<FakeDevice *>(device);
    self->opened = *opened;
    state[opened->state_words - 1] = 7; // the last word is ours
    return self->answer;
  }
  static nncc_status runIt(nncc_device *device, uint64_t *state, const void *const *ports, uint32_t first,
                           uint32_t count, uint32_t isWatched) {
    auto *self = static_cast<FakeDevice *>(device);
    EXPECT_EQ(state[self->opened.state_words - 1], 7u);
    self->lastPorts.assign(ports, ports + 4);
    self->calls += std::to_string(first) + "+" + std::to_string(count) + (isWatched ? "! " : " ");
    return first == self->failsAt ? self->failure : NNCC_OK;
  }
  nncc_device_model opened = {};
  nncc_status answer = NNCC_OK, failure = NNCC_MORE;
  uint32_t failsAt = UINT32_MAX;
  std::vector<const void *> lastPorts;
  std::string calls;
};

/// Of five kernels, 1, 2 and 4 are the device's: segments of two kernels and of one.
class DeviceKernels : public ModelCore {
protected:
  void SetUp() override {
    ModelCore::SetUp();
    program.size = sizeof program;
    program.kind = NNCC_PROGRAM_SPIRV;
    program.weights = weights;
    program.num_functions = 3;
    program.num_dispatches = 4;
    program.num_segments = 2;
    program.segments = segments;
    program.first_dispatch = first;
    onDevice = model;
    onDevice.device_program = &program;
    options.size = sizeof options;
    options.device = &device;
  }
  nncc_context *context() { return reinterpret_cast<nncc_context *>(words.data()); }
  nncc_status init() { return nncc_core_init_device(&onDevice, context(), arena, sizeof arena, &options); }
  nncc_status run() { return nncc_core_run_device(&onDevice, context(), inputs, outputs); }

  const uint32_t first[6] = {0, 0, 2, 3, 3, 4};
  const nncc_device_segment segments[2] = {{/*first_kernel=*/1, /*num_kernels=*/2, 0, 0, 0, 0}, {4, 1, 0, 0, 0, 0}};
  const char weights[4] = {};
  nncc_device_program program = {};
  nncc_model_desc onDevice;
  FakeDevice device;
  nncc_options options = {};
  std::vector<uint64_t> words = std::vector<uint64_t>(
      NNCC_CONTEXT_FIXED_WORDS + 4 + NNCC_CONTEXT_DEVICE_WORDS + NNCC_DEVICE_STATE_WORDS(3, 4, 2, 4), 0x55);
};

TEST_F(DeviceKernels, AreTheCpusWithoutADevice) {
  options.device = nullptr;
  ASSERT_EQ(init(), NNCC_OK);
  ASSERT_EQ(run(), NNCC_OK);
  EXPECT_EQ(dispatched, (std::vector<uint32_t>{0, 1, 2, 3, 4}));
}

TEST_F(DeviceKernels, GoToTheDeviceBySegments) {
  ASSERT_EQ(init(), NNCC_OK);
  EXPECT_EQ(device.opened.program, &program);
  EXPECT_EQ(device.opened.arena, arena);
  EXPECT_EQ(device.opened.weights, weights);
  EXPECT_EQ(device.opened.context, context());
  for (int i = 0; i < 2; ++i) {
    device.calls.clear();
    dispatched.clear();
    ASSERT_EQ(run(), NNCC_OK);
    EXPECT_EQ(device.calls, "1+2 4+1 ");
    EXPECT_EQ(dispatched, (std::vector<uint32_t>{0, 3}));
  }
  EXPECT_EQ(device.lastPorts, (std::vector<const void *>{a, b, c, nullptr}));
}

TEST_F(DeviceKernels, GoOneByOneWhereSomebodyLooks) {
  std::string calls;
  options.user = &calls;
  options.on_kernel = [](void *user, uint32_t kernel, int begin) {
    *static_cast<std::string *>(user) += (begin ? "<" : ">") + std::to_string(kernel);
  };
  ASSERT_EQ(init(), NNCC_OK);
  ASSERT_EQ(run(), NNCC_OK);
  EXPECT_EQ(device.calls, "1+1! 2+1! 4+1! ");
  EXPECT_EQ(calls, "<0>0<1>1<2>2<3>3<4>4");
}

TEST_F(DeviceKernels, GoOneByOneInSteps) {
  ASSERT_EQ(init(), NNCC_OK);
  ASSERT_EQ(nncc_core_start(&onDevice, context(), inputs, outputs), NNCC_OK);
  EXPECT_EQ(nncc_core_step_device(&onDevice, context(), 2), NNCC_MORE);        // ends within a segment
  EXPECT_EQ(nncc_core_step_device(&onDevice, context(), UINT32_MAX), NNCC_OK); // the rest at once
  EXPECT_EQ(device.calls, "1+1! 2+1 4+1 ");
  EXPECT_EQ(nncc_core_step_device(&onDevice, context(), 1), NNCC_NOT_STARTED);
}

TEST_F(DeviceKernels, AreRepeatedByTheCpuWhereTheDeviceFails) {
  ASSERT_EQ(init(), NNCC_OK);
  device.failsAt = 4;
  ASSERT_EQ(run(), NNCC_OK);
  EXPECT_EQ(device.calls, "1+2 4+1 ");
  EXPECT_EQ(dispatched, (std::vector<uint32_t>{0, 3, 0, 1, 2, 3, 4}));
  // The next run is the device's again.
  device.failsAt = UINT32_MAX;
  dispatched.clear();
  ASSERT_EQ(run(), NNCC_OK);
  EXPECT_EQ(device.calls, "1+2 4+1 1+2 4+1 ");
  EXPECT_EQ(dispatched, (std::vector<uint32_t>{0, 3}));
}

TEST_F(DeviceKernels, EndTheRunWhereTheDeviceSaysSo) {
  ASSERT_EQ(init(), NNCC_OK);
  device.failsAt = 1;
  device.failure = NNCC_DEVICE_HUNG;
  EXPECT_EQ(run(), NNCC_DEVICE_HUNG);
  EXPECT_EQ(dispatched, (std::vector<uint32_t>{0}));
  EXPECT_EQ(nncc_core_step_device(&onDevice, context(), 1), NNCC_NOT_STARTED);
}

TEST_F(DeviceKernels, AreTheCpusIfTheDeviceDoesNotWantThem) {
  device.answer = NNCC_MORE;
  ASSERT_EQ(init(), NNCC_OK);
  ASSERT_EQ(run(), NNCC_OK);
  EXPECT_EQ(device.calls, "");
  EXPECT_EQ(dispatched.size(), 5u);
  device.answer = NNCC_ARENA_NOT_OF_DEVICE;
  EXPECT_EQ(init(), NNCC_ARENA_NOT_OF_DEVICE);
  EXPECT_EQ(run(), NNCC_NOT_INITIALIZED);
}

// Of two CPUs each has a program of its own, or none; the dispatcher has the kernels of both.
TEST_F(DeviceKernels, AreThoseOfTheChosenCpu) {
  nncc_model_desc none = model;
  none.cpu_required = 0;
  onDevice.cpu_required = 0;
  const nncc_variant_desc variants[2] = {{"first", 0, 0, none}, {"second", 5, 0, onDevice}};
  const nncc_variants_desc all = {2, /*asks_machine=*/0, variants};
  options.cpu_features = NNCC_CPU_ARM_NEON;
  auto initAs = [&](const char *cpu) {
    options.cpu = cpu;
    dispatched.clear();
    device.calls.clear();
    return nncc_core_init_device_variants(&all, context(), arena, sizeof arena, &options);
  };
  ASSERT_EQ(initAs("second"), NNCC_OK);
  EXPECT_EQ(device.opened.program, &program);
  EXPECT_EQ(nncc_core_variant(&all, context()), 1u);
  ASSERT_EQ(nncc_core_run_device_variants(&all, context(), inputs, outputs), NNCC_OK);
  EXPECT_EQ(device.calls, "1+2 4+1 ");
  EXPECT_EQ(dispatched, (std::vector<uint32_t>{5, 8}));

  dispatched.clear();
  device.failsAt = 1;
  ASSERT_EQ(nncc_core_start_variants(&all, context(), inputs, outputs), NNCC_OK);
  EXPECT_EQ(nncc_core_step_device_variants(&all, context(), 3), NNCC_MORE);
  EXPECT_EQ(dispatched, (std::vector<uint32_t>{5, 5, 6, 7}));

  device.answer = NNCC_ARENA_NOT_OF_DEVICE; // nobody asks
  ASSERT_EQ(initAs("first"), NNCC_OK);
  ASSERT_EQ(nncc_core_run_device_variants(&all, context(), inputs, outputs), NNCC_OK);
  EXPECT_EQ(device.calls, "");
  EXPECT_EQ(dispatched, (std::vector<uint32_t>{0, 1, 2, 3, 4}));
  EXPECT_EQ(initAs("third"), NNCC_BAD_OPTIONS);
  EXPECT_EQ(nncc_core_step_device_variants(&all, nullptr, 1), NNCC_NULL_POINTER);
}

} // namespace
