// nncc inspect: what a model needs, what its kernels are, what memory they take. Generates no code.
#include "lib/driver/BuildAndLoad.h"
#include "lib/driver/CommandLine.h"
#include "lib/driver/Diagnostics.h"
#include "lib/driver/ModelInfo.h"
#include "lib/driver/QuantizeModel.h"
#include "lib/driver/Remarks.h"
#include "lib/driver/Table.h"
#include "llvm/ADT/StringExtras.h"
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

/// Outputs of which the file does not say what they are: what the compiler found.
void completeOutputs(OnnxModelInfo &info, const ModelPlan &plan) {
  for (auto [output, port] : zip(info.outputs, plan.outputs)) {
    if (output.hasShape || !port.format.empty())
      continue;
    output.type = typeName(port.elementType);
    output.hasShape = true;
    for (int64_t dim : port.shape)
      output.dims.push_back({dim, ""});
  }
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
}

void printNodes(const OnnxModelInfo &info) {
  std::vector<std::string> ops;
  for (auto &[op, count] : info.ops)
    ops.push_back(op + (count > 1 ? " x" + std::to_string(count) : ""));
  outs() << "\n" << wrapped(std::to_string(info.nodes) + " nodes:", ops, terminalColumns());
}

/// What the file leaves open and the command line did not say: dims, and inputs that decide branches or shapes.
struct OpenChoices {
  std::vector<std::string> dims;
  std::vector<OnnxDecidingInput> inputs;
  bool any() const { return !dims.empty() || !inputs.empty(); }
};

OpenChoices openChoices(const OnnxModelInfo &info, const ImportOptions &import) {
  OpenChoices open;
  for (const OnnxValueInfo &input : info.inputs)
    if (!import.binds.count(input.name))
      for (const OnnxDim &dim : input.dims)
        if (dim.size < 0 && !import.dims.count(dim.key) && !is_contained(open.dims, dim.key))
          open.dims.push_back(dim.key);
  for (const OnnxDecidingInput &input : info.deciding)
    if (!import.binds.count(input.name))
      open.inputs.push_back(input);
  return open;
}

void printOpen(const OpenChoices &open, StringRef label) {
  if (!open.any())
    return;
  outs() << label;
  for (const std::string &key : open.dims)
    outs() << " --dim " << key << "=N";
  for (const OnnxDecidingInput &input : open.inputs)
    outs() << " --bind " << input.name << "=VALUE";
  outs() << "\n";
}

using Messages = std::vector<std::pair<Severity, std::string>>;

void printMessages(const Messages &messages) {
  outs().flush();
  for (const auto &[severity, text] : messages)
    terminalSink()(severity, text);
}

/// The open dims that count pixels, words or samples: the last dim of an input, the last two of a picture. Others count
/// pictures, sentences or recordings.
std::vector<std::string> extents(const OnnxModelInfo &info) {
  std::vector<std::string> keys;
  for (const OnnxValueInfo &input : info.inputs)
    for (size_t rank = input.dims.size(), i = rank < 2 ? 0 : std::min<size_t>(rank - 1, 2); i < rank; ++i)
      if (input.dims[i].size < 0)
        keys.push_back(input.dims[i].key);
  return keys;
}

/// Sizes and values with which the model is imported: the values that the graph itself names, one picture or sentence,
/// and of some usual sizes the first that fits.
///
/// messages  what is wrong with the first sizes that were tried
/// returns   nothing where no size fits
std::optional<ImportOptions> findChoices(const OpenChoices &open, const OnnxModelInfo &info,
                                         const CompileOptions &options, Messages &messages) {
  std::vector<std::string> large = extents(info);
  // Text, square pictures of classifiers and detectors, blocks of audio; 1 where all are counted one at a time.
  for (int64_t size : {64, 224, 512, 640, 16, 1}) {
    CompileOptions trial = options;
    trial.stopAfter = Stage::N1;
    for (const OnnxDecidingInput &input : open.inputs)
      trial.import.binds[input.name] = input.example;
    for (const std::string &key : open.dims)
      trial.import.dims[key] = is_contained(large, key) ? size : 1;
    auto context = makeContext();
    Messages said;
    DiagnosticPrinter printer(*context, options.model,
                              [&](Severity severity, const std::string &text) { said.emplace_back(severity, text); });
    if (succeeded(compile(trial, *context)))
      return trial.import;
    if (messages.empty())
      messages = std::move(said);
    if (open.dims.empty())
      break;
  }
  return std::nullopt;
}

/// A word as a POSIX shell reads it.
std::string quoted(StringRef word) {
  if (!word.empty() && all_of(word, [](char c) { return isAlnum(c) || StringRef("_-./=:,+@%").contains(c); }))
    return word.str();
  std::string text = "'";
  for (char c : word)
    text += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return text + "'";
}

