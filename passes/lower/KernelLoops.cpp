// What the loops of all op families share; see KernelLoops.h.
#include "passes/lower/KernelLoops.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "passes/lower/ConstantTable.h"

using namespace mlir;

namespace nncc {

SmallVector<int> sameLoops(size_t rank) { return llvm::to_vector(llvm::seq<int>(0, rank)); }

KernelLoops::KernelLoops(LoopBuilder &build, nn::KernelOp kernel, nn::MachineAttr machine)
    : build(build), kernel(kernel), root(kernel.getRoot()), machine(machine) {}

Value KernelLoops::memory(Value operand) {
  if (auto argument = dyn_cast<BlockArgument>(operand))
    return kernel.getInputs()[argument.getArgNumber()];
  return makeConstantTable(build.builder, nn::getConstantValue(operand));
}

Access KernelLoops::input(Value operand, ArrayRef<int> loopOfDim, size_t loops) {
  return build.access(memory(operand), elementOf(operand), loopOfDim, loops);
}

Access KernelLoops::output(unsigned number, ArrayRef<int> loopOfDim, size_t loops) {
  return build.access(kernel.getOutputs()[number], elementOf(kernel.getYielded()[number]), loopOfDim, loops);
}

bool KernelLoops::isEpilogue(Operation *op) {
  return nn::isElementwise(op) && (nn::isElementwise(root) || root->isBeforeInBlock(op));
}

void KernelLoops::addResult(Nest &nest, ArrayRef<int> loopOfDim) {
  epilogueAccess.clear(); // of a nest that was tried before
  for (Operation &op : kernel.getBody().front()) {
    if (!isEpilogue(&op))
      continue;
    for (Value operand : op.getOperands()) {
      bool isUniform = !isa<BlockArgument>(operand) &&
                       (!nn::getConstantValue(operand) || isa<SplatElementsAttr>(nn::getConstantValue(operand)));
      if (isUniform || epilogueAccess.contains(operand))
        continue;
      epilogueAccess[operand] = nest.accesses.size();
      nest.accesses.push_back(input(operand, loopOfDim, nest.extents.size()));
    }
  }
  resultAccess = nest.accesses.size();
  nest.accesses.push_back(output(0, loopOfDim, nest.extents.size()));
}

void KernelLoops::finish(const Nest &nest, const Cursor &cursor, Value value) {
  DenseMap<Value, Value> values;
  values[root->getResult(0)] = build.splat(value, cursor.lanes);
  auto valueOf = [&](Value operand) -> Value {
    Value &known = values[operand];
    if (known)
      return known;
    auto access = epilogueAccess.find(operand);
    if (access != epilogueAccess.end())
      return known = build.load(nest.accesses[access->second], cursor);
    auto uniform = cast<SplatElementsAttr>(nn::getConstantValue(operand));
    return known = build.math.constant(elementOf(operand), uniform.getSplatValue<Attribute>(), cursor.splat());
  };
  for (Operation &op : kernel.getBody().front()) {
    if (!isEpilogue(&op))
      continue;
    SmallVector<Value> operands;
    for (Value operand : op.getOperands())
      operands.push_back(valueOf(operand));
    Value result = build.math.elementwise(&op, operands);
    values[op.getResult(0)] = result;
  }
  build.store(nest.accesses[resultAccess], cursor, values[kernel.getYielded().front()]);
}

int64_t KernelLoops::lanes(Type element) {
  return std::max<int64_t>(4, machine.lanes(memoryType(element).getIntOrFloatBitWidth()));
}

int64_t KernelLoops::lanes() {
  int64_t bits = 8;
  for (Operation &op : kernel.getBody().front().without_terminator())
    for (Value value : llvm::concat<Value>(llvm::to_vector(op.getOperands()), llvm::to_vector(op.getResults())))
      if (Type type = computeType(elementOf(value)); !type.isInteger(1))
        bits = std::max<int64_t>(bits, type.getIntOrFloatBitWidth());
  return std::max<int64_t>(4, machine.lanes(bits));
}

Value KernelLoops::wrapIndex(Value value, int64_t size) {
  OpBuilder &b = build.builder;
  Location loc = build.loc;
  Value index = arith::IndexCastOp::create(b, loc, b.getIndexType(), value);
  Value zero = build.index(0);
  Value isNegative = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, index, zero);
  index = arith::SelectOp::create(b, loc, isNegative, build.add(index, build.index(size)), index);
  index = arith::MaxSIOp::create(b, loc, index, zero);
  return arith::MinSIOp::create(b, loc, index, build.index(size - 1));
}

} // namespace nncc
