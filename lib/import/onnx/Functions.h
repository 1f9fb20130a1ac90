// What a call gives to a function that the model itself defines.
#ifndef NNCC_LIB_IMPORT_ONNX_FUNCTIONS_H
#define NNCC_LIB_IMPORT_ONNX_FUNCTIONS_H
#include "onnx/onnx_pb.h"
#include <map>
#include <optional>
#include <string>

namespace nncc::import {

/// Attributes by the names that a function's body refers to them by.
using Arguments = std::map<std::string, onnx::AttributeProto>;

/// The attributes of a call, and the function's defaults for those that it lacks.
///
/// returns  none for an overload, which calls are not told apart by here
/// source   FunctionProto in onnx.proto, IR version 10
std::optional<Arguments> argumentsOf(const onnx::NodeProto &call, const onnx::FunctionProto &function);

/// Puts arguments where a node of a function's body refers to them (`ref_attr_name`), in subgraphs too.
void substitute(onnx::NodeProto &node, const Arguments &arguments);

} // namespace nncc::import
#endif
