// nncc bench: how fast a model runs on this machine, as time and as a share of the core's multiply-add peak.
#include "lib/driver/CommandLine.h"
#include "lib/driver/Diagnostics.h"
#include "lib/driver/Measure.h"
#include "lib/driver/QuantizeModel.h"
#include "lib/driver/Remarks.h"
#include "lib/driver/Table.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/FormatVariadic.h"

using namespace llvm;

namespace nncc {

namespace {

cl::opt<unsigned> rounds("rounds", cl::desc("Measured runs (default: 50); the peak is measured between them"),
                         cl::init(50), cl::value_desc("N"), cl::cat(benchCategory()), cl::cat(reportCategory()));
cl::opt<unsigned> warmup("warmup", cl::desc("Runs before the measured ones (default: 5)"), cl::init(5),
                         cl::value_desc("N"), cl::cat(benchCategory()), cl::cat(reportCategory()));
cl::opt<bool> perKernel("per-kernel", cl::desc("Also the time of every kernel, as --sort and --top ask for"),
                        cl::cat(benchCategory()));

constexpr StringLiteral sortKeys[] = {"time", "macs"};

/// times  [kernels][rounds] in microseconds
/// total  their medians
void printKernels(const ModelPlan &plan, ArrayRef<std::vector<double>> times, double total, const RowOrder &order) {
  auto median = [&](size_t kernel) { return spreadOf(times[kernel]).median; };
  auto value = [&](size_t row, size_t key) { return key == 0 ? median(row) : double(plan.kernels[row].macs); };
  Table table({{"#", true},
               {"kernel", false, true},
               {"op", false, false, 1},
               {"time", true},
               {"share", true},
               {"speed", true}});
  for (size_t index : order.choose(plan.kernels.size(), value)) {
    const KernelPlan &kernel = plan.kernels[index];
    double us = std::max(median(index), 1e-3);
    uint64_t bytes = kernel.bytesTouched();
    std::string share, speed;
    raw_string_ostream(share) << format("%.1f %%", 100 * us / total);
    // What multiplies is held against the core, everything else against memory.
    raw_string_ostream(speed) << (kernel.macs ? format("%.1f GFLOP/s", 2e-3 * kernel.macs / us)
                                              : format("%.1f GB/s", 1e-3 * double(bytes) / us));
    table.add({std::to_string(index), kernel.name, kernel.op, timeText(us), share, speed});
  }
  outs() << "\n" << plan.kernels.size() << " kernels, " << timeText(total) << " when they run one by one\n";
  table.print(outs(), terminalColumns());
}

/// The time line of a run: what the GPU runs as one, and between that the CPU.
void printSegments(ArrayRef<SegmentTimes> segments, const ModelPlan &plan, double ms) {
  outs() << "\n";
  Table table({{"on the GPU from", false, true},
               {"kernels", true},
               {"give", true},
               {"gpu", true},
               {"start and end", true},
               {"take", true}});
  double sum = 0;
  for (const SegmentTimes &segment : segments) {
    double give = spreadOf(segment.give).median, submit = spreadOf(segment.submit).median,
           take = spreadOf(segment.take).median, gpu = segment.hasStamps() ? spreadOf(segment.gpu).median : submit;
    table.add({plan.kernels[segment.firstKernel].name, std::to_string(segment.kernels), timeText(give), timeText(gpu),
               timeText(submit - gpu), timeText(take)});
    sum += give + submit + take;
  }
  table.print(outs(), terminalColumns());
  if (!segments.front().hasStamps())
    outs() << "  (the GPU has no time stamps: starting and ending is in its time)\n";
  outs() << "  and on the CPU, between them: " << timeText(std::max(ms * 1e3 - sum, 0.0)) << "\n";
}

void printMeasurement(const ModelPlan &plan, const Measurement &measured, const RowOrder &order) {
  const auto &[low, median, high] = measured.time;
  const Spread &share = measured.share;
  unsigned threads = measured.settings.threads;
  std::string howMany = threads == 1 ? "one thread" : std::to_string(threads) + " threads";
  outs() << plan.name << " on " << plan.cpu << ", " << howMany << ", " << measured.settings.rounds << " runs\n"
         << "  time   " << runTimeText(1e3 * median) << " (middle half " << runTimeText(1e3 * low) << " to "
         << runTimeText(1e3 * high) << ")\n";
  if (!measured.gpu.empty()) {
    size_t onGpu = count_if(plan.kernels, [](const KernelPlan &kernel) { return !kernel.deviceFunction.empty(); });
    outs() << "  gpu    " << measured.gpu << ": " << onGpu << " of " << plan.kernels.size() << " kernels\n";
  }
  if (measured.busy.median < 0.9 * median)
    outs() << "  busy   " << runTimeText(1e3 * measured.busy.median)
           << " of processor time: other work had the core for the rest\n";
  if (measured.macs > 0 && !measured.gpu.empty())
    outs() << format("  speed  %.1f GFLOP/s\n", measured.gflops());
  else if (measured.macs > 0)
    outs() << format("  speed  %.1f GFLOP/s, %.0f %% of %s %.0f (middle half %.0f to %.0f %%)\n", measured.gflops(),
                     100 * share.median, threads == 1 ? "this core's" : "that many times this core's",
                     measured.peak.median, 100 * share.low, 100 * share.high);
  if (!measured.segments.empty())
    printSegments(measured.segments, plan, median);
  if (measured.settings.perKernel) {
    double total = 0;
    for (auto &samples : measured.kernels)
      total += spreadOf(samples).median;
    printKernels(plan, measured.kernels, total, order);
  }
}

int benchModel() {
  auto options = sharedOptions(NativeCpu::Detect, /*isNativeDefault=*/true);
  auto order = rowOrder(sortKeys);
  if (!options || !order)
    return 1;
  auto settings = measureSettings(*options);
  if (!settings)
    return 1;
  settings->perKernel = perKernel || order->isAsked;
  const bool asJson = wantsJson(); // LLD, which links programs for the emulator, resets all options
  auto given = readGivenInputs(*options);
  auto threads = threadsOption();
  if (!given || !threads)
    return 1;
  if (!options->target.isHost())
    return reportError("bench measures this machine; times under an emulator mean nothing\nnote: leave out --target");
  if (int status = quantizeIfAsked(*options))
    return status;
  auto context = makeContext();
  DiagnosticPrinter printer(*context, options->model, terminalSink());
  if (failed(enableRemarks(*context)))
    return 1;
  settings->threads = *threads;
  auto loaded = buildAndLoad(*options, *context, printer, *given, *threads);
  if (!loaded)
    return printer.exitStatus();
  const ModelPlan &plan = loaded->plan;
  auto values = makeInputs(plan, *given, 1);
  if (!values)
    return 1;
  auto measured = measure(*loaded, *values, *settings);
  if (!measured)
    return reportError(measured.takeError());
  if (asJson) {
    outs() << formatv("{0:2}\n", json::Value(measurementJson(plan, *measured)));
    return 0;
  }
  printMeasurement(plan, *measured, *order);
  return 0;
}

} // namespace

std::optional<MeasureSettings> measureSettings(const CompileOptions &options) {
  if (rounds < 1) {
    reportError("--rounds must be at least 1");
    return std::nullopt;
  }
  return MeasureSettings{rounds, warmup, 1, options.target.cpu.machine.vectorBits};
}

bool isMeasuringAsked() { return rounds.getNumOccurrences() + warmup.getNumOccurrences() > 0; }

const Command benchCommand = {
    .name = "bench",
    .summary = "time a model, against this core's multiply-add peak",
    .overview =
        "Measures how fast a model runs on this machine, on one thread or --threads=N, compiled for all that its CPU "
        "has; --cpu=x86-64-v3 measures what `compile` ships by default.\n\n"
        "The peak of the core is measured between the runs, in the same process; the share is one of processor time, "
        "the time one of the clock. With several threads the share is one of the clock, too, and of N times the peak "
        "of one core.",
    .run = benchModel,
    .category = benchCategory,
    .takesData = true,
    .examples = "  nncc bench model.onnx --per-kernel\n"
                "  nncc bench model.onnx --threads=4 --cpu=x86-64-v3 --json -o speed.json\n",
    .printsReport = true};

} // namespace nncc
