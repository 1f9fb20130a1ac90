// nncc quantize: writes a model whose convolutions and products read 8 bits, by what samples show.
#include "codegen/emit/OutputFiles.h"
#include "lib/analyze/TemporaryFolder.h"
#include "lib/driver/BuildAndLoad.h"
#include "lib/driver/CommandLine.h"
#include "lib/driver/DataSet.h"
#include "lib/driver/Diagnostics.h"
#include "lib/driver/Table.h"
#include "lib/import/onnx/ModelFile.h"
#include "lib/quantize/Quantize.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/Path.h"

using namespace llvm;

namespace nncc {

namespace {

using quantize::QuantizeOptions;
using quantize::QuantizeReport;
using quantize::RangeMethod;
using quantize::Recipe;

cl::opt<Recipe> recipeOption(
    "recipe", cl::desc("What becomes integers (default: int8)"), cl::init(Recipe::Int8),
    namedValues("recipe",
                {clEnumValN(Recipe::Int8, "int8", "weights of convolutions and products, and what these read"),
                 clEnumValN(Recipe::Mixed, "mixed",
                            "the same, but for tensors that hurt the outputs most: until "
                            "--min-cosine and --min-sqnr hold"),
                 clEnumValN(Recipe::Int8Weights, "int8-weights",
                            "weights alone, and tables of words: a quarter of the file, float "
                            "speed; in the library tables alone stay small. --data only measures"),
                 clEnumValN(Recipe::Int8Dynamic, "int8-dynamic",
                            "weights of products, tables of words, and what products read, by "
                            "its range in every run: for transformers; --data only "
                            "measures")}),
    cl::cat(quantizeCategory()));
enum class Ranges { Best, MinMax, Percentile, Error };
cl::opt<Ranges> rangesOption(
    "ranges", cl::desc("How the range of a tensor is found (default: best)"), cl::init(Ranges::Best),
    namedValues("ranges", {clEnumValN(Ranges::Best, "best", "the one of the others by which the outputs err least"),
                           clEnumValN(Ranges::MinMax, "minmax", "all values seen"),
                           clEnumValN(Ranges::Percentile, "percentile", "all but a 10,000th at either end"),
                           clEnumValN(Ranges::Error, "error", "the least squared error of the tensor")}),
    cl::cat(quantizeCategory()));
cl::list<std::string>
    keepOption("keep",
               cl::desc("Leave convolutions and products as they are, by their name, or that of their input or "
                        "weights, with * and ?; may be repeated"),
               cl::value_desc("PATTERN=f32"), cl::cat(quantizeCategory()));
cl::opt<double> minCosineOption("min-cosine",
                                cl::desc("mixed: least cosine of every output to float (default: 0.99, where no "
                                         "bound is given)"),
                                cl::init(0), cl::value_desc("X"), cl::cat(quantizeCategory()));
cl::opt<double> minSqnrOption("min-sqnr", cl::desc("mixed: least signal to noise of every output, in dB"), cl::init(0),
                              cl::value_desc("DB"), cl::cat(quantizeCategory()));
cl::opt<bool> tensorsOption("tensors", cl::desc("List every tensor: its range, steps and noise"),
                            cl::cat(quantizeCategory()));
cl::opt<std::string> reportOption("report", cl::desc("Write the report as JSON"), cl::value_desc("FILE.json"),
                                  cl::cat(quantizeCategory()));

/// What the options said; read early, since LLD resets them (see RunCommand.cpp).
struct QuantizeSettings {
  std::string output, data, report;
  bool showTensors = false;
} settings;

/// Compiles models for the quantizer, as `nncc run` would.
class CommandHost : public quantize::Host {
public:
  CommandHost(CompileOptions options, TemporaryFolder folder)
      : options(std::move(options)), folder(std::move(folder)) {}

  std::optional<quantize::BuiltModel> build(const onnx::ModelProto &model) override {
    auto path = folder.write("model.onnx", model.SerializeAsString());
    if (!path) {
      reportError(path.takeError());
      return std::nullopt;
    }
    CompileOptions own = options;
    own.model = *path;
    own.name = "model";
    own.progress = [](StringRef) {}; // `line` says what goes on
    auto context = makeContext();
    DiagnosticPrinter printer(*context, options.model, sinkFor(*path));
    auto loaded = buildAndLoad(own, *context, printer, {});
    if (!loaded) {
      status = printer.exitStatus();
      return std::nullopt;
    }
    return quantize::BuiltModel{describe(loaded->plan.inputs), describe(loaded->plan.outputs),
                                std::move(loaded->runnable)};
  }

