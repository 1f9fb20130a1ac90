// nncc report: one page of HTML that says what a model is, what becomes of it, and what it costs.
#include "lib/analyze/TemporaryFolder.h"
#include "lib/driver/CommandLine.h"
#include "lib/driver/CompareKernels.h"
#include "lib/driver/CompareSamples.h"
#include "lib/driver/DataSet.h"
#include "lib/driver/Diagnostics.h"
#include "lib/driver/Measure.h"
#include "lib/driver/QuantizeModel.h"
#include "lib/driver/Remarks.h"
#include "lib/driver/ReportDocument.h"
#include "lib/report/Page.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/Path.h"

using namespace llvm;

namespace nncc {

namespace {

cl::opt<bool> benchOption("bench",
                          cl::desc("Measure the kernels on this machine; without it their times are estimated"),
                          cl::cat(reportCategory()));

/// What the options said; read early, since LLD resets them (see RunCommand.cpp).
struct ReportSettings {
  std::optional<MeasureSettings> measure; ///< `--bench`
  std::string data, reference, python;    ///< no data: nothing is compared
  uint64_t samples = UINT64_MAX;
  double rtol = 0;
  bool asJson = false;
};

/// Measures a model on this machine. error: printed, nothing is returned
std::optional<json::Object> measuredTimes(LoadedModel &loaded, const GivenInputs &given,
                                          const MeasureSettings &settings) {
  auto values = makeInputs(loaded.plan, given, /*seed=*/1);
  if (!values)
    return std::nullopt;
  auto measured = measure(loaded, *values, settings);
  if (measured)
    return measurementJson(loaded.plan, *measured);
  reportError(measured.takeError());
  return std::nullopt;
}

/// Compares the outputs with onnxruntime's over the samples of the data. error: printed, nothing is returned
std::optional<json::Object> comparedOutputs(LoadedModel &loaded, CompileOptions &options,
                                            const ReportSettings &settings) {
  auto ports = inputPorts(options.model, settings.data, options.import);
  if (!ports)
    return std::nullopt;
  auto samples = Samples::open(settings.data, *ports);
  if (!samples) {
    reportError(samples.takeError());
    return std::nullopt;
  }
  auto truth = openTruth(settings.reference, settings.data, settings.python, options, loaded.plan, samples->count());
  if (!truth)
    return std::nullopt;
  auto errors = compareSamples(loaded, *samples, *ports, std::min(samples->count(), settings.samples), *truth);
  if (errors)
    return json::Object{{"samples", errors->samples}, {"tensors", sampleErrorsJson(loaded.plan, *errors)}};
  reportError(errors.takeError());
  return std::nullopt;
}

/// Compiles the model once more, so that every tensor keeps its memory, and compares all with the reference.
///
/// error  printed; `status` is the exit status, nothing is returned
std::optional<json::Object> comparedKernels(CompileOptions options, const GivenInputs &given,
                                            const ReportSettings &settings, int &status) {
  auto context = makeContext();
  // What there is to be said of the model was said when it was compiled first.
  DiagnosticPrinter printer(*context, options.model,
                            [sink = terminalSink()](Severity severity, const std::string &text) {
                              if (severity == Severity::Error)
                                sink(severity, text);
                            });
  options.reuseArena = false;
  options.onStage = nullptr;
  auto fail = [&](Error error) {
    status = reportError(std::move(error));
    return std::nullopt;
  };
  auto loaded = buildAndLoad(options, *context, printer, given);
  if (!loaded) {
    status = printer.exitStatus();
    return std::nullopt;
  }
  auto values = makeInputs(loaded->plan, given, /*seed=*/1);
  if (!values)
    return std::nullopt;
  auto folder = TemporaryFolder::create("nncc-report");
  if (!folder)
    return fail(folder.takeError());
  if (options.progress)
    options.progress("comparing with the reference");
  auto reference =
      ReferenceTensors::make(settings.reference, loaded->plan, *values, options, settings.python, folder->path());
  if (!reference)
    return fail(reference.takeError());
  auto rows = compareKernels(*loaded, *values, *reference, settings.rtol,
                             [](unsigned, RunnableModel::Reader) { return Error::success(); });
  if (!rows)
    return fail(rows.takeError());
  return comparisonsJson(loaded->plan, *rows);
}

int reportModel() {
  auto options = sharedOptions(NativeCpu::Detect, /*isNativeDefault=*/benchOption);
  auto device = options ? estimateSettings() : std::nullopt;
  auto measure = device ? measureSettings(*options) : std::nullopt;
  auto samples = samplesArgument();
  auto rtol = options ? relativeTolerance(*options) : std::nullopt;
  if (!measure || !samples || !rtol)
    return 1;
  if (int status = keepIfAsked(*options))
    return status;
  if (dataArgument().empty() && (!referenceArgument().empty() || *samples != UINT64_MAX || sampleOption() > 0))
    return reportError("--reference, --samples and --sample say how samples are compared, and none are given\n"
                       "note: add --data=set.npz");
  if (dataArgument().empty() && isToleranceGiven())
    return reportError("--rtol says how samples are compared, and none are given\nnote: add --data=set.npz");
  if (!benchOption && isMeasuringAsked())
    return reportError("--rounds and --warmup say how times are measured, and they are estimated\nnote: add --bench");
  measure->perKernel = true;
  ReportSettings settings{benchOption ? measure : std::nullopt,
                          dataArgument(),
                          referenceArgument().empty() ? "onnxruntime" : referenceArgument(),
                          pythonArgument(),
                          *samples,
                          *rtol,
                          wantsJson()};
  if (outputArgument().empty() && !settings.asJson && outs().is_displayed())
    return reportError("no file to write is given\nnote: nncc report " + modelArgument() +
                       " -o report.html; -o - writes to standard output");
  if (settings.measure && !options->target.isHost())
    return reportError("--bench measures this machine; times under an emulator mean nothing\n"
                       "note: leave out --target, or --bench: times are estimated then");
  GivenInputs given;
  if (!settings.data.empty() && !readInputSet(settings.data, *options, given))
    return 1;
  for (auto &[name, array] : given)
    options->import.inputShapes[name] = array.shape;

  auto context = makeContext();
  DiagnosticPrinter printer(*context, options->model, terminalSink());
  if (failed(enableRemarks(*context)))
    return 1;
  Progress progress;
  options->progress = std::ref(progress);
  SeenCode seen;
  options->onStage = std::ref(seen);
  auto info = readOnnxModelInfo(options->model, options->import, *context);
  auto compilation = failed(info) ? mlir::FailureOr<Compilation>(mlir::failure()) : compile(*options, *context);
  if (failed(compilation))
    return printer.exitStatus();
  ModelPlan &plan = compilation->plan;
  auto hash = hashOfFile(options->model);
  if (!hash)
    return reportError(hash.takeError());
  plan.sourceHash = std::move(*hash);
  auto estimated = estimateCode(*compilation, *options);
  if (!estimated)
    return reportError(estimated.takeError());
  LibraryFacts facts = estimated->code.facts;
  EstimateReport estimate = makeEstimate(plan, *estimated, *options, *device);
  ReportParts parts{sys::path::filename(options->model).str(), *info, plan, facts, seen, estimate, {}, {}, {}};
  bool hasOutputs = !settings.data.empty() && settings.reference == "onnxruntime"; // else files of one sample
  std::optional<LoadedModel> loaded;
  if (settings.measure || hasOutputs) {
    auto ready = loadCode(plan, std::move(estimated->code), *options);
    if (!ready)
      return reportError(ready.takeError());
    loaded = std::move(*ready);
  }
  if (settings.measure) {
    progress("measuring");
    parts.bench = measuredTimes(*loaded, given, *settings.measure);
    if (!parts.bench)
      return 1;
  }
  if (hasOutputs) {
    parts.outputs = comparedOutputs(*loaded, *options, settings);
    if (!parts.outputs)
      return 1;
  }
  if (int status = 1; !settings.data.empty()) {
    parts.debug = comparedKernels(*options, given, settings, status);
    if (!parts.debug)
      return status;
  }
  json::Value document = reportDocument(std::move(parts));
  if (settings.asJson)
    outs() << formatv("{0:2}\n", document);
  else
    writePage(document, outs());
  return 0;
}

} // namespace

const Command reportCommand = {
    .name = "report",
    .summary = "a page of HTML: kernels as a graph, memory, time, errors",
    .overview =
        "Writes one HTML file that needs no other and no network: what the model is, sizes, the kernels as a graph "
        "with what is fused in each, the arena over time, time per kernel with a roofline, and the loops of each "
        "kernel.\n\n"
        "Times are estimated for the CPU, or measured with --bench on this machine. With --data the outputs of all "
        "samples and every tensor of one of them are compared with onnxruntime's. With --target, and without "
        "--bench and --data, the same model and options give the same bytes on any machine.",
    .run = reportModel,
    .category = reportCategory,
    .needsOnnx = true,
    .examples = "  nncc report model.onnx -o report.html --target=aarch64-linux-gnu --cpu=cortex-a53\n"
                "  nncc report model.onnx -o report.html --bench --data=set.npz\n",
    .printsReport = true};

} // namespace nncc