/// The command that compiles with these choices, ready to be pasted.
std::string compileCommandLine(const ImportOptions &import) {
  std::string line = "nncc compile " + quoted(modelArgument()) + " -o out";
  for (const auto &[name, size] : import.dims)
    line += " --dim " + quoted(name + "=" + std::to_string(size));
  for (const auto &[name, value] : import.binds)
    line += " --bind " + quoted(name + "=" + value);
  if (!import.begin.empty())
    line += " --begin " + quoted(join(import.begin, ","));
  if (!import.end.empty())
    line += " --end " + quoted(join(import.end, ","));
  for (const auto &[name, format] : import.inputFormats)
    line += " --input " + quoted(name + "=" + format);
  for (const auto &[name, layout] : import.outputLayouts)
    line += " --output-layout " + quoted(name + "=" + layout);
  return line;
}

constexpr StringLiteral sortKeys[] = {"macs", "weights", "written"};

/// The slack that gives all kernels the memory that they would run faster with.
void printWithoutRoom(const ModelPlan &plan) {
  constexpr size_t shown = 4;
  if (plan.withoutRoom.empty())
    return;
  int64_t slack = 0;
  SmallVector<std::string> kernels;
  for (const WithoutRoom &kernel : plan.withoutRoom) {
    slack = std::max(slack, kernel.slackBytes);
    if (kernels.size() < shown)
      kernels.push_back(kernel.kernel + " as " + kernel.form);
  }
  outs() << "slack   --arena-slack=" << slack
         << format(" (%.1f %%) gives room to what runs faster: ", 100.0 * slack / std::max<int64_t>(plan.arenaBytes, 1))
         << join(kernels, ", ");
  if (plan.withoutRoom.size() > shown)
    outs() << " and " << plan.withoutRoom.size() - shown << " more";
  outs() << "\n";
}

/// Memory first, then a row for each kernel, and the nodes of those that are not one node by its own name.
void printPlan(const ModelPlan &plan, const RowOrder &order) {
  for (auto [kind, ports] : {std::pair("input  ", &plan.inputs), std::pair("output ", &plan.outputs)})
    for (const PortPlan &port : *ports)
      if (!port.format.empty())
        outs() << "memory  " << kind << "'" << port.name << "' " << describeType(port.elementType, port.shape) << ", "
               << port.format << "\n";
  uint64_t macs = 0;
  for (const KernelPlan &kernel : plan.kernels)
    macs += kernel.macs;
  outs() << "\ntotal   " << plan.kernels.size() << " kernels, " << (macs ? countText(macs) : "no")
         << " multiply-accumulates\narena   " << plan.arenaBytes << " bytes, lower bound " << plan.arenaLowerBound;
  if (plan.arenaLowerBound > 0)
    outs() << format(" (%.3f x)", double(plan.arenaBytes) / plan.arenaLowerBound);
  outs() << "\nweights " << plan.weightsBytes << " bytes";
  if (plan.transformBytes)
    outs() << ", " << plan.transformBytes << " of them by Winograd's form (--no-winograd)";
  outs() << "\n";
  if (plan.kernels.empty())
    return;
  printWithoutRoom(plan);
  outs() << "peak    kernel " << plan.peakKernel << ", " << plan.kernels[plan.peakKernel].name << "; alive there:\n";
  Table alive({{"bytes", true}, {"at", true}, {"tensor", false, true}, {"written by", false, true}});
  for (const PeakTensor &tensor : aliveAtPeak(plan))
    alive.add({std::to_string(tensor.bytes), std::to_string(tensor.byteOffset),
               tensor.tensor.empty() ? "(unnamed)" : tensor.tensor, tensor.kernel});
  alive.print(outs(), terminalColumns());

  Table table({{"#", true},
               {"kernel", false, true},
               {"op"},
               {"form", false, false, 1},
               {"MACs", true},
               {"weights", true},
               {"written", true, false, 2},
               {"results"},
               {"in place of", false, true, 4},
               {"nodes", false, true, 3}});
  auto value = [&](size_t row, size_t key) {
    const KernelPlan &kernel = plan.kernels[row];
    return double(key == 0 ? kernel.macs : key == 1 ? kernel.weightBytes : kernel.bytesWritten);
  };
  for (size_t index : order.choose(plan.kernels.size(), value)) {
    const KernelPlan &kernel = plan.kernels[index];
    std::string results, nodes = join(kernel.nodes, ", ");
    for (const ResultPlan &result : kernel.results)
      results += (results.empty() ? "" : " ") + describeType(result.elementType, result.shape);
    if (!kernel.placed.empty())
      nodes += (nodes.empty() ? "on " : "; on ") + kernel.device + ": " + kernel.placed;
    table.add({std::to_string(index), kernel.name, kernel.op, kernel.form, countText(kernel.macs),
               kernel.weightBytes ? bytesText(kernel.weightBytes) : "", bytesText(kernel.bytesWritten), results,
               kernel.inPlaceOf.empty() ? "" : "'" + kernel.inPlaceOf + "'", nodes});
  }
  outs() << "\n";
  table.print(outs(), terminalColumns());
}

