// Typed view of one ONNX node while it is imported: inputs, attributes with defaults, and helpers that make nn ops.
//
// Errors are sticky: a getter that finds a mistake reports it once and returns something harmless; ops made of what is
// missing are null values. So an import function reads like the happy path and checks only where it would go astray.
#ifndef NNCC_LIB_IMPORT_ONNX_NODE_H
#define NNCC_LIB_IMPORT_ONNX_NODE_H
#include "dialects/nn/NN.h"
#include "dialects/nn/Origin.h"
#include "lib/import/onnx/Elements.h"
#include "lib/support/UserError.h"
#include "mlir/IR/Builders.h"
#include "onnx/onnx_pb.h"
#include "llvm/ADT/StringSet.h"
#include <optional>

namespace nncc::import {

using llvm::Twine;
using mlir::ArrayRef;
using mlir::RankedTensorType;
using mlir::SmallVector;
using mlir::StringRef;
using mlir::Type;
using mlir::Value;

class GraphImporter;
struct Scope;

/// Tensors under one name, which the import knows by count and takes apart: no such value is in the IR.
struct Sequence {
  SmallVector<Value> parts;
  bool isAbsent = false; ///< an optional without a value
};

/// What a name stands for: a tensor or a sequence; neither where the node that makes it failed.
struct Item {
  Value tensor;
  std::optional<Sequence> sequence;

  explicit operator bool() const { return tensor || sequence; }
};

class Node {
public:
  Node(GraphImporter &graph, Scope &scope, onnx::NodeProto &proto, NodeRef ref);

  //===-- What it is ------------------------------------------------------===//
  StringRef op() const { return proto.op_type(); }
  int64_t opset() const { return ref.opset; }
  std::string describe() const { return ref.describe(); }
  const std::string &name() const { return label; } ///< the node's name, or #17
  mlir::MLIRContext *context() const { return builder.getContext(); }
  mlir::Location loc() const { return location; }
  GraphImporter &importer() { return graph; }
  Scope &graphScope() { return scope; }

  //===-- Inputs ----------------------------------------------------------===//
  /// Inputs as the node lists them; optional ones may be absent in between.
  size_t inputCount() const { return proto.input_size(); }
  bool hasInput(size_t i) const { return i < inputCount() && !proto.input(i).empty(); }
  StringRef inputName(size_t i) const { return proto.input(i); }
  /// Null when absent.
  /// error   a sequence: "input 'x' is a sequence, must be a tensor"
  Value input(size_t i);
  /// Like `input`, for operators that take sequences and optionals too.
  Item item(size_t i);
  /// The tensors of a sequence; null with an error for anything else.
  const Sequence *sequence(size_t i);
  RankedTensorType type(size_t i);
  ArrayRef<int64_t> shape(size_t i) { return type(i).getShape(); }
  int64_t rank(size_t i) { return type(i).getRank(); }
  /// The constant that an input is, or null (no error).
  mlir::ElementsAttr constant(size_t i);
  /// True for a constant of 4 bits, which is one of bytes in the IR.
  bool isOfNibbles(size_t i);
  /// The integers of an input that has to be known at compile time.
  /// error   a computed input: names it and the flag that binds it
  std::optional<SmallVector<int64_t>> integersOf(size_t i, StringRef meaning);
  std::optional<int64_t> integerOf(size_t i, StringRef meaning);
  std::optional<SmallVector<double>> numbersOf(size_t i, StringRef meaning);
  /// Requires a kind of element type.
  /// error   "input 'x' is i64, must be float"; returns false
  bool requireFloat(size_t i);
  bool requireNumber(size_t i);
  bool requireInteger(size_t i);
  bool requireBool(size_t i);
  /// Requires an input whose element type is that of a result.
  /// error   a constant of 4 bits, which is read as one of bytes
  bool requireResultType(size_t i);
  bool requireRank(size_t i, int64_t least, int64_t most);
  /// Requires the element type of another input. error   "input 'b' is i64, input 'x' is f32: both must be one type"
  bool requireTypeOf(size_t i, size_t other);

  //===-- Attributes ------------------------------------------------------===//
  bool has(StringRef name) const { return attribute(name) != nullptr; }
  int64_t integer(StringRef name, int64_t byDefault);
  int64_t requiredInteger(StringRef name);
  bool flag(StringRef name, bool byDefault) { return integer(name, byDefault) != 0; }
  double number(StringRef name, double byDefault);
  std::string text(StringRef name, StringRef byDefault);
  SmallVector<int64_t> integers(StringRef name, ArrayRef<int64_t> byDefault = {});
  SmallVector<double> numbers(StringRef name, ArrayRef<double> byDefault = {});
  SmallVector<std::string> texts(StringRef name, ArrayRef<std::string> byDefault = {});
  /// The values of a tensor attribute (taken out: call once); null with an error when it is missing or bad.
  mlir::ElementsAttr tensor(StringRef name);
  /// The same as a constant.
  Value tensorConstant(StringRef name);
  onnx::GraphProto *subgraph(StringRef name);
  /// A list of `count` window numbers (strides, pads, ...), each in [least, kMaxWindow].
  SmallVector<int64_t> window(StringRef name, int64_t count, int64_t byDefault, int64_t least);
  /// Says that attributes are of no interest: any other that was never asked for is an error.
  void ignore(std::initializer_list<StringRef> names);
  /// Brings an axis in [-rank, rank) into [0, rank).
  int64_t axis(int64_t raw, int64_t rank);
  /// The same for a list, sorted. error  an axis named twice
  SmallVector<int64_t> axes(ArrayRef<int64_t> raw, int64_t rank);

