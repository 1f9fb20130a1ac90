// See Stored.h. What becomes one kernel: passes/graph/FormKernels.cpp.
#include "lib/quantize/Stored.h"
#include "llvm/ADT/STLExtras.h"

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
    if (!isOnnx(node) || node.input().empty())
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
      if (!makesFloats(node))
        continue;
      // Masks of Dropout and places of MaxPool are second outputs.
      int outputs = node.op_type() == "Split" ? node.output_size() : std::min(node.output_size(), 1);
      for (int i = 0; i < outputs; ++i)
        if (!node.output(i).empty())
          floats.insert(node.output(i));
    }
  }

  /// Whether the first output of a node is of f32, by the inputs that have its type.
  bool makesFloats(const onnx::NodeProto &node) const {
    auto isF32 = [&](const std::string &input) {
      const onnx::TensorProto *constant = editor.constant(input);
      return isFloat(input) || (constant && constant->data_type() == onnx::TensorProto::FLOAT);
    };
    StringRef op = node.op_type();
    Role role = roleOf(node);
    if (node.input().empty())
      return false;
    if (isOnnx(node) && op == "Cast")
      return intAttribute(node, "to", 0) == onnx::TensorProto::FLOAT;
    if (isOnnx(node) && op == "Where")
      return any_of(drop_begin(node.input()), isF32);
    if (role == Role::None)
      return false;
    bool haveAllItsType = (role == Role::Elementwise && op != "Pow") || role == Role::Multiplies || op == "Concat";
    return haveAllItsType ? any_of(node.input(), isF32) : isF32(node.input(0));
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
    // Every tensor has a kernel that is grown: long ones would make long chains a matter of their square.
    constexpr size_t kMostNodes = 256;
    std::vector<std::string> made; // in the order in which they are
    std::set<std::string> isMade;
    std::map<std::string, size_t> unfinished; // of those: readers that are not in the kernel
    std::set<int> next;
    size_t nodes = 0;
    size_t best = 0; // so many of those that are made, of which one is the result
    std::string result;
    auto make = [&](const std::string &value) {
      made.push_back(value);
      isMade.insert(value);
      const std::set<int> &all = readers[value];
      next.insert(all.begin(), all.end());
      if (size_t count = all.size() + editor.isOutput(value))
        unfinished[value] = count;
      if (unfinished.size() == 1) {
        best = made.size();
        result = unfinished.begin()->first;
      }
    };
    make(tensor);
    while (!next.empty() && nodes < kMostNodes) {
      const onnx::NodeProto &node = editor.graph().node(*next.begin());
      if (!isFunctionOf(node, isMade) || (onlyLimits && !isIn(node.op_type(), {"Relu", "Clip"})))
        break;
      next.erase(next.begin());
      ++nodes;
      for (const std::string &input : std::set<std::string>(node.input().begin(), node.input().end()))
        if (auto known = unfinished.find(input); known != unfinished.end() && --known->second == 0)
          unfinished.erase(known);
      make(node.output(0));
    }
    made.resize(best);
    for (const std::string &value : made)
      if (value != result && value != tensor)
        inside.insert(value);
    return best > 0 && result != tensor;
  }

  /// Two tensors are added as bytes where their sum is limited and rounded, and nothing else lies between.
  bool isSum(const onnx::NodeProto &node) const {
    return node.op_type() == "Add" && node.input_size() == 2 && isFloat(node.input(0)) && isFloat(node.input(1));
  }

  bool isFunctionOf(const onnx::NodeProto &node, const std::set<std::string> &made) const {
    return roleOf(node) == Role::Elementwise && node.output_size() == 1 && !node.output(0).empty() &&
           all_of(node.input(), [&](const std::string &input) {
             return input.empty() || made.count(input) || editor.constant(input);
           });
  }

  std::string leaderOf(const std::string &tensor) {
    std::string leader = tensor;
    for (auto known = leaders.find(leader); known != leaders.end() && known->second != leader;
         known = leaders.find(leader))
      leader = known->second;
    // The way is shorter the next time.
    for (std::string at = tensor; at != leader;)
      at = std::exchange(leaders[at], leader);
    return leader;
  }

  const ModelEditor &editor;
  std::set<std::string> floats, readInBytes, inside, stored;
  std::map<std::string, std::set<int>> readers;
  std::map<std::string, std::string> leaders;
};

} // namespace

std::vector<StoredTensor> findStored(const ModelEditor &editor) { return StoredFinder(editor).run(); }

} // namespace nncc::quantize
