// See Stored.h. What becomes one kernel: passes/graph/FormKernels.cpp.
#include "lib/quantize/Stored.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringSet.h"

using namespace llvm;

namespace nncc::quantize {

namespace {

/// What a node does with its first operand, of floats.
enum class Role {
  Elementwise, ///< with all its operands: a part of the kernel that makes one of them
  Moves,       ///< its elements, to others
  Averages,    ///< some of its elements
  Multiplies,  ///< it with weights, or with what is computed
  Floats,      ///< what is computed in floats, from memory
  None,        ///< what gives no floats, or is not known
};

bool isIn(StringRef op, std::initializer_list<StringRef> ops) { return is_contained(ops, op); }

std::string textAttribute(const onnx::NodeProto &node, StringRef name, StringRef otherwise) {
  const onnx::AttributeProto *attribute = attributeOf(node, name);
  return attribute ? attribute->s() : otherwise.str();
}

class StoredFinder {
public:
  explicit StoredFinder(const ModelEditor &editor) : editor(editor) {
    findFloats();
    for (auto [i, node] : enumerate(editor.graph().node()))
      for (const std::string &input : node.input())
        if (isFloat(input) && node.op_type() != "Shape" && node.op_type() != "Size")
          readers[input].insert((int)i);
  }

  std::vector<StoredTensor> run() {
    findReadInBytes();
    std::vector<StoredTensor> result;
    for (auto [i, node] : enumerate(editor.graph().node())) {
      Role role = roleOf(node);
      for (const std::string &tensor : node.output()) {
        if (!isFloat(tensor) || inside.count(tensor) || !readInBytes.count(tensor))
          continue;
        bool staysInside = growKernel(tensor, isSum(node));
        if (staysInside && role != Role::Moves && role != Role::Averages)
          continue;
        stored.insert(tensor);
        result.push_back({tensor, tensor, role == Role::Averages});
        if (role == Role::Moves)
          for (const std::string &moved : node.input())
            if (stored.count(moved))
              leaders[leaderOf(moved)] = leaderOf(tensor);
      }
    }
    for (StoredTensor &tensor : result)
      tensor.shares = leaderOf(tensor.name);
    return result;
  }

private:
  bool isFloat(const std::string &tensor) const { return floats.count(tensor); }

  Role roleOf(const onnx::NodeProto &node) const {
    StringRef op = node.op_type();
    if (!isOnnx(node))
      return Role::None;
    if (isIn(op, {"Conv", "ConvTranspose", "MatMul", "Gemm"}))
      return Role::Multiplies;
    if (isIn(op, {"Relu",      "LeakyRelu",
                  "PRelu",     "Clip",
                  "Sigmoid",   "HardSigmoid",
                  "HardSwish", "Tanh",
                  "Elu",       "Selu",
                  "Celu",      "Softplus",
                  "Softsign",  "Erf",
                  "Exp",       "Log",
                  "Sqrt",      "Abs",
                  "Neg",       "Floor",
                  "Ceil",      "Round",
                  "Gelu",      "Mish",
                  "Swish",     "Reciprocal",
                  "Sin",       "Cos",
                  "Add",       "Sub",
                  "Mul",       "Div",
                  "Pow",       "Max",
                  "Min",       "Sum",
                  "Identity",  "ThresholdedRelu"}))
      return Role::Elementwise;
    if (op == "BatchNormalization")
      return any_of(drop_begin(node.input()), [&](const std::string &name) { return !editor.constant(name); })
                 ? Role::Floats
                 : Role::Elementwise;
    if (isIn(op, {"MaxPool", "Concat", "Transpose", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Slice", "Split",
                  "Gather", "DepthToSpace", "SpaceToDepth", "Dropout"}))
      return Role::Moves;
    if (op == "Pad")
      return padsZeros(node) ? Role::Moves : Role::Floats;
    if (isIn(op, {"Resize", "Upsample"}))
      return textAttribute(node, "mode", "nearest") == "nearest" &&
                     textAttribute(node, "coordinate_transformation_mode", "") != "tf_crop_and_resize"
                 ? Role::Moves
                 : Role::Floats;
    if (isIn(op, {"AveragePool", "GlobalAveragePool", "ReduceMean"}))
      return Role::Averages;
    if (isIn(op, {"Softmax", "LogSoftmax", "LayerNormalization", "InstanceNormalization", "GroupNormalization", "LRN",
                  "LpNormalization", "GlobalMaxPool", "Expand", "Tile", "ReduceSum", "ReduceMax", "ReduceMin",
                  "ReduceL2", "LSTM", "GRU", "RNN"}))
      return Role::Floats;
    return Role::None;
  }

