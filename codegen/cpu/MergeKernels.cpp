// Kernels are N2's, with weights packed.
#include "codegen/cpu/MergeKernels.h"
#include "codegen/cpu/Packing.h"
#include "dialects/nn/KernelForms.h"

using namespace mlir;
using namespace nncc;

bool cpu::hasForm(nn::KernelOp kernel) {
  return kernel->hasAttr(nn::kFormsAttr) || kernel->hasAttr(nn::kFormAttr) || kernel->hasAttr("nn.scratch_bytes");
}

nn::KernelOp cpu::soleMakerOf(nn::KernelOp kernel, unsigned input) {
  auto maker = kernel.getInputs()[input].getDefiningOp<nn::KernelOp>();
  if (!maker || maker.getNumResults() != 1 || !maker.getResult(0).hasOneUse() ||
      !kernel.getBody().getArgument(input).hasOneUse() || maker.getDeviceAttr() != kernel.getDeviceAttr() ||
      maker.getInputs().size() + kernel.getInputs().size() - 1 > kMostInputs)
    return {};
  return maker;
}

nn::KernelOp cpu::makerOf(nn::KernelOp kernel, unsigned input) {
  nn::KernelOp maker = soleMakerOf(kernel, input);
  return maker && !hasForm(maker) && !hasForm(kernel) ? maker : nn::KernelOp();
}

nn::KernelOp cpu::mergeKernels(nn::KernelOp first, nn::KernelOp second, unsigned input) {
  OpBuilder b(second);
  SmallVector<Value> inputs;
  SmallVector<Attribute> packings, nodes;
  for (nn::KernelOp each : {second, first}) {
    auto packed = each->getAttrOfType<ArrayAttr>(kPackingsAttr);
    for (auto [i, value] : llvm::enumerate(each.getInputs()))
      if (each != second || i != input) {
        inputs.push_back(value);
        packings.push_back(packed ? packed[i] : b.getUnitAttr());
      }
  }
  for (nn::KernelOp each : {first, second})
    if (auto names = each.getNodesAttr())
      llvm::append_range(nodes, names);
  Location location = b.getFusedLoc({first.getLoc(), second.getLoc()});
  auto merged = nn::KernelOp::create(b, location, second.getResultTypes(), second.getNameAttr(), inputs, ValueRange(),
                                     Value(), second.getDeviceAttr(), b.getArrayAttr(nodes));
  for (NamedAttribute attr : second->getDiscardableAttrs())
    merged->setAttr(attr.getName(), attr.getValue());
  merged->setAttr(kPackingsAttr, b.getArrayAttr(packings));

  Block &body = merged.getBody().emplaceBlock(), &before = first.getBody().front(), &behind = second.getBody().front();
  for (Value value : inputs)
    body.addArgument(value.getType(), value.getLoc());
  unsigned next = 0;
  Value between = before.getTerminator()->getOperand(0);
  for (auto [i, argument] : llvm::enumerate(behind.getArguments()))
    argument.replaceAllUsesWith(i == input ? between : body.getArgument(next++));
  for (BlockArgument argument : before.getArguments())
    argument.replaceAllUsesWith(body.getArgument(next++));
  before.getTerminator()->erase();
  body.getOperations().splice(body.end(), before.getOperations());
  body.getOperations().splice(body.end(), behind.getOperations());
  second.replaceAllUsesWith(merged.getResults());
  // Kernels that are erased end like all others.
  for (nn::KernelOp each : {second, first}) {
    OpBuilder end = OpBuilder::atBlockEnd(&each.getBody().front());
    nn::YieldOp::create(end, each.getLoc(), ValueRange());
    each.erase();
  }
  return merged;
}

cpu::FunctionCopy::FunctionCopy(func::FuncOp of) : function(of.clone()) {
  for (auto [own, copy] : llvm::zip(of.getOps<nn::KernelOp>(), function->getOps<nn::KernelOp>()))
    kernels[own] = copy;
}

void cpu::giveForm(nn::KernelOp kernel, DictionaryAttr form, int64_t scratchBytes) {
  kernel->setAttr("nn.scratch_bytes", Builder(kernel).getI64IntegerAttr(scratchBytes));
  kernel->setAttr(nn::kFormAttr, form);
}

DictionaryAttr cpu::slotForm(MLIRContext *context, StringRef name, StringRef unit, int64_t count, int64_t slots,
                             int64_t scratchBytes) {
  Builder b(context);
  return b.getDictionaryAttr({b.getNamedAttr("name", b.getStringAttr(name)),
                              b.getNamedAttr(unit, b.getI64IntegerAttr(count)),
                              b.getNamedAttr("slots", b.getI64IntegerAttr(slots)),
                              b.getNamedAttr("scratch_bytes", b.getI64IntegerAttr(scratchBytes))});
}

std::optional<std::pair<int64_t, int64_t>> cpu::readSlotForm(DictionaryAttr form, StringRef name, StringRef unit) {
  auto its = form ? form.getAs<StringAttr>("name") : StringAttr();
  auto count = form ? form.getAs<IntegerAttr>(unit) : IntegerAttr();
  auto slots = form ? form.getAs<IntegerAttr>("slots") : IntegerAttr();
  if (!its || its.getValue() != name || !count || !slots || count.getInt() < 1 || slots.getInt() < 1)
    return std::nullopt;
  return std::pair(count.getInt(), slots.getInt());
}
