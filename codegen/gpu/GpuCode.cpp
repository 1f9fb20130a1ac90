// The way of a device's module, from L1 to words of SPIR-V; see GpuCode.h.
#include "codegen/gpu/GpuCode.h"
#include "codegen/gpu/Bindings.h"
#include "codegen/gpu/CountWork.h"
#include "codegen/gpu/GpuPasses.h"
#include "codegen/spirv/SpirvPasses.h"
#include "lib/support/Assert.h"
#include "mlir/Transforms/Passes.h"
#include "nncc/abi.h"
#include "passes/Passes.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace nncc {
namespace {

/// Types that every GPU computes with and has in memory. Indices are 32 bits wide.
bool isPlain(Type type) {
  Type element = getElementTypeOrSelf(type);
  if (auto vector = dyn_cast<VectorType>(element))
    element = vector.getElementType();
  return element.isF32() || element.isInteger(32) || element.isInteger(1) || element.isIndex();
}

/// f16, in memory or as what is loaded from there and stored there.
bool isHalf(Type type) {
  Type element = getElementTypeOrSelf(type);
  if (auto vector = dyn_cast<VectorType>(element))
    element = vector.getElementType();
  return element.isF16();
}

bool isNarrowInteger(Type type) {
  Type element = getElementTypeOrSelf(type);
  return element.isInteger(8) || element.isInteger(16);
}

/// Why an op keeps its kernel from the GPU; empty when it does not.
std::string refusal(Operation *op) {
  std::string reason;
  llvm::raw_string_ostream os(reason);
  for (Type type : llvm::concat<const Type>(op->getOperandTypes(), op->getResultTypes())) {
    if (auto vector = dyn_cast<VectorType>(type); vector && vector.getNumElements() > kGpuLanes)
      os << "it computes with vectors of " << vector.getNumElements() << " lanes";
    else if (!isPlain(type) && !(isHalf(type) && mayWiden(op)))
      os << "it computes with elements of type " << getElementTypeOrSelf(type);
    else
      continue;
    break;
  }
  return reason;
}

class GpuCompiler {
public:
  GpuCompiler(ModuleOp module, ArrayRef<GpuLaunch> launches, const GpuNumbers &numbers,
              function_ref<LogicalResult(PassManager &)> configure)
      : module(module), numbers(numbers), configure(configure) {
    for (const GpuLaunch &launch : launches)
      launchesOf[launch.function].push_back(&launch);
  }

  FailureOr<GpuCode> run() {
    for (auto function : module.getOps<func::FuncOp>()) {
      numberOf[function.getName()] = code.functions.size();
      code.functions.emplace_back().name = function.getName().str();
    }
    if (failed(runPasses([&](PassManager &passes) { addLowering(passes); })))
      return failure();
    takeOutRefused();
    readTables();
    for (auto kernels : llvm::make_early_inc_range(module.getOps<gpu::GPUModuleOp>())) {
      // Before shaping, which knows how numbers of 32 and 64 bits, and f16, are read.
      std::string reason = operandRefusalOf(kernelOf(kernels), isNarrowInteger);
      if (reason.empty())
        reason = assignBindings(kernelOf(kernels), launchesOf[kernels.getName()]);
      if (!reason.empty())
        refuse(kernels, reason);
    }
    if (failed(runPasses([](PassManager &passes) { addShaping(passes); })))
      return failure();
    for (auto kernels : llvm::make_early_inc_range(module.getOps<gpu::GPUModuleOp>()))
      if (std::string reason = refusalOf(kernelOf(kernels)); !reason.empty())
        refuse(kernels, reason);
    // What has f16 in memory is shorter and quicker on GPUs with 16-bit storage.
    OwningOpRef<ModuleOp> halves = module.clone();
    for (auto kernels : llvm::make_early_inc_range(halves->getOps<gpu::GPUModuleOp>()))
      if (llvm::none_of(kernelOf(kernels).getArgumentTypes(), isHalf))
        kernels.erase();
    if (failed(runPasses(addCarrying)))
      return failure();
    for (auto kernels : module.getOps<gpu::GPUModuleOp>())
      describe(kernelOf(kernels), code.functions[numberOf.at(kernels.getName())]);
    // Indices are carried through the loops that sums of f16 become.
    if (failed(widenHalves(*halves, /*storage16=*/true)) || (numbers.addsHalves && failed(addHalves(*halves))) ||
        failed(runPasses(addCarrying, *halves)) || failed(writeVariants(*halves, NNCC_GPU_STORAGE16)) ||
        failed(widenHalves(module, /*storage16=*/false)) || failed(writeVariants(module, 0)))
      return failure();
    return std::move(code);
  }

private:
  LogicalResult runPasses(function_ref<void(PassManager &)> add, ModuleOp on) {
    PassManager passes(on.getContext());
    if (configure && failed(configure(passes)))
      return failure();
    add(passes);
    return passes.run(on);
  }
  LogicalResult runPasses(function_ref<void(PassManager &)> add) { return runPasses(add, module); }