json::Value planJson(const ModelPlan &plan) {
  json::Array kernels, alive;
  std::vector<bool> isRead(plan.inputs.size(), false);
  for (auto [index, kernel] : enumerate(plan.kernels)) {
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
    kernels.push_back(json::Object{{"number", int64_t(index)},
                                   {"name", kernel.name},
                                   {"op", kernel.op},
                                   {"device", kernel.device},
                                   {"placed", json::fixUTF8(kernel.placed)},
                                   {"form", kernel.form},
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
  json::Array withoutRoom;
  for (const WithoutRoom &kernel : plan.withoutRoom)
    withoutRoom.push_back(
        json::Object{{"kernel", kernel.kernel}, {"form", kernel.form}, {"slack_bytes", kernel.slackBytes}});
  return json::Object{{"kernels", std::move(kernels)},         {"inputs_read", std::move(read)},
                      {"arena_bytes", plan.arenaBytes},        {"arena_lower_bound", plan.arenaLowerBound},
                      {"weights_bytes", plan.weightsBytes},    {"transform_bytes", plan.transformBytes},
                      {"peak_kernel", plan.peakKernel},        {"alive_at_peak", std::move(alive)},
                      {"without_room", std::move(withoutRoom)}};
}

json::Value openJson(const OpenChoices &open, const std::optional<ImportOptions> &choices) {
  json::Array dims, inputs;
  for (const std::string &key : open.dims)
    dims.push_back(json::fixUTF8(key));
  for (const OnnxDecidingInput &input : open.inputs)
    inputs.push_back(json::fixUTF8(input.name));
  json::Object object{{"dims", std::move(dims)}, {"inputs", std::move(inputs)}};
  if (choices)
    object["command"] = json::fixUTF8(compileCommandLine(*choices));
  return object;
}

int inspectModel() {
  auto options = sharedOptions(NativeCpu::Detect);
  auto order = rowOrder(sortKeys);
  if (!options || !order)
    return 1;
  if (int status = keepIfAsked(*options))
    return status;
  auto context = makeContext();
  // What is said about choices that are still open is no error here: they are listed.
  Messages messages;
  DiagnosticPrinter printer(*context, options->model,
                            [&](Severity severity, const std::string &text) { messages.emplace_back(severity, text); });
  if (failed(enableRemarks(*context)))
    return 1;
  auto info = readOnnxModelInfo(options->model, options->import, *context);
  // Making code for a GPU says which kernels there is none for.
  options->stopAfter = options->gpu ? Stage::L2 : Stage::P;
  auto compilation = failed(info) ? FailureOr<Compilation>(failure()) : compile(*options, *context);
  int status = failed(compilation) ? printer.exitStatus() : 0;
  if (failed(info)) {
    printMessages(messages);
    return status;
  }
  if (succeeded(compilation))
    completeOutputs(*info, compilation->plan);
  OpenChoices open = openChoices(*info, options->import);
  std::optional<ImportOptions> choices;
  if (status == 1 && open.any()) {
    Messages ofTrial;
    choices = findChoices(open, *info, *options, ofTrial);
    status = choices ? 0 : 1;
    if (choices)
      messages.clear();
    else if (!open.dims.empty()) // sizes were all that the first attempt could speak of
      messages = std::move(ofTrial);
  }
  if (wantsJson()) {
    json::Object top = infoJson(*info);
    top["schema"] = "nncc-inspect";
    top["version"] = 1;
    top["to_bind"] = openJson(open, choices);
    if (succeeded(compilation))
      top["plan"] = planJson(compilation->plan);
    outs() << formatv("{0:2}\n", json::Value(std::move(top)));
    printMessages(messages);
    return status;
  }
  printFile(*info);
  printOpen(open, failed(compilation) ? "to bind" : "may be bound");
  if (choices)
    outs() << "example " << compileCommandLine(*choices) << "\n";
  printNodes(*info);
  printMessages(messages);
  if (succeeded(compilation))
    printPlan(compilation->plan, *order);
  return status;
}

} // namespace

const Command inspectCommand = {
    .name = "inspect",
    .summary = "what a model needs: inputs, dims to bind, kernels, memory",
    .overview = "Shows inputs, outputs, the dims to bind and how, the ops, and after fusion every kernel and the "
                "memory plan.\n\n"
                "Generates no code. Where dims, or inputs that decide branches or shapes, are still to be bound, it "
                "lists them and prints a command line that compiles, with sizes to be replaced by your own; the exit "
                "status is 0.",
    .run = inspectModel,
    .category = inspectCategory,
    .needsOnnx = true,
    .examples = "  nncc inspect model.onnx\n"
                "  nncc inspect model.onnx --shape image=1,3,640,640 --json -o model.json\n",
    .printsReport = true};

} // namespace nncc
