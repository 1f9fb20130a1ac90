// The part is a planned kernel for a moment: the code that emits all contractions turns it into calls.
#include "codegen/cpu/KernelPart.h"
#include "mlir/IR/IRMapping.h"
#include "passes/lower/ScalarMath.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace nncc;
using namespace nncc::cpu;

PartOperand cpu::wholeInput(nn::KernelOp kernel, unsigned input) {
  auto packings = kernel->getAttrOfType<ArrayAttr>(kPackingsAttr);
  return {cast<RankedTensorType>(kernel.getBody().getArgument(input).getType()), kernel.getInputs()[input],
          packings ? packings[input] : UnitAttr::get(kernel.getContext())};
}

Value cpu::viewAt(Code &code, Value pointer, RankedTensorType type, int64_t rowStep, int64_t pixelStep) {
  int64_t rank = type.getRank();
  SmallVector<int64_t> strides(rank, rowStep * (rank > 2 ? type.getDimSize(rank - 3) : 1));
  strides[rank - 1] = 1;
  strides[rank - 2] = pixelStep;
  if (rank > 2)
    strides[rank - 3] = rowStep;
  auto memory = MemRefType::get(type.getShape(), memoryType(type.getElementType()),
                                StridedLayoutAttr::get(code.b.getContext(), 0, strides));
  return UnrealizedConversionCastOp::create(code.b, memory, pointer).getResult(0);
}

void KernelPart::emit(Code &code, MicroKernels &kernels, Value result, std::string &reason) {
  llvm::SetVector<Value> read;
  llvm::SetVector<Operation *> constants;
  for (Operation *op : ops)
    for (Value operand : op->getOperands())
      if (Operation *maker = operand.getDefiningOp(); isa_and_nonnull<nn::ConstantOp>(maker))
        constants.insert(maker);
      else if (!llvm::is_contained(ops, maker))
        read.insert(operand);
  SmallVector<Value> inputs;
  SmallVector<Attribute> packings;
  SmallVector<Type> types;
  for (Value value : read) {
    PartOperand operand = operandOf(value);
    types.push_back(operand.type);
    inputs.push_back(operand.memory);
    packings.push_back(operand.packing);
  }
  auto part = nn::KernelOp::create(code.b, TypeRange(), code.b.getStringAttr("part"), inputs, ValueRange{result},
                                   Value(), kernel.getDeviceAttr(), ArrayAttr());
  part->setAttr(kPackingsAttr, code.b.getArrayAttr(packings));
  Block &body = part.getBody().emplaceBlock();
  IRMapping inside;
  for (auto [value, type] : llvm::zip(read, types))
    inside.map(value, body.addArgument(type, kernel.getLoc()));
  OpBuilder inner = OpBuilder::atBlockEnd(&body);
  for (Operation *constant : constants) // of one value, which their shape says nothing of
    inner.clone(*constant, inside);
  for (Operation *op : ops) {
    Operation *clone = inner.clone(*op, inside);
    for (auto [made, whole] : llvm::zip(clone->getResults(), op->getResults()))
      made.setType(typeOf(whole));
    adjust(clone);
  }
  nn::YieldOp::create(inner, kernel.getLoc(), inside.lookup(ops.back()->getResult(0)));
  if (std::string why; failed(emitContraction(function, part, kernels, why))) {
    reason = std::move(why);
    part.erase();
  }
  inputs.push_back(result);
  for (Value operand : inputs)
    if (auto view = operand.getDefiningOp<UnrealizedConversionCastOp>())
      view.erase();
}

LogicalResult cpu::finishParts(nn::KernelOp kernel, Operation *before, const std::string &reason) {
  if (reason.empty()) {
    kernel.erase();
    return success();
  }
  while (kernel->getPrevNode() != before)
    kernel->getPrevNode()->erase();
  return failure();
}