  std::optional<Samples> openSamples(ArrayRef<SamplePort> inputs) override {
    auto samples = Samples::open(settings.data, inputs);
    if (samples)
      return std::move(*samples);
    reportError(samples.takeError());
    return std::nullopt;
  }

  void progress(StringRef what) override { line(what); }
  void warn(const std::string &message) override { terminalSink()(Severity::Warning, "nncc: warning: " + message); }
  void error(const std::string &message) override { reportError(message); }
  int exitStatus() const { return status; }

private:
  static std::vector<quantize::Port> describe(ArrayRef<PortPlan> plans) {
    std::vector<quantize::Port> ports;
    for (auto [i, plan] : enumerate(plans))
      ports.push_back({{plan.name, plan.identifier, typeName(plan.elementType), plan.shape, (unsigned)i},
                       (uint64_t)portBytes(plan)});
    return ports;
  }

  /// Messages name the user's file, not the copy that is compiled. There are no warnings: checkModel() gave them.
  MessageSink sinkFor(const std::string &copy) {
    return [this, copy, terminal = terminalSink(), isDropped = false](Severity severity, std::string text) mutable {
      isDropped = severity == Severity::Warning || (severity == Severity::Note && isDropped);
      if (isDropped)
        return;
      if (size_t at = text.find(copy); at != std::string::npos)
        text.replace(at, copy.size(), options.model);
      terminal(severity, text);
    };
  }

