// See QuantizeModel.h.
#include "lib/driver/QuantizeModel.h"
#include "dialects/nn/Origin.h"
#include "lib/driver/BuildAndLoad.h"
#include "lib/driver/DataSet.h"
#include "lib/driver/Diagnostics.h"
#include "lib/driver/Dump.h"
#include "lib/import/onnx/CutModel.h"
#include "lib/import/onnx/InputFormat.h"
#include "lib/quantize/ModelEditor.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/Path.h"
#include <set>

using namespace llvm;

namespace nncc {

using quantize::QuantizeOptions;
using quantize::QuantizeReport;
using quantize::RangeMethod;
using quantize::Recipe;

cl::ValuesClass recipeValues(StringRef option) {
  return namedValues(
      option,
      {clEnumValN(Recipe::Int8, "int8", "weights of convolutions and products, and what these read"),
       clEnumValN(Recipe::Mixed, "mixed",
                  "the same, but for tensors that hurt the outputs most: until --min-cosine and --min-sqnr hold"),
       clEnumValN(Recipe::Int8Weights, "int8-weights",
                  "weights alone, and tables of words: a quarter of the file; in the library weights of products, of "
                  "most convolutions and tables stay small. --data only measures"),
       clEnumValN(Recipe::Int4Weights, "int4-weights",
                  "the same, but products in 4 bits, by blocks (--block): for language models"),
       clEnumValN(Recipe::F16, "f16", "weights alone, and tables of words, as floats of 16 bits"),
       clEnumValN(Recipe::BF16, "bf16", "the same as bfloat16, which has the range of f32"),
       clEnumValN(Recipe::Int8Dynamic, "int8-dynamic",
                  "weights of products, tables of words, and what products read, by its range in every run: for "
                  "transformers; --data only measures")});
}

namespace {

struct OfOtherCommands {
  template <typename Option> void apply(Option &option) const {
    option.addCategory(quantizingGroup());
    OfQuantizing::applyToOthers(option);
  }
};

/// Of quantizing, and of what shows a model that keeps nodes.
struct OfKeeping {
  template <typename Option> void apply(Option &option) const {
    OfQuantizing().apply(option);
    for (cl::OptionCategory *category : {&debugCategory(), &inspectCategory(), &estimateCategory(), &reportCategory()})
      option.addCategory(*category);
  }
};

cl::opt<Recipe> quantizeOption("quantize", cl::desc("Quantize the model first, as nncc quantize --recipe does"),
                               cl::init(Recipe::Int8), recipeValues("quantize"), OfOtherCommands());
enum class Ranges { Best, MinMax, Wide, Percentile, Error };
cl::opt<Ranges> rangesOption(
    "ranges", cl::desc("How the range of a tensor is found (default: best)"), cl::init(Ranges::Best),
    namedValues("ranges", {clEnumValN(Ranges::Best, "best", "the one of the others by which the outputs err least"),
                           clEnumValN(Ranges::MinMax, "minmax", "all values seen"),
                           clEnumValN(Ranges::Wide, "wide", "a tenth more"),
                           clEnumValN(Ranges::Percentile, "percentile", "all but a 10,000th at either end"),
                           clEnumValN(Ranges::Error, "error", "the least squared error of the tensor")}),
    OfQuantizing());
cl::opt<int64_t> blockOption("block", cl::desc("Values of K that share a scale, of int4-weights: 16, 32, ... 256"),
                             cl::value_desc("N"), cl::init(32), OfQuantizing());
cl::list<std::string> keepOption(
    "keep",
    cl::desc("Leave convolutions and products as they are, by their name, or that of their input or "
             "weights, with * and ?; with --float=f16 and no --quantize any nodes, by their name, or that of "
             "what they make; may be repeated"),
    cl::value_desc("PATTERN=f32"), OfKeeping());
cl::opt<double> minCosineOption("min-cosine",
                                cl::desc("mixed: least cosine of every output to float (default: 0.99, where no "
                                         "bound is given)"),
                                cl::init(0), cl::value_desc("X"), OfQuantizing());
cl::opt<double> minSqnrOption("min-sqnr", cl::desc("mixed: least signal to noise of every output, in dB"), cl::init(0),
                              cl::value_desc("DB"), OfQuantizing());
cl::list<std::string>
    statsOption(ownOptionName("stats"),
                cl::desc("Find ranges by statistics instead of samples: files of quantize --stats-out, which are added "
                         "up. What is decided by the outputs needs --data as well, or is left out"),
                cl::value_desc("FILE.json,..."), cl::CommaSeparated, OfQuantizing());

/// Compiles models for the quantizer, as `nncc run` would.
class CommandHost : public quantize::Host {
public:
  CommandHost(const CompileOptions &options, const std::string &data, const std::map<std::string, std::string> &formats)
      : options(options), data(data), formats(formats) {}

