// See GpuTime.h.
#include "codegen/mali/GpuTime.h"
#include "llvm/Support/ErrorHandling.h"
#include "llvm/Support/MathExtras.h"
#include <algorithm>
#include <iterator>

using namespace nncc;

/// Values up to which compilers take half of the registers, and all of them. In the middle of what no kernel showed.
static constexpr double kMostHalf = 44, kMostFull = 90;
/// What kernels of each class were seen to have: between them compilers may decide either way.
static constexpr double kMostHalfSeen = 34.5, kLeastFullSeen = 53, kMostFullSeen = 84, kLeastSpillSeen = 95;
/// What a dispatch takes that does nothing: not measured on a Mali, drivers are said to need 5 to 20 us.
static constexpr double kLaunchUs = 10;
/// What a special function takes of its pipe, which is a quarter of a warp wide.
static constexpr double kSpecialCycles = 4;

RegisterClass nncc::registerClass(double registers) {
  return registers <= kMostHalf   ? RegisterClass::Half
         : registers <= kMostFull ? RegisterClass::Full
                                  : RegisterClass::Spill;
}

const char *nncc::registerClassName(RegisterClass which) {
  static constexpr const char *names[] = {"32", "64", "spill"};
  return names[static_cast<int>(which)];
}

const char *nncc::gpuLimitName(GpuLimit limit) {
  static constexpr const char *names[] = {"arithmetic", "load/store", "memory", "launch"};
  return names[static_cast<int>(limit)];
}

/// Cycles of a warp's instructions in one engine.
///
/// source  Arm's performance counters for its GPUs (libGPUCounters): arithmetic unit utilization
static double arithmeticCycles(GpuPipes pipes, double fma, double convert, double special) {
  double all = fma + convert + special, ofSpecial = kSpecialCycles * special;
  switch (pipes) {
  case GpuPipes::Bifrost:
    return all;
  case GpuPipes::Valhall:
    return std::max({fma, convert, ofSpecial});
  case GpuPipes::ValhallOne:
    return std::max(all, ofSpecial);
  case GpuPipes::ValhallFma2:
    return std::max(convert + special + std::max(0.0, fma - convert - special) / 2, ofSpecial);
  case GpuPipes::TwoSlots:
    return std::max({all / 2, fma / 2, convert, ofSpecial});
  }
  llvm_unreachable("no such pipes");
}

/// Engines of a core, each of which starts an instruction of a warp in a cycle.
static double enginesOf(const GpuSpec &gpu) {
  bool startsTwo = gpu.timing.pipes == GpuPipes::ValhallFma2 || gpu.timing.pipes == GpuPipes::TwoSlots;
  return std::max(1.0, double(gpu.timing.macsPerCycle) / gpu.warp / (startsTwo ? 2 : 1));
}

static bool isAtEdge(double registers) {
  return (registers > kMostHalfSeen && registers < kLeastFullSeen) ||
         (registers > kMostFullSeen && registers < kLeastSpillSeen);
}

static void addWarnings(GpuTime &time, const GpuWork &work, int64_t groups, const GpuSpec &gpu) {
  if (time.registers == RegisterClass::Spill)
    time.warnings.push_back("may spill registers");
  if (isAtEdge(work.registers))
    time.warnings.push_back("registers at the edge of a class");
  if (time.registers != RegisterClass::Half && !gpu.timing.isHalvingKnown)
    time.warnings.push_back("what registers cost in threads is not documented for this GPU");
  if (groups < gpu.timing.cores)
    time.warnings.push_back("fewer workgroups than cores");
}

GpuTime nncc::timeOf(const GpuDispatch &dispatch, uint64_t bytes, const GpuSpec &gpu) {
  const auto &[groups, blockThreads, work] = dispatch;
  GpuTime time;
  time.registers = registerClass(work.registers);
  time.residentThreads = gpu.timing.threads / (time.registers == RegisterClass::Half ? 1 : 2);
  // The core that gets the most workgroups; threads of a warp go together, and a workgroup has whole warps.
  double perCore =
      double(llvm::divideCeil(std::max<int64_t>(groups, 1), gpu.timing.cores)) / std::max<int64_t>(groups, 1);
  int64_t lanes = std::min(gpu.warp, std::max<int64_t>(blockThreads, 1));
  double warps = perCore / lanes;
  double ofEngine = warps / std::min(enginesOf(gpu), std::max(1.0, double(blockThreads) / gpu.warp * groups * perCore));
  time.fmaCycles = arithmeticCycles(gpu.timing.pipes, work.fma, 0, 0) * ofEngine;
  time.convertCycles = work.convert * ofEngine;
  time.specialCycles = kSpecialCycles * work.special * ofEngine;
  time.arithmeticCycles = arithmeticCycles(gpu.timing.pipes, work.fma, work.convert, work.special) * ofEngine;
  time.loadStoreCycles = (work.loads + work.stores) * warps;
  double us[] = {time.arithmeticCycles / gpu.timing.mhz, time.loadStoreCycles / gpu.timing.mhz,
                 bytes / (gpu.timing.ramGBs * 1e3), kLaunchUs};
  const double *longest = std::max_element(std::begin(us), std::end(us));
  time.limit = static_cast<GpuLimit>(longest - us);
  time.us = std::max({us[0], us[1], us[2]}) + kLaunchUs;
  addWarnings(time, work, groups, gpu);
  return time;
}
