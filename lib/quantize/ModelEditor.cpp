// See ModelEditor.h. The format is onnx.proto.
#include "lib/quantize/ModelEditor.h"
#include "dialects/nn/ConstantData.h"
#include "lib/import/onnx/ModelFile.h"
#include "mlir/IR/MLIRContext.h"
#include "llvm/Support/xxhash.h"
#include <cstring>

using namespace llvm;

namespace nncc::quantize {

/// Constants of fewer bytes are not worth a name that says something else than what reads them.
static constexpr size_t kLeastShared = 1024;

ChannelIndex::ChannelIndex(ArrayRef<int64_t> shape, int64_t axis) : channels(shape[axis]) {
  for (int64_t dim : shape.drop_front(axis + 1))
    inner *= dim;
}

//===-- Nodes -------------------------------------------------------------===//

const onnx::AttributeProto *attributeOf(const onnx::NodeProto &node, StringRef name) {
  for (const onnx::AttributeProto &attribute : node.attribute())
    if (attribute.name() == name)
      return &attribute;
  return nullptr;
}

int64_t intAttribute(const onnx::NodeProto &node, StringRef name, int64_t otherwise) {
  const onnx::AttributeProto *attribute = attributeOf(node, name);
  return attribute ? attribute->i() : otherwise;
}

float floatAttribute(const onnx::NodeProto &node, StringRef name, float otherwise) {
  const onnx::AttributeProto *attribute = attributeOf(node, name);
  return attribute ? attribute->f() : otherwise;
}

void removeAttribute(onnx::NodeProto &node, StringRef name) {
  for (int i = node.attribute_size(); i-- > 0;)
    if (node.attribute(i).name() == name)
      node.mutable_attribute()->DeleteSubrange(i, 1);
}

onnx::NodeProto makeNode(StringRef op, StringRef name, ArrayRef<std::string> inputs, StringRef output) {
  onnx::NodeProto node;
  node.set_op_type(op.str());
  node.set_name(name.str());
  for (const std::string &input : inputs)
    node.add_input(input);
  node.add_output(output.str());
  return node;
}

void addAttribute(onnx::NodeProto &node, StringRef name, int64_t value) {
  onnx::AttributeProto &attribute = *node.add_attribute();
  attribute.set_name(name.str());
  attribute.set_type(onnx::AttributeProto::INT);
  attribute.set_i(value);
}

void addAttribute(onnx::NodeProto &node, StringRef name, StringRef value) {
  onnx::AttributeProto &attribute = *node.add_attribute();
  attribute.set_name(name.str());
  attribute.set_type(onnx::AttributeProto::STRING);
  attribute.set_s(value.str());
}

void forEachGraph(onnx::GraphProto &graph, function_ref<void(onnx::GraphProto &)> visit) {
  visit(graph);
  for (onnx::NodeProto &node : *graph.mutable_node())
    for (onnx::AttributeProto &attribute : *node.mutable_attribute()) {
      if (attribute.has_g())
        forEachGraph(*attribute.mutable_g(), visit);
      for (onnx::GraphProto &inner : *attribute.mutable_graphs())
        forEachGraph(inner, visit);
    }
}

//===-- Weights in other files --------------------------------------------===//

bool inlineWeights(onnx::ModelProto &model, const std::string &path, std::string &error) {
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  import::WeightReader reader(path, &context);
  auto fail = [&](const Twine &reason, const Twine &) { error = error.empty() ? reason.str() : error; };
  auto makeInline = [&](onnx::TensorProto &tensor) {
    if (tensor.data_location() != onnx::TensorProto::EXTERNAL)
      return;
    auto value = reader.read(tensor, fail);
    auto constant = value ? nn::ConstantReader::get(value) : std::nullopt;
    if (!constant)
      return fail("the value of '" + tensor.name() + "' cannot be read", "");
    tensor.clear_external_data();
    tensor.clear_data_location();
    std::string &bytes = *tensor.mutable_raw_data();
    bytes.clear();
    if (!constant->isSplat())
      bytes.assign(constant->getBytes().data(), constant->getBytes().size());
    else
      for (int64_t i = 0; i < constant->size(); ++i)
        bytes.append(constant->getBytes().data(), constant->getBytes().size());
  };
  forEachGraph(*model.mutable_graph(), [&](onnx::GraphProto &graph) {
    for (onnx::TensorProto &tensor : *graph.mutable_initializer())
      makeInline(tensor);
    for (onnx::NodeProto &node : *graph.mutable_node())
      for (onnx::AttributeProto &attribute : *node.mutable_attribute())
        if (attribute.has_t())
          makeInline(*attribute.mutable_t());
  });
  return error.empty();
}

//===-- The index ---------------------------------------------------------===//

ModelEditor::ModelEditor(onnx::ModelProto model) : proto(std::move(model)) { index(); }

void ModelEditor::index() {
  readCounts.clear(), producers.clear(), initializers.clear(), outputs.clear(), names.clear();
  const onnx::GraphProto &graph = proto.graph();
  for (auto [i, tensor] : enumerate(graph.initializer()))
    initializers[tensor.name()] = i;
  for (auto [i, node] : enumerate(graph.node()))
    for (const std::string &output : node.output())
      producers[output] = i;
  for (const onnx::ValueInfoProto &output : graph.output())
    outputs.insert(output.name());
  forEachGraph(*proto.mutable_graph(), [&](onnx::GraphProto &inner) {
    for (const onnx::TensorProto &tensor : inner.initializer())
      names.insert(tensor.name());
    for (const onnx::ValueInfoProto &input : inner.input())
      names.insert(input.name());
    for (const onnx::NodeProto &node : inner.node()) {
      names.insert(node.name());
      names.insert(node.output().begin(), node.output().end());
      for (const std::string &input : node.input())
        ++readCounts[input];
    }
    for (const onnx::ValueInfoProto &output : inner.output())
      ++readCounts[output.name()];
  });
}

int64_t ModelEditor::opset() const {
  for (const onnx::OperatorSetIdProto &import : proto.opset_import())
    if (import.domain().empty() || import.domain() == "ai.onnx")
      return import.version();
  return 1;
}

void ModelEditor::setOpset(int64_t version) {
  for (onnx::OperatorSetIdProto &import : *proto.mutable_opset_import())
    if (import.domain().empty() || import.domain() == "ai.onnx")
      return import.set_version(version);
  proto.add_opset_import()->set_version(version);
}

void ModelEditor::useDomain(const std::string &domain, int64_t version) {
  for (const onnx::OperatorSetIdProto &import : proto.opset_import())
    if (import.domain() == domain)
      return;
  onnx::OperatorSetIdProto &import = *proto.add_opset_import();
  import.set_domain(domain);
  import.set_version(version);
}

const onnx::TensorProto *ModelEditor::constant(const std::string &name) const {
  const std::string *from = &name;
  for (int left = proto.graph().node_size(); left >= 0; --left) { // a file may hold circles, which the importer refuses
    if (auto known = initializers.find(*from); known != initializers.end())
      return &proto.graph().initializer(known->second);
    int maker = producer(*from);
    if (maker < 0)
      return nullptr;
    const onnx::NodeProto &node = proto.graph().node(maker);
    if (node.op_type() == "Identity" && node.input_size() == 1) {
      from = &node.input(0);
      continue;
    }
    const onnx::AttributeProto *value = node.op_type() == "Constant" ? attributeOf(node, "value") : nullptr;
    return value && value->has_t() ? &value->t() : nullptr;
  }
  return nullptr;
}

bool isOnnx(const onnx::NodeProto &node) { return node.domain().empty() || node.domain() == "ai.onnx"; }

void setInput(onnx::NodeProto &node, int index, const std::string &name) {
  while (node.input_size() <= index)
    node.add_input("");
  node.set_input(index, name);
}

/// The values of a tensor, from its bytes or from the field of its type; nothing where they are not as many as they
/// have to be.
template <typename T, typename Field>
static std::optional<std::vector<T>> valuesOf(const onnx::TensorProto &tensor, const Field &typed) {
  std::vector<int64_t> shape(tensor.dims().begin(), tensor.dims().end());
  if (tensor.data_type() != kDataType<T> || import::checkShape(shape))
    return std::nullopt;
  size_t count = 1;
  for (int64_t dim : shape)
    count *= dim;
  const std::string &raw = tensor.raw_data();
  if (tensor.has_raw_data() ? raw.size() != count * sizeof(T) : (size_t)typed.size() != count)
    return std::nullopt;
  std::vector<T> values(count);
  if (count)
    std::memcpy(values.data(), tensor.has_raw_data() ? (const void *)raw.data() : typed.data(), count * sizeof(T));
  return values;
}

std::optional<FloatTensor> ModelEditor::floats(const std::string &name) const {
  const onnx::TensorProto *tensor = constant(name);
  auto values = tensor ? valuesOf<float>(*tensor, tensor->float_data()) : std::nullopt;
  if (!values)
    return std::nullopt;
  return FloatTensor{{tensor->dims().begin(), tensor->dims().end()}, std::move(*values)};
}

std::optional<std::vector<int64_t>> ModelEditor::integers(const std::string &name) const {
  const onnx::TensorProto *tensor = constant(name);
  return tensor ? valuesOf<int64_t>(*tensor, tensor->int64_data()) : std::nullopt;
}

int ModelEditor::producer(const std::string &name) const {
  auto known = producers.find(name);
  return known == producers.end() ? -1 : known->second;
}

unsigned ModelEditor::readers(const std::string &name) const {
  auto known = readCounts.find(name);
  return known == readCounts.end() ? 0 : known->second;
}

std::vector<std::string> ModelEditor::callerInputs() const {
  std::vector<std::string> result;
  for (const onnx::ValueInfoProto &input : proto.graph().input())
    if (!initializers.count(input.name()))
      result.push_back(input.name());
  return result;
}

std::string ModelEditor::nameOf(int index) const {
  const onnx::NodeProto &node = proto.graph().node(index);
  return !node.name().empty() || !node.output_size() ? node.name() : node.output(0);
}

//===-- Changes -----------------------------------------------------------===//

std::string ModelEditor::freshName(const std::string &wanted) {
  std::string name = wanted;
  for (unsigned i = 1; !names.insert(name).second; ++i)
    name = wanted + "_" + std::to_string(i);
  return name;
}

std::string ModelEditor::addConstant(const std::string &wanted, int32_t type, ArrayRef<int64_t> shape,
                                     ArrayRef<char> bytes) {
  onnx::TensorProto added;
  added.set_data_type(type);
  for (int64_t dim : shape)
    added.add_dims(dim);
  added.set_raw_data(bytes.data(), bytes.size());
  std::vector<std::string> *alike = nullptr;
  if (bytes.size() >= kLeastShared) {
    alike = &large[xxh3_64bits(StringRef(bytes.data(), bytes.size()))];
    for (const onnx::TensorProto &tensor : graph().initializer())
      if (is_contained(*alike, tensor.name()) && tensor.data_type() == type && equal(tensor.dims(), shape) &&
          tensor.raw_data() == added.raw_data())
        return tensor.name();
  }
  added.set_name(freshName(wanted));
  if (alike)
    alike->push_back(added.name());
  *proto.mutable_graph()->add_initializer() = std::move(added);
  return graph().initializer(graph().initializer_size() - 1).name();
}

void ModelEditor::apply() {
  onnx::GraphProto &graph = *proto.mutable_graph();
  google::protobuf::RepeatedPtrField<onnx::NodeProto> old;
  old.Swap(graph.mutable_node());
  for (auto [i, node] : enumerate(old)) {
    if (auto added = inserted.find(i); added != inserted.end())
      for (onnx::NodeProto &before : added->second)
        *graph.add_node() = std::move(before);
    if (!removed.count(i))
      graph.add_node()->Swap(&node);
  }
  inserted.clear(), removed.clear();
  index();
  dropUnreadConstants();
}

void ModelEditor::dropUnreadConstants() {
  onnx::GraphProto &graph = *proto.mutable_graph();
  auto isUnread = [&](const std::string &name) { return !readers(name); };
  for (bool isChanged = true; isChanged; index()) { // nodes first: they read initializers
    isChanged = false;
    for (int i = graph.node_size(); i-- > 0;) {
      const onnx::NodeProto &node = graph.node(i);
      if ((node.op_type() == "Constant" || node.op_type() == "Identity") && node.output_size() == 1 &&
          isUnread(node.output(0))) {
        graph.mutable_node()->DeleteSubrange(i, 1);
        isChanged = true;
      }
    }
  }
  for (int i = graph.initializer_size(); i-- > 0;) {
    const std::string &name = graph.initializer(i).name();
    if (!isUnread(name))
      continue;
    for (int k = graph.input_size(); k-- > 0;) // files of IR version 3 list weights as inputs
      if (graph.input(k).name() == name)
        graph.mutable_input()->DeleteSubrange(k, 1);
    graph.mutable_initializer()->DeleteSubrange(i, 1);
  }
  index();
}

} // namespace nncc::quantize
