// From an ONNX file to code, in the order in which it happens. START READING HERE: every line below is one step of the
// way that docs/architecture.md draws, and every step is a folder.
#include "lib/driver/Compile.h"
#include "codegen/CpuFeatures.h"
#include "codegen/DescribeMachine.h"
#include "codegen/LowerToLLVM.h"
#include "codegen/ObjectCode.h"
#include "codegen/ShareFunctions.h"
#include "codegen/cpu/CpuPasses.h"
#include "codegen/cpu/Packing.h"
#include "codegen/gpu/GpuPasses.h"
#include "dialects/nn/NN.h"
#include "lib/driver/BuildPlan.h"
#include "lib/driver/CompileVariants.h"
#include "lib/driver/DeviceModule.h"
#include "lib/driver/Dump.h"
#include "lib/driver/OutputName.h"
#include "lib/driver/PlaceByEstimate.h"
#include "lib/driver/Registry.h"
#include "lib/driver/Table.h"
#include "lib/import/onnx/InputFormat.h"
#include "mlir/Pass/PassManager.h"
#include "onnx/onnx_pb.h"
#include "passes/Passes.h"
#include "passes/Pipelines.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/SHA256.h"

using namespace mlir;

namespace nncc {

std::unique_ptr<MLIRContext> makeContext() {
  DialectRegistry registry;
  registerDialects(registry);
  return std::make_unique<MLIRContext>(registry, MLIRContext::Threading::DISABLED);
}

namespace {

/// Runs the passes between two stages.
class Steps {
public:
  Steps(const CompileOptions &options, ModuleOp module) : options(options), module(module) {}

