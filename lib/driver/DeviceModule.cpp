// See DeviceModule.h.
#include "lib/driver/DeviceModule.h"
#include "codegen/emit/DeviceProgram.h"
#include "dialects/nn/NN.h"
#include "dialects/nn/Origin.h"
#include "lib/support/Assert.h"
#include "llvm/ADT/StringMap.h"

using namespace mlir;

namespace nncc {

static GpuMemory memoryOf(Memory memory) {
  switch (memory) {
  case Memory::Arena:
    return GpuMemory::Arena;
  case Memory::Weights:
    return GpuMemory::Constants;
  case Memory::Input:
    return GpuMemory::Input;
  case Memory::Output:
    return GpuMemory::Output;
  }
  llvm_unreachable("no such memory");
}

static std::vector<GpuLaunch> launchesOf(const ModelPlan &plan) {
  std::vector<GpuLaunch> launches;
  for (const KernelPlan &kernel : plan.kernels) {
    if (kernel.deviceFunction.empty())
      continue;
    GpuLaunch launch{kernel.deviceFunction, {}};
    for (const OperandPlan &operand : kernel.operands)
      launch.operands.push_back({memoryOf(operand.memory), operand.index, operand.byteOffset});
    launches.push_back(std::move(launch));
  }
  return launches;
}

static bool describesGpu(ModuleOp module) {
  auto machines = module->getAttrOfType<DictionaryAttr>(nn::kMachinesAttr);
  return machines && machines.size() == 1 && isa<nn::GpuAttr>(machines.begin()->getValue());
}

static GpuDispatch dispatchOf(const GpuFunction &function) {
  int64_t groups = int64_t(function.grid[0]) * function.grid[1] * function.grid[2];
  return {groups, int64_t(function.block[0]) * function.block[1] * function.block[2], function.work};
}

OwningOpRef<ModuleOp> takeDeviceModule(ModuleOp module) {
  for (auto nested : module.getOps<ModuleOp>()) {
    nested->remove();
    return OwningOpRef<ModuleOp>(nested);
  }
  return nullptr;
}

LogicalResult compileDeviceModule(ModuleOp module, ModelPlan &plan, const GpuNumbers &numbers, int64_t mostDispatchUs,
                                  const std::function<LogicalResult(PassManager &)> &configure) {
  NNCC_ASSERT(describesGpu(module), "a device's module describes its GPU");
  std::vector<GpuLaunch> launches = launchesOf(plan);
  llvm::function_ref<LogicalResult(PassManager &)> setUp;
  if (configure)
    setUp = configure;
  auto code = compileForGpu(module, launches, numbers, setUp);
  if (failed(code))
    return failure();
  llvm::StringMap<const GpuFunction *> functions;
  for (const GpuFunction &function : code->functions)
    functions[function.name] = &function;
  bool isUsed = false;
  for (KernelPlan &kernel : plan.kernels) {
    if (kernel.deviceFunction.empty())
      continue;
    const GpuFunction *function = functions.lookup(kernel.deviceFunction);
    NNCC_ASSERT(function, "every function of the module was compiled, or has a reason");
    std::string reason = function->reason.empty() ? whyNotBindable(plan, kernel, *function, *code) : function->reason;
    isUsed |= reason.empty();
    if (reason.empty())
      kernel.dispatch = dispatchOf(*function);
    if (!reason.empty()) {
      kernel.device = "cpu0";
      kernel.placed = "the GPU has no code for it: " + reason;
      kernel.deviceFunction.clear();
    }
  }
  if (isUsed) {
    plan.device = std::make_shared<const DeviceProgram>(makeDeviceProgram(plan, *code, mostDispatchUs));
    for (auto [number, kernel] : llvm::enumerate(plan.kernels))
      kernel.isLeftOut = plan.device->leavesOut(number);
    plan.arenaAlign = NNCC_DEVICE_OFFSET_ALIGN;
  }
  return success();
}

} // namespace nncc