  bool padsZeros(const onnx::NodeProto &node) const {
    if (textAttribute(node, "mode", "constant") != "constant" || node.input_size() < 3 || node.input(2).empty())
      return true;
    auto value = editor.floats(node.input(2));
    return value && all_of(value->values, [](float number) { return number == 0; });
  }

  /// Finds what holds f32: what floats are computed of is taken from the operators.
  void findFloats() {
    std::vector<std::string> given = editor.callerInputs();
    for (const onnx::ValueInfoProto &input : editor.graph().input())
      if (is_contained(given, input.name()) && input.type().tensor_type().elem_type() == onnx::TensorProto::FLOAT)
        floats.insert(input.name());
    for (const onnx::NodeProto &node : editor.graph().node()) {
      if (roleOf(node) == Role::None || !any_of(node.input(), [&](const std::string &input) { return isFloat(input); }))
        continue;
      // Masks of Dropout and places of MaxPool are second outputs.
      bool hasMany = node.op_type() == "Split";
      for (int i = 0; i < (hasMany ? node.output_size() : 1); ++i)
        floats.insert(node.output(i));
    }
  }

  /// Finds what somebody reads in bytes, users first: who only moves elements does so where that is read in bytes.
  void findReadInBytes() {
    std::map<std::string, unsigned> found;
    for (const onnx::NodeProto &node : reverse(editor.graph().node())) {
      Role role = roleOf(node);
      bool reads = role == Role::Elementwise || role == Role::Averages || role == Role::Multiplies ||
                   (role == Role::Moves &&
                    any_of(node.output(), [&](const std::string &output) { return readInBytes.count(output); }));
      for (const std::string &input : node.input()) {
        if (!isFloat(input))
          continue;
        ++found[input];
        if (reads && editor.producer(input) >= 0)
          readInBytes.insert(input);
      }
    }
    // What a graph inside of a node reads has its name there, too.
    for (auto &[tensor, count] : found)
      if (editor.readers(tensor) != count + editor.isOutput(tensor))
        readInBytes.erase(tensor);
  }

  /// Adds what is a function of one tensor alone to the kernel that makes it, as long as that has one result. All but
  /// that are inside of it. Returns false where the tensor itself is the result.
  ///
  /// onlyLimits  takes nothing but rectifiers and limits
  bool growKernel(const std::string &tensor, bool onlyLimits) {
    std::set<std::string> made{tensor}, best;
    std::set<int> nodes;
    for (;;) {
      int next = -1;
      for (const std::string &value : made)
        for (int reader : readers[value])
          if (!nodes.count(reader) && (next < 0 || reader < next))
            next = reader;
      if (next < 0 || !isFunctionOf(editor.graph().node(next), made) ||
          (onlyLimits && !isIn(editor.graph().node(next).op_type(), {"Relu", "Clip"})))
        break;
      nodes.insert(next);
      made.insert(editor.graph().node(next).output(0));
      std::set<std::string> within;
      for (const std::string &value : made)
        if (!editor.isOutput(value) && all_of(readers[value], [&](int reader) { return nodes.count(reader); }))
          within.insert(value);
      if (within.size() + 1 == made.size())
        best = std::move(within);
    }
    bool isInside = best.erase(tensor);
    inside.insert(best.begin(), best.end());
    return isInside;
  }

  /// Two tensors are added as bytes where their sum is limited and rounded, and nothing else lies between.
  bool isSum(const onnx::NodeProto &node) const {
    return node.op_type() == "Add" && isFloat(node.input(0)) && isFloat(node.input(1));
  }

  bool isFunctionOf(const onnx::NodeProto &node, const std::set<std::string> &made) const {
    return roleOf(node) == Role::Elementwise && all_of(node.input(), [&](const std::string &input) {
             return input.empty() || made.count(input) || editor.constant(input);
           });
  }

  std::string leaderOf(const std::string &tensor) const {
    auto known = leaders.find(tensor);
    return known == leaders.end() || known->second == tensor ? tensor : leaderOf(known->second);
  }

  const ModelEditor &editor;
  std::set<std::string> floats, readInBytes, inside, stored;
  std::map<std::string, std::set<int>> readers;
  std::map<std::string, std::string> leaders;
};

} // namespace

std::vector<StoredTensor> findStored(const ModelEditor &editor) { return StoredFinder(editor).run(); }

} // namespace nncc::quantize