  LogicalResult run(llvm::StringRef what, llvm::function_ref<void(PassManager &)> addPasses) {
    if (options.progress)
      options.progress(what);
    PassManager passes(module->getContext());
    if (options.configure && failed(options.configure(passes)))
      return failure();
    addPasses(passes);
    return passes.run(module);
  }

private:
  const CompileOptions &options;
  ModuleOp module;
};

/// A kernel that no lowering took is reported by the names of its nodes.
LogicalResult checkLowered(ModuleOp module) {
  bool isLowered = true;
  DenseMap<StringRef, nn::LaunchOp> launches;
  module.walk([&](nn::LaunchOp launch) { launches.try_emplace(launch.getCallee(), launch); });
  module.walk([&](nn::KernelOp kernel) {
    isLowered = false;
    nn::LaunchOp launch = launches.lookup(kernel->getParentOfType<func::FuncOp>().getName());
    Operation *root = kernel.getRoot();
    emitError(launch ? launch.getLoc() : kernel.getLoc())
        << "no code can be generated for " << (root ? root->getName().stripDialect() : "copy") << " on these types";
  });
  return success(isLowered);
}

PlaceOptions placeOptions(const Placement &placement, const std::optional<EstimatedPlaces> &estimated) {
  PlaceOptions options;
  // What is no kernel of its own in the plan that was estimated, like a copy, has no place by itself.
  options.where = estimated ? "beside" : placement.where;
  if (estimated)
    for (const auto &[kernel, where] : estimated->kernels)
      options.kernels.push_back(kernel + ":" + where);
  for (const auto &[kernel, where] : placement.kernels)
    options.kernels.push_back(kernel + ":" + where);
  return options;
}

/// One function for the kernels whose functions differ in numbers alone.
void shareFunctions(llvm::Module &module, ModelPlan &plan, bool hasMaxNum) {
  std::vector<llvm::StringRef> names;
  for (const KernelPlan &kernel : plan.kernels)
    names.push_back(kernel.function);
  auto shared = nncc::shareFunctions(module, names, hasMaxNum);
  for (KernelPlan &kernel : plan.kernels)
    if (auto found = shared.find(kernel.function); found != shared.end()) {
      kernel.numbers = found->second.numbers;
      kernel.function = found->second.name;
    }
}

} // namespace

FailureOr<Compilation> compile(const CompileOptions &options, MLIRContext &context) {
  auto imported = importModel(options, context);
  if (failed(imported))
    return failure();
  return options.cpus.empty() ? compileImported(std::move(*imported), options)
                              : compileVariants(std::move(*imported), options);
}

FailureOr<OwningOpRef<ModuleOp>> importModel(const CompileOptions &options, MLIRContext &context) {
  // ONNX -> N1: nn ops on tensors of static shapes. Everything that can be wrong with a user's file is found here.
  if (options.progress)
    options.progress("reading the model");
  if (!isDump(options.model))
    return importOnnx(options.model, options.import, context);
  const ImportOptions &asked = options.import;
  if (!asked.dims.empty() || !asked.binds.empty() || !asked.inputShapes.empty() || !asked.inputFormats.empty() ||
      !asked.outputLayouts.empty() || !asked.begin.empty() || !asked.end.empty())
    return emitError(UnknownLoc::get(&context))
           << "IR is read as it is: --dim, --bind, --shape, --begin, --end, formats of --input and "
              "--output-layout belong to the command that wrote it";
  if (std::string weights = dumpWeightsPath(options.model); asked.onFile && llvm::sys::fs::exists(weights))
    asked.onFile(weights);
  return readDump(options.model, context);
}

FailureOr<Compilation> compileImported(OwningOpRef<ModuleOp> imported, const CompileOptions &options) {
  Compilation result;
  auto reached = [&](Stage stage) {
    if (options.onStage)
      options.onStage(stage, *result.module);
    return options.stopAfter == stage;
  };

  result.module = std::move(imported);
  ModuleOp module = *result.module;
  // From here on passes know the machine by its numbers alone.
  describeMachine(module, options.target, options.gpu, options.cpuFloat == FloatFormat::F16Arithmetic);
  attachTuning(module, options.tuning, options.target.cpu.name);
  Steps steps(options, module);
  if (reached(Stage::N1))
    return result;

  // With --place=auto, times decide on which device kernels run: those of the model as it is compiled for the GPU.
  std::optional<EstimatedPlaces> estimated;
  if (options.gpu && options.placement.isEstimated)
    estimated = placesByEstimate(options);

  // N1 -> N2: constants folded, channels innermost, ops fused into kernels, each for a device; then the weights' layout
  // is chosen, for the CPU, whose code every kernel has.
  if (failed(steps.run("fusing", [&](PassManager &passes) {
        // GPUs read weights as floats: not all of them can read bytes.
        buildGraphPipeline(passes, options.cpuFloat != FloatFormat::F32, /*keepsSmallWeights=*/!options.gpu,
                           options.keepsWide);
        if (options.gpu)
          passes.addPass(createPlace(placeOptions(options.placement, estimated)));
        passes.addPass(createApplyTuning());
        if (options.optimize == Optimize::Size)
          passes.addPass(createChooseSmallTiles());
        if (options.gpu)
          passes.addPass(createReadPlanes());
        passes.addPass(createPackWeights());
        ChooseFormsOptions forms;
        forms.savesCode = options.optimize == Optimize::Size;
        forms.form = forms.savesCode && options.kernelForm == "auto" ? "direct" : options.kernelForm;
        forms.kernels.append(options.kernelForms.begin(), options.kernelForms.end());
        passes.addPass(createChooseForms(forms));
        passes.addPass(createFusePrologues());
        passes.addPass(createFuseAttention());
        passes.addPass(createFusePlanes());
        if (options.makesChains)
          passes.addPass(createFuseChains(FuseChainsOptions{options.optimize == Optimize::Size}));
      })))
    return failure();
  if (reached(Stage::N2))
    return result;

  // N2 -> P: every tensor gets its place.
  if (failed(steps.run("planning memory", [&](PassManager &passes) {
        PlanMemoryOptions plan;
        plan.reuse = options.reuseArena;
        plan.slack = options.arenaSlack.bytes;
        plan.slackPercent = options.arenaSlack.percent;
        passes.addPass(createPlanMemory(plan));
      })))
    return failure();
  result.plan = buildPlan(module, libraryName(options));
  if (options.name.empty())
    result.plan.namedAfter = llvm::sys::path::stem(options.model);
  for (PortPlan &input : result.plan.inputs)
    if (auto format = options.import.inputFormats.find(input.name); format != options.import.inputFormats.end())
      input.format = llvm::cantFail(InputFormat::parse(format->second), "it was imported").text();
  for (PortPlan &output : result.plan.outputs)
    if (auto layout = options.import.outputLayouts.find(output.name); layout != options.import.outputLayouts.end())
      output.format = layout->second;
  // Only what a program sees is renamed: everything else speaks of the file.
  if (failed(renamePorts(module, options.renames, result.plan)))
    return failure();
  result.plan.target = options.target.name;
  result.plan.cpu = options.target.cpu.name;
  if (options.gpu)
    result.plan.gpu = options.gpu->name;
  if (estimated)
    for (KernelPlan &kernel : result.plan.kernels)
      if (llvm::none_of(options.placement.kernels, [&](const auto &said) { return said.first == kernel.name; }))
        kernel.placed = estimated->reason;
  result.plan.externWeights = options.externWeights;
  result.plan.form = options.form;
  if (failed(checkSizes(module, result.plan)))
    return failure();
  if (reached(Stage::P))
    return result;

  // P -> L1: one function per distinct kernel, loops as linalg; contractions are still whole.
  if (failed(steps.run("lowering kernels", buildLowerPipeline)))
    return failure();
  if (failed(nameFunctions(module, result.plan)))
    return failure();
  if (reached(Stage::L1))
    return result;

  // What runs on the GPU lies in a module of its own, which goes its own way to SPIR-V.
  OwningOpRef<ModuleOp> deviceModule = takeDeviceModule(module);
  if (deviceModule) {
    if (options.progress)
      options.progress("generating code for the GPU");
    GpuNumbers numbers;
    numbers.addsHalves = options.gpuFloat == FloatFormat::F16Arithmetic;
    if (failed(compileDeviceModule(*deviceModule, result.plan, numbers, options.maxDispatchUs, options.configure)))
      return failure();
  }

  // L1 -> L2: contractions become calls of micro-kernels, the rest is tiled and vectorized; large ones run in parts.
  if (failed(steps.run("generating loops", [&](PassManager &passes) {
        passes.addPass(createEmitContractions());
        buildTilePipeline(passes, options.partWork);
      })))
    return failure();
  if (failed(checkLowered(module)))
    return failure();
  readParts(module, result.plan);
  if (reached(Stage::L2)) {
    if (deviceModule)
      module.push_back(deviceModule.release());
    return result;
  }

  // L2 -> LLVM IR. @main was the plan; the entry points are made from the plan by codegen/emit.
  module.lookupSymbol("main")->erase();
  if (options.progress)
    options.progress("lowering to LLVM");
  result.llvmContext = std::make_unique<llvm::LLVMContext>();
  NodeLines lines{result.plan.name + options.nodesSuffix + ".nodes", ""};
  auto lowered = lowerToLLVM(module, options.target, *result.llvmContext, options.lineInfo ? &lines : nullptr,
                             options.configure ? ConfigurePasses(options.configure) : nullptr);
  result.nodeLines.push_back(std::move(lines));
  if (failed(lowered))
    return failure();
  result.llvmModule = std::move(*lowered);
  if (options.optimize == Optimize::Size)
    for (llvm::Function &function : *result.llvmModule)
      if (!function.isDeclaration()) {
        function.addFnAttr(llvm::Attribute::MinSize);
        function.addFnAttr(llvm::Attribute::OptimizeForSize);
      }
  shareFunctions(*result.llvmModule, result.plan, options.target.cpu.machine.hasMaxNum);
  if (options.progress)
    options.progress("generating code");
  return result;
}

llvm::Error setArenaSlack(llvm::StringRef text, CompileOptions &options) {
  constexpr int64_t mostPercent = 1000;
  constexpr uint64_t mostBytes = uint64_t(1) << 40; // as the arena
  auto problem = [&] {
    return llvm::createStringError("--arena-slack=" + text +
                                   " is no number of bytes or percent\nnote: for example 65536, 256kB, 2MB or 10%");
  };
  llvm::StringRef number = text;
  if (number.empty() || number == "0")
    return llvm::Error::success();
  if (number.consume_back("%")) {
    ArenaSlack slack;
    if (number.getAsInteger(10, slack.percent) || slack.percent < 0 || slack.percent > mostPercent)
      return problem();
    options.arenaSlack = slack;
    return llvm::Error::success();
  }
  auto bytes = parseSize(text);
  if (!bytes || *bytes > mostBytes)
    return problem();
  options.arenaSlack.bytes = static_cast<int64_t>(*bytes);
  return llvm::Error::success();
}

llvm::Error setTuning(llvm::StringRef path, CompileOptions &options) {
  if (path.empty())
    return llvm::Error::success();
  auto tuning = readTuning(path);
  if (!tuning)
    return tuning.takeError();
  options.tuningFile = path.str();
  options.tuning = std::move(*tuning);
  return llvm::Error::success();
}

llvm::Error setFloats(FloatFormat format, CompileOptions &options) {
  options.cpuFloat = options.gpuFloat = format;
  auto computesHalves = [](const CpuSpec &cpu) { return cpu.machine.hasHalfArithmetic; };
  if (format != FloatFormat::F16Arithmetic || options.gpu || computesHalves(options.target.cpu) ||
      llvm::any_of(options.cpus, computesHalves))
    return llvm::Error::success();
  std::vector<llvm::StringRef> names;
  for (const CpuSpec &cpu : llvm::make_filter_range(options.target.architecture->cpus, computesHalves))
    names.push_back(cpu.name);
  return llvm::createStringError(
      "--float=f16-arithmetic: " + llvm::Twine(options.target.cpu.name) + " does not compute with f16\nnote: " +
      (names.empty() ? "no CPU of " + options.target.name + " does" : "these do: " + llvm::join(names, ", ")) +
      "; --float=f16 stores f16 and adds up in f32");
}

CompileOptions asideOf(const CompileOptions &options) {
  CompileOptions aside = options;
  aside.configure = nullptr;
  aside.import.onFile = nullptr;
  aside.onStage = nullptr;
  return aside;
}

llvm::Expected<std::string> hashOfFile(llvm::StringRef path) {
  auto file = llvm::MemoryBuffer::getFile(path, /*IsText=*/false, /*RequiresNullTerminator=*/false);
  if (!file)
    return llvm::createStringError("cannot read '" + path + "': " + file.getError().message());
  return llvm::toHex(llvm::SHA256::hash(llvm::arrayRefFromStringRef((*file)->getBuffer())), /*LowerCase=*/true);
}

llvm::Expected<std::string> hashOfModel(const CompileOptions &options) {
  if (!options.import.model)
    return hashOfFile(options.model);
  std::string bytes = options.import.model->SerializeAsString();
  return llvm::toHex(llvm::SHA256::hash(llvm::arrayRefFromStringRef(bytes)), /*LowerCase=*/true);
}

llvm::Expected<std::string> hashOfQuantizedFile(const CompileOptions &options) {
  return options.import.model ? hashOfFile(options.model) : std::string();
}

llvm::Error packWeight(const WeightPlan &weight, llvm::raw_ostream &os) {
  return cpu::writePacked(weight.value, cast<nn::PackingAttr>(weight.packing), os);
}

EmitOptions emitOptions(const CompileOptions &options) {
  EmitOptions emit;
  emit.compileToObject = [&options](llvm::Module &module) {
    ObjectOptions object;
    object.keepLineInfo = options.lineInfo;
    return options.cpus.empty() ? compileToObject(module, options.target, object)
                                : generateObject(module, leastCpu(options.target), object);
  };
  emit.packWeight = packWeight;
  emit.cpuRequired = requiredCpuFeatures(options.target);
  if (options.cpus.empty())
    return emit;
  emit.optimizeEntry = [&options](llvm::Module &module) {
    prepareModule(module, leastCpu(options.target));
    return optimizeModule(module, leastCpu(options.target));
  };
  for (const CpuSpec &cpu : options.cpus)
    emit.cpuRequired &= requiredCpuFeatures(withCpu(options.target, cpu));
  return emit;
}

} // namespace nncc
