// Matching epilogues in kernel bodies, and their vector code; passes/lower/ScalarMath says what the functions mean.
#include "codegen/cpu/Epilogue.h"
#include "dialects/nn/BinaryKind.h"
#include "dialects/nn/ConstantData.h"
#include "dialects/nn/UnaryKind.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "passes/lower/ScalarMath.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace nncc;
using namespace nncc::cpu;

Type Leaf::memoryElement() const { return memoryType(type.getElementType()); }

static Type elementOf(Value value) { return cast<RankedTensorType>(value.getType()).getElementType(); }

/// Instructions of emitted code, roughly: what decides between registers and a tile on the stack.
static unsigned countInstructions(Block &block) {
  unsigned count = 0;
  for (Operation &op : block)
    if (isa<math::SqrtOp, math::AbsFOp, math::FmaOp, math::RoundEvenOp>(op))
      ++count;
    else if (isa<vector::GatherOp>(op))
      count += 32; // from a table
    else if (isa<math::MathDialect>(op.getDialect()))
      count += 20; // a polynomial
    else if (!isa<arith::ConstantOp>(op))
      ++count;
  return count;
}

FailureOr<Epilogue> Epilogue::match(nn::KernelOp kernel, Operation *root, unsigned pixelDims, std::string &reason) {
  Epilogue epilogue;
  epilogue.root = root;
  Block &body = kernel.getBody().front();
  auto shape = cast<RankedTensorType>(root->getResult(0).getType()).getShape();
  if (kernel.getYielded().size() != 1) {
    reason = "yields more than one value";
    return failure();
  }
  epilogue.yielded = kernel.getYielded().front();
  auto yieldedType = cast<RankedTensorType>(epilogue.yielded.getType());
  if (yieldedType.getShape() != shape) {
    reason = "yields another shape than the root's";
    return failure();
  }

  llvm::raw_string_ostream key(epilogue.keyText), name(epilogue.nameText);
  DenseMap<Value, unsigned> numbers;
  numbers[root->getResult(0)] = 0;
  for (Operation &op : body.without_terminator()) {
    if (&op == root || isa<nn::ConstantOp>(op))
      continue;
    if (!nn::isElementwise(&op)) {
      reason = ("has '" + op.getName().getStringRef() + "' behind the root").str();
      return failure();
    }
    epilogue.ops.push_back(&op);
    // All that the op itself says; where it comes from is in its other attributes.
    key << op.getName().getStringRef();
    if (Attribute properties = op.getPropertiesAsAttribute())
      key << ' ' << properties;
    if (auto unary = dyn_cast<nn::UnaryOp>(op))
      name << '_' << nn::stringifyUnaryKind(unary.getKind());
    else if (auto binary = dyn_cast<nn::BinaryOp>(op))
      name << '_' << nn::stringifyBinaryKind(binary.getKind());
    else
      name << '_' << op.getName().stripDialect();

    for (Value operand : op.getOperands()) {
      auto type = cast<RankedTensorType>(operand.getType());
      if (nn::getConstantValue(operand)) {
        auto constant = nn::ConstantReader::get(operand);
        if (!constant || !constant->isUniform()) {
          reason = "has a constant of several values in its body";
          return failure();
        }
        key << " #" << llvm::toHex(StringRef(constant->at(0), nn::constantElementBytes(type.getElementType())));
        continue;
      }
      auto [place, isNew] = numbers.try_emplace(operand, numbers.size());
      if (isNew) {
        auto argument = dyn_cast<BlockArgument>(operand);
        if (!argument || type.getRank() != static_cast<int64_t>(shape.size())) {
          reason = "reads what is neither its own value nor an input of the result's rank";
          return failure();
        }
        Leaf leaf{argument.getArgNumber(), type, type.getShape().back() == shape.back(), false};
        for (unsigned dim = 0; dim < pixelDims; ++dim)
          leaf.variesByPixel |= type.getDimSize(type.getRank() - 2 - dim) > 1;
        key << " leaf" << leaf.variesByChannel << leaf.variesByPixel << type.getElementType();
        epilogue.leafList.push_back(leaf);
      }
      key << " %" << place->second;
    }
    numbers.try_emplace(op.getResult(0), numbers.size());
    key << " -> " << elementOf(op.getResult(0)) << ';';
  }
  key << "yield %" << numbers.lookup(epilogue.yielded);
  if (epilogue.ops.empty())
    return epilogue;

  // Written once for nothing: to see that every function exists on its types, and how much code they are.
  OwningOpRef<ModuleOp> scratch = ModuleOp::create(kernel.getLoc());
  OpBuilder builder(scratch->getBodyRegion());
  Code code(kernel.getLoc(), builder, false);
  auto zero = [&](Type element) { return code.zero(VectorType::get(4, element)); };
  SmallVector<Value> leafValues;
  for (const Leaf &leaf : epilogue.leafList)
    leafValues.push_back(zero(leaf.memoryElement()));
  if (!epilogue.emit(code, zero(computeType(elementOf(root->getResult(0)))), leafValues)) {
    reason = "an elementwise op has no vector code for its type";
    return failure();
  }
  epilogue.cost = countInstructions(*scratch->getBody());
  return epilogue;
}

Type Epilogue::storedElement() const { return memoryType(elementOf(yielded)); }

Value Epilogue::emit(Code &code, Value value, ArrayRef<Value> leafValues) const {
  ScalarMath math(code.b, code.b.getLoc());
  int64_t lanes = cast<VectorType>(value.getType()).getNumElements();
  DenseMap<Value, Value> values;
  values[root->getResult(0)] = value;
  for (auto [leaf, loaded] : llvm::zip(leafList, leafValues))
    values[root->getBlock()->getArgument(leaf.input)] = math.fromMemory(loaded, leaf.type.getElementType());
  for (Operation *op : ops) {
    SmallVector<Value> operands;
    for (Value operand : op->getOperands()) {
      Type element = elementOf(operand);
      if (!nn::getConstantValue(operand)) {
        operands.push_back(values.lookup(operand));
        continue;
      }
      auto constant = nn::ConstantReader::get(operand);
      auto integer = dyn_cast<IntegerType>(element);
      operands.push_back(
          integer ? math.constant(element,
                                  IntegerAttr::get(integer, APInt(integer.getWidth(), constant->getInteger(0),
                                                                  /*isSigned=*/false, /*implicitTrunc=*/true)),
                                  lanes)
                  : math.constant(element, constant->getFloat(0), lanes));
    }
    if (llvm::is_contained(operands, Value()))
      return {};
    Value result = math.elementwise(op, operands);
    if (!result)
      return {};
    values[op->getResult(0)] = result;
  }
  return math.toMemory(values.lookup(yielded), elementOf(yielded));
}
