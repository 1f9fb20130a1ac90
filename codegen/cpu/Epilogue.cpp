// Matching epilogues in kernel bodies, and their vector code; passes/lower/ScalarMath says what the functions mean.
#include "codegen/cpu/Epilogue.h"
#include "dialects/nn/BinaryKind.h"
#include "dialects/nn/ConstantData.h"
#include "dialects/nn/UnaryKind.h"
#include "lib/support/Assert.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "passes/lower/ScalarMath.h"
#include "llvm/ADT/SetVector.h"
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
  epilogue.start = root->getResult(0);
  if (kernel.getYielded().size() != 1) {
    reason = "yields more than one value";
    return failure();
  }
  epilogue.yielded = kernel.getYielded().front();
  if (cast<RankedTensorType>(epilogue.yielded.getType()).getShape() !=
      cast<RankedTensorType>(epilogue.start.getType()).getShape()) {
    reason = "yields another shape than the root's";
    return failure();
  }
  SmallVector<Operation *> list;
  for (Operation &op : kernel.getBody().front().without_terminator()) {
    // The root reads what is transposed as it lies.
    bool isOfRoot = isa<nn::TransposeOp>(op) && llvm::is_contained(root->getOperands(), op.getResult(0));
    if (&op == root || isa<nn::ConstantOp>(op) || isOfRoot)
      continue;
    if (!nn::isElementwise(&op)) {
      reason = ("has '" + op.getName().getStringRef() + "' behind the root").str();
      return failure();
    }
    list.push_back(&op);
  }
  if (failed(epilogue.readOps(list, pixelDims, /*channelDims=*/1, reason)))
    return failure();
  return epilogue;
}

FailureOr<Epilogue> Epilogue::matchPrologue(nn::KernelOp kernel, Operation *root, unsigned pixelDims, unsigned &input,
                                            std::string &reason, unsigned channelDims) {
  Epilogue prologue;
  prologue.yielded = root->getOperand(0);
  llvm::SetVector<Operation *> makers;
  SmallVector<Value> left{prologue.yielded};
  while (!left.empty())
    if (Operation *maker = left.pop_back_val().getDefiningOp(); maker && makers.insert(maker))
      llvm::append_range(left, maker->getOperands());
  SmallVector<Operation *> list;
  for (Operation &op : kernel.getBody().front().without_terminator())
    if (makers.contains(&op) && !isa<nn::ConstantOp>(op)) {
      if (!nn::isElementwise(&op) || isa<nn::LookupOp>(op)) {
        reason = ("has '" + op.getName().getStringRef() + "' before the root").str();
        return failure();
      }
      list.push_back(&op);
    }
  auto isWhole = [&](BlockArgument argument) {
    return cast<RankedTensorType>(argument.getType()).getShape() ==
               cast<RankedTensorType>(prologue.yielded.getType()).getShape() &&
           llvm::any_of(argument.getUsers(), [&](Operation *user) { return makers.contains(user); });
  };
  auto arguments = kernel.getBody().getArguments();
  auto *first = llvm::find_if(arguments, isWhole);
  if (list.empty() || first == arguments.end()) {
    reason = "what the root reads is not made of an input of its shape";
    return failure();
  }
  prologue.start = *first;
  input = first->getArgNumber();
  if (failed(prologue.readOps(list, pixelDims, channelDims, reason)))
    return failure();
  return prologue;
}

LogicalResult Epilogue::readOps(ArrayRef<Operation *> list, unsigned pixelDims, unsigned channelDims,
                                std::string &reason) {
  auto shape = cast<RankedTensorType>(start.getType()).getShape();
  llvm::raw_string_ostream key(keyText), name(nameText);
  DenseMap<Value, unsigned> numbers;
  numbers[start] = 0;
  for (Operation *op : list) {
    ops.push_back(op);
    // All that the op itself says; where it comes from is in its other attributes.
    key << op->getName().getStringRef();
    if (Attribute properties = op->getPropertiesAsAttribute())
      key << ' ' << properties;
    if (auto unary = dyn_cast<nn::UnaryOp>(op))
      name << '_' << nn::stringifyUnaryKind(unary.getKind());
    else if (auto binary = dyn_cast<nn::BinaryOp>(op))
      name << '_' << nn::stringifyBinaryKind(binary.getKind());
    else
      name << '_' << op->getName().stripDialect();

    for (Value operand : op->getOperands()) {
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
        ArrayRef<int64_t> channels = type.getShape().take_back(channelDims);
        Leaf leaf{argument.getArgNumber(), type, channels == shape.take_back(channelDims), false};
        if (!leaf.variesByChannel && llvm::any_of(channels, [](int64_t size) { return size > 1; })) {
          reason = "reads what varies along a line in another way than its own value";
          return failure();
        }
        for (unsigned dim = 0; dim < pixelDims; ++dim)
          leaf.variesByPixel |= type.getDimSize(type.getRank() - 1 - channelDims - dim) > 1;
        key << " leaf" << leaf.variesByChannel << leaf.variesByPixel << type.getElementType();
        leafList.push_back(leaf);
      }
      key << " %" << place->second;
    }
    numbers.try_emplace(op->getResult(0), numbers.size());
    key << " -> " << elementOf(op->getResult(0)) << ';';
  }
  key << "yield %" << numbers.lookup(yielded);
  areSumsSmall = !ops.empty() && yielded != start && llvm::all_of(ops, [&](Operation *op) {
    auto requantize = dyn_cast<nn::RequantizeOp>(op);
    return !llvm::is_contained(op->getOperands(), start) || (requantize && requantize.getSmallSums());
  });
  return ops.empty() ? success() : readCode(reason);
}

