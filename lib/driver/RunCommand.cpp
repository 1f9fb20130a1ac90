// nncc run: compiles for this machine (or AArch64 under qemu), runs the emitted object, shows and compares outputs.
#include "lib/analyze/Accuracy.h"
#include "lib/driver/BuildAndLoad.h"
#include "lib/driver/CommandLine.h"
#include "lib/driver/Diagnostics.h"
#include "lib/driver/Elements.h"
#include "lib/driver/QuantizeModel.h"
#include "lib/driver/Remarks.h"
#include "lib/driver/Table.h"
#include "nncc/pool.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/Path.h"
#include <cmath>
#include <cstring>

using namespace llvm;

namespace nncc {

namespace {

cl::opt<std::string> outputOption(
    "output",
    cl::desc("The same as -o: folder for 0.npy, 1.npy, ... in output order, and outputs.json that names them"),
    cl::value_desc("DIR"), cl::cat(runCategory()));
cl::opt<unsigned>
    runsOption("runs",
               cl::desc("How often to run (default: 1), after a run that is not timed; the time shown is the "
                        "median. No time is shown under an emulator"),
               cl::init(1), cl::value_desc("N"), cl::cat(runCategory()));
cl::opt<std::string>
    checkOption("check", cl::desc("Compare with the 0.npy, 1.npy, ... of a folder; exit status 2 when they differ"),
                cl::value_desc("DIR"), cl::cat(runCategory()));
cl::opt<double> rtolOption("rtol",
                           cl::desc("Tolerance as a share of the largest value of a tensor (default: 1e-4; with f16 "
                                    "8e-3, with its arithmetic 2e-2)"),
                           cl::init(1e-4), cl::cat(runCategory()), cl::cat(debugCategory()), cl::cat(reportCategory()));
cl::opt<double> atolOption("atol", cl::desc("Absolute tolerance of --check (default: 0)"), cl::init(0),
                           cl::cat(runCategory()));
cl::opt<unsigned> threadsNumber(ownOptionName("threads"),
                                cl::desc("How many threads run the kernels, by the pool of nncc/pool.h (default: 1)"),
                                cl::init(1), cl::value_desc("N"), cl::cat(runCategory()), cl::cat(benchCategory()),
                                cl::cat(validateCategory()), cl::cat(tuneCategory()));
cl::opt<unsigned> seedNumber("seed", cl::desc("Seed of the random inputs (default: 1)"), cl::init(1),
                             cl::value_desc("N"), cl::cat(runCategory()), cl::cat(debugCategory()));

cl::opt<uint64_t>
    sampleNumber("sample", cl::desc("Which sample of the data set (--input; report: --data), from 0 on (default: 0)"),
                 cl::init(0), cl::value_desc("N"), cl::cat(runCategory()), cl::cat(benchCategory()),
                 cl::cat(debugCategory()), cl::cat(reportCategory()), cl::cat(tuneCategory()));

/// What the options said. LLD, which links programs for the emulator, resets all options of LLVM's command line, so
/// they are read before anything is loaded.
struct RunSettings {
  std::string output, check;
  unsigned runs = 1;
  double rtol = 0, atol = 0;
  uint64_t seed = 1;
  bool asJson = false;
} settings;

} // namespace

uint64_t sampleOption() { return sampleNumber; }
uint64_t seedOption() { return seedNumber; }

bool isToleranceGiven() { return rtolOption.getNumOccurrences() > 0; }

std::optional<double> relativeTolerance(const CompileOptions &options) {
  if (!rtolOption.getNumOccurrences()) {
    auto isOf = [&](FloatFormat format) { return options.cpuFloat == format || options.gpuFloat == format; };
    return isOf(FloatFormat::F16Arithmetic) ? 2e-2 : isOf(FloatFormat::F16) ? 8e-3 : rtolOption.getDefault().getValue();
  }
  if (rtolOption >= 0) // not NaN either
    return rtolOption;
  reportError("--rtol must be a number of at least 0");
  return std::nullopt;
}

std::optional<unsigned> threadsOption() {
  if (threadsNumber >= 1 && threadsNumber <= NNCC_POOL_MAX_THREADS)
    return threadsNumber;
  reportError("--threads=" + Twine(threadsNumber) + " is not between 1 and " + Twine(NNCC_POOL_MAX_THREADS));
  return std::nullopt;
}

namespace {

size_t elementSize(const PortPlan &port) { return divideCeil(port.elementType.getIntOrFloatBitWidth(), 8); }

/// What is said of a tensor's elements; NaN counts apart.
struct TensorFacts {
  size_t count = 0, invalid = 0;
  double low = INFINITY, high = -INFINITY, sum = 0;
  std::vector<double> first; ///< at most four

