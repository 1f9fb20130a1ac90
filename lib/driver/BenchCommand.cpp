// nncc bench: how fast a model runs on this machine, as time and as a share of the core's multiply-add peak.
#include "lib/analyze/PeakFlops.h"
#include "lib/driver/BuildAndLoad.h"
#include "lib/driver/CommandLine.h"
#include "lib/driver/Diagnostics.h"
#include "lib/driver/Remarks.h"
#include "lib/driver/Table.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/FormatVariadic.h"

using namespace llvm;

namespace nncc {

namespace {

cl::opt<unsigned> rounds("rounds", cl::desc("Measured runs (default: 50); the peak is measured between them"),
                         cl::init(50), cl::value_desc("N"), cl::cat(benchCategory()));
cl::opt<unsigned> warmup("warmup", cl::desc("Runs before the measured ones (default: 5)"), cl::init(5),
                         cl::value_desc("N"), cl::cat(benchCategory()));
cl::opt<bool> perKernel("per-kernel", cl::desc("Also the time of every kernel"), cl::cat(benchCategory()));

struct Spread {
  double low, median, high; ///< quartiles around the median
};

Spread spreadOf(std::vector<double> values) {
  sort(values);
  size_t n = values.size();
  return {values[n / 4], values[n / 2], values[n - 1 - n / 4]};
}

const StringRef sortKeys[] = {"time", "macs"};

/// times  [kernels][rounds] in microseconds
/// total  their medians
void printKernels(const ModelPlan &plan, ArrayRef<std::vector<double>> times, double total, const RowOrder &order) {
  auto median = [&](size_t kernel) { return spreadOf(times[kernel]).median; };
  auto value = [&](size_t row, size_t key) { return key == 0 ? median(row) : double(plan.kernels[row].macs); };
  Table table({{"#", true}, {"kernel", false, true}, {"op"}, {"time", true}, {"share", true}, {"speed", true}});
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

/// Where the time of a run goes: kernels that the GPU runs as one, in microseconds.
struct SegmentTimes {
  unsigned firstKernel, kernels;
  std::vector<double> give, gpu, submit, take;

  /// The GPU's own time stamps, or what the CPU sees of it.
  bool hasStamps() const { return *max_element(gpu) > 0; }
};

void addTimes(std::vector<SegmentTimes> &segments, ArrayRef<nncc_vulkan_times> times) {
  for (auto [number, time] : enumerate(times)) {
    if (number == segments.size())
      segments.push_back({time.first_kernel, time.num_kernels, {}, {}, {}, {}});
    SegmentTimes &segment = segments[number];
    segment.give.push_back(time.give * 1e-3);
    segment.gpu.push_back(time.gpu * 1e-3);
    segment.submit.push_back(time.submit * 1e-3);
    segment.take.push_back(time.take * 1e-3);
  }
}

/// The time line of a run: what the GPU runs as one, and between that the CPU.
void printSegments(ArrayRef<SegmentTimes> segments, const ModelPlan &plan, double ms) {
  outs() << "\n  on the GPU                      kernels   give us    gpu us  start and end us   take us\n";
  double sum = 0;
  for (const SegmentTimes &segment : segments) {
    double give = spreadOf(segment.give).median, submit = spreadOf(segment.submit).median,
           take = spreadOf(segment.take).median, gpu = segment.hasStamps() ? spreadOf(segment.gpu).median : submit;
    outs() << format("  %-30.30s %8u  %8.1f  %8.1f  %16.1f  %8.1f\n", plan.kernels[segment.firstKernel].name.c_str(),
                     segment.kernels, give, gpu, submit - gpu, take);
    sum += give + submit + take;
  }
  if (!segments.front().hasStamps())
    outs() << "  (the GPU has no time stamps: starting and ending is in its time)\n";
  outs() << format("  and on the CPU, between them: %.1f us\n", std::max(ms * 1e3 - sum, 0.0));
}

json::Array segmentsAsJson(ArrayRef<SegmentTimes> segments) {
  json::Array array;
  for (const SegmentTimes &segment : segments) {
    json::Object object{{"first_kernel", segment.firstKernel},
                        {"kernels", segment.kernels},
                        {"give_us", spreadOf(segment.give).median},
                        {"submit_us", spreadOf(segment.submit).median},
                        {"take_us", spreadOf(segment.take).median}};
    if (segment.hasStamps())
      object["gpu_us"] = spreadOf(segment.gpu).median;
    array.push_back(std::move(object));
  }
  return array;
}

int benchModel() {
  auto options = sharedOptions(NativeCpu::Detect, /*isNativeDefault=*/true);
  auto order = rowOrder(sortKeys);
  if (!options || !order)
    return 1;
  struct {
    unsigned rounds, warmup;
    bool perKernel, asJson;
  } settings = {rounds, warmup, perKernel, wantsJson()};
  if (settings.rounds < 1)
    return reportError("--rounds must be at least 1");
  auto given = readGivenInputs(*options);
  auto threads = threadsOption();
  if (!given || !threads)
    return 1;
  if (!options->target.isHost())
    return reportError("bench measures this machine; times under an emulator mean nothing\nnote: leave out --target");
  auto context = makeContext();
  DiagnosticPrinter printer(*context, options->model, terminalSink());
  if (failed(enableRemarks(*context)))
    return 1;
  auto loaded = buildAndLoad(*options, *context, printer, *given, *threads);
  if (!loaded)
    return printer.exitStatus();
  const ModelPlan &plan = loaded->plan;
  auto values = makeInputs(plan, *given, 1);
  if (!values)
    return 1;
  std::vector<std::vector<char>> results;
  for (const PortPlan &port : plan.outputs)
    results.emplace_back(portBytes(port));
  std::vector<ArrayRef<char>> inputs(values->begin(), values->end());
  std::vector<MutableArrayRef<char>> outputs(results.begin(), results.end());

  // Peak and model in turn: a machine that others use as well slows both. The share is one of processor time, or a run
  // that was interrupted would count against the model.
  StringRef gpu = loaded->runnable->gpuName();
  unsigned bits = options->target.cpu.machine.vectorBits;
  std::vector<double> times, busyTimes, shares, peaks;
  std::vector<SegmentTimes> segments;
  double macs = 0;
  for (const KernelPlan &kernel : plan.kernels)
    macs += kernel.macs;
  if (settings.warmup)
    if (auto warm = loaded->runnable->run(inputs, outputs, settings.warmup); !warm)
      return reportError(warm.takeError());
  for (unsigned round = 0; round < settings.rounds; ++round) {
    double peak = gpu.empty() ? measurePeakGflops(bits) : 0, start = threadSeconds();
    auto time = loaded->runnable->run(inputs, outputs, 1);
    double busy = std::max((threadSeconds() - start) * 1e9, 1.0);
    if (!time)
      return reportError(time.takeError());
    if (*threads > 1 || !gpu.empty())
      busy = std::max<double>(time->front(), 1); // threads that wait are busy, too, and so is a GPU
    addTimes(segments, loaded->runnable->gpuTimes());
    times.push_back(std::max<double>(time->front(), 1) * 1e-6);
    busyTimes.push_back(busy * 1e-6);
    peaks.push_back(peak);
    shares.push_back(peak > 0 ? 2 * macs / busy / (peak * *threads) : 0);
  }
  std::vector<std::vector<double>> kernelTimes(plan.kernels.size());
  if (settings.perKernel)
    for (unsigned round = 0; round < settings.rounds; ++round)
      if (Error error =
              loaded->runnable->step(inputs, outputs, [&](unsigned kernel, uint64_t ns, RunnableModel::Reader) {
                kernelTimes[kernel].push_back(ns * 1e-3);
                return Error::success();
              }))
        return reportError(std::move(error));

  Spread time = spreadOf(times), busy = spreadOf(busyTimes), share = spreadOf(shares), peak = spreadOf(peaks);
  double gflops = 2 * macs / (busy.median * 1e6);
  if (settings.asJson) {
    json::Array kernels;
    for (auto [index, kernel, samples] : enumerate(plan.kernels, kernelTimes))
      if (!samples.empty())
        kernels.push_back(json::Object{{"number", int64_t(index)},
                                       {"name", kernel.name},
                                       {"op", kernel.op},
                                       {"macs", kernel.macs},
                                       {"us", spreadOf(samples).median},
                                       {"us_least", *min_element(samples)}});
    json::Object top{{"schema", "nncc-bench"},
                     {"version", 1},
                     {"model", plan.name},
                     {"threads", *threads},
                     {"cpu", plan.cpu},
                     {"rounds", settings.rounds},
                     {"ms", time.median},
                     {"ms_low", time.low},
                     {"ms_high", time.high},
                     {"ms_busy", busy.median},
                     {"macs", int64_t(macs)},
                     {"gflops", gflops},
                     {"peak_gflops", peak.median},
                     {"peak_share", share.median}};
    if (!gpu.empty())
      top["gpu"] = gpu;
    if (!segments.empty())
      top["segments"] = segmentsAsJson(segments);
    if (settings.perKernel)
      top["kernels"] = std::move(kernels);
    outs() << formatv("{0:2}\n", json::Value(std::move(top)));
    return 0;
  }
  std::string howMany = *threads == 1 ? "one thread" : std::to_string(*threads) + " threads";
  outs() << plan.name << " on " << plan.cpu << ", " << howMany << ", " << settings.rounds << " runs\n"
         << format("  time   %.3f ms (middle half %.3f to %.3f)\n", time.median, time.low, time.high);
  if (!gpu.empty()) {
    size_t onGpu = count_if(plan.kernels, [](const KernelPlan &kernel) { return !kernel.deviceFunction.empty(); });
    outs() << "  gpu    " << gpu << ": " << onGpu << " of " << plan.kernels.size() << " kernels\n";
  }
  if (busy.median < 0.9 * time.median)
    outs() << format("  busy   %.3f ms of processor time: other work had the core for the rest\n", busy.median);
  if (macs > 0 && !gpu.empty())
    outs() << format("  speed  %.1f GFLOP/s\n", gflops);
  else if (macs > 0)
    outs() << format("  speed  %.1f GFLOP/s, %.0f %% of %s %.0f (middle half %.0f to %.0f %%)\n", gflops,
                     100 * share.median, *threads == 1 ? "this core's" : "that many times this core's", peak.median,
                     100 * share.low, 100 * share.high);
  if (!segments.empty())
    printSegments(segments, plan, time.median);
  if (settings.perKernel) {
    double total = 0;
    for (auto &samples : kernelTimes)
      total += spreadOf(samples).median;
    printKernels(plan, kernelTimes, total, *order);
  }
  return 0;
}

} // namespace

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
