// nncc estimate: what a model will cost on a device that is not there: time, bound and memory.
#include "codegen/ObjectCode.h"
#include "codegen/emit/ModelEntry.h"
#include "lib/driver/CommandLine.h"
#include "lib/driver/Diagnostics.h"
#include "lib/driver/Remarks.h"
#include "lib/estimate/EstimateCpu.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/FormatVariadic.h"

using namespace llvm;

namespace nncc {

namespace {

cl::opt<double> mhz("mhz", cl::desc("Clock of the core in MHz (default: that of a common chip with it)"), cl::init(0),
                    cl::value_desc("MHZ"), cl::cat(estimateCategory()));
cl::opt<double>
    ramGBs("ram-gbs", cl::desc("What the core reads from memory, in 10^9 bytes per second (default: as a common chip)"),
           cl::init(0), cl::value_desc("GB/s"), cl::cat(estimateCategory()));
cl::opt<std::string> flash("flash", cl::desc("Say whether code and weights fit: 2MB, 512KiB, bytes"),
                           cl::value_desc("SIZE"), cl::cat(estimateCategory()));
cl::opt<std::string> ram("ram", cl::desc("Say whether the arena, the context and the stack fit"),
                         cl::value_desc("SIZE"), cl::cat(estimateCategory()));

/// Reads `2MB`: thousands with kB, MB, GB, 1024s with KiB, MiB, GiB. error: nothing
std::optional<uint64_t> parseSize(StringRef text) {
  static constexpr std::pair<StringLiteral, uint64_t> units[] = {{"KiB", 1 << 10},   {"MiB", 1 << 20}, {"GiB", 1 << 30},
                                                                 {"kB", 1000},       {"KB", 1000},     {"MB", 1000000},
                                                                 {"GB", 1000000000}, {"B", 1},         {"", 1}};
  for (const auto &[unit, bytes] : units) {
    StringRef digits = text;
    if (!digits.consume_back(unit))
      continue;
    double number = 0;
    if (digits.getAsDouble(number) || !(number > 0) || number * bytes > 1e18)
      return std::nullopt;
    return uint64_t(number * bytes);
  }
  return std::nullopt;
}

/// A memory of the device and what the model needs of it.
struct Budget {
  const char *name;
  std::optional<uint64_t> bytes; ///< none: not said
  uint64_t needed;
  bool fits() const { return !bytes || needed <= *bytes; }
};

/// What the user says about the machine.
struct Device {
  double mhz, ramGBs;
};

/// Everything that is printed.
struct Report {
  const ModelPlan &plan;
  const TargetSpec &target;
  Device device;
  std::vector<KernelCost> costs;
  std::vector<TimeBand> times;
  TimeBand total;
  Budget flash, ram;
};

/// Bytes of code and constants: what of the object is loaded.
uint64_t loadedBytes(const LibraryFacts &facts) {
  uint64_t bytes = 0;
  for (const LibraryFacts::Section &section : facts.sections)
    bytes += section.bytes;
  return bytes;
}

const char *boundOf(const KernelCost &cost, const Device &device) {
  return cost.ramBytes / (device.ramGBs * 1e3) > cost.cycles / device.mhz ? "memory" : "compute";
}

std::string percent(double share) { return formatv("{0:f1} %", 100 * share); }

void printBudget(const Budget &budget, StringRef what) {
  outs() << format("  %-7s %llu bytes: ", budget.name, (unsigned long long)budget.needed) << what;
  if (budget.bytes)
    outs() << (budget.fits() ? "; fits, " : "; DOES NOT FIT, ")
           << (budget.fits() ? *budget.bytes - budget.needed : budget.needed - *budget.bytes)
           << (budget.fits() ? " bytes left" : " bytes too many") << " of " << *budget.bytes;
  outs() << "\n";
}

void printText(const Report &report) {
  const Device &device = report.device;
  uint64_t instructions = 0;
  double cycles = 0;
  for (const KernelCost &cost : report.costs) {
    instructions += cost.instructions;
    cycles += cost.cycles;
  }
  outs() << report.plan.name << " on " << report.target.cpu.name << " (" << report.target.name << "), one core at "
         << format("%g MHz, %g GB/s from memory", device.mhz, device.ramGBs) << (mhz > 0 ? "" : "; assumed, see --mhz")
         << "\n"
         << format("  time    %.3f ms (%.3f to %.3f)\n", report.total.us * 1e-3, report.total.low * 1e-3,
                   report.total.high * 1e-3)
         << format("  cycles  %.0f for %llu instructions, by LLVM's model of ", cycles,
                   (unsigned long long)instructions)
         << report.target.cpu.timing.model << "\n";
  printBudget(report.flash, "code and weights");
  printBudget(report.ram, "arena, context and stack");
  outs() << "\n  kernel                             us   share      cycles  instructions      RAM bytes  bound\n";
  for (auto [kernel, cost, time] : zip(report.plan.kernels, report.costs, report.times))
    outs() << format("  %-26s %10.1f %7s %11.0f %13llu %14llu  ", kernel.name.c_str(), time.us,
                     percent(time.us / report.total.us).c_str(), cost.cycles, (unsigned long long)cost.instructions,
                     (unsigned long long)cost.ramBytes)
           << boundOf(cost, device) << (cost.dependsOnData ? ", depends on data" : "") << "\n";
}

json::Value budgetJson(const Budget &budget) {
  json::Object object{{"needed_bytes", budget.needed}};
  if (budget.bytes) {
    object["bytes"] = *budget.bytes;
    object["fits"] = budget.fits();
  }
  return object;
}

json::Value timeJson(const TimeBand &time) {
  return json::Object{{"us", time.us}, {"us_low", time.low}, {"us_high", time.high}};
}

void printJson(const Report &report) {
  json::Array kernels;
  for (auto [kernel, cost, time] : zip(report.plan.kernels, report.costs, report.times))
    kernels.push_back(json::Object{{"name", kernel.name},
                                   {"op", kernel.op},
                                   {"macs", kernel.macs},
                                   {"cycles", cost.cycles},
                                   {"instructions", cost.instructions},
                                   {"ram_bytes", cost.ramBytes},
                                   {"bound", boundOf(cost, report.device)},
                                   {"depends_on_data", cost.dependsOnData},
                                   {"time", timeJson(time)}});
  json::Object top{{"schema", "nncc-estimate"},      {"version", 1},
                   {"model", report.plan.name},      {"target", report.target.name},
                   {"cpu", report.target.cpu.name},  {"scheduling_model", report.target.cpu.timing.model},
                   {"mhz", report.device.mhz},       {"ram_gbs", report.device.ramGBs},
                   {"time", timeJson(report.total)}, {"flash", budgetJson(report.flash)},
                   {"ram", budgetJson(report.ram)},  {"kernels", std::move(kernels)}};
  outs() << formatv("{0:2}\n", json::Value(std::move(top)));
}

/// Reads --flash or --ram. error: printed
bool readBudget(const cl::opt<std::string> &option, Budget &budget) {
  if (option.empty())
    return true;
  budget.bytes = parseSize(option);
  if (!budget.bytes)
    reportError("--" + option.ArgStr + "=" + option.getValue() + " is no size\nnote: for example --" + option.ArgStr +
                "=2MB or 512KiB");
  return budget.bytes.has_value();
}

int estimateModel() {
  auto options = sharedOptions(NativeCpu::Detect);
  if (!options)
    return 1;
  Budget flashBudget{"flash", {}, 0}, ramBudget{"ram", {}, 0};
  if (!readBudget(flash, flashBudget) || !readBudget(ram, ramBudget))
    return 1;
  for (const cl::opt<double> *option : {&mhz, &ramGBs})
    if (option->getNumOccurrences() && !(*option > 0 && *option < 1e6))
      return reportError("--" + option->ArgStr + " must be a number above 0\nnote: for example --mhz=1200 --ram-gbs=2");
  const CpuTiming &timing = options->target.cpu.timing;
  Device device{mhz > 0 ? double(mhz) : timing.mhz, ramGBs > 0 ? double(ramGBs) : timing.ramGBs};
  auto context = makeContext();
  DiagnosticPrinter printer(*context, options->model, terminalSink());
  if (failed(enableRemarks(*context)))
    return 1;
  Progress progress;
  options->progress = std::ref(progress);
  auto compilation = compile(*options, *context);
  if (failed(compilation))
    return printer.exitStatus();
  CpuEstimator estimator(options->target);
  EmitOptions emit = emitOptions(*options);
  emit.compileToObject = [&](llvm::Module &module) {
    ObjectOptions object;
    object.observer = &estimator.observer();
    return compileToObject(module, options->target, object);
  };
  ModelPlan &plan = compilation->plan;
  auto code = emitCode(*compilation->llvmModule, plan, emit);
  if (!code)
    return reportError(code.takeError());
  progress("timing the code");
  auto costs = estimator.estimate(plan, code->object->getBuffer());
  if (!costs)
    return reportError(costs.takeError());
  flashBudget.needed = loadedBytes(code->facts) + plan.weightsBytes;
  ramBudget.needed = plan.arenaBytes + contextWords(plan) * sizeof(uint64_t) + std::max<int64_t>(plan.stackBytes, 0);
  Report report{plan, options->target, device, std::move(*costs), {}, {}, flashBudget, ramBudget};
  for (const KernelCost &cost : report.costs) {
    TimeBand time = timeOf(cost, device.mhz, device.ramGBs);
    report.times.push_back(time);
    report.total = {report.total.low + time.low, report.total.us + time.us, report.total.high + time.high};
  }
  wantsJson() ? printJson(report) : printText(report);
  return 0;
}

} // namespace

const Command estimateCommand = {
    .name = "estimate",
    .summary = "what a model will cost on a CPU that is not there: time and memory",
    .overview =
        "Says how long a model takes on a CPU, kernel by kernel, and what of flash and RAM it needs; nothing is "
        "run.\n\n"
        "The code is compiled as `compile` does, its blocks are counted and timed by LLVM's model of the CPU, and what "
        "comes from memory by its bandwidth. docs/estimating.md says what is in the figures, and how far they are off.",
    .run = estimateModel,
    .category = estimateCategory,
    .examples = "  nncc estimate model.onnx --target=aarch64-linux-gnu --cpu=cortex-a53 --mhz=1200 --ram-gbs=2\n"
                "  nncc estimate model.onnx --target=aarch64-none-elf --flash=2MB --ram=512KiB --json\n",
    .printsReport = true};

} // namespace nncc
