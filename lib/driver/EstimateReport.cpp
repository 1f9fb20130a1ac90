// See EstimateReport.h.
#include "lib/driver/EstimateReport.h"
#include "codegen/emit/ModelEntry.h"
#include "llvm/ADT/StringExtras.h"
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

void printCpu(const EstimateReport &report, const RowOrder &order) {
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
  outs() << "\n";
  Table table({{"#", true},
               {"kernel", false, true},
               {"op", false, false, 4},
               {"form", false, false, 3},
               {"time", true},
               {"share", true},
               {"cycles", true, false, 1},
               {"instructions", true, false, 2},
               {"memory", true},
               {"bound"}});
  for (size_t number : order.choose(report.kernels.size(), [&](size_t row, size_t key) {
         return key == 0 ? report.kernels[row].onCpu.us : double(report.kernels[row].cost.ramBytes);
       })) {
    const KernelPlan &plan = report.plan.kernels[number];
    const KernelEstimate &kernel = report.kernels[number];
    uint64_t bytes = kernel.cost.ramBytes;
    table.add({std::to_string(number), plan.name, plan.op, plan.form, timeText(kernel.onCpu.us),
               percent(kernel.onCpu.us / total.us), numberText(kernel.cost.cycles, "%.0f"),
               std::to_string(kernel.cost.instructions), bytes ? bytesText(bytes) : "",
               boundOf(kernel, report) + std::string(kernel.cost.dependsOnData ? ", depends on data" : "")});
  }
  table.print(outs(), terminalColumns());
}

/// What bounds a kernel on the GPU, and what it is warned of.
std::vector<std::string> limitsOf(const GpuTime &time) {
  std::vector<std::string> limits{gpuLimitName(time.limit)};
  append_range(limits, time.warnings);
  return limits;
}

void printGpu(const EstimateReport &report, const RowOrder &order) {
  const GpuTiming &timing = report.gpu->timing;
  double total = 0;
  size_t running = 0;
  for (const KernelEstimate &kernel : report.kernels)
    if (kernel.onGpu) {
      total += kernel.onGpu->us;
      ++running;
    }
  outs() << "\n"
         << report.plan.name << " on " << report.gpu->name << ": " << running << " of " << report.kernels.size()
         << " kernels; " << timing.cores << " cores at " << timing.mhz << " MHz, "
         << format("%g GB/s from memory; assumed, and no figure was measured on a device\n", timing.ramGBs)
         << format("  time    %.3f ms\n\n", total * 1e-3);
  Table table({{"#", true},
               {"kernel", false, true},
               {"time", true},
               {"grid", true, false, 2},
               {"regs", true, false, 3},
               {"resident", true, false, 4},
               {"FMA", true, false, 1},
               {"CVT", true, false, 5},
               {"SFU", true, false, 5},
               {"load/store", true, false, 1},
               {"lines", true, false, 3},
               {"limit"}});
  auto timeOn = [&](size_t row) { return report.kernels[row].onGpu ? report.kernels[row].onGpu->us : 0; };
  for (size_t number : order.choose(report.kernels.size(), [&](size_t row, size_t key) {
         return key == 0 ? timeOn(row) : double(linesOf(report.plan.kernels[row]));
       })) {
    const KernelPlan &plan = report.plan.kernels[number];
    if (const auto &time = report.kernels[number].onGpu)
      table.add({std::to_string(number), plan.name, timeText(time->us),
                 formatv("{0}x{1}", plan.dispatch->groups, plan.dispatch->blockThreads),
                 registerClassName(time->registers), std::to_string(time->residentThreads),
                 numberText(time->fmaCycles, "%.0f"), numberText(time->convertCycles, "%.0f"),
                 numberText(time->specialCycles, "%.0f"), numberText(time->loadStoreCycles, "%.0f"),
                 std::to_string(linesOf(plan)), join(limitsOf(*time), ", ")});
    else
      table.add({std::to_string(number), plan.name, "-", "", "", "", "", "", "", "", "",
                 plan.isLeftOut ? "left out: no kernel on the GPU reads it" : plan.placed});
  }
  table.print(outs(), terminalColumns());
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
  if (plan.isLeftOut)
    object["left_out"] = true;
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
    if (kernel.dispatch && !kernel.isLeftOut)
      estimate.onGpu = timeOf(*kernel.dispatch, kernel.bytesTouched(), *options.gpu);
  }
  return report;
}

void printEstimate(const EstimateReport &report, const RowOrder &order) {
  printCpu(report, order);
  if (report.gpu)
    printGpu(report, order);
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