/// The constant of an op that is the same in all lanes of a vector.
static std::optional<EpilogueConstant> constantOf(Operation &op) {
  auto constant = dyn_cast<arith::ConstantOp>(op);
  auto splat = constant ? dyn_cast<SplatElementsAttr>(constant.getValue()) : SplatElementsAttr();
  if (!splat || !isa<VectorType>(constant.getType()))
    return std::nullopt;
  Type type = splat.getElementType();
  if (type.isF32())
    return EpilogueConstant{type,
                            static_cast<uint32_t>(splat.getSplatValue<APFloat>().bitcastToAPInt().getZExtValue())};
  if (type.isInteger() && type.getIntOrFloatBitWidth() > 1 && type.getIntOrFloatBitWidth() <= 32)
    return EpilogueConstant{type, static_cast<uint32_t>(splat.getSplatValue<APInt>().getZExtValue())};
  return std::nullopt;
}

namespace {
/// The ops that are written in one place from now on.
class WrittenOps {
public:
  explicit WrittenOps(OpBuilder &builder)
      : builder(builder), block(builder.getInsertionBlock()), end(builder.getInsertionPoint()),
        before(end == block->begin() ? nullptr : &*std::prev(end)) {}

  SmallVector<Operation *> list() const {
    SmallVector<Operation *> ops;
    for (Operation &op : llvm::make_range(before ? std::next(before->getIterator()) : block->begin(), end))
      ops.push_back(&op);
    return ops;
  }

  /// Puts another value in the place of an op's; `result` may be that.
  void replace(Operation *op, function_ref<Value(OpBuilder &)> make, Value &result) {
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPoint(op);
    Value value = make(builder);
    op->getResult(0).replaceAllUsesWith(value);
    if (result == op->getResult(0))
      result = value;
    op->erase();
  }

  /// Computes now what is computed of constants alone.
  void foldConstants(Value &result) {
    for (Operation *op : list()) {
      SmallVector<Attribute> operands;
      for (Value operand : op->getOperands())
        if (Attribute value; matchPattern(operand, m_Constant(&value)))
          operands.push_back(value);
      SmallVector<OpFoldResult> folded;
      if (operands.empty() || operands.size() != op->getNumOperands() || op->getNumResults() != 1 ||
          failed(op->fold(operands, folded)) || folded.size() != 1)
        continue;
      if (auto value = dyn_cast_or_null<TypedAttr>(dyn_cast<Attribute>(folded.front())))
        replace(op, [&](OpBuilder &b) { return arith::ConstantOp::create(b, op->getLoc(), value); }, result);
    }
    SmallVector<Operation *> left = list();
    for (Operation *op : llvm::reverse(left))
      if (isa<arith::ConstantOp>(op) && op->use_empty() && result != op->getResult(0))
        op->erase();
  }

private:
  OpBuilder &builder;
  Block *block;
  Block::iterator end;
  Operation *before;
};
} // namespace

/// Writes the code once for nothing: to see that every function exists on its types, how much it is, and which
/// constants it has.
LogicalResult Epilogue::readCode(std::string &reason) {
  OwningOpRef<ModuleOp> scratch = ModuleOp::create(start.getLoc());
  OpBuilder builder(scratch->getBodyRegion());
  auto lanes = [](Type element) -> Type { return VectorType::get(4, element); };
  SmallVector<Type> types{lanes(takesFloats() ? builder.getF32Type() : computeType(startElement()))};
  for (const Leaf &leaf : leafList)
    types.push_back(lanes(leaf.memoryElement()));
  auto function = func::FuncOp::create(builder, start.getLoc(), "epilogue", builder.getFunctionType(types, {}));
  builder.setInsertionPointToStart(function.addEntryBlock());
  Code code(start.getLoc(), builder, false);
  SmallVector<Value> arguments(function.getArguments().begin(), function.getArguments().end());
  WrittenOps written(code.b);
  Value result = emitOps(code, arguments.front(), ArrayRef(arguments).drop_front());
  if (!result) {
    reason = "an elementwise op has no vector code for its type";
    return failure();
  }
  written.foldConstants(result);
  cost = countInstructions(function.front());
  readStructure(function.front(), result);
  return success();
}

