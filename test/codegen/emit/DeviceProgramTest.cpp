// The tables that a library hands to a GPU: bindings, push constants, barriers, what is handed over.
#include "codegen/emit/DeviceProgram.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/MLIRContext.h"
#include "gtest/gtest.h"

using namespace nncc;

namespace {

/// A model of kernels that each read one place of the arena and write another.
struct Model {
  ModelPlan plan;
  GpuCode code;
  mlir::MLIRContext context;

  Model() {
    plan.name = "m";
    plan.arenaBytes = 4096;
    plan.weightsBytes = 1000;
    mlir::Type f32 = mlir::Builder(&context).getF32Type();
    plan.inputs.push_back({"x", "x", f32, {16}});
    plan.outputs.push_back({"y", "y", f32, {16}});
    GpuFunction function;
    function.name = "f";
    function.variants = {{/*features=*/0, {1, 2, 3}}};
    function.grid = {5, 1, 1};
    function.bindings = {{{0}, {}, false}, {{1}, {}, true}};
    function.pushConstants = {{false, 0, 4}, {false, 1, 4}};
    code.functions.push_back(function);
  }

  static OperandPlan arena(int64_t offset, bool isOutput = false) { return {Memory::Arena, 0, offset, 64, isOutput}; }
  static OperandPlan input() { return {Memory::Input, 0, 0, 64, false}; }
  static OperandPlan output() { return {Memory::Output, 0, 0, 64, true}; }

  void add(OperandPlan from, OperandPlan to, bool onGpu = true) {
    KernelPlan kernel;
    kernel.name = "k" + std::to_string(plan.kernels.size());
    kernel.operands = {from, to};
    if (onGpu)
      kernel.deviceFunction = "f";
    plan.kernels.push_back(kernel);
  }

  /// A kernel whose code for the GPU reads another operand than that for the CPU.
  void addReadingInstead(OperandPlan from, OperandPlan to, OperandPlan instead) {
    GpuFunction other = code.functions[0];
    other.name = "g";
    other.bindings = {{{2}, {}, false}, {{1}, {}, true}};
    other.pushConstants = {{false, 2, 4}, {false, 1, 4}};
    code.functions.push_back(other);
    add(from, to);
    plan.kernels.back().operands.push_back(instead);
    plan.kernels.back().deviceFunction = other.name;
  }

  DeviceProgram make() { return makeDeviceProgram(plan, code); }

  /// Which dispatches come behind a barrier: "-B-".
  static std::string barriers(const DeviceProgram &program) {
    std::string text;
    for (const nncc_device_dispatch &dispatch : program.dispatches)
      text += dispatch.flags & NNCC_DISPATCH_BARRIER ? 'B' : '-';
    return text;
  }

  /// Arena, constants, inputs, outputs, and F for outputs that no kernel reads.
  static std::string describe(const DeviceProgram &program, uint32_t first, uint32_t count) {
    std::string text;
    for (const nncc_device_range &range : llvm::ArrayRef(program.ranges).slice(first, count))
      text += std::string(1, "ACIOF"[range.memory]) + std::to_string(range.byte_offset) + "+" +
              std::to_string(range.bytes) + " ";
    return text;
  }
  static std::string given(const DeviceProgram &program, unsigned segment) {
    const nncc_device_segment &it = program.segments[segment];
    return describe(program, it.first_range, it.num_give);
  }
  static std::string taken(const DeviceProgram &program, unsigned segment) {
    const nncc_device_segment &it = program.segments[segment];
    return describe(program, it.first_range + it.num_give, it.num_take);
  }
};

} // namespace

TEST(DeviceProgram, WaitsForWhatIsReadAndForWhatIsOverwritten) {
  Model model;
  model.add(Model::input(), Model::arena(0, true));
  model.add(Model::input(), Model::arena(256, true));      // reads and writes other memory
  model.add(Model::arena(0), Model::arena(512, true));     // read behind a write
  model.add(Model::arena(256), Model::arena(768, true));   // all that was written is complete already
  model.add(Model::arena(1024), Model::arena(512, true));  // write behind a write
  model.add(Model::arena(1280), Model::arena(1024, true)); // write behind a read
  EXPECT_EQ(Model::barriers(model.make()), "--B-BB");
}