  //===-- Outputs ---------------------------------------------------------===//
  size_t outputCount() const { return proto.output_size(); }
  /// True when the node names the output, read or not.
  bool hasOutput(size_t i) const { return i < outputCount() && !proto.output(i).empty(); }
  /// True when something reads the output.
  bool wants(size_t i) const;
  /// Gives the node's output its value; `perm` when dims of the value are other dims of the ONNX tensor (see Origin.h).
  void set(size_t i, Value value);
  void set(size_t i, Item item);
  /// Names a value that has an output's elements in another order, before it is brought into ONNX's order.
  void nameResult(size_t i, Value value, ArrayRef<int64_t> perm);

  //===-- Errors ----------------------------------------------------------===//
  void error(const Twine &reason, const Twine &whatToDo = "");
  bool failed() const { return hasFailed; }
  /// Reports attributes that nobody asked for. Called after the import function.
  void checkAttributes();

  //===-- Making ops ------------------------------------------------------===//
  /// An op whose result type is inferred; null when an operand is null or the op refuses its operands (reported).
  template <typename OpT, typename... Args> Value make(Args &&...args) {
    mlir::OperationState state(location, OpT::getOperationName());
    OpT::build(builder, state, placeholder(), std::forward<Args>(args)...);
    return finish(state, &OpT::inferReturnTypes);
  }
  /// An op whose result type is given.
  template <typename OpT, typename... Args> Value makeTyped(Type type, Args &&...args) {
    mlir::OperationState state(location, OpT::getOperationName());
    OpT::build(builder, state, type, std::forward<Args>(args)...);
    return finish(state, nullptr);
  }
  /// An op with several results; null when it cannot be made.
  mlir::Operation *makeOp(mlir::OperationState &state);

  Value constant(mlir::ElementsAttr value);
  Value constant(ArrayRef<int64_t> values, ArrayRef<int64_t> shape, Type elementType);
  Value vector(ArrayRef<int64_t> values); ///< i64, rank 1
  /// One number in every element of a tensor: rounded, or clamped to an integer type.
  Value splat(double value, ArrayRef<int64_t> shape, Type elementType);
  Value splat(mlir::TypedAttr number, ArrayRef<int64_t> shape, Type elementType); ///< see NN_NumberAttr
  /// A number that broadcasts to `like`: shape [1, 1, ...], same element type.
  Value scalar(double value, Value like);
  Value unary(nn::UnaryKind kind, Value x, double alpha = 0, double beta = 0);
  /// Brings operands to one rank first.
  Value binary(nn::BinaryKind kind, Value x, Value y);
  Value select(Value condition, Value x, Value y);
  Value cast(Value x, Type elementType);
  Value reshape(Value x, ArrayRef<int64_t> shape);
  Value transpose(Value x, ArrayRef<int64_t> perm);
  Value expand(Value x, ArrayRef<int64_t> shape);
  Value slice(Value x, int64_t axis, int64_t start, int64_t size);
  Value concat(ArrayRef<Value> parts, int64_t axis);
  Value reduce(nn::ReduceKind kind, Value x, ArrayRef<int64_t> axes); ///< dims stay as 1
  /// Puts dims of 1 in front until a tensor has this rank.
  Value toRank(Value x, int64_t rank);
  /// [N, C, H, W] -> [N, H, W, C]; [N, C, W] -> [N, 1, W, C]; [N, C, D, H, W] -> [N, D, H, W, C].
  Value toImage(Value x);
  /// The way back to an output of rank 3 to 5, which gets its name on the way.
  Value fromImage(Value x, int64_t rank, size_t output);

  mlir::OpBuilder &builder;

private:
  using InferTypes = mlir::LogicalResult (*)(mlir::MLIRContext *, std::optional<mlir::Location>, mlir::ValueRange,
                                             mlir::DictionaryAttr, mlir::OpaqueProperties, mlir::RegionRange,
                                             llvm::SmallVectorImpl<Type> &);
  Value finish(mlir::OperationState &state, InferTypes infer);
  Type placeholder() { return RankedTensorType::get({}, builder.getF32Type()); }
  onnx::AttributeProto *attribute(StringRef name) const;
  onnx::AttributeProto *typedAttribute(StringRef name, onnx::AttributeProto::AttributeType type);

  GraphImporter &graph;
  Scope &scope;
  onnx::NodeProto &proto;
  NodeRef ref;
  std::string label;
  mlir::Location location;
  bool hasFailed = false;
  mutable llvm::StringSet<> asked;
};

/// Larger kernels, strides, pads and dilations are refused: no arithmetic on windows and sizes can overflow then.
inline constexpr int64_t kMaxWindow = 1 << 24;

/// The dims of a value.
inline ArrayRef<int64_t> shapeOf(Value value) { return mlir::cast<RankedTensorType>(value.getType()).getShape(); }
inline Type elementOf(Value value) { return mlir::cast<RankedTensorType>(value.getType()).getElementType(); }
inline int64_t rankOf(Value value) { return shapeOf(value).size(); }
/// f32 for floats of fewer bits, else the type itself: what sums, squares and scales are computed in.
inline Type wideType(Type type) {
  bool isNarrow = mlir::isa<mlir::FloatType>(type) && type.getIntOrFloatBitWidth() < 32;
  return isNarrow ? mlir::Float32Type::get(type.getContext()) : type;
}
/// Product of dims; no overflow for shapes of values.
int64_t product(ArrayRef<int64_t> dims);

} // namespace nncc::import
#endif
