// nncc inspect: what a model needs, what its kernels are, what memory they take. Generates no code.
#include "lib/driver/BuildAndLoad.h"
#include "lib/driver/CommandLine.h"
#include "lib/driver/Diagnostics.h"
#include "lib/driver/Remarks.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/Format.h"

using namespace llvm;

namespace nncc {

namespace {

std::string shapeText(const OnnxValueInfo &value) {
  if (!value.hasShape)
    return value.type + "[?]";
  std::string text = value.type + "[";
  for (auto [i, dim] : enumerate(value.dims))
    text += (i ? ", " : "") + (dim.size >= 0 ? std::to_string(dim.size) : dim.key);
  return text + "]";
}

/// Tensors alive in the fullest kernel, biggest first.
std::vector<PeakTensor> aliveAtPeak(const ModelPlan &plan) {
  std::vector<PeakTensor> alive = plan.peakTensors;
  sort(alive, [](const PeakTensor &a, const PeakTensor &b) {
    return std::tie(b.bytes, a.byteOffset, a.tensor) < std::tie(a.bytes, b.byteOffset, b.tensor);
  });
  return alive;
}

void printFile(const OnnxModelInfo &info) {
  outs() << "model   " << modelArgument() << "\n";
  if (!info.producer.empty())
    outs() << "made by " << info.producer << "\n";
  outs() << "opset  ";
  for (auto &[domain, version] : info.opsets)
    outs() << " " << (domain.empty() ? "" : domain + " ") << version;
  outs() << "\n\n";
  for (const OnnxValueInfo &input : info.inputs)
    outs() << "input   '" << input.name << "' " << shapeText(input) << "\n";
  for (const OnnxValueInfo &output : info.outputs)
    outs() << "output  '" << output.name << "' " << shapeText(output) << "\n";
  std::vector<std::string> open;
  for (const OnnxValueInfo &input : info.inputs)
    for (const OnnxDim &dim : input.dims)
      if (dim.size < 0 && !is_contained(open, dim.key))
        open.push_back(dim.key);
  if (!open.empty()) {
    outs() << "to bind";
    for (const std::string &key : open)
      outs() << " --dim " << key << "=N";
    outs() << "\n";
  }
  outs() << "\n" << info.nodes << " nodes:";
  for (auto &[op, count] : info.ops)
    outs() << " " << op << (count > 1 ? " x" + std::to_string(count) : "");
  outs() << "\n";
}

void printPlan(const ModelPlan &plan) {
  for (auto [kind, ports] : {std::pair("input  ", &plan.inputs), std::pair("output ", &plan.outputs)})
    for (const PortPlan &port : *ports)
      if (!port.format.empty())
        outs() << "memory  " << kind << "'" << port.name << "' " << describeType(port.elementType, port.shape) << ", "
               << port.format << "\n";
  outs() << "\nkernels (MACs, weight bytes, written bytes):\n";
  for (auto [index, kernel] : enumerate(plan.kernels)) {
    outs() << format("%4zu  %-28s %-14s %12llu %10llu %10llu", index, kernel.name.c_str(), kernel.op.c_str(),
                     (unsigned long long)kernel.macs, (unsigned long long)kernel.weightBytes,
                     (unsigned long long)kernel.bytesWritten);
    for (const ResultPlan &result : kernel.results)
      outs() << "  " << describeType(result.elementType, result.shape);
    if (!kernel.inPlaceOf.empty())
      outs() << "  in place of '" << kernel.inPlaceOf << "'";
    outs() << "\n";
    if (!kernel.nodes.empty())
      outs() << "        nodes: " << join(kernel.nodes, ", ") << "\n";
  }
  outs() << "\narena   " << plan.arenaBytes << " bytes, lower bound " << plan.arenaLowerBound;
  if (plan.arenaLowerBound > 0)
    outs() << format(" (%.3f x)", double(plan.arenaBytes) / plan.arenaLowerBound);
  outs() << "\nweights " << plan.weightsBytes << " bytes\n";
  if (plan.kernels.empty())
    return;
  outs() << "peak    kernel " << plan.peakKernel << ", " << plan.kernels[plan.peakKernel].name << "; alive there:\n";
  for (const PeakTensor &tensor : aliveAtPeak(plan))
    outs() << format("  %10lld bytes at %-10lld ", (long long)tensor.bytes, (long long)tensor.byteOffset)
           << (tensor.tensor.empty() ? "(unnamed)" : tensor.tensor) << ", written by " << tensor.kernel << "\n";
}

json::Value valueJson(const OnnxValueInfo &value) {
  json::Array dims;
  for (const OnnxDim &dim : value.dims)
    dims.push_back(dim.size >= 0 ? json::Value(dim.size) : json::Value(json::fixUTF8(dim.key)));
  return json::Object{{"name", json::fixUTF8(value.name)}, {"type", value.type}, {"shape", std::move(dims)}};
}

json::Value planJson(const ModelPlan &plan) {
  json::Array kernels, alive;
  std::vector<bool> isRead(plan.inputs.size(), false);
  for (const KernelPlan &kernel : plan.kernels) {
    json::Array nodes, results;
    for (const std::string &node : kernel.nodes)
      nodes.push_back(json::fixUTF8(node));
    for (const ResultPlan &result : kernel.results)
      results.push_back(json::Object{{"tensor", json::fixUTF8(result.tensor)},
                                     {"type", typeName(result.elementType)},
                                     {"shape", json::Array(result.shape)}});
    for (const OperandPlan &operand : kernel.operands)
      if (operand.memory == Memory::Input)
        isRead[operand.index] = true;
    kernels.push_back(json::Object{{"name", kernel.name},
                                   {"op", kernel.op},
                                   {"device", kernel.device},
                                   {"nodes", std::move(nodes)},
                                   {"results", std::move(results)},
                                   {"macs", kernel.macs},
                                   {"weight_bytes", kernel.weightBytes},
                                   {"bytes_read", kernel.bytesRead},
                                   {"bytes_written", kernel.bytesWritten},
                                   {"in_place_of", json::fixUTF8(kernel.inPlaceOf)}});
  }
  json::Array read;
  for (auto [port, used] : zip(plan.inputs, isRead))
    if (used)
      read.push_back(json::fixUTF8(port.name));
  for (const PeakTensor &tensor : aliveAtPeak(plan))
    alive.push_back(json::Object{{"tensor", json::fixUTF8(tensor.tensor)},
                                 {"kernel", tensor.kernel},
                                 {"bytes", tensor.bytes},
                                 {"offset", tensor.byteOffset}});
  return json::Object{{"kernels", std::move(kernels)},      {"inputs_read", std::move(read)},
                      {"arena_bytes", plan.arenaBytes},     {"arena_lower_bound", plan.arenaLowerBound},
                      {"weights_bytes", plan.weightsBytes}, {"peak_kernel", plan.peakKernel},
                      {"alive_at_peak", std::move(alive)}};
}

int inspectModel() {
  auto options = sharedOptions(NativeCpu::Detect);
  if (!options)
    return 1;
  auto context = makeContext();
  DiagnosticPrinter printer(*context, options->model, terminalSink());
  if (failed(enableRemarks(*context)))
    return 1;
  auto info = readOnnxModelInfo(options->model, *context);
  if (failed(info))
    return printer.exitStatus();
  if (!wantsJson())
    printFile(*info);
  outs().flush();
  options->stopAfter = Stage::P;
  auto compilation = compile(*options, *context);
  if (wantsJson()) {
    json::Object top;
    json::Array inputs, outputs;
    for (const OnnxValueInfo &input : info->inputs)
      inputs.push_back(valueJson(input));
    for (const OnnxValueInfo &output : info->outputs)
      outputs.push_back(valueJson(output));
    json::Object opsets, ops;
    for (auto &[domain, version] : info->opsets)
      opsets[json::fixUTF8(domain.empty() ? "ai.onnx" : domain)] = version;
    for (auto &[op, count] : info->ops)
      ops[json::fixUTF8(op)] = int64_t(count);
    top["inputs"] = std::move(inputs);
    top["outputs"] = std::move(outputs);
    top["opsets"] = std::move(opsets);
    top["ops"] = std::move(ops);
    if (succeeded(compilation))
      top["plan"] = planJson(compilation->plan);
    outs() << formatv("{0:2}\n", json::Value(std::move(top)));
  } else if (succeeded(compilation)) {
    printPlan(compilation->plan);
  }
  return failed(compilation) ? printer.exitStatus() : 0;
}

} // namespace

const Command inspectCommand = {
    "inspect", "what a model needs: inputs, dims to bind, kernels, memory",
    "shows inputs, outputs, the dims to bind and how, the ops, and after fusion every kernel and the memory plan\n\n"
    "  Generates no code. With dims still to bind it shows the file and says what is missing.\n",
    inspectModel};

} // namespace nncc