// Bindings begin at multiples of 256 and may reach into neighbours, as pieces of a concatenation are. What a kernel
// touches decides.
TEST(DeviceProgram, WaitsForNoNeighbourThatIsOnlyBound) {
  Model model;
  model.add(Model::input(), Model::arena(256, true));
  model.add(Model::arena(320), Model::arena(320, true)); // right behind it
  model.add(Model::arena(380), Model::arena(512, true)); // 4 bytes of what was written
  DeviceProgram program = model.make();
  EXPECT_EQ(Model::barriers(program), "--B");
  EXPECT_EQ(program.bindings[1].byte_offset, 256u);
  EXPECT_EQ(program.bindings[2].byte_offset, 256u);
  EXPECT_EQ(program.bindings[2].bytes, 128u);
}

TEST(DeviceProgram, WaitsWithinASegmentAlone) {
  Model model;
  model.add(Model::input(), Model::arena(0, true));
  model.add(Model::arena(0), Model::arena(256, true), /*onGpu=*/false);
  model.add(Model::arena(0), Model::output());
  DeviceProgram program = model.make();
  EXPECT_EQ(Model::barriers(program), "--");
  EXPECT_EQ(program.firstDispatch, (std::vector<uint32_t>{0, 1, 1, 2}));
  ASSERT_EQ(program.segments.size(), 2u);
  EXPECT_EQ(program.segments[1].first_kernel, 2u);
}

// The second kernel has code for the CPU that reads the first one's result; that for the GPU reads the input instead.
TEST(DeviceProgram, LeavesOutWhatCodeForTheCpuAloneReads) {
  Model model;
  model.add(Model::input(), Model::arena(0, true));
  model.addReadingInstead(Model::arena(0), Model::arena(256, true), Model::input());
  model.add(Model::arena(256), Model::arena(0, true)); // other bytes of the same place
  model.add(Model::arena(0), Model::output());
  DeviceProgram program = model.make();
  EXPECT_EQ(program.dispatches[0].flags, NNCC_DISPATCH_UNREAD);
  EXPECT_EQ(Model::barriers(program), "--BB");
  model.plan.kernels[1].deviceFunction = "";
  EXPECT_EQ(model.make().dispatches[0].flags, 0u);
}

// In a library of several CPUs weights lie elsewhere than in the plan that a program was made for.
TEST(DeviceProgram, TakesWeightsFromWhereTheyLieNow) {
  Model model;
  model.add(Model::input(), Model::output());
  model.plan.kernels[0].operands[0] = {Memory::Weights, 0, 192, 64, false};
  model.code.tableBytes.assign(16, 1);
  DeviceProgram program = model.make();
  auto uploads = [&] {
    std::string text;
    for (const nncc_device_upload &piece : program.uploads)
      text += std::string(piece.is_table ? "T" : "W") + std::to_string(piece.source_offset) + ">" +
              std::to_string(piece.byte_offset) + "+" + std::to_string(piece.bytes) + " ";
    return text;
  };
  EXPECT_EQ(uploads(), "W0>0+1000 T0>1024+16 ");
  uint64_t bytes = program.constantsBytes;
  // Two that moved together, one without elements, one that lies before them now.
  std::vector<WeightPlan> weights = {
      {"a", {}, {}, 0, 100}, {"b", {}, {}, 128, 50}, {"c", {}, {}, 192, 0}, {"d", {}, {}, 192, 808}};
  moveWeights(program, weights, {2048, 2176, 64, 0});
  EXPECT_EQ(uploads(), "W2048>0+178 W0>192+808 T0>1024+16 ");
  EXPECT_EQ(program.constantsBytes, bytes);
  EXPECT_EQ(program.bindings[0].byte_offset, 0u);
}

TEST(DeviceProgram, SharesModulesThatAreTheSame) {
  Model model;
  model.add(Model::input(), Model::output());
  DeviceProgram first = model.make();
  model.code.functions[0].variants.insert(model.code.functions[0].variants.begin(), {NNCC_GPU_STORAGE16, {4, 5}});
  DeviceProgram second = model.make();
  shareModules({&first, &second});
  EXPECT_EQ(first.words, (std::vector<uint32_t>{1, 2, 3, 4, 5}));
  EXPECT_EQ(second.words, first.words);
  EXPECT_EQ(first.variants[0].first_word, 0u);
  ASSERT_EQ(second.variants.size(), 2u);
  EXPECT_EQ(second.variants[0].first_word, 3u);
  EXPECT_EQ(second.variants[1].first_word, 0u);
  EXPECT_EQ(first.features, uint64_t(NNCC_GPU_STORAGE16)); // a device is made for both
}