  CompileOptions options;
  TemporaryFolder folder;
  Progress line;
  int status = 1;
};

/// Reports what of the file cannot be compiled, in the importer's words, before the quantizer looks at its nodes.
///
/// returns  the exit status
int checkModel(CompileOptions options) {
  options.stopAfter = Stage::N1;
  auto context = makeContext();
  DiagnosticPrinter printer(*context, options.model, terminalSink());
  return failed(compile(options, *context)) ? printer.exitStatus() : 0;
}

/// Whether the model has dims that no option gives a size: then it cannot be checked, and stays open where no sample is
/// run.
bool hasOpenDims(const CompileOptions &options) {
  auto context = makeContext();
  DiagnosticPrinter printer(*context, options.model, [](Severity, const std::string &) {});
  auto info = readOnnxModelInfo(options.model, *context);
  return succeeded(info) && any_of(info->inputs, [&](const OnnxValueInfo &input) {
           return !options.import.inputShapes.count(input.name) && any_of(input.dims, [&](const OnnxDim &dim) {
             return !dim.key.empty() && !options.import.dims.count(dim.key);
           });
         });
}

std::optional<QuantizeOptions> readOptions() {
  QuantizeOptions options;
  options.recipe = recipeOption;
  options.hasSamples = !dataArgument().empty();
  switch (rangesOption) {
  case Ranges::Best:
    break;
  case Ranges::MinMax:
    options.method = RangeMethod::MinMax;
    break;
  case Ranges::Percentile:
    options.method = RangeMethod::Percentile;
    break;
  case Ranges::Error:
    options.method = RangeMethod::Error;
    break;
  }
  if (rangesOption.getNumOccurrences() && !options.needsSamples()) {
    reportError("--ranges is of --recipe=int8 and mixed: the others have no ranges of samples");
    return std::nullopt;
  }
  bool hasBound = minCosineOption.getNumOccurrences() || minSqnrOption.getNumOccurrences();
  if (hasBound && options.recipe != Recipe::Mixed) {
    reportError("--min-cosine and --min-sqnr are bounds of --recipe=mixed");
    return std::nullopt;
  }
  if (!(minCosineOption >= 0 && minCosineOption <= 1) || !(minSqnrOption >= 0)) {
    reportError("--min-cosine is a number from 0 to 1, --min-sqnr one of at least 0");
    return std::nullopt;
  }
  options.minCosine = hasBound ? minCosineOption : 0.99;
  options.minDecibels = minSqnrOption;
  for (const std::string &text : keepOption) {
    StringRef pattern = text;
    if (!pattern.consume_back("=f32") || pattern.empty()) {
      reportError("--keep " + text + " is not PATTERN=f32\nnote: for example --keep 'features/conv1*=f32'");
      return std::nullopt;
    }
    options.keepFloat.push_back(pattern.str());
  }
  return options;
}

void printReport(raw_ostream &os, const QuantizeReport &report) {
  os << settings.output << ": " << report.quantized << " of " << report.contractions
     << " convolutions and products in 8 bits";
  if (report.tables)
    os << ", " << report.tables << (report.tables == 1 ? " table" : " tables");
  os << "\n";
  os << "  opset    " << report.opsetAfter;
  if (report.opsetAfter != report.opsetBefore)
    os << ", raised from " << report.opsetBefore;
  os << "\n  file     " << report.bytesAfter << " bytes, " << report.bytesBefore << " before\n";
  os << "  samples  " << (report.samples ? std::to_string(report.samples) : "none: --data measures the outputs")
     << "\n";
  for (const std::string &step : report.steps)
    os << "  tried    " << step << "\n";
  for (const quantize::TensorReport &tensor : report.tensors)
    if (tensor.isRaised)
      os << "  float    '" << tensor.name
         << "': " << format("%.1f %% of the error", 100 * tensor.errorShare.value_or(0)) << "\n";
  if (!report.method.empty())
    os << "  ranges   " << report.method << "\n";
  for (const quantize::OutputError &output : report.outputs)
    os << "  output   '" << output.name
       << "': " << format("cosine %.6f, signal to noise %.1f dB", output.cosine(), output.decibels()) << "\n";
  if (!settings.showTensors)
    return;
  os << "\n  tensor                                         seen            range          step  zero    noise  cut "
        "off\n";
  for (const quantize::TensorReport &tensor : report.tensors)
    os << format("  %-36s %9.4g %9.4g %9.4g %9.4g %9.4g %4d %6.1f dB %6.3f %%\n", tensor.name.c_str(), tensor.low,
                 tensor.high, tensor.grid.low(), tensor.grid.high(), tensor.grid.scale, tensor.grid.zeroPoint,
                 tensor.quality.decibels(), 100 * tensor.quality.saturatedShare);
}

json::Value toJson(const QuantizeReport &report) {
  json::Array outputs, tensors, floats, steps;
  auto text = [](const std::string &name) { return json::fixUTF8(name); };
  for (const quantize::OutputError &output : report.outputs)
    outputs.push_back(json::Object{{"name", text(output.name)},
                                   {"cosine", output.cosine()},
                                   {"signal_to_noise_db", finiteOrNull(output.decibels())}});
  for (const quantize::TensorReport &tensor : report.tensors)
    tensors.push_back(
        json::Object{{"name", text(tensor.name)},
                     {"seen_low", tensor.low},
                     {"seen_high", tensor.high},
                     {"scale", tensor.grid.scale},
                     {"zero_point", tensor.grid.zeroPoint},
                     {"signal_to_noise_db", finiteOrNull(tensor.quality.decibels())},
                     {"saturated_share", tensor.quality.saturatedShare},
                     {"float", tensor.isRaised},
                     {"error_share", tensor.errorShare ? json::Value(*tensor.errorShare) : json::Value(nullptr)}});
  json::Object raised;
  for (auto &[name, channels] : report.raisedChannels)
    raised[text(name)] = json::Array(channels);
  for (const std::string &name : report.floatNodes)
    floats.push_back(text(name));
  for (const std::string &step : report.steps)
    steps.push_back(step);
  return json::Object{{"schema", "nncc-quantize"},
                      {"version", 1},
                      {"contractions", report.contractions},
                      {"quantized", report.quantized},
                      {"tables", report.tables},
                      {"samples", report.samples},
                      {"opset_before", report.opsetBefore},
                      {"opset", report.opsetAfter},
                      {"bytes_before", report.bytesBefore},
                      {"bytes", report.bytesAfter},
                      {"ranges", report.method},
                      {"tried", std::move(steps)},
                      {"kept", std::move(floats)},
                      {"raised_channels", std::move(raised)},
                      {"outputs", std::move(outputs)},
                      {"tensors", std::move(tensors)}};
}

/// A file that is written when all is known. Its folder is tried at once: an unusable one is said before the work.
Expected<std::unique_ptr<OutputFiles>> openOutput(StringRef path) {
  sys::fs::file_status there;
  if (path == "-" || sys::path::filename(path).empty() ||
      (!sys::fs::status(path, there) && !sys::fs::is_regular_file(there)))
    return createStringError("'" + path + "' is no file to write\nnote: for example -o quantized.onnx");
  if (Error error = checkOutputFile(path))
    return std::move(error);
  StringRef folder = sys::path::parent_path(path);
  if (std::error_code code = sys::fs::access(folder.empty() ? "." : folder, sys::fs::AccessMode::Write))
    return createStringError("cannot write '" + path + "': " + code.message());
  return OutputFiles::create(folder);
}

Error write(OutputFiles &files, StringRef path, StringRef contents) {
  return files.write(sys::path::filename(path), [&](raw_ostream &os) {
    os << contents;
    return Error::success();
  });
}

int quantizeModel() {
  auto options = sharedOptions(NativeCpu::Detect);
  auto choices = options ? readOptions() : std::nullopt;
  if (!choices)
    return 1;
  settings = {outputArgument(), dataArgument(), reportOption, tensorsOption};
  if (settings.output.empty())
    return reportError(
        "no file to write is given\nnote: nncc quantize model.onnx --data=samples.npz -o quantized.onnx");
  if (settings.data.empty() && choices->needsSamples())
    return reportError("no samples are given\nnote: nncc quantize model.onnx --data=samples.npz -o quantized.onnx; "
                       "--recipe=int8-dynamic and int8-weights do without");
  auto modelFile = openOutput(settings.output);
  if (!modelFile)
    return reportError(modelFile.takeError());
  std::unique_ptr<OutputFiles> reportFile;
  if (!settings.report.empty()) {
    auto opened = openOutput(settings.report);
    if (!opened)
      return reportError(opened.takeError());
    reportFile = std::move(*opened);
  }
  auto folder = TemporaryFolder::create("nncc-quantize");
  if (!folder)
    return reportError(folder.takeError());
  std::unique_ptr<onnx::ModelProto> model;
  {
    auto context = makeContext();
    DiagnosticPrinter printer(*context, options->model, terminalSink());
    model = import::readModelFile(options->model, mlir::FileLineColLoc::get(context.get(), options->model, 0, 0));
  }
  if (!model || (choices->hasSamples && !inputPorts(options->model, settings.data, options->import)))
    return 1;
  bool staysOpen = !choices->hasSamples && hasOpenDims(*options);
  if (int status = staysOpen ? 0 : checkModel(*options))
    return status;
  std::string path = options->model;
  CommandHost host(std::move(*options), std::move(*folder));
  auto result = quantize::quantize(std::move(*model), path, *choices, host);
  if (!result)
    return host.exitStatus();
  if (result->model.ByteSizeLong() > (uint64_t)INT32_MAX)
    return reportError("the quantized model has more than 2147483647 bytes, where a protobuf file ends");
  Error error = write(**modelFile, settings.output, result->model.SerializeAsString());
  if (!error && reportFile)
    error = write(*reportFile, settings.report, formatv("{0:2}\n", toJson(result->report)).str());
  if (!error && reportFile)
    error = reportFile->commit();
  if (!error)
    error = (*modelFile)->commit();
  if (error)
    return reportError(std::move(error));
  printReport(outs(), result->report);
  return 0;
}

} // namespace

const Command quantizeCommand = {
    .name = "quantize",
    .summary = "write a model of 8-bit integers, by what samples show",
    .overview = "Writes a model whose convolutions and products of matrices with constant weights read 8 bits.\n\n"
                "The result is an ONNX file with QuantizeLinear and DequantizeLinear, which `nncc compile` runs on "
                "integers and other engines read as well: docs/quantization.md.",
    .run = quantizeModel,
    .category = quantizeCategory,
    .isCompiler = false,
    .examples = "  nncc quantize model.onnx --data=samples.npz -o model-int8.onnx\n"
                "  nncc quantize model.onnx --data=photos/ -o model-int8.onnx --keep 'head/*=f32' --tensors\n"
                "  nncc quantize model.onnx --data=samples.npz -o model-mixed.onnx --recipe=mixed --min-cosine=0.999\n"
                "  nncc quantize transformer.onnx -o transformer-int8.onnx --recipe=int8-dynamic\n"
                "  nncc quantize model.onnx -o model-w8.onnx --recipe=int8-weights\n"};

} // namespace nncc