  LogicalResult widenHalves(ModuleOp kernels, bool storage16) {
    WidenHalvesOptions options;
    options.inWords = !storage16;
    return runPasses([&](PassManager &passes) { passes.addPass(createWidenHalves(options)); }, kernels);
  }

  /// Adds a variant that adds up f16 to each function where that is other code.
  LogicalResult addHalves(ModuleOp kernels) {
    OwningOpRef<ModuleOp> computed = kernels.clone();
    auto addPasses = [](PassManager &passes) {
      passes.addPass(createHalveSums());
      addCarrying(passes);
    };
    if (failed(runPasses(addPasses, *computed)))
      return failure();
    for (auto function : llvm::make_early_inc_range(computed->getOps<gpu::GPUModuleOp>())) {
      WalkResult found = function.walk(
          [](vector::FMAOp op) { return isHalf(op.getType()) ? WalkResult::interrupt() : WalkResult::advance(); });
      if (!found.wasInterrupted())
        function.erase();
    }
    return writeVariants(*computed, NNCC_GPU_STORAGE16 | NNCC_GPU_FLOAT16);
  }

  /// Adds a variant to each function that is in a module.
  LogicalResult writeVariants(ModuleOp kernels, uint64_t features) {
    auto addPasses = [&](PassManager &passes) { buildSpirvPipeline(passes, features & NNCC_GPU_STORAGE16); };
    if (failed(runPasses(addPasses, kernels)))
      return failure();
    for (auto compiled : kernels.getOps<spirv::ModuleOp>()) {
      FailureOr<std::vector<uint32_t>> words = serializeSpirv(compiled);
      if (failed(words))
        return failure();
      code.functions[numberOf.at(*compiled.getName())].variants.push_back({features, std::move(*words)});
    }
    return success();
  }

  static void addCleaning(OpPassManager &functions) {
    functions.addPass(createCanonicalizerPass());
    functions.addPass(createCSEPass());
  }

  /// L1 to G.
  void addLowering(PassManager &passes) const {
    passes.addPass(createEmitTiles());
    passes.addPass(createLowerToLoops());
    OpPassManager &functions = passes.nest<func::FuncOp>();
    functions.addPass(createVectorizeLoops());
    functions.addPass(createExpandMath());
    addCleaning(functions);
    functions.addPass(createNarrowVectors());
    ShareReductionsOptions sharing;
    sharing.team = numbers.blockThreads;
    functions.addPass(createShareReductions(sharing));
    functions.addPass(createPairDoubles());
    addCleaning(functions);
    MapThreadsOptions threads;
    threads.blockThreads = numbers.blockThreads;
    threads.mostIterations = nn::kMostThreadIterations;
    passes.addPass(createMapThreads(threads));
    addMoving(passes);
  }

  /// Within G: what does not change moves out of loops, so that a step of an inner loop has few indices to compute.
  static void addMoving(PassManager &passes) {
    OpPassManager &kernels = passes.nest<gpu::GPUModuleOp>();
    addCleaning(kernels);
    kernels.addPass(createLoopInvariantCodeMotionPass());
  }
  static void addShaping(PassManager &passes) {
    passes.addPass(createPairIntegers());
    passes.addPass(createShapeBuffers());
    addMoving(passes);
  }
  static void addCarrying(PassManager &passes) {
    passes.addPass(createNestBuffers());
    addMoving(passes);
    passes.addPass(createCarryIndices());
    addCleaning(passes.nest<gpu::GPUModuleOp>());
  }

  static gpu::GPUFuncOp kernelOf(gpu::GPUModuleOp kernels) { return *kernels.getOps<gpu::GPUFuncOp>().begin(); }

  void refuse(Operation *op, const std::string &reason) {
    code.functions[numberOf.at(SymbolTable::getSymbolName(op))].reason = reason;
    op->erase();
  }

  void takeOutRefused() {
    for (auto function : llvm::make_early_inc_range(module.getOps<func::FuncOp>())) {
      auto reason = function->getAttrOfType<StringAttr>(nn::kRefusedAttr);
      NNCC_ASSERT(reason, "a function is neither mapped to threads nor refused");
      refuse(function, reason.str());
    }
  }