// A runtime that leaves out nothing has them beside others. One that does has no barrier of theirs.
TEST(DeviceProgram, OrdersWhatMayBeLeftOut) {
  Model model;
  model.add(Model::input(), Model::arena(0, true));
  model.addReadingInstead(Model::arena(0), Model::arena(256, true), Model::input());
  model.add(Model::input(), Model::arena(0, true)); // over what may be left out
  DeviceProgram program = model.make();
  EXPECT_EQ(program.dispatches[0].flags, NNCC_DISPATCH_UNREAD);
  EXPECT_EQ(Model::barriers(program), "--B");

  Model chain;
  chain.add(Model::input(), Model::arena(0, true));
  chain.add(Model::arena(0), Model::arena(256, true));
  chain.addReadingInstead(Model::arena(256), Model::arena(512, true), Model::arena(0));
  program = chain.make();
  EXPECT_EQ(program.dispatches[1].flags, NNCC_DISPATCH_UNREAD | NNCC_DISPATCH_BARRIER);
  EXPECT_EQ(Model::barriers(program), "-BB");
}

TEST(DeviceProgram, HandsOverWhatTheOtherSideTouches) {
  Model model;
  model.add(Model::input(), Model::arena(0, true));
  model.add(Model::arena(0), Model::arena(256, true));
  model.add(Model::arena(256), Model::arena(512, true), /*onGpu=*/false);
  model.add(Model::arena(512), Model::output());
  DeviceProgram program = model.make();
  // Bytes 0 to 64 stay on the GPU.
  EXPECT_EQ(Model::given(program, 0), "A256+64 I0+64 ");
  EXPECT_EQ(Model::taken(program, 0), "A256+64 ");
  EXPECT_EQ(Model::given(program, 1), "A512+64 F0+64 ");
  EXPECT_EQ(Model::taken(program, 1), "O0+64 ");
}

TEST(DeviceProgram, HandsOverPortsAloneWhereTheGpuRunsEverything) {
  Model model;
  model.add(Model::input(), Model::arena(0, true));
  model.add(Model::arena(0), Model::output());
  DeviceProgram program = model.make();
  EXPECT_EQ(Model::given(program, 0), "I0+64 F0+64 ");
  EXPECT_EQ(Model::taken(program, 0), "O0+64 ");
}

TEST(DeviceProgram, HandsOverTheContentsOfAnOutputThatIsRead) {
  Model model;
  OperandPlan written = Model::output(), read = written;
  read.isOutput = false;
  model.add(Model::input(), written);
  model.add(read, Model::arena(0, true));
  EXPECT_EQ(Model::given(model.make(), 0), "I0+64 O0+64 ");
}

TEST(DeviceProgram, HandsOverTheContentsOfAnOutputThatTheCpuWritesToo) {
  Model model;
  model.add(Model::input(), Model::output(), /*onGpu=*/false);
  model.add(Model::input(), Model::output());
  EXPECT_EQ(Model::given(model.make(), 0), "I0+64 O0+64 ");
}

TEST(DeviceProgram, BindsSeveralOperandsByOneRange) {
  Model model;
  GpuFunction &function = model.code.functions[0];
  function.bindings = {{{0, 1}, {}, true}, {{2}, {0}, false}};
  function.pushConstants = {{false, 0, 4}, {false, 1, 16}, {false, 2, 4}, {true, 0, 4}};
  model.code.tables = {{16, 32}};
  model.code.tableBytes.resize(48);
  model.add(Model::arena(1040), Model::arena(608, true));
  model.plan.kernels[0].operands.push_back({Memory::Weights, 0, 320, 64, false});
  DeviceProgram program = model.make();
  ASSERT_EQ(program.bindings.size(), 2u);
  // From a multiple of 256 on: 512 to 1104 of the arena; of the constants 256, in front of the operand, to the table's
  // end, behind weights that are filled up to 1024.
  EXPECT_EQ(program.bindings[0].byte_offset, 512u);
  EXPECT_EQ(program.bindings[0].bytes, 592u);
  EXPECT_EQ(program.bindings[1].memory, uint32_t(NNCC_DEVICE_CONSTANTS));
  EXPECT_EQ(program.bindings[1].byte_offset, 256u);
  EXPECT_EQ(program.bindings[1].bytes, 1024u + 48 - 256);
  EXPECT_EQ(program.pushConstants, (std::vector<uint32_t>{132, 6, 16, 196}));
  EXPECT_EQ(program.constantsBytes, 1024u + 48);
  ASSERT_EQ(program.uploads.size(), 2u);
  EXPECT_EQ(program.uploads[0].bytes, 1000u);
  EXPECT_EQ(program.uploads[1].byte_offset, 1024u);
}

