// See Functions.h.
#include "lib/import/onnx/Functions.h"

namespace nncc::import {

std::optional<Arguments> argumentsOf(const onnx::NodeProto &call, const onnx::FunctionProto &function) {
  Arguments arguments;
  // Defaults are FunctionProto.attribute_proto, field 11 (IR version 9): newer than the library's classes. So is
  // overload, field 13.
  const auto &unknown = function.unknown_fields();
  for (int i = 0; i < unknown.field_count(); ++i) {
    const auto &field = unknown.field(i);
    if (field.type() != google::protobuf::UnknownField::TYPE_LENGTH_DELIMITED)
      continue;
    onnx::AttributeProto attribute;
    if (field.number() == 11 && attribute.ParseFromString(field.length_delimited()))
      arguments[attribute.name()] = attribute;
    else if (field.number() == 13 && !field.length_delimited().empty())
      return std::nullopt;
  }
  for (const onnx::AttributeProto &attribute : call.attribute())
    arguments[attribute.name()] = attribute;
  return arguments;
}

void substitute(onnx::NodeProto &node, const Arguments &arguments) {
  auto *attributes = node.mutable_attribute();
  for (int i = attributes->size(); i-- > 0;) {
    onnx::AttributeProto &attribute = *attributes->Mutable(i);
    if (attribute.has_g())
      for (onnx::NodeProto &inner : *attribute.mutable_g()->mutable_node())
        substitute(inner, arguments);
    if (attribute.ref_attr_name().empty())
      continue;
    auto found = arguments.find(attribute.ref_attr_name());
    std::string name = attribute.name();
    if (found == arguments.end()) {
      attributes->DeleteSubrange(i, 1); // absent at the call: the operator's own default
    } else {
      attribute = found->second;
      attribute.set_name(name);
    }
  }
}

} // namespace nncc::import