  static std::string operandRefusalOf(gpu::GPUFuncOp kernel, function_ref<bool(Type)> isRefused) {
    std::string reason;
    for (Type type : kernel.getArgumentTypes())
      if (reason.empty() && isRefused(type))
        llvm::raw_string_ostream(reason) << "an operand has elements of type " << getElementTypeOrSelf(type);
    return reason;
  }

  static std::string refusalOf(gpu::GPUFuncOp kernel) {
    std::string reason = operandRefusalOf(kernel, [](Type type) { return !isPlain(type) && !isHalf(type); });
    if (!reason.empty())
      return reason;
    kernel.walk([&](Operation *op) {
      reason = refusal(op);
      return reason.empty() ? WalkResult::advance() : WalkResult::interrupt();
    });
    return reason;
  }

  //===-- What is handed on ---------------------------------------------===//

  /// The bytes of all tables of the module, each from where any buffer may begin.
  void readTables() {
    for (auto table : module.getOps<memref::GlobalOp>()) {
      auto values = cast<DenseElementsAttr>(*table.getInitialValue());
      ArrayRef<char> raw = values.getRawData();
      int64_t begin = llvm::alignTo(code.tableBytes.size(), kGpuOffsetAlignment);
      code.tableBytes.resize(begin);
      int64_t times = values.isSplat() ? values.getNumElements() : 1;
      for (int64_t time = 0; time < times; ++time)
        code.tableBytes.insert(code.tableBytes.end(), raw.begin(), raw.end());
      tableNumber[table.getSymName()] = code.tables.size();
      code.tables.push_back({begin, static_cast<int64_t>(code.tableBytes.size()) - begin});
    }
  }

  void describe(gpu::GPUFuncOp kernel, GpuFunction &function) const {
    ArrayRef<int64_t> grid = kernel->getAttrOfType<DenseI64ArrayAttr>(nn::kGridAttr);
    function.grid = {static_cast<uint32_t>(grid[0]), static_cast<uint32_t>(grid[1]), 1};
    function.block = {static_cast<uint32_t>(kernel->getAttrOfType<IntegerAttr>(nn::kBlockAttr).getInt()), 1, 1};
    function.iterations = kernel->getAttrOfType<IntegerAttr>(nn::kIterationsAttr).getInt();
    function.work = countWork(kernel);
    auto numberAttr = [&](unsigned argument, StringRef name) {
      return kernel.getArgAttrOfType<IntegerAttr>(argument, name);
    };
    for (BlockArgument argument : kernel.getArguments()) {
      unsigned number = argument.getArgNumber();
      if (auto source = numberAttr(number, nn::kOffsetOfAttr)) {
        function.pushConstants.push_back(describeOffset(kernel, source.getInt()));
        continue;
      }
      size_t binding = numberAttr(number, nn::kBindingAttr).getInt();
      if (function.bindings.size() <= binding)
        function.bindings.resize(binding + 1);
      if (auto operand = numberAttr(number, nn::kOperandAttr))
        function.bindings[binding].operands.push_back(operand.getInt());
      else
        function.bindings[binding].tables.push_back(tableOf(kernel, number));
      function.bindings[binding].isWritten |= llvm::any_of(argument.getUsers(), llvm::IsaPred<memref::StoreOp>);
    }
  }

  unsigned tableOf(gpu::GPUFuncOp kernel, unsigned argument) const {
    return tableNumber.at(kernel.getArgAttrOfType<FlatSymbolRefAttr>(argument, nn::kTableAttr).getValue());
  }

  GpuPushConstant describeOffset(gpu::GPUFuncOp kernel, unsigned argument) const {
    auto operand = kernel.getArgAttrOfType<IntegerAttr>(argument, nn::kOperandAttr);
    Type element = getElementTypeOrSelf(kernel.getArgument(argument).getType());
    auto vector = dyn_cast<VectorType>(element);
    unsigned bytes = vector ? kGpuLanes * vector.getElementTypeBitWidth() / 8 : element.getIntOrFloatBitWidth() / 8;
    if (operand)
      return {false, static_cast<unsigned>(operand.getInt()), bytes};
    return {true, tableOf(kernel, argument), bytes};
  }

  ModuleOp module;
  const GpuNumbers &numbers;
  function_ref<LogicalResult(PassManager &)> configure;
  llvm::StringMap<SmallVector<const GpuLaunch *>> launchesOf;
  llvm::StringMap<size_t> numberOf;
  llvm::StringMap<unsigned> tableNumber;
  GpuCode code;
};
} // namespace

FailureOr<GpuCode> compileForGpu(ModuleOp module, ArrayRef<GpuLaunch> launches, const GpuNumbers &numbers,
                                 function_ref<LogicalResult(PassManager &)> configure) {
  return GpuCompiler(module, launches, numbers, configure).run();
}

} // namespace nncc