TEST(DeviceProgram, CutsWhatTakesLong) {
  Model model;
  model.code.functions[0].grid = {7, 1, 1};
  model.add(Model::input(), Model::arena(0, true));
  model.add(Model::arena(0), Model::arena(64, true));
  model.add(Model::arena(64), Model::output());
  model.plan.kernels[1].macs = 4'000'000; // 5,000 us on the slowest GPU
  auto parts = [&](int64_t mostUs) {
    std::string text;
    DeviceProgram program = makeDeviceProgram(model.plan, model.code, mostUs);
    for (const nncc_device_dispatch &dispatch : program.dispatches)
      text += std::to_string(dispatch.first_group) + "+" + std::to_string(dispatch.groups[0]) +
              (dispatch.flags & NNCC_DISPATCH_PART_X ? "x" : "") +
              (dispatch.flags & NNCC_DISPATCH_BARRIER ? "B " : " ");
    return text + std::to_string(program.segments.size());
  };
  EXPECT_EQ(parts(0), "0+7 0+7B 0+7B 1");
  EXPECT_EQ(parts(2500), "0+7 0+3B 3+3x 6+1x 0+7B 1");
  // More than eight times as long is a segment of its own.
  EXPECT_EQ(parts(600), "0+7 0+1 1+1x 2+1x 3+1x 4+1x 5+1x 6+1x 0+7 3");
}

TEST(DeviceProgram, CutsRowsOfWorkgroups) {
  Model model;
  model.code.functions[0].grid = {32768, 3, 1};
  model.add(Model::input(), Model::output());
  model.plan.kernels[0].macs = 4'000'000'000;
  DeviceProgram program = makeDeviceProgram(model.plan, model.code, 2'500'000);
  ASSERT_EQ(program.dispatches.size(), 3u);
  EXPECT_EQ(program.dispatches[2].first_group, 2u);
  EXPECT_EQ(program.dispatches[2].flags, NNCC_DISPATCH_PART_Y);
  EXPECT_EQ(program.dispatches[2].groups[0], 32768u);
  EXPECT_EQ(program.dispatches[2].groups[1], 1u);
}

TEST(DeviceProgram, HasTheBestVariantFirst) {
  Model model;
  model.code.functions[0].variants = {{NNCC_GPU_STORAGE16, {1, 2}}, {/*features=*/0, {3, 4, 5}}};
  model.add(Model::input(), Model::output());
  DeviceProgram program = model.make();
  EXPECT_EQ(program.features, NNCC_GPU_STORAGE16);
  EXPECT_EQ(program.functions[0].num_variants, 2u);
  EXPECT_EQ(program.variants[1].first_word, 2u);
  EXPECT_EQ(program.variants[1].num_words, 3u);
}

TEST(DeviceProgram, LeavesOutFunctionsThatNoKernelHas) {
  Model model;
  GpuFunction other = model.code.functions[0];
  other.name = "refused";
  model.code.functions.insert(model.code.functions.begin(), other);
  model.add(Model::input(), Model::output());
  DeviceProgram program = model.make();
  EXPECT_EQ(program.functionNames, std::vector<std::string>{"f"});
  EXPECT_EQ(program.words.size(), 3u);
  EXPECT_EQ(program.dispatches[0].function, 0u);
  EXPECT_EQ(program.dispatches[0].groups[0], 5u);
}

TEST(DeviceProgram, BindsNoMoreThanEveryGpuDoes) {
  Model model;
  model.code.functions[0].bindings = {{{0, 1}, {}, true}};
  model.add(Model::arena(0), Model::arena((int64_t(1) << 27) - 64, true));
  EXPECT_EQ(whyNotBindable(model.plan, model.plan.kernels[0], model.code.functions[0], model.code), "");
  model.add(Model::arena(0), Model::arena(int64_t(1) << 27, true));
  EXPECT_EQ(whyNotBindable(model.plan, model.plan.kernels[1], model.code.functions[0], model.code),
            "it would bind 134217792 bytes at once, a GPU need not bind more than 134217728");
}
