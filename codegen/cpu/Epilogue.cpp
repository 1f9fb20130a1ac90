// Matching epilogues in kernel bodies, and their vector code.
#include "codegen/cpu/Epilogue.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace nncc;
using namespace nncc::cpu;

static Type memoryType(Type element) {
  return element.isInteger(1) ? IntegerType::get(element.getContext(), 8)
         : element.isUnsignedInteger()
             ? IntegerType::get(element.getContext(), element.getIntOrFloatBitWidth())
             : element;
}

Type Leaf::memoryElement() const { return memoryType(type.getElementType()); }

/// Instructions of an op, roughly: what decides between registers and a tile on the stack. 0 = not supported.
static unsigned costOf(Operation *op) {
  if (auto unary = dyn_cast<nn::UnaryOp>(op)) {
    switch (unary.getKind()) {
    case nn::UnaryKind::abs:
    case nn::UnaryKind::neg:
    case nn::UnaryKind::relu:
    case nn::UnaryKind::sqrt:
      return 1;
    case nn::UnaryKind::clip:
    case nn::UnaryKind::leaky_relu:
      return 2;
    case nn::UnaryKind::hard_sigmoid:
      return 3;
    case nn::UnaryKind::hard_swish:
      return 4;
    case nn::UnaryKind::exp:
    case nn::UnaryKind::sigmoid:
    case nn::UnaryKind::silu:
    case nn::UnaryKind::tanh:
    case nn::UnaryKind::gelu:
    case nn::UnaryKind::erf:
      return 25;
    default:
      return 0;
    }
  }
  if (auto binary = dyn_cast<nn::BinaryOp>(op)) {
    switch (binary.getKind()) {
    case nn::BinaryKind::add:
    case nn::BinaryKind::sub:
    case nn::BinaryKind::mul:
    case nn::BinaryKind::div:
      return 1;
    case nn::BinaryKind::min:
    case nn::BinaryKind::max:
    case nn::BinaryKind::prelu:
      return 3;
    default:
      return 0;
    }
  }
  return isa<nn::SelectOp>(op) ? 1 : 0;
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
  epilogue.stored = memoryType(yieldedType.getElementType());
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
    unsigned cost = costOf(&op);
    if (!nn::isElementwise(&op) || cost == 0) {
      reason = ("has '" + op.getName().getStringRef() + "' behind the root").str();
      return failure();
    }
    epilogue.cost += cost;
    epilogue.ops.push_back(&op);
    key << op.getName().getStringRef() << op.getAttrDictionary().get("kind");
    for (StringRef parameter : {"alpha", "beta", "saturate"})
      if (Attribute value = op.getAttr(parameter))
        key << ' ' << parameter << value;
    if (auto unary = dyn_cast<nn::UnaryOp>(op))
      name << '_' << nn::stringifyUnaryKind(unary.getKind());
    else if (auto binary = dyn_cast<nn::BinaryOp>(op))
      name << '_' << nn::stringifyBinaryKind(binary.getKind());
    else
      name << "_select";

    for (Value operand : op.getOperands()) {
      auto type = cast<RankedTensorType>(operand.getType());
      if (ElementsAttr constant = nn::getConstantValue(operand)) {
        if (!constant.isSplat()) {
          reason = "has a constant that is not a splat";
          return failure();
        }
        key << " #" << constant.getSplatValue<Attribute>();
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
    key << " -> " << cast<RankedTensorType>(op.getResult(0).getType()).getElementType() << ';';
  }
  key << "yield %" << numbers.lookup(epilogue.yielded);
  return epilogue;
}

/// x where the comparison holds with NaN false, else y.
static Value choose(Code &code, arith::CmpFPredicate predicate, Value a, Value b, Value yes, Value no) {
  return arith::SelectOp::create(code.b, arith::CmpFOp::create(code.b, predicate, a, b), yes, no);
}

static Value splat(Code &code, VectorType type, double value) {
  TypedAttr attribute = isa<FloatType>(type.getElementType())
                            ? cast<TypedAttr>(code.b.getFloatAttr(type.getElementType(), value))
                            : code.b.getIntegerAttr(type.getElementType(), static_cast<int64_t>(value));
  return arith::ConstantOp::create(code.b, DenseElementsAttr::get(type, attribute));
}

/// A bound that lets NaN of `x` pass: one instruction against a constant on every target.
static Value bound(Code &code, Value x, double limit, bool isLower) {
  Value edge = splat(code, cast<VectorType>(x.getType()), limit);
  return choose(code, isLower ? arith::CmpFPredicate::OLT : arith::CmpFPredicate::OGT, x, edge, edge, x);
}

static Value sigmoid(Code &code, Value x) {
  Value one = splat(code, cast<VectorType>(x.getType()), 1);
  Value power = math::ExpOp::create(code.b, arith::NegFOp::create(code.b, x));
  return arith::DivFOp::create(code.b, one, arith::AddFOp::create(code.b, one, power));
}

static Value emitUnary(Code &code, nn::UnaryOp op, Value x) {
  ImplicitLocOpBuilder &b = code.b;
  auto type = cast<VectorType>(x.getType());
  double alpha = op.getAlpha().convertToDouble(), beta = op.getBeta().convertToDouble();
  auto ramp = [&](double slope, double shift) {
    Value line = arith::AddFOp::create(b, arith::MulFOp::create(b, x, splat(code, type, slope)), splat(code, type, shift));
    return bound(code, bound(code, line, 0, true), 1, false);
  };
  switch (op.getKind()) {
  case nn::UnaryKind::abs:
    return math::AbsFOp::create(b, x);
  case nn::UnaryKind::neg:
    return arith::NegFOp::create(b, x);
  case nn::UnaryKind::sqrt:
    return math::SqrtOp::create(b, x);
  case nn::UnaryKind::relu:
    return bound(code, x, 0, true);
  case nn::UnaryKind::clip:
    return bound(code, bound(code, x, alpha, true), beta, false);
  case nn::UnaryKind::leaky_relu:
    return choose(code, arith::CmpFPredicate::OLT, x, splat(code, type, 0),
                  arith::MulFOp::create(b, x, splat(code, type, alpha)), x);
  case nn::UnaryKind::hard_sigmoid:
    return ramp(alpha, beta);
  case nn::UnaryKind::hard_swish:
    return arith::MulFOp::create(b, x, ramp(1.0 / 6, 0.5));
  case nn::UnaryKind::exp:
    return math::ExpOp::create(b, x);
  case nn::UnaryKind::erf:
    return math::ErfOp::create(b, x);
  case nn::UnaryKind::tanh:
    return math::TanhOp::create(b, x);
  case nn::UnaryKind::sigmoid:
    return sigmoid(code, x);
  case nn::UnaryKind::silu:
    return arith::MulFOp::create(b, x, sigmoid(code, x));
  case nn::UnaryKind::gelu: {
    Value error = math::ErfOp::create(b, arith::MulFOp::create(b, x, splat(code, type, 0.70710678118654752)));
    Value half = arith::MulFOp::create(b, x, splat(code, type, 0.5));
    return arith::MulFOp::create(b, half, arith::AddFOp::create(b, error, splat(code, type, 1)));
  }
  default:
    return {};
  }
}

static Value emitBinary(Code &code, nn::BinaryOp op, Value x, Value y) {
  ImplicitLocOpBuilder &b = code.b;
  bool isFloat = isa<FloatType>(cast<VectorType>(x.getType()).getElementType());
  switch (op.getKind()) {
  case nn::BinaryKind::add:
    return isFloat ? arith::AddFOp::create(b, x, y).getResult() : arith::AddIOp::create(b, x, y).getResult();
  case nn::BinaryKind::sub:
    return isFloat ? arith::SubFOp::create(b, x, y).getResult() : arith::SubIOp::create(b, x, y).getResult();
  case nn::BinaryKind::mul:
    return isFloat ? arith::MulFOp::create(b, x, y).getResult() : arith::MulIOp::create(b, x, y).getResult();
  case nn::BinaryKind::div:
    return arith::DivFOp::create(b, x, y);
  case nn::BinaryKind::min:
    return arith::MinimumFOp::create(b, x, y);
  case nn::BinaryKind::max:
    return arith::MaximumFOp::create(b, x, y);
  case nn::BinaryKind::prelu:
    return choose(code, arith::CmpFPredicate::OLT, x, splat(code, cast<VectorType>(x.getType()), 0),
                  arith::MulFOp::create(b, x, y), x);
  default:
    return {};
  }
}

Value Epilogue::emit(Code &code, Value value, ArrayRef<Value> leafValues) const {
  int64_t lanes = cast<VectorType>(value.getType()).getNumElements();
  DenseMap<Value, Value> values;
  values[root->getResult(0)] = value;
  Block &body = *root->getBlock();
  for (auto [leaf, loaded] : llvm::zip(leafList, leafValues)) {
    Value &known = values[body.getArgument(leaf.input)];
    known = loaded;
    if (leaf.type.getElementType().isInteger(1))
      known = arith::CmpIOp::create(code.b, arith::CmpIPredicate::ne, loaded, code.zero(loaded.getType()));
  }
  auto get = [&](Value operand) -> Value {
    ElementsAttr constant = nn::getConstantValue(operand);
    if (!constant)
      return values.lookup(operand);
    Type element = constant.getElementType();
    if (element.isUnsignedInteger())
      element = code.b.getIntegerType(element.getIntOrFloatBitWidth());
    Attribute splatted = constant.getSplatValue<Attribute>();
    if (auto integer = dyn_cast<IntegerAttr>(splatted))
      splatted = IntegerAttr::get(element, integer.getValue());
    return arith::ConstantOp::create(code.b, DenseElementsAttr::get(VectorType::get(lanes, element), splatted));
  };
  for (Operation *op : ops) {
    Value result;
    if (auto unary = dyn_cast<nn::UnaryOp>(op))
      result = emitUnary(code, unary, get(unary.getInput()));
    else if (auto binary = dyn_cast<nn::BinaryOp>(op))
      result = emitBinary(code, binary, get(binary.getLhs()), get(binary.getRhs()));
    else if (auto select = dyn_cast<nn::SelectOp>(op))
      result = arith::SelectOp::create(code.b, get(select.getCondition()), get(select.getIfTrue()),
                                       get(select.getIfFalse()));
    values[op->getResult(0)] = result;
  }
  return values.lookup(yielded);
}