void Epilogue::readStructure(Block &block, Value yielded) {
  DenseMap<Value, unsigned> numbers;
  auto numberOf = [&](Value value) { return numbers.try_emplace(value, numbers.size()).first->second; };
  llvm::raw_string_ostream os(structureText);
  for (Value argument : block.getArguments())
    os << argument.getType() << " %" << numberOf(argument) << ';';
  for (const Leaf &leaf : leafList)
    os << "leaf" << leaf.variesByChannel << leaf.variesByPixel << leaf.type.getElementType() << ';';
  for (Operation *op : ops) // the code has the names of tables, which say nothing of what is in them
    if (auto lookup = dyn_cast<nn::LookupOp>(op))
      os << lookup.getTable() << ';';
  for (Operation &op : block) {
    if (op.getNumRegions()) { // none of those that quantize
      structureText = keyText;
      constantList.clear();
      return;
    }
    os << op.getName().getStringRef();
    if (auto constant = constantOf(op))
      constantList.push_back(*constant);
    else
      os << ' ' << op.getAttrDictionary();
    for (Value operand : op.getOperands())
      os << " %" << numberOf(operand);
    for (Value result : op.getResults())
      os << " -> " << result.getType() << " %" << numberOf(result);
    os << ';';
  }
  os << "yield %" << numberOf(yielded);
}

SmallVector<EpilogueConstant> Epilogue::scalars() const {
  SmallVector<EpilogueConstant> list;
  for (unsigned i : areScalars.set_bits())
    list.push_back(constantList[i]);
  return list;
}

Type Epilogue::startElement() const { return elementOf(start); }

Type Epilogue::storedElement() const { return memoryType(elementOf(yielded)); }

/// Of a constant LLVM knows that it is no NaN. The larger of x and a number that it does not know is `x > y ? x : y`,
/// one instruction where the one for numbers takes three: y is no NaN, and wins against one.
static void compareWith(Value scalar, WrittenOps &written, Value &result) {
  for (Operation *user : llvm::to_vector(scalar.getUsers())) {
    bool isMax = isa<arith::MaxNumFOp>(user);
    if ((!isMax && !isa<arith::MinNumFOp>(user)) || user->getOperand(1) != scalar)
      continue;
    auto choose = [&](OpBuilder &b) -> Value {
      Value x = user->getOperand(0);
      auto predicate = isMax ? arith::CmpFPredicate::OGT : arith::CmpFPredicate::OLT;
      Value isFirst = arith::CmpFOp::create(b, user->getLoc(), predicate, x, scalar);
      return arith::SelectOp::create(b, user->getLoc(), isFirst, x, scalar);
    };
    written.replace(user, choose, result);
  }
}

Value Epilogue::emit(Code &code, Value value, ArrayRef<Value> leafValues, ArrayRef<Value> scalars) const {
  WrittenOps written(code.b);
  Value result = emitOps(code, value, leafValues);
  if (areScalars.none() || !result)
    return result;
  // The code is that of readCode(), on other vectors.
  written.foldConstants(result);
  unsigned number = 0, next = 0;
  for (Operation *op : written.list()) {
    if (!constantOf(*op))
      continue;
    NNCC_ASSERT(number < constantList.size(), "an epilogue's code depends on its vectors");
    if (!areScalars.test(number++))
      continue;
    auto type = cast<VectorType>(op->getResult(0).getType());
    Value scalar;
    written.replace(op, [&](OpBuilder &) { return scalar = code.broadcast(scalars[next++], type); }, result);
    if (comparesScalars)
      compareWith(scalar, written, result);
  }
  NNCC_ASSERT(number == constantList.size(), "an epilogue's code depends on its vectors");
  return result;
}

Value Epilogue::emitOps(Code &code, Value value, ArrayRef<Value> leafValues) const {
  ScalarMath math(code.b, code.b.getLoc());
  int64_t lanes = cast<VectorType>(value.getType()).getNumElements();
  DenseMap<Value, Value> values;
  Block *body = Value(start).getParentBlock();
  values[start] = value;
  for (auto [leaf, loaded] : llvm::zip(leafList, leafValues))
    values[body->getArgument(leaf.input)] = math.fromMemory(loaded, leaf.type.getElementType());
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
