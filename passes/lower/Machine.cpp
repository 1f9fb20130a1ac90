// Finds the machine of a function; see Machine.h.
#include "passes/lower/Machine.h"
#include "dialects/nn/Origin.h"

using namespace mlir;

namespace nncc {

static DictionaryAttr machinesOf(ModuleOp module) {
  auto machines = module ? module->getAttrOfType<DictionaryAttr>(nn::kMachinesAttr) : DictionaryAttr();
  return machines && machines.empty() ? DictionaryAttr() : machines;
}

/// What the module says of a function's device; null: nothing.
static Attribute describedDevice(func::FuncOp function) {
  DictionaryAttr machines = machinesOf(function->getParentOfType<ModuleOp>());
  if (!machines)
    return {};
  auto device = function->getAttrOfType<StringAttr>(kDeviceAttr);
  return device ? machines.get(device) : machines.begin()->getValue();
}

FailureOr<nn::MachineAttr> machineOf(func::FuncOp function) {
  if (!machinesOf(function->getParentOfType<ModuleOp>())) {
    function.emitError() << "the module names no machine to generate code for (" << nn::kMachinesAttr << ")";
    return failure();
  }
  Attribute device = describedDevice(function);
  if (auto gpu = dyn_cast_or_null<nn::GpuAttr>(device))
    return gpu.getThread();
  auto machine = dyn_cast_or_null<nn::MachineAttr>(device);
  if (!machine) {
    function.emitError() << "the module does not describe the device of this function";
    return failure();
  }
  return machine;
}

nn::GpuAttr gpuOf(func::FuncOp function) { return dyn_cast_or_null<nn::GpuAttr>(describedDevice(function)); }

StringRef cpuFor(ModuleOp module, StringRef device) {
  DictionaryAttr machines = machinesOf(module);
  if (machines && isa_and_nonnull<nn::GpuAttr>(machines.get(device)))
    for (NamedAttribute machine : machines)
      if (isa<nn::MachineAttr>(machine.getValue()))
        return machine.getName();
  return device;
}

} // namespace nncc
