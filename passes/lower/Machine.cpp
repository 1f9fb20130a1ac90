// Finds the machine of a function; see Machine.h.
#include "passes/lower/Machine.h"
#include "dialects/nn/Origin.h"

using namespace mlir;

namespace nncc {

FailureOr<nn::MachineAttr> machineOf(func::FuncOp function) {
  auto module = function->getParentOfType<ModuleOp>();
  auto machines = module ? module->getAttrOfType<DictionaryAttr>(nn::kMachinesAttr) : DictionaryAttr();
  if (!machines || machines.empty()) {
    function.emitError() << "the module names no machine to generate code for (" << nn::kMachinesAttr << ")";
    return failure();
  }
  Attribute attr = machines.begin()->getValue();
  if (auto device = function->getAttrOfType<StringAttr>(kDeviceAttr))
    attr = machines.get(device);
  auto machine = dyn_cast_or_null<nn::MachineAttr>(attr);
  if (!machine) {
    function.emitError() << "the module does not describe the device of this function";
    return failure();
  }
  return machine;
}

} // namespace nncc
