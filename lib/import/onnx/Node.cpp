// See Node.h.
#include "lib/import/onnx/Node.h"
#include "dialects/nn/Evaluate.h"
#include "lib/import/onnx/Graph.h"
#include "lib/import/onnx/ModelFile.h"

using namespace mlir;
using namespace nncc::nn;

namespace nncc::import {

int64_t product(ArrayRef<int64_t> dims) {
  int64_t count = 1;
  for (int64_t dim : dims)
    count *= dim;
  return count;
}

static std::string labelOf(const NodeRef &ref, const Scope &scope) {
  return ref.name.empty() ? scope.prefix + "#" + std::to_string(ref.index) : ref.name;
}

Node::Node(GraphImporter &graph, Scope &scope, onnx::NodeProto &proto, NodeRef ref)
    : builder(graph.builder), graph(graph), scope(scope), proto(proto), ref(std::move(ref)),
      label(labelOf(this->ref, scope)), location(NameLoc::get(StringAttr::get(graph.builder.getContext(), label))) {}

//===-- Errors ------------------------------------------------------------===//

void Node::error(const Twine &reason, const Twine &whatToDo) {
  if (!hasFailed)
    graph.error(ref, reason, whatToDo);
  hasFailed = true;
}

void Node::checkAttributes() {
  for (const onnx::AttributeProto &attribute : proto.attribute())
    if (!hasFailed && !asked.contains(attribute.name()))
      error("attribute '" + attribute.name() + "' is not known for this operator",
            "nncc does not skip what it does not know: it might change the result");
}

void Node::ignore(std::initializer_list<StringRef> names) {
  for (StringRef name : names)
    asked.insert(name);
}

//===-- Inputs ------------------------------------------------------------===//

Item Node::item(size_t i) {
  if (!hasInput(i))
    return {};
  Item item = graph.lookupItem(scope, proto.input(i));
  hasFailed |= !item; // reported where it went wrong
  return item;
}

const Sequence *Node::sequence(size_t i) {
  const Sequence *found = hasInput(i) ? GraphImporter::findSequence(scope, proto.input(i)) : nullptr;
  if (!found || found->isAbsent)
    error("input " + Twine(i) + (hasInput(i) ? " ('" + proto.input(i) + "')" : "") + " must be a sequence");
  return found && !found->isAbsent ? found : nullptr;
}

Value Node::input(size_t i) {
  if (!hasInput(i))
    return {};
  if (const Sequence *found = GraphImporter::findSequence(scope, proto.input(i))) {
    error("input '" + proto.input(i) + "' is " + (found->isAbsent ? "an optional without a value" : "a sequence") +
          ", must be a tensor");
    return {};
  }
  Value value = graph.lookup(scope, proto.input(i));
  if (!value)
    hasFailed = true; // reported where it went wrong
  return value;
}

RankedTensorType Node::type(size_t i) {
  Value value = input(i);
  return value ? cast<RankedTensorType>(value.getType()) : cast<RankedTensorType>(placeholder());
}

ElementsAttr Node::constant(size_t i) {
  Value value = input(i);
  return value ? getConstantValue(value) : ElementsAttr();
}

std::optional<SmallVector<int64_t>> Node::integersOf(size_t i, StringRef meaning) {
  Value value = input(i);
  if (!value) {
    error("input " + Twine(i) + " (" + meaning + ") is missing");
    return std::nullopt;
  }
  auto elements = readElements(getConstantValue(value));
  if (!elements) {
    error(Twine("the ") + meaning + " '" + proto.input(i) + "' has to be known at compile time",
          graph.adviceToKnow(value));
    return std::nullopt;
  }
  if (elements->isFloat()) {
    error(Twine("the ") + meaning + " '" + proto.input(i) + "' is " + nameOf(elementOf(value)) +
          ", must be an integer");
    return std::nullopt;
  }
  return SmallVector<int64_t>(elements->ints.begin(), elements->ints.end());
}

std::optional<int64_t> Node::integerOf(size_t i, StringRef meaning) {
  auto values = integersOf(i, meaning);
  if (values && values->size() != 1) {
    error(Twine("the ") + meaning + " '" + proto.input(i) + "' has " + Twine(values->size()) + " values, must have 1");
    return std::nullopt;
  }
  return values ? std::optional((*values)[0]) : std::nullopt;
}

std::optional<SmallVector<double>> Node::numbersOf(size_t i, StringRef meaning) {
  Value value = input(i);
  if (!value) {
    error("input " + Twine(i) + " (" + meaning + ") is missing");
    return std::nullopt;
  }
  auto elements = readElements(getConstantValue(value));
  if (!elements) {
    error(Twine("the ") + meaning + " '" + proto.input(i) + "' has to be known at compile time",
          graph.adviceToKnow(value));
    return std::nullopt;
  }
  SmallVector<double> out(elements->floats.begin(), elements->floats.end());
  bool isUnsigned = elements->type.getElementType().isUnsignedInteger();
  for (int64_t value : elements->ints)
    out.push_back(isUnsigned ? (double)(uint64_t)value : (double)value);
  return out;
}

bool Node::requireFloat(size_t i) {
  if (input(i) && !isa<FloatType>(type(i).getElementType()))
    error("input '" + proto.input(i) + "' is " + nameOf(type(i).getElementType()) + ", must be float");
  return !hasFailed;
}

bool Node::requireNumber(size_t i) {
  if (input(i) && type(i).getElementType().isInteger(1))
    error("input '" + proto.input(i) + "' is bool, must be a number");
  return !hasFailed;
}

bool Node::requireInteger(size_t i) {
  Type element = type(i).getElementType();
  if (input(i) && (!isa<IntegerType>(element) || element.isInteger(1)))
    error("input '" + proto.input(i) + "' is " + nameOf(element) + ", must be an integer");
  return !hasFailed;
}

bool Node::isOfNibbles(size_t i) {
  Value value = input(i);
  return value && graph.isOfNibbles(value);
}

bool Node::requireResultType(size_t i) {
  if (isOfNibbles(i))
    error("input '" + proto.input(i) + "' makes the result one of integers of 4 bits, which are read as constants only",
          "nncc quantizes to integers of 8 and 16 bits");
  return !hasFailed;
}

bool Node::requireBool(size_t i) {
  if (input(i) && !type(i).getElementType().isInteger(1))
    error("input '" + proto.input(i) + "' is " + nameOf(type(i).getElementType()) + ", must be bool");
  return !hasFailed;
}

bool Node::requireRank(size_t i, int64_t least, int64_t most) {
  if (input(i) && (rank(i) < least || rank(i) > most))
    error("input '" + proto.input(i) + "' has rank " + Twine(rank(i)) + ", " +
          (least == most ? "must have " + Twine(least) : "must have " + Twine(least) + " to " + Twine(most)));
  return !hasFailed;
}

bool Node::requireTypeOf(size_t i, size_t other) {
  Type element = type(i).getElementType(), expected = type(other).getElementType();
  if (input(i) && input(other) && element != expected)
    error("input '" + proto.input(i) + "' is " + nameOf(element) + ", input '" + proto.input(other) + "' is " +
          nameOf(expected) + ": both must be one type");
  return !hasFailed;
}

//===-- Attributes --------------------------------------------------------===//

/// `an integer`, `a string`: what an attribute type is called in a message.
static std::string nameOfAttributeType(int type) {
  switch (type) {
  case onnx::AttributeProto::FLOAT:
    return "a number";
  case onnx::AttributeProto::INT:
    return "an integer";
  case onnx::AttributeProto::STRING:
    return "a string";
  case onnx::AttributeProto::TENSOR:
    return "a tensor";
  case onnx::AttributeProto::GRAPH:
    return "a graph";
  case onnx::AttributeProto::FLOATS:
    return "a list of numbers";
  case onnx::AttributeProto::INTS:
    return "a list of integers";
  case onnx::AttributeProto::STRINGS:
    return "a list of strings";
  default:
    return "of type " + std::to_string(type);
  }
}

/// The type of an attribute; files of old exporters leave it out.
static int typeOf(const onnx::AttributeProto &attribute) {
  using A = onnx::AttributeProto;
  if (attribute.type() != A::UNDEFINED)
    return attribute.type();
  return attribute.has_f()          ? A::FLOAT
         : attribute.has_i()        ? A::INT
         : attribute.has_s()        ? A::STRING
         : attribute.has_t()        ? A::TENSOR
         : attribute.has_g()        ? A::GRAPH
         : attribute.floats_size()  ? A::FLOATS
         : attribute.ints_size()    ? A::INTS
         : attribute.strings_size() ? A::STRINGS
                                    : A::UNDEFINED;
}

onnx::AttributeProto *Node::attribute(StringRef name) const {
  asked.insert(name);
  for (onnx::AttributeProto &attribute : *proto.mutable_attribute())
    if (attribute.name() == name)
      return &attribute;
  return nullptr;
}

onnx::AttributeProto *Node::typedAttribute(StringRef name, onnx::AttributeProto::AttributeType type) {
  onnx::AttributeProto *found = attribute(name);
  if (!found)
    return nullptr;
  int actual = typeOf(*found);
  // An empty list has no values to tell its type by.
  bool isEmptyList = actual == onnx::AttributeProto::UNDEFINED &&
                     (type == onnx::AttributeProto::INTS || type == onnx::AttributeProto::FLOATS);
  if (actual == type || isEmptyList)
    return found;
  error("attribute '" + name + "' is " + nameOfAttributeType(actual) + ", must be " + nameOfAttributeType(type));
  return nullptr;
}

int64_t Node::integer(StringRef name, int64_t byDefault) {
  auto *found = typedAttribute(name, onnx::AttributeProto::INT);
  return found ? found->i() : byDefault;
}

int64_t Node::requiredInteger(StringRef name) {
  if (!has(name))
    error("attribute '" + name + "' is missing");
  return integer(name, 0);
}

double Node::number(StringRef name, double byDefault) {
  auto *found = typedAttribute(name, onnx::AttributeProto::FLOAT);
  return found ? found->f() : static_cast<float>(byDefault); // schemas hold f32, and f64 operators compute with that
}

std::string Node::text(StringRef name, StringRef byDefault) {
  auto *found = typedAttribute(name, onnx::AttributeProto::STRING);
  return found ? found->s() : byDefault.str();
}

SmallVector<int64_t> Node::integers(StringRef name, ArrayRef<int64_t> byDefault) {
  auto *found = typedAttribute(name, onnx::AttributeProto::INTS);
  return found ? SmallVector<int64_t>(found->ints().begin(), found->ints().end()) : SmallVector<int64_t>(byDefault);
}

SmallVector<double> Node::numbers(StringRef name, ArrayRef<double> byDefault) {
  auto *found = typedAttribute(name, onnx::AttributeProto::FLOATS);
  return found ? SmallVector<double>(found->floats().begin(), found->floats().end()) : SmallVector<double>(byDefault);
}

SmallVector<std::string> Node::texts(StringRef name, ArrayRef<std::string> byDefault) {
  auto *found = typedAttribute(name, onnx::AttributeProto::STRINGS);
  return found ? SmallVector<std::string>(found->strings().begin(), found->strings().end())
               : SmallVector<std::string>(byDefault);
}

ElementsAttr Node::tensor(StringRef name) {
  auto *found = typedAttribute(name, onnx::AttributeProto::TENSOR);
  if (!found) {
    error("attribute '" + name + "' is missing");
    return {};
  }
  return graph.weights.read(*found->mutable_t(), [&](const Twine &reason, const Twine &whatToDo) {
    error("attribute '" + name + "': " + reason, whatToDo);
  });
}

Value Node::tensorConstant(StringRef name) {
  auto *found = typedAttribute(name, onnx::AttributeProto::TENSOR);
  bool isOfNibbles = found && graph.weights.isOfNibbles(found->t());
  ElementsAttr value = tensor(name);
  if (!value)
    return {};
  Value result = constant(value);
  if (isOfNibbles)
    graph.markNibbles(result);
  return result;
}

onnx::GraphProto *Node::subgraph(StringRef name) {
  auto *found = typedAttribute(name, onnx::AttributeProto::GRAPH);
  if (!found)
    error("attribute '" + name + "' is missing");
  return found ? found->mutable_g() : nullptr;
}

SmallVector<int64_t> Node::window(StringRef name, int64_t count, int64_t byDefault, int64_t least) {
  SmallVector<int64_t> fallback(count, byDefault);
  SmallVector<int64_t> values = integers(name, fallback);
  auto refuse = [&](const Twine &reason) {
    error(name + " " + describeShape(values) + " " + reason);
    return fallback;
  };
  if ((int64_t)values.size() != count)
    return refuse("must have " + Twine(count) + (count == 1 ? " value" : " values"));
  for (int64_t value : values) {
    if (value < least)
      return refuse(least == 1 ? "must be positive" : least == 0 ? "must not be negative" : "are too small");
    if (value > kMaxWindow)
      return refuse("are too large");
  }
  return values;
}

int64_t Node::axis(int64_t raw, int64_t rank) {
  if (raw >= -rank && raw < rank)
    return raw < 0 ? raw + rank : raw;
  error("axis " + Twine(raw) + " is out of range for rank " + Twine(rank));
  return 0;
}

SmallVector<int64_t> Node::axes(ArrayRef<int64_t> raw, int64_t rank) {
  SmallVector<int64_t> sorted;
  for (int64_t value : raw)
    sorted.push_back(axis(value, rank));
  llvm::sort(sorted);
  if (std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end())
    error("axes " + describeShape(raw) + " name one twice");
  return sorted;
}

//===-- Outputs -----------------------------------------------------------===//

bool Node::wants(size_t i) const {
  return i < outputCount() && !proto.output(i).empty() && scope.used.contains(proto.output(i));
}

void Node::set(size_t i, Value value) {
  if (i >= outputCount() || proto.output(i).empty())
    return;
  if (!value)
    hasFailed = true;
  scope.values[proto.output(i)] = value;
  // Values that pass through keep the name they have; constants are nobody's kernel.
  if (value && value.getDefiningOp() && !value.getDefiningOp<ConstantOp>() && getOrigin(value).tensor.empty())
    setOrigin(value, {proto.output(i), {}});
}

void Node::set(size_t i, Item item) {
  if (!item.sequence)
    return set(i, item.tensor);
  if (i < outputCount() && !proto.output(i).empty())
    scope.sequences[proto.output(i)] = std::move(*item.sequence);
}

void Node::nameResult(size_t i, Value value, ArrayRef<int64_t> perm) {
  if (value && i < outputCount() && !proto.output(i).empty() && !value.getDefiningOp<ConstantOp>())
    setOrigin(value, {proto.output(i), SmallVector<int64_t>(perm)});
}

//===-- Making ops --------------------------------------------------------===//

/// Runs a check of the dialect; what it says about the operands becomes the node's error.
static bool passes(Node &node, llvm::function_ref<LogicalResult()> check) {
  std::string complaint;
  bool ok;
  {
    ScopedDiagnosticHandler listen(node.context(), [&](Diagnostic &diagnostic) {
      complaint = diagnostic.str();
      return success();
    });
    ok = succeeded(check());
  }
  if (!ok)
    node.error(complaint.empty() ? "has operands that do not fit" : complaint);
  return ok;
}

Value Node::finish(OperationState &state, InferTypes infer) {
  if (hasFailed || llvm::any_of(state.operands, [](Value value) { return !value; })) {
    hasFailed = true;
    return {};
  }
  if (infer) {
    SmallVector<Type> types;
    if (!passes(*this, [&] {
          return infer(context(), location, state.operands, state.attributes.getDictionary(context()),
                       state.getRawProperties(), {}, types);
        }))
      return {};
    state.types.assign(types.begin(), types.end());
  }
  Operation *op = makeOp(state);
  return op ? Value(op->getResult(0)) : Value();
}

Operation *Node::makeOp(OperationState &state) {
  if (hasFailed || llvm::any_of(state.operands, [](Value value) { return !value; })) {
    hasFailed = true;
    return nullptr;
  }
  for (Type type : state.types)
    if (auto problem = checkShape(cast<RankedTensorType>(type).getShape())) {
      error(*problem);
      return nullptr;
    }
  Operation *op = builder.create(state);
  if (!passes(*this, [&] { return op->getName().verifyInvariants(op); })) {
    op->erase();
    return nullptr;
  }
  // Quantized constants, and weights that are halves, stay what they are: which ops work on them so is found later.
  bool isWeight = proto.output_size() && scope.weightsOnly.contains(proto.output(0));
  if (isa<DequantizeOp>(op) || (isWeight && widensWeights(op)))
    return op;
  // Longer constants are left to the graph passes: they fold once, when it is clear what is needed.
  ElementsAttr folded = evaluate(op, "folded", {.floats = kMaxFoldedFloats, .integers = kMaxFoldedInts});
  if (!folded)
    return op;
  bool fits = graph.countFolded(op, folded);
  op->erase();
  if (!fits) {
    error("what is computed from constants has taken more than " + Twine(GraphImporter::kMaxFoldedBytes) +
              " bytes up to here",
          "store large constants as values, or bind fewer or smaller inputs");
    return nullptr;
  }
  return constant(folded).getDefiningOp();
}

Value Node::constant(ElementsAttr value) { return ConstantOp::create(builder, builder.getUnknownLoc(), value); }

Value Node::constant(ArrayRef<int64_t> values, ArrayRef<int64_t> shape, Type elementType) {
  Elements elements;
  elements.type = RankedTensorType::get(shape, elementType);
  if (elements.isFloat())
    elements.floats.assign(values.begin(), values.end());
  else
    elements.ints.assign(values.begin(), values.end());
  return constant(makeElements(elements));
}

Value Node::vector(ArrayRef<int64_t> values) {
  return constant(values, {(int64_t)values.size()}, builder.getI64Type());
}

Value Node::splat(TypedAttr number, ArrayRef<int64_t> shape, Type elementType) {
  if (auto problem = checkShape(shape)) {
    error(*problem);
    return {};
  }
  auto type = RankedTensorType::get(shape, elementType);
  return constant(cast<ElementsAttr>(DenseElementsAttr::get(type, Attribute(numberAs(number, elementType)))));
}

Value Node::splat(double value, ArrayRef<int64_t> shape, Type elementType) {
  return splat(builder.getF64FloatAttr(value), shape, elementType);
}

Value Node::scalar(double value, Value like) {
  if (!like)
    return {};
  return splat(value, SmallVector<int64_t>(rankOf(like), 1), elementOf(like));
}

Value Node::unary(UnaryKind kind, Value x, double alpha, double beta) {
  return make<UnaryOp>(kind, x, llvm::APFloat(alpha), llvm::APFloat(beta));
}

Value Node::toRank(Value x, int64_t rank) {
  if (!x || rankOf(x) >= rank)
    return x;
  SmallVector<int64_t> shape(rank - rankOf(x), 1);
  llvm::append_range(shape, shapeOf(x));
  return reshape(x, shape);
}

Value Node::binary(BinaryKind kind, Value x, Value y) {
  if (!x || !y) {
    hasFailed = true;
    return {};
  }
  ArrayRef<int64_t> before = shapeOf(x), after = shapeOf(y);
  int64_t rank = std::max(before.size(), after.size());
  x = toRank(x, rank);
  y = toRank(y, rank);
  if (x && y && mlir::failed(broadcastShapes(shapeOf(x), shapeOf(y)))) {
    error("shapes " + describeShape(before) + " and " + describeShape(after) + " do not broadcast");
    return {};
  }
  if (x && y && elementOf(x) != elementOf(y)) {
    error("element types differ: " + nameOf(elementOf(x)) + " and " + nameOf(elementOf(y)));
    return {};
  }
  return make<BinaryOp>(kind, x, y);
}

Value Node::select(Value condition, Value x, Value y) {
  if (!condition || !x || !y) {
    hasFailed = true;
    return {};
  }
  SmallVector<std::string> shapes{describeShape(shapeOf(condition)), describeShape(shapeOf(x)),
                                  describeShape(shapeOf(y))};
  int64_t rank = std::max({rankOf(condition), rankOf(x), rankOf(y)});
  condition = toRank(condition, rank);
  x = toRank(x, rank);
  y = toRank(y, rank);
  if (!condition || !x || !y)
    return {};
  auto values = broadcastShapes(shapeOf(x), shapeOf(y));
  if (mlir::failed(values) || mlir::failed(broadcastShapes(*values, shapeOf(condition)))) {
    error("shapes " + shapes[0] + ", " + shapes[1] + " and " + shapes[2] + " do not broadcast");
    return {};
  }
  return make<SelectOp>(condition, x, y);
}

Value Node::cast(Value x, Type elementType) {
  if (!x || elementOf(x) == elementType)
    return x;
  return makeTyped<CastOp>(RankedTensorType::get(shapeOf(x), elementType), x);
}

Value Node::reshape(Value x, ArrayRef<int64_t> shape) {
  if (!x || shapeOf(x) == shape)
    return x;
  if (auto problem = checkShape(shape)) {
    error(*problem);
    return {};
  }
  if (product(shape) != product(shapeOf(x))) {
    error("a tensor of shape " + describeShape(shapeOf(x)) + " cannot take the shape " + describeShape(shape));
    return {};
  }
  if (ElementsAttr value = getConstantValue(x))
    return constant(reshapeConstant(value, shape));
  // The same elements under the same name: only `set` may name the result.
  return makeTyped<ReshapeOp>(RankedTensorType::get(shape, elementOf(x)), x);
}

Value Node::transpose(Value x, ArrayRef<int64_t> perm) {
  if (x && llvm::equal(perm, llvm::seq<int64_t>(0, perm.size())))
    return x;
  return make<TransposeOp>(x, perm);
}

Value Node::expand(Value x, ArrayRef<int64_t> shape) {
  x = toRank(x, shape.size());
  if (!x || shapeOf(x) == shape)
    return x;
  return makeTyped<ExpandOp>(RankedTensorType::get(shape, elementOf(x)), x);
}

Value Node::slice(Value x, int64_t axis, int64_t start, int64_t size) {
  if (!x)
    return {};
  SmallVector<int64_t> starts(rankOf(x), 0), sizes(shapeOf(x)), steps(rankOf(x), 1);
  starts[axis] = start;
  sizes[axis] = size;
  if (sizes == shapeOf(x))
    return x;
  return make<SliceOp>(x, starts, sizes, steps);
}

Value Node::concat(ArrayRef<Value> parts, int64_t axis) {
  if (parts.size() == 1)
    return parts[0];
  return make<ConcatOp>(ValueRange(parts), axis);
}

Value Node::reduce(ReduceKind kind, Value x, ArrayRef<int64_t> axes) { return make<ReduceOp>(kind, x, axes); }

Value Node::toImage(Value x) {
  if (!x)
    return {};
  if (rankOf(x) == 5)
    return transpose(x, {0, 2, 3, 4, 1});
  if (rankOf(x) == 4)
    return transpose(x, {0, 2, 3, 1});
  Value moved = transpose(x, {0, 2, 1});
  return moved ? reshape(moved, {shapeOf(moved)[0], 1, shapeOf(moved)[1], shapeOf(moved)[2]}) : Value();
}

Value Node::fromImage(Value x, int64_t rank, size_t output) {
  if (!x)
    return {};
  if (rank == 5) {
    nameResult(output, x, {0, 2, 3, 4, 1});
    return transpose(x, {0, 4, 1, 2, 3});
  }
  if (rank == 4) {
    nameResult(output, x, {0, 2, 3, 1});
    return transpose(x, {0, 3, 1, 2});
  }
  // [N, 1, W, C] is not a transposed [N, C, W]: the name goes to the reshaped value.
  Value flat = reshape(x, {shapeOf(x)[0], shapeOf(x)[2], shapeOf(x)[3]});
  nameResult(output, flat, {0, 2, 1});
  return flat ? transpose(flat, {0, 2, 1}) : Value();
}

} // namespace nncc::import
