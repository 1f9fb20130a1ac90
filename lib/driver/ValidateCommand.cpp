// nncc validate: runs a model on a data set and says how far its outputs are from a reference.
#include "lib/analyze/Accuracy.h"
#include "lib/driver/BuildAndLoad.h"
#include "lib/driver/CommandLine.h"
#include "lib/driver/DataSet.h"
#include "lib/driver/Diagnostics.h"
#include "lib/driver/Elements.h"
#include "lib/driver/Reference.h"
#include "lib/driver/Remarks.h"
#include "lib/driver/Table.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/Path.h"
#include <chrono>
#include <cmath>

using namespace llvm;

namespace nncc {

namespace {

cl::opt<std::string> dataOption(
    "data",
    cl::desc("The samples: set.npz with an array for each input, x.npy of the only input, a folder of such files, or a "
             "folder of ONNX's test data; the first dim of an array counts the samples"),
    cl::value_desc("SET"), cl::cat(validateCategory()), cl::cat(quantizeCategory()), cl::cat(reportCategory()));
cl::opt<uint64_t> samplesOption("samples", cl::desc("Only the first N samples"), cl::init(UINT64_MAX),
                                cl::value_desc("N"), cl::cat(validateCategory()));
cl::list<std::string>
    requireOption("require",
                  cl::desc("A bound that all outputs have to keep, or the exit status is 2: at least top1, top5, "
                           "cosine, sqnr (dB); at most max_error, mean_error. May be repeated"),
                  cl::value_desc("NAME=X"), cl::cat(validateCategory()));

/// A number that an output is judged by.
struct Measure {
  StringRef name;
  bool isLeast;                                      ///< larger is better
  std::optional<double> (*read)(const Accuracy &of); ///< nothing: the output has none
};
const Measure measures[] = {
    {"max_error", false, [](const Accuracy &of) { return std::optional(of.maxError()); }},
    {"mean_error", false, [](const Accuracy &of) { return std::optional(of.meanError()); }},
    {"cosine", true, [](const Accuracy &of) { return std::optional(of.cosine()); }},
    {"sqnr", true, [](const Accuracy &of) { return std::optional(of.sqnr()); }},
    {"top1", true, [](const Accuracy &of) { return of.top1(); }},
    {"top5", true, [](const Accuracy &of) { return of.top5(); }},
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
    bounds.push_back({measure, value, text});
  }
  return bounds;
}

/// The right class of each sample.
struct Labels {
  std::vector<int64_t> classes;
  size_t output = 0; ///< the output that says which class it is
};

/// The array of classes in a file: integers, one for each sample, in an array of its own file or of a usual name.
const StoredArray *findLabels(ArrayRef<StoredArray> arrays) {
  const StoredArray *found = find_if(arrays, [&](const StoredArray &array) {
    return (arrays.size() == 1 || is_contained({"labels", "label", "y"}, StringRef(array.name))) &&
           StringRef(array.type).trim("u").starts_with("i") && !array.shape.empty() &&
           all_of(ArrayRef(array.shape).drop_front(), [](int64_t dim) { return dim == 1; });
  });
  return found == arrays.end() ? nullptr : found;
}

/// Reads the classes where the reference is a file of such.
///
/// returns  nothing where it is something else
Expected<std::optional<Labels>> readLabels(StringRef path, const ModelPlan &plan, uint64_t samples) {
  Labels labels;
  auto output = find_if(plan.outputs, [](const PortPlan &port) { return classesOf(port.shape) > 0; });
  if (output == plan.outputs.end() || !isa<mlir::FloatType>(output->elementType) || !isArrayFile(path))
    return std::nullopt;
  auto arrays = readArrayFile(path);
  if (!arrays)
    return arrays.takeError();
  const StoredArray *array = findLabels(*arrays);
  if (!array)
    return std::nullopt;
  if (uint64_t(array->shape[0]) != samples)
    return createStringError("'" + path + "' has " + Twine(array->shape[0]) + " labels, the data has " +
                             Twine(samples) + " samples");
  auto values = readAll(*array);
  if (!values)
    return createStringError("'" + path + "': " + toString(values.takeError()));
  labels.output = output - plan.outputs.begin();
  int64_t classes = classesOf(output->shape);
  size_t step = bytesOfType(array->type);
  for (size_t at = 0; at < values->data.size(); at += step) {
    // Little-endian; classes are small, whatever the type's sign.
    int64_t label = 0;
    std::memcpy(&label, values->data.data() + at, step);
    if (label < 0 || label >= classes)
      return createStringError("'" + path + "': label " + Twine(at / step) + " is " + Twine(label) + ", output '" +
                               output->name + "' has the classes 0 to " + Twine(classes - 1));
    labels.classes.push_back(label);
  }
  return labels;
}

/// What the model's outputs are held against: one of the two.
struct Truth {
  std::string name;
  std::unique_ptr<Reference> reference;
  std::optional<Labels> labels;
};

/// error  printed; nothing is returned
std::optional<Truth> openTruth(const ValidateSettings &settings, const CompileOptions &options, const ModelPlan &plan,
                               uint64_t samples) {
  std::string what = settings.reference;
  if (what.empty())
    what = holdsTestOutputs(settings.data) ? settings.data : "onnxruntime";
  Truth truth{what, nullptr, std::nullopt};
  if (sys::path::extension(what) == ".onnx") {
    truth.reference = makeModelReference(what, options, plan);
    return truth.reference ? std::optional(std::move(truth)) : std::nullopt;
  }
  auto use = [&](Expected<std::unique_ptr<Reference>> made) -> std::optional<Truth> {
    if (!made) {
      reportError(made.takeError());
      return std::nullopt;
    }
    truth.reference = std::move(*made);
    return std::move(truth);
  };
  if (what == "onnxruntime")
    return use(makeOnnxruntimeReference(options, plan, settings.python));
  auto labels = readLabels(what, plan, samples);
  if (!labels) {
    reportError(labels.takeError());
    return std::nullopt;
  }
  if (!*labels)
    return use(makeFileReference(what, plan, samples));
  truth.labels = std::move(*labels);
  return std::move(truth);
}

/// Runs all samples. error: of the model, of files, of the reference
Error compareSamples(LoadedModel &loaded, Samples &samples, ArrayRef<size_t> portOfInput, uint64_t count, Truth &truth,
                     MutableArrayRef<Accuracy> accuracies) {
  const ModelPlan &plan = loaded.plan;
  std::vector<std::vector<char>> values, inputs(plan.inputs.size()), results;
  for (const PortPlan &port : plan.outputs)
    results.emplace_back(portBytes(port));
  std::vector<MutableArrayRef<char>> outputViews(results.begin(), results.end());
  ProgressBar bar(count);
  for (uint64_t sample = 0; sample < count; ++sample) {
    bar(sample);
    auto more = samples.next(values);
    if (!more)
      return more.takeError();
    for (auto [input, port] : zip(inputs, portOfInput))
      input = values[port];
    std::vector<ArrayRef<char>> inputViews(inputs.begin(), inputs.end());
    if (auto done = loaded.runnable->run(inputViews, outputViews); !done)
      return done.takeError();
    auto actual = [&](size_t output) { return toDoubles(plan.outputs[output].elementType, results[output]); };
    if (truth.labels) {
      accuracies[0].addLabel(actual(truth.labels->output), truth.labels->classes[sample]);
      continue;
    }
    auto expected = truth.reference->next(inputs);
    if (!expected)
      return expected.takeError();
    for (size_t i = 0; i < results.size(); ++i)
      accuracies[i].add(actual(i), (*expected)[i]);
  }
  return Error::success();
}

json::Value accuracyJson(const PortPlan &port, const Accuracy &accuracy, bool isOfLabels) {
  json::Object object{{"name", json::fixUTF8(port.name)},
                      {"type", typeName(port.elementType)},
                      {"shape", json::Array(port.shape)},
                      {"top1", finiteOrNull(accuracy.top1())},
                      {"top5", finiteOrNull(accuracy.top5())}};
  if (isOfLabels)
    return object;
  object["max_error"] = finiteOrNull(accuracy.maxError());
  object["mean_error"] = finiteOrNull(accuracy.meanError());
  object["max_value"] = accuracy.largest();
  object["cosine"] = accuracy.cosine();
  object["least_cosine"] = accuracy.leastCosine();
  object["sqnr_db"] = finiteOrNull(accuracy.sqnr());
  object["invalid"] = accuracy.invalid();
  object["worst_sample"] = accuracy.worstSample();
  return object;
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
int checkBounds(ArrayRef<Bound> bounds, ArrayRef<const PortPlan *> ports, ArrayRef<Accuracy> accuracies) {
  int status = 0;
  for (const Bound &bound : bounds) {
    bool isMeasured = false;
    for (auto [port, accuracy] : zip(ports, accuracies))
      if (auto value = bound.measure->read(accuracy)) {
        isMeasured = true;
        bool isKept = bound.measure->isLeast ? *value >= bound.value : *value <= bound.value;
        if (isKept)
          continue;
        std::string actual;
        raw_string_ostream(actual) << format("%.6g", *value);
        reportError("output '" + port->name + "' has " + bound.measure->name + "=" + actual + ", --require " +
                    bound.text + (bound.measure->isLeast ? " asks for at least that" : " allows at most that"));
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
  if (!options || !bounds || !threads)
    return 1;
  ValidateSettings settings{dataOption,    referenceArgument(), pythonArgument(),
                            samplesOption, std::move(*bounds),  wantsJson()};
  if (settings.data.empty())
    return reportError("no data given\nnote: nncc validate " + modelArgument() + " --data=set.npz");
  if (!settings.samples)
    return reportError("--samples must be at least 1");
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
  std::vector<size_t> portOfInput;
  for (const PortPlan &input : plan.inputs)
    portOfInput.push_back(find_if(*ports, [&](const SamplePort &port) { return port.name == input.name; }) -
                          ports->begin());
  auto truth = openTruth(settings, *options, plan, samples->count());
  if (!truth)
    return 1;
  for (const Bound &bound : settings.bounds)
    if (truth->labels && bound.measure->name != "top1" && bound.measure->name != "top5")
      return reportError("--require " + bound.text + ": labels tell top1 and top5 alone");

  std::vector<const PortPlan *> compared;
  for (auto [i, port] : enumerate(plan.outputs))
    if (!truth->labels || truth->labels->output == i)
      compared.push_back(&port);
  std::vector<Accuracy> accuracies;
  for (const PortPlan *port : compared)
    accuracies.emplace_back(classesOf(port->shape));
  uint64_t count = std::min(samples->count(), settings.samples);
  auto start = std::chrono::steady_clock::now();
  if (Error error = compareSamples(*loaded, *samples, portOfInput, count, *truth, accuracies))
    return reportError(std::move(error));
  double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();

  if (settings.asJson) {
    json::Array outputs;
    for (auto [port, accuracy] : zip(compared, accuracies))
      outputs.push_back(accuracyJson(*port, accuracy, truth->labels.has_value()));
    json::Object top{{"schema", "nncc-validate"},
                     {"version", 1},
                     {"model", plan.name},
                     {"target", plan.target},
                     {"cpu", plan.cpu},
                     {"data", json::fixUTF8(settings.data)},
                     {"reference", json::fixUTF8(truth->name)},
                     {"samples", count},
                     {"seconds", seconds},
                     {"outputs", std::move(outputs)}};
    outs() << formatv("{0:2}\n", json::Value(std::move(top)));
  } else {
    outs() << plan.name << " for " << plan.target << " " << plan.cpu << ", " << count << " samples of '"
           << settings.data << "' compared with " << (truth->labels ? "the labels of " : "") << truth->name
           << format(" in %.1f s\n", seconds);
    for (auto [port, accuracy] : zip(compared, accuracies))
      printAccuracy(outs(), *port, accuracy, truth->labels.has_value());
  }
  outs().flush();
  return checkBounds(settings.bounds, compared, accuracies);
}

} // namespace

std::string dataArgument() { return dataOption; }

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
    .examples = "  nncc validate model.onnx --data=set.npz\n"
                "  nncc validate quantized.onnx --data=images --reference=float.onnx --require top1=0.99\n",
    .printsReport = true};

} // namespace nncc
