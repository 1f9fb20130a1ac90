// See Deciding.h.
#include "lib/import/onnx/Deciding.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/Endian.h"
#include <set>

using namespace llvm;

namespace nncc::import {
namespace {

StringSet<> setOf(StringRef list) {
  StringSet<> set;
  for (StringRef word : split(list, ' '))
    set.insert(word);
  return set;
}

/// True for an operand that the importer has to know (Node::integersOf, readElements and their like).
bool decides(StringRef op, unsigned operand) {
  static const StringSet<> operands =
      setOf("AffineGrid:1 CenterCropPad:1 Col2Im:1 Col2Im:2 ConstantOfShape:0 CumSum:1 DFT:1 DFT:2 Expand:1 If:0 "
            "Loop:0 Loop:1 "
            "MaxUnpool:2 OneHot:1 Pad:1 Pad:3 Range:0 Range:1 Range:2 ReduceMax:1 ReduceMean:1 ReduceMin:1 "
            "ReduceSum:1 Reshape:1 Resize:2 Resize:3 STFT:1 STFT:3 SequenceAt:1 Slice:1 Slice:2 Slice:3 "
            "Slice:4 Split:1 SplitToSequence:1 Squeeze:1 Tile:1 TopK:1 Trilu:1 Unsqueeze:1 Upsample:1");
  return operands.contains((op + ":" + Twine(operand)).str());
}

/// Operators through which a number stays one that may decide.
bool isArithmetic(StringRef op) {
  static const StringSet<> ops =
      setOf("Abs Add And Cast Ceil Concat Div Equal Expand Floor Gather Greater GreaterOrEqual Less "
            "LessOrEqual Max Min Mod Mul Neg Not Identity Or Reshape Round Slice Squeeze Sub Unsqueeze Where "
            "Xor ReduceMax ReduceMin ReduceSum ReduceProd");
  return ops.contains(op);
}

/// A constant of one element as text.
std::optional<std::string> numberOf(const onnx::TensorProto &tensor) {
  int64_t count = 1;
  for (int64_t dim : tensor.dims())
    count *= dim;
  if (count != 1 || tensor.data_location() == onnx::TensorProto::EXTERNAL)
    return std::nullopt;
  if (tensor.data_type() == onnx::TensorProto::INT64) {
    if (tensor.int64_data_size() == 1)
      return std::to_string(tensor.int64_data(0));
    if (tensor.raw_data().size() == 8)
      return std::to_string(int64_t(support::endian::read64le(tensor.raw_data().data())));
  }
  if (tensor.data_type() == onnx::TensorProto::INT32) {
    if (tensor.int32_data_size() == 1)
      return std::to_string(tensor.int32_data(0));
    if (tensor.raw_data().size() == 4)
      return std::to_string(int32_t(support::endian::read32le(tensor.raw_data().data())));
  }
  return std::nullopt;
}

class Search {
public:
  explicit Search(const onnx::GraphProto &graph) {
    for (const auto &input : graph.input())
      if (mayDecide(input.type()))
        sources[input.name()] = {input.name()};
    visit(graph);
    StringSet<> weights;
    for (const auto &weight : graph.initializer())
      weights.insert(weight.name());
    for (const auto &input : graph.input())
      if (deciding.count(input.name()) && !weights.contains(input.name()))
        found.push_back({input.name(), examples.count(input.name()) ? examples[input.name()] : "1"});
  }

  std::vector<OnnxDecidingInput> found;

private:
  static bool mayDecide(const onnx::TypeProto &type) {
    const onnx::TypeProto::Tensor &tensor = type.tensor_type();
    bool isNumber =
        is_contained({onnx::TensorProto::INT32, onnx::TensorProto::INT64, onnx::TensorProto::BOOL}, tensor.elem_type());
    return type.has_tensor_type() && isNumber && tensor.shape().dim_size() <= 1;
  }

  /// Once, in the order of the file, which is the order of computation in what exporters write.
  void visit(const onnx::GraphProto &graph) {
    for (const auto &weight : graph.initializer())
      if (auto number = numberOf(weight))
        numbers[weight.name()] = *number;
    for (const onnx::NodeProto &node : graph.node()) {
      readNode(node);
      for (const onnx::AttributeProto &attribute : node.attribute())
        if (attribute.has_g())
          visit(attribute.g());
    }
  }

  void readNode(const onnx::NodeProto &node) {
    if (node.op_type() == "Constant" && node.output_size() == 1)
      for (const onnx::AttributeProto &attribute : node.attribute()) {
        if (attribute.has_t())
          if (auto number = numberOf(attribute.t()))
            numbers[node.output(0)] = *number;
        if (attribute.name() == "value_int")
          numbers[node.output(0)] = std::to_string(attribute.i());
      }
    for (auto [i, input] : enumerate(node.input()))
      if (auto from = sources.find(input); from != sources.end() && decides(node.op_type(), i))
        deciding.insert(from->second.begin(), from->second.end());
    if (!isArithmetic(node.op_type()))
      return;
    std::set<std::string> from;
    for (const std::string &input : node.input())
      if (auto known = sources.find(input); known != sources.end())
        from.insert(known->second.begin(), known->second.end());
    if (from.empty())
      return;
    if (node.op_type() == "Equal" && from.size() == 1)
      for (const std::string &input : node.input())
        if (auto number = numbers.find(input); number != numbers.end())
          examples.try_emplace(*from.begin(), number->second);
    for (const std::string &output : node.output())
      sources[output].insert(from.begin(), from.end());
  }

  StringMap<std::set<std::string>> sources; ///< the inputs that a value is computed from
  StringMap<std::string> numbers;           ///< constants of one element
  std::map<std::string, std::string> examples;
  std::set<std::string> deciding;
};

} // namespace

std::vector<OnnxDecidingInput> decidingInputs(const onnx::GraphProto &graph) { return Search(graph).found; }

} // namespace nncc::import
