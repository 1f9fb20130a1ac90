// An ONNX model that is looked at and changed as a file: constants, who reads what, new names.
#ifndef NNCC_LIB_QUANTIZE_MODELEDITOR_H
#define NNCC_LIB_QUANTIZE_MODELEDITOR_H
#include "onnx/onnx_pb.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace nncc::quantize {

/// A tensor of f32.
struct FloatTensor {
  std::vector<int64_t> shape;
  std::vector<float> values;

  int64_t dim(int64_t axis) const { return shape[axis]; }
  int64_t rank() const { return shape.size(); }
};

/// How many elements a tensor's channel has in a row, and how far apart the channels begin: element i is of channel
/// (i / inner) % channels.
struct ChannelIndex {
  int64_t inner = 1, channels = 1;
  ChannelIndex(llvm::ArrayRef<int64_t> shape, int64_t axis);
  int64_t of(int64_t element) const { return element / inner % channels; }
};

/// The attribute of a node; null where it has none of this name.
const onnx::AttributeProto *attributeOf(const onnx::NodeProto &node, llvm::StringRef name);
int64_t intAttribute(const onnx::NodeProto &node, llvm::StringRef name, int64_t otherwise);
float floatAttribute(const onnx::NodeProto &node, llvm::StringRef name, float otherwise);
void removeAttribute(onnx::NodeProto &node, llvm::StringRef name);
onnx::NodeProto makeNode(llvm::StringRef op, llvm::StringRef name, llvm::ArrayRef<std::string> inputs,
                         llvm::StringRef output);
/// Whether the node's operator is one of ONNX itself.
bool isOnnx(const onnx::NodeProto &node);
/// Those in front of it that are missing are left out: their names are empty.
void setInput(onnx::NodeProto &node, int index, const std::string &name);
void addAttribute(onnx::NodeProto &node, llvm::StringRef name, int64_t value);
void addAttribute(onnx::NodeProto &node, llvm::StringRef name, llvm::StringRef value);

/// The element type of bytes that addConstant() is given.
template <typename T> inline constexpr int32_t kDataType = 0;
template <> inline constexpr int32_t kDataType<float> = onnx::TensorProto::FLOAT;
template <> inline constexpr int32_t kDataType<int8_t> = onnx::TensorProto::INT8;
template <> inline constexpr int32_t kDataType<uint8_t> = onnx::TensorProto::UINT8;
template <> inline constexpr int32_t kDataType<int32_t> = onnx::TensorProto::INT32;
template <> inline constexpr int32_t kDataType<int64_t> = onnx::TensorProto::INT64;

/// A model and an index of its main graph. What a subgraph reads counts as read. Nodes are named by their position,
/// which stays until apply().
class ModelEditor {
public:
  explicit ModelEditor(onnx::ModelProto model);

  const onnx::ModelProto &model() const { return proto; }
  onnx::ModelProto &mutableModel() { return proto; }
  const onnx::GraphProto &graph() const { return proto.graph(); }
  onnx::NodeProto &node(int index) { return *proto.mutable_graph()->mutable_node(index); }

  /// The opset of ONNX's own domain.
  int64_t opset() const;
  void setOpset(int64_t version);

  /// An initializer or the value of a Constant, also behind Identity; null for what is computed.
  const onnx::TensorProto *constant(const std::string &name) const;
  /// A constant of f32. The bytes have to be in the model: see inlineWeights().
  std::optional<FloatTensor> floats(const std::string &name) const;
  /// The values of a constant of i64.
  std::optional<std::vector<int64_t>> integers(const std::string &name) const;
  /// The node that computes a tensor, or -1.
  int producer(const std::string &name) const;
  /// How often a tensor is read, by nodes and as an output of the model.
  unsigned readers(const std::string &name) const;
  bool isOutput(const std::string &name) const { return outputs.count(name); }
  /// The inputs that a caller gives: those without a value in the file.
  std::vector<std::string> callerInputs() const;
  /// What people call a node: its name, else its first output.
  std::string nameOf(int index) const;

  /// A name that nothing has.
  std::string freshName(const std::string &wanted);
  /// Adds an initializer under a fresh name, and returns that. Of equal large ones there is one: weights may be read by
  /// several nodes, each of which writes what it makes of them.
  template <typename T>
  std::string addConstant(const std::string &wanted, llvm::ArrayRef<int64_t> shape, llvm::ArrayRef<T> values) {
    return addConstant(wanted, kDataType<T>, shape, {(const char *)values.data(), values.size() * sizeof(T)});
  }
  /// The same for any element type of ONNX, as bytes.
  std::string addConstant(const std::string &wanted, int32_t type, llvm::ArrayRef<int64_t> shape,
                          llvm::ArrayRef<char> bytes);
  /// Lets the model use operators of another domain; the version counts where it does not do so yet.
  void useDomain(const std::string &domain, int64_t version);

  /// Puts a node in front of another, behind those put there before; returns it, until the next one.
  onnx::NodeProto &insertBefore(int index, onnx::NodeProto node) {
    return inserted[index].emplace_back(std::move(node));
  }
  void removeNode(int index) { removed.insert(index); }
  /// Carries out insertions and removals, drops constants that nothing reads any more, and makes the index anew.
  void apply();

private:
  void index();
  void dropUnreadConstants();

  onnx::ModelProto proto;
  std::map<std::string, unsigned> readCounts;
  std::map<std::string, int> producers, initializers;
  std::set<std::string> outputs, names;
  std::map<uint64_t, std::vector<std::string>> large; ///< constants that were added, by the hash of their bytes
  std::map<int, std::vector<onnx::NodeProto>> inserted;
  std::set<int> removed;
};

/// Calls back for every node list of a model: the main graph and all graphs inside of it.
void forEachGraph(onnx::GraphProto &graph, llvm::function_ref<void(onnx::GraphProto &)> visit);

/// Brings the values of external tensors into the model. error: what is wrong with a file, and false
bool inlineWeights(onnx::ModelProto &model, const std::string &path, std::string &error);

} // namespace nncc::quantize
#endif
