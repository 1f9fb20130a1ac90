// nncc estimate: what a model will cost on a device that is not there: time, bound and memory.
#include "lib/driver/CommandLine.h"
#include "lib/driver/Diagnostics.h"
#include "lib/driver/EstimateReport.h"
#include "lib/driver/QuantizeModel.h"
#include "lib/driver/Remarks.h"
#include "lib/driver/Table.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/FormatVariadic.h"

using namespace llvm;

namespace nncc {

namespace {

cl::opt<double> mhz("mhz", cl::desc("Clock of the core in MHz (default: that of a common chip with it)"), cl::init(0),
                    cl::value_desc("MHZ"), cl::cat(estimateCategory()), cl::cat(reportCategory()));
cl::opt<double>
    ramGBs("ram-gbs", cl::desc("What the core reads from memory, in 10^9 bytes per second (default: as a common chip)"),
           cl::init(0), cl::value_desc("GB/s"), cl::cat(estimateCategory()), cl::cat(reportCategory()));
cl::opt<std::string> flash("flash", cl::desc("Say whether code and weights fit: 2MB, 512KiB, bytes"),
                           cl::value_desc("SIZE"), cl::cat(estimateCategory()), cl::cat(reportCategory()));
cl::opt<std::string> ram("ram", cl::desc("Say whether the arena, the context and the stack fit"),
                         cl::value_desc("SIZE"), cl::cat(estimateCategory()), cl::cat(reportCategory()));

/// Reads --flash or --ram. error: printed
bool readBudget(const cl::opt<std::string> &option, std::optional<uint64_t> &bytes) {
  if (option.empty())
    return true;
  bytes = parseSize(option);
  if (!bytes)
    reportError("--" + option.ArgStr + "=" + option.getValue() + " is no size\nnote: for example --" + option.ArgStr +
                "=2MB or 512KiB");
  return bytes.has_value();
}

int estimateModel() {
  auto options = sharedOptions(NativeCpu::Detect);
  auto order = rowOrder(kEstimateSortKeys);
  auto settings = options && order ? estimateSettings() : std::nullopt;
  if (!settings)
    return 1;
  if (int status = keepIfAsked(*options))
    return status;
  auto context = makeContext();
  DiagnosticPrinter printer(*context, options->model, terminalSink());
  if (failed(enableRemarks(*context)))
    return 1;
  Progress progress;
  options->progress = std::ref(progress);
  auto compilation = compile(*options, *context);
  if (failed(compilation))
    return printer.exitStatus();
  auto estimated = estimateCode(*compilation, *options);
  if (!estimated)
    return reportError(estimated.takeError());
  EstimateReport report = makeEstimate(compilation->plan, *estimated, *options, *settings);
  eraseStatus();
  if (wantsJson())
    outs() << formatv("{0:2}\n", json::Value(estimateJson(report)));
  else
    printEstimate(report, *order);
  return 0;
}

} // namespace

std::optional<EstimateSettings> estimateSettings() {
  EstimateSettings settings{mhz, ramGBs, {}, {}};
  if (!readBudget(flash, settings.flash) || !readBudget(ram, settings.ram))
    return std::nullopt;
  for (const cl::opt<double> *option : {&mhz, &ramGBs})
    if (option->getNumOccurrences() && !(*option > 0 && *option < 1e6)) {
      reportError("--" + option->ArgStr + " must be a number above 0\nnote: for example --mhz=1200 --ram-gbs=2");
      return std::nullopt;
    }
  return settings;
}

const Command estimateCommand = {
    .name = "estimate",
    .summary = "what a model will cost on a CPU or GPU that is not there: time and memory",
    .overview =
        "Says how long a model takes on a CPU, kernel by kernel, and what of flash and RAM it needs; nothing is "
        "run.\n\n"
        "The code is compiled as `compile` does, its blocks are counted and timed by LLVM's model of the CPU, and what "
        "comes from memory by its bandwidth. --device adds what kernels would take on a GPU, by Arm's published "
        "formulas. "
        "docs/estimating.md says what is in the figures, and how far they are off.",
    .run = estimateModel,
    .category = estimateCategory,
    .examples = "  nncc estimate model.onnx --target=aarch64-linux-gnu --cpu=cortex-a53 --mhz=1200 --ram-gbs=2\n"
                "  nncc estimate model.onnx --target=aarch64-linux-gnu --cpu=cortex-a76 --device=mali-g610\n"
                "  nncc estimate model.onnx --target=aarch64-none-elf --flash=2MB --ram=512KiB --json\n",
    .printsReport = true};

} // namespace nncc