  std::optional<quantize::BuiltModel> build(const onnx::ModelProto &model) override {
    CompileOptions own = options;
    // The caller's own, which outlives the build.
    own.import.model = std::shared_ptr<const onnx::ModelProto>(std::shared_ptr<void>(), &model);
    own.import.onFile = nullptr; // checkModel() told of all
    own.name = "model";
    own.progress = [](StringRef) {}; // `line` says what goes on
    auto context = makeContext();
    DiagnosticPrinter printer(*context, options.model, withoutWarnings());
    auto loaded = buildAndLoad(own, *context, printer, {});
    if (!loaded) {
      status = printer.exitStatus();
      return std::nullopt;
    }
    return quantize::BuiltModel{describe(loaded->plan.inputs), describe(loaded->plan.outputs),
                                std::move(loaded->runnable)};
  }

  std::optional<quantize::ModelSamples> openSamples(ArrayRef<SamplePort> inputs) override {
    std::vector<SamplePort> stored = inputs.vec();
    std::vector<quantize::ModelSamples::Conversion> conversions(inputs.size());
    for (auto [port, convert] : zip(stored, conversions))
      if (auto format = formats.find(port.name); format != formats.end()) {
        if (port.type != "f32") {
          reportError("--input " + port.name + ": the model takes " + port.type +
                      "; samples in another form are for inputs of f32");
          return std::nullopt;
        }
        convert = conversionFrom(cantFail(InputFormat::parse(format->second), "it was imported"), port);
      }
    auto samples = Samples::open(data, stored);
    if (!samples) {
      reportError(samples.takeError());
      return std::nullopt;
    }
    if (options.import.onFile)
      for (const std::string &file : samples->files())
        options.import.onFile(file);
    return quantize::ModelSamples(std::move(*samples), std::move(conversions));
  }

  void progress(StringRef what) override { line(what); }
  /// Models are run more than once: what all runs warn of is said by the first.
  void warn(const std::string &message) override {
    if (warned.insert(message).second)
      terminalSink()(Severity::Warning, "nncc: warning: " + message);
  }
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

  /// Makes an input of floats what lies in files, and returns the way back.
  static quantize::ModelSamples::Conversion conversionFrom(const InputFormat &format, SamplePort &port) {
    std::vector<int64_t> shape = port.shape;
    port.type = sampleTypeOf(format);
    port.shape = format.memoryShape(shape);
    return [format, shape](ArrayRef<char> memory) {
      std::vector<float> values = format.convert(memory, shape);
      const char *bytes = reinterpret_cast<const char *>(values.data());
      return std::vector<char>(bytes, bytes + values.size() * sizeof(float));
    };
  }

