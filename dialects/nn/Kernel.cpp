// Verification and effects of kernels and launches.
#include "dialects/nn/KernelForms.h"
#include "dialects/nn/NN.h"
#include "dialects/nn/Parts.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

using namespace mlir;
using namespace nncc::nn;

OperandRange KernelOp::getYielded() { return getBody().front().getTerminator()->getOperands(); }

Operation *KernelOp::getRoot() {
  Operation *root = nullptr;
  for (Operation &op : getBody().front().without_terminator()) {
    // What computes comes before what only moves its result.
    if (isa<ConstantOp>(op) || (isa<TransposeOp>(op) && root && !isElementwise(root)))
      continue;
    // The last op that is not elementwise gives a kernel its nature; without one, the last op does.
    if (!root || isElementwise(root) || !isElementwise(&op))
      root = &op;
  }
  return root;
}

/// Memory is signless, and booleans take a byte.
static bool holds(MemRefType memory, RankedTensorType tensor) {
  Type element = tensor.getElementType();
  if (auto integer = dyn_cast<IntegerType>(element))
    element = IntegerType::get(tensor.getContext(), std::max(8u, integer.getWidth()));
  return memory.getShape() == tensor.getShape() && memory.getElementType() == element;
}

LogicalResult KernelOp::verify() {
  Block &block = getBody().front();
  if (block.getNumArguments() != getInputs().size())
    return emitOpError() << "has " << getInputs().size() << " inputs and " << block.getNumArguments()
                         << " block arguments";
  auto yield = dyn_cast<YieldOp>(block.getTerminator());
  if (!yield)
    return emitOpError() << "must end with nn.yield";
  bool planned = isPlanned();
  if (planned ? getNumResults() != 0 || yield.getNumOperands() != getOutputs().size()
              : yield.getNumOperands() != getNumResults())
    return emitOpError() << "yields " << yield.getNumOperands() << " values, expected "
                         << (planned ? getOutputs().size() : getNumResults());
  // Packed weights are bytes in a layout that only the recipe knows.
  auto packings = (*this)->getAttrOfType<ArrayAttr>("nn.packings");
  if (packings && packings.size() != getInputs().size())
    return emitOpError() << "has " << packings.size() << " packings for " << getInputs().size() << " inputs";
  if (failed(verifyForms(*this)))
    return failure();
  for (auto [index, value, argument] : llvm::enumerate(getInputs(), block.getArguments())) {
    auto tensor = dyn_cast<RankedTensorType>(argument.getType());
    auto memory = dyn_cast<MemRefType>(value.getType());
    bool isPacked = memory && packings && isa<PackingAttr>(packings[index]);
    if (!tensor || (memory ? !isPacked && !holds(memory, tensor) : value.getType() != tensor))
      return emitOpError() << "input of type " << value.getType() << " does not hold block argument of type "
                           << argument.getType();
    if (planned != (memory != nullptr))
      return emitOpError() << "mixes tensors and memrefs";
  }
  for (auto [index, value] : llvm::enumerate(yield.getValues())) {
    auto tensor = cast<RankedTensorType>(value.getType());
    if (planned ? !holds(cast<MemRefType>(getOutputs()[index].getType()), tensor)
                : getResult(index).getType() != tensor)
      return emitOpError() << "yielded value " << index << " of type " << tensor << " does not fit its destination";
  }
  return success();
}

void KernelOp::getEffects(SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>> &effects) {
  if (!isPlanned())
    return;
  for (OpOperand &input : getInputsMutable())
    effects.emplace_back(MemoryEffects::Read::get(), &input);
  for (OpOperand &output : getOutputsMutable())
    effects.emplace_back(MemoryEffects::Write::get(), &output);
  for (OpOperand &scratch : getScratchMutable()) {
    effects.emplace_back(MemoryEffects::Read::get(), &scratch);
    effects.emplace_back(MemoryEffects::Write::get(), &scratch);
  }
}

LogicalResult LaunchOp::verifySymbolUses(SymbolTableCollection &symbols) {
  auto function = symbols.lookupNearestSymbolFrom<FunctionOpInterface>(*this, getCalleeAttr());
  if (!function)
    return emitOpError() << "launches unknown function " << getCalleeAttr();
  unsigned taken = function.getNumArguments() - (function->hasAttr(kWorkAttr) ? 2 : 0); // without the range of work
  if (taken != getOperands_().size())
    return emitOpError() << "passes " << getOperands_().size() << " operands to a function of " << taken;
  // The module of a device is taken out to be lowered, and its functions become other things of the same name.
  SymbolRefAttr device = getDeviceCalleeAttr();
  if (device && symbols.lookupNearestSymbolFrom(*this, device.getRootReference()) &&
      !symbols.lookupNearestSymbolFrom(*this, device))
    return emitOpError() << "launches unknown function " << device;
  return success();
}
