// See ModelInfo.h.
#include "lib/driver/ModelInfo.h"

using namespace llvm;

namespace nncc {

static json::Value valueJson(const OnnxValueInfo &value) {
  json::Array dims;
  for (const OnnxDim &dim : value.dims)
    dims.push_back(dim.size >= 0 ? json::Value(dim.size) : json::Value(json::fixUTF8(dim.key)));
  return json::Object{{"name", json::fixUTF8(value.name)}, {"type", value.type}, {"shape", std::move(dims)}};
}

json::Object infoJson(const OnnxModelInfo &info) {
  json::Array inputs, outputs;
  for (const OnnxValueInfo &input : info.inputs)
    inputs.push_back(valueJson(input));
  for (const OnnxValueInfo &output : info.outputs)
    outputs.push_back(valueJson(output));
  json::Object opsets, ops;
  for (auto &[domain, version] : info.opsets)
    opsets[json::fixUTF8(domain.empty() ? "ai.onnx" : domain)] = version;
  for (auto &[op, count] : info.ops)
    ops[json::fixUTF8(op)] = int64_t(count);
  return json::Object{{"producer", json::fixUTF8(info.producer)},
                      {"inputs", std::move(inputs)},
                      {"outputs", std::move(outputs)},
                      {"opsets", std::move(opsets)},
                      {"ops", std::move(ops)}};
}

} // namespace nncc
