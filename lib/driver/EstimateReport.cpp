// See EstimateReport.h.
#include "lib/driver/EstimateReport.h"
#include "codegen/emit/ModelEntry.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/FormatVariadic.h"

using namespace llvm;

namespace nncc {

namespace {

const char *boundOf(const KernelEstimate &kernel, const EstimateReport &report) {
  const KernelCost &cost = kernel.cost;
  return cost.ramBytes / (report.ramGBs * 1e3) > cost.cycles / report.mhz ? "memory" : "compute";
}

std::string percent(double share) { return formatv("{0:f1} %", 100 * share); }

/// Lines of 64 bytes that a kernel's operands take: what has to come from memory, and to go there.
uint64_t linesOf(const KernelPlan &plan) { return divideCeil(plan.bytesTouched(), 64); }

/// All kernels on the CPU.
TimeBand cpuTotal(const EstimateReport &report) {
  TimeBand total;
  for (const KernelEstimate &kernel : report.kernels)
    total = {total.low + kernel.onCpu.low, total.us + kernel.onCpu.us, total.high + kernel.onCpu.high};
  return total;
}

void printBudget(const Budget &budget, StringRef what) {
  outs() << format("  %-7s %llu bytes: ", budget.name, (unsigned long long)budget.needed) << what;
  if (budget.bytes)
    outs() << (budget.fits() ? "; fits, " : "; DOES NOT FIT, ")
           << (budget.fits() ? *budget.bytes - budget.needed : budget.needed - *budget.bytes)
           << (budget.fits() ? " bytes left" : " bytes too many") << " of " << *budget.bytes;
  outs() << "\n";
}

void printCpu(const EstimateReport &report) {
  uint64_t instructions = 0;
  double cycles = 0;
  for (const KernelEstimate &kernel : report.kernels) {
    instructions += kernel.cost.instructions;
    cycles += kernel.cost.cycles;
  }
  TimeBand total = cpuTotal(report);
  outs() << report.plan.name << " on " << report.target.cpu.name << " (" << report.target.name << "), one core at "
         << format("%g MHz, %g GB/s from memory", report.mhz, report.ramGBs)
         << (report.isAssumed ? "; assumed, see --mhz" : "") << "\n"
         << format("  time    %.3f ms (%.3f to %.3f)\n", total.us * 1e-3, total.low * 1e-3, total.high * 1e-3)
         << format("  cycles  %.0f for %llu instructions, by LLVM's model of ", cycles,
                   (unsigned long long)instructions)
         << report.target.cpu.timing.model << "\n";
  printBudget(report.flash, "code and weights");
  printBudget(report.ram, "arena, context and stack");
  outs() << "\n  kernel                             us   share      cycles  instructions      RAM bytes  bound\n";
  for (auto [plan, kernel] : zip(report.plan.kernels, report.kernels))
    outs() << format("  %-26s %10.1f %7s %11.0f %13llu %14llu  ", plan.name.c_str(), kernel.onCpu.us,
                     percent(kernel.onCpu.us / total.us).c_str(), kernel.cost.cycles,
                     (unsigned long long)kernel.cost.instructions, (unsigned long long)kernel.cost.ramBytes)
           << boundOf(kernel, report) << (kernel.cost.dependsOnData ? ", depends on data" : "") << "\n";
}

void printGpu(const EstimateReport &report) {
  const GpuTiming &timing = report.gpu->timing;
  double total = 0;
  size_t running = 0;
  for (const KernelEstimate &kernel : report.kernels)
    if (kernel.onGpu) {
      total += kernel.onGpu->us;
      ++running;
    }
  outs()
      << "\n"
      << report.plan.name << " on " << report.gpu->name << ": " << running << " of " << report.kernels.size()
      << " kernels; " << timing.cores << " cores at " << timing.mhz << " MHz, "
      << format("%g GB/s from memory; assumed, and no figure was measured on a device\n", timing.ramGBs)
      << format("  time    %.3f ms\n\n", total * 1e-3)
      << "  kernel                             us     grid  regs  resident        FMA        CVT        SFU  load/store"
         "    lines  limit\n";
  for (auto [plan, kernel] : zip(report.plan.kernels, report.kernels)) {
    if (!kernel.onGpu) {
      outs() << format("  %-26s          - ", plan.name.c_str()) << plan.placed << "\n";
      continue;
    }
    const GpuTime &time = *kernel.onGpu;
    outs() << format("  %-26s %10.1f %5lldx%-2lld %5s %9lld %10.0f %10.0f %10.0f %11.0f %8llu  ", plan.name.c_str(),
                     time.us, (long long)plan.dispatch->groups, (long long)plan.dispatch->blockThreads,
                     registerClassName(time.registers), (long long)time.residentThreads, time.fmaCycles,
                     time.convertCycles, time.specialCycles, time.loadStoreCycles, (unsigned long long)linesOf(plan))
           << gpuLimitName(time.limit);
    for (const std::string &warning : time.warnings)
      outs() << ", " << warning;
    outs() << "\n";
  }
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

json::Value loopsJson(const GpuLoops &loops) {
  return json::Object{{"fma", loops.fma}, {"cvt", loops.convert}, {"sfu", loops.special}, {"loads", loops.loads}};
}

json::Value gpuTimeJson(const KernelPlan &plan, const GpuTime &time) {
  return json::Object{{"us", time.us},
                      {"workgroups", plan.dispatch->groups},
                      {"block_threads", plan.dispatch->blockThreads},
                      {"registers", plan.dispatch->work.registers},
                      {"register_class", registerClassName(time.registers)},
                      {"resident_threads", time.residentThreads},
                      {"fma_cycles", time.fmaCycles},
                      {"cvt_cycles", time.convertCycles},
                      {"sfu_cycles", time.specialCycles},
                      {"arithmetic_cycles", time.arithmeticCycles},
                      {"load_store_cycles", time.loadStoreCycles},
                      {"lines", linesOf(plan)},
                      {"inner_loops", loopsJson(plan.dispatch->work.inner)},
                      {"limit", gpuLimitName(time.limit)},
                      {"warnings", json::Array(time.warnings)}};
}

json::Value kernelJson(const EstimateReport &report, size_t number) {
  const KernelPlan &plan = report.plan.kernels[number];
  const KernelEstimate &kernel = report.kernels[number];
  json::Object object{{"number", int64_t(number)},
                      {"name", plan.name},
                      {"op", plan.op},
                      {"macs", plan.macs},
                      {"cycles", kernel.cost.cycles},
                      {"instructions", kernel.cost.instructions},
                      {"ram_bytes", kernel.cost.ramBytes},
                      {"bound", boundOf(kernel, report)},
                      {"depends_on_data", kernel.cost.dependsOnData},
                      {"time", timeJson(kernel.onCpu)}};
  if (kernel.onGpu)
    object["gpu"] = gpuTimeJson(plan, *kernel.onGpu);
  return object;
}

} // namespace

EstimateReport makeEstimate(const ModelPlan &plan, const EstimatedCode &estimated, const CompileOptions &options,
                            const EstimateSettings &settings) {
  const CpuTiming &timing = options.target.cpu.timing;
  double mhz = settings.mhz > 0 ? settings.mhz : timing.mhz;
  double ramGBs = settings.ramGBs > 0 ? settings.ramGBs : timing.ramGBs;
  uint64_t stack = std::max<int64_t>(plan.stackBytes, 0), loaded = plan.weightsBytes;
  for (const LibraryFacts::Section &section : estimated.code.facts.sections)
    loaded += section.bytes;
  Budget flash{"flash", settings.flash, loaded};
  Budget ram{"ram", settings.ram, plan.arenaBytes + contextWords(plan) * sizeof(uint64_t) + stack};
  EstimateReport report{plan, options.target, mhz, ramGBs, settings.mhz <= 0, {}, flash, ram, options.gpu};
  for (auto [kernel, cost] : zip(plan.kernels, estimated.costs)) {
    KernelEstimate &estimate = report.kernels.emplace_back(KernelEstimate{cost, timeOf(cost, mhz, ramGBs), {}});
    if (kernel.dispatch)
      estimate.onGpu = timeOf(*kernel.dispatch, kernel.bytesTouched(), *options.gpu);
  }
  return report;
}

void printEstimate(const EstimateReport &report) {
  printCpu(report);
  if (report.gpu)
    printGpu(report);
}

json::Object estimateJson(const EstimateReport &report) {
  json::Array kernels;
  for (size_t number = 0; number < report.kernels.size(); ++number)
    kernels.push_back(kernelJson(report, number));
  json::Object top{{"schema", "nncc-estimate"},
                   {"version", 1},
                   {"model", report.plan.name},
                   {"target", report.target.name},
                   {"cpu", report.target.cpu.name},
                   {"scheduling_model", report.target.cpu.timing.model},
                   {"mhz", report.mhz},
                   {"ram_gbs", report.ramGBs},
                   {"time", timeJson(cpuTotal(report))},
                   {"flash", budgetJson(report.flash)},
                   {"ram", budgetJson(report.ram)},
                   {"kernels", std::move(kernels)}};
  if (report.gpu)
    top["gpu"] = json::Object{{"name", report.gpu->name},
                              {"cores", report.gpu->timing.cores},
                              {"mhz", report.gpu->timing.mhz},
                              {"ram_gbs", report.gpu->timing.ramGBs},
                              {"is_measured", false}};
  return top;
}

} // namespace nncc
