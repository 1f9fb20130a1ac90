// nncc validate: runs a model on a data set and says how far its outputs are from a reference.
#include "lib/driver/CommandLine.h"
#include "lib/driver/CompareSamples.h"
#include "lib/driver/DataSet.h"
#include "lib/driver/Diagnostics.h"
#include "lib/driver/QuantizeModel.h"
#include "lib/driver/Remarks.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/JSON.h"
#include <chrono>
#include <cmath>

using namespace llvm;

namespace nncc {

namespace {

cl::opt<std::string> dataOption(
    "data",
    cl::desc(
        "The samples: set.npz with an array for each input, x.npy of the only input, a folder of such files, or a "
        "folder of ONNX's test data; the first dim of an array counts the samples. For --quantize they are what the "
        "model takes"),
    cl::value_desc("SET"), cl::cat(validateCategory()), cl::cat(quantizeCategory()), cl::cat(reportCategory()),
    cl::cat(compileCategory()), cl::cat(runCategory()), cl::cat(benchCategory()));
cl::opt<uint64_t> samplesOption("samples", cl::desc("Only the first N samples"), cl::init(UINT64_MAX),
                                cl::value_desc("N"), cl::cat(validateCategory()), cl::cat(reportCategory()));
cl::list<std::string>
    requireOption("require",
                  cl::desc("A bound that all outputs have to keep, or the exit status is 2: at least top1, top5, "
                           "cosine, sqnr (dB); at most max_error, mean_error. May be repeated"),
                  cl::value_desc("NAME=X"), cl::cat(validateCategory()));

/// A number that an output is judged by.
struct Measure {
  StringRef name;
  bool isLeast;                                      ///< larger is better
  bool isAtMostOne;                                  ///< as shares and cosines are
  std::optional<double> (*read)(const Accuracy &of); ///< nothing: the output has none
};
const Measure measures[] = {
    {"max_error", false, false, [](const Accuracy &of) { return std::optional(of.maxError()); }},
    {"mean_error", false, false, [](const Accuracy &of) { return std::optional(of.meanError()); }},
    {"cosine", true, true, [](const Accuracy &of) { return std::optional(of.cosine()); }},
    {"sqnr", true, false, [](const Accuracy &of) { return std::optional(of.sqnr()); }},
    {"top1", true, true, [](const Accuracy &of) { return of.top1(); }},
    {"top5", true, true, [](const Accuracy &of) { return of.top5(); }},
};

struct Bound {
  const Measure *measure;
  double value;
  std::string text;
};

/// What the options said; read early, since LLD resets them (see RunCommand.cpp).
struct ValidateSettings {
  std::string data, reference, python;
  uint64_t samples = UINT64_MAX;
  std::vector<Bound> bounds;
  bool asJson = false;
};

/// error  printed; nothing is returned
std::optional<std::vector<Bound>> readBounds() {
  std::vector<Bound> bounds;
  for (const std::string &text : requireOption) {
    auto [name, number] = StringRef(text).split('=');
    const Measure *measure = find_if(measures, [&](const Measure &its) { return its.name == name; });
    double value = 0;
    if (measure == std::end(measures) || number.getAsDouble(value) || !std::isfinite(value)) {
      reportError("--require=" + text + " is no bound\nnote: for example --require top1=0.99, --require sqnr=30; the " +
                  "names are max_error, mean_error, cosine, sqnr, top1, top5");
      return std::nullopt;
    }
    if (measure->isAtMostOne && value > 1) {
      reportError("--require=" + text + ": " + name + " is at most 1\nnote: for example --require " + name.str() +
                  "=0.99");
      return std::nullopt;
    }
    bounds.push_back({measure, value, text});
  }
  return bounds;
}

void printAccuracy(raw_ostream &os, const PortPlan &port, const Accuracy &accuracy, bool isOfLabels) {
  os << "  output '" << port.name << "' " << describeType(port.elementType, port.shape) << "\n";
  if (!isOfLabels) {
    os << format("    largest error  %.3g of %.3g", accuracy.maxError(), accuracy.largest());
    if (accuracy.maxError() > 0)
      os << ", in sample " << accuracy.worstSample();
    os << format("\n    mean error     %.3g\n", accuracy.meanError())
       << format("    cosine         %.7f, least %.7f\n", accuracy.cosine(), accuracy.leastCosine());
    if (accuracy.maxError() == 0)
      os << "    SQNR           no noise: all elements are equal\n";
    else if (std::isinf(accuracy.sqnr()))
      os << "    SQNR           none: the error has no bound, or the reference is zero\n";
    else
      os << format("    SQNR           %.1f dB\n", accuracy.sqnr());
    if (accuracy.invalid())
      os << "    NaN            " << accuracy.invalid() << " elements differ in being one\n";
  }
  for (auto [name, share] : {std::pair("top-1", accuracy.top1()), std::pair("top-5", accuracy.top5())})
    if (share)
      os << "    " << name << format("          %.2f %%\n", 100 * *share);
}

/// Says which bounds are not kept. returns the exit status
int checkBounds(ArrayRef<Bound> bounds, const ModelPlan &plan, const SampleErrors &errors) {
  int status = 0;
  for (const Bound &bound : bounds) {
    bool isMeasured = false;
    for (auto [output, accuracy] : zip(errors.outputs, errors.accuracies))
      if (auto value = bound.measure->read(accuracy)) {
        isMeasured = true;
        bool isKept = bound.measure->isLeast ? *value >= bound.value : *value <= bound.value;
        if (isKept)
          continue;
        std::string actual;
        raw_string_ostream(actual) << format("%.6g", *value);
        reportError("output '" + plan.outputs[output].name + "' has " + bound.measure->name + "=" + actual +
                    ", --require " + bound.text +
                    (bound.measure->isLeast ? " asks for at least that" : " allows at most that"));
        status = kNumbersDiffer;
      }
    if (!isMeasured)
      return reportError("--require " + bound.text + ": no output of the model says which of " +
                         (bound.measure->name == "top5" ? "more than five " : "") + "classes it is");
  }
  return status;
}

int validateModel() {
  auto options = sharedOptions(NativeCpu::Detect);
  auto bounds = readBounds();
  auto threads = threadsOption();
  auto most = samplesArgument();
  if (!options || !bounds || !threads || !most)
    return 1;
  ValidateSettings settings{dataOption, referenceArgument(), pythonArgument(), *most, std::move(*bounds), wantsJson()};
  if (settings.data.empty())
    return reportError("no data given\nnote: nncc validate " + modelArgument() + " --data=set.npz");
  if (int status = quantizeIfAsked(*options, /*hasOwnData=*/true))
    return status;
  auto ports = inputPorts(options->model, settings.data, options->import);
  if (!ports)
    return 1;
  auto samples = Samples::open(settings.data, *ports);
  if (!samples)
    return reportError(samples.takeError());

  auto context = makeContext();
  DiagnosticPrinter printer(*context, options->model, terminalSink());
  if (failed(enableRemarks(*context)))
    return 1;
  auto loaded = buildAndLoad(*options, *context, printer, {}, *threads);
  if (!loaded)
    return printer.exitStatus();
  const ModelPlan &plan = loaded->plan;
  auto truth = openTruth(settings.reference, settings.data, settings.python, *options, plan, samples->count());
  if (!truth)
    return 1;
  for (const Bound &bound : settings.bounds)
    if (truth->labels && bound.measure->name != "top1" && bound.measure->name != "top5")
      return reportError("--require " + bound.text + ": labels tell top1 and top5 alone");

  uint64_t count = std::min(samples->count(), settings.samples);
  auto start = std::chrono::steady_clock::now();
  auto errors = compareSamples(*loaded, *samples, *ports, count, *truth);
  if (!errors)
    return reportError(errors.takeError());
  double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();

  if (settings.asJson) {
    json::Object top{{"schema", "nncc-validate"},
                     {"version", 1},
                     {"model", plan.name},
                     {"target", plan.target},
                     {"cpu", plan.cpu},
                     {"data", json::fixUTF8(settings.data)},
                     {"reference", json::fixUTF8(truth->name)},
                     {"samples", count},
                     {"seconds", seconds},
                     {"outputs", sampleErrorsJson(plan, *errors)}};
    outs() << formatv("{0:2}\n", json::Value(std::move(top)));
  } else {
    outs() << plan.name << " for " << plan.target << " " << plan.cpu << ", " << count << " samples of '"
           << settings.data << "' compared with " << (truth->labels ? "the labels of " : "") << truth->name
           << format(" in %.1f s\n", seconds);
    for (auto [output, accuracy] : zip(errors->outputs, errors->accuracies))
      printAccuracy(outs(), plan.outputs[output], accuracy, errors->isOfLabels);
  }
  outs().flush();
  return checkBounds(settings.bounds, plan, *errors);
}

} // namespace

std::string dataArgument() { return dataOption; }

std::optional<uint64_t> samplesArgument() {
  if (samplesOption)
    return samplesOption;
  reportError("--samples must be at least 1");
  return std::nullopt;
}

const Command validateCommand = {
    .name = "validate",
    .summary = "run a data set, say how far the outputs are from a reference",
    .overview =
        "Runs a model on all samples of a data set and compares its outputs with a reference.\n\n"
        "The reference is onnxruntime on the same file, unless --reference names another: the model in floats behind "
        "a quantized one, the right classes, or outputs in files. With --target=aarch64-linux-gnu on another machine "
        "the model runs under qemu-aarch64. Exit status 2 when a bound of --require is not kept.",
    .run = validateModel,
    .category = validateCategory,
    .needsOnnx = true,
    .examples = "  nncc validate model.onnx --data=set.npz\n"
                "  nncc validate quantized.onnx --data=images --reference=float.onnx --require top1=0.99\n",
    .printsReport = true};

} // namespace nncc
