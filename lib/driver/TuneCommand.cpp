// nncc tune: which form, tile and blocks of each kernel are the fastest on this machine, as a file for --tuning.
#include "codegen/emit/OutputFiles.h"
#include "lib/driver/CommandLine.h"
#include "lib/driver/Diagnostics.h"
#include "lib/driver/QuantizeModel.h"
#include "lib/driver/Remarks.h"
#include "lib/driver/Table.h"
#include "lib/driver/Tune.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Signals.h"
#include <atomic>

using namespace llvm;

namespace nncc {

namespace {

cl::opt<std::string> timeOption(ownOptionName("time"), cl::desc("How long to measure: seconds, 60s, 5m (default: 60s)"),
                                cl::value_desc("TIME"), cl::init("60s"), cl::cat(tuneCategory()));

/// Reads `60s`, `5m` or a number of seconds. error: nothing
std::optional<double> parseTime(StringRef text) {
  double unit = text.consume_back("m") ? 60 : 1, number = 0;
  if (unit == 1)
    text.consume_back("s");
  if (text.getAsDouble(number) || !(number > 0) || number * unit > 1e6)
    return std::nullopt;
  return number * unit;
}

std::atomic<bool> isInterrupted{false};

void print(const TuneResult &result, StringRef path) {
  Table table({{"kernel", false, true}, {"form"}, {"before", true}, {"after", true}, {"gain", true}});
  size_t tuned = 0;
  for (const TunedKernel &kernel : result.kernels) {
    if (!kernel.tuning)
      continue;
    tuned += kernel.names.size();
    std::string name = kernel.names.front();
    if (kernel.names.size() > 1)
      name += formatv(" and {0} like it", kernel.names.size() - 1);
    std::string gain;
    raw_string_ostream(gain) << format("%.1f %%", 100 * (1 - kernel.us / kernel.usDefault));
    table.add({name, kernel.tuning->describe(), timeText(kernel.usDefault), timeText(kernel.us), gain});
  }
  if (tuned)
    table.print(outs(), terminalColumns());
  outs() << formatv("{0} of {1} kernels are faster otherwise; {2} candidates measured on {3}{4}\n", tuned,
                    result.allKernels, result.candidates(), result.cpu,
                    result.isWhole ? "" : ", more with a longer --time");
  if (result.usDefault > 0)
    outs() << "all kernels, one by one: " << timeText(result.usDefault) << " before, " << timeText(result.us)
           << format(" after (%.1f %% less)\n", 100 * (1 - result.us / result.usDefault));
  outs() << "use it: --tuning=" << path << " --cpu=" << result.cpu << ", with the other options as here\n";
}

/// What cannot be tuned. error: printed, false
bool checkCommand(const CompileOptions &options, StringRef path) {
  if (path.empty())
    return reportError("no file to write is given\nnote: nncc tune " + modelArgument() + " -o model.tuning.json"),
           false;
  if (!options.target.isHost())
    return reportError("tune measures this machine; times under an emulator mean nothing\nnote: run nncc tune on " +
                       options.target.name + ", or leave out --target"),
           false;
  if (options.gpu)
    return reportError("tune measures kernels of the CPU\nnote: leave out --device"), false;
  if (!options.tuningFile.empty())
    return reportError("--tuning is what tune writes: it begins with what is chosen without\n"
                       "note: leave it out"),
           false;
  return true;
}

int tuneModel() {
  auto options = sharedOptions(NativeCpu::Detect);
  if (!options)
    return 1;
  auto seconds = parseTime(timeOption);
  if (!seconds)
    return reportError("--time=" + timeOption + " is no time above 0\nnote: for example --time=60s or --time=5m");
  const std::string path = outputArgument();
  auto given = readGivenInputs(*options);
  auto threads = threadsOption();
  if (!given || !threads || !checkCommand(*options, path))
    return 1;
  auto files = openOutputFile(path, "model.tuning.json");
  if (!files)
    return reportError(files.takeError());
  if (int status = quantizeIfAsked(*options))
    return status;
  for (auto &[name, array] : *given)
    options->import.inputShapes[name] = array.shape;
  auto context = makeContext();
  DiagnosticPrinter printer(*context, options->model, terminalSink());
  if (failed(enableRemarks(*context)))
    return 1;
  auto imported = importModel(*options, *context);
  if (failed(imported))
    return printer.exitStatus();
  TuneSettings settings;
  settings.seconds = *seconds;
  settings.threads = *threads;
  settings.isInterrupted = [] { return isInterrupted.load(); };
  sys::SetInterruptFunction([] { isInterrupted = true; });
  auto result = [&] {
    ProgressBar bar(uint64_t(*seconds + 0.5));
    settings.progress = [&](double elapsed) { bar(uint64_t(elapsed)); };
    return tune(*options, std::move(*imported), *given, settings);
  }();
  if (!result) {
    printer.report(result.takeError());
    return printer.exitStatus();
  }
  Error error = (*files)->write(sys::path::filename(path), [&](raw_ostream &os) {
    os << formatv("{0:2}\n", json::Value(tuningJson(result->entries(), result->kernels.size(), result->candidates())));
    return Error::success();
  });
  if (!error)
    error = (*files)->commit();
  if (error)
    return reportError(std::move(error));
  print(*result, path);
  return 0;
}

} // namespace

const Command tuneCommand = {
    .name = "tune",
    .summary = "measure the forms of kernels here, for --tuning",
    .overview =
        "Measures which form, tile and blocks make each convolution and matrix product fastest on this machine, and "
        "writes a file that --tuning of the other commands reads.\n\n"
        "The model is compiled with one candidate for each kernel at a time; some of these and what is chosen without "
        "tuning run in turns. What is surely faster goes into the file. Ctrl-C ends it with what is known. "
        "docs/performance.md says what can be chosen.",
    .run = tuneModel,
    .category = tuneCategory,
    .takesData = true,
    .examples = "  nncc tune model.onnx -o model.tuning.json\n"
                "  nncc tune model.onnx -o model.tuning.json --cpu=native --time=5m --threads=4\n"
                "  nncc compile model.onnx -o out --tuning=model.tuning.json\n"};

} // namespace nncc
