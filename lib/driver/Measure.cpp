// See Measure.h.
#include "lib/driver/Measure.h"
#include "lib/analyze/PeakFlops.h"

using namespace llvm;

namespace nncc {

Spread spreadOf(std::vector<double> values) {
  sort(values);
  size_t n = values.size();
  return {values[n / 4], values[n / 2], values[n - 1 - n / 4]};
}

bool SegmentTimes::hasStamps() const { return *max_element(gpu) > 0; }

static void addTimes(std::vector<SegmentTimes> &segments, ArrayRef<nncc_vulkan_times> times) {
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

/// Runs kernel by kernel. returns [kernels][rounds] microseconds
static Expected<std::vector<std::vector<double>>> measureKernels(RunnableModel &runnable, RunnableModel::Inputs inputs,
                                                                 RunnableModel::Outputs outputs, unsigned rounds) {
  std::vector<std::vector<double>> times(runnable.kernels());
  for (unsigned round = 0; round < rounds; ++round)
    if (Error error = runnable.step(inputs, outputs, [&](unsigned kernel, uint64_t ns, RunnableModel::Reader) {
          times[kernel].push_back(ns * 1e-3);
          return Error::success();
        }))
      return std::move(error);
  return times;
}

Expected<Measurement> measure(LoadedModel &loaded, ArrayRef<std::vector<char>> inputs,
                              const MeasureSettings &settings) {
  std::vector<std::vector<char>> results;
  for (const PortPlan &port : loaded.plan.outputs)
    results.emplace_back(portBytes(port));
  std::vector<ArrayRef<char>> inputViews(inputs.begin(), inputs.end());
  std::vector<MutableArrayRef<char>> outputViews(results.begin(), results.end());
  RunnableModel &runnable = *loaded.runnable;

  Measurement measured;
  measured.settings = settings;
  measured.gpu = runnable.gpuName().str();
  for (const KernelPlan &kernel : loaded.plan.kernels)
    measured.macs += kernel.macs;
  if (settings.warmup)
    if (auto warm = runnable.run(inputViews, outputViews, settings.warmup); !warm)
      return warm.takeError();
  // Peak and model in turn: a machine that others use as well slows both. The share is one of processor time, or a run
  // that was interrupted would count against the model.
  std::vector<double> times, busyTimes, shares, peaks;
  for (unsigned round = 0; round < settings.rounds; ++round) {
    double peak = measured.gpu.empty() ? measurePeakGflops(settings.vectorBits) : 0, start = threadSeconds();
    auto time = runnable.run(inputViews, outputViews, 1);
    double busy = std::max((threadSeconds() - start) * 1e9, 1.0);
    if (!time)
      return time.takeError();
    if (settings.threads > 1 || !measured.gpu.empty())
      busy = std::max<double>(time->front(), 1); // threads that wait are busy, too, and so is a GPU
    addTimes(measured.segments, runnable.gpuTimes());
    times.push_back(std::max<double>(time->front(), 1) * 1e-6);
    busyTimes.push_back(busy * 1e-6);
    peaks.push_back(peak);
    shares.push_back(peak > 0 ? 2 * measured.macs / busy / (peak * settings.threads) : 0);
  }
  measured.time = spreadOf(times), measured.busy = spreadOf(busyTimes);
  measured.share = spreadOf(shares), measured.peak = spreadOf(peaks);
  if (!settings.perKernel)
    return measured;
  auto kernels = measureKernels(runnable, inputViews, outputViews, settings.rounds);
  if (!kernels)
    return kernels.takeError();
  measured.kernels = std::move(*kernels);
  return measured;
}

static json::Array segmentsAsJson(ArrayRef<SegmentTimes> segments) {
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

json::Object measurementJson(const ModelPlan &plan, const Measurement &measured) {
  json::Object top{{"schema", "nncc-bench"},
                   {"version", 1},
                   {"model", plan.name},
                   {"threads", measured.settings.threads},
                   {"cpu", plan.cpu},
                   {"rounds", measured.settings.rounds},
                   {"ms", measured.time.median},
                   {"ms_low", measured.time.low},
                   {"ms_high", measured.time.high},
                   {"ms_busy", measured.busy.median},
                   {"macs", int64_t(measured.macs)},
                   {"gflops", measured.gflops()},
                   {"peak_gflops", measured.peak.median},
                   {"peak_share", measured.share.median}};
  if (measured.gpu.empty())
    top["vector_bits"] = int64_t(measured.settings.vectorBits);
  else
    top["gpu"] = measured.gpu;
  if (!measured.segments.empty())
    top["segments"] = segmentsAsJson(measured.segments);
  if (!measured.settings.perKernel)
    return top;
  json::Array kernels;
  for (auto [index, kernel, samples] : enumerate(plan.kernels, measured.kernels))
    kernels.push_back(json::Object{{"number", int64_t(index)},
                                   {"name", kernel.name},
                                   {"op", kernel.op},
                                   {"macs", kernel.macs},
                                   {"us", spreadOf(samples).median},
                                   {"us_least", *min_element(samples)}});
  top["kernels"] = std::move(kernels);
  return top;
}

} // namespace nncc
