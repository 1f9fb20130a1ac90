// See DataSet.h.
#include "lib/driver/DataSet.h"
#include "codegen/emit/Identifiers.h"
#include "lib/driver/BuildAndLoad.h"
#include "lib/driver/Compile.h"
#include "lib/driver/Diagnostics.h"
#include "lib/driver/Dump.h"
#include "lib/import/onnx/InputFormat.h"
#include <numeric>

using namespace llvm;

namespace nncc {

/// The dims of an input in the model, -1 for those that are open.
static std::vector<int64_t> dimsOf(const OnnxValueInfo &input, const ImportOptions &import) {
  std::vector<int64_t> dims;
  for (const OnnxDim &dim : input.dims) {
    auto bound = import.dims.find(dim.key);
    dims.push_back(dim.size >= 0 || bound == import.dims.end() ? dim.size : bound->second);
  }
  return dims;
}

std::string sampleTypeOf(const InputFormat &format) {
  using Element = InputFormat::Element;
  return format.element == Element::U8 ? "ui8" : format.element == Element::S8 ? "i8" : "f32";
}

/// Type and dims of an input's memory.
static SamplePort portOf(const OnnxValueInfo &input, unsigned index, const ImportOptions &import) {
  SamplePort port{input.name, cIdentifiers({input.name})[0], input.type == "bool" ? "i1" : input.type,
                  dimsOf(input, import), index};
  auto text = import.inputFormats.find(input.name);
  auto format = text == import.inputFormats.end() ? Expected<InputFormat>(createStringError(""))
                                                  : InputFormat::parse(text->second);
  if (!format) { // what is wrong with it is said where the model is imported
    consumeError(format.takeError());
    return port;
  }
  port.type = sampleTypeOf(*format);
  port.shape = format->memoryShape(port.shape);
  return port;
}

std::optional<std::vector<SamplePort>> inputPorts(StringRef model, StringRef dataSet, ImportOptions &import,
                                                  ArrayRef<std::string> others) {
  if (Error error = requireOnnx(model, "the data set '" + dataSet + "'")) {
    reportError(std::move(error));
    return std::nullopt;
  }
  auto context = makeContext();
  DiagnosticPrinter printer(*context, model.str(), terminalSink());
  auto info = readOnnxModelInfo(model, import, *context);
  if (failed(info)) {
    printer.exitStatus();
    return std::nullopt;
  }
  std::vector<SamplePort> ports;
  std::vector<bool> isOpen;
  for (auto [index, input] : enumerate(info->inputs)) {
    if (import.binds.count(input.name) || is_contained(others, input.name))
      continue;
    ports.push_back(portOf(input, index, import));
    auto asked = import.inputShapes.find(input.name); // --shape
    if (asked != import.inputShapes.end())
      ports.back().shape = asked->second;
    isOpen.push_back(asked == import.inputShapes.end() && (!input.hasShape || is_contained(ports.back().shape, -1)));
  }
  auto shapes = sampleShapes(dataSet, ports);
  if (!shapes) {
    reportError(shapes.takeError());
    return std::nullopt;
  }
  for (auto [port, shape, open] : zip(ports, *shapes, isOpen))
    if (open)
      port.shape = import.inputShapes[port.name] = shape;
  return ports;
}

std::vector<SamplePort> outputPorts(const ModelPlan &plan) {
  std::vector<SamplePort> ports;
  for (auto [index, port] : enumerate(plan.outputs))
    ports.push_back({port.name, port.identifier, typeName(port.elementType), port.shape, unsigned(index)});
  return ports;
}

} // namespace nncc