  const CompileOptions &options;
  const std::string &data;
  const std::map<std::string, std::string> &formats;
  Progress line;
  std::set<std::string> warned;
  int status = 1;
};

bool isTensorWithoutShape(const onnx::TypeProto &type) {
  bool isOther = type.value_case() != onnx::TypeProto::VALUE_NOT_SET && !type.has_tensor_type();
  return !isOther && !type.tensor_type().has_shape();
}

/// Says what inputs and outputs are of which the file does not say it, as those of a part. Maps stay maps.
void completePorts(google::protobuf::RepeatedPtrField<onnx::ValueInfoProto> &ports, mlir::TypeRange types,
                   function_ref<mlir::StringAttr(unsigned)> nameOf) {
  for (auto [index, type] : enumerate(types))
    for (onnx::ValueInfoProto &port : ports)
      if (port.name() == nameOf(index).getValue() && isTensorWithoutShape(port.type()))
        import::completePort(port, cast<mlir::RankedTensorType>(type));
}

/// Reports what of the file cannot be compiled, in the importer's words, before the quantizer looks at its nodes.
///
/// returns  the exit status
int checkModel(CompileOptions options, MessageSink sink, onnx::GraphProto &graph) {
  options.stopAfter = Stage::N1;
  auto context = makeContext();
  DiagnosticPrinter printer(*context, options.model, std::move(sink));
  auto compilation = compile(options, *context);
  if (failed(compilation))
    return printer.exitStatus();
  auto main = compilation->module->lookupSymbol<mlir::func::FuncOp>("main");
  if (options.import.inputFormats.empty())
    completePorts(*graph.mutable_input(), main.getArgumentTypes(),
                  [&](unsigned i) { return main.getArgAttrOfType<mlir::StringAttr>(i, nn::kNameAttr); });
  completePorts(*graph.mutable_output(), main.getResultTypes(),
                [&](unsigned i) { return main.getResultAttrOfType<mlir::StringAttr>(i, nn::kNameAttr); });
  return 0;
}

/// Whether the model has dims that no option gives a size: then it cannot be checked, and stays open where no sample is
/// run.
bool hasOpenDims(const CompileOptions &options) {
  auto context = makeContext();
  DiagnosticPrinter printer(*context, options.model, [](Severity, const std::string &) {});
  auto info = readOnnxModelInfo(options.model, options.import, *context);
  return succeeded(info) && any_of(info->inputs, [&](const OnnxValueInfo &input) {
           return !options.import.inputShapes.count(input.name) && any_of(input.dims, [&](const OnnxDim &dim) {
             return !dim.key.empty() && !options.import.dims.count(dim.key);
           });
         });
}

/// error  files that hold no statistics, or are given twice: printed, false
bool readStatisticsFiles(QuantizeOptions &options) {
  for (const std::string &path : statsOption) {
    if (any_of(options.statistics,
               [&](const quantize::Statistics &known) { return sys::fs::equivalent(known.path, path); }))
      return reportError("--stats: '" + path + "' is given twice, and would count twice"), false;
    auto statistics = quantize::readStatistics(path);
    if (!statistics)
      return reportError(statistics.takeError()), false;
    options.statistics.push_back(std::move(*statistics));
  }
  return true;
}

/// What is wrong with options as a whole; empty: nothing.
std::string findContradiction(const QuantizeOptions &options) {
  if (!options.hasRanges()) {
    for (auto [option, isGiven] : {std::pair("--ranges", rangesOption.getNumOccurrences() > 0),
                                   std::pair("--stats", !options.statistics.empty())})
      if (isGiven)
        return std::string(option) + " is of the recipes int8 and mixed: the others have no ranges of samples";
  } else if (!options.hasSamples && options.statistics.empty()) {
    return "no samples are given\nnote: --data=samples.npz has what the model takes, --stats=FILE.json what "
           "quantize --stats-out saw; all recipes but int8 and mixed do without";
  } else if (!options.hasSamples && options.recipe == Recipe::Mixed) {
    return "the recipe mixed needs --data beside --stats: what hurts the outputs is measured on samples";
  }
  if ((minCosineOption.getNumOccurrences() || minSqnrOption.getNumOccurrences()) && options.recipe != Recipe::Mixed)
    return "--min-cosine and --min-sqnr are bounds of the recipe mixed";
  if (blockOption.getNumOccurrences() && options.recipe != Recipe::Int4Weights)
    return "--block is of the recipe int4-weights";
  if (blockOption < 16 || blockOption > 256 || !isPowerOf2_64(blockOption))
    return "--block=" + std::to_string(blockOption) + " is not a power of two from 16 to 256";
  if (!(minCosineOption >= 0 && minCosineOption <= 1) || !(minSqnrOption >= 0))
    return "--min-cosine is a number from 0 to 1, --min-sqnr one of at least 0";
  return "";
}

/// The patterns of --keep.
Expected<std::vector<std::string>> keptPatterns() {
  std::vector<std::string> patterns;
  for (const std::string &text : keepOption) {
    StringRef pattern = text;
    if (!pattern.consume_back("=f32") || pattern.empty())
      return createStringError("--keep " + text +
                               " is not PATTERN=f32\nnote: for example --keep 'features/conv1*=f32'");
    patterns.push_back(pattern.str());
  }
  return patterns;
}

/// The first option that says how to quantize; empty: there is none.
///
/// storesHalves  --keep is of floats of 16 bits then
std::string findStrayOption(bool hasOwnData, bool storesHalves) {
  for (auto [option, isGiven] : {std::pair("--ranges", rangesOption.getNumOccurrences()),
                                 std::pair("--keep", storesHalves ? 0 : keepOption.getNumOccurrences()),
                                 std::pair("--block", blockOption.getNumOccurrences()),
                                 std::pair("--min-cosine", minCosineOption.getNumOccurrences()),
                                 std::pair("--min-sqnr", minSqnrOption.getNumOccurrences()),
                                 std::pair("--stats", statsOption.getNumOccurrences())})
    if (isGiven)
      return option;
  return hasOwnData || dataArgument().empty() ? "" : "--data";
}

/// A line on standard error: what a command prints is of the model that it goes on with.
void say(const std::string &model, const QuantizeReport &report) {
  std::string text = "note: '" + model + "': " + std::to_string(report.quantized) + " of " +
                     std::to_string(report.contractions) + " convolutions and products " + report.stored;
  if (report.tables)
    text += ", " + std::to_string(report.tables) + (report.tables == 1 ? " table" : " tables");
  if (report.toStore)
    text += ", " + std::to_string(report.inBytes) + " of " + std::to_string(report.toStore) + " tensors between nodes";
  if (!report.method.empty())
    text += ", ranges by " + report.method + " of " + std::to_string(report.samples) + " samples";
  auto worst = min_element(report.outputs, [](const quantize::OutputError &a, const quantize::OutputError &b) {
    return a.cosine() < b.cosine();
  });
  if (worst != report.outputs.end())
    raw_string_ostream(text) << "; output '" << worst->name << "': " << format("cosine %.6f", worst->cosine());
  terminalSink()(Severity::Note, text);
}

} // namespace

std::optional<QuantizeOptions> quantizeOptions(Recipe recipe, bool forSize) {
  QuantizeOptions options;
  options.recipe = recipe;
  options.storesAll = forSize && options.hasRanges();
  options.block = blockOption;
  options.hasSamples = !dataArgument().empty();
  switch (rangesOption) {
  case Ranges::Best:
    break;
  case Ranges::MinMax:
    options.method = RangeMethod::MinMax;
    break;
  case Ranges::Wide:
    options.method = RangeMethod::Wide;
    break;
  case Ranges::Percentile:
    options.method = RangeMethod::Percentile;
    break;
  case Ranges::Error:
    options.method = RangeMethod::Error;
    break;
  }
  if (!readStatisticsFiles(options))
    return std::nullopt;
  if (std::string problem = findContradiction(options); !problem.empty()) {
    reportError(problem);
    return std::nullopt;
  }
  options.minCosine = minCosineOption.getNumOccurrences() || minSqnrOption.getNumOccurrences() ? minCosineOption : 0.99;
  options.minDecibels = minSqnrOption;
  auto kept = keptPatterns();
  if (!kept) {
    reportError(kept.takeError());
    return std::nullopt;
  }
  options.keepFloat = std::move(*kept);
  return options;
}

FileQuantizer::FileQuantizer(const CompileOptions &given, std::string data, SampleForm form, bool isCompiledNext)
    : data(std::move(data)), isCompiledNext(isCompiledNext) {
  options.model = given.model;
  options.import = given.import;
  if (form == SampleForm::OfInput)
    formats = given.import.inputFormats;
  else
    for (auto &[input, format] : options.import.inputFormats)
      options.import.inputShapes.erase(input); // of the program's memory
  options.import.inputFormats = formats;
  options.import.outputLayouts.clear();
  options.target = cantFail(parseTarget("", "", NativeCpu::Refuse), "this machine is one that code is made for");
}

/// From here on all is as the model takes it; samples are converted as they are read.
void FileQuantizer::dropFormats() {
  for (auto &[input, text] : formats)
    if (auto shape = options.import.inputShapes.find(input); shape != options.import.inputShapes.end()) {
      auto format = InputFormat::parse(text);
      if (format)
        shape->second = format->modelShape(shape->second);
      else // said where the model is compiled
        consumeError(format.takeError());
    }
  options.import.inputFormats.clear();
}

std::unique_ptr<onnx::ModelProto> FileQuantizer::read() {
  std::unique_ptr<onnx::ModelProto> model;
  {
    auto context = makeContext();
    DiagnosticPrinter printer(*context, options.model, terminalSink());
    model =
        import::readModel(options.model, options.import, mlir::FileLineColLoc::get(context.get(), options.model, 0, 0));
  }
  if (!model || (!data.empty() && !inputPorts(options.model, data, options.import)))
    return nullptr;
  bool staysOpen = data.empty() && hasOpenDims(options);
  if (int problem = staysOpen ? 0
                              : checkModel(options, isCompiledNext ? withoutWarnings() : terminalSink(),
                                           *model->mutable_graph())) {
    status = problem;
    return nullptr;
  }
  dropFormats();
  return model;
}

std::optional<quantize::QuantizeResult> FileQuantizer::quantize(const QuantizeOptions &choices) {
  auto model = read();
  if (!model)
    return std::nullopt;
  CommandHost host(options, data, formats);
  auto result = quantize::quantize(std::move(*model), options.model, choices, host);
  status = host.exitStatus();
  if (result && result->model.ByteSizeLong() > (uint64_t)INT32_MAX) {
    reportError("the quantized model has more than 2147483647 bytes, where a protobuf file ends");
    return std::nullopt;
  }
  return result;
}

std::optional<quantize::Statistics> FileQuantizer::gatherStatistics(const QuantizeOptions &choices) {
  auto model = read();
  if (!model)
    return std::nullopt;
  CommandHost host(options, data, formats);
  auto statistics = quantize::gatherStatistics(std::move(*model), options.model, choices, host);
  status = host.exitStatus();
  return statistics;
}

int keepIfAsked(CompileOptions &options) {
  if (options.cpuFloat == FloatFormat::F32)
    return keepOption.empty() ? 0 : reportError("--keep is for --float=f16 here\nnote: or for nncc quantize");
  auto kept = keptPatterns();
  if (!kept)
    return reportError(kept.takeError());
  options.keepsWide = std::move(*kept);
  return 0;
}

int quantizeIfAsked(CompileOptions &options, bool hasOwnData) {
  bool storesHalves = options.cpuFloat != FloatFormat::F32, quantizes = quantizeOption.getNumOccurrences() > 0;
  if (storesHalves && !quantizes)
    if (int status = keepIfAsked(options))
      return status;
  if (!quantizes) {
    std::string stray = findStrayOption(hasOwnData, storesHalves);
    return stray.empty()
               ? 0
               : reportError(stray + " is for --quantize\nnote: for example --quantize=int8 --data=samples.npz");
  }
  if (Error error = requireOnnx(options.model, "--quantize"))
    return reportError(std::move(error));
  auto choices = quantizeOptions(quantizeOption, options.optimize == Optimize::Size);
  if (!choices)
    return 1;
  FileQuantizer quantizer(options, dataArgument(), hasOwnData ? SampleForm::OfInput : SampleForm::OfModel,
                          /*isCompiledNext=*/true);
  auto result = quantizer.quantize(*choices);
  if (!result)
    return quantizer.exitStatus();
  if (options.import.onFile)
    for (const quantize::Statistics &statistics : choices->statistics)
      options.import.onFile(statistics.path);
  say(options.model, result->report);
  options.import.model = std::make_shared<onnx::ModelProto>(std::move(result->model));
  return 0;
}

} // namespace nncc
