// nncc quantize: writes a model whose convolutions and products read 8 bits, by what samples show.
#include "codegen/emit/OutputFiles.h"
#include "lib/driver/CommandLine.h"
#include "lib/driver/Diagnostics.h"
#include "lib/driver/QuantizeModel.h"
#include "lib/driver/Table.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/Path.h"
#include <set>

using namespace llvm;

namespace nncc {

namespace {

using quantize::QuantizeReport;
using quantize::Recipe;

cl::opt<Recipe> recipeOption("recipe", cl::desc("What becomes integers (default: int8)"), cl::init(Recipe::Int8),
                             recipeValues("recipe"), cl::cat(quantizeCategory()));
cl::opt<std::string> statsOutOption("stats-out",
                                    cl::desc("Write what tensors held in the samples, for --stats of this model, with "
                                             "those of other runs; -o may be left out"),
                                    cl::value_desc("FILE.json"), cl::cat(quantizeCategory()));
cl::opt<bool> tensorsOption("tensors", cl::desc("List every tensor: its range, steps and noise"),
                            cl::cat(quantizeCategory()));
cl::opt<std::string> reportOption("report", cl::desc("Write the report as JSON"), cl::value_desc("FILE.json"),
                                  cl::cat(quantizeCategory()));

/// What the options said: the files.
struct QuantizeSettings {
  std::string output, data, report, statistics;
  bool showTensors = false;
} settings;

void printReport(raw_ostream &os, const QuantizeReport &report) {
  os << settings.output << ": " << report.quantized << " of " << report.contractions << " convolutions and products "
     << report.stored;
  if (report.tables)
    os << ", " << report.tables << (report.tables == 1 ? " table" : " tables");
  if (report.toStore)
    os << ", " << report.inBytes << " of " << report.toStore << " tensors between nodes";
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
                                   {"cosine", finiteOrNull(output.cosine())},
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
                      {"stored", report.inBytes},
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

Error write(OutputFiles &files, StringRef path, StringRef contents) {
  return files.write(sys::path::filename(path), [&](raw_ostream &os) {
    os << contents;
    return Error::success();
  });
}

/// An output that is not asked for is null. error: printed, false
bool openOutputs(std::initializer_list<std::pair<const std::string &, std::unique_ptr<OutputFiles> &>> outputs) {
  for (auto &[path, files] : outputs) {
    if (path.empty())
      continue;
    auto opened = openOutputFile(path, "quantized.onnx");
    if (!opened)
      return reportError(opened.takeError()), false;
    files = std::move(*opened);
  }
  return true;
}

/// What is wrong with the files that are asked for; empty: nothing.
std::string findContradiction() {
  if (settings.output.empty() && settings.statistics.empty())
    return "no file to write is given\nnote: nncc quantize model.onnx --data=samples.npz -o quantized.onnx";
  if (settings.output.empty() && !settings.report.empty())
    return "--report is of a quantized model, and none is written\nnote: for example -o quantized.onnx";
  if (!settings.statistics.empty() && settings.data.empty())
    return "--stats-out needs --data: what tensors hold is counted in samples";
  std::set<std::string> places;
  for (const std::string &file : {settings.output, settings.statistics, settings.report}) {
    SmallString<128> place(file);
    sys::fs::make_absolute(place);
    sys::path::remove_dots(place, /*remove_dot_dot=*/true);
    if (!file.empty() && !places.insert(place.str().str()).second)
      return "'" + file + "' is to be written twice\nnote: -o, --stats-out and --report each need a file of their own";
  }
  return "";
}

int quantizeModel() {
  auto options = sharedOptions(NativeCpu::Detect);
  if (!options)
    return 1;
  settings = {outputArgument(), dataArgument(), reportOption, statsOutOption, tensorsOption};
  if (std::string problem = findContradiction(); !problem.empty())
    return reportError(problem);
  auto choices = quantizeOptions(recipeOption, options->optimize == Optimize::Size);
  std::unique_ptr<OutputFiles> modelFile, reportFile, statisticsFile;
  if (!choices ||
      !openOutputs(
          {{settings.output, modelFile}, {settings.report, reportFile}, {settings.statistics, statisticsFile}}))
    return 1;
  FileQuantizer quantizer(*options, settings.data, SampleForm::OfInput);
  choices->gathersStatistics = statisticsFile != nullptr;
  std::optional<quantize::QuantizeResult> result;
  std::optional<quantize::Statistics> statistics;
  if (modelFile) {
    result = quantizer.quantize(*choices);
    if (result)
      statistics = std::move(result->statistics);
  } else {
    statistics = quantizer.gatherStatistics(*choices);
  }
  if (!result && !statistics)
    return quantizer.exitStatus();
  Error error = Error::success();
  if (statistics)
    error = write(*statisticsFile, settings.statistics, formatv("{0}\n", quantize::toJson(*statistics)).str());
  if (!error && result)
    error = write(*modelFile, settings.output, result->model.SerializeAsString());
  if (!error && reportFile)
    error = write(*reportFile, settings.report, formatv("{0:2}\n", toJson(result->report)).str());
  for (OutputFiles *files : {statisticsFile.get(), reportFile.get(), modelFile.get()})
    if (!error && files)
      error = files->commit();
  if (error)
    return reportError(std::move(error));
  if (result)
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
    .needsOnnx = true,
    .examples = "  nncc quantize model.onnx --data=samples.npz -o model-int8.onnx\n"
                "  nncc quantize model.onnx --data=photos/ --input image=u8,nhwc,mean=127.5,std=127.5 \\\n"
                "    -o model-int8.onnx\n"
                "  nncc quantize model.onnx --data=samples/ -o model-int8.onnx --keep 'head/*=f32' --tensors\n"
                "  nncc quantize model.onnx --data=shard0.npz --stats-out=shard0.json\n"
                "  nncc quantize model.onnx --stats=shard0.json,shard1.json -o model-int8.onnx\n"
                "  nncc quantize model.onnx --data=samples.npz -o model-mixed.onnx --recipe=mixed --min-cosine=0.999\n"
                "  nncc quantize transformer.onnx -o transformer-int8.onnx --recipe=int8-dynamic\n"
                "  nncc quantize model.onnx -o model-w8.onnx --recipe=int8-weights\n"};

} // namespace nncc