  double mean() const { return sum / double(std::max<size_t>(count - invalid, 1)); }
};

TensorFacts describeElements(const PortPlan &port, ArrayRef<char> bytes) {
  size_t step = elementSize(port);
  TensorFacts facts;
  facts.count = bytes.size() / step;
  for (size_t i = 0; i < facts.count; ++i) {
    double value = elementAsDouble(port.elementType, bytes.data() + i * step);
    if (i < 4)
      facts.first.push_back(value);
    if (std::isnan(value)) {
      ++facts.invalid;
      continue;
    }
    facts.low = std::min(facts.low, value), facts.high = std::max(facts.high, value), facts.sum += value;
  }
  return facts;
}

void printTensor(raw_ostream &os, const char *kind, const PortPlan &port, ArrayRef<char> bytes) {
  TensorFacts facts = describeElements(port, bytes);
  os << "  " << kind << " '" << port.name << "' " << describeType(port.elementType, port.shape);
  if (!facts.count) {
    os << " (empty)\n";
    return;
  }
  os << format(": min %.6g, max %.6g, mean %.6g", facts.low, facts.high, facts.mean());
  if (facts.invalid)
    os << ", " << facts.invalid << " NaN";
  os << " [";
  for (auto [i, value] : enumerate(facts.first))
    os << (i ? ", " : "") << format("%.6g", value);
  os << (facts.count > 4 ? ", ...]\n" : "]\n");
}

json::Value tensorJson(const PortPlan &port, ArrayRef<char> bytes) {
  TensorFacts facts = describeElements(port, bytes);
  json::Array first;
  for (double value : facts.first)
    first.push_back(finiteOrNull(value));
  return json::Object{{"name", json::fixUTF8(port.name)}, {"type", typeName(port.elementType)},
                      {"shape", json::Array(port.shape)}, {"min", finiteOrNull(facts.low)},
                      {"max", finiteOrNull(facts.high)},  {"mean", finiteOrNull(facts.mean())},
                      {"nan", int64_t(facts.invalid)},    {"first", std::move(first)}};
}

void printTime(raw_ostream &os, std::vector<uint64_t> times, unsigned threads) {
  sort(times);
  auto timeOf = [&](size_t run) { return runTimeText(times[run] * 1e-3); };
  os << "  time " << timeOf(times.size() / 2);
  if (threads > 1)
    os << " on " << threads << " threads";
  if (times.size() > 1)
    os << " (median of " << times.size() << " runs, " << timeOf(0) << " to " << timeOf(times.size() - 1) << ")";
  os << "\n";
}

/// What ran on the GPU, and which it is.
void printGpu(raw_ostream &os, const ModelPlan &plan, StringRef gpu) {
  if (gpu.empty())
    return;
  size_t onGpu = count_if(plan.kernels, [](const KernelPlan &kernel) { return !kernel.deviceFunction.empty(); });
  os << "  " << onGpu << " of " << plan.kernels.size() << " kernels on " << gpu << "\n";
}

int writeOutputs(const ModelPlan &plan, ArrayRef<std::vector<char>> buffers) {
  if (std::error_code code = sys::fs::create_directories(settings.output))
    return reportError("cannot make the folder '" + settings.output + "': " + code.message());
  json::Array names;
  for (auto [index, port] : enumerate(plan.outputs)) {
    SmallString<128> path(settings.output);
    std::string file = std::to_string(index) + ".npy", error;
    sys::path::append(path, file);
    if (!writeNpy(std::string(path), typeName(port.elementType), port.shape, buffers[index].data(), error))
      return reportError("cannot write '" + path + "': " + error);
    names.push_back(json::Object{{"file", file}, {"name", json::fixUTF8(port.name)}});
  }
  SmallString<128> path(settings.output);
  sys::path::append(path, "outputs.json");
  std::error_code code;
  raw_fd_ostream os(path, code);
  if (!code) {
    os << formatv("{0:2}\n", json::Value(json::Object{{"outputs", std::move(names)}}));
    os.close();
    code = os.error();
    os.clear_error();
  }
  return code ? reportError("cannot write '" + path + "': " + code.message()) : 0;
}

/// How far an output is from what it was to be.
struct OutputCheck {
  bool isRight = false;
  double error = 0, allowed = 0; ///< the largest error
  size_t worst = 0;              ///< the element that has it
};

/// Compares one output. error: there is nothing to compare with
Expected<OutputCheck> compareOutput(size_t index, const PortPlan &port, ArrayRef<char> actual) {
  SmallString<128> path(settings.check);
  sys::path::append(path, std::to_string(index) + ".npy");
  std::string error;
  auto expected = readNpy(std::string(path), error);
  if (!expected)
    return createStringError("cannot read '" + path + "': " + error);
  if (expected->type != typeName(port.elementType) || expected->shape != port.shape)
    return createStringError("output '" + port.name + "' is " + describeType(port.elementType, port.shape) + ", '" +
                             path + "' holds another type or shape");
  Accuracy accuracy;
  accuracy.add(toDoubles(port.elementType, actual), toDoubles(port.elementType, expected->data));
  OutputCheck check{false, accuracy.maxError(), 0, accuracy.worstElement()};
  check.allowed =
      isa<mlir::FloatType>(port.elementType) ? settings.atol + settings.rtol * accuracy.largest() : settings.atol;
  check.isRight = check.error <= check.allowed;
  return check;
}

/// Compares all outputs. returns the exit status
int checkOutputs(const ModelPlan &plan, ArrayRef<std::vector<char>> results, json::Array &checked) {
  int status = 0;
  for (auto [index, port] : enumerate(plan.outputs)) {
    auto check = compareOutput(index, port, results[index]);
    if (!check) {
      // Numbers that differ say more than files that are missing.
      status = std::max(status, reportError(check.takeError()));
      continue;
    }
    if (!check->isRight)
      status = kNumbersDiffer;
    if (settings.asJson) {
      checked.push_back(json::Object{{"name", json::fixUTF8(port.name)},
                                     {"agrees", check->isRight},
                                     {"max_error", finiteOrNull(check->error)},
                                     {"allowed", check->allowed},
                                     {"worst_element", int64_t(check->worst)}});
      continue;
    }
    outs() << "  output '" << port.name << "' " << (check->isRight ? "agrees" : "DIFFERS");
    if (!results[index].empty())
      outs() << format(": largest error %.3g at element %zu, allowed %.3g", check->error, check->worst, check->allowed);
    outs() << "\n";
  }
  return status;
}

/// The document of `run --json`, but for what --check says.
json::Object runJson(const LoadedModel &loaded, ArrayRef<std::vector<char>> inputs, ArrayRef<std::vector<char>> results,
                     std::vector<uint64_t> times, unsigned threads) {
  const ModelPlan &plan = loaded.plan;
  json::Array inputsJson, outputsJson;
  for (auto [port, bytes] : zip(plan.inputs, inputs))
    inputsJson.push_back(tensorJson(port, bytes));
  for (auto [port, bytes] : zip(plan.outputs, results))
    outputsJson.push_back(tensorJson(port, bytes));
  json::Object top{{"schema", "nncc-run"},
                   {"version", 1},
                   {"model", plan.name},
                   {"target", plan.target},
                   {"cpu", plan.cpu},
                   {"kernels", int64_t(plan.kernels.size())},
                   {"arena_bytes", plan.arenaBytes},
                   {"weights_bytes", plan.weightsBytes},
                   {"inputs", std::move(inputsJson)},
                   {"outputs", std::move(outputsJson)}};
  if (StringRef gpu = loaded.runnable->gpuName(); !gpu.empty())
    top["gpu"] = gpu;
  if (!times.empty()) {
    sort(times);
    top["time"] = json::Object{{"us", times[times.size() / 2] * 1e-3},
                               {"us_low", times.front() * 1e-3},
                               {"us_high", times.back() * 1e-3},
                               {"runs", int64_t(times.size())},
                               {"threads", threads}};
  }
  return top;
}

int runModel() {
  auto options = sharedOptions(NativeCpu::Detect, /*isNativeDefault=*/true);
  auto rtol = options ? relativeTolerance(*options) : std::nullopt;
  if (!rtol)
    return 1;
  if (!(atolOption >= 0))
    return reportError("--atol must be a number of at least 0");
  if (checkOption.empty() && (isToleranceGiven() || atolOption.getNumOccurrences()))
    return reportError("--rtol and --atol say how outputs are compared, and nothing is\nnote: add --check=DIR");
  settings = {outputOption.empty() ? outputArgument() : outputOption,
              checkOption,
              runsOption,
              *rtol,
              atolOption,
              seedNumber,
              wantsJson()};
  if (settings.runs < 1)
    return reportError("--runs must be at least 1");
  if (!settings.check.empty() && !sys::fs::is_directory(settings.check))
    return reportError("--check=" + settings.check +
                       " is no folder\nnote: it is compared with 0.npy, 1.npy, ... of a "
                       "folder, as --output writes them");
  auto given = readGivenInputs(*options);
  auto threads = threadsOption();
  if (!given || !threads)
    return 1;
  if (int status = quantizeIfAsked(*options))
    return status;
  auto context = makeContext();
  DiagnosticPrinter printer(*context, options->model, terminalSink());
  if (failed(enableRemarks(*context)))
    return 1;
  auto loaded = buildAndLoad(*options, *context, printer, *given, *threads);
  if (!loaded)
    return printer.exitStatus();
  const ModelPlan &plan = loaded->plan;
  auto values = makeInputs(plan, *given, settings.seed);
  if (!values)
    return 1;
  std::vector<std::vector<char>> results;
  for (const PortPlan &port : plan.outputs)
    results.emplace_back(portBytes(port));
  std::vector<ArrayRef<char>> inputViews(values->begin(), values->end());
  std::vector<MutableArrayRef<char>> outputViews(results.begin(), results.end());
  // The first run touches memory for the first time; what an emulator takes says nothing about the target.
  bool isTimed = options->target.isHost();
  if (isTimed)
    if (auto warmup = loaded->runnable->run(inputViews, outputViews); !warmup)
      return reportError(warmup.takeError());
  auto times = loaded->runnable->run(inputViews, outputViews, settings.runs);
  if (!times)
    return reportError(times.takeError());

  if (!isTimed)
    times->clear();
  json::Array checked;
  if (!settings.asJson) {
    outs() << plan.name << ": " << plan.kernels.size() << " kernels, arena " << plan.arenaBytes << " bytes, weights "
           << plan.weightsBytes << " bytes, " << plan.target << " " << plan.cpu << "\n";
    printGpu(outs(), plan, loaded->runnable->gpuName());
    for (auto [port, bytes] : zip(plan.inputs, *values))
      printTensor(outs(), "input", port, bytes);
    for (auto [port, bytes] : zip(plan.outputs, results))
      printTensor(outs(), "output", port, bytes);
    if (isTimed)
      printTime(outs(), *times, *threads);
  }
  if (!settings.output.empty())
    if (int status = writeOutputs(plan, results))
      return status;
  int status = settings.check.empty() ? 0 : checkOutputs(plan, results, checked);
  if (settings.asJson) {
    json::Object top = runJson(*loaded, *values, results, std::move(*times), *threads);
    if (!settings.check.empty())
      top["check"] = std::move(checked);
    outs() << formatv("{0:2}\n", json::Value(std::move(top)));
  }
  return status;
}

} // namespace

const Command runCommand = {
    .name = "run",
    .summary = "compile for this machine, run, show the outputs",
    .overview = "Compiles a model and runs the emitted object, the same bytes that ship.\n\n"
                "With --target=aarch64-linux-gnu on another machine it runs under qemu-aarch64. On this machine it is "
                "compiled for all that its CPU has; --cpu=x86-64-v3 runs what `compile` ships by default.",
    .run = runModel,
    .category = runCategory,
    .takesData = true,
    .examples = "  nncc run model.onnx --input image=photo.npy -o outputs\n"
                "  nncc run model.onnx --input test_data_set_0 --target=aarch64-linux-gnu\n"};

} // namespace nncc
